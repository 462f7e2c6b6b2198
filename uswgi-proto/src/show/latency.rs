//! Quantiles of the durations in the histograms.
#![forbid(unsafe_code)]

use crate::scoreboard::layout::{BUCKETS, bucket_limit};

/// Upper bound in microseconds of the bucket in which this share of the requests is reached; nothing
/// without requests. The open last bucket gives the bound before it.
pub fn quantile(histogram: &[u64; BUCKETS], share: f64) -> Option<u64> {
    let all: u64 = histogram.iter().fold(0, |sum, n| sum.saturating_add(*n));
    if all == 0 {
        return None;
    }
    let rank = (all as f64 * share).ceil().max(1.0) as u64;
    let mut seen = 0u64;
    let bucket = histogram.iter().position(|n| {
        seen = seen.saturating_add(*n);
        seen >= rank
    })?;
    bucket_limit(bucket).or_else(|| bucket_limit(BUCKETS - 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::layout::bucket_of;

    #[test]
    fn quantiles_come_from_buckets() {
        let mut h = [0; BUCKETS];
        assert_eq!(quantile(&h, 0.5), None);
        h[0] = 99;
        h[BUCKETS - 1] = 1;
        assert_eq!((quantile(&h, 0.5), quantile(&h, 0.99)), (Some(16), Some(16)));
        assert_eq!(quantile(&h, 0.999), bucket_limit(BUCKETS - 2));
        h[1] = u64::MAX;
        assert!(quantile(&h, 0.5).is_some());
    }

    #[test]
    fn a_quantile_is_the_true_one_to_a_quarter_of_a_doubling() {
        // Durations of many sizes; the true quantile is known by sorting them.
        let mut all: Vec<u64> = (1..5000u64).map(|i| 20 + i * i % 800_000).collect();
        let mut h = [0; BUCKETS];
        all.iter().for_each(|us| h[bucket_of(*us)] += 1);
        all.sort_unstable();
        for share in [0.5, 0.95, 0.99] {
            let truth = all[(all.len() as f64 * share).ceil() as usize - 1];
            let told = quantile(&h, share).unwrap();
            assert!(told > truth && told <= truth + truth / 4 + 1, "{share}: {told} for {truth}");
        }
    }
}
