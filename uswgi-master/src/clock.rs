//! The wall clock as the jobs of `cron` look at it: minutes and local time.
#![forbid(unsafe_code)]

use crate::supervisor::cron::Civil;
pub use uswgi_keep::clock::{Timer, minute};
use uswgi_keep::sys;

/// Local time of a minute.
pub fn civil(minute: i64) -> Civil {
    let t = sys::local_time(minute.saturating_mul(60));
    Civil { minute: t.minute, hour: t.hour, day: t.day, month: t.month, weekday: t.weekday }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_is_what_date_says() {
        let now = minute();
        let out = std::process::Command::new("date")
            .args(["-d", &format!("@{}", now * 60), "+%M %H %d %m %w"])
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let n: Vec<i32> = text.split_whitespace().map(|w| w.parse().unwrap()).collect();
        let t = civil(now);
        assert_eq!([t.minute, t.hour, t.day, t.month, t.weekday], n[..]);
    }
}
