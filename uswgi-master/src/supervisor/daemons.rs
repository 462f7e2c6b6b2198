//! Daemons beside the instance: when each starts, starts again, is told to end, and is killed.
//!
//! Like the rest of the supervisor it is pure: it hears what happened and answers with orders. It must
//! never start a program in a loop, and never give an order about a pid that was reaped.
//!
//! The rules, as uWSGI 2.0.31 keeps them unless a line says otherwise:
//! * They start with the first worker, and leave after the last one (uWSGI stops them first).
//! * One that ends is started again. One that lives for 3 s or less waits: 1 s, then one more each time,
//!   up to 300 s or its `max_throttle`.
//! * A plain daemon belongs to the generation: a reload that is in force stops it and starts the new
//!   configuration's. A reload that fails leaves it alone (uWSGI's ends the instance).
//! * A *smart* daemon is known by its pidfile. A living one is adopted, not started; it outlives reloads
//!   and the instance. Its pidfile is looked at each second.
//! * To stop is its signal to its group, again each second, and SIGKILL after the mercy.
//! * Whoever leads a group may end before the others in it (a shell that does not exec what it runs). They keep what is
//!   left of the mercy, and nothing takes their place before they are gone. Where the leader ended by itself, the others
//!   are told to end too. (uWSGI does not wait for them.)

use super::Ended;
use super::leaving::Leaving;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use uswgi_conf::tasks::Daemon;

/// Who lives this long has not died at once.
const LIVED: Duration = Duration::from_secs(3);
/// Longest pause where the configuration names none.
const MOST: u32 = 300;
/// How often pidfiles are looked at and signals are sent again.
const SECOND: Duration = Duration::from_secs(1);

/// Name of a daemon for its whole life.
pub type DaemonId = u64;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Answer to [`Order::Start`].
    Started(DaemonId, i32),
    /// Answer to [`Order::Start`].
    StartFailed(DaemonId, String),
    /// A process was reaped that may be one of them, or its launcher; whether others of its group live.
    Ended(i32, Ended, bool),
    /// Nobody of the group that this process led is there any more.
    Gone(i32),
    /// Answer to [`Order::Look`]: the living process that the pidfile names.
    Pidfile(DaemonId, Option<i32>),
    /// One of its files was touched.
    Touched(DaemonId),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Start it, and answer.
    Start(DaemonId),
    /// Signal to the group of this process; somebody in it has not been reaped.
    Signal(i32, i32),
    /// Read its pidfile, and answer.
    Look(DaemonId),
    /// A daemon whose end ends the instance has ended.
    StopInstance,
    /// A line for the log.
    Log(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// To be started then.
    Waiting(Instant),
    /// Asked for.
    Starting,
    /// Runs: pid.
    Running(i32),
    /// Smart.
    Smart {
        /// The process that was started, while it runs: the daemon itself or its launcher.
        launcher: Option<i32>,
        /// The process that the pidfile names.
        pid: Option<i32>,
        /// Its end was seen: it has no more time to write its pidfile.
        died: bool,
        /// When to look again.
        look_at: Instant,
    },
    /// Told to end.
    Leaving(Leaving),
}

#[derive(Debug, Clone)]
struct Entry {
    spec: Daemon,
    state: State,
    /// When it was started last.
    started: Option<Instant>,
    /// Starts in a row that did not live.
    quick: u32,
    /// Its file was touched: its end is no death.
    touched: bool,
    /// A signal for a smart daemon, as soon as its pidfile says who it is now.
    to_tell: Option<i32>,
}

/// All daemons of an instance.
#[derive(Debug)]
pub struct Daemons {
    all: BTreeMap<DaemonId, Entry>,
    /// Of a newer configuration: they start when the leaving ones are gone.
    next: Vec<Daemon>,
    mercy: Duration,
    begun: bool,
    stopping: bool,
    last: DaemonId,
    now: Instant,
    out: Vec<Order>,
}

impl Daemons {
    /// Daemons that nobody has asked for yet.
    pub fn new(specs: &[Daemon], mercy: Duration, now: Instant) -> Daemons {
        Daemons {
            all: BTreeMap::new(),
            next: specs.to_vec(),
            mercy,
            begun: false,
            stopping: false,
            last: 0,
            now,
            out: Vec::new(),
        }
    }

    /// The first worker starts: they do too. Later calls change nothing.
    pub fn begin(&mut self, now: Instant) -> Vec<Order> {
        self.begun = true;
        self.hear(Heard::Tick, now)
    }

