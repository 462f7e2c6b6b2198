//! One vassal: its file, its instance, and how far they are.
#![forbid(unsafe_code)]

use super::{Action, Now};
use crate::files::Found;
use std::time::{Duration, Instant};
use uswgi_keep::backoff::{Backoff, PROVEN};

/// How far a vassal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It starts when there is room.
    Queued,
    /// It starts, since then.
    Starting(Instant),
    /// It serves, since then.
    Serving(Instant),
    /// It serves, and reloads.
    Reloading {
        /// Since when it serves.
        since: Instant,
    },
    /// It was told to end.
    Stopping {
        /// Its file is there again: it starts anew when it has ended.
        again: bool,
    },
    /// It has failed, and is tried again then.
    Waiting(Instant),
    /// It starts when somebody connects.
    Asleep,
    /// It may not run; its file has to change first.
    Refused,
    /// An operator has stopped it; its file has to be touched first.
    Stopped,
}

/// When things happened, in seconds since the epoch; 0: never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Its file came.
    pub born: i64,
    /// It started for the first time.
    pub first_run: i64,
    /// It started last.
    pub last_run: i64,
    /// It served, or ended a reload; 0 while it starts.
    pub ready: i64,
    /// It said that it lives.
    pub heartbeat: i64,
}

/// A vassal.
#[derive(Debug)]
pub struct Vassal {
    /// Its file.
    pub file: Found,
    /// How far it is.
    pub stage: Stage,
    /// Pid of its master, while there is one.
    pub pid: Option<i32>,
    /// When things happened.
    pub times: Times,
    /// Starts after the first one.
    pub respawns: u64,
    /// Why it does not serve, or not what its file says; empty: nothing is wrong.
    pub problem: String,
    /// Reloads of its instance that have ended.
    pub(super) done: Option<u64>,
    /// It was told to reload, and no reload has ended since.
    pub(super) asked: bool,
    /// It stays stopped when it has ended.
    pub(super) held: bool,
    /// Its file was touched while it starts.
    pub(super) again: bool,
    /// When it said last that it lives, if it ever did.
    pub(super) beat: Option<Instant>,
    pub(super) backoff: Backoff,
}

impl Vassal {
    pub(super) fn new(file: Found, throttle: Duration, most: Duration, now: Now) -> Vassal {
        Vassal {
            file,
            stage: Stage::Queued,
            pid: None,
            times: Times { born: now.wall, ..Times::default() },
            respawns: 0,
            problem: String::new(),
            done: None,
            asked: false,
            held: false,
            again: false,
            beat: None,
            backoff: Backoff::waiting(throttle, most),
        }
    }

    /// Tell it to end. False: there is nobody who has to.
    pub(super) fn leave(&mut self, out: &mut Vec<Action>) -> bool {
        let Some(pid) = self.pid else { return false };
        // INT and not TERM, which `die-on-term = false` makes a reload; and one that was stopped has to hear it.
        out.push(Action::Signal(pid, libc::SIGINT));
        out.push(Action::Signal(pid, libc::SIGCONT));
        self.stage = Stage::Stopping { again: false };
        true
    }

    /// Whether it accepts.
    pub fn serves(&self) -> bool {
        matches!(self.stage, Stage::Serving(_) | Stage::Reloading { .. })
    }

    /// Whether it has served long enough to be trusted.
    pub fn is_loyal(&self, now: Instant) -> bool {
        match self.stage {
            Stage::Serving(since) | Stage::Reloading { since } => now.duration_since(since) >= PROVEN,
            _ => false,
        }
    }

    /// Milliseconds until it is tried again.
    pub fn backoff_ms(&self, now: Instant) -> u64 {
        match self.stage {
            Stage::Waiting(until) => {
                u64::try_from(until.saturating_duration_since(now).as_millis()).unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// One word for its stage.
    pub fn stage_name(&self) -> &'static str {
        match self.stage {
            Stage::Queued => "queued",
            Stage::Starting(_) => "starting",
            Stage::Serving(_) => "serving",
            Stage::Reloading { .. } => "reloading",
            Stage::Stopping { .. } => "stopping",
            Stage::Waiting(_) => "waiting",
            Stage::Asleep => "asleep",
            Stage::Refused => "refused",
            Stage::Stopped => "stopped",
        }
    }
}
