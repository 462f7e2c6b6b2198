//! FastCGI (the specification of 1996, version 1) as a server speaks it: requests become the bytes of SCGI requests, and
//! answers the records that carry them.
//!
//! Pure: bytes in, bytes out. A connection has one request at a time; a second one beside it is declined, as the
//! specification allows.
//!
//! ```text
//! version type id(2) length(2) padding reserved | content | padding
//! ```

#![forbid(unsafe_code)]

mod records;

use records::{Kind, RecordHeader, declined, unknown, values};
pub use records::{MOST_CONTENT, end, stdout};

/// Bytes of variables that any request may have; `buffer-size` allows less for most.
const MOST_PARAMS: usize = 1 << 20;
/// Role of a responder: the only one of the three that a web server asks for a page.
const RESPONDER: u16 = 1;
/// `FCGI_CANT_MPX_CONN`.
const NO_SECOND: u8 = 1;
/// `FCGI_UNKNOWN_ROLE`.
const OTHER_ROLE: u8 = 3;

/// Bytes that are no FastCGI, or no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FastCgiError {
    /// The first byte of a record is not 1.
    #[error("FastCGI: a record of version {0}; it is another protocol")]
    Version(u8),
    /// More variables than fit.
    #[error("FastCGI: more than {MOST_PARAMS} bytes of variables")]
    TooLong,
    /// A pair is cut, or stands in no SCGI head.
    #[error("FastCGI: a variable has no name, no end, or a NUL in it")]
    Variable,
}

/// What came of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FastCgiEvent {
    /// Nothing to decide.
    More,
    /// A request is there: what stands in `request` is its head, and its body follows.
    Request,
    /// Its body is over.
    BodyEnds,
    /// The server in front wants no answer any more.
    Abort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// No request.
    #[default]
    Idle,
    /// Variables come.
    Params,
    /// The body comes.
    Body,
    /// The answer is made.
    Answer,
}

/// One connection of a server in front.
#[derive(Debug, Default)]
pub struct FastCgi {
    stage: Stage,
    id: u16,
    keep: bool,
    params: Vec<u8>,
}

impl FastCgi {
    /// Take the first record off the bytes. None: it is not whole yet, or it is content of which a part is used. What is to
    /// be passed on is appended to `request`, what has to be answered at once to `answer`. Gives the bytes used, and what
    /// came of them.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        request: &mut Vec<u8>,
        answer: &mut Vec<u8>,
    ) -> Result<Option<(usize, FastCgiEvent)>, FastCgiError> {
        match bytes.first() {
            None => return Ok(None),
            Some(1) => {}
            Some(other) => return Err(FastCgiError::Version(*other)),
        }
        let Some(header) = RecordHeader::read(bytes) else { return Ok(None) };
        let whole = header.whole();
        let Some(record) = bytes.get(..whole) else { return Ok(None) };
        let content = &record[RecordHeader::LENGTH..RecordHeader::LENGTH + usize::from(header.length)];
        Ok(Some((whole, self.record(header, content, request, answer)?)))
    }

    fn record(
        &mut self,
        header: RecordHeader,
        content: &[u8],
        request: &mut Vec<u8>,
        answer: &mut Vec<u8>,
    ) -> Result<FastCgiEvent, FastCgiError> {
        match header.kind() {
            Kind::GetValues => values(content, answer),
            Kind::Other if header.id == 0 => unknown(header.kind, answer),
            Kind::Begin => self.begin(header.id, content, answer),
            // What belongs to a request that is over, or was declined, is for nobody.
            _ if header.id != self.id => {}
            Kind::Abort if self.stage != Stage::Idle => return Ok(FastCgiEvent::Abort),
            Kind::Params if self.stage == Stage::Params && content.is_empty() => {
                head(&std::mem::take(&mut self.params), request)?;
                self.stage = Stage::Body;
                return Ok(FastCgiEvent::Request);
            }
            Kind::Params if self.stage == Stage::Params => {
                if self.params.len() + content.len() > MOST_PARAMS {
                    return Err(FastCgiError::TooLong);
                }
                self.params.extend_from_slice(content);
            }
            Kind::Stdin if self.stage == Stage::Body && content.is_empty() => {
                self.stage = Stage::Answer;
                return Ok(FastCgiEvent::BodyEnds);
            }
            Kind::Stdin if self.stage == Stage::Body => request.extend_from_slice(content),
            _ => {}
        }
        Ok(FastCgiEvent::More)
    }

    fn begin(&mut self, id: u16, content: &[u8], answer: &mut Vec<u8>) {
        let [role_1, role_0, flags, ..] = *content else { return };
        if self.stage != Stage::Idle {
            return declined(id, NO_SECOND, answer);
        }
        if u16::from_be_bytes([role_1, role_0]) != RESPONDER {
            return declined(id, OTHER_ROLE, answer);
        }
        (self.stage, self.id, self.keep) = (Stage::Params, id, flags & 1 == 1);
    }

    /// Bytes of an answer as records.
    pub fn answer(&self, bytes: &[u8], out: &mut Vec<u8>) {
        stdout(self.id, bytes, out);
    }

    /// The answer is over; whether the connection stays for another request.
    pub fn end(&mut self, out: &mut Vec<u8>) -> bool {
        end(self.id, out);
        // What still comes of a body would be taken for the next request's.
        let keep = self.keep && self.stage == Stage::Answer;
        *self = FastCgi::default();
        keep
    }

    /// Whether a request is there, from its first record to its end.
    pub fn is_busy(&self) -> bool {
        self.stage != Stage::Idle
    }
}

/// The variables as the head of an SCGI request.
fn head(params: &[u8], request: &mut Vec<u8>) -> Result<(), FastCgiError> {
    let mut block = Vec::with_capacity(params.len());
    let mut rest = params;
    while !rest.is_empty() {
        let (name, value, after) = records::pair(rest).ok_or(FastCgiError::Variable)?;
        if name.is_empty() || name.contains(&0) || value.contains(&0) {
            return Err(FastCgiError::Variable);
        }
        for part in [name, value] {
            block.extend_from_slice(part);
            block.push(0);
        }
        rest = after;
    }
    request.extend_from_slice(format!("{}:", block.len()).as_bytes());
    request.extend_from_slice(&block);
    request.push(b',');
    Ok(())
}

#[cfg(test)]
mod tests;
