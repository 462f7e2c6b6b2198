//! Going away politely (`shutdown-delay`): after TERM the instance says at once that it is not ready, serves everything for a
//! while yet, and only then stops. So whoever sends it requests by what `/readyz` and `ping` say has time to hear it.
//!
//! It must never keep anybody waiting who asks for a stop by another way than TERM, nor a start or a pause.

use super::machine::{Phase, Supervisor};
use super::stop::SECOND_SIGNAL;
use std::time::Instant;

/// A stop that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leave {
    since: Instant,
    /// When the stop begins.
    pub(super) until: Instant,
}

impl Supervisor {
    /// TERM where it stops. Once more, a second or more later: the stop begins at once.
    pub(super) fn term(&mut self) {
        let delay = self.current.plan.shutdown_delay;
        match self.leaves {
            None if self.phase == Phase::Running && !self.paused && !delay.is_zero() => {
                self.leaves = Some(Leave { since: self.now, until: self.now + delay });
                self.log(format!(
                    "TERM: not ready from now on; the stop begins in {} s (shutdown-delay)",
                    delay.as_secs()
                ));
            }
            // Whoever sends TERM to a group often sends it several times.
            Some(leave) if self.now.saturating_duration_since(leave.since) < SECOND_SIGNAL => {}
            _ => self.stop(),
        }
    }

    /// The time is over.
    pub(super) fn leave_when_due(&mut self) {
        if self.leaves.is_some_and(|leave| leave.until <= self.now) {
            self.stop();
        }
    }

    /// Whether a stop is to come: nothing new begins any more.
    pub fn is_leaving(&self) -> bool {
        self.leaves.is_some()
    }
}
