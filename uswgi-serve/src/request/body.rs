//! How the body of a request comes.

/// How the body of a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// Whole in the buffer, behind the head.
    Buffered(usize),
    /// Whole and decoded in `chunks`.
    Decoded,
    /// Longer than the buffer: the rest is read while the application runs.
    Stream(u64),
    /// Chunked, and longer than the buffer.
    StreamChunks,
    /// Whole on disk, in `spool`.
    Spooled,
}
