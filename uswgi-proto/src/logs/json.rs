//! `log-json`: one JSON object a line. Keys are documented and stable; values from anywhere are escaped.
//!
//! | line | keys |
//! |---|---|
//! | all | `time` (RFC 3339, UTC, microseconds), `source` (`request`, `worker`, `master`, `app`, `log`) |
//! | request | `pid`, `worker`, `generation`, `thread`, `app`, `remote`, `user`, `host`, `method`, `uri`, `protocol`, `status`, `micros`, `request_bytes`, `head_bytes`, `body_bytes`, `agent`, `referer`, `failed` |
//! | worker | `pid`, `worker` (0: the template), `text` |
//! | master | `pid`, `text` |
//! | app | `worker` (0: the template; absent: a program that the master runs), `text` |
//! | log | `text`: about the log itself, as lines that were lost |
//!
//! `app` is what the application wrote to its stdout and stderr, a line or a whole traceback at a time.
#![forbid(unsafe_code)]

use super::digits;
use super::escape::{Style, escape};

/// An object under construction.
#[derive(Debug)]
pub struct Object(Vec<u8>);

impl Object {
    /// An object with its time, microseconds since the epoch, and its source.
    pub fn new(micros: u64, source: &str) -> Object {
        let mut out = Vec::with_capacity(384);
        out.extend_from_slice(b"{\"time\":\"");
        push_time(micros, &mut out);
        out.push(b'"');
        Object(out).text("source", source.as_bytes(), 64)
    }

    fn key(&mut self, key: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// Text of at most `limit` bytes.
    #[must_use]
    pub fn text(mut self, key: &str, value: &[u8], limit: usize) -> Object {
        self.key(key);
        self.0.push(b'"');
        escape(value, limit, Style::Json, &mut self.0);
        self.0.push(b'"');
        self
    }

    /// A number.
    #[must_use]
    pub fn number(mut self, key: &str, value: i64) -> Object {
        self.key(key);
        digits::signed(value, &mut self.0);
        self
    }

    /// true or false.
    #[must_use]
    pub fn truth(mut self, key: &str, value: bool) -> Object {
        self.key(key);
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    /// The object, without a line break.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

/// RFC 3339 in UTC.
pub fn push_time(micros: u64, out: &mut Vec<u8>) {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (year, month, day) = civil(seconds / 86400);
    let s = seconds % 86400;
    digits::padded(year, 4, b'0', out);
    for (before, n) in [(b'-', month), (b'-', day), (b'T', s / 3600), (b':', s / 60 % 60), (b':', s % 60)] {
        out.push(before);
        digits::two(n, out);
    }
    out.push(b'.');
    digits::padded(micros, 6, b'0', out);
    out.push(b'Z');
}

/// Days since 1970-01-01 to year, month and day of the Gregorian calendar: years begin with March, so that the
/// leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let m = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * m + 2) / 5 + 1;
    let month = if m < 10 { m + 3 } else { m - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(seconds: u64) -> String {
        let mut out = Vec::new();
        push_time(seconds * 1_000_000 + 7, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        // As `date -u -d @N` prints them.
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_795_445_428, "2026-11-23T14:50:28"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ] {
            assert_eq!(time(seconds), format!("{shown}.000007Z"));
        }
    }

    proptest! {
        #[test]
        fn every_day_follows_the_one_before(day in 1u64..200_000) {
            let (before, after) = (civil(day - 1), civil(day));
            prop_assert!(before < after);
            prop_assert!(after.2 == before.2 + 1 || after.2 == 1);
        }

        #[test]
        fn any_text_stays_in_its_place(text: Vec<u8>, n: i64) {
            let line = Object::new(1, "app").text("text", &text, 1 << 20).number("n", n).truth("t", true).finish();
            prop_assert!(!line.contains(&b'\n'));
            let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
            prop_assert_eq!(value.as_object().unwrap().len(), 5);
            prop_assert_eq!(&value["n"], &serde_json::json!(n));
        }
    }
}
