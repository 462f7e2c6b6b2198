//! Daemons and jobs of the clock: the orders of their state machines (`supervisor::{daemons, cron}`) to
//! system calls, and what happens to them back. It must never decide.
#![forbid(unsafe_code)]

use crate::clock::{self, Timer};
use crate::events::{Events, Woken};
use crate::lines::Outputs;
use crate::shell::shell;
use crate::supervisor::Ended;
use crate::supervisor::cron::{CronOrder, Crons};
use crate::supervisor::daemons::{DaemonId, Daemons, Heard, Order};
use crate::supervisor::looks::{Looks, Matter};
use crate::supervisor::touched::{TouchOrder, Touched};
use crate::touch::Touch;
use crate::{log, privs, sys, touched};
use nix::unistd::Pid;
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use uswgi_conf::instance::Instance;
use uswgi_conf::tasks::Daemon;
use uswgi_proto::guard::Guard;
use uswgi_proto::program::{self, Bond};
use uswgi_proto::show::uwsgi::Cron;

/// Everything that runs beside the workers.
pub struct Tasks {
    daemons: Daemons,
    crons: Crons,
    touched: Touched,
    timer: Option<Timer>,
    outputs: Outputs,
    touch: Vec<(DaemonId, Touch)>,
    looks: Looks,
    begun: bool,
    mercy: Duration,
    /// Ends what runs here when this process is killed; there once something was started.
    guard: Option<Guard>,
    /// A daemon ended that ends the instance.
    stop_instance: bool,
}

/// The living process that a pidfile names.
fn living(pidfile: &Path) -> Option<i32> {
    let pid: i32 = std::fs::read_to_string(pidfile).ok()?.trim().parse().ok()?;
    let there = || match nix::sys::signal::kill(Pid::from_raw(pid), None) {
        Ok(()) | Err(nix::Error::EPERM) => true,
        Err(_) => false,
    };
    (pid > 1 && pid != std::process::id() as i32 && there()).then_some(pid)
}

impl Tasks {
    /// Nothing runs yet.
    pub fn new(i: &Instance, now: Instant) -> Tasks {
        let mercy = Duration::from_secs(i.tasks.mercy.into());
        let mut crons = Crons::default();
        crons.replace(&i.tasks.jobs);
        Tasks {
            daemons: Daemons::new(&i.tasks.daemons, mercy, now),
            crons,
            touched: Touched::default(),
            timer: None,
            outputs: Outputs::default(),
            touch: Vec::new(),
            looks: Looks::new(now),
            begun: false,
            mercy,
            guard: None,
            stop_instance: false,
        }
    }

    /// The first worker starts. Later calls change nothing.
    pub fn begin(&mut self, i: &Instance, events: &Events) {
        if !std::mem::replace(&mut self.begun, true) {
            let orders = self.daemons.begin(Instant::now());
            self.obey(orders, i, events);
            self.clock(i, events);
        }
    }

    /// A reload is in force.
    pub fn replace(&mut self, i: &Instance, events: &Events) {
        self.mercy = Duration::from_secs(i.tasks.mercy.into());
        self.crons.replace(&i.tasks.jobs);
        self.touch.clear();
        let orders = self.daemons.replace(&i.tasks.daemons, self.mercy, Instant::now());
        self.obey(orders, i, events);
        if self.begun {
            self.clock(i, events);
        }
    }

    /// The workers are gone. `at_once`: nobody is waited for.
    pub fn stop(&mut self, at_once: bool, i: &Instance, events: &Events) {
        // Nothing is told to a group that is gone: its number may be another's. What was a daemon's is not told again.
        self.forget_runs();
        let now = Instant::now();
        let mercy = if at_once { Duration::ZERO } else { self.mercy };
        let mut orders = self.crons.stop(mercy, now);
        orders.extend(self.crons.expire(now));
        self.obey_cron(orders, i, events);
        let mut orders = self.touched.stop(mercy, now);
        orders.extend(self.touched.expire(now));
        self.obey_touched(orders, i, events);
        let orders = if at_once { self.daemons.stop_at_once(now) } else { self.daemons.stop(now) };
        self.obey(orders, i, events);
    }

