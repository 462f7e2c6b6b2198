//! The body of one request as bytes: what is buffered, and how the rest is received. It knows nothing of Python; whoever
//! calls it has released the GIL.

use crate::gateway::cooperate;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uswgi_proto::chunked::Decoder;
use uswgi_proto::profile::LaneStanding;
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_serve::connection::Conn;
use uswgi_serve::rate::is_too_slow;
use uswgi_serve::{lane, sys};

/// Received at a time.
pub(super) const PIECE: usize = 64 * 1024;

/// Where the rest of a body comes from.
pub(crate) enum BodySource {
    /// There is no more.
    Done,
    /// So many bytes of the socket.
    Counted(u64),
    /// A file on disk of so many bytes, of which so many were read into the buffer.
    File { file: std::fs::File, length: u64, read: u64 },
    /// Chunks; `raw` holds what was received and not decoded.
    Chunked { decoder: Decoder, raw: Vec<u8> },
}

pub(crate) struct BodyState {
    pub(crate) buffer: Vec<u8>,
    pub(crate) at: usize,
    /// Where the body begins in the buffer, which holds all of it from the start; None: it is read piece by piece.
    pub(crate) base: Option<usize>,
    pub(crate) source: BodySource,
    pub(crate) fd: RawFd,
    pub(crate) timeout_ms: i32,
    /// `100 Continue` is due before the first receive.
    pub(crate) expects: bool,
    pub(crate) received: u64,
    pub(crate) waited_us: u64,
    /// Reading failed: the status of the answer when the application leaves it at that.
    pub(crate) failed: Option<u16>,
    /// Whether some of it is still to come from the client; None: nothing is from the start. The head of the answer says
    /// with it whether the connection stays.
    pub(crate) unread: Option<Arc<AtomicBool>>,
}

