//! Programs beside the workers as one state machine: daemons, jobs of the clock, and what touched files start.
//!
//! Each of the three knows when to start; what they share stands here: whose end was heard of, which groups there are, when
//! to poll them, how all of them stop. Pure: what happened goes in, orders come out, to be carried out in this order.

use super::cron::{Civil, Crons};
use super::daemons::{Daemons, Heard};
use super::order::{DaemonId, Program, ProgramOrder};
use super::poll::{Poll, PollFor};
use super::touch_exec::TouchExec;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use uswgi_conf::tasks::{Daemon, Job, Tasks};
use uswgi_keep::group::{Group, RunId};
use uswgi_keep::reap::Ended;

/// All of them.
#[derive(Debug)]
pub struct Programs {
    daemons: Daemons,
    crons: Crons,
    touch_exec: TouchExec,
    poll: Poll,
    mercy: Duration,
}

impl Programs {
    /// What a configuration names; nothing runs yet.
    pub fn new(tasks: &Tasks, now: Instant) -> Programs {
        let mercy = Duration::from_secs(tasks.mercy.into());
        let mut crons = Crons::default();
        crons.replace(&tasks.jobs);
        Programs {
            daemons: Daemons::new(&tasks.daemons, mercy, now),
            crons,
            touch_exec: TouchExec::default(),
            poll: Poll::new(now),
            mercy,
        }
    }

    /// The first worker starts. Later calls change nothing.
    pub fn begin(&mut self, now: Instant) -> Vec<ProgramOrder> {
        self.daemons.begin(now)
    }

    /// Another configuration is in force.
    pub fn replace(&mut self, tasks: &Tasks, now: Instant) -> Vec<ProgramOrder> {
        self.mercy = Duration::from_secs(tasks.mercy.into());
        self.crons.replace(&tasks.jobs);
        self.daemons.replace(&tasks.daemons, self.mercy, now)
    }

    /// The workers are gone. `at_once`: nobody is waited for.
    pub fn stop(&mut self, at_once: bool, now: Instant) -> Vec<ProgramOrder> {
        let mercy = if at_once { Duration::ZERO } else { self.mercy };
        let mut out = self.crons.stop(mercy, now);
        out.extend(self.crons.expire(now));
        out.extend(self.touch_exec.stop(mercy, now));
        out.extend(self.touch_exec.expire(now));
        out.extend(if at_once { self.daemons.stop_at_once(now) } else { self.daemons.stop(now) });
        out
    }

    /// Answer to [`ProgramOrder::Start`]: its pid, or why it could not be started.
    pub fn started(&mut self, program: Program, pid: Result<i32, String>, now: Instant) -> Vec<ProgramOrder> {
        match (program, pid) {
            (Program::Daemon(id), Ok(pid)) => self.daemons.hear(Heard::Started(id, pid), now),
            (Program::Daemon(id), Err(why)) => self.daemons.hear(Heard::StartFailed(id, why), now),
            (Program::Job(id), Ok(pid)) => self.crons.started(id, pid),
            (Program::Job(id), Err(why)) => self.crons.failed(id, &why),
            (Program::Steps(path), Ok(pid)) => {
                self.touch_exec.started(&path, pid);
                Vec::new()
            }
            (Program::Steps(path), Err(why)) => self.touch_exec.failed(&path, &why),
        }
    }

    /// Answer to [`ProgramOrder::Look`]: the living process that the pidfile names.
    pub fn pidfile(&mut self, id: DaemonId, pid: Option<i32>, now: Instant) -> Vec<ProgramOrder> {
        self.daemons.hear(Heard::Pidfile(id, pid), now)
    }

    /// A process was reaped that is no worker; `others` live of the group that it has led. What follows, and whether it is
    /// one of these programs, or of their groups (`group` is the one that it was in).
    pub fn ended(
        &mut self,
        pid: i32,
        how: Ended,
        group: i32,
        others: bool,
        now: Instant,
    ) -> (bool, Vec<ProgramOrder>) {
        // A smart daemon tells its pid in a file.
        let smart = self.daemons.running().any(|(_, pid)| pid == group);
        let member = smart || self.groups().any(|g| g.number() == Some(group));
        let mut out = self.crons.ended(pid, how, others, now);
        let steps = self.touch_exec.ended(pid, how, others, now);
        let ours = member || steps.is_some();
        out.extend(steps.unwrap_or_default());
        out.extend(self.daemons.hear(Heard::Ended(pid, how, others), now));
        (ours || !out.is_empty(), out)
    }