    /// Whether nothing that belongs to the instance runs any more.
    pub fn is_gone(&self) -> bool {
        self.daemons.is_gone() && self.crons.is_gone() && self.touched.is_gone()
    }

    /// Command and pid of each daemon that runs.
    pub fn daemons(&self) -> impl Iterator<Item = (String, i32)> {
        self.daemons.running().map(|(command, pid)| (command.to_string(), pid))
    }

    /// Every job, for the statistics.
    pub fn jobs(&self) -> impl Iterator<Item = Cron> {
        self.crons.jobs().map(|(job, pid)| {
            let s = job.schedule;
            Cron {
                command: job.command.clone(),
                schedule: [s.minute, s.hour, s.day, s.month, s.week],
                unique: job.unique,
                pid: pid.unwrap_or(0),
            }
        })
    }

    /// Whether a daemon has ended that ends the instance.
    pub fn take_stop(&mut self) -> bool {
        std::mem::take(&mut self.stop_instance)
    }

    /// A process was reaped that is no worker; whether it is one of these programs, or of their groups.
    pub fn reaped(&mut self, pid: i32, how: Ended, group: i32, i: &Instance, events: &Events) -> bool {
        if self.guard.as_ref().is_some_and(|g| g.pid() == pid) {
            self.renew_guard();
            return true;
        }
        let now = Instant::now();
        let others = lives(pid);
        let of_a_group = self.groups().any(|g| g == group);
        let of_cron = self.crons.ended(pid, how, others, now);
        let ours = of_a_group || !of_cron.is_empty();
        self.obey_cron(of_cron, i, events);
        let of_touched = self.touched.ended(pid, how, others);
        let ours = ours || of_touched.is_some();
        self.obey_touched(of_touched.unwrap_or_default(), i, events);
        let orders = self.daemons.hear(Heard::Ended(pid, how, others), now);
        let ours = ours || !orders.is_empty();
        self.obey(orders, i, events);
        if !others {
            self.guard.iter().for_each(|guard| guard.forget(pid));
        }
        self.look_at_groups(i, events);
        ours
    }

    /// The groups that were started with a bond, and the signal of each: what a guard is to know.
    fn bound(&self) -> impl Iterator<Item = (i32, i32)> {
        let others = self.crons.groups().chain(self.touched.groups());
        self.daemons.bound().chain(others.map(|group| (group, nix::libc::SIGTERM)))
    }

    /// The groups of everything that runs.
    fn groups(&self) -> impl Iterator<Item = i32> {
        let daemons = self.daemons.running().map(|(_, pid)| pid).chain(self.daemons.headless());
        daemons.chain(self.crons.groups()).chain(self.touched.groups())
    }

    fn headless(&self) -> impl Iterator<Item = i32> {
        self.daemons.headless().chain(self.crons.headless()).chain(self.touched.headless())
    }

    /// Whether something waits for the end of a group that nobody leads any more.
    fn waits_for_groups(&self) -> bool {
        self.daemons.headless().next().is_some() || self.crons.waits() || self.touched.waits()
    }

    /// The last one of a group is mostly our child, as nobody else is its parent any more. One that is not, or that
    /// leaves its group, is noticed by the next look.
    fn look_at_groups(&mut self, i: &Instance, events: &Events) {
        self.forget_runs();
        let gone: Vec<i32> = self.daemons.headless().filter(|&group| !lives(group)).collect();
        for group in gone {
            self.guard.iter().for_each(|guard| guard.forget(group));
            let orders = self.daemons.hear(Heard::Gone(group), Instant::now());
            self.obey(orders, i, events);
        }
    }

    /// What jobs and steps have left behind, and is gone.
    fn forget_runs(&mut self) {
        let left = self.crons.headless().chain(self.touched.headless());
        let gone: Vec<i32> = left.filter(|&group| !lives(group)).collect();
        for group in gone {
            self.guard.iter().for_each(|guard| guard.forget(group));
            self.crons.gone(group);
            self.touched.gone(group);
        }
    }

