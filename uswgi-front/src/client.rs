//! One client: its socket, what is spoken on it, and the worker's end. Bytes go both ways as far as both sides take them; what
//! one side does not take is not read from the other.

use crate::link::{Link, broken};
use crate::pass::pass;
use crate::plan::Entrance;
use crate::ready::Ready;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use uswgi_proto::passed::{MOST_CERTIFICATE, Passed};
use uswgi_proto::proxy::{self, Opening};

/// A handshake has to be over within this time.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);
/// A client that has everything is given this long to close.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes for a worker that may wait.
const MOST_UP: usize = 128 * 1024;
/// Looks at one client before others get their turn.
const ROUNDS: usize = 16;

/// What the thread has for all its clients.
pub(crate) struct Surroundings<'a> {
    /// Where connections go.
    pub(crate) workers: &'a OwnedFd,
    /// Room for bytes of a worker.
    pub(crate) room: &'a mut [u8],
    /// The sockets.
    pub(crate) entrances: &'a [Entrance],
    /// Whose headers of the PROXY protocol count.
    pub(crate) believes: &'a dyn Fn(Option<SocketAddr>) -> bool,
    /// How long a client may take nothing.
    pub(crate) patience: Duration,
    /// Now.
    pub(crate) now: Instant,
}

/// What becomes of a client.
#[derive(Debug)]
pub(crate) enum ClientFate {
    /// Something has to happen first.
    Wait,
    /// There is more to do, after others.
    Again,
    /// No worker takes it now.
    Full,
    /// A worker has it: its end is to be watched.
    Passed,
    /// It is over; with what the client did wrong.
    Over(Option<io::Error>),
}

/// See above.
pub(crate) struct Client {
    /// Its socket; perhaps one of another family.
    pub(crate) outer: TcpStream,
    /// The end of a worker's connection.
    pub(crate) inner: Option<UnixStream>,
    /// What the kernel says of `outer`.
    pub(crate) outside: Ready,
    /// What the kernel says of `inner`.
    pub(crate) inside: Ready,
    link: Link,
    entrance: usize,
    peer: Option<SocketAddr>,
    /// A header of the PROXY protocol may come.
    proxied: bool,
    /// Bytes for a worker.
    up: Vec<u8>,
    /// Nothing more comes from the client; a worker knows it.
    ends: (bool, bool),
    /// The answer is over: what is there is sent, and that was all.
    closing: bool,
    half_closed: bool,
    /// When to give it up.
    pub(crate) deadline: Option<Instant>,
}

fn not_now(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock)
}

impl Client {
    pub(crate) fn new(
        outer: TcpStream,
        peer: Option<SocketAddr>,
        index: usize,
        entrance: &Entrance,
        now: Instant,
    ) -> Client {
        Client {
            outer,
            inner: None,
            outside: Ready::default(),
            inside: Ready::default(),
            link: Link::new(entrance),
            entrance: index,
            peer,
            proxied: entrance.proxied,
            up: Vec::new(),
            ends: (false, false),
            closing: false,
            half_closed: false,
            deadline: Some(now + HANDSHAKE),
        }
    }

    /// Whether it has not said yet who it is.
    pub(crate) fn is_opening(&self) -> bool {
        self.proxied || self.link.is_opening()
    }

    /// Index of its socket in the plan.
    pub(crate) fn entrance(&self) -> usize {
        self.entrance
    }

    /// Its address; None: it has none.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Whether it has no request: it may be closed.
    pub(crate) fn is_idle(&self) -> bool {
        self.inner.is_none() && !self.link.wants_write()
    }