    /// Nobody of the group that this process has led is there any more.
    pub fn gone(&mut self, group: i32, now: Instant) -> Vec<ProgramOrder> {
        self.crons.gone(group);
        self.touch_exec.gone(group);
        let of_daemon = self.daemons.groups().any(|g| g.headless() == Some(group));
        if of_daemon { self.daemons.hear(Heard::Gone(group), now) } else { Vec::new() }
    }

    /// Whether to poll groups and the files of daemons now; it counts as done then.
    pub fn take_poll(&mut self, now: Instant) -> bool {
        self.poll.take(now)
    }

    /// Time has passed; `touched`: daemons whose files were touched.
    pub fn tick(&mut self, touched: Vec<DaemonId>, now: Instant) -> Vec<ProgramOrder> {
        let mut out = self.daemons.hear(Heard::Tick, now);
        for id in touched {
            out.extend(self.daemons.hear(Heard::Touched(id), now));
        }
        out.extend(self.crons.expire(now));
        out.extend(self.touch_exec.expire(now));
        out
    }

    /// When [`Programs::tick`] is wanted.
    pub fn deadline(&self) -> Option<Instant> {
        let wanted = if self.watched().next().is_some() || self.groups().any(Group::is_awaited) {
            PollFor::Awaited
        } else if self.headless().next().is_some() {
            PollFor::Groups
        } else {
            PollFor::Nothing
        };
        let deadlines = [
            self.daemons.next_deadline(),
            self.crons.next_deadline(),
            self.touch_exec.next_deadline(),
            self.poll.deadline(wanted),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// A file with steps was touched.
    pub fn touch(&mut self, path: &Path) -> Vec<ProgramOrder> {
        self.touch_exec.touch(path)
    }

    /// It is this minute (since the epoch).
    pub fn clock(&mut self, minute: i64, now: Instant, civil: &dyn Fn(i64) -> Civil) -> Vec<ProgramOrder> {
        self.crons.clock(minute, now, civil)
    }

    /// The minute at which [`Programs::clock`] is wanted next; None: never.
    pub fn next_minute(&self, minute: i64, civil: &dyn Fn(i64) -> Civil) -> Option<i64> {
        self.crons.next_minute(minute, civil)
    }

    /// Whether nothing that belongs to the instance runs any more.
    pub fn is_gone(&self) -> bool {
        self.daemons.is_gone() && self.crons.is_gone() && self.touch_exec.is_gone()
    }

    /// Groups of all programs that end with the instance.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.daemons.groups().chain(self.run_groups())
    }

    fn run_groups(&self) -> impl Iterator<Item = &Group> {
        self.crons.groups().chain(self.touch_exec.groups())
    }

    /// Groups whose leader has ended: [`Programs::gone`] is to be told of each.
    pub fn headless(&self) -> impl Iterator<Item = i32> {
        self.groups().filter_map(Group::headless)
    }

    /// Those of them that jobs and steps have left: nothing starts in their place.
    pub fn headless_runs(&self) -> impl Iterator<Item = i32> {
        self.run_groups().filter_map(Group::headless)
    }

    /// Groups that end with the instance, and by which signal each: what a guard is to know.
    pub fn bound(&self) -> impl Iterator<Item = (i32, i32)> {
        let runs = self.run_groups().filter_map(Group::number);
        self.daemons.bound().chain(runs.map(|group| (group, nix::libc::SIGTERM)))
    }

    /// How long they have from the signal to SIGKILL.
    pub fn mercy(&self) -> Duration {
        self.mercy
    }

    /// A daemon that is to be started, or whose pidfile is to be read.
    pub fn daemon(&self, id: DaemonId) -> Option<&Daemon> {
        self.daemons.spec(id)
    }

    /// Daemons with files to watch.
    pub fn watched(&self) -> impl Iterator<Item = (DaemonId, &[PathBuf])> {
        self.daemons.watched()
    }

    /// Command and pid of each daemon that runs.
    pub fn daemons(&self) -> impl Iterator<Item = (&str, i32)> {
        self.daemons.running()
    }

    /// The command of a run of a job.
    pub fn command(&self, id: RunId) -> Option<&str> {
        self.crons.command(id)
    }

    /// Every job, and the pid of a run.
    pub fn jobs(&self) -> impl Iterator<Item = (&Job, Option<i32>)> {
        self.crons.jobs()
    }
}