    /// A program has written something.
    pub fn written(&mut self, token: u64, events: &Events) {
        if let Some(ended) = self.outputs.read(token) {
            events.forget(ended.as_fd());
        }
    }

    /// What is left of what the programs wrote.
    pub fn drain(&mut self) {
        self.outputs.drain();
    }

    /// When [`Tasks::tick`] is wanted; the clock has a timer of its own.
    pub fn deadline(&self) -> Option<Instant> {
        let matter = if self.daemons.watched().next().is_some() || self.waits_for_groups() {
            Matter::Awaited
        } else if self.headless().next().is_some() {
            Matter::Groups
        } else {
            Matter::Nothing
        };
        let look = self.looks.deadline(matter);
        [self.daemons.next_deadline(), self.crons.next_deadline(), self.touched.next_deadline(), look]
            .into_iter()
            .flatten()
            .min()
    }

    /// Time has passed.
    pub fn tick(&mut self, i: &Instance, events: &Events) {
        let now = Instant::now();
        // First: an order about a group must not come after the news that it is gone.
        let look = self.looks.take(now);
        if look {
            self.look_at_groups(i, events);
        }
        let mut orders = self.daemons.hear(Heard::Tick, now);
        for id in if look { self.touched() } else { Vec::new() } {
            orders.extend(self.daemons.hear(Heard::Touched(id), now));
        }
        self.obey(orders, i, events);
        let orders = self.crons.expire(now);
        self.obey_cron(orders, i, events);
        let orders = self.touched.expire(now);
        self.obey_touched(orders, i, events);
    }

    /// A file with steps was touched.
    pub fn touch(&mut self, path: &Path, i: &Instance, events: &Events) {
        let orders = self.touched.touch(path);
        self.obey_touched(orders, i, events);
    }

    /// Watch the files of the daemons that are there, from now on.
    fn watch_files(&mut self) {
        let watched: Vec<(DaemonId, Vec<std::path::PathBuf>)> =
            self.daemons.watched().map(|(id, files)| (id, files.to_vec())).collect();
        self.touch.retain(|(id, _)| watched.iter().any(|(w, _)| w == id));
        for (id, files) in watched {
            if !self.touch.iter().any(|(known, _)| *known == id) {
                self.touch.push((id, Touch::new(&files)));
            }
        }
    }

    fn touched(&mut self) -> Vec<DaemonId> {
        self.touch.iter_mut().filter_map(|(id, t)| t.changed().map(|_| *id)).collect()
    }

    /// The wall clock has come to a minute that matters, or was set.
    pub fn clock(&mut self, i: &Instance, events: &Events) {
        if i.tasks.jobs.is_empty() && self.timer.is_none() {
            return;
        }
        let minute = clock::minute();
        let orders = self.crons.clock(minute, Instant::now(), &clock::civil);
        self.obey_cron(orders, i, events);
        let made = match &self.timer {
            Some(timer) => {
                timer.clear();
                Ok(())
            }
            None => Timer::new().and_then(|timer| {
                events.watch(timer.as_fd(), Woken::Clock, false)?;
                self.timer = Some(timer);
                Ok(())
            }),
        };
        let next = self.crons.next_minute(minute, &clock::civil);
        let set = made.and_then(|()| self.timer.as_ref().map_or(Ok(()), |t| t.set(next)));
        if let Err(e) = set {
            log::line(format_args!("cron: the timer cannot be set: {e}; no command runs by the clock"));
        }
    }

