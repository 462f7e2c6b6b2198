//! The service manager's watchdog (`WatchdogSec=`): fed only while the instance is alive, and what that means.
//!
//! Alive is: this loop runs, and a worker's native thread has answered a question on its control socket
//! lately. That thread accepts for the worker's threads, times their requests and takes orders; if no
//! worker has one that answers, nobody serves, and nobody here can mend it: all workers stopped,
//! swapped out, or dying again and again. Then the service manager is to restart the instance.
//! One worker that answers is enough; the others are the supervisor's business. A request that never
//! ends is harakiri's business: a slow application must not be killed by a watchdog.
//!
//! Nobody is expected to answer before the start has succeeded, while the instance stops, and where no
//! worker is wanted; then the loop alone counts.
//!
//! A quarter of the period after a question the next follows. Answers of the last two count, so a
//! machine that is slow for half a period is not dead; a dead instance is restarted after at most
//! one and a half periods. Without the watchdog there is no timer and no question.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Tell the service manager that the instance is alive.
    pub feed: bool,
    /// It changed: it was alive and is not, or the reverse.
    pub changed: bool,
}

/// The watchdog's memory.
#[derive(Debug)]
pub struct Watchdog {
    quarter: Duration,
    next: Instant,
    /// When a worker answered last, or nobody was expected to.
    answered: Instant,
    fed: bool,
}

impl Watchdog {
    /// For a service manager that wants to hear within each `period`.
    pub fn new(period: Duration, now: Instant) -> Watchdog {
        let quarter = (period / 4).max(Duration::from_millis(1));
        Watchdog { quarter, next: now, answered: now, fed: true }
    }

    /// A worker has answered.
    pub fn answer(&mut self, now: Instant) {
        self.answered = now;
    }

    /// When [`Watchdog::beat`] is wanted.
    pub fn deadline(&self) -> Instant {
        self.next
    }

    /// If it is time: what to do, and then all workers are to be asked. `expected`: workers should be there.
    pub fn beat(&mut self, now: Instant, expected: bool) -> Option<Beat> {
        if now < self.next {
            return None;
        }
        // A loop that was late, or stopped in a debugger, has heard nobody meanwhile.
        let late = now.saturating_duration_since(self.next);
        self.next = now + self.quarter;
        if !expected || late > self.quarter {
            self.answered = now;
        }
        let feed = now.saturating_duration_since(self.answered) <= self.quarter * 2;
        let changed = feed != std::mem::replace(&mut self.fed, feed);
        Some(Beat { feed, changed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(8);

    /// Beats from now on; whether each fed. `answers(n)`: after beat n a worker answers.
    fn run(expected: bool, beats: usize, answers: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut now = Instant::now();
        let mut w = Watchdog::new(PERIOD, now);
        let mut fed = Vec::new();
        for n in 0..beats {
            assert_eq!(w.deadline(), now);
            fed.push(w.beat(now, expected).unwrap().feed);
            assert!(w.beat(now, expected).is_none(), "once");
            now += Duration::from_millis(1);
            if answers(n) {
                w.answer(now);
            }
            now = w.deadline();
        }
        fed
    }

    #[test]
    fn it_is_fed_as_long_as_somebody_answers() {
        assert!(run(true, 50, |_| true).iter().all(|f| *f));
        assert!(run(true, 50, |n| n % 2 == 0).iter().all(|f| *f), "one answer late");
        assert!(run(false, 50, |_| false).iter().all(|f| *f), "nobody is expected to answer");
    }

    #[test]
    fn it_starves_within_half_a_period_after_the_last_answer_and_recovers() {
        let fed = run(true, 20, |n| n < 10);
        // Beat 10 hears the answer to beat 9, and so do the two after it at most.
        assert!(fed[..=11].iter().all(|f| *f), "{fed:?}");
        assert!(fed[12..].iter().all(|f| !*f), "{fed:?}");
        let fed = run(true, 20, |n| n != 5 && n != 6 && n != 7);
        assert!(!fed[8] && fed[9..].iter().all(|f| *f), "{fed:?}");
    }

    #[test]
    fn a_loop_that_was_stopped_itself_asks_first() {
        let now = Instant::now();
        let mut w = Watchdog::new(PERIOD, now);
        w.beat(now, true);
        let later = now + PERIOD * 10;
        assert_eq!(w.beat(later, true), Some(Beat { feed: true, changed: false }));
    }
}
