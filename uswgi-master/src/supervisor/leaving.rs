//! A process group that is told to end: when it is told again, killed, and given up. It must never be signalled once
//! nobody of it is left.

use super::stop::UNKILLABLE;
use std::time::{Duration, Instant};

/// A daemon on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaving {
    /// The process that leads the group, or has led it.
    pub(super) pid: i32,
    pub(super) signal: i32,
    /// When the signal is due again, while the process itself is there.
    pub(super) again_at: Instant,
    pub(super) kill_at: Instant,
    pub(super) killed: bool,
    /// The process itself has ended; others of its group have not.
    pub(super) headless: bool,
    /// Its end was its own: it is started again.
    pub(super) back: bool,
}

impl Leaving {
    /// It is to be told now.
    pub(super) fn told(pid: i32, signal: i32, mercy: Duration, now: Instant) -> Leaving {
        let kill_at = now + mercy;
        Leaving { pid, signal, again_at: now, kill_at, killed: false, headless: false, back: false }
    }

    /// The process has ended by itself; the others were told.
    pub(super) fn rest(pid: i32, signal: i32, mercy: Duration, now: Instant) -> Leaving {
        Leaving { headless: true, back: true, ..Leaving::told(pid, signal, mercy, now) }
    }

    /// The process has ended, others have not.
    pub(super) fn lose_head(&mut self, now: Instant) {
        self.headless = true;
        // What was sent SIGKILL with it needs a moment.
        self.kill_at = if self.killed { now } else { self.kill_at };
    }

    /// Whether the group was sent SIGKILL and is not waited for any more.
    pub(super) fn is_given_up(&self, now: Instant) -> bool {
        self.headless && self.killed && self.kill_at + UNKILLABLE <= now
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match (self.killed, self.headless) {
            (false, false) => Some(self.again_at.min(self.kill_at)),
            (false, true) => Some(self.kill_at),
            (true, true) => Some(self.kill_at + UNKILLABLE),
            (true, false) => None,
        }
    }
}
