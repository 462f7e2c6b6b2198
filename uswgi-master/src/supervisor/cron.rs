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

use super::Ended;
use super::stop::UNKILLABLE;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use uswgi_conf::tasks::{Job, Schedule};

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

/// Name of a run of a job.
pub type RunId = u64;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CronOrder {
    /// Start this command, and answer with [`Crons::started`] or [`Crons::failed`].
    Start(RunId, String),
    /// Signal to the group of this process; somebody in it has not been reaped.
    Signal(i32, i32),
    /// A line for the log.
    Log(String),
}

#[derive(Debug, Clone)]
struct Run {
    job: Job,
    pid: Option<i32>,
    began: Instant,
    kill_at: Option<Instant>,
    /// When a group that was sent SIGKILL is not waited for any more.
    give_up_at: Option<Instant>,
    /// The command has ended; others of its group live.
    headless: bool,
}

/// All jobs of an instance, and their runs.
#[derive(Debug, Default)]
pub struct Crons {
    jobs: Vec<(Job, Option<i64>)>,
    runs: BTreeMap<RunId, Run>,
    last: RunId,
    stopping: bool,
}

impl Crons {
    /// The jobs of a configuration. One that was there before keeps its last minute, and runs go on.
    pub fn replace(&mut self, jobs: &[Job]) {
        let old = std::mem::take(&mut self.jobs);
        let ran = |job: &Job| old.iter().find(|(j, _)| j == job).and_then(|(_, at)| *at);
        self.jobs = jobs.iter().map(|job| (job.clone(), ran(job))).collect();
    }

    /// It is this minute (since the epoch).
    pub fn clock(&mut self, minute: i64, now: Instant, civil: &dyn Fn(i64) -> Civil) -> Vec<CronOrder> {
        let mut out = Vec::new();
        if self.stopping {
            return out;
        }
        let time = civil(minute);
        for (job, ran) in &mut self.jobs {
            let seen = ran.is_some_and(|ran| (minute..minute + STEP_BACK).contains(&ran));
            if seen || !due(&job.schedule, time) {
                continue;
            }
            *ran = Some(minute);
            let of = |r: &&Run| r.job.command == job.command && !r.headless;
            let running = self.runs.values().filter(of).count();
            if (job.unique && running > 0) || running >= MOST_RUNS {
                out.push(CronOrder::Log(format!("cron {:?} still runs: not started again", job.command)));
                continue;
            }
            self.last += 1;
            let kill_at = (job.harakiri > 0).then(|| now + Duration::from_secs(job.harakiri.into()));
            let (job, pid, headless) = (job.clone(), None, false);
            let run = Run { job, pid, began: now, kill_at, give_up_at: None, headless };
            let command = run.job.command.clone();
            self.runs.insert(self.last, run);
            out.push(CronOrder::Start(self.last, command));
        }
        out
    }

    /// The minute at which [`Crons::clock`] is wanted next; None: never.
    pub fn next_minute(&self, minute: i64, civil: &dyn Fn(i64) -> Civil) -> Option<i64> {
        if self.jobs.is_empty() || self.stopping {
            return None;
        }
        Some(next(self.jobs.iter().map(|(j, _)| &j.schedule), minute, civil))
    }

    /// A run has a pid.
    pub fn started(&mut self, id: RunId, pid: i32) -> Vec<CronOrder> {
        let Some(run) = self.runs.get_mut(&id) else { return Vec::new() };
        run.pid = Some(pid);
        vec![CronOrder::Log(format!("cron {:?} started (pid {pid})", run.job.command))]
    }

    /// A run could not be started.
    pub fn failed(&mut self, id: RunId, why: &str) -> Vec<CronOrder> {
        let Some(run) = self.runs.remove(&id) else { return Vec::new() };
        vec![CronOrder::Log(format!("cron {:?} cannot be started: {why}", run.job.command))]
    }

