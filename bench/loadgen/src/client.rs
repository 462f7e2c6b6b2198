//! One client: connects where it must, sends the request, reads the answer, counts.

use crate::answer::Answer;
use crate::args::{Args, Protocol};
use crate::request;
use crate::stats::Stats;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// A connection of either family.
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// Unix.
    Unix(UnixStream),
}

impl Stream {
    /// Connect, waiting for it (both ends are on this machine), then never wait again.
    pub fn connect(to: &str) -> std::io::Result<Stream> {
        if to.starts_with('/') {
            let s = UnixStream::connect(to)?;
            s.set_nonblocking(true)?;
            return Ok(Stream::Unix(s));
        }
        let s = TcpStream::connect(to)?;
        s.set_nodelay(true)?;
        s.set_nonblocking(true)?;
        Ok(Stream::Tcp(s))
    }

    /// Read what is there.
    pub fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.read(buf),
            Stream::Unix(s) => s.read(buf),
        }
    }

    /// Write what fits.
    pub fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        match self {
            Stream::Tcp(s) => s.write(buf),
            Stream::Unix(s) => s.write(buf),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(s) => s.as_fd(),
            Stream::Unix(s) => s.as_fd(),
        }
    }
}

/// Whether a client waits or can begin anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// For the server.
    Waiting,
    /// The answer is there, or the request failed.
    Over,
}

/// What is special about a WebSocket.
#[derive(Default)]
struct Socket {
    /// The message that is sent again and again.
    message: Vec<u8>,
    open: bool,
    /// Of the answer to the handshake.
    head: Vec<u8>,
    /// Bytes of an echo.
    got: usize,
}

/// A client.
pub struct Client<'a> {
    args: &'a Args,
    request: &'a [u8],
    /// Where it is a WebSocket.
    socket: Socket,
    id: usize,
    stream: Option<Stream>,
    sent: usize,
    answer: Answer,
    begun: Instant,
    answered: u64,
    buffer: Vec<u8>,
}

impl<'a> Client<'a> {
    /// A client that has not connected yet.
    pub fn new(args: &'a Args, request: &'a [u8], id: usize) -> Client<'a> {
        let (answer, begun) = (Answer::new(), Instant::now());
        Client {
            args,
            request,
            socket: Socket { message: request::message(args.body), ..Socket::default() },
            id,
            stream: None,
            sent: 0,
            answer,
            begun,
            answered: 0,
            buffer: vec![0; 64 * 1024],
        }
    }

    /// Start a request. A connection that cannot be made is counted and tried again when an event
    /// of another client comes: with its own socket gone it gets none.
    pub fn begin(&mut self, epoll: &Epoll, stats: &mut Stats) {
        self.answer.clear();
        self.sent = 0;
        self.begun = Instant::now();
        for _ in 0..100 {
            if self.stream.is_none() {
                let Ok(stream) = Stream::connect(&self.args.to) else {
                    stats.error("connect");
                    continue;
                };
                // Edge-triggered for both directions: one epoll_ctl for each connection.
                let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
                if epoll.add(&stream, EpollEvent::new(flags, self.id as u64)).is_err() {
                    stats.error("epoll");
                    continue;
                }
                self.stream = Some(stream);
                (self.socket.open, self.socket.got) = (false, 0);
                self.socket.head.clear();
            }
            match self.send() {
                Ok(()) => return,
                Err(_) => {
                    stats.error("send");
                    self.stream = None;
                    self.sent = 0;
                }
            }
        }
    }

    fn send(&mut self) -> std::io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let bytes = if self.socket.open { &self.socket.message[..] } else { self.request };
        while self.sent < bytes.len() {
            match stream.write(&bytes[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Its socket has something.
    pub fn ready(&mut self, stats: &mut Stats) -> Turn {
        if self.send().is_err() {
            return self.fail(stats, "send");
        }
        if self.args.protocol == Protocol::WebSocket {
            return self.hear(stats);
        }
        let Some(stream) = &mut self.stream else { return Turn::Over };
        loop {
            let n = match stream.read(&mut self.buffer) {
                Ok(0) if self.answer.ended() => {
                    self.stream = None;
                    return self.finish(stats);
                }
                Ok(0) => return self.fail(stats, "closed early"),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Turn::Waiting,
                Err(_) => return self.fail(stats, "receive"),
            };
            stats.bytes += n as u64;
            match self.answer.feed(&self.buffer[..n]) {
                Ok(true) if self.args.protocol == Protocol::Http => {
                    if self.answer.close {
                        stats.closed += 1;
                        self.stream = None;
                    }
                    return self.finish(stats);
                }
                // The server closes: reading on until then would cost another turn of the loop.
                Ok(true) => {
                    self.stream = None;
                    return self.finish(stats);
                }
                Ok(false) => {}
                Err(what) => return self.fail(stats, what),
            }
        }
    }

    /// The same on a WebSocket: its opening, then an echo.
    fn hear(&mut self, stats: &mut Stats) -> Turn {
        loop {
            let Some(stream) = &mut self.stream else { return Turn::Over };
            let n = match stream.read(&mut self.buffer) {
                Ok(0) => return self.fail(stats, "closed early"),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Turn::Waiting,
                Err(_) => return self.fail(stats, "receive"),
            };
            stats.bytes += n as u64;
            if self.socket.open {
                self.socket.got += n;
                if self.socket.got + 4 >= self.socket.message.len() {
                    self.socket.got = 0;
                    self.answer.status = 200;
                    return self.finish(stats);
                }
                continue;
            }
            self.socket.head.extend_from_slice(&self.buffer[..n]);
            if self.socket.head.ends_with(b"\r\n\r\n") {
                if !self.socket.head.starts_with(b"HTTP/1.1 101 ") {
                    return self.fail(stats, "no WebSocket");
                }
                (self.socket.open, self.sent, self.begun) = (true, 0, Instant::now());
                if self.send().is_err() {
                    return self.fail(stats, "send");
                }
            }
        }
    }

    fn finish(&mut self, stats: &mut Stats) -> Turn {
        if self.answer.status == 200 {
            stats.request(self.begun.elapsed());
            self.answered += 1;
        } else {
            stats.error("status");
        }
        Turn::Over
    }

    /// Time is up: what has been waited for so far is a latency too, or a server that forgets clients
    /// would look fast.
    pub fn leave(&self, stats: &mut Stats) {
        stats.unanswered(self.begun.elapsed(), self.answered == 0);
    }

    fn fail(&mut self, stats: &mut Stats, what: &'static str) -> Turn {
        stats.error(what);
        self.stream = None;
        Turn::Over
    }
}