    fn obey(&mut self, orders: Vec<Order>, i: &Instance, events: &Events) {
        let mut orders = VecDeque::from(orders);
        while let Some(order) = orders.pop_front() {
            let now = Instant::now();
            let answer = match order {
                Order::Start(id) => {
                    let Some(spec) = self.daemons.spec(id).cloned() else { continue };
                    match self.start(&spec, i, events) {
                        Ok(pid) => Heard::Started(id, pid),
                        Err(e) => Heard::StartFailed(id, e),
                    }
                }
                Order::Look(id) => {
                    let pidfile = self.daemons.spec(id).and_then(|s| s.pidfile.as_deref());
                    Heard::Pidfile(id, pidfile.and_then(living))
                }
                Order::Signal(pid, number) => {
                    self.signal(pid, number);
                    continue;
                }
                Order::StopInstance => {
                    self.stop_instance = true;
                    continue;
                }
                Order::Log(line) => {
                    log::line(line);
                    continue;
                }
            };
            // What follows from it comes before what was ordered later.
            let more = self.daemons.hear(answer, now);
            more.into_iter().rev().for_each(|o| orders.push_front(o));
        }
        self.watch_files();
    }

    fn start(&mut self, d: &Daemon, i: &Instance, events: &Events) -> Result<i32, String> {
        let mut command = shell(i, &d.command);
        if d.stdin {
            command.stdin(Stdio::inherit());
        }
        if let Some(dir) = &d.chdir {
            command.current_dir(dir);
        }
        if let Some(name) = &d.gid {
            command.gid(privs::group("gid", name).map_err(|e| e.to_string())?.as_raw());
        }
        if let Some(name) = &d.uid {
            command.uid(privs::user("uid", name).map_err(|e| e.to_string())?.0.as_raw());
        }
        // One that outlives the instance must not lose its standard output with it.
        let smart = d.pidfile.is_some();
        let pid = self.spawn(&mut command, (!smart).then_some(d.stop_signal), events)?;
        if let Some(pidfile) = d.pidfile.as_ref().filter(|_| d.daemonize)
            && let Err(e) = std::fs::write(pidfile, format!("{pid}\n"))
        {
            log::line(format_args!("cannot write pidfile {}: {e}", pidfile.display()));
        }
        Ok(pid)
    }

    /// `ours`: by which signal it ends with the instance; None: it outlives it.
    fn spawn(&mut self, command: &mut Command, ours: Option<i32>, events: &Events) -> Result<i32, String> {
        let mut bond = None;
        if let Some(signal) = ours {
            self.start_guard()?;
            let writer = self.output(events).map_err(|e| e.to_string())?;
            command.stdout(writer.try_clone().map_err(|e| e.to_string())?).stderr(writer);
            bond = self.guard.as_ref().map(|guard| Bond { guard, signal, mercy: self.mercy });
        }
        program::spawn(command, bond, true).map(|child| child.id() as i32).map_err(|e| e.to_string())
    }

    /// Nothing that is to end with the instance starts without a guard.
    fn start_guard(&mut self) -> Result<(), String> {
        if self.guard.is_none() {
            self.guard = Some(Guard::start().map_err(|e| format!("its guard cannot be started: {e}"))?);
        }
        Ok(())
    }

    /// Run the steps of a touched file; the pid of the process that does.
    fn run_touched(&mut self, path: &Path, i: &Instance, events: &Events) -> Result<i32, String> {
        self.start_guard()?;
        let output = self.output(events).map_err(|e| e.to_string())?;
        let guard = self.guard.as_ref().ok_or("it has no guard")?;
        let bond = Bond { guard, signal: nix::libc::SIGTERM, mercy: self.mercy };
        touched::run(path, i, &output, bond)
    }

    /// Somebody has killed the guard: another one watches over what runs.
    fn renew_guard(&mut self) {
        self.guard.iter_mut().for_each(Guard::reaped);
        self.guard = None;
        let told = Guard::start().and_then(|guard| {
            self.bound().try_for_each(|(group, signal)| guard.add(group, signal, self.mercy))?;
            self.outputs.fds().try_for_each(|fd| guard.read_later(fd))?;
            Ok(guard)
        });
        match told {
            Ok(guard) => {
                log::line(format_args!(
                    "the guard of daemons and jobs was killed; pid {} is it now",
                    guard.pid()
                ));
                self.guard = Some(guard);
            }
            Err(e) => log::line(format_args!(
                "the guard of daemons and jobs was killed, and there is no other ({e}): they may outlive a master that is killed"
            )),
        }
    }