impl BodyState {
    pub(crate) fn available(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Receive once with `receive`, waiting as long as the client may take; 0: the client left.
    fn receive(&mut self, mut receive: impl FnMut(RawFd) -> io::Result<usize>) -> io::Result<usize> {
        if std::mem::take(&mut self.expects) {
            let _ = sys::send2(self.fd, uswgi_serve::answer::CONTINUE, b"");
        }
        loop {
            match receive(self.fd) {
                Ok(n) => {
                    self.received += n as u64;
                    return Ok(n);
                }
                // Whoever called waits in its loop, and comes again.
                Err(e) if sys::would_block(&e) && cooperate::must_not_wait() => {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Err(e) if sys::would_block(&e) => {}
                Err(e) => return Err(e),
            }
            let before = monotonic_us();
            // An interruption (a signal) goes up, so that its Python handler can run.
            let wait_for = || sys::wait_for(self.fd, libc::POLLIN, self.timeout_ms);
            if !lane::waiting_for(LaneStanding::Input, wait_for)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if self.waited(before) {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// A wait since then has ended; whether the client is too slow by now.
    pub(crate) fn waited(&mut self, since_us: u64) -> bool {
        self.waited_us += monotonic_us() - since_us;
        is_too_slow(self.received, self.waited_us)
    }

    /// Receive the next bytes of a counted body; counts them. End of file is an error.
    pub(super) fn receive_counted(&mut self, into: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        let BodySource::Counted(left) = self.source else { return Ok(0) };
        let take = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let n = self.receive(|fd| sys::recv_slice(fd, &mut into[..take]))?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let left = left - n as u64;
        self.source = if left == 0 { BodySource::Done } else { BodySource::Counted(left) };
        self.note_unread(left > 0);
        Ok(n)
    }

    /// Get more into the buffer; false: the body is over.
    pub(crate) fn more(&mut self, wanted: usize) -> io::Result<bool> {
        if matches!(self.source, BodySource::Done) {
            // A whole body stays: it can be read again.
            return Ok(false);
        }
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        match &mut self.source {
            BodySource::Done => Ok(false),
            BodySource::Counted(left) => {
                let piece = (*left).min(wanted.clamp(PIECE, 1 << 20) as u64) as usize;
                reserve_exactly(&mut self.buffer, piece)?;
                let mut buffer = std::mem::take(&mut self.buffer);
                let result = self.receive_counted(&mut buffer.spare_capacity_mut()[..piece]);
                if let Ok(n) = result {
                    // SAFETY: recv wrote n bytes right behind the length, within the capacity.
                    unsafe { buffer.set_len(buffer.len() + n) };
                }
                self.buffer = buffer;
                result.map(|_| true)
            }
            BodySource::File { file, length, read } => {
                use std::io::{Read, Seek, SeekFrom};
                let piece = (*length - *read).min(wanted.clamp(PIECE, 1 << 20) as u64);
                reserve_exactly(&mut self.buffer, piece as usize)?;
                // The application has the descriptor too, and may have moved it.
                file.seek(SeekFrom::Start(*read))?;
                let n = file.take(piece).read_to_end(&mut self.buffer)? as u64;
                *read += n;
                Ok(n > 0)
            }
            BodySource::Chunked { .. } => self.more_chunks(),
        }
    }

    fn note_unread(&self, unread: bool) {
        if let Some(note) = &self.unread {
            note.store(unread, Ordering::Relaxed);
        }
    }

    fn more_chunks(&mut self) -> io::Result<bool> {
        loop {
            let BodySource::Chunked { decoder, raw } = &mut self.source else { return Ok(false) };
            let before = self.buffer.len();
            let used = decoder
                .feed(raw, &mut self.buffer, PIECE)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            raw.drain(..used);
            let done = decoder.done();
            self.note_unread(!done);
            if self.buffer.len() > before {
                return Ok(true);
            }
            if done {
                // What follows belongs to the next request; `leftover` takes it.
                return Ok(false);
            }
            let BodySource::Chunked { raw, .. } = &mut self.source else { return Ok(false) };
            let mut raw = std::mem::take(raw);
            let result = reserve_exactly(&mut raw, PIECE)
                .and_then(|()| self.receive(|fd| sys::recv_into(fd, &mut raw)));
            if let BodySource::Chunked { raw: slot, .. } = &mut self.source {
                *slot = raw;
            }
            if result? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Where a whole body is read next, and how long it is; None: it is not whole, and cannot be read again.
    pub(super) fn place(&self) -> Option<(u64, u64)> {
        match (&self.source, self.base) {
            (BodySource::File { length, read, .. }, _) => {
                Some((*read - self.available().len() as u64, *length))
            }
            (_, Some(base)) => Some(((self.at - base) as u64, (self.buffer.len() - base) as u64)),
            _ => None,
        }
    }

    /// Read a whole body on from there, which has to lie within it.
    pub(super) fn go_to(&mut self, place: u64) {
        if let BodySource::File { read, .. } = &mut self.source {
            *read = place;
            self.buffer.clear();
            self.at = 0;
        } else if let Some(base) = self.base {
            self.at = base + place as usize;
        }
    }

    /// Descriptor of a body on disk, which is the state's own.
    pub(super) fn file(&self) -> Option<RawFd> {
        match &self.source {
            BodySource::File { file, .. } => Some(file.as_raw_fd()),
            _ => None,
        }
    }

    /// Whether nothing comes behind what is available.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.source, BodySource::Done)
    }

    /// Whether every byte of the body was received.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.source {
            BodySource::Done | BodySource::File { .. } => true,
            BodySource::Counted(_) => false,
            BodySource::Chunked { decoder, .. } => decoder.done(),
        }
    }

    /// Bytes received behind the body, and memory that the next request may use.
    pub(crate) fn leave(self) -> (Vec<u8>, Vec<u8>) {
        let leftover = match self.source {
            BodySource::Chunked { raw, .. } => raw,
            _ => Vec::new(),
        };
        (leftover, self.buffer)
    }
}

fn reserve_exactly(buffer: &mut Vec<u8>, n: usize) -> io::Result<()> {
    buffer.try_reserve(n).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

/// A copy, or no memory.
fn copied(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut copy = Vec::new();
    reserve_exactly(&mut copy, bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// A buffered body from this size on is not copied: the head is, which is shorter.
const MOVED: usize = 4 * 1024;

/// The state for the body of the request at the start of a connection's buffer; the bytes of the body are
/// moved out of it or copied, and the head stays.
pub(crate) fn state_for(
    conn: &mut Conn,
    head_length: usize,
    body: uswgi_serve::request::Body,
    timeout_ms: i32,
) -> io::Result<Option<BodyState>> {
    use uswgi_serve::request::Body;
    let mut at = 0;
    let is_whole = matches!(body, Body::Buffered(_) | Body::Decoded);
    let (buffer, source) = match body {
        Body::None => return Ok(None),
        Body::Buffered(n) if n >= MOVED && conn.buffer.len() == head_length + n => {
            at = head_length;
            let head = copied(&conn.buffer[..head_length])?;
            (std::mem::replace(&mut conn.buffer, head), BodySource::Done)
        }
        Body::Buffered(n) => (copied(&conn.buffer[head_length..head_length + n])?, BodySource::Done),
        Body::Decoded => (conn.chunks.take().ok_or(io::ErrorKind::NotFound)?.decoded, BodySource::Done),
        Body::Spooled => {
            let spool = conn.spool.take().ok_or(io::ErrorKind::NotFound)?;
            (Vec::new(), BodySource::File { file: spool.file, length: spool.length, read: 0 })
        }
        Body::Stream(length) => {
            let mut buffer = copied(&conn.buffer[head_length..])?;
            conn.buffer.truncate(head_length);
            if buffer.len() as u64 > length {
                // The next request has begun to arrive behind this body.
                let next = buffer.split_off(length as usize);
                conn.buffer.extend_from_slice(&next);
            }
            let left = length - buffer.len() as u64;
            let source = if left == 0 { BodySource::Done } else { BodySource::Counted(left) };
            (buffer, source)
        }
        Body::StreamChunks => {
            let chunks = conn.chunks.take().ok_or(io::ErrorKind::NotFound)?;
            let raw = copied(&conn.buffer[head_length..])?;
            conn.buffer.truncate(head_length);
            (chunks.decoded, BodySource::Chunked { decoder: chunks.decoder, raw })
        }
    };
    let comes_later = matches!(source, BodySource::Counted(_) | BodySource::Chunked { .. });
    Ok(Some(BodyState {
        buffer,
        at,
        base: is_whole.then_some(at),
        source,
        fd: conn.raw(),
        timeout_ms,
        expects: std::mem::take(&mut conn.expects),
        received: 0,
        waited_us: 0,
        failed: None,
        unread: comes_later.then(|| Arc::new(AtomicBool::new(true))),
    }))
}
