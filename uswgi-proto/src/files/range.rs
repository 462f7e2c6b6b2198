//! `Range: bytes=...` (RFC 9110 section 14.2), one range. Several are answered with the whole file, which
//! the RFC allows and which costs an attacker's list of overlapping ranges nothing.

/// What a Range field asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// The whole: no range, one in another unit, several, or nonsense.
    Whole,
    /// From the first to the last byte, both included.
    Part {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
    /// None of the bytes exists.
    Unsatisfiable,
}

/// Decimal digits; more than fit are the largest number. None: no digits only.
fn position(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0u64, |n, b| n.saturating_mul(10).saturating_add(u64::from(b - b'0'))))
}

/// Read a Range field for a file of `size` bytes.
pub fn parse(field: &[u8], size: u64) -> Range {
    let field = field.trim_ascii();
    let Some((unit, set)) = field.split_at_checked(6) else { return Range::Whole };
    if !unit.eq_ignore_ascii_case(b"bytes=") || set.contains(&b',') {
        return Range::Whole;
    }
    let set = set.trim_ascii();
    let Some(dash) = set.iter().position(|&b| b == b'-') else { return Range::Whole };
    let (from, to) = (&set[..dash], &set[dash + 1..]);
    if from.is_empty() {
        return match position(to) {
            None => Range::Whole,
            Some(0) => Range::Unsatisfiable,
            Some(_) if size == 0 => Range::Unsatisfiable,
            Some(n) => Range::Part { first: size.saturating_sub(n), last: size - 1 },
        };
    }
    let Some(first) = position(from) else { return Range::Whole };
    let last = match position(to) {
        Some(last) if last < first => return Range::Whole,
        Some(last) => last,
        None if to.is_empty() => u64::MAX,
        None => return Range::Whole,
    };
    if first >= size { Range::Unsatisfiable } else { Range::Part { first, last: last.min(size - 1) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_the_rfc_has_them() {
        let part = |first, last| Range::Part { first, last };
        for (field, size, expected) in [
            ("bytes=0-0", 10, part(0, 0)),
            ("bytes=2-5", 10, part(2, 5)),
            ("bytes=2-", 10, part(2, 9)),
            ("bytes=-3", 10, part(7, 9)),
            ("bytes=-30", 10, part(0, 9)),
            ("bytes=0-99", 10, part(0, 9)),
            ("BYTES=1-2", 10, part(1, 2)),
            ("bytes= 1-2 ", 10, part(1, 2)),
            ("bytes=10-", 10, Range::Unsatisfiable),
            ("bytes=10-20", 10, Range::Unsatisfiable),
            ("bytes=-0", 10, Range::Unsatisfiable),
            ("bytes=0-", 0, Range::Unsatisfiable),
            ("bytes=-5", 0, Range::Unsatisfiable),
            ("bytes=99999999999999999999999-", 10, Range::Unsatisfiable),
            ("bytes=1-99999999999999999999999", 10, part(1, 9)),
            ("bytes=0-1,3-4", 10, Range::Whole),
            ("bytes=5-2", 10, Range::Whole),
            ("bytes=", 10, Range::Whole),
            ("bytes=-", 10, Range::Whole),
            ("bytes=a-b", 10, Range::Whole),
            ("bytes=1-b", 10, Range::Whole),
            ("bytes=+1-2", 10, Range::Whole),
            ("lines=1-2", 10, Range::Whole),
            ("", 10, Range::Whole),
        ] {
            assert_eq!(parse(field.as_bytes(), size), expected, "{field:?} of {size}");
        }
    }
}
