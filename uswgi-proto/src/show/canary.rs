//! The canary: both generations side by side, as the master has compared them.
#![forbid(unsafe_code)]

use super::latency::quantile;
use crate::canary::{Terms, decimal};
use crate::scoreboard::canary::{CanarySlot, CanaryState, Tally};
use serde_json::{Value, json};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// One of the two generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arm {
    /// Its number.
    pub generation: u64,
    /// Its workers that serve.
    pub workers: u64,
    /// Those that died since the comparison began.
    pub deaths: u64,
    /// What it answered since.
    pub tally: Tally,
}

/// A canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// How far it is.
    pub state: CanaryState,
    /// What was agreed.
    pub terms: Terms,
    /// Milliseconds for which both were compared.
    pub compared_ms: u64,
    /// When it was looked at last, seconds since the epoch.
    pub written_at: u64,
    /// The generation that was there, and the new one.
    pub arms: [Arm; 2],
    /// Tracebacks of the new one and how often they were seen at least, most frequent first.
    pub tracebacks: Vec<(u64, String)>,
    /// What came of it, or what it waits for.
    pub verdict: String,
}

/// None: there was none since the start.
pub(super) fn read(slot: &CanarySlot) -> Option<Canary> {
    let state = CanaryState::from_number(slot.state.load(Acquire));
    if state == CanaryState::None {
        return None;
    }
    let arm = |i: usize| {
        let a = &slot.arms[i];
        let (generation, workers) = (a.generation.load(Relaxed), a.workers.load(Relaxed));
        Arm { generation, workers, deaths: a.deaths.load(Relaxed), tally: a.tally() }
    };
    let told = slot.tracebacks.iter().map(|t| (t.count.load(Relaxed), t.text.read().unwrap_or_default()));
    Some(Canary {
        state,
        terms: slot.terms(),
        compared_ms: slot.compared_ms.load(Relaxed),
        written_at: slot.written_at.load(Relaxed),
        arms: [arm(0), arm(1)],
        tracebacks: told.filter(|(n, _)| *n > 0).collect(),
        verdict: slot.verdict.read().unwrap_or_default(),
    })
}

/// A share in percent; nothing of nothing.
fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 * 10_000.0 / whole as f64).round() / 100.0)
}

impl Canary {
    /// Share of the requests that the new generation had, in percent.
    pub fn share(&self) -> Option<f64> {
        let [old, new] = self.arms.map(|a| a.tally.requests());
        percent(new, old.saturating_add(new))
    }

    /// How long both were compared, of how many seconds; longer only while there were too few requests.
    fn compared(&self) -> String {
        let (seconds, wanted) = (self.compared_ms / 1000, u64::from(self.terms.seconds));
        match seconds <= wanted {
            true => format!("{seconds} s of {wanted}"),
            false => format!("{seconds} s (more than {wanted}, as requests are few)"),
        }
    }

    /// In a line.
    pub fn line(&self) -> String {
        let [old, new] = &self.arms;
        if self.state == CanaryState::Starting {
            return format!("canary starting: generation {} beside {}", new.generation, old.generation);
        }
        let failed =
            |a: &Arm| percent(a.tally.failures(), a.tally.requests()).map_or("-".into(), |p| format!("{p}%"));
        let had = self.share().map_or(String::new(), |s| format!(" ({s}% of all)"));
        format!(
            "canary {}: generation {} beside {}, {} of {} workers, {} requests{had}, failures {} against {}, {} compared",
            self.state.name(),
            new.generation,
            old.generation,
            new.workers,
            new.workers + old.workers,
            new.tally.requests(),
            failed(new),
            failed(old),
            self.compared(),
        )
    }

    /// In a line for itself and one for each generation.
    pub fn lines(&self) -> [String; 3] {
        let of = |a: &Arm| {
            let at = |share| {
                quantile(&a.tally.histogram, share)
                    .map_or("-".into(), |us| format!("{:.1}", us as f64 / 1000.0))
            };
            let failed =
                percent(a.tally.failures(), a.tally.requests()).map_or("-".into(), |p| format!("{p}%"));
            format!(
                "  generation {}: {} workers, {} requests, {failed} failed, {} died; p50 {} p95 {} p99 {} ms",
                a.generation,
                a.workers,
                a.tally.requests(),
                a.deaths,
                at(0.5),
                at(0.95),
                at(0.99)
            )
        };
        let had = self.share().map_or("none".into(), |s| format!("{s}%"));
        let head = format!(
            "canary {}: {} compared, the new one had {had} of the requests",
            self.state.name(),
            self.compared()
        );
        [head, of(&self.arms[0]), of(&self.arms[1])]
    }

