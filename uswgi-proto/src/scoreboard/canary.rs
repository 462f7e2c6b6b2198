//! The canary on the scoreboard: two generations beside each other, as the master compares them. Writer of every field:
//! the master. It stays there when the canary is over, until the next one begins.
#![forbid(unsafe_code)]

use super::layout::{BUCKETS, ThreadSlot};
use super::text::Text;
use super::totals::Totals;
use crate::canary::Terms;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Tracebacks that are kept of a canary: the most frequent ones.
pub const TRACEBACKS: usize = 3;

/// How far a canary is. Stored as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum CanaryState {
    /// There was none.
    #[default]
    None = 0,
    /// The new generation is loaded, or its workers are not all there.
    Starting = 1,
    /// Both are compared.
    Comparing = 2,
    /// It was not worse, or an operator wanted it: it goes on to all workers, or has done so.
    Promoted = 3,
    /// It was worse, or it did not start.
    TakenBack = 4,
    /// An operator has ended it, or the instance was stopped.
    Aborted = 5,
}

impl CanaryState {
    /// From the stored number; an unknown one reads as the first state.
    pub fn from_number(n: u32) -> CanaryState {
        let all = [
            CanaryState::Starting,
            CanaryState::Comparing,
            CanaryState::Promoted,
            CanaryState::TakenBack,
            CanaryState::Aborted,
        ];
        all.into_iter().find(|s| *s as u32 == n).unwrap_or(CanaryState::None)
    }

    /// Name, in text and JSON.
    pub fn name(self) -> &'static str {
        match self {
            CanaryState::None => "none",
            CanaryState::Starting => "starting",
            CanaryState::Comparing => "comparing",
            CanaryState::Promoted => "promoted",
            CanaryState::TakenBack => "taken-back",
            CanaryState::Aborted => "aborted",
        }
    }

    /// Whether it is under way.
    pub fn under_way(self) -> bool {
        matches!(self, CanaryState::Starting | CanaryState::Comparing)
    }
}

/// What one generation has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Answers 5xx.
    pub errors: u64,
    /// Exceptions that the application let out.
    pub exceptions: u64,
    /// Requests that met their harakiri.
    pub harakiri: u64,
    /// Requests that are over, by duration; see [`super::layout::bucket_of`].
    pub histogram: [u64; BUCKETS],
}

impl Default for Tally {
    fn default() -> Tally {
        Tally { errors: 0, exceptions: 0, harakiri: 0, histogram: [0; BUCKETS] }
    }
}

impl Tally {
    /// Of a worker: its sums, and its threads.
    pub fn of<'a>(totals: &Totals, threads: impl Iterator<Item = &'a ThreadSlot>) -> Tally {
        let mut tally = Tally {
            errors: totals.by_class[4],
            exceptions: totals.exceptions,
            harakiri: totals.harakiri,
            ..Tally::default()
        };
        for t in threads {
            tally.histogram.iter_mut().zip(&t.histogram).for_each(|(to, from)| *to += from.load(Relaxed));
        }
        tally
    }

    /// Requests that failed: the same one may be an exception and an answer 5xx, so the larger of both counts.
    pub fn failures(&self) -> u64 {
        self.errors.max(self.exceptions + self.harakiri)
    }

    /// Requests that are over.
    pub fn requests(&self) -> u64 {
        self.histogram.iter().sum::<u64>().max(self.failures())
    }

    /// What has come since then.
    pub fn since(&self, before: &Tally) -> Tally {
        Tally {
            errors: self.errors.saturating_sub(before.errors),
            exceptions: self.exceptions.saturating_sub(before.exceptions),
            harakiri: self.harakiri.saturating_sub(before.harakiri),
            histogram: std::array::from_fn(|i| self.histogram[i].saturating_sub(before.histogram[i])),
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, o: Tally) {
        self.errors += o.errors;
        self.exceptions += o.exceptions;
        self.harakiri += o.harakiri;
        self.histogram.iter_mut().zip(o.histogram).for_each(|(to, n)| *to += n);
    }
}

