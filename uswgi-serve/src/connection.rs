//! A client's connection: its descriptor, what it has sent and nobody has used yet, and where it stands in its life.
//! It receives when it is told to, never waits, and knows no Python; what the bytes mean is decided in `request`.

use crate::client_certificate::ClientCertificate;
use crate::greeting::Greeting;
use crate::parking::Place;
use crate::request::Request;
use crate::spool::Spool;
use crate::sys::{self, Peer};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use uswgi_proto::chunked::Decoder;
use uswgi_proto::settings::Protocol;
use uswgi_proto::{http, packet, scgi};

/// Bodies up to this many bytes are whole before the application runs.
pub const BODY_BUFFER: u64 = 64 * 1024;
/// First allocation for a connection that sends something.
const FIRST_BUFFER: usize = 16 * 1024;

/// A chunked body, decoded as far as it came.
pub struct Chunks {
    /// Bytes of the head before them in the connection's buffer.
    pub head: usize,
    /// Knows where it stands in the chunks.
    pub decoder: Decoder,
    /// The body as far as it came.
    pub decoded: Vec<u8>,
}

impl Chunks {
    /// No more fits in memory.
    pub fn is_full(&self) -> bool {
        self.decoded.len() >= BODY_BUFFER as usize
    }
}

/// One connection. Whoever holds the value owns the descriptor and may close it. Passing it on moves a pointer.
pub struct Conn(Box<Connection>);

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
pub struct Connection {
    /// Its place among the parked connections, once it had one. Declared before `fd`, because it is dropped before.
    pub place: Option<Place>,
    pub(crate) fd: OwnedFd,
    /// Index in the engine's listeners.
    pub listener: u16,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Who is at the other end.
    pub peer: Peer,
    /// Whether it may begin with a header that names somebody else.
    pub(crate) greeting: Greeting,
    /// Its client speaks TLS with the front, which passes it on.
    pub(crate) secure: bool,
    /// What the client has shown in its handshake.
    pub(crate) certificate: Option<Box<ClientCertificate>>,
    /// Address and port of the peer as text, made for its first request; empty for a unix socket.
    remote: Option<Box<(String, String)>>,
    /// It is in the ready epoll.
    pub registered: bool,
    /// Bytes received and not consumed by a request.
    pub buffer: Vec<u8>,
    /// The head at the start of `buffer`, as far as it was parsed, while the rest of the request is waited for.
    pub(crate) head: Option<Box<Request>>,
    /// Decoded part of a chunked body whose head is at the start of `buffer`.
    pub chunks: Option<Box<Chunks>>,
    /// A body on its way to disk, whose head is at the start of `buffer`.
    pub spool: Option<Box<Spool>>,
    /// The client holds its body back until it gets `100 Continue`.
    pub expects: bool,
    /// It has got it for the request at the start of `buffer`.
    pub invited: bool,
    /// Requests answered on it.
    pub served: u32,
    /// `buffer` is no use before it has this many bytes; 0: unknown.
    pub needed: usize,
    /// Bytes that the last receive brought.
    pub last_received: usize,
    /// What the kernel had not sent when that was last looked at.
    pub unsent: u64,
    /// When to give up on it, `monotonic_us`.
    pub deadline_us: u64,
    /// Bytes that its client had to take when the native thread first looked how it gets on; 0: it has not.
    pub owed: u64,
    /// When its current request began to arrive, or `owed` was looked at; `monotonic_us`, 0: not yet.
    pub since_us: u64,
}

/// What came of one receive.
pub enum Received {
    /// This many bytes.
    Bytes,
    /// Nothing now.
    Nothing,
    /// The peer will send no more.
    End,
}

impl Conn {
    pub(crate) fn new(fd: OwnedFd, listener: u16, protocol: Protocol, peer: Peer) -> Conn {
        Conn(Box::new(Connection {
            place: None,
            fd,
            listener,
            protocol,
            peer,
            greeting: Greeting::None,
            secure: false,
            certificate: None,
            remote: None,
            registered: false,
            buffer: Vec::new(),
            head: None,
            chunks: None,
            spool: None,
            expects: false,
            invited: false,
            served: 0,
            needed: 0,
            last_received: 0,
            unsent: u64::MAX,
            deadline_us: 0,
            owed: 0,
            since_us: 0,
        }))
    }
}

impl Connection {
    /// The descriptor.
    pub fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Make the text of the peer's address; before [`Conn::remote`].
    pub fn name_peer(&mut self) {
        if self.remote.is_none()
            && let Peer::Ip(a) = self.peer
        {
            self.remote = Some(Box::new((a.ip().to_canonical().to_string(), a.port().to_string())));
        }
    }

    /// Address and port of the peer as text.
    pub fn remote(&self) -> Option<(&[u8], &[u8])> {
        self.remote.as_ref().map(|r| (r.0.as_bytes(), r.1.as_bytes()))
    }

    /// Receive once, without waiting. `OutOfMemory` under an address-space limit is an error like others.
    pub fn receive(&mut self) -> io::Result<Received> {
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

    /// Keep what is known of the request at the start of the buffer until more of it is there.
    pub(crate) fn keep_head(&mut self, request: &mut Request) {
        self.head = Some(Box::new(std::mem::take(request)));
    }

    /// Whether the request at the start of the buffer is one whose answer has no body; for answers of our own.
    pub fn asks_head(&self) -> bool {
        match self.protocol {
            Protocol::Http => http::is_head(&self.buffer),
            Protocol::Uwsgi => packet::is_head(&self.buffer),
            Protocol::Scgi | Protocol::ScgiNph => scgi::is_head(&self.buffer),
        }
    }

    /// Send `100 Continue` when the client waits for it. It is short: a full socket has lost its peer.
    pub fn invite(&mut self) {
        if std::mem::take(&mut self.expects) {
            self.invited = true;
            let _ = sys::send2(self.raw(), crate::answer::CONTINUE, b"");
        }
    }

    /// Drop the request at the start of the buffer.
    pub fn consume(&mut self, bytes: usize) {
        if bytes >= self.buffer.len() {
            self.buffer.clear();
        } else {
            self.buffer.drain(..bytes);
        }
        self.head = None;
        self.chunks = None;
        self.spool = None;
        self.expects = false;
        self.invited = false;
        self.needed = 0;
        self.since_us = 0;
    }
}
