//! An answer on its way to a client: the head that the application gave, framing, output that waits.
//!
//! Knows no objects of an interpreter but what is [`Held`] (`H`), which it passes on. Sends without waiting as long as what waits
//! fits the write buffer; beyond that it waits, bounded, and its caller must have released the GIL.

mod app_head;
mod around;
mod edits;
mod head;
mod output;
mod shape;
mod switched;

use crate::outbox::Outbox;
use crate::routing::ruled::Ruled;
use crate::send_queue::{Held, SendQueue};
use crate::sys;
use std::io::{self, Write};
use std::os::fd::{OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_proto::settings::Protocol;

pub use app_head::AppHead;
pub use around::may_trail;
pub(crate) use edits::each_remembered;
pub use output::Wait;
use shape::Shaped;

/// A chunk up to this size is copied behind its frame, to be one send.
const COPY_CHUNK: usize = 32 * 1024;
/// A body up to this size is copied behind the head: send(2) of one piece is cheaper than of two.
pub const COPY_BODY: usize = 4 * 1024;

/// One answer. Reused from request to request.
pub struct Response<H> {
    /// The client's connection, owned by whoever holds the request.
    pub fd: RawFd,
    /// What the client speaks.
    pub protocol: Protocol,
    pub(crate) minor: u8,
    /// The connection can take another request.
    pub keep_alive: bool,
    /// HEAD.
    pub head_only: bool,
    /// HTTP version in the status line of a uwsgi answer.
    pub version: Vec<u8>,
    /// Headers for every answer, as lines.
    extra: Vec<u8>,
    /// Lines of the application are changed or looked at.
    edits: bool,
    /// What rules want of it.
    pub(crate) ruled: Option<Box<Ruled>>,
    /// How long a client may take nothing.
    pub timeout_ms: i32,
    /// Whether some of the request is still to come.
    pub unread: Option<Arc<AtomicBool>>,
    /// There is a deadline: the first byte has to be claimed in the thread's cell.
    pub claims: bool,

    /// What the application said; None: nothing yet.
    pub head: Option<Arc<AppHead>>,
    /// Whether its client takes fields behind a body; None: there are never any.
    pub trailers_taken: Option<bool>,
    trailers: Option<Box<around::Trailers>>,
    /// The head is on its way: it cannot be replaced.
    pub head_sent: bool,
    /// It was answered with 101: what comes behind the head is no body, and is sent as it is.
    switched: bool,
    chunked: bool,
    bodiless: bool,
    /// Announced bytes that have not been given yet.
    left: Option<u64>,
    out: Vec<u8>,
    pub(crate) pending: SendQueue<H>,
    /// The client is gone or too slow, or the deadline answered.
    pub failed: Option<io::Error>,
    /// Bytes of body.
    pub body_bytes: u64,
    /// Bytes of head.
    pub head_bytes: u64,
    ended: bool,
    /// The body is a file that the kernel sends.
    pub by_kernel: bool,
    /// Bytes beyond the announced length were dropped.
    pub excess: bool,
    waited_us: u64,
    /// Where the lane whose answer it is leaves output to the native thread.
    outbox: Arc<Outbox<H>>,
    lane: usize,
    /// It was lent something; `pending` is empty then.
    is_lent: bool,
    /// When a piece was sent last, `monotonic_us`.
    sent_us: u64,
}

impl<H: Held> Response<H> {
    /// For the requests of one lane. `extra`: lines for every answer.
    pub fn new(extra: Vec<u8>, outbox: &Arc<Outbox<H>>, lane: usize) -> Response<H> {
        Response {
            fd: 0,
            protocol: Protocol::default(),
            minor: 0,
            keep_alive: false,
            head_only: false,
            version: Vec::new(),
            extra,
            edits: outbox.engine.settings.answers.edits() || outbox.engine.routing.is_some(),
            ruled: None,
            timeout_ms: 0,
            unread: None,
            claims: false,
            head: None,
            trailers_taken: None,
            trailers: None,
            head_sent: false,
            switched: false,
            chunked: false,
            bodiless: false,
            left: None,
            out: Vec::new(),
            pending: SendQueue::default(),
            failed: None,
            body_bytes: 0,
            head_bytes: 0,
            ended: false,
            by_kernel: false,
            excess: false,
            waited_us: 0,
            outbox: outbox.clone(),
            lane,
            is_lent: false,
            sent_us: 0,
        }
    }

    /// Forget the last answer, keep the memory.
    pub fn reset(&mut self) {
        self.head = None;
        (self.trailers_taken, self.trailers) = (None, None);
        self.head_sent = false;
        self.switched = false;
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
        self.unread = None;
    }

    /// Send a piece of the body. With `whole` it is all of it. `held` is the object of `data`, for large ones.
    pub fn body(&mut self, data: &[u8], whole: bool, held: Option<H>) {
        if self.ruled.is_some() && !self.switched {
            match self.shape(data, whole) {
                Shaped::AsIs => {}
                // Of a body that nobody sees its length is not known.
                Shaped::Instead(other) => return self.piece(&other, whole && !self.head_only, None),
                Shaped::Nothing => return,
            }
        }
        self.piece(data, whole, held);
    }

    fn piece(&mut self, data: &[u8], whole: bool, held: Option<H>) {
        if self.switched {
            return;
        }
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
            if !self.must_wait() {
                self.lend();
            }
        }
    }

    /// The page of the site for an error (`error-page-500`), if it has one.
    pub fn error_page(&self, status: u16) -> Option<Vec<u8>> {
        crate::answer::page(&self.outbox.engine.settings.answers.pages, status)
    }

    /// Put a whole body of at most [`COPY_BODY`] bytes behind the head; [`Response::send_staged`] sends both, when
    /// the GIL is released for longer anyway. False: something was sent already, so that it cannot be one piece, or rules
    /// have said something of it.
    pub fn stage(&mut self, data: &[u8]) -> bool {
        // Rules look at files and patterns: without the GIL.
        if self.head_sent || self.ruled.is_some() {
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
    pub fn send_staged(&mut self) {
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
    pub fn is_ended(&self) -> bool {
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

    /// Send a part of a file as the whole body. As on uWSGI, rules change none that the kernel sends.
    pub fn file(&mut self, fd: OwnedFd, offset: i64, length: u64) {
        let known = self.sayable(Some(length));
        if self.switched || self.ended || self.failed.is_some() || !self.begin(known) {
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
        self.put_file(&out, fd, offset, length);
    }

    /// The body is over. A second call does nothing.
    pub fn end(&mut self) {
        if self.ruled.is_some() && !self.switched && !self.end_shape() {
            self.abort();
            self.ended = true;
            return;
        }
        let taken_back = self.take_back();
        if std::mem::replace(&mut self.ended, true) || self.failed.is_some() || !self.begin(Some(0)) {
            return;
        }
        let mut out = std::mem::take(&mut self.out);
        if self.chunked {
            self.last_chunk(&mut out);
        }
        self.put_last(&out, taken_back);
        out.clear();
        self.out = out;
        self.close();
    }

    /// The body stops in the middle: the client must be able to tell.
    pub fn abort(&mut self) {
        self.drop_shape();
        let taken_back = self.take_back();
        self.keep_alive = false;
        let out = std::mem::take(&mut self.out);
        self.put_last(&out, taken_back);
    }

    /// Send what was given and close the connection's both ways; whatever still comes is dropped. In a lane that shares
    /// its thread the caller has waited while [`Response::any_pending`].
    pub fn disconnect(&mut self) {
        self.take_back();
        self.keep_alive = false;
        self.ended = true;
        while self.failed.is_none() && !self.pending.is_empty() && !self.shares_a_thread() {
            self.wait();
        }
        sys::shutdown(self.fd, libc::SHUT_RDWR);
    }

    /// Whether a body would be dropped anyway (HEAD, 204, 304).
    pub fn wants_no_body(&self) -> bool {
        self.head_sent && self.bodiless
    }

    /// Status for the log.
    pub fn status(&self) -> u16 {
        self.head.as_ref().map_or(500, |h| h.status)
    }
}

#[cfg(test)]
mod tests;
