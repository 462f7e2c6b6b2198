//! An answer on its way to a client: the head that the application gave, framing, output that waits.
//!
//! Knows no Python objects but [`HeldBytes`] that it passes on. Sends without waiting as long as what waits
//! fits the write buffer; beyond that it waits, bounded, and its caller must have released the GIL.

use crate::engine::Engine;
use crate::lent::{self, TOGETHER};
use crate::pending::{HeldBytes, Pending};
use crate::sys;
use std::io::{self, Write};
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;
use uswgi_proto::scoreboard::monotonic_us;

/// Bytes of output that may wait for a client before the application has to.
const WRITE_BUFFER: usize = 1 << 20;
/// A chunk up to this size is copied behind its frame, to be one send.
const COPY_CHUNK: usize = 32 * 1024;
/// A body up to this size is copied behind the head: send(2) of one piece is cheaper than of two.
pub(crate) const COPY_BODY: usize = 4 * 1024;
/// A piece that comes so soon after the last send may wait for more pieces.
const QUICKLY_US: u64 = 1_000;
/// Slowest client that a thread waits for, bytes a second, after the first half minute.
const SLOWEST: u64 = 256;

/// What the application said in `start_response`.
#[derive(Default)]
pub(crate) struct AppHead {
    pub(crate) status: u16,
    /// `CODE reason`.
    pub(crate) status_text: Vec<u8>,
    /// `Name: value\r\n` lines.
    pub(crate) lines: Vec<u8>,
    pub(crate) count: u32,
    pub(crate) content_length: Option<u64>,
    pub(crate) has_date: bool,
    pub(crate) close: bool,
}

/// One answer. Reused from request to request.
#[derive(Default)]
pub(crate) struct Response {
    pub(crate) fd: RawFd,
    pub(crate) http: bool,
    pub(crate) minor: u8,
    pub(crate) keep_alive: bool,
    /// HEAD.
    pub(crate) head_only: bool,
    /// Protocol of the status line of a uwsgi answer.
    pub(crate) protocol: Vec<u8>,
    /// Headers for every answer, as lines.
    extra: Vec<u8>,
    pub(crate) timeout_ms: i32,
    /// With harakiri: the first byte has to be claimed in this thread's cell.
    pub(crate) claim: Option<(Arc<Engine>, usize)>,

    pub(crate) head: Option<Arc<AppHead>>,
    pub(crate) head_sent: bool,
    chunked: bool,
    bodiless: bool,
    /// Announced bytes that have not been given yet.
    left: Option<u64>,
    out: Vec<u8>,
    pub(crate) pending: Pending,
    /// The client is gone or too slow, or the deadline answered.
    pub(crate) failed: Option<io::Error>,
    /// Bytes of body.
    pub(crate) body_bytes: u64,
    /// Bytes of head.
    pub(crate) head_bytes: u64,
    ended: bool,
    /// The body is a file that the kernel sends.
    pub(crate) by_kernel: bool,
    /// Bytes beyond the announced length were dropped.
    pub(crate) excess: bool,
    waited_us: u64,
    /// Whose output the native thread sends while the application is at work.
    lender: Option<(Arc<Engine>, usize)>,
    /// It was lent something; `pending` is empty then.
    is_lent: bool,
    /// When a piece was sent last, `monotonic_us`.
    sent_us: u64,
}

impl Response {
    /// For the requests of one thread, `of`. `extra`: lines for every answer; `claim`: see there.
    pub(crate) fn new(
        extra: Vec<u8>,
        timeout_ms: i32,
        claim: Option<(Arc<Engine>, usize)>,
        of: (Arc<Engine>, usize),
    ) -> Response {
        Response { extra, timeout_ms, claim, lender: Some(of), ..Response::default() }
    }

    /// Forget the last answer, keep the memory.
    pub(crate) fn reset(&mut self) {
        self.head = None;
        self.head_sent = false;
        self.by_kernel = false;
        self.chunked = false;
        self.bodiless = false;
        self.left = None;
        self.out.clear();
        self.failed = None;
        self.body_bytes = 0;
        self.head_bytes = 0;
        self.excess = false;
        self.waited_us = 0;
        self.ended = false;
        self.sent_us = 0;
    }

