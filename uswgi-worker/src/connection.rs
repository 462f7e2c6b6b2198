//! A client's connection: its descriptor, what it has sent and nobody has used yet, and where it stands in its life.
//! It receives when it is told to, never waits, and knows no Python; what the bytes mean is decided in `request`.

use crate::parking::Place;
use crate::spool::Spool;
use crate::sys::{self, Peer};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use uswgi_proto::chunked::Decoder;
use uswgi_proto::{http, packet};

/// Bodies up to this many bytes are whole before the application runs.
pub(crate) const BODY_BUFFER: u64 = 64 * 1024;
/// First allocation for a connection that sends something.
const FIRST_BUFFER: usize = 16 * 1024;

/// A chunked body, decoded as far as it came.
pub(crate) struct Chunks {
    /// Bytes of the head before them in the connection's buffer.
    pub(crate) head: usize,
    pub(crate) decoder: Decoder,
    pub(crate) decoded: Vec<u8>,
}

impl Chunks {
    /// No more fits in memory.
    pub(crate) fn is_full(&self) -> bool {
        self.decoded.len() >= BODY_BUFFER as usize
    }
}

/// One connection. Whoever holds the value owns the descriptor and may close it. Passing it on moves a pointer.
pub(crate) struct Conn(Box<Connection>);

impl std::ops::Deref for Conn {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl std::ops::DerefMut for Conn {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}

/// What there is to know about a connection.
pub(crate) struct Connection {
    /// Its place among the parked connections, once it had one. Declared before `fd`, because it is dropped before.
    pub(crate) place: Option<Place>,
    pub(crate) fd: OwnedFd,
    /// Index in the engine's listeners.
    pub(crate) listener: u16,
    pub(crate) http: bool,
    pub(crate) peer: Peer,
    /// Address and port of the peer as text, made for its first request; empty for a unix socket.
    remote: Option<Box<(String, String)>>,
    /// It is in the ready epoll.
    pub(crate) registered: bool,
    /// Bytes received and not consumed by a request.
    pub(crate) buffer: Vec<u8>,
    /// Decoded part of a chunked body whose head is at the start of `buffer`.
    pub(crate) chunks: Option<Box<Chunks>>,
    /// A body on its way to disk, whose head is at the start of `buffer`.
    pub(crate) spool: Option<Box<Spool>>,
    /// The client holds its body back until it gets `100 Continue`.
    pub(crate) expects: bool,
    /// It has got it for the request at the start of `buffer`.
    pub(crate) invited: bool,
    /// Requests answered on it.
    pub(crate) served: u32,
    /// `buffer` is no use before it has this many bytes; 0: unknown.
    pub(crate) needed: usize,
    /// No line ends in `buffer` before here: an unfinished head need not be parsed again.
    pub(crate) scanned: usize,
    /// Bytes that the last receive brought.
    pub(crate) last_received: usize,
    /// What the kernel had not sent when that was last looked at.
    pub(crate) unsent: u64,
    /// When to give up on it, `monotonic_us`.
    pub(crate) deadline_us: u64,
    /// Bytes that its client had to take when the native thread first looked how it gets on; 0: it has not.
    pub(crate) owed: u64,
    /// When its current request began to arrive, or `owed` was looked at; `monotonic_us`, 0: not yet.
    pub(crate) since_us: u64,
}

/// What came of one receive.
pub(crate) enum Received {
    /// This many bytes.
    Bytes,
    /// Nothing now.
    Nothing,
    /// The peer will send no more.
    End,
}

impl Conn {
    pub(crate) fn new(fd: OwnedFd, listener: u16, http: bool, peer: Peer) -> Conn {
        Conn(Box::new(Connection {
            place: None,
            fd,
            listener,
            http,
            peer,
            remote: None,
            registered: false,
            buffer: Vec::new(),
            chunks: None,
            spool: None,
            expects: false,
            invited: false,
            served: 0,
            needed: 0,
            scanned: 0,
            last_received: 0,
            unsent: u64::MAX,
            deadline_us: 0,
            owed: 0,
            since_us: 0,
        }))
    }
}

impl Connection {
    pub(crate) fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Make the text of the peer's address; before [`Conn::remote`].
    pub(crate) fn name_peer(&mut self) {
        if self.remote.is_none()
            && let Peer::Ip(a) = self.peer
        {
            self.remote = Some(Box::new((a.ip().to_canonical().to_string(), a.port().to_string())));
        }
    }

    /// Address and port of the peer as text.
    pub(crate) fn remote(&self) -> Option<(&[u8], &[u8])> {
        self.remote.as_ref().map(|r| (r.0.as_bytes(), r.1.as_bytes()))
    }

    /// Receive once, without waiting. `OutOfMemory` under an address-space limit is an error like others.
    pub(crate) fn receive(&mut self) -> io::Result<Received> {
        let spare = self.buffer.capacity() - self.buffer.len();
        let wanted = self.needed.saturating_sub(self.buffer.len());
        if spare < 2048 || spare < wanted.min(FIRST_BUFFER) {
            let more = wanted.max(if self.buffer.is_empty() { FIRST_BUFFER } else { self.buffer.len() });
            self.buffer.try_reserve(more).map_err(|_| io::ErrorKind::OutOfMemory)?;
        }
        match sys::recv_into(self.raw(), &mut self.buffer) {
            Ok(0) => Ok(Received::End),
            Ok(n) => {
                self.last_received = n;
                Ok(Received::Bytes)
            }
            Err(e) if sys::would_block(&e) => Ok(Received::Nothing),
            Err(e) => Err(e),
        }
    }

    /// Whether the request at the start of the buffer is one whose answer has no body; for answers of our own.
    pub(crate) fn asks_head(&self) -> bool {
        if self.http { http::is_head(&self.buffer) } else { packet::is_head(&self.buffer) }
    }

    /// Send `100 Continue` when the client waits for it. It is short: a full socket has lost its peer.
    pub(crate) fn invite(&mut self) {
        if std::mem::take(&mut self.expects) {
            self.invited = true;
            let _ = sys::send2(self.raw(), crate::answer::CONTINUE, b"");
        }
    }

    /// Drop the request at the start of the buffer.
    pub(crate) fn consume(&mut self, bytes: usize) {
        if bytes >= self.buffer.len() {
            self.buffer.clear();
        } else {
            self.buffer.drain(..bytes);
        }
        self.chunks = None;
        self.spool = None;
        self.expects = false;
        self.invited = false;
        self.needed = 0;
        self.scanned = 0;
        self.since_us = 0;
    }
}
