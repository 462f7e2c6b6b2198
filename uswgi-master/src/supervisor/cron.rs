//! Jobs of the clock: when each is due, whether it may start, when a run is killed.
//!
//! A run whose command leaves others of its group behind is over, but they are not forgotten: they share its harakiri,
//! and end with the instance.
//!
//! Pure: the wall clock is a number that the caller gives, and so is the local time of a minute. It must
//! never look at a minute twice (a job runs at most once in each), and never wake anybody before a job
//! is due.
//!
//! As in uWSGI 2.0.31 the minute of the start counts, commands run with `sh -c`, minutes that passed
//! while nobody ran are not made up for, and where day and week are both given either is enough. Local
//! time decides: an hour that the change to summer time leaves out has no jobs, one that comes twice has
//! them twice.

use super::order::{Program, ProgramOrder};
use std::time::{Duration, Instant};
use uswgi_conf::tasks::{Job, Schedule};
use uswgi_keep::group::{Group, RunId, Runs};
use uswgi_keep::reap::Ended;

/// A minute that nothing is known about is looked at again after at most so many.
const HORIZON: i64 = 24 * 60;
/// Runs of one job at a time: a job that hangs must not fill the machine.
const MOST_RUNS: usize = 64;
/// A clock that goes back by less than this many minutes does not repeat what ran.
const STEP_BACK: i64 = 60;

/// A minute in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 23.
    pub hour: i32,
    /// 1 to 31.
    pub day: i32,
    /// 1 to 12.
    pub month: i32,
    /// 0 to 6 from Sunday.
    pub weekday: i32,
}

/// Whether one number of a schedule fits.
fn fits(wanted: i32, is: i32) -> bool {
    match wanted {
        -1 => true,
        ..-1 => is % wanted.saturating_neg() == 0,
        _ => wanted == is,
    }
}

/// Whether a schedule has this minute.
pub fn due(s: &Schedule, t: Civil) -> bool {
    let week = if s.week == 7 { 0 } else { s.week };
    let (day, weekday) = (fits(s.day, t.day), fits(week, t.weekday));
    let date = if s.day >= 0 && week >= 0 { day || weekday } else { day && weekday };
    fits(s.minute, t.minute) && fits(s.hour, t.hour) && fits(s.month, t.month) && date
}

/// The first minute after `minute` (since the epoch) that a schedule has, or the one to look at again.
pub fn next<'a>(
    schedules: impl Iterator<Item = &'a Schedule> + Clone,
    minute: i64,
    civil: &dyn Fn(i64) -> Civil,
) -> i64 {
    let has = |m: &i64| schedules.clone().any(|s| due(s, civil(*m)));
    (minute + 1..=minute + HORIZON).find(has).unwrap_or(minute + HORIZON)
}

#[derive(Debug, Clone)]
struct JobRun {
    job: Job,
    began: Instant,
}

/// All jobs of an instance, and their runs.
#[derive(Debug, Default)]
pub struct Crons {
    jobs: Vec<(Job, Option<i64>)>,
    runs: Runs<JobRun>,
}

impl Crons {
    /// The jobs of a configuration. One that was there before keeps its last minute, and runs go on.
    pub fn replace(&mut self, jobs: &[Job]) {
        let old = std::mem::take(&mut self.jobs);
        let ran = |job: &Job| old.iter().find(|(j, _)| j == job).and_then(|(_, at)| *at);
        self.jobs = jobs.iter().map(|job| (job.clone(), ran(job))).collect();
    }

