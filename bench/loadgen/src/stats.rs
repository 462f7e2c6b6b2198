//! What was seen, and the JSON of it.

use std::collections::BTreeMap;
use std::time::Duration;

/// Counters and latencies.
#[derive(Debug, Default)]
pub struct Stats {
    latencies_us: Vec<u32>,
    requests: u64,
    starved: u64,
    errors: BTreeMap<&'static str, u64>,
    /// Bytes received.
    pub bytes: u64,
    /// Persistent connections that the server closed behind an answer.
    pub closed: u64,
}

impl Stats {
    /// A good answer.
    pub fn request(&mut self, took: Duration) {
        self.latencies_us.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        self.requests += 1;
    }

    /// A request without an answer when time was up, of a client that may never have had one.
    pub fn unanswered(&mut self, waited: Duration, starved: bool) {
        self.latencies_us.push(u32::try_from(waited.as_micros()).unwrap_or(u32::MAX));
        self.starved += u64::from(starved);
    }

    /// A bad one, or none.
    pub fn error(&mut self, what: &'static str) {
        *self.errors.entry(what).or_default() += 1;
    }

    /// Everything.
    pub fn json(&mut self, took: Duration, crowd: usize) -> String {
        self.latencies_us.sort_unstable();
        let n = self.latencies_us.len();
        let at = |share: f64| {
            let i = ((n as f64 * share) as usize).min(n.saturating_sub(1));
            self.latencies_us.get(i).copied().unwrap_or(0)
        };
        let errors: Vec<String> = self.errors.iter().map(|(k, v)| format!("\"{k}\": {v}")).collect();
        let rate = self.requests as f64 / took.as_secs_f64();
        format!(
            "{{\"requests\": {}, \"starved\": {}, \"seconds\": {:.3}, \"rps\": {rate:.0}, \"p50_us\": {}, \"p99_us\": {}, \
             \"max_us\": {}, \"bytes\": {}, \"closed\": {}, \"crowd\": {crowd}, \"errors\": {{{}}}}}",
            self.requests,
            self.starved,
            took.as_secs_f64(),
            at(0.5),
            at(0.99),
            at(1.0),
            self.bytes,
            self.closed,
            errors.join(", ")
        )
    }
}
