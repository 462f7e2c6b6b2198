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

use super::daemon::{DaemonEntry, DaemonState};
use super::order::{DaemonId, ProgramOrder};
use super::smart::{Missing, Was};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use uswgi_conf::tasks::Daemon;
use uswgi_keep::group::Group;
use uswgi_keep::reap::Ended;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Answer to [`ProgramOrder::Start`].
    Started(DaemonId, i32),
    /// Answer to [`ProgramOrder::Start`].
    StartFailed(DaemonId, String),
    /// A process was reaped that may be one of them, or its launcher; whether others of its group live.
    Ended(i32, Ended, bool),
    /// Nobody of the group that this process led is there any more.
    Gone(i32),
    /// Answer to [`ProgramOrder::Look`]: the living process that the pidfile names.
    Pidfile(DaemonId, Option<i32>),
    /// One of its files was touched.
    Touched(DaemonId),
    /// Time has passed.
    Tick,
}

/// All daemons of an instance.
#[derive(Debug)]
pub struct Daemons {
    all: BTreeMap<DaemonId, DaemonEntry>,
    /// Of a newer configuration: they start when the leaving ones are gone.
    next: Vec<Daemon>,
    mercy: Duration,
    begun: bool,
    stopping: bool,
    last: DaemonId,
    now: Instant,
    out: Vec<ProgramOrder>,
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
    pub fn begin(&mut self, now: Instant) -> Vec<ProgramOrder> {
        self.begun = true;
        self.hear(Heard::Tick, now)
    }

