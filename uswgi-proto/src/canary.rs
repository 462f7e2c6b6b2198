//! The terms of a canary: how much of a new generation serves beside the old one, for how long, and what is worse.
//!
//! Written the same way as options (`canary-share = 10%`) and for `uswgi-ctl reload --canary --share 10%`. Pure.

use serde::{Deserialize, Serialize};

/// The terms of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Share of the workers that are new, in hundredths of a percent: 1 to 5000.
    pub share: u32,
    /// Seconds for which both generations are compared, at least 1.
    pub seconds: u32,
    /// Failures that the new generation may have above the old one's share of them, in hundredths of a percent of the requests.
    pub max_5xx: u32,
    /// How much longer its requests may take, in hundredths: 150 is one and a half times; at least 100.
    pub max_slower: u32,
    /// Requests that it answers before it is judged, at least 1.
    pub min_requests: u32,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms { share: 1000, seconds: 60, max_5xx: 100, max_slower: 150, min_requests: 50 }
    }
}

/// What somebody wants otherwise than the configuration has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CanaryRequest {
    /// For [`Terms::share`].
    pub share: Option<u32>,
    /// For [`Terms::seconds`].
    pub seconds: Option<u32>,
    /// For [`Terms::max_5xx`].
    pub max_5xx: Option<u32>,
    /// For [`Terms::max_slower`].
    pub max_slower: Option<u32>,
    /// For [`Terms::min_requests`].
    pub min_requests: Option<u32>,
}

impl CanaryRequest {
    /// These terms, but for what is wanted otherwise. Numbers that no command line can send are brought into their bounds.
    pub fn over(self, t: Terms) -> Terms {
        Terms {
            share: self.share.unwrap_or(t.share).clamp(1, MOST_SHARE),
            seconds: self.seconds.unwrap_or(t.seconds).clamp(1, MOST_SECONDS),
            max_5xx: self.max_5xx.unwrap_or(t.max_5xx).min(10_000),
            max_slower: self.max_slower.unwrap_or(t.max_slower).clamp(100, MOST_SLOWER),
            min_requests: self.min_requests.unwrap_or(t.min_requests).max(1),
        }
    }
}

/// Half of the workers.
const MOST_SHARE: u32 = 5_000;
/// A day.
const MOST_SECONDS: u32 = 86_400;
/// A thousand times.
const MOST_SLOWER: u32 = 100_000;

/// Hundredths, from a decimal number with at most two digits behind its point.
fn hundredths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 6 || part.len() > 2 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u32 = format!("{part:0<2}").parse().ok()?;
    Some(whole.parse::<u32>().ok()? * 100 + part)
}

/// A value without its unit.
fn bare<'a>(text: &'a str, units: &[&str]) -> &'a str {
    let text = text.trim();
    units.iter().find_map(|u| text.strip_suffix(u)).unwrap_or(text).trim_end()
}

/// `10%`, `10` or `2.5%`: above 0, at most half.
pub fn share(text: &str) -> Result<u32, String> {
    match hundredths(bare(text, &["%"])) {
        Some(n @ 1..=MOST_SHARE) => Ok(n),
        Some(0) => Err("a canary needs some of the workers; write more than 0, such as 10%".into()),
        Some(_) => Err("at most half of the workers can be the canary; write up to 50%".into()),
        None => Err("a share of the workers is needed, such as 10%".into()),
    }
}

/// `60s`, `60` or `5m`: from 1 second to a day.
pub fn seconds(text: &str) -> Result<u32, String> {
    let (text, unit) = match text.trim().strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (bare(text, &["s"]), 1),
    };
    match text.parse::<u32>().ok().and_then(|n| n.checked_mul(unit)) {
        Some(n @ 1..=MOST_SECONDS) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(n),
        _ => Err("a time is needed, from 1s to a day, such as 60s or 5m".into()),
    }
}

/// `+1%`, `1` or `+0.5%`: percentage points above the old generation's share of failures.
pub fn max_5xx(text: &str) -> Result<u32, String> {
    let text = text.trim();
    match hundredths(bare(text.strip_prefix('+').unwrap_or(text), &["%"])) {
        Some(n @ 0..=10_000) => Ok(n),
        _ => Err("percentage points of the requests are needed, from 0 to 100, such as +1%".into()),
    }
}

/// `1.5x` or `1.5`: at least 1.
pub fn max_slower(text: &str) -> Result<u32, String> {
    match hundredths(bare(text, &["x"])) {
        Some(n @ 100..=MOST_SLOWER) => Ok(n),
        _ => Err("a factor of at least 1 is needed, such as 1.5x".into()),
    }
}

/// A number of requests, at least 1.
pub fn min_requests(text: &str) -> Result<u32, String> {
    match text.trim().parse() {
        Ok(n @ 1..=1_000_000_000) => Ok(n),
        _ => Err("a number of requests is needed, from 1 on".into()),
    }
}

/// Hundredths as they are written: `10`, `2.5`, `0.05`.
pub fn decimal(hundredths: u32) -> String {
    let (whole, part) = (hundredths / 100, hundredths % 100);
    match part {
        0 => whole.to_string(),
        n if n % 10 == 0 => format!("{whole}.{}", n / 10),
        n => format!("{whole}.{n:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_and_without_their_unit() {
        for (text, n) in
            [("10%", 1000), ("10", 1000), (" 2.5 % ", 250), ("0.01", 1), ("50%", 5000), ("07.50", 750)]
        {
            assert_eq!(share(text), Ok(n), "{text}");
        }
        for bad in
            ["0", "0%", "0.00", "50.01%", "100%", "-1", "+5", "1.234", "", "%", "ten", "1e1", "9999999", "١"]
        {
            assert!(share(bad).is_err(), "{bad}");
        }
        assert!(share("0").unwrap_err().contains("more than 0") && share("51").unwrap_err().contains("half"));
        assert_eq!((seconds("60s"), seconds("60"), seconds("5m")), (Ok(60), Ok(60), Ok(300)));
        for bad in ["0", "0s", "1.5s", "-1", "+1", "s", "m", "86401", "100000m", "4294967296m"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert_eq!((max_5xx("+1%"), max_5xx("0.5"), max_5xx("0")), (Ok(100), Ok(50), Ok(0)));
        assert!(max_5xx("-1%").is_err() && max_5xx("101").is_err() && max_5xx("++1").is_err());
        assert_eq!((max_slower("1.5x"), max_slower("2"), max_slower("1x")), (Ok(150), Ok(200), Ok(100)));
        assert!(max_slower("0.9x").is_err() && max_slower("x").is_err() && max_slower("1001").is_err());
        assert_eq!((min_requests("50"), min_requests("0").is_err()), (Ok(50), true));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for n in [1, 5, 10, 50, 99, 100, 150, 1000, 1234, 5000] {
            assert_eq!(hundredths(&decimal(n)), Some(n));
        }
    }

    #[test]
    fn a_request_changes_what_it_names_and_stays_in_bounds() {
        let wild = CanaryRequest {
            share: Some(0),
            seconds: Some(0),
            max_slower: Some(1),
            ..CanaryRequest::default()
        };
        let t = wild.over(Terms::default());
        assert_eq!((t.share, t.seconds, t.max_slower, t.max_5xx, t.min_requests), (1, 1, 100, 100, 50));
        assert_eq!(CanaryRequest::default().over(Terms::default()), Terms::default());
    }
}