/// One of the two generations.
#[repr(C)]
pub struct ArmSlot {
    /// Its number.
    pub generation: AtomicU64,
    /// Workers of it that serve, at the last look.
    pub workers: AtomicU64,
    /// Its workers that died since the comparison began.
    pub deaths: AtomicU64,
    /// As [`Tally::errors`], since the comparison began.
    pub errors: AtomicU64,
    /// As [`Tally::exceptions`].
    pub exceptions: AtomicU64,
    /// As [`Tally::harakiri`].
    pub harakiri: AtomicU64,
    /// As [`Tally::histogram`].
    pub histogram: [AtomicU64; BUCKETS],
}

/// A traceback of the new generation.
#[repr(C)]
pub struct TracebackSlot {
    /// How often it was seen; 0: none. Workers tell of the first, second, fourth, eighth... time.
    pub count: AtomicU64,
    /// The end of the text.
    pub text: Text<190>,
}

/// The canary.
#[repr(C)]
pub struct CanarySlot {
    /// [`CanaryState`].
    pub state: AtomicU32,
    /// [`Terms::share`].
    pub share: AtomicU32,
    /// [`Terms::seconds`].
    pub seconds: AtomicU32,
    /// [`Terms::max_5xx`].
    pub max_5xx: AtomicU32,
    /// [`Terms::max_slower`].
    pub max_slower: AtomicU32,
    /// [`Terms::min_requests`].
    pub min_requests: AtomicU32,
    /// Milliseconds for which both were compared so far.
    pub compared_ms: AtomicU64,
    /// When this was written, seconds since the epoch.
    pub written_at: AtomicU64,
    /// The generation that was there, and the new one.
    pub arms: [ArmSlot; 2],
    /// Most frequent first.
    pub tracebacks: [TracebackSlot; TRACEBACKS],
    /// What came of it, or what it waits for.
    pub verdict: Text<60>,
}

impl CanarySlot {
    /// The terms.
    pub fn terms(&self) -> Terms {
        Terms {
            share: self.share.load(Relaxed),
            seconds: self.seconds.load(Relaxed),
            max_5xx: self.max_5xx.load(Relaxed),
            max_slower: self.max_slower.load(Relaxed),
            min_requests: self.min_requests.load(Relaxed),
        }
    }

    /// Put terms there.
    pub fn set_terms(&self, t: &Terms) {
        let all = [t.share, t.seconds, t.max_5xx, t.max_slower, t.min_requests];
        let places = [&self.share, &self.seconds, &self.max_5xx, &self.max_slower, &self.min_requests];
        places.iter().zip(all).for_each(|(to, n)| to.store(n, Relaxed));
    }
}

impl ArmSlot {
    /// What stands there.
    pub fn tally(&self) -> Tally {
        Tally {
            errors: self.errors.load(Relaxed),
            exceptions: self.exceptions.load(Relaxed),
            harakiri: self.harakiri.load(Relaxed),
            histogram: std::array::from_fn(|i| self.histogram[i].load(Relaxed)),
        }
    }

    /// Put it there.
    pub fn set_tally(&self, t: &Tally) {
        self.errors.store(t.errors, Relaxed);
        self.exceptions.store(t.exceptions, Relaxed);
        self.harakiri.store(t.harakiri, Relaxed);
        self.histogram.iter().zip(t.histogram).for_each(|(to, n)| to.store(n, Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_once_whatever_it_is_called() {
        let mut t = Tally { errors: 5, exceptions: 4, harakiri: 1, ..Tally::default() };
        assert_eq!((t.failures(), t.requests()), (5, 5));
        t.exceptions = 9;
        t.histogram[7] = 30;
        assert_eq!((t.failures(), t.requests()), (10, 30));
        let mut more = t;
        more += t;
        assert_eq!(more.since(&t), t);
        assert_eq!(t.since(&more), Tally::default());
    }

    #[test]
    fn states_are_read_as_they_were_written() {
        for n in 0..7 {
            let state = CanaryState::from_number(n);
            assert_eq!(state as u32, if n == 6 { 0 } else { n });
        }
    }
}
