//! The stall detector: whether the lanes of a worker get on.
//!
//! When none does, what waits here is better off with another worker. A thread that only waits for a processor gets on as
//! soon as it has one, and the other workers wait for one too: connections that are passed on then wander among them for
//! nothing, and gather where the kernel's list of waiters begins (observed with 8 workers, 128 busy connections and 2
//! processors: 300 passed on a second, up to 46 with one worker and 1 with another; without that 14 to 17 with each). So
//! a request counts as one that does not move when its thread runs or sleeps.
//!
//! A sleep that no signal interrupts is a wait for a device or for a lock of the kernel, and who holds the lock may be
//! waiting for a processor. Workers that log into one file meet at the lock of its position: on a machine with too much
//! to do 60 to 310 connections were passed on within 8,000 requests for no other reason. So such a wait counts when it lasts.

#![forbid(unsafe_code)]

/// A request that does not move has had so much of a processor between two looks, in microseconds, or its thread sleeps.
const STUCK_US: u64 = 5_000;

/// A wait in the kernel counts when so many looks in a row have found it in the same request: 200 ms, as long as the
/// reader of a log may take, and longer where the looks themselves wait for a processor.
const LASTING: u32 = 20;

/// What was seen of one thread.
#[derive(Debug, Clone, Copy, Default)]
struct WatchedThread {
    /// Odd while it holds a request; grows by one at both ends.
    sequence: u64,
    /// How long it had run in its life when this was first seen.
    ran_us: u64,
    /// How many looks in a row have found it waiting in the kernel, in this request.
    waits: u32,
}

/// What a thread does that has been in one request for two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It runs, or would if it had a processor.
    Runs,
    /// It sleeps until something happens: it calls another server, waits for a lock of Python's, sleeps.
    Sleeps,
    /// It waits for a device or for a lock in the kernel, and no signal interrupts it.
    Waits,
}

/// What was seen of all threads of a worker.
#[derive(Debug)]
pub(crate) struct StallDetector {
    threads: Vec<WatchedThread>,
}

/// The result of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Some thread has begun or ended a request since the last look.
    pub moved: bool,
    /// Every thread is in a request that does not move.
    pub all_stuck: bool,
    /// Some thread has no request.
    pub any_idle: bool,
}

impl WatchedThread {
    /// Whether what it does keeps it in its request.
    fn stays(&mut self, doing: Doing) -> bool {
        self.waits = if doing == Doing::Waits { self.waits + 1 } else { 0 };
        doing == Doing::Sleeps || self.waits >= LASTING
    }
}

impl StallDetector {
    /// So many threads, none of which has had a request.
    pub(crate) fn new(threads: usize) -> StallDetector {
        StallDetector { threads: vec![WatchedThread::default(); threads] }
    }

    /// Look at the sequences of all threads. `ran_us` tells how long a thread (by its index) has run in its life, and is
    /// asked for those with a request; `doing` what it does, for those whose request is the one of the last look.
    pub(crate) fn look(
        &mut self,
        sequences: impl Iterator<Item = u64>,
        mut ran_us: impl FnMut(usize) -> u64,
        mut doing: impl FnMut(usize) -> Doing,
    ) -> Look {
        let mut seen = Look { moved: false, all_stuck: true, any_idle: false };
        for (i, (thread, sequence)) in self.threads.iter_mut().zip(sequences).enumerate() {
            let busy = sequence & 1 == 1;
            let ran = if busy { ran_us(i) } else { 0 };
            seen.any_idle |= !busy;
            if sequence != thread.sequence {
                *thread = WatchedThread { sequence, ran_us: ran, waits: 0 };
                (seen.moved, seen.all_stuck) = (true, false);
            } else {
                seen.all_stuck &=
                    busy && (ran.saturating_sub(thread.ran_us) >= STUCK_US || thread.stays(doing(i)));
            }
        }
        seen
    }

    /// Whether some thread has begun or ended a request since the last look.
    pub(crate) fn has_moved(&self, sequences: impl Iterator<Item = u64>) -> bool {
        self.threads.iter().zip(sequences).any(|(t, now)| t.sequence != now)
    }
}

