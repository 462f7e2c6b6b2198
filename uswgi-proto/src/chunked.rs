//! The chunked transfer coding (RFC 9112 section 7.1) of request bodies, and the heads of chunks that we send.
//!
//! A state machine over bytes that may be cut anywhere. It must not read past the end of its body,
//! must not hold data, and bounds everything that is not data: a client may not make us work for
//! extensions and trailers without end. Line ends are CR LF, never less.

#![forbid(unsafe_code)]

/// Most bytes of chunk extensions in one body.
pub const MAX_EXTENSIONS: usize = 16 * 1024;

/// Most bytes of trailers in one body.
pub const MAX_TRAILERS: usize = 16 * 1024;

/// A body that is refused; the connection is of no use afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// No hexadecimal number, or one that is too large.
    #[error("chunked body: bad chunk size")]
    Size,
    /// CR LF is not where it belongs.
    #[error("chunked body: a line or a chunk does not end with CR LF")]
    LineEnd,
    /// A control character or too many bytes.
    #[error("chunked body: a chunk extension is malformed or too long")]
    Extension,
    /// No header line, or too many bytes.
    #[error("chunked body: the trailer is malformed or too long")]
    Trailer,
    /// More data than allowed.
    #[error("chunked body: larger than the limit of {limit} bytes (limit-post)")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
}

impl ChunkError {
    /// Status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            ChunkError::TooLarge { .. } => 413,
            _ => 400,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkState {
    /// In the digits of a chunk size; how many came.
    Size(u8),
    /// White space after the size: an extension must follow.
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a trailer line.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
    Failed(ChunkError),
}

/// Decodes one body.
#[derive(Debug, Clone)]
pub struct Decoder {
    state: ChunkState,
    /// Bytes of the current chunk that are still to come.
    left: u64,
    /// Bytes of data announced so far.
    total: u64,
    limit: u64,
    extensions: usize,
    trailers: usize,
}

impl Decoder {
    /// For a body of at most `limit_body` bytes of data; 0: no limit.
    pub fn new(limit_body: u64) -> Self {
        let limit = if limit_body == 0 { crate::http::MAX_BODY } else { limit_body };
        Decoder { state: ChunkState::Size(0), left: 0, total: 0, limit, extensions: 0, trailers: 0 }
    }

    /// Whether the body and its trailers are over.
    pub fn done(&self) -> bool {
        self.state == ChunkState::Done
    }

    /// Decode from `input`, append at most `max_out` bytes to `out`; gives the bytes consumed.
    ///
    /// Everything is consumed but what comes after the body, and what stands behind `max_out`.
    /// After an error the same error comes again.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>, max_out: usize) -> Result<usize, ChunkError> {
        let mut room = max_out;
        let mut at = 0;
        while at < input.len() {
            match self.state {
                ChunkState::Done => break,
                ChunkState::Failed(error) => return Err(error),
                ChunkState::Data => {
                    let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                    let n = left.min(input.len() - at).min(room);
                    if n == 0 {
                        break;
                    }
                    out.extend_from_slice(&input[at..at + n]);
                    at += n;
                    room -= n;
                    self.left -= n as u64;
                    if self.left == 0 {
                        self.state = ChunkState::DataCr;
                    }
                }
                _ => {
                    if let Err(error) = self.step(input[at]) {
                        self.state = ChunkState::Failed(error);
                        return Err(error);
                    }
                    at += 1;
                }
            }
        }
        match self.state {
            ChunkState::Failed(error) => Err(error),
            _ => Ok(at),
        }
    }

