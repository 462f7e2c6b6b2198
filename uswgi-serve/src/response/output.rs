//! What an answer gives to its socket, to the native thread, or keeps. Knows nothing of heads and framing.

use super::Response;
use crate::background::TOGETHER;
use crate::rate::is_too_slow;
use crate::send_queue::Held;
use crate::{lane, sys};
use std::io;
use std::os::fd::OwnedFd;
use uswgi_proto::chunked;
use uswgi_proto::profile::LaneStanding;
use uswgi_proto::scoreboard::monotonic_us;

/// Bytes of output that may wait for a client before the application has to.
const WRITE_BUFFER: usize = 1 << 20;
/// A piece that comes so soon after the last send may wait for more pieces.
const QUICKLY_US: u64 = 1_000;

/// A wait for a client that takes more.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    before_us: u64,
    unsent: u64,
}

/// Whether this process may lend: a child that the application forked has no native thread.
fn may_lend() -> bool {
    !sys::is_forked_child()
}

impl<H: Held> Response<H> {
    /// Send, or keep what the socket does not take.
    pub(super) fn put(&mut self, a: &[u8], b: &[u8], held: Option<H>) {
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

    /// Send a part of a file behind these bytes, in a chunk of its own where the body is in chunks.
    pub(super) fn put_file(&mut self, out: &[u8], fd: OwnedFd, offset: i64, length: u64) {
        self.body_bytes += length;
        self.by_kernel = true;
        let mut pushed = self.pending.push(out);
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

    /// Send the last bytes, behind what was put together before; `taken_back`: there may be something.
    pub(super) fn put_last(&mut self, out: &[u8], taken_back: bool) {
        if !out.is_empty() {
            self.put(out, b"", None);
        } else if taken_back && self.failed.is_none() {
            self.flush();
        }
    }

    /// Take a small piece that follows another at once, to be sent with the next ones; false: it has to be sent now.
    /// Needs no system call, so the GIL can be kept.
    pub fn gather(&mut self, data: &[u8]) -> bool {
        if !self.head_sent
            || self.ended
            || self.switched
            || self.bodiless
            || self.is_shaped()
            || self.failed.is_some()
            || !self.pending.is_empty()
            || data.is_empty()
            || data.len() > TOGETHER / 2
            || self.left.is_some_and(|left| left < data.len() as u64)
            || monotonic_us() > self.sent_us + QUICKLY_US
            || !may_lend()
        {
            return false;
        }
        let mut room = [0; 18];
        let parts = match self.chunked {
            true => [chunked::head(data.len(), &mut room), data, b"\r\n"],
            false => [b"", data, b""],
        };
        if !self.outbox.lent[self.lane].add(self.fd, parts) {
            return false;
        }
        self.is_lent = true;
        self.outbox.engine.send_lent();
        self.body_bytes += data.len() as u64;
        if let Some(left) = &mut self.left {
            *left -= data.len() as u64;
        }
        true
    }

    /// Let the native thread go on with what the socket did not take.
    pub fn lend(&mut self) {
        if !self.pending.is_empty() && self.failed.is_none() && may_lend() {
            self.outbox.lent[self.lane].give(self.fd, std::mem::take(&mut self.pending));
            self.is_lent = true;
            self.outbox.engine.send_lent();
        }
    }

    /// From here on nobody else sends; whether something was lent. In a child that the application forked it is left
    /// to the parent.
    pub(super) fn take_back(&mut self) -> bool {
        let was_lent = std::mem::take(&mut self.is_lent) && may_lend();
        if was_lent {
            match self.outbox.lent[self.lane].take_back() {
                Ok(pending) => self.pending = pending,
                Err(e) => self.failed = Some(e),
            }
        }
        was_lent
    }

    /// Wait while more waits than the write buffer holds.
    pub(super) fn drain(&mut self) {
        while self.must_wait() && !self.shares_a_thread() {
            self.wait();
        }
    }

    /// Whether more waits than the write buffer holds. In a lane that shares its thread nothing waits by itself: its
    /// gateway waits, in the loop, between [`Response::wait_begins`] and [`Response::wait_ends`].
    pub fn must_wait(&self) -> bool {
        self.failed.is_none() && self.pending.memory() > WRITE_BUFFER
    }

    /// Whether anything waits for its socket.
    pub fn any_pending(&mut self) -> bool {
        self.take_back();
        self.failed.is_none() && !self.pending.is_empty()
    }

    pub(super) fn shares_a_thread(&self) -> bool {
        self.outbox.engine.shares_a_thread()
    }

    /// Look whether the client has left, for a piece without bytes, of which no send finds it out; true: the answer has
    /// failed, now or before.
    pub fn notice_departure(&mut self) -> bool {
        if self.failed.is_none() && !self.ended && sys::has_left(self.fd) {
            self.take_back();
            self.failed = Some(io::ErrorKind::BrokenPipe.into());
        }
        self.failed.is_some()
    }

    pub(super) fn flush(&mut self) {
        if let Err(e) = self.pending.flush(self.fd) {
            self.failed = Some(e);
        }
    }

    /// Wait until the client takes more, but not for ever.
    pub(super) fn wait(&mut self) {
        let wait = self.wait_begins();
        let wait_for = || sys::wait_for(self.fd, libc::POLLOUT, self.timeout_ms);
        let ready = lane::waiting_for(LaneStanding::Sending, wait_for);
        self.wait_ends(wait, ready);
    }

    /// How long it waited for its client.
    pub(crate) fn waited_us(&self) -> u64 {
        self.waited_us
    }

    /// Somebody waits until the client takes more: for its socket to be writable, but no longer than `timeout_ms`.
    pub fn wait_begins(&self) -> Wait {
        Wait { before_us: monotonic_us(), unsent: sys::unsent(self.fd) }
    }

    /// The wait is over: whether the socket is writable, or why nobody knows.
    pub fn wait_ends(&mut self, wait: Wait, ready: io::Result<bool>) {
        match ready {
            Ok(true) => self.flush(),
            // The socket says that it takes more only when a good part of its buffer is free; a slow client that
            // gets on makes what it holds less.
            Ok(false) if sys::unsent(self.fd) < wait.unsent => {}
            Ok(false) => self.failed = Some(io::ErrorKind::TimedOut.into()),
            // A signal: the caller looks at it when it has the GIL again.
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => self.failed = Some(e),
        }
        self.waited_us += monotonic_us() - wait.before_us;
        let sent = self.body_bytes.saturating_sub(self.pending.memory() as u64 + sys::unsent(self.fd));
        if is_too_slow(sent, self.waited_us) {
            self.failed = Some(io::ErrorKind::TimedOut.into());
        }
    }
}