    /// Both side by side, with what came of it and the tracebacks: one screen.
    pub fn screen(&self) -> String {
        let [old, new] = &self.arms;
        let mut out = format!(
            "{:<22}{:>16}{:>16}\n",
            "",
            format!("generation {}", old.generation),
            format!("generation {}", new.generation)
        );
        let mut row = |name: &str, of: &dyn Fn(&Arm) -> String| {
            out += &format!("{name:<22}{:>16}{:>16}\n", of(old), of(new));
        };
        let rate = |n: u64, a: &Arm| match percent(n, a.tally.requests()) {
            Some(p) => format!("{n} ({p}%)"),
            None => n.to_string(),
        };
        row("workers", &|a| a.workers.to_string());
        row("requests", &|a| a.tally.requests().to_string());
        row("failed", &|a| rate(a.tally.failures(), a));
        row("  answers 5xx", &|a| a.tally.errors.to_string());
        row("  exceptions", &|a| a.tally.exceptions.to_string());
        row("  harakiri", &|a| a.tally.harakiri.to_string());
        row("workers that died", &|a| a.deaths.to_string());
        for (name, share) in
            [("half within", 0.5), ("90 % within", 0.9), ("95 % within", 0.95), ("99 % within", 0.99)]
        {
            row(name, &|a| {
                quantile(&a.tally.histogram, share)
                    .map_or("-".into(), |us| format!("{:.1} ms", us as f64 / 1000.0))
            });
        }
        let t = &self.terms;
        let had = self.share().map_or("none".into(), |s| format!("{s}%"));
        out += &format!(
            "compared for {}; the new one had {had} of the requests ({}% wanted)\nmay have: failures +{}%, {}x the time; judged from {} requests on\n",
            self.compared(),
            decimal(t.share),
            decimal(t.max_5xx),
            decimal(t.max_slower),
            t.min_requests
        );
        if !self.verdict.is_empty() {
            out += &format!("{}: {}\n", self.state.name(), self.verdict);
        }
        for (count, text) in &self.tracebacks {
            out +=
                &format!("\n{count} times or more, in generation {}:\n{}\n", new.generation, text.trim_end());
        }
        out
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let arm = |a: &Arm| {
            let us = |share| quantile(&a.tally.histogram, share);
            json!({
                "generation": a.generation,
                "workers": a.workers,
                "requests": a.tally.requests(),
                "failures": a.tally.failures(),
                "errors_5xx": a.tally.errors,
                "exceptions": a.tally.exceptions,
                "harakiri": a.tally.harakiri,
                "deaths": a.deaths,
                "latency_us": { "p50": us(0.5), "p90": us(0.9), "p95": us(0.95), "p99": us(0.99) },
            })
        };
        let percent = |n: u32| f64::from(n) / 100.0;
        json!({
            "state": self.state.name(),
            "old": arm(&self.arms[0]),
            "new": arm(&self.arms[1]),
            "share_percent": self.share(),
            "wanted_share_percent": percent(self.terms.share),
            "seconds": self.terms.seconds,
            "compared_ms": self.compared_ms,
            "max_5xx_percent": percent(self.terms.max_5xx),
            "max_slower": percent(self.terms.max_slower),
            "min_requests": self.terms.min_requests,
            "verdict": self.verdict,
            "tracebacks": self.tracebacks.iter().map(|(n, text)| json!({ "count": n, "text": text })).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::scoreboard::canary::CanaryState;
    use crate::show::Snapshot;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn both_generations_stand_side_by_side() {
        assert_eq!(Snapshot::sample().canary, None);
        let s = Snapshot::of_sample(|board| {
            let c = &board.header().canary;
            c.state.store(CanaryState::TakenBack as u32, Relaxed);
            c.set_terms(&crate::canary::Terms::default());
            for (i, failed) in [(0, 1), (1, 30)] {
                c.arms[i].generation.store(4 + i as u64, Relaxed);
                c.arms[i].errors.store(failed, Relaxed);
                c.arms[i].histogram[20].store(100, Relaxed);
            }
            c.tracebacks[0].count.store(16, Relaxed);
            c.tracebacks[0].text.write(b"Traceback\nKeyError: 'x'\n");
            c.verdict.write(b"more failures");
        });
        let c = s.canary.unwrap();
        let text = c.screen();
        assert!(text.lines().count() <= 24, "one screen: {text}");
        for part in [
            "generation 4    generation 5",
            "1 (1%)        30 (30%)",
            "taken-back: more failures",
            "16 times or more",
            "KeyError",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(c.line().contains("100 requests (50% of all), failures 30% against 1%"), "{}", c.line());
        let of = |state, compared_ms| crate::show::canary::Canary { state, compared_ms, ..c.clone() }.line();
        assert_eq!(of(CanaryState::Starting, 0), "canary starting: generation 5 beside 4");
        assert!(of(CanaryState::Comparing, 60_999).ends_with("1%, 60 s of 60 compared"));
        let late = of(CanaryState::Comparing, 61_000);
        assert!(late.ends_with("61 s (more than 60, as requests are few) compared"), "{late}");
        let [head, old, new] = c.lines();
        assert!(head.contains("had 50% of the requests"), "{head}");
        assert!(old.contains("generation 4: 0 workers, 100 requests, 1% failed"), "{old}");
        assert!(new.contains("30% failed") && new.len() < 80 + 20, "{new}");
        let json = c.json();
        assert_eq!((&json["new"]["failures"], &json["share_percent"]), (&30.into(), &50.0.into()));
    }
}
