//! Preconditions in the order of RFC 9110 section 13.2.2, then the range.

use super::range::{self, Range};
use std::time::{Duration, UNIX_EPOCH};

/// The fields of a request that decide. Empty: not there. Repeated fields are joined with commas.
#[derive(Debug, Clone, Default)]
pub struct Preconditions {
    /// GET; otherwise HEAD, for which ranges have no meaning.
    pub get: bool,
    /// If-Match.
    pub if_match: Vec<u8>,
    /// If-Unmodified-Since.
    pub if_unmodified_since: Vec<u8>,
    /// If-None-Match.
    pub if_none_match: Vec<u8>,
    /// If-Modified-Since.
    pub if_modified_since: Vec<u8>,
    /// If-Range.
    pub if_range: Vec<u8>,
    /// Range; leave it empty where ranges are switched off.
    pub range: Vec<u8>,
}

/// What to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 200, all of it.
    Whole,
    /// 206, from the first to the last byte, both included.
    Part {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
    /// 304.
    NotModified,
    /// 412.
    Failed,
    /// 416.
    Unsatisfiable,
}

/// Entity tag of a file: time of change to the nanosecond, and size. `variant` tells an encoded copy from it.
pub fn etag(seconds: i64, nanoseconds: i64, size: u64, variant: &str) -> String {
    format!("\"{seconds:x}-{nanoseconds:x}-{size:x}{variant}\"")
}

/// Seconds since the epoch of an HTTP date in any of its three forms.
fn date(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let time = httpdate::parse_http_date(text).ok()?;
    time.duration_since(UNIX_EPOCH).ok().as_ref().map(Duration::as_secs)
}

/// Whether a list of entity tags holds this one. `strong`: tags marked as weak do not count.
fn lists(field: &[u8], tag: &[u8], strong: bool) -> bool {
    let mut rest = field.trim_ascii();
    if rest == b"*" {
        return true;
    }
    loop {
        while let [b',' | b' ' | b'\t', tail @ ..] = rest {
            rest = tail;
        }
        let weak = rest.starts_with(b"W/");
        let one = if weak { &rest[2..] } else { rest };
        let Some(b'"') = one.first() else { return false };
        let Some(end) = one[1..].iter().position(|&b| b == b'"') else { return false };
        let (one, tail) = one.split_at(end + 2);
        if one == tag && !(strong && weak) {
            return true;
        }
        rest = tail;
    }
}

/// Decide about a file with this entity tag, time of change (seconds since the epoch) and size.
pub fn decide(asked: &Preconditions, tag: &str, modified: u64, size: u64) -> Verdict {
    let tag = tag.as_bytes();
    if !asked.if_match.is_empty() {
        if !lists(&asked.if_match, tag, true) {
            return Verdict::Failed;
        }
    } else if date(&asked.if_unmodified_since).is_some_and(|d| d < modified) {
        return Verdict::Failed;
    }
    if !asked.if_none_match.is_empty() {
        if lists(&asked.if_none_match, tag, false) {
            return Verdict::NotModified;
        }
    } else if date(&asked.if_modified_since).is_some_and(|d| d >= modified) {
        return Verdict::NotModified;
    }
    if !asked.get || asked.range.is_empty() || !range_holds(&asked.if_range, tag, modified) {
        return Verdict::Whole;
    }
    match range::parse(&asked.range, size) {
        Range::Whole => Verdict::Whole,
        Range::Part { first, last } => Verdict::Part { first, last },
        Range::Unsatisfiable => Verdict::Unsatisfiable,
    }
}