    /// A pipe whose other end is read from now on.
    fn output(&mut self, events: &Events) -> nix::Result<OwnedFd> {
        let (token, writer) = self.outputs.pipe()?;
        if let Some(fd) = self.outputs.fd(token) {
            events.watch(fd, Woken::Output(token), false)?;
            // Without it a program that writes after our end is killed, no more.
            self.guard.iter().for_each(|guard| drop(guard.read_later(fd)));
        }
        Ok(writer)
    }

    /// To the group of a process; one that leads none gets it alone, unless it was reaped.
    fn signal(&self, pid: i32, number: i32) {
        // By number: real-time signals have no name in nix.
        if sys::kill(-pid, number).is_err() && !self.headless().any(|group| group == pid) {
            let _ = sys::kill(pid, number);
        }
    }

    fn obey_touched(&mut self, orders: Vec<TouchOrder>, i: &Instance, events: &Events) {
        for order in orders {
            match order {
                TouchOrder::Start(path) => match self.run_touched(&path, i, events) {
                    Ok(pid) => self.touched.started(&path, pid),
                    Err(e) => {
                        let orders = self.touched.failed(&path, &e);
                        self.obey_touched(orders, i, events);
                    }
                },
                TouchOrder::Signal(pid, number) => self.signal(pid, number),
                TouchOrder::Log(line) => log::line(line),
            }
        }
    }

    fn obey_cron(&mut self, orders: Vec<CronOrder>, i: &Instance, events: &Events) {
        let mut orders = VecDeque::from(orders);
        while let Some(order) = orders.pop_front() {
            match order {
                CronOrder::Start(id, command) => {
                    let answer = match self.spawn(&mut shell(i, &command), Some(nix::libc::SIGTERM), events) {
                        Ok(pid) => self.crons.started(id, pid),
                        Err(e) => self.crons.failed(id, &e),
                    };
                    answer.into_iter().rev().for_each(|o| orders.push_front(o));
                }
                CronOrder::Signal(pid, number) => self.signal(pid, number),
                CronOrder::Log(line) => log::line(line),
            }
        }
    }
}

/// Whether anybody is in the group that a process leads or has led. Its number is nobody else's as long as it is so.
fn lives(group: i32) -> bool {
    match sys::kill(-group, 0) {
        Ok(()) => true,
        // Somebody is there, of another user.
        Err(e) => e.raw_os_error() == Some(nix::libc::EPERM),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::tests::instance;

    /// Steps whose process has ended; they have left others behind, who have gone away since.
    fn left(tasks: &mut Tasks) {
        let mut child = Command::new("/bin/true").process_group(0).spawn().unwrap();
        let (path, pid) = (Path::new("/a"), child.id() as i32);
        child.wait().unwrap();
        tasks.touched.touch(path);
        tasks.touched.started(path, pid);
        tasks.touched.ended(pid, Ended::Code(0), true);
        assert!(tasks.headless().eq([pid]) && !tasks.is_gone());
    }

    #[test]
    fn a_stop_tells_nothing_to_a_group_that_is_gone() {
        let (i, events) = (instance(), Events::new().unwrap());
        let mut tasks = Tasks::new(&i, Instant::now());
        left(&mut tasks);
        tasks.stop(false, &i, &events);
        assert!(tasks.is_gone());
    }

    #[test]
    fn a_group_that_nobody_waits_for_is_looked_at_too() {
        let (i, events) = (instance(), Events::new().unwrap());
        // The last look is long ago.
        let before = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
        let mut tasks = Tasks::new(&i, before);
        assert_eq!(tasks.deadline(), None);
        left(&mut tasks);
        assert!(tasks.deadline().is_some_and(|at| at <= Instant::now()));
        tasks.tick(&i, &events);
        assert!(tasks.is_gone());
        assert_eq!(tasks.deadline(), None);
    }
}