    /// A new configuration is in force.
    pub fn replace(&mut self, specs: &[Daemon], mercy: Duration, now: Instant) -> Vec<Order> {
        self.now = self.now.max(now);
        if self.stopping {
            return Vec::new();
        }
        self.mercy = mercy;
        self.next = specs.to_vec();
        let ids: Vec<DaemonId> = self.all.keys().copied().collect();
        for id in ids {
            let Some(e) = self.all.get(&id) else { continue };
            if e.spec.pidfile.is_none() {
                self.leave(id, e.spec.reload_signal.unwrap_or(e.spec.stop_signal));
                continue;
            }
            if e.spec.notify {
                self.tell(id, e.spec.reload_signal.unwrap_or(nix::libc::SIGHUP));
            }
            match self.next.iter().position(|s| s.pidfile == self.all[&id].spec.pidfile) {
                // The same process; what changed counts from its next start on.
                Some(same) => {
                    let spec = self.next.remove(same);
                    if let Some(e) = self.all.get_mut(&id) {
                        e.spec = spec;
                    }
                }
                None => drop(self.all.remove(&id)),
            }
        }
        self.hear(Heard::Tick, now)
    }

    /// The workers are gone: everything but smart daemons ends.
    pub fn stop(&mut self, now: Instant) -> Vec<Order> {
        self.now = self.now.max(now);
        self.next.clear();
        if !std::mem::replace(&mut self.stopping, true) {
            let ids: Vec<DaemonId> = self.all.keys().copied().collect();
            for id in ids {
                let Some(e) = self.all.get(&id) else { continue };
                let signal = e.spec.stop_signal;
                if e.spec.pidfile.is_some() {
                    if e.spec.notify && e.pid().is_some() {
                        self.tell(id, signal);
                    } else {
                        self.all.remove(&id);
                    }
                } else {
                    self.leave(id, signal);
                }
            }
        }
        self.hear(Heard::Tick, now)
    }

    /// Nobody is waited for any more.
    pub fn stop_at_once(&mut self, now: Instant) -> Vec<Order> {
        let mut out = self.stop(now);
        for e in self.all.values_mut() {
            if let State::Leaving(l) = &mut e.state {
                l.kill_at = l.kill_at.min(self.now);
            }
        }
        out.extend(self.hear(Heard::Tick, now));
        out
    }

    /// Whether everything that had to end has ended.
    pub fn is_gone(&self) -> bool {
        self.all.is_empty()
    }

    /// What to start.
    pub fn spec(&self, id: DaemonId) -> Option<&Daemon> {
        self.all.get(&id).map(|e| &e.spec)
    }

    /// Those with files to watch.
    pub fn watched(&self) -> impl Iterator<Item = (DaemonId, &[std::path::PathBuf])> {
        self.all.iter().filter(|(_, e)| !e.spec.touch.is_empty()).map(|(&id, e)| (id, &e.spec.touch[..]))
    }

    /// Command and pid of each that runs.
    pub fn running(&self) -> impl Iterator<Item = (&str, i32)> {
        self.all.values().filter_map(|e| Some((e.spec.command.as_str(), e.pid()?)))
    }

    /// Groups that end with the instance, and by which signal each: all but smart daemons, whose pid comes from a file
    /// and who outlive it.
    pub fn bound(&self) -> impl Iterator<Item = (i32, i32)> {
        self.all.values().filter_map(|e| match e.state {
            State::Running(pid) | State::Leaving(Leaving { pid, .. }) => Some((pid, e.spec.stop_signal)),
            State::Waiting(_) | State::Starting | State::Smart { .. } => None,
        })
    }

    /// Groups whose leader has ended: [`Heard::Gone`] is wanted for each.
    pub fn headless(&self) -> impl Iterator<Item = i32> {
        self.all.values().filter_map(|e| match e.state {
            State::Leaving(Leaving { pid, headless: true, .. }) => Some(pid),
            _ => None,
        })
    }

    /// Take what happened; the orders are to be carried out in this order.
    pub fn hear(&mut self, heard: Heard, now: Instant) -> Vec<Order> {
        self.now = self.now.max(now);
        match heard {
            Heard::Started(id, pid) => self.started(id, pid),
            Heard::StartFailed(id, why) => {
                if let Some(e) = self.all.get(&id) {
                    let line = format!("daemon {:?} cannot be started: {why}", e.spec.command);
                    self.out.push(Order::Log(line));
                }
                self.again(id);
            }
            Heard::Ended(pid, how, others) => self.ended(pid, how, others),
            Heard::Gone(pid) => {
                let of = |e: &Entry| matches!(&e.state, State::Leaving(l) if l.headless && l.pid == pid);
                if let Some((&id, _)) = self.all.iter().find(|(_, e)| of(e)) {
                    self.gone(id);
                }
            }
            Heard::Pidfile(id, pid) => self.seen(id, pid),
            Heard::Touched(id) => self.touched(id),
            Heard::Tick => {}
        }
        self.due();
        std::mem::take(&mut self.out)
    }

