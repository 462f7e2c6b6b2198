//! Families of numbers in the text format of OpenMetrics: heads and histograms.

use crate::scoreboard::layout::{BUCKETS, bucket_limit};
use std::fmt::Write;

/// The head of a family.
pub(super) fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# TYPE uswgi_{name} {kind}\n# HELP uswgi_{name} {help}.");
}

/// Every doubling is a bucket; the finer ones of the scoreboard would be too many series.
pub(super) fn histogram(out: &mut String, name: &str, labels: &str, buckets: &[u64; BUCKETS], sum_us: u64) {
    let comma = if labels.is_empty() { "" } else { "," };
    let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    let mut sum = 0u64;
    for (i, n) in buckets.iter().enumerate() {
        sum = sum.saturating_add(*n);
        if let Some(limit) = bucket_limit(i).filter(|_| i % 4 == 0) {
            let _ = writeln!(out, "uswgi_{name}_bucket{{{labels}{comma}le=\"{}\"}} {sum}", seconds(limit));
        }
    }
    let _ = writeln!(out, "uswgi_{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {sum}");
    let _ = writeln!(out, "uswgi_{name}_count{braced} {sum}");
    let _ = writeln!(out, "uswgi_{name}_sum{braced} {}", seconds(sum_us));
}

/// Microseconds as seconds.
pub(super) fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}
