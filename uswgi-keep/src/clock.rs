//! Minutes of the wall clock, and a timer that follows the clock when somebody sets it.
#![forbid(unsafe_code)]

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{SystemTime, UNIX_EPOCH};

/// Minutes since the epoch.
pub fn minute() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    (now / 60) as i64
}

/// A timer at a minute of the wall clock. It also fires when the clock is set.
pub struct Timer(TimerFd);

impl Timer {
    /// One that never fires yet.
    pub fn new() -> nix::Result<Timer> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        TimerFd::new(ClockId::CLOCK_REALTIME, flags).map(Timer)
    }

    /// Fire at the beginning of this minute.
    pub fn set(&self, minute: Option<i64>) -> nix::Result<()> {
        let Some(minute) = minute else { return self.0.unset() };
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        self.0.set(Expiration::OneShot(TimeSpec::new(minute.saturating_mul(60), 0)), flags)
    }

    /// Take what has fired.
    pub fn clear(&self) {
        // ECANCELED is the clock that was set, EAGAIN a wake-up for nothing: both only end here.
        let mut count = [0; 8];
        let _ = nix::unistd::read(&self.0, &mut count);
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    #[test]
    fn a_minute_that_has_passed_fires_and_one_to_come_does_not() {
        let timer = Timer::new().unwrap();
        let fired = |ms: u16| {
            let mut fds = [PollFd::new(timer.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::from(ms)).unwrap() == 1
        };
        timer.set(Some(minute() + 10)).unwrap();
        assert!(!fired(0));
        timer.set(Some(minute() - 1)).unwrap();
        assert!(fired(10_000));
        timer.clear();
        assert!(!fired(0));
        timer.set(None).unwrap();
        assert!(!fired(0));
    }
}
