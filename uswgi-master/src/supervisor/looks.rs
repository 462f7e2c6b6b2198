//! When groups without a leader, and files of daemons, are looked at.
//!
//! Nobody tells of the end of a group whose last member has left it, or was another's child; and its number is then free
//! for others. So every group is looked at once in a while, and often while somebody waits for its end. It must never
//! wake an instance that has nothing to look at.

use std::time::{Duration, Instant};

/// While somebody waits for what is seen.
pub const OFTEN: Duration = Duration::from_secs(1);
/// So that no number of a group is kept for long after its end.
pub const RARELY: Duration = Duration::from_secs(60);

/// What there is to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// Nothing.
    Nothing,
    /// Groups whose end nobody waits for.
    Groups,
    /// Files, or groups whose end somebody waits for.
    Awaited,
}

/// The looks of an instance.
#[derive(Debug)]
pub struct Looks {
    last: Instant,
}

impl Looks {
    /// None is due yet.
    pub fn new(now: Instant) -> Looks {
        Looks { last: now }
    }

    /// Whether to look now; it counts as done then.
    pub fn take(&mut self, now: Instant) -> bool {
        let due = self.last + OFTEN <= now;
        if due {
            self.last = now;
        }
        due
    }

    /// When [`Looks::take`] is wanted; None: not at all.
    pub fn deadline(&self, matter: Matter) -> Option<Instant> {
        match matter {
            Matter::Nothing => None,
            Matter::Groups => Some(self.last + RARELY),
            Matter::Awaited => Some(self.last + OFTEN),
        }
    }
}
