//! The buckets of the latency histograms: four for each doubling.
#![forbid(unsafe_code)]

use super::layout::BUCKETS;

/// Histogram bucket of a duration: four buckets for each doubling from 16 us on; the last one takes
/// everything from 201 s on.
pub fn bucket_of(us: u64) -> usize {
    if us < 16 {
        return 0;
    }
    let log = 63 - us.leading_zeros() as usize;
    let quarter = (us >> (log - 2)) as usize & 3;
    (1 + (log - 4) * 4 + quarter).min(BUCKETS - 1)
}

/// Upper bound (exclusive) in microseconds of a bucket; the last has none.
pub fn bucket_limit(bucket: usize) -> Option<u64> {
    match bucket {
        0 => Some(16),
        b if b >= BUCKETS - 1 => None,
        b => {
            let (log, quarter) = (4 + (b - 1) / 4, (b - 1) % 4);
            Some((5 + quarter as u64) << (log - 2))
        }
    }
}
