//! From the time that each worker has spent in requests so far to how busy it was since the last look.

use std::collections::BTreeMap;
use std::time::Duration;

/// Remembers what each worker had counted. `K` names a process: a successor counts from zero.
#[derive(Debug, Clone)]
pub(in crate::supervisor) struct Meter<K> {
    counted: BTreeMap<K, u64>,
}

impl<K> Default for Meter<K> {
    fn default() -> Self {
        Meter { counted: BTreeMap::new() }
    }
}

impl<K: Ord + Copy> Meter<K> {
    /// How busy each was, in thousandths of `passed`; at most 1000, however many threads it has (one thread in
    /// a request makes a worker busy, as on uWSGI). `running` is microseconds in requests, those under way too.
    /// One that is seen for the first time has no past yet and counts as idle.
    pub(in crate::supervisor) fn read(
        &mut self,
        running: &BTreeMap<K, u64>,
        passed: Duration,
    ) -> BTreeMap<K, u32> {
        let passed = passed.as_micros().max(1);
        let of = |(&k, &now): (&K, &u64)| {
            let before = self.counted.get(&k).copied().unwrap_or(now);
            let share = u128::from(now.saturating_sub(before)) * 1000 / passed;
            // The writer ends a request in two steps, and a look may fall between them: time that went
            // missing comes back with the next look, and must not be counted twice.
            (k, share.min(1000) as u32, now.max(before))
        };
        let all: Vec<(K, u32, u64)> = running.iter().map(of).collect();
        self.counted = all.iter().map(|&(k, _, counted)| (k, counted)).collect();
        all.into_iter().map(|(k, share, _)| (k, share)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(meter: &mut Meter<u8>, passed_ms: u64, running: &[(u8, u64)]) -> Vec<(u8, u32)> {
        let running = running.iter().map(|&(k, ms)| (k, ms * 1000)).collect();
        meter.read(&running, Duration::from_millis(passed_ms)).into_iter().collect()
    }

    #[test]
    fn it_tells_the_share_of_the_time_since_the_last_look() {
        let mut m = Meter::default();
        assert_eq!(look(&mut m, 1000, &[(1, 5000)]), [(1, 0)], "it has no past");
        assert_eq!(look(&mut m, 1000, &[(1, 5250)]), [(1, 250)]);
        assert_eq!(look(&mut m, 2000, &[(1, 5750), (2, 9)]), [(1, 250), (2, 0)]);
        assert_eq!(look(&mut m, 1000, &[(1, 8750), (2, 1009)]), [(1, 1000), (2, 1000)], "two threads of it");
        assert_eq!(look(&mut m, 0, &[(1, 8750)]), [(1, 0)]);
        assert_eq!(
            look(&mut m, 1000, &[(1, 8750), (2, 3000)]),
            [(1, 0), (2, 0)],
            "forgotten when it was gone"
        );
    }

    #[test]
    fn a_look_between_the_two_steps_of_an_end_counts_nothing_twice() {
        let mut m = Meter::default();
        look(&mut m, 1000, &[(1, 700)]);
        assert_eq!(look(&mut m, 1000, &[(1, 100)]), [(1, 0)]);
        assert_eq!(look(&mut m, 1000, &[(1, 800)]), [(1, 100)]);
    }
}