/// If-Range: the range counts only when the client's part is of this very file.
fn range_holds(field: &[u8], tag: &[u8], modified: u64) -> bool {
    let field = field.trim_ascii();
    match field.first() {
        None => true,
        Some(b'"') => field == tag,
        Some(_) => date(field) == Some(modified),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"a-b-c\"";
    /// 1994-11-06 08:49:37.
    const THEN: u64 = 784_111_777;
    const DATES: [&str; 3] =
        ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn asked(fields: &[(&str, &str)]) -> Verdict {
        let mut a = Preconditions { get: true, ..Preconditions::default() };
        for (name, value) in fields {
            let to = match *name {
                "If-Match" => &mut a.if_match,
                "If-Unmodified-Since" => &mut a.if_unmodified_since,
                "If-None-Match" => &mut a.if_none_match,
                "If-Modified-Since" => &mut a.if_modified_since,
                "If-Range" => &mut a.if_range,
                "Range" => &mut a.range,
                "HEAD" => {
                    a.get = false;
                    continue;
                }
                other => panic!("{other}"),
            };
            *to = value.as_bytes().to_vec();
        }
        decide(&a, TAG, THEN, 10)
    }

    #[test]
    fn a_copy_that_is_still_good_is_not_sent_again() {
        for date in DATES {
            assert_eq!(asked(&[("If-Modified-Since", date)]), Verdict::NotModified, "{date}");
        }
        assert_eq!(asked(&[("If-Modified-Since", LATER)]), Verdict::NotModified);
        assert_eq!(asked(&[("If-Modified-Since", EARLIER)]), Verdict::Whole);
        assert_eq!(asked(&[("If-Modified-Since", "yesterday")]), Verdict::Whole);
        for tags in [TAG, "*", "\"x\", \"a-b-c\"", "W/\"a-b-c\"", "\"with,comma\",\"a-b-c\""] {
            assert_eq!(asked(&[("If-None-Match", tags)]), Verdict::NotModified, "{tags}");
        }
        for tags in ["\"x\"", "a-b-c", "\"a-b-c", "\"x\" junk \"a-b-c\""] {
            assert_eq!(asked(&[("If-None-Match", tags)]), Verdict::Whole, "{tags}");
        }
        // The tag decides where both are given.
        assert_eq!(asked(&[("If-None-Match", "\"x\""), ("If-Modified-Since", LATER)]), Verdict::Whole);
    }

    #[test]
    fn preconditions_can_fail() {
        assert_eq!(asked(&[("If-Match", "\"x\"")]), Verdict::Failed);
        assert_eq!(asked(&[("If-Match", "W/\"a-b-c\"")]), Verdict::Failed);
        assert_eq!(asked(&[("If-Match", TAG)]), Verdict::Whole);
        assert_eq!(asked(&[("If-Match", "*")]), Verdict::Whole);
        assert_eq!(asked(&[("If-Unmodified-Since", EARLIER)]), Verdict::Failed);
        assert_eq!(asked(&[("If-Unmodified-Since", DATES[0])]), Verdict::Whole);
        assert_eq!(asked(&[("If-Match", TAG), ("If-Unmodified-Since", EARLIER)]), Verdict::Whole);
        assert_eq!(asked(&[("If-Match", TAG), ("If-None-Match", TAG)]), Verdict::NotModified);
    }

    #[test]
    fn a_range_counts_only_for_the_same_file() {
        let range = ("Range", "bytes=2-3");
        let part = Verdict::Part { first: 2, last: 3 };
        assert_eq!(asked(&[range]), part);
        assert_eq!(asked(&[range, ("HEAD", "")]), Verdict::Whole);
        assert_eq!(asked(&[range, ("If-Range", TAG)]), part);
        assert_eq!(asked(&[range, ("If-Range", DATES[0])]), part);
        for other in ["\"x\"", "W/\"a-b-c\"", LATER, EARLIER, "nonsense"] {
            assert_eq!(asked(&[range, ("If-Range", other)]), Verdict::Whole, "{other}");
        }
        assert_eq!(asked(&[range, ("If-None-Match", TAG)]), Verdict::NotModified);
        assert_eq!(asked(&[("Range", "bytes=10-")]), Verdict::Unsatisfiable);
        assert_eq!(asked(&[("Range", "bytes=10-"), ("If-Range", "\"x\"")]), Verdict::Whole);
    }
}