    /// One byte that is not data.
    fn step(&mut self, byte: u8) -> Result<(), ChunkError> {
        self.state = match (self.state, byte) {
            (ChunkState::Size(digits), _) if byte.is_ascii_hexdigit() => {
                if digits == 16 {
                    return Err(ChunkError::Size);
                }
                let digit = (byte as char).to_digit(16).unwrap_or_default();
                self.left = self.left << 4 | u64::from(digit);
                ChunkState::Size(digits + 1)
            }
            (ChunkState::Size(0), _) => return Err(ChunkError::Size),
            (ChunkState::Size(_) | ChunkState::Extension, b'\r') => ChunkState::SizeLf,
            (ChunkState::Size(_) | ChunkState::Extension, b'\n') => return Err(ChunkError::LineEnd),
            (ChunkState::Size(_) | ChunkState::Space, b';' | b' ' | b'\t') => {
                self.count_extension()?;
                if byte == b';' { ChunkState::Extension } else { ChunkState::Space }
            }
            (ChunkState::Size(_) | ChunkState::Space, _) => return Err(ChunkError::Size),
            (ChunkState::Extension, _) => {
                if is_control(byte) {
                    return Err(ChunkError::Extension);
                }
                self.count_extension()?;
                ChunkState::Extension
            }
            (ChunkState::SizeLf, b'\n') => self.start_chunk()?,
            (ChunkState::DataCr, b'\r') => ChunkState::DataLf,
            (ChunkState::DataLf, b'\n') => {
                self.left = 0;
                ChunkState::Size(0)
            }
            (ChunkState::Trailer, b'\r') => ChunkState::EndLf,
            (ChunkState::Trailer, _) if !is_token(byte) => return Err(ChunkError::Trailer),
            (ChunkState::Trailer | ChunkState::TrailerName, _) if is_token(byte) => {
                self.count_trailer()?;
                ChunkState::TrailerName
            }
            (ChunkState::TrailerName, b':') => {
                self.count_trailer()?;
                ChunkState::TrailerValue
            }
            (ChunkState::TrailerName, _) => return Err(ChunkError::Trailer),
            (ChunkState::TrailerValue, b'\r') => ChunkState::TrailerLf,
            (ChunkState::TrailerValue, _) => {
                if is_control(byte) {
                    return Err(ChunkError::Trailer);
                }
                self.count_trailer()?;
                ChunkState::TrailerValue
            }
            (ChunkState::TrailerLf, b'\n') => ChunkState::Trailer,
            (ChunkState::EndLf, b'\n') => ChunkState::Done,
            _ => return Err(ChunkError::LineEnd),
        };
        Ok(())
    }

    fn start_chunk(&mut self) -> Result<ChunkState, ChunkError> {
        if self.left == 0 {
            return Ok(ChunkState::Trailer);
        }
        let too_large = ChunkError::TooLarge { limit: self.limit };
        self.total = self.total.checked_add(self.left).filter(|n| *n <= self.limit).ok_or(too_large)?;
        Ok(ChunkState::Data)
    }

    fn count_extension(&mut self) -> Result<(), ChunkError> {
        self.extensions += 1;
        if self.extensions > MAX_EXTENSIONS { Err(ChunkError::Extension) } else { Ok(()) }
    }

    fn count_trailer(&mut self) -> Result<(), ChunkError> {
        self.trailers += 1;
        if self.trailers > MAX_TRAILERS { Err(ChunkError::Trailer) } else { Ok(()) }
    }
}

fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

fn is_token(byte: u8) -> bool {
    crate::http::is_token(byte)
}

