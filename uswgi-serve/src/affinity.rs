//! Which CPUs a worker is bound to (`cpu-affinity`), by uWSGI's rule: worker 1 gets the first so many, worker 2
//! the next ones, and so on around. Pure; numbers count the CPUs that the instance may use.

/// The CPUs for a worker. `allowed` are the numbers of the CPUs that may be used, in order.
pub fn cpus_of(allowed: &[usize], per_worker: u32, worker_id: u32) -> Vec<usize> {
    let Some(last) = allowed.len().checked_sub(1) else { return Vec::new() };
    let first = u64::from(worker_id.saturating_sub(1)) * u64::from(per_worker);
    let count = u64::from(per_worker).min(allowed.len() as u64);
    (first..first + count).filter_map(|n| allowed.get((n % (last as u64 + 1)) as usize).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_worker_gets_the_next_cpus_and_then_it_begins_again() {
        let of = |id| cpus_of(&[0, 1, 2, 3], 1, id);
        assert_eq!((1..=5).flat_map(of).collect::<Vec<_>>(), [0, 1, 2, 3, 0]);
        let of = |id| cpus_of(&[0, 1, 2], 2, id);
        assert_eq!((1..=4).map(of).collect::<Vec<_>>(), [[0, 1], [2, 0], [1, 2], [0, 1]]);
    }

    #[test]
    fn only_allowed_cpus_are_used_and_never_one_twice() {
        assert_eq!(cpus_of(&[3, 9], 1, 2), [9]);
        assert_eq!(cpus_of(&[3, 9], 7, 1), [3, 9]);
        assert!(cpus_of(&[3, 9], 0, 1).is_empty());
        assert!(cpus_of(&[], 2, 1).is_empty());
        assert_eq!(cpus_of(&[1, 2], u32::MAX, u32::MAX).len(), 2);
    }
}
