//! Look at the scoreboard again until a condition holds, the instance ends, or time is up.
//!
//! Shared memory gives no notice, so it looks every 20 ms; the end of the process is noticed at once.

use crate::error::CtlError;
use crate::status;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::borrow::Cow;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::show::Snapshot;

/// Time between two looks.
pub const INTERVAL: Duration = Duration::from_millis(20);

/// A moment after which to give up; none for `--timeout 0`.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Option<Instant>,
    /// What was asked for, for messages.
    pub seconds: f64,
}

/// How a wait ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited<T> {
    /// The condition gave a value.
    Is(T),
    /// The process ended first.
    Ended,
    /// Time is up.
    TimedOut,
}

impl Deadline {
    /// So many seconds from now; 0: never.
    pub fn after(seconds: f64) -> Deadline {
        let at = (seconds > 0.0).then(|| Instant::now() + Duration::from_secs_f64(seconds));
        Deadline { at, seconds }
    }

    /// Whether it has passed.
    pub fn passed(&self) -> bool {
        self.at.is_some_and(|at| Instant::now() >= at)
    }

    /// What is left; much where there is no limit.
    pub fn left(&self) -> Duration {
        self.at.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()))
    }

    fn next_look(&self) -> Duration {
        self.at.map_or(INTERVAL, |at| INTERVAL.min(at.saturating_duration_since(Instant::now())))
    }
}

/// Wait until the process ends, at most this long; whether it has ended.
pub fn ended_within(instance: &RunningInstance, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // Rounded up, so that the last part of a millisecond is no busy loop.
        let timeout = PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(instance.pidfd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(n) if n > 0 => return true,
            _ if left.is_zero() => return false,
            _ => {}
        }
    }
}

/// Look until `condition` gives a value.
pub fn until<T>(
    instance: &RunningInstance,
    deadline: Deadline,
    mut condition: impl FnMut() -> Option<T>,
) -> Waited<T> {
    loop {
        if let Some(value) = condition() {
            return Waited::Is(value);
        }
        if deadline.passed() {
            return Waited::TimedOut;
        }
        if ended_within(instance, deadline.next_look()) {
            // What was written last still counts.
            return condition().map_or(Waited::Ended, Waited::Is);
        }
    }
}

/// That it did not happen in time, with how the instance is now.
pub fn timed_out(
    what: impl Into<Cow<'static, str>>,
    deadline: Deadline,
    instance: &RunningInstance,
) -> CtlError {
    let state = format!("; {}", status::line(&Snapshot::take(instance)));
    CtlError::TimedOut { what: what.into(), seconds: deadline.seconds, state }
}