    /// A new configuration is in force.
    pub fn replace(&mut self, specs: &[Daemon], mercy: Duration, now: Instant) -> Vec<ProgramOrder> {
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
    pub fn stop(&mut self, now: Instant) -> Vec<ProgramOrder> {
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
    pub fn stop_at_once(&mut self, now: Instant) -> Vec<ProgramOrder> {
        let mut out = self.stop(now);
        for e in self.all.values_mut() {
            if let DaemonState::Leaving { group, .. } = &mut e.state {
                group.kill_by(self.now);
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

    /// Groups of all but smart daemons, whose pid comes from a file and who outlive the instance.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.all.values().filter_map(DaemonEntry::group)
    }

    /// Groups that end with the instance, and by which signal each.
    pub fn bound(&self) -> impl Iterator<Item = (i32, i32)> {
        self.all.values().filter_map(|e| Some((e.group()?.number()?, e.spec.stop_signal)))
    }

    /// Take what happened; the orders are to be carried out in this order.
    pub fn hear(&mut self, heard: Heard, now: Instant) -> Vec<ProgramOrder> {
        self.now = self.now.max(now);
        match heard {
            Heard::Started(id, pid) => self.started(id, pid),
            Heard::StartFailed(id, why) => {
                if let Some(e) = self.all.get(&id) {
                    let line = format!("daemon {:?} cannot be started: {why}", e.spec.command);
                    self.out.push(ProgramOrder::Log(line));
                }
                self.again(id);
            }
            Heard::Ended(pid, how, others) => self.ended(pid, how, others),
            Heard::Gone(pid) => {
                let of = |e: &DaemonEntry| e.group().is_some_and(|g| g.headless() == Some(pid));
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
        self.all.values().filter_map(DaemonEntry::deadline).filter(|&at| at > self.now).min()
    }

    fn due(&mut self) {
        self.give_up();
        let leaving = self.all.values().any(|e| matches!(e.state, DaemonState::Leaving { .. }));
        if self.begun && !self.stopping && !leaving {
            for spec in std::mem::take(&mut self.next) {
                self.last += 1;
                self.all.insert(self.last, DaemonEntry::new(spec, self.now));
            }
        }
        self.all.iter_mut().for_each(|(&id, e)| e.due(id, self.now, &mut self.out));
    }

    /// Groups that SIGKILL did not end.
    fn give_up(&mut self) {
        let late = |e: &DaemonEntry| e.group().is_some_and(|g| g.is_given_up(self.now));
        let late: Vec<DaemonId> = self.all.iter().filter(|(_, e)| late(e)).map(|(&id, _)| id).collect();
        for id in late {
            let line =
                format!("what daemon {:?} started cannot be killed; it is left", self.all[&id].spec.command);
            self.out.push(ProgramOrder::Log(line));
            self.gone(id);
        }
    }

    fn started(&mut self, id: DaemonId, pid: i32) {
        let now = self.now;
        let Some(e) = self.all.get_mut(&id) else { return };
        self.out.push(ProgramOrder::Log(format!("daemon {:?} started (pid {pid})", e.spec.command)));
        e.started(pid, now);
    }

    fn ended(&mut self, pid: i32, how: Ended, others: bool) {
        let now = self.now;
        let line = |e: &DaemonEntry| format!("daemon {:?} (pid {pid}) {how}", e.spec.command);
        let smart = self.all.iter_mut().find_map(|(&id, e)| match &mut e.state {
            DaemonState::Smart(smart) => Some((id, smart.ended(pid, now)?, line(e))),
            _ => None,
        });
        if let Some((id, was, line)) = smart {
            if was == Was::Daemon || !how.succeeded() {
                self.out.push(ProgramOrder::Log(line));
            }
            if was == Was::Daemon {
                self.controls(id);
            }
            return;
        }
        let of = |e: &DaemonEntry| e.group().is_some_and(|g| g.leader() == Some(pid));
        let Some((&id, e)) = self.all.iter_mut().find(|(_, e)| of(e)) else { return };
        let line = line(e);
        match &mut e.state {
            DaemonState::Leaving { group, .. } if others => group.lose_leader(now),
            DaemonState::Leaving { .. } => self.gone(id),
            DaemonState::Running(group) if others => {
                self.out.push(ProgramOrder::Log(format!("{line}; the rest of its group is to end too")));
                // A file that was touched has told them already.
                self.out.extend((!e.touched).then_some(ProgramOrder::Signal(pid, e.spec.stop_signal)));
                group.lose_leader(now);
                group.kill_by(now + self.mercy);
                e.state = DaemonState::Leaving { group: group.clone(), back: true };
                self.controls(id);
            }
            _ => {
                self.out.push(ProgramOrder::Log(line));
                self.controls(id);
                self.again(id);
            }
        }
    }

    /// Nobody of one that was leaving is left.
    fn gone(&mut self, id: DaemonId) {
        match self.all.get(&id).map(|e| &e.state) {
            Some(DaemonState::Leaving { back: true, .. }) => self.again(id),
            _ => drop(self.all.remove(&id)),
        }
    }

    fn controls(&mut self, id: DaemonId) {
        if self.all.get(&id).is_some_and(|e| e.spec.control) {
            self.out.push(ProgramOrder::Log("its end ends the instance".into()));
            self.out.push(ProgramOrder::StopInstance);
        }
    }

    /// To be started again, after a pause if it did not live.
    fn again(&mut self, id: DaemonId) {
        let now = self.now;
        let Some(e) = self.all.get_mut(&id) else { return };
        let pause = e.again(now);
        if pause > 0 {
            let line = format!("daemon {:?} is started again in {pause} s", e.spec.command);
            self.out.push(ProgramOrder::Log(line));
        }
    }

    /// What the pidfile of a smart daemon says.
    fn seen(&mut self, id: DaemonId, found: Option<i32>) {
        let now = self.now;
        let Some(e) = self.all.get_mut(&id) else { return };
        let DaemonState::Smart(smart) = &mut e.state else { return };
        let command = &e.spec.command;
        if let Some(pid) = found {
            let news = smart.found(pid, e.started.is_none());
            self.out.extend(news.map(|news| ProgramOrder::Log(format!("daemon {command:?} {news}"))));
            self.out.extend(e.to_tell.take().map(|signal| ProgramOrder::Signal(pid, signal)));
        }
        if self.stopping {
            return drop(self.all.remove(&id));
        }
        if found.is_some() {
            return;
        }
        let patience = Duration::from_secs(e.spec.freq.into());
        let young = e.started.is_some_and(|s| now.saturating_duration_since(s) < patience);
        match smart.missing(young, e.spec.daemonize) {
            Missing::Nothing => {}
            Missing::Silent(launched) => {
                let line = format!(
                    "daemon {command:?} (pid {launched}) has written no pidfile that names a process; it is left running"
                );
                e.started = Some(now);
                self.out.push(ProgramOrder::Log(line));
            }
            Missing::Gone => self.again(id),
        }
    }

    fn touched(&mut self, id: DaemonId) {
        let Some(e) = self.all.get_mut(&id) else { return };
        let (Some(pid), false) = (e.pid(), matches!(e.state, DaemonState::Leaving { .. })) else { return };
        e.touched = true;
        let line = format!("daemon {:?} (pid {pid}) is restarted: its file was touched", e.spec.command);
        self.out.push(ProgramOrder::Log(line));
        let signal = e.spec.stop_signal;
        match e.state {
            DaemonState::Smart(_) => self.tell(id, signal),
            _ => self.out.push(ProgramOrder::Signal(pid, signal)),
        }
    }

    /// A smart daemon is often nobody's child: its pid may be another's by now. Its pidfile first.
    fn tell(&mut self, id: DaemonId, signal: i32) {
        if let Some(e) = self.all.get_mut(&id)
            && let DaemonState::Smart(smart) = &mut e.state
        {
            e.to_tell = Some(signal);
            smart.look_now(self.now);
        }
    }

    fn leave(&mut self, id: DaemonId, signal: i32) {
        let now = self.now;
        let Some(e) = self.all.get_mut(&id) else { return };
        match &mut e.state {
            DaemonState::Running(group) => {
                let pid = group.number().unwrap_or(0);
                let line = format!("daemon {:?} (pid {pid}) is told to end", e.spec.command);
                self.out.push(ProgramOrder::Log(line));
                group.tell(signal, self.mercy, now);
                e.state = DaemonState::Leaving { group: group.clone(), back: false };
            }
            DaemonState::Leaving { back, .. } => *back = false,
            _ => drop(self.all.remove(&id)),
        }
    }
}
