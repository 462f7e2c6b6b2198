//! Polling of what nobody tells about: groups without a leader, and files of daemons.
//!
//! Nobody tells of the end of a group whose last member has left it, or was another's child; and its number is then free
//! for others. So every group is polled once in a while, and often while somebody waits for its end. It must never
//! wake an instance that has nothing to poll.

use std::time::{Duration, Instant};

/// While somebody waits for what is seen.
pub const OFTEN: Duration = Duration::from_secs(1);
/// So that no number of a group is kept for long after its end.
pub const RARELY: Duration = Duration::from_secs(60);

/// What there is to poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollFor {
    /// Nothing.
    Nothing,
    /// Groups whose end nobody waits for.
    Groups,
    /// Files, or groups whose end somebody waits for.
    Awaited,
}

/// When an instance has polled last.
#[derive(Debug)]
pub struct Poll {
    last: Instant,
}

impl Poll {
    /// Nothing is due yet.
    pub fn new(now: Instant) -> Poll {
        Poll { last: now }
    }

    /// Whether to poll now; it counts as done then.
    pub fn take(&mut self, now: Instant) -> bool {
        let due = self.last + OFTEN <= now;
        if due {
            self.last = now;
        }
        due
    }

    /// When [`Poll::take`] is wanted; None: not at all.
    pub fn deadline(&self, wanted: PollFor) -> Option<Instant> {
        match wanted {
            PollFor::Nothing => None,
            PollFor::Groups => Some(self.last + RARELY),
            PollFor::Awaited => Some(self.last + OFTEN),
        }
    }
}