    /// It is this minute (since the epoch).
    pub fn clock(&mut self, minute: i64, now: Instant, civil: &dyn Fn(i64) -> Civil) -> Vec<ProgramOrder> {
        let mut out = Vec::new();
        if self.runs.is_stopping() {
            return out;
        }
        let time = civil(minute);
        for (job, ran) in &mut self.jobs {
            let seen = ran.is_some_and(|ran| (minute..minute + STEP_BACK).contains(&ran));
            if seen || !due(&job.schedule, time) {
                continue;
            }
            *ran = Some(minute);
            let running = self.runs.led().filter(|(_, run, _)| run.job.command == job.command).count();
            if (job.unique && running > 0) || running >= MOST_RUNS {
                out.push(ProgramOrder::Log(format!("cron {:?} still runs: not started again", job.command)));
                continue;
            }
            let limit = (job.harakiri > 0).then(|| now + Duration::from_secs(job.harakiri.into()));
            let id = self.runs.ask(JobRun { job: job.clone(), began: now }, limit);
            out.push(ProgramOrder::Start(Program::Job(id)));
        }
        out
    }

    /// The minute at which [`Crons::clock`] is wanted next; None: never.
    pub fn next_minute(&self, minute: i64, civil: &dyn Fn(i64) -> Civil) -> Option<i64> {
        if self.jobs.is_empty() || self.runs.is_stopping() {
            return None;
        }
        Some(next(self.jobs.iter().map(|(j, _)| &j.schedule), minute, civil))
    }

    /// What a run starts.
    pub fn command(&self, id: RunId) -> Option<&str> {
        self.runs.get(id).map(|run| run.job.command.as_str())
    }

    /// A run has a pid.
    pub fn started(&mut self, id: RunId, pid: i32) -> Vec<ProgramOrder> {
        let Some(run) = self.runs.started(id, pid) else { return Vec::new() };
        vec![ProgramOrder::Log(format!("cron {:?} started (pid {pid})", run.job.command))]
    }

    /// A run could not be started.
    pub fn failed(&mut self, id: RunId, why: &str) -> Vec<ProgramOrder> {
        let Some(run) = self.runs.failed(id) else { return Vec::new() };
        vec![ProgramOrder::Log(format!("cron {:?} cannot be started: {why}", run.job.command))]
    }

    /// A process was reaped that may be a run; `others`: of its group live.
    pub fn ended(&mut self, pid: i32, how: Ended, others: bool, now: Instant) -> Vec<ProgramOrder> {
        let Some(run) = self.runs.ended(pid, others, now) else { return Vec::new() };
        let took = now.saturating_duration_since(run.began).as_secs();
        vec![ProgramOrder::Log(format!("cron {:?} (pid {pid}) {how} after {took} s", run.job.command))]
    }

    /// The groups of all runs.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.runs.groups()
    }

    /// Nobody of the group that this process led is there any more.
    pub fn gone(&mut self, pid: i32) {
        self.runs.gone(pid);
    }

    /// Runs that are beyond their harakiri or their mercy.
    pub fn expire(&mut self, now: Instant) -> Vec<ProgramOrder> {
        let killed = self.runs.expire(now).into_iter().flat_map(|(pid, run)| {
            let took = now.saturating_duration_since(run.began).as_secs();
            let line = format!("cron {:?} (pid {pid}) has run for {took} s: killed", run.job.command);
            [ProgramOrder::Log(line), ProgramOrder::Signal(pid, nix::libc::SIGKILL)]
        });
        killed.collect()
    }

    /// When [`Crons::expire`] is wanted.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.runs.deadline()
    }

    /// The instance stops: what runs is told to end, once, and killed after the mercy.
    pub fn stop(&mut self, mercy: Duration, now: Instant) -> Vec<ProgramOrder> {
        let told = self.runs.stop(mercy, now).into_iter();
        told.map(|group| ProgramOrder::Signal(group, nix::libc::SIGTERM)).collect()
    }

    /// Whether nothing runs.
    pub fn is_gone(&self) -> bool {
        self.runs.is_empty()
    }

    /// Every job: command, schedule, unique, and pid and start of a run.
    pub fn jobs(&self) -> impl Iterator<Item = (&Job, Option<i32>)> {
        let of = |job: &Job| self.runs.led().find(|(_, run, _)| run.job.command == job.command);
        self.jobs.iter().map(move |(job, _)| (job, of(job).and_then(|(.., pid)| pid)))
    }
}
