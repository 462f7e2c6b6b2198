//! Executor of programs beside the workers: the orders of their state machine (`supervisor::programs`) to system calls, and what
//! happens to them back. It must never decide.
#![forbid(unsafe_code)]

use crate::clock::{self, Timer};
use crate::events::{Events, Woken};
use crate::shell::shell;
use crate::supervisor::order::{DaemonId, Program, ProgramOrder};
use crate::supervisor::programs::Programs;
use crate::{privs, step_child};
use nix::unistd::Pid;
use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;
use uswgi_conf::instance::Instance;
use uswgi_conf::tasks::Daemon;
use uswgi_keep::bonds::{BondError, Bonds};
use uswgi_keep::program;
use uswgi_keep::reap::Ended;
use uswgi_keep::touch::Touch;
use uswgi_keep::{log, sys};
use uswgi_proto::show::uwsgi::Cron;

/// A program beside the workers cannot be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// A reload has come between.
    #[error("it is not wanted any more")]
    Unwanted,
    /// A touched file without steps, after a reload.
    #[error("it has nothing to run any more")]
    NoSteps,
    #[error(transparent)]
    Privs(#[from] privs::PrivsError),
    #[error(transparent)]
    Bond(#[from] BondError),
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// Everything that runs beside the workers.
pub struct TaskExecutor {
    programs: Programs,
    timer: Option<Timer>,
    bonds: Bonds<Woken>,
    touch: Vec<(DaemonId, Touch)>,
    begun: bool,
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

impl TaskExecutor {
    /// Nothing runs yet.
    pub fn new(i: &Instance, now: Instant) -> TaskExecutor {
        TaskExecutor {
            programs: Programs::new(&i.tasks, now),
            timer: None,
            bonds: Bonds::new("daemons and jobs", Woken::Output),
            touch: Vec::new(),
            begun: false,
            stop_instance: false,
        }
    }

    /// The first worker starts. Later calls change nothing.
    pub fn begin(&mut self, i: &Instance, events: &Events) {
        if !std::mem::replace(&mut self.begun, true) {
            let orders = self.programs.begin(Instant::now());
            self.obey(orders, i, events);
            self.clock(i, events);
        }
    }

    /// A reload is in force.
    pub fn replace(&mut self, i: &Instance, events: &Events) {
        self.touch.clear();
        let orders = self.programs.replace(&i.tasks, Instant::now());
        self.obey(orders, i, events);
        if self.begun {
            self.clock(i, events);
        }
    }

    /// The workers are gone. `at_once`: nobody is waited for.
    pub fn stop(&mut self, at_once: bool, i: &Instance, events: &Events) {
        // Nothing is told to a group that is gone: its number may be another's. What was a daemon's is not told again.
        let runs = self.programs.headless_runs().collect();
        self.forget_gone(runs, i, events);
        let orders = self.programs.stop(at_once, Instant::now());
        self.obey(orders, i, events);
    }

    /// Whether nothing that belongs to the instance runs any more.
    pub fn is_gone(&self) -> bool {
        self.programs.is_gone()
    }

    /// Command and pid of each daemon that runs.
    pub fn daemons(&self) -> impl Iterator<Item = (String, i32)> {
        self.programs.daemons().map(|(command, pid)| (command.to_string(), pid))
    }

    /// Every job, for the statistics.
    pub fn jobs(&self) -> impl Iterator<Item = Cron> {
        self.programs.jobs().map(|(job, pid)| {
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
        if self.bonds.is_guard(pid) {
            self.bonds.renew_guard(self.programs.bound(), self.programs.mercy());
            return true;
        }
        let others = lives(pid);
        let (ours, orders) = self.programs.ended(pid, how, group, others, Instant::now());
        self.obey(orders, i, events);
        if !others {
            self.bonds.forget(pid);
        }
        self.poll_groups(i, events);
        ours
    }

    /// The last one of a group is mostly our child, as nobody else is its parent any more. One that is not, or that
    /// leaves its group, is noticed by the next poll.
    fn poll_groups(&mut self, i: &Instance, events: &Events) {
        let headless = self.programs.headless().collect();
        self.forget_gone(headless, i, events);
    }

    /// Those of these groups that nobody is in any more.
    fn forget_gone(&mut self, groups: Vec<i32>, i: &Instance, events: &Events) {
        for group in groups.into_iter().filter(|&group| !lives(group)) {
            self.bonds.forget(group);
            let orders = self.programs.gone(group, Instant::now());
            self.obey(orders, i, events);
        }
    }

    /// A program has written something.
    pub fn written(&mut self, token: u64, events: &Events) {
        self.bonds.written(token, events);
    }

    /// What is left of what the programs wrote.
    pub fn drain(&mut self) {
        self.bonds.drain();
    }

    /// When [`TaskExecutor::tick`] is wanted; the clock has a timer of its own.
    pub fn deadline(&self) -> Option<Instant> {
        self.programs.deadline()
    }

    /// Time has passed.
    pub fn tick(&mut self, i: &Instance, events: &Events) {
        let now = Instant::now();
        // First: an order about a group must not come after the news that it is gone.
        let poll = self.programs.take_poll(now);
        if poll {
            self.poll_groups(i, events);
        }
        let touched = if poll { self.touched_daemons() } else { Vec::new() };
        let orders = self.programs.tick(touched, now);
        self.obey(orders, i, events);
    }

    /// A file with steps was touched.
    pub fn touch(&mut self, path: &Path, i: &Instance, events: &Events) {
        let orders = self.programs.touch(path);
        self.obey(orders, i, events);
    }

    /// Watch the files of the daemons that are there, from now on.
    fn watch_files(&mut self) {
        let watched: Vec<(DaemonId, Vec<std::path::PathBuf>)> =
            self.programs.watched().map(|(id, files)| (id, files.to_vec())).collect();
        self.touch.retain(|(id, _)| watched.iter().any(|(w, _)| w == id));
        for (id, files) in watched {
            if !self.touch.iter().any(|(known, _)| *known == id) {
                self.touch.push((id, Touch::new(&files)));
            }
        }
    }

    fn touched_daemons(&mut self) -> Vec<DaemonId> {
        self.touch.iter_mut().filter_map(|(id, t)| t.changed().map(|_| *id)).collect()
    }

    /// The wall clock has come to a minute that matters, or was set.
    pub fn clock(&mut self, i: &Instance, events: &Events) {
        if i.tasks.jobs.is_empty() && self.timer.is_none() {
            return;
        }
        let minute = clock::minute();
        let orders = self.programs.clock(minute, Instant::now(), &clock::civil);
        self.obey(orders, i, events);
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
        let next = self.programs.next_minute(minute, &clock::civil);
        let set = made.and_then(|()| self.timer.as_ref().map_or(Ok(()), |t| t.set(next)));
        if let Err(e) = set {
            log::line(format_args!("cron: the timer cannot be set: {e}; no command runs by the clock"));
        }
    }

    fn obey(&mut self, orders: Vec<ProgramOrder>, i: &Instance, events: &Events) {
        let mut orders = VecDeque::from(orders);
        while let Some(order) = orders.pop_front() {
            let now = Instant::now();
            let more = match order {
                ProgramOrder::Start(program) => {
                    let pid = self.start(&program, i, events).map_err(|e| e.to_string());
                    self.programs.started(program, pid, now)
                }
                ProgramOrder::Look(id) => {
                    let pidfile = self.programs.daemon(id).and_then(|d| d.pidfile.as_deref());
                    let pid = pidfile.and_then(living);
                    self.programs.pidfile(id, pid, now)
                }
                ProgramOrder::Signal(pid, number) => {
                    self.signal(pid, number);
                    continue;
                }
                ProgramOrder::StopInstance => {
                    self.stop_instance = true;
                    continue;
                }
                ProgramOrder::Log(line) => {
                    log::line(line);
                    continue;
                }
            };
            // What follows from it comes before what was ordered later.
            more.into_iter().rev().for_each(|o| orders.push_front(o));
        }
        self.watch_files();
    }

    fn start(&mut self, program: &Program, i: &Instance, events: &Events) -> Result<i32, TaskError> {
        match program {
            Program::Daemon(id) => {
                let daemon = self.programs.daemon(*id).ok_or(TaskError::Unwanted)?.clone();
                self.start_daemon(&daemon, i, events)
            }
            Program::Job(id) => {
                let command = self.programs.command(*id).ok_or(TaskError::Unwanted)?;
                let mercy = self.programs.mercy();
                Ok(self.bonds.spawn(&mut shell(i, command), nix::libc::SIGTERM, mercy, events)?)
            }
            Program::Steps(path) => self.start_steps(path, i, events),
        }
    }

    fn start_daemon(&mut self, d: &Daemon, i: &Instance, events: &Events) -> Result<i32, TaskError> {
        let mut command = shell(i, &d.command);
        if d.stdin {
            command.stdin(Stdio::inherit());
        }
        if let Some(dir) = &d.chdir {
            command.current_dir(dir);
        }
        if let Some(name) = &d.gid {
            command.gid(privs::group("gid", name)?.as_raw());
        }
        if let Some(name) = &d.uid {
            command.uid(privs::user("uid", name)?.0.as_raw());
        }
        let pid = match d.pidfile {
            None => self.bonds.spawn(&mut command, d.stop_signal, self.programs.mercy(), events)?,
            // It outlives the instance, and must not lose its standard output with it.
            Some(_) => program::spawn(&mut command, None, true)?.id() as i32,
        };
        if let Some(pidfile) = d.pidfile.as_ref().filter(|_| d.daemonize)
            && let Err(e) = std::fs::write(pidfile, format!("{pid}\n"))
        {
            log::line(format_args!("cannot write pidfile {}: {e}", pidfile.display()));
        }
        Ok(pid)
    }

    /// Run the steps of a touched file; the pid of the process that does.
    fn start_steps(&mut self, path: &Path, i: &Instance, events: &Events) -> Result<i32, TaskError> {
        let output = self.bonds.output(events)?;
        let bond = self.bonds.bond(nix::libc::SIGTERM, self.programs.mercy())?;
        step_child::run(path, i, &output, bond)?.ok_or(TaskError::NoSteps)
    }

    /// To the group of a process; one that leads none gets it alone, unless it was reaped.
    fn signal(&self, pid: i32, number: i32) {
        // By number: real-time signals have no name in nix.
        if sys::kill(-pid, number).is_err() && !self.programs.headless().any(|group| group == pid) {
            let _ = sys::kill(pid, number);
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
    use std::process::Command;
    use std::time::Duration;

    /// Steps whose process has ended; they have left others behind, who have gone away since.
    fn left(tasks: &mut TaskExecutor) {
        let mut child = Command::new("/bin/true").process_group(0).spawn().unwrap();
        let (path, pid) = (Path::new("/a"), child.id() as i32);
        child.wait().unwrap();
        let now = Instant::now();
        tasks.programs.touch(path);
        tasks.programs.started(Program::Steps(path.into()), Ok(pid), now);
        tasks.programs.ended(pid, Ended::Code(0), pid, true, now);
        assert!(tasks.programs.headless().eq([pid]) && !tasks.is_gone());
    }

    #[test]
    fn a_stop_tells_nothing_to_a_group_that_is_gone() {
        let (i, events) = (instance(), Events::new().unwrap());
        let mut tasks = TaskExecutor::new(&i, Instant::now());
        left(&mut tasks);
        tasks.stop(false, &i, &events);
        assert!(tasks.is_gone());
    }

    #[test]
    fn a_group_that_nobody_waits_for_is_looked_at_too() {
        let (i, events) = (instance(), Events::new().unwrap());
        // The last look is long ago.
        let before = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
        let mut tasks = TaskExecutor::new(&i, before);
        assert_eq!(tasks.deadline(), None);
        left(&mut tasks);
        assert!(tasks.deadline().is_some_and(|at| at <= Instant::now()));
        tasks.tick(&i, &events);
        assert!(tasks.is_gone());
        assert_eq!(tasks.deadline(), None);
    }
}