    /// When [`Heard::Tick`] is wanted; None: not before something else happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadline = |e: &Entry| match &e.state {
            State::Waiting(at) | State::Smart { look_at: at, .. } => Some(*at),
            State::Leaving(l) => l.deadline(),
            State::Starting | State::Running(_) => None,
        };
        self.all.values().filter_map(deadline).filter(|&at| at > self.now).min()
    }

    fn due(&mut self) {
        self.give_up();
        let leaving = self.all.values().any(|e| matches!(e.state, State::Leaving(_)));
        if self.begun && !self.stopping && !leaving {
            for spec in std::mem::take(&mut self.next) {
                self.last += 1;
                let now = self.now;
                let state = match spec.pidfile {
                    Some(_) => State::Smart { launcher: None, pid: None, died: false, look_at: now },
                    None => State::Waiting(now),
                };
                let entry = Entry { spec, state, started: None, quick: 0, touched: false, to_tell: None };
                self.all.insert(self.last, entry);
            }
        }
        let now = self.now;
        for (&id, e) in &mut self.all {
            match &mut e.state {
                State::Waiting(at) if *at <= now => {
                    e.started = Some(now);
                    e.state = State::Starting;
                    self.out.push(Order::Start(id));
                }
                State::Smart { look_at, .. } if *look_at <= now => {
                    *look_at = now + SECOND;
                    self.out.push(Order::Look(id));
                }
                State::Leaving(l) if !l.killed && l.kill_at <= now => {
                    (l.killed, l.kill_at) = (true, now);
                    let who = if l.headless { "the rest of the group of daemon" } else { "daemon" };
                    let line = format!("{who} {:?} (pid {}) did not end: killed", e.spec.command, l.pid);
                    self.out.push(Order::Log(line));
                    self.out.push(Order::Signal(l.pid, nix::libc::SIGKILL));
                }
                // The others were told together with it, or when it had ended.
                State::Leaving(l) if !l.killed && !l.headless && l.again_at <= now => {
                    l.again_at = now + SECOND;
                    self.out.push(Order::Signal(l.pid, l.signal));
                }
                _ => {}
            }
        }
    }

    /// Groups that SIGKILL did not end.
    fn give_up(&mut self) {
        let late = |e: &Entry| matches!(&e.state, State::Leaving(l) if l.is_given_up(self.now));
        let late: Vec<DaemonId> = self.all.iter().filter(|(_, e)| late(e)).map(|(&id, _)| id).collect();
        for id in late {
            let line =
                format!("what daemon {:?} started cannot be killed; it is left", self.all[&id].spec.command);
            self.out.push(Order::Log(line));
            self.gone(id);
        }
    }

    fn started(&mut self, id: DaemonId, pid: i32) {
        let now = self.now;
        let Some(e) = self.all.get_mut(&id) else { return };
        self.out.push(Order::Log(format!("daemon {:?} started (pid {pid})", e.spec.command)));
        e.state = match e.spec.pidfile {
            None => State::Running(pid),
            Some(_) => {
                let own = e.spec.daemonize.then_some(pid);
                State::Smart { launcher: Some(pid), pid: own, died: false, look_at: now + SECOND }
            }
        };
    }

    fn ended(&mut self, pid: i32, how: Ended, others: bool) {
        let now = self.now;
        let of = |e: &Entry| match e.state {
            State::Running(p) | State::Leaving(Leaving { pid: p, headless: false, .. }) => p == pid,
            State::Smart { launcher, pid: daemon, .. } => launcher == Some(pid) || daemon == Some(pid),
            _ => false,
        };
        let Some((&id, e)) = self.all.iter_mut().find(|(_, e)| of(e)) else { return };
        let line = format!("daemon {:?} (pid {pid}) {how}", e.spec.command);
        match &mut e.state {
            State::Leaving(l) if others => l.lose_head(now),
            State::Leaving(_) => self.gone(id),
            State::Smart { launcher, pid: daemon, died, look_at } => {
                if *launcher == Some(pid) {
                    *launcher = None;
                    if how != Ended::Code(0) && *daemon != Some(pid) {
                        self.out.push(Order::Log(line.clone()));
                    }
                }
                if *daemon == Some(pid) {
                    *daemon = None;
                    *died = true;
                    *look_at = now;
                    self.out.push(Order::Log(line));
                    self.controls(id);
                }
            }
            _ if others => {
                self.out.push(Order::Log(format!("{line}; the rest of its group is to end too")));
                let signal = e.spec.stop_signal;
                // A file that was touched has told them already.
                self.out.extend((!e.touched).then_some(Order::Signal(pid, signal)));
                e.state = State::Leaving(Leaving::rest(pid, signal, self.mercy, now));
                self.controls(id);
            }
            _ => {
                self.out.push(Order::Log(line));
                self.controls(id);
                self.again(id);
            }
        }
    }

    /// Nobody of one that was leaving is left.
    fn gone(&mut self, id: DaemonId) {
        match self.all.get(&id).map(|e| &e.state) {
            Some(State::Leaving(Leaving { back: true, .. })) => self.again(id),
            _ => drop(self.all.remove(&id)),
        }
    }

    fn controls(&mut self, id: DaemonId) {
        if self.all.get(&id).is_some_and(|e| e.spec.control) {
            self.out.push(Order::Log("its end ends the instance".into()));
            self.out.push(Order::StopInstance);
        }
    }

    /// To be started again, after a pause if it did not live.
    fn again(&mut self, id: DaemonId) {
        let now = self.now;
        let Some(e) = self.all.get_mut(&id) else { return };
        let lived = e.started.is_none_or(|s| now.saturating_duration_since(s) > LIVED);
        let wanted = std::mem::take(&mut e.touched);
        e.quick = if lived || wanted { 0 } else { e.quick.saturating_add(1) };
        let most = if e.spec.max_throttle == 0 { MOST } else { e.spec.max_throttle };
        let pause = e.quick.min(most);
        if pause > 0 {
            let line = format!("daemon {:?} is started again in {pause} s", e.spec.command);
            self.out.push(Order::Log(line));
        }
        e.state = State::Waiting(now + Duration::from_secs(pause.into()));
    }

    /// What the pidfile of a smart daemon says.
    fn seen(&mut self, id: DaemonId, found: Option<i32>) {
        let now = self.now;
        let Some(e) = self.all.get_mut(&id) else { return };
        let State::Smart { launcher, pid, died, .. } = &mut e.state else { return };
        let command = &e.spec.command;
        if found.is_some() {
            if *pid != found
                && let Some(new) = found
            {
                let line = match pid {
                    None if e.started.is_none() => format!("daemon {command:?} runs already (pid {new})"),
                    None => format!("daemon {command:?} is pid {new}"),
                    Some(old) => format!("daemon {command:?} is pid {new} now, no more {old}"),
                };
                self.out.push(Order::Log(line));
            }
            (*pid, *died) = (found, false);
            let tell = e.to_tell.take().zip(found);
            self.out.extend(tell.map(|(signal, pid)| Order::Signal(pid, signal)));
            if self.stopping {
                self.all.remove(&id);
            }
            return;
        }
        if self.stopping {
            self.all.remove(&id);
            return;
        }
        let patience = Duration::from_secs(e.spec.freq.into());
        let young = !*died && e.started.is_some_and(|s| now.saturating_duration_since(s) < patience);
        let lost = pid.take();
        match (*launcher, lost) {
            // It was there and is gone without our hearing of it, or was never there.
            (_, None) if young => {}
            (Some(launched), None) => {
                let line = format!(
                    "daemon {command:?} (pid {launched}) has written no pidfile that names a process; it is left running"
                );
                e.started = Some(now);
                self.out.push(Order::Log(line));
            }
            (Some(launched), Some(_)) if e.spec.daemonize => *pid = Some(launched),
            _ => self.again(id),
        }
    }

    fn touched(&mut self, id: DaemonId) {
        let Some(e) = self.all.get_mut(&id) else { return };
        let (Some(pid), false) = (e.pid(), matches!(e.state, State::Leaving(_))) else { return };
        e.touched = true;
        let line = format!("daemon {:?} (pid {pid}) is restarted: its file was touched", e.spec.command);
        self.out.push(Order::Log(line));
        let signal = e.spec.stop_signal;
        match e.state {
            State::Smart { .. } => self.tell(id, signal),
            _ => self.out.push(Order::Signal(pid, signal)),
        }
    }

    /// A smart daemon is often nobody's child: its pid may be another's by now. Its pidfile first.
    fn tell(&mut self, id: DaemonId, signal: i32) {
        if let Some(e) = self.all.get_mut(&id)
            && let State::Smart { look_at, .. } = &mut e.state
        {
            e.to_tell = Some(signal);
            *look_at = self.now;
        }
    }

    fn leave(&mut self, id: DaemonId, signal: i32) {
        let now = self.now;
        let Some(e) = self.all.get_mut(&id) else { return };
        match &mut e.state {
            State::Running(pid) => {
                let pid = *pid;
                let line = format!("daemon {:?} (pid {pid}) is told to end", e.spec.command);
                self.out.push(Order::Log(line));
                e.state = State::Leaving(Leaving::told(pid, signal, self.mercy, now));
            }
            State::Leaving(l) => l.back = false,
            _ => drop(self.all.remove(&id)),
        }
    }
}

impl Entry {
    fn pid(&self) -> Option<i32> {
        match self.state {
            State::Running(pid) | State::Leaving(Leaving { pid, headless: false, .. }) => Some(pid),
            State::Smart { pid, .. } => pid,
            State::Waiting(_) | State::Starting | State::Leaving(_) => None,
        }
    }
}
