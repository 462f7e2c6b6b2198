//! How late the loops of workers are in which their lanes run: a number, a distribution, a histogram for Prometheus.

use super::families::{family, seconds};
use super::snapshot::Worker;
use crate::scoreboard::lag::{LAG_BUCKETS, LagSlot, lag_limit};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

/// Of one worker's loop, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoopLag {
    /// For how many microseconds it has not turned although it was asked to; 0: it turns.
    pub stands_us: u64,
    /// Microseconds of the last lag.
    pub last_us: u64,
    /// Sum of all.
    pub sum_us: u64,
    /// How often it was so late ([`lag_limit`]).
    pub histogram: [u64; LAG_BUCKETS],
}

impl LoopLag {
    /// As it is shown now.
    pub(super) fn read(slot: &LagSlot, now_us: u64) -> LoopLag {
        let asked = slot.asked_us.load(Relaxed);
        LoopLag {
            stands_us: if asked > 0 { now_us.saturating_sub(asked) } else { 0 },
            last_us: slot.last_us.load(Relaxed),
            sum_us: slot.sum_us.load(Relaxed),
            histogram: std::array::from_fn(|i| slot.histogram[i].load(Relaxed)),
        }
    }

    /// Of all loops together; the one that stands longest counts. None where there is none.
    pub fn of_all(workers: &[Worker]) -> Option<LoopLag> {
        workers.iter().filter_map(|w| w.lag).reduce(|a, b| LoopLag {
            stands_us: a.stands_us.max(b.stands_us),
            last_us: a.last_us.max(b.last_us),
            sum_us: a.sum_us.wrapping_add(b.sum_us),
            histogram: std::array::from_fn(|i| a.histogram[i].wrapping_add(b.histogram[i])),
        })
    }

    /// The lag now: that of the last time, or longer if it has not turned for longer.
    pub fn now_us(&self) -> u64 {
        self.last_us.max(self.stands_us)
    }

    /// How often the loops were asked.
    pub fn count(&self) -> u64 {
        self.histogram.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Upper bound in microseconds of the bucket in which this share is reached; None before there is one.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let rank = (self.count() as f64 * share).ceil() as u64;
        if rank == 0 {
            return None;
        }
        let mut seen = 0u64;
        let bucket = self.histogram.iter().position(|n| {
            seen = seen.saturating_add(*n);
            seen >= rank
        })?;
        lag_limit(bucket).or_else(|| lag_limit(LAG_BUCKETS - 2))
    }

    /// For `status --json` and the statistics.
    pub fn json(&self) -> Value {
        json!({
            "now": self.now_us(), "stands": self.stands_us, "last": self.last_us,
            "p50": self.quantile(0.5), "p99": self.quantile(0.99),
        })
    }
}

/// A histogram for each worker that has a loop.
pub(super) fn openmetrics(out: &mut String, workers: &[Worker]) {
    let loops = || workers.iter().filter_map(|w| Some((w.slot, w.id, w.lag?)));
    family(out, "worker_loop_lag_seconds", "histogram", "How late the loop of all greenlets or tasks turned");
    for (slot, id, lag) in loops() {
        let labels = format!("slot=\"{slot}\",worker=\"{id}\"");
        let mut sum = 0u64;
        for (bucket, n) in lag.histogram.iter().enumerate() {
            sum = sum.saturating_add(*n);
            let limit = lag_limit(bucket).map_or("+Inf".into(), seconds);
            let _ = writeln!(out, "uswgi_worker_loop_lag_seconds_bucket{{{labels},le=\"{limit}\"}} {sum}");
        }
        let _ = writeln!(out, "uswgi_worker_loop_lag_seconds_count{{{labels}}} {sum}");
        let _ = writeln!(out, "uswgi_worker_loop_lag_seconds_sum{{{labels}}} {}", seconds(lag.sum_us));
    }
    family(
        out,
        "worker_loop_stands_seconds",
        "gauge",
        "For how long the loop has not turned although it was asked to",
    );
    for (slot, id, lag) in loops() {
        let stands = seconds(lag.stands_us);
        let _ = writeln!(out, "uswgi_worker_loop_stands_seconds{{slot=\"{slot}\",worker=\"{id}\"}} {stands}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::{WorkerState, monotonic_us};
    use crate::settings::LaneKind;
    use crate::show::Snapshot;

    fn two() -> Snapshot {
        Snapshot::of_sample(|board| {
            for (slot, kind) in [(0, LaneKind::Tasks), (1, LaneKind::Threads)] {
                let w = board.worker(slot).unwrap();
                w.state.store(WorkerState::Ready as u32, Relaxed);
                w.lanes.store(kind as u32, Relaxed);
                for us in [50, 70, 70, 5_000] {
                    w.lag.count(us);
                }
                w.lag.asked_us.store(monotonic_us() - 3_000_000, Relaxed);
            }
        })
    }

    #[test]
    fn a_lag_is_shown_of_loops_only_and_counts_while_it_lasts() {
        let s = two();
        assert_eq!((s.workers[0].lanes, s.workers[1].lag), (LaneKind::Tasks, None));
        let lag = LoopLag::of_all(&s.workers).unwrap();
        assert_eq!((lag.last_us, lag.sum_us, lag.count()), (5_000, 5_190, 4));
        assert!((3_000_000..60_000_000).contains(&lag.now_us()), "{lag:?}");
        assert_eq!((lag.quantile(0.5), lag.quantile(0.99)), (Some(128), Some(8_192)));
        assert_eq!(LoopLag::default().quantile(0.5), None);
    }

    #[test]
    fn prometheus_gets_a_histogram_that_ends_with_all() {
        let mut out = String::new();
        openmetrics(&mut out, &two().workers);
        for line in [
            "uswgi_worker_loop_lag_seconds_bucket{slot=\"0\",worker=\"0\",le=\"0.000064\"} 1",
            "uswgi_worker_loop_lag_seconds_bucket{slot=\"0\",worker=\"0\",le=\"0.000128\"} 3",
            "uswgi_worker_loop_lag_seconds_bucket{slot=\"0\",worker=\"0\",le=\"+Inf\"} 4",
            "uswgi_worker_loop_lag_seconds_sum{slot=\"0\",worker=\"0\"} 0.005190",
        ] {
            assert!(out.lines().any(|l| l == line), "{line}: {out}");
        }
        assert!(!out.contains("slot=\"1\""), "{out}");
    }
}
