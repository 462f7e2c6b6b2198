//! Waiting for an event, with a deadline and a message. The only place that lets time pass.

use std::time::{Duration, Instant};

/// How long anything may take on a slow machine under load.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Ask again and again until there is a value; panics with `what` when [`PATIENCE`] is over.
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, ask)
}

/// As [`until`], with a limit of its own.
pub fn until_within<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = ask() {
            return value;
        }
        assert!(begin.elapsed() < limit, "waited {limit:?} for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Whether something stays true for a while: for events that must not happen.
pub fn stays(time: Duration, mut ask: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < time {
        if !ask() {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    true
}