    /// Do what can be done now.
    pub(crate) fn go_on(&mut self, around: &mut Surroundings<'_>) -> ClientFate {
        for _ in 0..ROUNDS {
            let opening = self.is_opening();
            match self.round(around) {
                Ok(RoundEnd::Moved) => {}
                Ok(RoundEnd::Rested) => return ClientFate::Wait,
                Ok(RoundEnd::Said(verdict)) => return verdict,
                Err(e) if e.kind() == ErrorKind::InvalidData => return ClientFate::Over(Some(e)),
                Err(_) => return ClientFate::Over(None),
            }
            if opening && !self.is_opening() {
                self.deadline = Some(around.now + around.patience);
            }
        }
        ClientFate::Again
    }

    fn round(&mut self, around: &mut Surroundings<'_>) -> io::Result<RoundEnd> {
        if self.proxied && !self.greeted(around)? {
            return Ok(RoundEnd::Rested);
        }
        let mut moved = self.write_out(around)?;
        if self.closing {
            return self.close_down(around.now, moved);
        }
        moved |= self.read_in(around)?;
        moved |= self.read_out(around)?;
        if !self.up.is_empty() {
            match &self.inner {
                Some(_) => moved |= self.write_in()?,
                None => return self.pass(around).map(RoundEnd::Said),
            }
        }
        if self.ends.0 && self.up.is_empty() && !moved {
            match &self.inner {
                Some(inner) if !self.ends.1 => {
                    let _ = inner.shutdown(Shutdown::Write);
                    self.ends.1 = true;
                }
                Some(_) => {}
                None => {
                    self.link.answered();
                    self.close(around);
                    moved = true;
                }
            }
        }
        Ok(if moved { RoundEnd::Moved } else { RoundEnd::Rested })
    }

    /// Take a header of the PROXY protocol off the socket; whether what follows has begun.
    fn greeted(&mut self, around: &Surroundings<'_>) -> io::Result<bool> {
        if !self.outside.readable {
            return Ok(false);
        }
        let mut seen = vec![0; proxy::MOST + 256];
        let n = match self.outer.peek(&mut seen) {
            Ok(n) => n,
            Err(e) if not_now(&e) => {
                self.outside.readable = false;
                return Ok(false);
            }
            Err(e) => return Err(e),
        };
        match proxy::start(&seen[..n]).map_err(broken)? {
            Opening::Partial if n == 0 || self.outside.hung_up => Err(ErrorKind::UnexpectedEof.into()),
            Opening::Partial => {
                self.outside.readable = false;
                Ok(false)
            }
            Opening::Other => {
                self.proxied = false;
                Ok(true)
            }
            Opening::Header { .. } if !(around.believes)(self.peer) => Err(broken(
                "a header of the PROXY protocol from a peer that forwarded-allow-ips does not list",
            )),
            Opening::Header { length, client } => {
                (&self.outer).read_exact(&mut seen[..length])?;
                self.peer = client.or(self.peer);
                self.proxied = false;
                Ok(true)
            }
        }
    }

    /// Send what the client takes.
    fn write_out(&mut self, around: &Surroundings<'_>) -> io::Result<bool> {
        if !self.link.wants_write() {
            return Ok(false);
        }
        if self.outside.writable {
            match self.link.write(&self.outer) {
                Ok(_) => {
                    if !self.is_opening() {
                        let waits = self.link.wants_write() || self.inner.is_none();
                        self.deadline = waits.then(|| around.now + around.patience);
                    }
                    return Ok(true);
                }
                Err(e) if not_now(&e) => self.outside.writable = false,
                Err(e) => return Err(e),
            }
        }
        self.deadline.get_or_insert(around.now + around.patience);
        Ok(false)
    }

    /// Take what a worker says.
    fn read_in(&mut self, around: &mut Surroundings<'_>) -> io::Result<bool> {
        let Some(mut inner) = self.inner.as_ref() else { return Ok(false) };
        if !self.inside.readable || self.link.wants_write() {
            return Ok(false);
        }
        match inner.read(around.room) {
            Ok(n) if n > 0 => {
                self.inside.emptied(n < around.room.len());
                self.link.send(&around.room[..n])?;
            }
            Err(e) if not_now(&e) => {
                self.inside.readable = false;
                return Ok(false);
            }
            // It has closed, or its process is gone.
            _ => {
                self.inner = None;
                self.inside = Ready::default();
                if self.link.answered() {
                    self.up.clear();
                    self.ends.1 = false;
                    self.deadline = Some(around.now + around.patience);
                    self.link.records(&mut self.up)?;
                } else {
                    self.close(around);
                }
            }
        }
        Ok(true)
    }

