//! Whether the threads of a worker get on.
//!
//! When none does, what waits here is better off with another worker. A thread that only waits for a processor gets on as
//! soon as it has one, and the other workers wait for one too: connections that are passed on then wander among them for
//! nothing, and gather where the kernel's list of waiters begins (observed with 8 workers, 128 busy connections and 2
//! processors: 300 passed on a second, up to 46 with one worker and 1 with another; without that 14 to 17 with each). So
//! a request counts as one that does not move when its thread runs or sleeps.

#![forbid(unsafe_code)]

/// A request that does not move has had so much of a processor between two looks, in microseconds, or its thread sleeps.
const STUCK_US: u64 = 5_000;

/// What was seen of one thread.
#[derive(Debug, Clone, Copy, Default)]
struct Thread {
    /// Odd while it holds a request; grows by one at both ends.
    sequence: u64,
    /// How long it had run in its life when this was first seen.
    ran_us: u64,
}

/// What was seen of all threads of a worker.
#[derive(Debug)]
pub(crate) struct Progress {
    threads: Vec<Thread>,
}

/// The result of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Some thread has begun or ended a request since the last look.
    pub moved: bool,
    /// Every thread is in a request that does not move.
    pub all_stuck: bool,
    /// Some thread has no request.
    pub any_idle: bool,
}

impl Progress {
    /// So many threads, none of which has had a request.
    pub(crate) fn new(threads: usize) -> Progress {
        Progress { threads: vec![Thread::default(); threads] }
    }

    /// Look at the sequences of all threads. `ran_us` tells how long a thread (by its index) has run in its life, and is
    /// asked for those with a request; `sleeps` whether it sleeps, for those whose request is the one of the last look.
    pub(crate) fn look(
        &mut self,
        sequences: impl Iterator<Item = u64>,
        mut ran_us: impl FnMut(usize) -> u64,
        mut sleeps: impl FnMut(usize) -> bool,
    ) -> Seen {
        let mut seen = Seen { moved: false, all_stuck: true, any_idle: false };
        for (i, (thread, sequence)) in self.threads.iter_mut().zip(sequences).enumerate() {
            let busy = sequence & 1 == 1;
            let ran = if busy { ran_us(i) } else { 0 };
            seen.any_idle |= !busy;
            if sequence != thread.sequence {
                *thread = Thread { sequence, ran_us: ran };
                (seen.moved, seen.all_stuck) = (true, false);
            } else {
                seen.all_stuck &= busy && (ran.saturating_sub(thread.ran_us) >= STUCK_US || sleeps(i));
            }
        }
        seen
    }

    /// Whether some thread has begun or ended a request since the last look.
    pub(crate) fn has_moved(&self, sequences: impl Iterator<Item = u64>) -> bool {
        self.threads.iter().zip(sequences).any(|(t, now)| t.sequence != now)
    }
}

/// Whether the thread whose `/proc/PID/task/TID/stat` this is sleeps: its state, behind the name in parentheses, is not
/// R (proc(5)). What is of another form is taken for asleep.
pub(crate) fn sleeps(stat: &str) -> bool {
    stat.rsplit_once(") ").is_none_or(|(_, rest)| !rest.starts_with('R'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sequences, how long each thread has run in its life, and whether it sleeps.
    fn at(progress: &mut Progress, threads: &[(u64, u64, bool)]) -> (bool, bool) {
        let seen = progress.look(threads.iter().map(|t| t.0), |i| threads[i].1, |i| threads[i].2);
        (seen.moved, seen.all_stuck)
    }

    #[test]
    fn a_request_that_runs_or_sleeps_from_one_look_to_the_next_does_not_move() {
        let mut p = Progress::new(1);
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
        let mut p = Progress::new(1);
        at(&mut p, &[(1, 700, false)]);
        assert_eq!(at(&mut p, &[(1, 700, false)]), (false, false));
        assert_eq!(at(&mut p, &[(1, 3_700, false)]), (false, false));
        assert_eq!(at(&mut p, &[(1, 5_700, false)]), (false, true));
    }

    #[test]
    fn one_thread_that_gets_on_is_enough() {
        let mut p = Progress::new(2);
        at(&mut p, &[(1, 0, true), (1, 0, true)]);
        assert_eq!(at(&mut p, &[(1, 0, true), (3, 0, true)]), (true, false));
        assert_eq!(at(&mut p, &[(1, 0, true), (4, 0, true)]), (true, false));
        assert!(p.look([1, 4].into_iter(), |_| 0, |_| true).any_idle);
        assert_eq!(at(&mut p, &[(1, 0, true), (5, 0, true)]), (true, false));
        assert_eq!(at(&mut p, &[(1, 0, true), (5, 0, true)]), (false, true));
        assert!(!p.has_moved([1, 5].into_iter()) && p.has_moved([1, 6].into_iter()));
    }

    #[test]
    fn the_state_is_read_as_the_kernel_writes_it() {
        assert!(!sleeps("77 (a b) R) R 1 77"));
        assert!(sleeps("77 (R) S 1 77") && sleeps("77 (R) D 1 77") && sleeps(""));
    }
}
