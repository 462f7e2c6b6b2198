//! Whether a canary is worse than what serves beside it. Pure arithmetic: two tallies in, a verdict out.
//!
//! It must never let a few requests decide, nor call an equal version worse more often than [`ALPHA`] says, however often it
//! looks.
//!
//! The rate. A canary has one chance in a hundred (ALPHA) to be called worse though it is not. Half of it is for failures, half
//! for durations. There are several looks, whenever the new generation has answered twice as much as at the last one, and one
//! at the end: look k has the part 1/(k(k+1)) of it, and these add up to 1 however many there are. Half of what a look has is
//! for an error about the old generation, half for one about the new one.
//!
//! Failures. Of n requests x failed; the true share is above p only with probability exp(-n D(x/n, p)) or less, where
//! D(a, p) = a ln(a/p) + (1-a) ln((1-a)/(1-p)) (Chernoff's bound of the binomial distribution). The largest p that the old
//! generation's count leaves possible, plus the margin (`canary-max-5xx`), is what the new one is held against.
//!
//! Durations. If every request takes at most f times as long (`canary-max-slower`), then at no time t the new generation has
//! answered less of its requests than the old one had at t/f. The largest such gap in what was counted is more than
//! sqrt(ln(1/d)/2n) + sqrt(ln(1/d)/2m) only with probability 2d or less (Dvoretzky, Kiefer, Wolfowitz; Massart's constant). It
//! sees one route of many that has become slow as well as all of them. What takes less than [`FLOOR_US`] is never slow.
//!
//! Both hold for any number of requests and any distribution, as long as requests are independent of each other.

use uswgi_proto::canary::{Terms, decimal};
use uswgi_proto::scoreboard::canary::Tally;
use uswgi_proto::scoreboard::layout::{BUCKETS, bucket_limit};

/// How often an equal version is called worse, at most.
pub(super) const ALPHA: f64 = 0.01;
/// Durations below this are never slow, in microseconds: a scheduler makes them.
pub(super) const FLOOR_US: u64 = 1_000;

/// What is to become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Nothing is known yet.
    Wait,
    /// It is worse, and why.
    Worse(String),
}

/// The looks at one canary.
#[derive(Debug, Clone, Default)]
pub(super) struct Judge {
    looks: u32,
    /// Requests of the new generation at the last one.
    seen: u64,
}

impl Judge {
    /// Look at both: only when there is twice as much to see as at the last look, or when it is the `last` one.
    pub(super) fn look(&mut self, terms: &Terms, old: &Tally, new: &Tally, last: bool) -> Judgement {
        let n = new.requests();
        let due = n >= (2 * self.seen).max(1) || last && n > self.seen;
        if n < u64::from(terms.min_requests) || !due {
            return Judgement::Wait;
        }
        self.looks += 1;
        self.seen = n;
        let k = f64::from(self.looks);
        let part = ALPHA / 2.0 / (k * (k + 1.0)) / 2.0;
        let worse = failures(terms, old, new, part).or_else(|| durations(terms, old, new, part));
        worse.map_or(Judgement::Wait, Judgement::Worse)
    }
}

/// D of the module's text.
fn divergence(a: f64, p: f64) -> f64 {
    let term = |a: f64, p: f64| if a <= 0.0 { 0.0 } else { a * (a / p).ln() };
    term(a, p) + term(1.0 - a, 1.0 - p)
}

/// The largest share that `x` of `n` leave possible: one that is larger has this probability or less.
fn most(x: u64, n: u64, probability: f64) -> f64 {
    if n == 0 {
        return 1.0;
    }
    let (a, exponent) = (x as f64 / n as f64, -probability.ln() / n as f64);
    let (mut low, mut high) = (a, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if divergence(a, middle) > exponent { high = middle } else { low = middle }
    }
    high
}

fn percent(share: f64) -> String {
    format!("{}%", (share * 10_000.0).round() / 100.0)
}

fn failures(terms: &Terms, old: &Tally, new: &Tally, part: f64) -> Option<String> {
    let (x, n) = (new.failures(), new.requests());
    let (y, m) = (old.failures(), old.requests());
    let bound = most(y, m, part) + f64::from(terms.max_5xx) / 10_000.0;
    let share = x as f64 / n as f64;
    let worse = bound < 1.0 && share > bound && (n as f64) * divergence(share, bound) > -part.ln();
    worse.then(|| {
        let before = if m == 0 { "none of".into() } else { percent(y as f64 / m as f64) };
        format!(
            "more requests fail: {x} of {n} ({}), against {y} of {m} ({before}) of the old generation; +{}% are allowed (canary-max-5xx)",
            percent(share),
            decimal(terms.max_5xx)
        )
    })
}

/// How many of these were over before each bucket's limit; the last one has all.
fn below(histogram: &[u64; BUCKETS]) -> [u64; BUCKETS] {
    let mut sum = 0u64;
    histogram.map(|n| {
        sum += n;
        sum
    })
}

fn durations(terms: &Terms, old: &Tally, new: &Tally, part: f64) -> Option<String> {
    let (old, new) = (below(&old.histogram), below(&new.histogram));
    let (m, n) = (old[BUCKETS - 1] as f64, new[BUCKETS - 1] as f64);
    if m < 1.0 || n < 1.0 {
        return None;
    }
    let chance = |n: f64| (-part.ln() / 2.0 / n).sqrt();
    let mut widest: Option<(f64, u64, u64)> = None;
    for (slow, over) in new.iter().enumerate().take(BUCKETS - 1) {
        let limit = bucket_limit(slow).unwrap_or(u64::MAX);
        if limit < FLOOR_US {
            continue;
        }
        // The last limit that is not above this one divided by the factor.
        let least =
            |b: &usize| bucket_limit(*b).is_some_and(|l| l * u64::from(terms.max_slower) <= limit * 100);
        let Some(fast) = (0..slow).rev().find(least) else { continue };
        let gap = old[fast] as f64 / m - *over as f64 / n;
        if widest.is_none_or(|(g, ..)| gap > g) {
            widest = Some((gap, bucket_limit(fast).unwrap_or(0), limit));
        }
    }
    let (gap, fast, slow) = widest?;
    (gap > chance(m) + chance(n)).then(|| {
        let at = |us: u64| format!("{:.1} ms", us as f64 / 1000.0);
        let of = |all: &[u64; BUCKETS], us: u64| {
            let i = (0..BUCKETS - 1).rev().find(|&b| bucket_limit(b) <= Some(us)).unwrap_or(0);
            percent(all[i] as f64 / all[BUCKETS - 1] as f64)
        };
        format!(
            "requests take longer: {} of the old generation's were over in {}, {} of the new one's in {}; {}x is allowed (canary-max-slower)",
            of(&old, fast),
            at(fast),
            of(&new, slow),
            at(slow),
            decimal(terms.max_slower)
        )
    })
}
