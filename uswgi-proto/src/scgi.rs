//! The SCGI request head: a netstring of variables.
//!
//! Pure functions from bytes to offsets, as [`crate::packet`]: what they give has the same form.
//!
//! ```text
//! LENGTH ":" (name NUL value NUL)* "," body
//! ```

#![forbid(unsafe_code)]

use crate::span::Span;

/// Digits of the longest length.
const DIGITS: usize = 9;

/// A head that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScgiError {
    /// The bytes do not begin with a length and a colon.
    #[error("an SCGI request begins with the length of its head and a colon")]
    NoLength,
    /// There is no comma behind the variables.
    #[error("SCGI: no comma behind the {size} bytes of the head")]
    NoComma {
        /// Bytes of the variables.
        size: usize,
    },
    /// A name without a value, or a value without its end.
    #[error("SCGI: the variable at byte {at} has no end")]
    Open {
        /// Its offset among the variables.
        at: usize,
    },
    /// A variable without a name.
    #[error("SCGI: the variable at byte {at} has an empty name")]
    EmptyName {
        /// Its offset among the variables.
        at: usize,
    },
    /// More variables than allowed.
    #[error("SCGI: more than {limit} variables (max-vars raises the limit)")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

impl ScgiError {
    /// Status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            ScgiError::TooMany { .. } => 431,
            _ => 400,
        }
    }
}

/// Where the variables of the head at the start of `buf` stand, whether or not they have come; None: its length has not.
/// One byte behind them is the comma.
pub fn block(buf: &[u8]) -> Result<Option<(usize, usize)>, ScgiError> {
    let digits = buf.iter().take(DIGITS + 1).take_while(|b| b.is_ascii_digit()).count();
    match buf.get(digits) {
        None if digits <= DIGITS => Ok(None),
        Some(b':') if (1..=DIGITS).contains(&digits) => {
            let size = buf[..digits].iter().fold(0, |n, b| n * 10 + usize::from(b - b'0'));
            Ok(Some((digits + 1, digits + 1 + size)))
        }
        _ => Err(ScgiError::NoLength),
    }
}

/// The variables of a whole block, in order, as (name, value).
///
/// `out` is cleared first. The spans are offsets in the block plus `base`, the offset of the block in the connection's
/// buffer. On an error `out` holds the variables before it.
pub fn vars(block: &[u8], base: u32, max_vars: usize, out: &mut Vec<(Span, Span)>) -> Result<(), ScgiError> {
    out.clear();
    let end_of = |from: usize| block[from..].iter().position(|b| *b == 0).map(|n| from + n);
    let span = |start: usize, end: usize| Span { start: base + start as u32, end: base + end as u32 };
    let mut at = 0;
    while at < block.len() {
        let name_end = end_of(at).ok_or(ScgiError::Open { at })?;
        if name_end == at {
            return Err(ScgiError::EmptyName { at });
        }
        let value_end = end_of(name_end + 1).ok_or(ScgiError::Open { at })?;
        if out.len() == max_vars {
            return Err(ScgiError::TooMany { limit: max_vars });
        }
        out.push((span(at, name_end), span(name_end + 1, value_end)));
        at = value_end + 1;
    }
    Ok(())
}

/// Whether the head at the start of `buf`, whole or not, good or bad, says REQUEST_METHOD HEAD: its answer has no body.
pub fn is_head(buf: &[u8]) -> bool {
    let Ok(Some((start, end))) = block(buf) else { return false };
    let mut rest = buf.get(start..end.min(buf.len())).unwrap_or_default();
    let mut is_head = false;
    while let Some((name, after)) = text(rest)
        && let Some((value, after)) = text(after)
    {
        if name == b"REQUEST_METHOD" {
            is_head = value == b"HEAD";
        }
        rest = after;
    }
    is_head
}

/// What stands before a NUL, and what follows.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|b| *b == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(vars: &[(&str, &str)]) -> Vec<u8> {
        let block: String = vars.iter().map(|(n, v)| format!("{n}\0{v}\0")).collect();
        format!("{}:{block},", block.len()).into_bytes()
    }

    fn read(buf: &[u8]) -> Vec<(String, String)> {
        let (start, end) = block(buf).unwrap().unwrap();
        let mut out = Vec::new();
        vars(&buf[start..end], start as u32, 64, &mut out).unwrap();
        let text = |s: Span| String::from_utf8_lossy(s.of(buf)).into_owned();
        out.into_iter().map(|(n, v)| (text(n), text(v))).collect()
    }

    #[test]
    fn variables_are_read_in_their_order() {
        let pairs =
            [("CONTENT_LENGTH", "3"), ("SCGI", "1"), ("QUERY_STRING", ""), ("REQUEST_METHOD", "HEAD")];
        let bytes = [&head(&pairs)[..], b"abc"].concat();
        assert_eq!(read(&bytes), pairs.map(|(n, v)| (n.to_string(), v.to_string())));
        assert!(is_head(&bytes) && !is_head(&bytes[..20]) && !is_head(&head(&pairs[..2])));
        assert_eq!(block(b""), Ok(None));
        assert_eq!(block(b"123"), Ok(None));
        assert_eq!(block(b"12:"), Ok(Some((3, 15))));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for bad in [&b":"[..], b"x", b"12x", b"-1:", b"1234567890", b"GET / HTTP/1.1"] {
            assert_eq!(block(bad), Err(ScgiError::NoLength), "{bad:?}");
        }
        let mut out = Vec::new();
        assert_eq!(vars(b"A\0b\0C\0", 0, 9, &mut out), Err(ScgiError::Open { at: 4 }));
        assert_eq!(vars(b"A\0b", 0, 9, &mut out), Err(ScgiError::Open { at: 0 }));
        assert_eq!(vars(b"\0b\0", 0, 9, &mut out), Err(ScgiError::EmptyName { at: 0 }));
        assert_eq!(vars(b"A\0b\0C\0d\0", 0, 1, &mut out), Err(ScgiError::TooMany { limit: 1 }));
        assert_eq!((out.len(), ScgiError::TooMany { limit: 1 }.status()), (1, 431));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_spans_cover_the_block(bytes in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..80)) {
            let _ = (block(&bytes), is_head(&bytes));
            let mut out = Vec::new();
            if vars(&bytes, 7, 16, &mut out).is_ok() {
                let whole: u32 = out.iter().map(|(n, v)| n.end - n.start + v.end - v.start + 2).sum();
                prop_assert_eq!(whole as usize, bytes.len());
            }
        }
    }
}
