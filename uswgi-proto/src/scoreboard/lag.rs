//! How late the event loop of a worker's lanes is, where they share one thread: what its worker has seen of it.
#![forbid(unsafe_code)]

use super::layout::add;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets of [`LagSlot::histogram`]: one for each doubling, see [`lag_limit`].
pub const LAG_BUCKETS: usize = 24;

/// The lag of a loop. Writer: the thread of the loop, but for `asked_us`.
#[repr(C)]
pub struct LagSlot {
    /// When the loop was asked and has not turned since, [`super::monotonic_us`]; 0: nothing is open. Writers: the native
    /// thread, which asks, and the loop, which clears it.
    pub asked_us: AtomicU64,
    /// Microseconds of the last lag.
    pub last_us: AtomicU64,
    /// Sum of all of them.
    pub sum_us: AtomicU64,
    /// How often it was so late; see [`lag_limit`].
    pub histogram: [AtomicU64; LAG_BUCKETS],
}

/// Upper bound (exclusive) in microseconds of a bucket: 64 us, 128 us and so on; the last has none.
pub fn lag_limit(bucket: usize) -> Option<u64> {
    (bucket + 1 < LAG_BUCKETS).then(|| 64 << bucket)
}

fn lag_bucket(us: u64) -> usize {
    ((us / 64).checked_ilog2().map_or(0, |log| log as usize + 1)).min(LAG_BUCKETS - 1)
}

impl LagSlot {
    /// The loop has turned, so late.
    pub fn count(&self, us: u64) {
        self.last_us.store(us, Relaxed);
        add(&self.sum_us, us);
        add(&self.histogram[lag_bucket(us)], 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_its_limits_say() {
        for us in (0..200_000).chain((1..40).flat_map(|log| [(1 << log) - 1, 1 << log])) {
            let bucket = lag_bucket(us);
            assert!(lag_limit(bucket).is_none_or(|limit| us < limit), "{us} in {bucket}");
            assert!(
                bucket == 0 || lag_limit(bucket - 1).is_some_and(|limit| limit <= us),
                "{us} in {bucket}"
            );
        }
    }
}
