//! When somebody asked an instance for something last.

use std::time::Instant;

/// What is known about the last request.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    pub(super) last: Instant,
    pub(super) requests: u64,
}

impl Activity {
    pub(super) fn new(now: Instant) -> Activity {
        Activity { last: now, requests: 0 }
    }
}
