//! Slow requests as numbers and JSON (`slow-request`).

use super::families::{family, histogram};
use crate::scoreboard::layout::BUCKETS;
use crate::scoreboard::slow::{PhaseTimes, SlowBoard, SlowPhase, SlowRequest};
use serde_json::{Value, json};
use std::sync::atomic::Ordering::Relaxed;

/// All slow requests since the instance began, by phase.
#[derive(Debug, Clone)]
pub struct SlowSums {
    /// How many.
    pub requests: u64,
    /// Microseconds by phase.
    pub us: PhaseTimes,
    /// How many by the time of each phase.
    pub histograms: [[u64; BUCKETS]; SlowPhase::ALL.len()],
}

impl Default for SlowSums {
    fn default() -> SlowSums {
        SlowSums { requests: 0, us: PhaseTimes::default(), histograms: [[0; BUCKETS]; SlowPhase::ALL.len()] }
    }
}

impl SlowSums {
    /// What stands there now.
    pub fn read(board: &SlowBoard) -> SlowSums {
        SlowSums {
            requests: board.tickets.load(Relaxed),
            us: std::array::from_fn(|i| board.sums[i].load(Relaxed)),
            histograms: std::array::from_fn(|i| {
                std::array::from_fn(|b| board.histograms[i][b].load(Relaxed))
            }),
        }
    }

    /// As OpenMetrics.
    pub(super) fn openmetrics(&self, out: &mut String) {
        family(out, "slow_requests", "counter", "Requests that took at least slow-request");
        out.push_str(&format!("uswgi_slow_requests_total {}\n", self.requests));
        family(out, "slow_request_phase_seconds", "histogram", "Where the time of slow requests went");
        for (i, phase) in SlowPhase::ALL.into_iter().enumerate() {
            let labels = format!("phase=\"{}\"", phase.name());
            histogram(out, "slow_request_phase_seconds", &labels, &self.histograms[i], self.us[i]);
        }
    }

    /// As JSON.
    pub(super) fn json(&self) -> Value {
        let us: Value = SlowPhase::ALL
            .iter()
            .zip(self.us)
            .map(|(p, us)| (format!("{}_us", p.name()), json!(us)))
            .collect();
        json!({ "requests": self.requests, "phases": us })
    }
}

/// A slow request as JSON.
pub fn request(r: &SlowRequest) -> Value {
    let known = |phase: SlowPhase| match phase {
        SlowPhase::Queue => r.queue_known,
        // That was measured.
        SlowPhase::Sending => true,
        _ => r.looks > 0,
    };
    let us = |(phase, us): (&SlowPhase, u64)| {
        (format!("{}_us", phase.name()), if known(*phase) { json!(us) } else { Value::Null })
    };
    let phases: Value = SlowPhase::ALL.iter().zip(r.phases).map(us).collect();
    json!({
        "ended_ms": r.ended_ms, "total_us": r.total_us, "phases": phases, "looks": r.looks,
        "status": r.status, "worker": r.worker, "generation": r.generation,
        "method": r.line.method, "uri": r.line.uri, "remote": r.line.remote,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_null_and_not_nothing() {
        let mut r = SlowRequest { total_us: 10, phases: [1, 2, 3, 4, 5, 6], ..SlowRequest::default() };
        let phases = request(&r)["phases"].take();
        assert_eq!(
            phases,
            json!({ "queue_us": null, "gil_us": null, "running_us": null, "waiting_us": null, "input_us": null, "sending_us": 6 })
        );
        (r.looks, r.queue_known) = (9, true);
        assert_eq!(request(&r)["phases"]["gil_us"], 2);
        assert_eq!(request(&r)["phases"]["queue_us"], 1);
    }
}