/// What the thread does whose `/proc/PID/task/TID/stat` this is, by its state behind the name in parentheses (proc(5)).
/// What is of another form is taken for asleep.
pub(crate) fn doing(stat: &str) -> Doing {
    match stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()) {
        Some('R') => Doing::Runs,
        Some('D') => Doing::Waits,
        _ => Doing::Sleeps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sequences, how long each thread has run in its life, and whether it sleeps.
    fn at(progress: &mut StallDetector, threads: &[(u64, u64, bool)]) -> (bool, bool) {
        let doing = |i: usize| if threads[i].2 { Doing::Sleeps } else { Doing::Runs };
        let seen = progress.look(threads.iter().map(|t| t.0), |i| threads[i].1, doing);
        (seen.moved, seen.all_stuck)
    }

    #[test]
    fn a_request_that_runs_or_sleeps_from_one_look_to_the_next_does_not_move() {
        let mut p = StallDetector::new(1);
        assert_eq!(at(&mut p, &[(1, 0, true)]), (true, false));
        assert_eq!(at(&mut p, &[(1, 0, true)]), (false, true));
        // Another one.
        assert_eq!(at(&mut p, &[(3, 1_000, false)]), (true, false));
        assert_eq!(at(&mut p, &[(3, 9_000, false)]), (false, true));
        assert_eq!(at(&mut p, &[(4, 10_000, true)]), (true, false));
        assert_eq!(at(&mut p, &[(4, 10_000, true)]), (false, false), "idle");
    }

    #[test]
    fn one_that_waits_for_a_processor_is_not_stuck_until_it_has_had_its_time() {
        let mut p = StallDetector::new(1);
        at(&mut p, &[(1, 700, false)]);
        assert_eq!(at(&mut p, &[(1, 700, false)]), (false, false));
        assert_eq!(at(&mut p, &[(1, 3_700, false)]), (false, false));
        assert_eq!(at(&mut p, &[(1, 5_700, false)]), (false, true));
    }

    #[test]
    fn one_thread_that_gets_on_is_enough() {
        let mut p = StallDetector::new(2);
        at(&mut p, &[(1, 0, true), (1, 0, true)]);
        assert_eq!(at(&mut p, &[(1, 0, true), (3, 0, true)]), (true, false));
        assert_eq!(at(&mut p, &[(1, 0, true), (4, 0, true)]), (true, false));
        assert!(p.look([1, 4].into_iter(), |_| 0, |_| Doing::Sleeps).any_idle);
        assert_eq!(at(&mut p, &[(1, 0, true), (5, 0, true)]), (true, false));
        assert_eq!(at(&mut p, &[(1, 0, true), (5, 0, true)]), (false, true));
        assert!(!p.has_moved([1, 5].into_iter()) && p.has_moved([1, 6].into_iter()));
    }

    #[test]
    fn a_wait_in_the_kernel_counts_when_it_lasts() {
        let mut p = StallDetector::new(1);
        let mut look = |sequence, doing| p.look([sequence].into_iter(), |_| 0, |_| doing).all_stuck;
        let stuck_after = |look: &mut dyn FnMut() -> bool| (1..100).find(|_| look());
        look(1, Doing::Waits);
        assert_eq!(stuck_after(&mut || look(1, Doing::Waits)), Some(LASTING));
        assert!(look(1, Doing::Waits) && look(1, Doing::Sleeps) && !look(1, Doing::Runs));
        // Waits that are none of one: the lock was had between them, or the request is another one.
        assert_eq!(stuck_after(&mut || look(1, Doing::Waits)), Some(LASTING));
        look(3, Doing::Waits);
        assert_eq!(stuck_after(&mut || look(3, Doing::Waits)), Some(LASTING));
    }

    #[test]
    fn the_state_is_read_as_the_kernel_writes_it() {
        assert_eq!(doing("77 (a b) D) R 1 77"), Doing::Runs);
        assert_eq!(doing("77 (R) S 1 77"), Doing::Sleeps);
        assert_eq!(doing("77 (R) D 1 77"), Doing::Waits);
        assert_eq!(doing(""), Doing::Sleeps);
    }
}
