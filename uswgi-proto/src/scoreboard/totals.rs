//! Sums of counters: of a thread, of a worker with all that went before it, of the instance.
#![forbid(unsafe_code)]

use super::layout::{TOTALS, ThreadSlot, WorkerSlot};
use std::sync::atomic::{AtomicU64, Ordering};

/// Sums over threads; also the order of `gone` and `carried`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests of the application begun.
    pub requests: u64,
    /// Exceptions that the application let out.
    pub exceptions: u64,
    /// Requests that met their harakiri.
    pub harakiri: u64,
    /// Bytes sent.
    pub tx: u64,
    /// Microseconds in requests.
    pub running_us: u64,
    /// Failed writes.
    pub write_errors: u64,
    /// Requests that could not be read.
    pub read_errors: u64,
    /// Answers by status class 1xx to 5xx; their sum is the number of answers.
    pub by_class: [u64; 5],
    /// Static files sent.
    pub static_requests: u64,
    /// Signals of the application taken.
    pub signals: u64,
}

impl Totals {
    fn from_fn(get: impl Fn(usize) -> u64) -> Self {
        Totals {
            requests: get(0),
            exceptions: get(1),
            harakiri: get(2),
            tx: get(3),
            running_us: get(4),
            write_errors: get(5),
            read_errors: get(6),
            by_class: std::array::from_fn(|i| get(7 + i)),
            static_requests: get(12),
            signals: get(13),
        }
    }

    fn numbers(&self) -> [u64; 14] {
        let [c1, c2, c3, c4, c5] = self.by_class;
        [
            self.requests,
            self.exceptions,
            self.harakiri,
            self.tx,
            self.running_us,
            self.write_errors,
            self.read_errors,
            c1,
            c2,
            c3,
            c4,
            c5,
            self.static_requests,
            self.signals,
        ]
    }

    /// From a `gone` or `carried` array.
    pub fn load(a: &[AtomicU64; TOTALS]) -> Self {
        Totals::from_fn(|i| a[i].load(Ordering::Relaxed))
    }

    /// Into a `gone` or `carried` array.
    pub fn store(&self, a: &[AtomicU64; TOTALS]) {
        for (to, from) in a.iter().zip(self.numbers()) {
            to.store(from, Ordering::Relaxed);
        }
    }

    /// Of one thread.
    pub fn of_thread(t: &ThreadSlot) -> Self {
        let all = t.counters();
        Totals::from_fn(|i| all.get(i).map_or(0, |n| n.load(Ordering::Relaxed)))
    }

    /// Of a worker, beside what its threads count.
    pub fn beside_threads(w: &WorkerSlot) -> Self {
        Totals {
            by_class: std::array::from_fn(|i| w.by_class[i].load(Ordering::Relaxed)),
            read_errors: w.read_errors.load(Ordering::Relaxed),
            write_errors: w.write_errors.load(Ordering::Relaxed),
            signals: w.signals.load(Ordering::Relaxed),
            ..Totals::default()
        }
    }
}

impl ThreadSlot {
    /// The counters, in the order of [`Totals`], but for signals, which count for the worker.
    pub fn counters(&self) -> [&AtomicU64; 13] {
        let [c1, c2, c3, c4, c5] = &self.by_class;
        [
            &self.requests,
            &self.exceptions,
            &self.harakiri,
            &self.tx,
            &self.running_us,
            &self.write_errors,
            &self.read_errors,
            c1,
            c2,
            c3,
            c4,
            c5,
            &self.static_requests,
        ]
    }
}

impl std::ops::Add for Totals {
    type Output = Totals;
    fn add(self, o: Totals) -> Totals {
        let (a, b) = (self.numbers(), o.numbers());
        Totals::from_fn(|i| a[i].wrapping_add(b[i]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_every_counter() {
        let stored: [AtomicU64; TOTALS] = std::array::from_fn(|i| AtomicU64::new(i as u64 + 1));
        let t = Totals::load(&stored);
        assert_eq!((t.requests, t.by_class, t.static_requests), (1, [8, 9, 10, 11, 12], 13));
        (t + t).store(&stored);
        assert_eq!(Totals::load(&stored).numbers(), std::array::from_fn(|i| 2 * (i as u64 + 1)));
    }
}
