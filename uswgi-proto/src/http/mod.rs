//! The head of an HTTP/1.x request, as RFC 9112 wants it from an origin server, and stricter where
//! leniency is how requests are smuggled: no obs-fold, no bare CR or LF, one framing header.
//!
//! Pure: bytes in, offsets out; no socket, no clock. It must never panic on any bytes, and not
//! allocate once its vectors have grown.
//!
//! Why not httparse: it takes bare LF and any number of leading empty lines, starts again from the
//! first byte whenever more bytes come (a head sent byte by byte then costs its length squared),
//! and its slices would have to be turned into offsets in a second pass. This parser remembers the
//! line it is in, so each byte is looked at once, and a bad line is refused before the rest comes.
//!
//! * [`error`]: what can be wrong and the status for it.
//! * [`line`]: the request line.  * [`field`]: one header line and what it means for framing.
//! * [`path`]: from a raw path to PATH_INFO.  * [`name`]: from a header name to an environ key.

#![forbid(unsafe_code)]

pub mod error;
mod field;
mod line;
pub mod name;
pub mod path;

pub use crate::span::Span;
pub use error::HttpError;
pub use name::environ_name;
pub use path::decode_path;

/// What a client may ask of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole head, its last empty line included.
    pub max_head: usize,
    /// Header lines.
    pub max_headers: usize,
    /// Bytes of the request line.
    pub max_line: usize,
    /// Host may be the path of a socket: clients of a unix socket send it.
    pub path_as_host: bool,
}

/// Bytes that a body can have at most, announced or not: what an offset in a file can be.
pub const MAX_BODY: u64 = i64::MAX as u64;

impl Default for Limits {
    fn default() -> Self {
        Limits { max_head: 65535, max_headers: 256, max_line: 65535, path_as_host: false }
    }
}

/// A request head; the spans are offsets in the buffer it was parsed from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Method.
    pub method: Span,
    /// Request target as sent.
    pub target: Span,
    /// Raw path within the target, before `?`. Empty (absolute-form without a path) stands for `/`.
    pub path: Span,
    /// Query after `?`.
    pub query: Span,
    /// HTTP/1.minor.
    pub minor: u8,
    /// Header lines in order: name as sent, value without white space around it.
    pub headers: Vec<(Span, Span)>,
    /// Content-Length.
    pub content_length: Option<u64>,
    /// The body is chunked.
    pub chunked: bool,
    /// The client can use the connection again.
    pub keep_alive: bool,
    /// The client waits for `100 Continue`.
    pub expect_continue: bool,
    /// Value of Host.
    pub host: Option<Span>,
    /// Bytes of the head, its last CR LF CR LF included.
    pub length: usize,
    /// Authority of an absolute-form target. It wins over `host` (RFC 9112 section 3.2.2).
    pub authority: Option<Span>,
    state: HeadState,
}

/// Where parsing stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct HeadState {
    stage: HeadStage,
    /// Start of the line that is not whole yet.
    line: usize,
    /// No LF between `line` and here.
    scanned: usize,
    seen: field::Seen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum HeadStage {
    /// Nothing parsed; the next call starts a new head.
    #[default]
    Fresh,
    /// In the request line.
    Line,
    /// In a header line.
    Fields,
}

/// Whether the head is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    Partial,
    /// [`Head`] is valid.
    Complete,
}

impl Head {
    /// Forget everything but the memory. Needed before another buffer when the last result was
    /// [`Progress::Partial`]; a complete or refused head is forgotten by the next [`parse`].
    pub fn clear(&mut self) {
        let mut headers = std::mem::take(&mut self.headers);
        headers.clear();
        *self = Head { headers, ..Head::default() };
    }

    /// Whether a body follows the head.
    pub fn has_body(&self) -> bool {
        self.chunked || self.content_length.is_some_and(|n| n > 0)
    }
}

/// Whether a byte may stand in a method or a header name (RFC 9110 section 5.6.2).
pub fn is_token(byte: u8) -> bool {
    line::TOKEN[usize::from(byte)]
}

/// Whether the request at the start of `buf`, whole or not, good or bad, has the method HEAD: its answer has no body.
pub fn is_head(buf: &[u8]) -> bool {
    buf.strip_prefix(b"\r\n").unwrap_or(buf).starts_with(b"HEAD ")
}

/// Parse the head at the start of `buf`.
///
/// After [`Progress::Partial`] call again with the same bytes and more behind them: parsing goes on
/// where it stopped. Bytes after the head are not looked at.
pub fn parse(buf: &[u8], limits: &Limits, head: &mut Head) -> Result<Progress, HttpError> {
    let result = advance(buf, limits, head);
    if !matches!(result, Ok(Progress::Partial)) {
        head.state.stage = HeadStage::Fresh;
    }
    result
}

fn advance(buf: &[u8], limits: &Limits, head: &mut Head) -> Result<Progress, HttpError> {
    let max_head = limits.max_head.min(u32::MAX as usize);
    if head.state.stage == HeadStage::Fresh {
        head.clear();
        // One empty line before a request is forgiven (RFC 9112 section 2.2).
        let skip = match buf {
            [b'\r', b'\n', ..] => 2,
            [] | [b'\r'] => return Ok(Progress::Partial),
            _ => 0,
        };
        head.state =
            HeadState { stage: HeadStage::Line, line: skip, scanned: skip, seen: field::Seen::default() };
    }
    loop {
        let start = head.state.line;
        let found = buf.get(head.state.scanned..).and_then(|rest| memchr::memchr(b'\n', rest));
        let end = found.map(|n| head.state.scanned + n);
        let reached = end.map_or(buf.len(), |n| n + 1);
        if head.state.stage == HeadStage::Line
            && reached - start.min(reached) > limits.max_line.saturating_add(2)
        {
            return Err(HttpError::TargetTooLong);
        }
        if reached > max_head {
            return Err(match head.state.stage {
                HeadStage::Line => HttpError::TargetTooLong,
                _ => HttpError::HeadTooLong,
            });
        }
        let Some(end) = end else {
            head.state.scanned = buf.len().max(start);
            return Ok(Progress::Partial);
        };
        if end == start || buf[end - 1] != b'\r' {
            return Err(HttpError::LineEnd);
        }
        let text = (start, end - 1);
        head.state.line = end + 1;
        head.state.scanned = end + 1;
        if head.state.stage == HeadStage::Line {
            line::parse(buf, text, head)?;
            head.state.stage = HeadStage::Fields;
        } else if text.0 == text.1 {
            head.length = end + 1;
            field::finish(head)?;
            return Ok(Progress::Complete);
        } else {
            if head.headers.len() >= limits.max_headers {
                return Err(HttpError::TooManyHeaders);
            }
            field::parse(buf, text, head, limits)?;
        }
    }
}

#[cfg(test)]
mod tests;