    /// Take what the client says.
    fn read_out(&mut self, around: &Surroundings<'_>) -> io::Result<bool> {
        if !self.outside.readable || self.ends.0 || self.closing || self.up.len() >= MOST_UP {
            return Ok(false);
        }
        match self.link.receive(&self.outer, &around.entrances[self.entrance], &mut self.up) {
            Ok(got) => {
                self.outside.emptied(got.empty);
                self.ends.0 |= got.end;
                Ok(got.any || got.end)
            }
            Err(e) if not_now(&e) => {
                self.outside.readable = false;
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }

    /// Give a worker what it takes.
    fn write_in(&mut self) -> io::Result<bool> {
        let Some(mut inner) = self.inner.as_ref() else { return Ok(false) };
        if !self.inside.writable {
            return Ok(false);
        }
        match inner.write(&self.up) {
            Ok(n) => {
                self.up.drain(..n);
                Ok(n > 0)
            }
            Err(e) if not_now(&e) => {
                self.inside.writable = false;
                Ok(false)
            }
            // It reads no more, but its answer may be there.
            Err(_) => {
                self.up.clear();
                (self.inside.readable, self.ends.0) = (true, true);
                self.ends.1 = true;
                Ok(true)
            }
        }
    }

    /// Give the connection to a worker.
    fn pass(&mut self, around: &mut Surroundings<'_>) -> io::Result<ClientFate> {
        let entrance = &around.entrances[self.entrance];
        let certificate = self.link.certificate();
        if certificate.len() > MOST_CERTIFICATE {
            return Err(broken("the certificate of a client is too long"));
        }
        let passed = Passed {
            protocol: entrance.protocol,
            greeting: 0,
            secure: matches!(self.link, Link::Tls(_)),
            listener: entrance.listener,
            served: 0,
            peer: self.peer,
            certificate,
        };
        match pass(around.workers, &passed, &self.up)? {
            Some((inner, used)) => {
                self.up.drain(..used);
                self.inner = Some(inner);
                self.inside = Ready::default();
                self.deadline = None;
                Ok(ClientFate::Passed)
            }
            // As in the queue of a socket.
            None => {
                self.deadline = None;
                Ok(ClientFate::Full)
            }
        }
    }

    /// Nothing more is asked of a worker.
    fn close(&mut self, around: &Surroundings<'_>) {
        self.closing = true;
        self.deadline = Some(around.now + around.patience);
    }

    /// Send the rest, say that this was all, and wait until the client closes too.
    fn close_down(&mut self, now: Instant, moved: bool) -> io::Result<RoundEnd> {
        if self.link.wants_write() {
            return Ok(if moved { RoundEnd::Moved } else { RoundEnd::Rested });
        }
        if !self.half_closed {
            self.half_closed = true;
            self.deadline = Some(now + LINGER);
            self.outer.shutdown(Shutdown::Write)?;
        }
        let mut sink = [0; 4096];
        if !self.outside.readable {
            return Ok(RoundEnd::Rested);
        }
        match (&self.outer).read(&mut sink) {
            Ok(n) if n > 0 => Ok(RoundEnd::Moved),
            Err(e) if not_now(&e) => {
                self.outside.readable = false;
                Ok(RoundEnd::Rested)
            }
            _ => Ok(RoundEnd::Said(ClientFate::Over(None))),
        }
    }
}

enum RoundEnd {
    Moved,
    Rested,
    Said(ClientFate),
}