    /// A process was reaped that may be a run; `others`: of its group live.
    pub fn ended(&mut self, pid: i32, how: Ended, others: bool, now: Instant) -> Vec<CronOrder> {
        let ours = |r: &Run| r.pid == Some(pid) && !r.headless;
        let Some((&id, run)) = self.runs.iter_mut().find(|(_, r)| ours(r)) else { return Vec::new() };
        let took = now.saturating_duration_since(run.began).as_secs();
        let line = format!("cron {:?} (pid {pid}) {how} after {took} s", run.job.command);
        if others {
            run.headless = true;
            // What was sent SIGKILL with it needs a moment.
            run.give_up_at = run.give_up_at.map(|_| now + UNKILLABLE);
        } else {
            self.runs.remove(&id);
        }
        vec![CronOrder::Log(line)]
    }

    /// The groups of all runs.
    pub fn groups(&self) -> impl Iterator<Item = i32> {
        self.runs.values().filter_map(|r| r.pid)
    }

    /// Groups whose leader has ended: [`Crons::gone`] is to be told of each.
    pub fn headless(&self) -> impl Iterator<Item = i32> {
        self.runs.values().filter(|r| r.headless).filter_map(|r| r.pid)
    }

    /// Whether something waits for the end of such a group.
    pub fn waits(&self) -> bool {
        self.runs.values().any(|r| r.headless && (r.kill_at.is_some() || r.give_up_at.is_some()))
    }

    /// Nobody of the group that this process led is there any more.
    pub fn gone(&mut self, pid: i32) {
        self.runs.retain(|_, r| !(r.headless && r.pid == Some(pid)));
    }

    /// Runs that are beyond their harakiri or their mercy.
    pub fn expire(&mut self, now: Instant) -> Vec<CronOrder> {
        let mut out = Vec::new();
        for run in self.runs.values_mut() {
            if let (Some(at), Some(pid)) = (run.kill_at, run.pid)
                && at <= now
            {
                run.kill_at = None;
                run.give_up_at = Some(now + UNKILLABLE);
                let took = now.saturating_duration_since(run.began).as_secs();
                out.push(CronOrder::Log(format!(
                    "cron {:?} (pid {pid}) has run for {took} s: killed",
                    run.job.command
                )));
                out.push(CronOrder::Signal(pid, nix::libc::SIGKILL));
            }
        }
        self.runs.retain(|_, r| !(r.headless && r.give_up_at.is_some_and(|at| at <= now)));
        out
    }

    /// When [`Crons::expire`] is wanted.
    pub fn next_deadline(&self) -> Option<Instant> {
        let at = |r: &Run| r.kill_at.or(r.give_up_at.filter(|_| r.headless));
        self.runs.values().filter(|r| r.pid.is_some()).filter_map(at).min()
    }

    /// The instance stops: what runs is told to end, and killed after the mercy.
    pub fn stop(&mut self, mercy: Duration, now: Instant) -> Vec<CronOrder> {
        let first = !std::mem::replace(&mut self.stopping, true);
        let mut out = Vec::new();
        for run in self.runs.values_mut() {
            let end = now + mercy;
            if run.give_up_at.is_none() {
                run.kill_at = Some(run.kill_at.map_or(end, |at| at.min(end)));
            }
            if let Some(pid) = run.pid.filter(|_| first) {
                out.push(CronOrder::Signal(pid, nix::libc::SIGTERM));
            }
        }
        out
    }

    /// Whether nothing runs.
    pub fn is_gone(&self) -> bool {
        self.runs.is_empty()
    }

    /// Every job: command, schedule, unique, and pid and start of a run.
    pub fn jobs(&self) -> impl Iterator<Item = (&Job, Option<i32>)> {
        let of = |r: &&Run, job: &Job| r.job.command == job.command && !r.headless;
        let pid = move |job: &Job| self.runs.values().find(|r| of(r, job)).and_then(|r| r.pid);
        self.jobs.iter().map(move |(job, _)| (job, pid(job)))
    }
}
