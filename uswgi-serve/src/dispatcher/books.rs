//! The books of one request: what is set up before it runs, and what is written and decided when its answer is made,
//! whoever makes it (a gateway, or a static file).

#![forbid(unsafe_code)]

use super::Dispatcher;
use crate::access_log::{self, Answered, LineFacts};
use crate::connection::Conn;
use crate::engine::Leaving;
use crate::exchange::Exchange;
use crate::gateway::Ran;
use crate::lane::Client;
use crate::outbox::Outbox;
use crate::request::Body;
use crate::response::Response;
use crate::send_queue::{Held, SendQueue};
use crate::slow::{self, Ended};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uswgi_proto::scoreboard::layout::{add, bucket_of, class_of};
use uswgi_proto::scoreboard::{ThreadState, monotonic_us};
use uswgi_proto::settings::Protocol;

/// What becomes of a connection.
pub(super) enum After<H> {
    /// Close it, so that its client gets the `sent` bytes of the answer; `unread`: it may still send a part of its request.
    Close { unread: bool, sent: u64 },
    /// It can take another request.
    Keep,
    /// There is output left.
    Write { pending: SendQueue<H>, keep: bool, unread: bool },
}

/// An answer for requests of a lane.
pub(super) fn response_for<H: Held>(outbox: &Arc<Outbox<H>>, lane: usize) -> Box<Response<H>> {
    let mut lines = Vec::new();
    for header in &outbox.engine.settings.headers.add {
        lines.extend_from_slice(header.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    Box::new(Response::new(lines, outbox, lane))
}

/// Set up an answer for a request.
pub(super) fn prepare<H: Held>(response: &mut Response<H>, exchange: &mut Exchange<'_>) {
    response.reset();
    response.head_only = exchange.method() == b"HEAD";
    if exchange.engine.routing.is_some() {
        response.ruled = exchange.request.ruled.take();
    }
    let Exchange { engine, conn, request, .. } = &*exchange;
    response.fd = conn.raw();
    response.timeout_ms =
        engine.settings.patience(conn.protocol).saturating_mul(1000).min(i32::MAX as u32) as i32;
    response.protocol = conn.protocol;
    if conn.protocol == Protocol::Http {
        response.minor = request.head.minor;
        response.keep_alive = request.keep_alive
            && engine.settings.timeouts.keepalive > 0
            && engine.leaving() <= Leaving::HandOver;
    } else {
        let version = exchange.protocol();
        response.version.clear();
        let fine = version.len() == 8
            && version.starts_with(b"HTTP/")
            && version[5..].iter().all(u8::is_ascii_graphic);
        response.version.extend_from_slice(match conn.protocol {
            Protocol::Scgi => b"Status:",
            _ if fine => version,
            _ => b"HTTP/1.0",
        });
        response.minor = 0;
        response.keep_alive = false;
    }
}

/// A rule wants a request to end in time. As on uWSGI the earlier of two deadlines counts; `configured` is 0 for none.
fn limit<H: Held>(exchange: &Exchange<'_>, response: &mut Response<H>, configured: u64, due: u64) {
    if configured > 0 && configured <= due {
        return;
    }
    let (engine, lane) = (exchange.engine, exchange.lane);
    response.claims = true;
    let client = Client { fd: response.fd, head_only: response.head_only, protocol: response.protocol };
    // Its end takes the deadline back.
    engine.lanes[lane].notes.change(|_| ());
    let due = engine.lanes[lane].limit(client, false, Some(due));
    if let Some(slot) = engine.lane_slot(lane) {
        slot.deadline_us.store(due, Ordering::Relaxed);
    }
    engine.deadline_changed();
}

impl<H: Held> Dispatcher<H> {
    /// The request of [`Next::Run`] begins; its answer is made with what is given here.
    pub(crate) fn begin<'a>(&'a mut self, conn: &'a mut Conn) -> (Exchange<'a>, Box<Response<H>>) {
        conn.name_peer();
        let engine = &self.engine;
        if let Some(certificate) = &mut conn.certificate {
            let export = engine.settings.headers.export_certificate;
            self.request.rewritten.extend(certificate.variables(export));
        }
        let cell = &engine.lanes[self.lane];
        cell.notes.begin(self.request.content_length, self.requests);
        self.requests += 1;
        let mut response = self.response.take().unwrap_or_else(|| response_for(&self.outbox, self.lane));
        response.claims = engine.settings.harakiri.seconds > 0;
        let mut exchange = Exchange { engine, lane: self.lane, conn, request: &mut self.request };
        let deadline = match engine.settings.harakiri.seconds {
            0 => 0,
            seconds => {
                let deadline = self.started + u64::from(seconds) * 1_000_000;
                let client = Client {
                    fd: exchange.conn.raw(),
                    head_only: exchange.method() == b"HEAD",
                    protocol: exchange.conn.protocol,
                };
                cell.begin(client, deadline);
                deadline
            }
        };
        if let Some(slot) = engine.lane_slot(self.lane) {
            slot.request.write(exchange.method(), exchange.uri(), access_log::remote(&exchange));
            slot.started_us.store(self.started, Ordering::Relaxed);
            slot.body_in.store(exchange.request.content_length, Ordering::Relaxed);
            slot.body_out.store(0, Ordering::Relaxed);
            slot.deadline_us.store(deadline, Ordering::Relaxed);
            slot.state.store(ThreadState::Busy as u32, Ordering::Relaxed);
            add(&slot.requests, 1);
        }
        engine.watch();
        prepare(&mut response, &mut exchange);
        if let Some(seconds) = response.ruled.as_ref().and_then(|ruled| ruled.deadline) {
            let due = self.started.saturating_add(u64::from(seconds) * 1_000_000);
            limit(&exchange, &mut response, deadline, due);
        }
        (exchange, response)
    }

    /// Send what is left to send of an answer, and close its books.
    pub(super) fn finish(&mut self, conn: &mut Conn, mut ran: Ran<H>) -> After<H> {
        ran.response.send_staged();
        self.write_books(conn, &ran);
        conn.consume(match self.request.body {
            Some(Body::Buffered(n)) => self.request.head_length + n,
            _ => self.request.head_length,
        });
        if conn.buffer.is_empty() && ran.spare.capacity() > conn.buffer.capacity() {
            ran.spare.clear();
            conn.buffer = ran.spare;
        }
        conn.buffer.extend_from_slice(&ran.leftover);
        conn.served += 1;
        let after = settle(&mut ran.response, ran.whole);
        self.response = Some(ran.response);
        after
    }

    fn write_books(&mut self, conn: &mut Conn, ran: &Ran<H>) {
        let (engine, response) = (&self.engine, &ran.response);
        let finished = monotonic_us();
        let micros = finished - self.started;
        if let Some(slot) = engine.lane_slot(self.lane) {
            slot.deadline_us.store(0, Ordering::Relaxed);
            slot.started_us.store(0, Ordering::Relaxed);
            slot.state.store(ThreadState::Idle as u32, Ordering::Relaxed);
            add(&slot.running_us, micros);
            add(&slot.tx, response.head_bytes + response.body_bytes);
            // How long a conversation lasts says nothing of how long requests take.
            if !response.is_switched() {
                add(&slot.histogram[bucket_of(micros)], 1);
            }
            // No head: no answer, or the 504 that the native thread sent and counted.
            if response.head_bytes > 0 {
                add(&slot.by_class[class_of(response.status())], 1);
            }
            if response.failed.is_some() {
                add(&slot.write_errors, 1);
            }
        }
        if response.is_switched() {
            engine.converse(self.lane, false);
        } else if micros >= self.slow_us {
            slow::write_down(&Ended {
                engine,
                lane: self.lane,
                fd: conn.fd.as_fd(),
                came_whole: !matches!(self.request.body, Some(Body::Stream(_) | Body::StreamChunks)),
                status: if response.head_bytes > 0 { response.status() } else { 0 },
                total_us: micros,
                sent_us: response.waited_us(),
            });
        }
        let notes = &engine.lanes[self.lane].notes;
        let status = response.status();
        if let Some(routing) = engine.routing.as_ref().filter(|r| r.at_end) {
            let mut exchange = Exchange { engine, lane: self.lane, conn, request: &mut self.request };
            routing.end(&mut exchange, status);
        }
        if (access_log::wanted(engine, response, micros) || notes.wants_line()) && !notes.wants_no_line() {
            let facts = LineFacts {
                micros,
                requests: self.requests,
                switches: ran.switches,
                app: ran.app,
                answer: Answered::of(response),
            };
            let exchange = Exchange { engine, lane: self.lane, conn, request: &mut self.request };
            access_log::request(&exchange, &facts);
        }
        notes.end();
        engine.count_request(finished);
    }
}

/// What becomes of the connection once its answer is made; takes the output that is left.
pub(super) fn settle<H: Held>(response: &mut Response<H>, body_whole: bool) -> After<H> {
    let keep = response.keep_alive && body_whole && response.failed.is_none();
    if response.failed.is_some() {
        response.pending = SendQueue::default();
        return After::Close { unread: !body_whole, sent: 0 };
    }
    if !response.pending.is_empty() {
        return After::Write { pending: std::mem::take(&mut response.pending), keep, unread: !body_whole };
    }
    if keep {
        return After::Keep;
    }
    After::Close { unread: !body_whole, sent: response.head_bytes + response.body_bytes }
}