/// What stands in front of a chunk that is sent: its size in hexadecimal, and the end of that line.
#[inline]
pub fn head(mut size: usize, room: &mut [u8; 18]) -> &[u8] {
    let mut at = room.len() - 2;
    room[at..].copy_from_slice(b"\r\n");
    loop {
        at -= 1;
        room[at] = b"0123456789abcdef"[size & 15];
        size >>= 4;
        if size == 0 {
            return &room[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(input: &[u8], limit: u64) -> Result<(Vec<u8>, usize, bool), ChunkError> {
        let mut d = Decoder::new(limit);
        let mut out = Vec::new();
        let n = d.feed(input, &mut out, usize::MAX)?;
        Ok((out, n, d.done()))
    }

    #[test]
    fn a_body_ends_where_it_ends() {
        let body =
            b"5\r\nhello\r\nA;x=\"y z\"\r\n, chunked \r\n01 ; q\r\n!\r\n000\r\nX-T: 1\r\nY:\r\n\r\nGET /";
        let (out, n, done) = decode(body, 0).unwrap();
        assert_eq!((out.as_slice(), n, done), (&b"hello, chunked !"[..], body.len() - 5, true));
    }

    #[test]
    fn broken_bodies_are_refused_and_stay_refused() {
        for (body, expected) in [
            (&b"\r\n"[..], ChunkError::Size),
            (b"g\r\n", ChunkError::Size),
            (b"-1\r\n", ChunkError::Size),
            (b"0x1\r\n", ChunkError::Size),
            (b" 1\r\n", ChunkError::Size),
            (b"1 \r\n", ChunkError::Size),
            (b"11111111111111111\r\n", ChunkError::Size),
            (b"1\na", ChunkError::LineEnd),
            (b"1;a\na", ChunkError::LineEnd),
            (b"1\rxa", ChunkError::LineEnd),
            (b"1\r\nab\r\n", ChunkError::LineEnd),
            (b"1\r\na\n", ChunkError::LineEnd),
            (b"1\r\na\rb", ChunkError::LineEnd),
            (b"1;\0\r\n", ChunkError::Extension),
            (b"0\r\n\n", ChunkError::Trailer),
            (b"0\r\n folded\r\n", ChunkError::Trailer),
            (b"0\r\nname\r\n", ChunkError::Trailer),
            (b"0\r\na: \0", ChunkError::Trailer),
            (b"0\r\na: 1\n", ChunkError::Trailer),
            (b"0\r\n\rx", ChunkError::LineEnd),
            (b"6\r\n", ChunkError::TooLarge { limit: 5 }),
            (b"5\r\nabcde\r\n1\r\n", ChunkError::TooLarge { limit: 5 }),
            (b"ffffffffffffffff\r\n", ChunkError::TooLarge { limit: 5 }),
        ] {
            let mut d = Decoder::new(5);
            let shown = String::from_utf8_lossy(body);
            assert_eq!(d.feed(body, &mut Vec::new(), 99), Err(expected), "{shown:?}");
            assert_eq!(d.feed(b"", &mut Vec::new(), 99), Err(expected), "{shown:?}");
            assert!(!d.done());
        }
    }

    #[test]
    fn what_is_not_data_is_bounded() {
        let long = |start: &str, n| decode(format!("{start}{}", "x".repeat(n)).as_bytes(), 0);
        assert!(long("1;", MAX_EXTENSIONS - 1).is_ok());
        assert_eq!(long("1;", MAX_EXTENSIONS), Err(ChunkError::Extension));
        assert!(long("0\r\n", MAX_TRAILERS).is_ok());
        assert_eq!(long("0\r\na:", MAX_TRAILERS), Err(ChunkError::Trailer));
        let many = "1;xxxxxxx\r\na\r\n".repeat(MAX_EXTENSIONS / 8 + 1);
        assert_eq!(decode(many.as_bytes(), 0), Err(ChunkError::Extension));
    }

    #[test]
    fn output_stops_at_its_bound_and_goes_on() {
        let body = b"5\r\nhello\r\n0\r\n\r\n";
        let mut d = Decoder::new(5);
        let mut out = Vec::new();
        assert_eq!(d.feed(body, &mut out, 2).unwrap(), 5);
        assert_eq!(d.feed(&body[5..], &mut out, 0).unwrap(), 0);
        assert_eq!(d.feed(&body[5..], &mut out, 3).unwrap(), body.len() - 5);
        assert!(d.done() && out == b"hello");
        assert_eq!(d.feed(b"more", &mut out, 9).unwrap(), 0);
    }

    #[test]
    fn heads_are_hexadecimal() {
        for size in [0, 1, 9, 10, 15, 16, 255, 256, 4095, 65536, usize::MAX] {
            assert_eq!(head(size, &mut [0; 18]), format!("{size:x}\r\n").as_bytes());
        }
    }
}
