//! Back-off: how long to wait before a process that died is started again. Pure.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// First wait after a process that died at once.
pub const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A process that dies within this time of being ready died at once.
pub const SOON: Duration = Duration::from_secs(1);
/// One that served this long has mended its predecessors' record.
pub const PROVEN: Duration = Duration::from_secs(10);

/// So many processes in a row that did accept may die soon after it before there is a wait: somebody
/// kills workers, or one request does. One that never accepted is waited for at once.
pub const FREE: u32 = 5;

/// Waits between starts: none after a proven process, then 1 s doubling to 30 s, or as it was made.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    free_used: u32,
    failures: u32,
    until: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff::waiting(FIRST_WAIT, LONGEST_WAIT)
    }
}

impl Backoff {
    /// With another first and longest wait.
    pub fn waiting(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest: longest.max(first), free_used: 0, failures: 0, until: None }
    }

    /// A process ended; `served` is how long it was ready, None if it never was. Returns the wait.
    pub fn ended(&mut self, served: Option<Duration>, now: Instant) -> Duration {
        match served {
            Some(served) if served >= PROVEN => (self.failures, self.free_used) = (0, 0),
            Some(served) if served >= SOON => {}
            Some(_) if self.failures == 0 && self.free_used < FREE => self.free_used += 1,
            _ => {
                let wait = self.first.saturating_mul(1 << self.failures.min(20)).min(self.longest);
                self.failures += 1;
                self.until = Some(now + wait);
                return wait;
            }
        }
        self.until = None;
        Duration::ZERO
    }

    /// Whether a start is allowed.
    pub fn over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// When a start is allowed; None: already.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Processes in a row that died at once.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let now = Instant::now();
        let mut b = Backoff::default();
        let waits: Vec<u64> = (0..8).map(|_| b.ended(None, now).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert!(!b.over(now) && b.over(now + LONGEST_WAIT));
    }

    #[test]
    fn the_first_wait_and_the_longest_one_may_be_others() {
        let now = Instant::now();
        let mut b = Backoff::waiting(Duration::from_millis(200), Duration::from_secs(3));
        let waits: Vec<u128> = (0..6).map(|_| b.ended(None, now).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3000, 3000]);
        let mut none = Backoff::waiting(Duration::ZERO, Duration::ZERO);
        assert_eq!(none.ended(None, now), Duration::ZERO);
    }

    #[test]
    fn who_accepted_and_died_soon_is_replaced_at_once_five_times() {
        let now = Instant::now();
        let mut b = Backoff::default();
        let soon = Some(Duration::from_millis(100));
        let waits: Vec<u64> = (0..8).map(|_| b.ended(soon, now).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4]);
        b.ended(Some(PROVEN), now);
        assert_eq!(b.ended(soon, now), Duration::ZERO);
    }

    #[test]
    fn a_long_life_mends_the_record_and_a_short_one_does_not() {
        let now = Instant::now();
        let mut b = Backoff::default();
        b.ended(None, now);
        b.ended(None, now);
        assert_eq!(b.ended(Some(Duration::from_secs(2)), now), Duration::ZERO);
        assert!(b.over(now));
        assert_eq!(b.ended(None, now).as_secs(), 4);
        b.ended(Some(Duration::from_secs(60)), now);
        assert_eq!(b.ended(None, now).as_secs(), 1);
    }
}