    fn build_head(&mut self, whole_body: Option<u64>) {
        let Some(head) = &self.head else { return };
        let out = &mut self.out;
        out.clear();
        if self.http {
            out.extend_from_slice(b"HTTP/1.1 ");
        } else {
            out.extend_from_slice(&self.protocol);
            out.push(b' ');
        }
        out.extend_from_slice(&head.status_text);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&head.lines);
        out.extend_from_slice(&self.extra);
        let no_length = matches!(head.status, 204 | 304) || head.status < 200;
        self.bodiless = self.head_only || no_length;
        self.left = head.content_length;
        if head.content_length.is_none()
            && !no_length
            && let Some(n) = whole_body
        {
            self.left = Some(n);
            // Writing to a Vec cannot fail.
            let _ = write!(out, "Content-Length: {n}\r\n");
        }
        if self.http {
            if !head.has_date {
                push_date(out);
            }
            if self.left.is_none() && !self.bodiless {
                if self.minor >= 1 {
                    self.chunked = true;
                    out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
                } else {
                    self.keep_alive = false;
                }
            }
            if head.close {
                self.keep_alive = false;
            }
            if !self.keep_alive {
                out.extend_from_slice(b"Connection: close\r\n");
            } else if self.minor == 0 {
                out.extend_from_slice(b"Connection: keep-alive\r\n");
            }
        }
        out.extend_from_slice(b"\r\n");
        self.head_bytes = out.len() as u64;
    }

    /// Claim the answer before its first byte; false: it is not ours any more.
    fn begin(&mut self, whole_body: Option<u64>) -> bool {
        if self.head_sent {
            return self.failed.is_none();
        }
        if let Some((engine, thread)) = &self.claim
            && !engine.threads[*thread].claim()
        {
            self.failed = Some(io::ErrorKind::TimedOut.into());
            self.head_sent = true;
            // The 504 is out (harakiri.rs); the books say so.
            self.head = Some(Arc::new(AppHead { status: 504, ..AppHead::default() }));
            return false;
        }
        self.build_head(whole_body);
        self.head_sent = true;
        true
    }

    /// Send a piece of the body. With `whole` it is all of it. `held` is the object of `data`, for large ones.
    pub(crate) fn body(&mut self, data: &[u8], whole: bool, held: Option<HeldBytes>) {
        self.take_back();
        if self.ended || self.failed.is_some() || !self.begin(whole.then_some(data.len() as u64)) {
            return;
        }
        let is_held = held.is_some();
        let data = self.clipped(data);
        self.body_bytes += data.len() as u64;
        let mut out = std::mem::take(&mut self.out);
        if self.bodiless {
            self.put(&out, b"", None);
        } else if self.chunked {
            if !data.is_empty() {
                let _ = write!(out, "{:x}\r\n", data.len());
                if data.len() <= COPY_CHUNK {
                    out.extend_from_slice(data);
                    out.extend_from_slice(b"\r\n");
                    self.put(&out, b"", None);
                } else {
                    self.put(&out, data, held);
                    self.put(b"\r\n", b"", None);
                }
            } else if !out.is_empty() {
                self.put(&out, b"", None);
            }
        } else if data.len() <= COPY_BODY && !out.is_empty() {
            out.extend_from_slice(data);
            self.put(&out, b"", None);
        } else {
            self.put(&out, data, held);
        }
        out.clear();
        self.out = out;
        if !(whole && is_held) {
            // A whole body that is one object is bounded by it: the native thread sends it, this one is free.
            self.drain();
        }
        if !whole {
            self.sent_us = monotonic_us();
            self.lend();
        }
    }

    /// Put a whole body of at most [`COPY_BODY`] bytes behind the head; [`Response::send_staged`] sends both, when
    /// the GIL is released for longer anyway. False: something was sent already, so that it cannot be one piece.
    pub(crate) fn stage(&mut self, data: &[u8]) -> bool {
        if self.head_sent {
            return false;
        }
        if self.ended || self.failed.is_some() || !self.begin(Some(data.len() as u64)) {
            return true;
        }
        let data = self.clipped(data);
        self.body_bytes += data.len() as u64;
        if !self.bodiless {
            self.out.extend_from_slice(data);
        }
        self.close();
        true
    }

    /// Send what was staged, if anything was.
    pub(crate) fn send_staged(&mut self) {
        if !self.out.is_empty() && self.ended {
            let mut out = std::mem::take(&mut self.out);
            self.put(&out, b"", None);
            out.clear();
            self.out = out;
        }
    }

    /// Nothing is added to the body any more.
    fn close(&mut self) {
        self.ended = true;
        if !self.bodiless && self.left.is_some_and(|l| l > 0) {
            // The client waits for more than there is: only closing tells it.
            self.keep_alive = false;
        }
    }

    /// Whether the body is over, though perhaps not sent.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// What of the data fits the announced length.
    fn clipped<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let Some(left) = &mut self.left else { return data };
        let take = (data.len() as u64).min(*left);
        if !self.head_only {
            *left -= take;
        }
        if take < data.len() as u64 {
            self.excess = true;
        }
        &data[..take as usize]
    }

    /// Send a part of a file as the whole body.
    pub(crate) fn file(&mut self, fd: OwnedFd, offset: i64, length: u64) {
        if self.ended || self.failed.is_some() || !self.begin(Some(length)) {
            return;
        }
        let length = self.left.map_or(length, |l| l.min(length));
        let out = std::mem::take(&mut self.out);
        if self.bodiless {
            self.put(&out, b"", None);
            return;
        }
        if let Some(left) = &mut self.left {
            *left -= length;
        }
        self.body_bytes += length;
        self.by_kernel = true;
        let mut pushed = self.pending.push(&out);
        if self.chunked && length > 0 {
            pushed = pushed.and_then(|()| self.pending.push(format!("{length:x}\r\n").as_bytes()));
            self.pending.push_file(fd, offset, length);
            pushed = pushed.and_then(|()| self.pending.push(b"\r\n"));
        } else {
            self.pending.push_file(fd, offset, length);
        }
        match pushed {
            Ok(()) => self.flush(),
            Err(e) => self.failed = Some(e),
        }
    }

    /// The body is over. A second call does nothing.
    pub(crate) fn end(&mut self) {
        let taken_back = self.take_back();
        if std::mem::replace(&mut self.ended, true) || self.failed.is_some() || !self.begin(Some(0)) {
            return;
        }
        let mut out = std::mem::take(&mut self.out);
        if self.chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        self.put_last(&out, taken_back);
        out.clear();
        self.out = out;
        self.close();
    }

    /// The body stops in the middle: the client must be able to tell.
    pub(crate) fn abort(&mut self) {
        let taken_back = self.take_back();
        self.keep_alive = false;
        let out = std::mem::take(&mut self.out);
        self.put_last(&out, taken_back);
    }

    /// Send what was given and close the connection's both ways; whatever still comes is dropped.
    pub(crate) fn disconnect(&mut self) {
        self.take_back();
        self.keep_alive = false;
        self.ended = true;
        while self.failed.is_none() && !self.pending.is_empty() {
            self.wait();
        }
        sys::shutdown(self.fd, libc::SHUT_RDWR);
    }

    /// Send, or keep what the socket does not take.
    fn put(&mut self, a: &[u8], b: &[u8], held: Option<HeldBytes>) {
        if self.failed.is_some() || (a.is_empty() && b.is_empty()) {
            return;
        }
        let mut sent = 0;
        if self.pending.is_empty() {
            match sys::send2(self.fd, a, b) {
                Ok(n) => sent = n,
                Err(e) if sys::would_block(&e) => {}
                Err(e) => {
                    self.failed = Some(e);
                    return;
                }
            }
            if sent == a.len() + b.len() {
                return;
            }
        }
        let mut pushed = self.pending.push(&a[sent.min(a.len())..]);
        let from = sent.saturating_sub(a.len());
        match held {
            Some(held) => self.pending.push_held(held, from),
            None => pushed = pushed.and_then(|()| self.pending.push(&b[from..])),
        }
        match pushed {
            Ok(()) => self.flush(),
            Err(e) => self.failed = Some(e),
        }
    }

    /// Send the last bytes, behind what was put together before; `taken_back`: there may be something.
    fn put_last(&mut self, out: &[u8], taken_back: bool) {
        if !out.is_empty() {
            self.put(out, b"", None);
        } else if taken_back && self.failed.is_none() {
            self.flush();
        }
    }

    /// Take a small piece that follows another at once, to be sent with the next ones; false: it has to be sent now.
    /// Needs no system call, so the GIL can be kept.
    pub(crate) fn gather(&mut self, data: &[u8]) -> bool {
        let Some((engine, thread)) = &self.lender else { return false };
        if !self.head_sent
            || self.ended
            || self.bodiless
            || self.failed.is_some()
            || !self.pending.is_empty()
            || data.is_empty()
            || data.len() > TOGETHER / 2
            || self.left.is_some_and(|left| left < data.len() as u64)
            || monotonic_us() > self.sent_us + QUICKLY_US
            || !lent::is_possible()
        {
            return false;
        }
        let mut room = [0; 18];
        let parts = match self.chunked {
            true => [lent::chunk_head(data.len(), &mut room), data, b"\r\n"],
            false => [b"", data, b""],
        };
        if !engine.threads[*thread].lent.add(self.fd, parts) {
            return false;
        }
        self.is_lent = true;
        engine.send_lent();
        self.body_bytes += data.len() as u64;
        if let Some(left) = &mut self.left {
            *left -= data.len() as u64;
        }
        true
    }

    /// Let the native thread go on with what the socket did not take.
    fn lend(&mut self) {
        if let Some((engine, thread)) = &self.lender
            && !self.pending.is_empty()
            && self.failed.is_none()
            && lent::is_possible()
        {
            engine.threads[*thread].lent.give(self.fd, std::mem::take(&mut self.pending));
            self.is_lent = true;
            engine.send_lent();
        }
    }

    /// From here on nobody else sends; whether something was lent. In a child that the application forked it is left
    /// to the parent.
    fn take_back(&mut self) -> bool {
        let was_lent = std::mem::take(&mut self.is_lent) && lent::is_possible();
        if was_lent && let Some((engine, thread)) = &self.lender {
            match engine.threads[*thread].lent.take_back() {
                Ok(pending) => self.pending = pending,
                Err(e) => self.failed = Some(e),
            }
        }
        was_lent
    }

    /// Wait while more waits than the write buffer holds.
    fn drain(&mut self) {
        while self.failed.is_none() && self.pending.memory() > WRITE_BUFFER {
            self.wait();
        }
    }

    fn flush(&mut self) {
        if let Err(e) = self.pending.flush(self.fd) {
            self.failed = Some(e);
        }
    }

    /// Wait until the client takes more, but not for ever.
    fn wait(&mut self) {
        let before = monotonic_us();
        let unsent = sys::unsent(self.fd);
        match sys::wait_for(self.fd, libc::POLLOUT, self.timeout_ms) {
            Ok(true) => self.flush(),
            // The socket says that it takes more only when a good part of its buffer is free; a slow client that
            // gets on makes what it holds less.
            Ok(false) if sys::unsent(self.fd) < unsent => {}
            Ok(false) => self.failed = Some(io::ErrorKind::TimedOut.into()),
            // A signal: the caller looks at it when it has the GIL again.
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => self.failed = Some(e),
        }
        self.waited_us += monotonic_us() - before;
        let seconds = self.waited_us / 1_000_000;
        let sent = self.body_bytes.saturating_sub(self.pending.memory() as u64 + sys::unsent(self.fd));
        if seconds > 30 && sent / seconds < SLOWEST {
            self.failed = Some(io::ErrorKind::TimedOut.into());
        }
    }

    /// Whether a body would be dropped anyway (HEAD, 204, 304).
    pub(crate) fn wants_no_body(&self) -> bool {
        self.head_sent && self.bodiless
    }

    /// Status for the log.
    pub(crate) fn status(&self) -> u16 {
        self.head.as_ref().map_or(500, |h| h.status)
    }
}

fn push_date(out: &mut Vec<u8>) {
    out.extend_from_slice(b"Date: ");
    crate::dates::http_date_now(out);
    out.extend_from_slice(b"\r\n");
}
