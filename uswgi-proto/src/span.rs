//! A piece of a connection's buffer, as two offsets.
//!
//! Parsers return spans instead of slices, so that a result can be kept beside its buffer and its
//! vectors reused by the next request. A span must only be used with the buffer it was made from.

#![forbid(unsafe_code)]

/// Offsets into a buffer: `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// A span from offsets that are known to fit (all heads are far below 4 GiB).
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    /// The bytes. Empty when the span does not fit the buffer, which is the caller's mistake.
    #[inline]
    pub fn of<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        buf.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Number of bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
