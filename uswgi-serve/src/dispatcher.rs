//! The dispatcher of a lane: which connection is next, and what becomes of it after its answer.
//!
//! Waiting, accepting, receiving, parsing, static files and the books of a request stand here; no interpreter's lock is
//! held. It never blocks but in the ready epoll. What does not complete at once goes to the native thread.

#![forbid(unsafe_code)]

use crate::access_log::{self, Facts};
use crate::connection::{Conn, Received};
use crate::engine::{Engine, Job, Leaving};
use crate::exchange::Exchange;
use crate::gateway::Ran;
use crate::lane::Client;
use crate::log::Fault;
use crate::native::lingers;
use crate::pending::Pending;
use crate::request::{Body, Request, Step, examine};
use crate::response::Response;
use crate::token::Token;
use crate::{handover, limited_say, refusal, static_files};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uswgi_proto::scoreboard::layout::{add, bucket_of, class_of};
use uswgi_proto::scoreboard::{ThreadState, monotonic_us};
use uswgi_proto::settings::Protocol;

/// A buffer up to this size is kept by its thread when the connection does not need it.
const SPARE_BUFFER: usize = 64 * 1024;

/// Pipelined requests of one connection without looking at the others.
const IN_A_ROW: u32 = 8;
/// Accepts without looking at anything else.
const MORE_ACCEPTS: u32 = 8;

/// What a lane does next.
pub(crate) enum Next {
    /// Run its request, which is whole: [`Dispatcher::begin`].
    Run(Conn),
    /// The wait was interrupted: there may be a handler to run.
    Signal,
    /// The worker leaves.
    Leave,
}

/// What becomes of a connection.
enum After {
    /// Close it, so that its client gets the `sent` bytes of the answer; `unread`: it may still send a part of its request.
    Close { unread: bool, sent: u64 },
    /// It can take another request.
    Keep,
    /// There is output left.
    Write { pending: Pending, keep: bool, unread: bool },
}

/// See the module.
pub(crate) struct Dispatcher {
    engine: Arc<Engine>,
    lane: usize,
    request: Request,
    spare: Vec<u8>,
    /// None while a gateway has it.
    response: Option<Box<Response>>,
    /// When the request that runs began, `monotonic_us`.
    started: u64,
    /// Requests that ran here.
    requests: u64,
    /// A listener that is worth another look before the next wait, and how often still.
    again: Option<(usize, u32)>,
}

/// An answer for requests of a lane.
fn response_for(engine: &Arc<Engine>, lane: usize) -> Box<Response> {
    let mut lines = Vec::new();
    for header in &engine.settings.headers.add {
        lines.extend_from_slice(header.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    Box::new(Response::new(lines, (engine.clone(), lane)))
}

/// Set up an answer for a request.
fn prepare(response: &mut Response, exchange: &Exchange<'_>) {
    let Exchange { engine, conn, request, .. } = exchange;
    response.reset();
    response.fd = conn.raw();
    response.timeout_ms =
        engine.settings.patience(conn.protocol).saturating_mul(1000).min(i32::MAX as u32) as i32;
    response.protocol = conn.protocol;
    response.head_only = exchange.method() == b"HEAD";
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
        response.version.extend_from_slice(if fine { version } else { b"HTTP/1.0" });
        response.minor = 0;
        response.keep_alive = false;
    }
}

impl Dispatcher {
    /// For a lane of a worker.
    pub(crate) fn new(engine: &Arc<Engine>, lane: usize) -> Dispatcher {
        Dispatcher {
            engine: engine.clone(),
            lane,
            request: Request::default(),
            spare: Vec::new(),
            response: None,
            started: 0,
            requests: 0,
            again: None,
        }
    }

    /// The request of [`Next::Run`] begins; its answer is made with what is given here.
    pub(crate) fn begin<'a>(&'a mut self, conn: &'a mut Conn) -> (Exchange<'a>, Box<Response>) {
        self.started = monotonic_us();
        conn.name_peer();
        let engine = &self.engine;
        let cell = &engine.lanes[self.lane];
        cell.notes.begin(self.request.content_length, self.requests);
        self.requests += 1;
        let mut response = self.response.take().unwrap_or_else(|| response_for(engine, self.lane));
        response.claims = engine.settings.harakiri.seconds > 0;
        let exchange = Exchange { engine, lane: self.lane, conn, request: &mut self.request };
        let deadline = match engine.settings.harakiri.seconds {
            0 => 0,
            seconds => {
                let deadline = self.started + u64::from(seconds) * 1_000_000;
                let client = Client { fd: exchange.conn.raw(), head_only: exchange.method() == b"HEAD" };
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
        prepare(&mut response, &exchange);
        (exchange, response)
    }

    /// Send what is left to send of an answer, and close its books.
    fn finish(&mut self, conn: &mut Conn, mut ran: Ran) -> After {
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

    fn write_books(&mut self, conn: &mut Conn, ran: &Ran) {
        let (engine, response) = (&self.engine, &ran.response);
        let finished = monotonic_us();
        let micros = finished - self.started;
        if let Some(slot) = engine.lane_slot(self.lane) {
            slot.deadline_us.store(0, Ordering::Relaxed);
            slot.started_us.store(0, Ordering::Relaxed);
            slot.state.store(ThreadState::Idle as u32, Ordering::Relaxed);
            add(&slot.running_us, micros);
            add(&slot.tx, response.head_bytes + response.body_bytes);
            add(&slot.histogram[bucket_of(micros)], 1);
            // No head: no answer, or the 504 that the native thread sent and counted.
            if response.head_bytes > 0 {
                add(&slot.by_class[class_of(response.status())], 1);
            }
            if response.failed.is_some() {
                add(&slot.write_errors, 1);
            }
        }
        let notes = &engine.lanes[self.lane].notes;
        if access_log::wanted(engine, response, micros) || notes.wants_line() {
            let facts = Facts { micros, requests: self.requests, switches: ran.switches, app: ran.app };
            let exchange = Exchange { engine, lane: self.lane, conn, request: &mut self.request };
            access_log::request(&exchange, response, &facts);
        }
        notes.end();
        engine.count_request(finished);
    }

    /// Finish the previous request, then wait for one.
    pub(crate) fn next(&mut self, previous: Option<(Conn, Ran)>) -> Next {
        let mut at_hand = previous.and_then(|(mut conn, ran)| {
            let after = self.finish(&mut conn, ran);
            self.settle(conn, after)
        });
        loop {
            if let Some(conn) = at_hand.take() {
                let Some(files) = &self.engine.files else { return self.run(conn) };
                let mut conn = conn;
                let exchange = Exchange {
                    engine: &self.engine,
                    lane: self.lane,
                    conn: &mut conn,
                    request: &mut self.request,
                };
                at_hand = match files.find(&exchange) {
                    Ok(None) => return self.run(conn),
                    Ok(Some(found)) => self.serve_file(conn, found),
                    Err(e) => self.answer(conn, static_files::no_answer(&e)),
                };
                continue;
            }
            if let Some((listener, left)) = self.again.take()
                && left > 0
                && self.engine.is_accepting()
            {
                at_hand = self.accept(listener, left);
                continue;
            }
            let token = match self.engine.fetched() {
                Some(token) => token,
                None => {
                    self.mark(false);
                    match self.engine.wait() {
                        Some(token) => token,
                        None => return Next::Signal,
                    }
                }
            };
            self.mark(true);
            at_hand = match token {
                Token::Stop => match self.engine.take_whole().and_then(|c| self.look(c)) {
                    Some(conn) => Some(conn),
                    None if self.engine.any_whole() => None,
                    None => {
                        self.mark(false);
                        return Next::Leave;
                    }
                },
                // What came before accepting ended was passed on; what comes behind is for the others.
                Token::Listener(_) | Token::HandOver if !self.engine.is_accepting() => None,
                Token::Listener(i) => self.accept(i, MORE_ACCEPTS),
                Token::HandOver => handover::take(&self.engine).and_then(|c| self.look(c)),
                Token::Whole => self.engine.take_whole().and_then(|c| self.look(c)),
                Token::Conn { key, stamp } => self.engine.unpark(key, stamp).and_then(|c| self.receive(c)),
            };
        }
    }

    fn run(&self, conn: Conn) -> Next {
        // Odd stays odd: a new number for a new request, also when it follows without a gap.
        let sequence = &self.engine.lanes[self.lane].sequence;
        sequence.store((sequence.load(Ordering::Relaxed) | 1) + 2, Ordering::SeqCst);
        Next::Run(conn)
    }

    /// Tell the native thread whether this thread holds something.
    fn mark(&self, busy: bool) {
        let sequence = &self.engine.lanes[self.lane].sequence;
        let now = sequence.load(Ordering::Relaxed);
        if (now & 1 == 1) != busy {
            sequence.store(now + 1, Ordering::SeqCst);
        }
    }

    /// Take a connection. A worker that is alone looks for the next one without a wait between; with several, the
    /// kernel chooses whose turn it is.
    fn accept(&mut self, index: usize, left: u32) -> Option<Conn> {
        match self.engine.accept(index) {
            Ok(Some(conn)) => {
                if self.engine.settings.workers == 1 {
                    self.again = Some((index, left - 1));
                }
                self.receive(conn)
            }
            Ok(None) => None,
            Err(e) => {
                self.engine.accept_failed(&e);
                None
            }
        }
    }

    /// Receive until a request is whole, or there is nothing more now.
    fn receive(&mut self, mut conn: Conn) -> Option<Conn> {
        if conn.buffer.capacity() == 0 {
            std::mem::swap(&mut conn.buffer, &mut self.spare);
        }
        loop {
            match conn.receive() {
                Ok(Received::Bytes) => match examine(&mut conn, &mut self.request, &self.engine.settings) {
                    Step::Run => return Some(conn),
                    // A body on its way to disk may go on for long: that is the native lane's work.
                    Step::More if conn.spool.is_some() => {
                        self.engine.submit(Job::Read(conn));
                        return None;
                    }
                    Step::More => {}
                    other => return self.answer(conn, other),
                },
                Ok(Received::Nothing) if conn.buffer.is_empty() => return self.park(conn),
                Ok(Received::Nothing) => {
                    self.engine.submit(Job::Read(conn));
                    return None;
                }
                Ok(Received::End) => {
                    if !conn.buffer.is_empty() {
                        self.left_midway(&conn);
                    }
                    return self.recycle(conn);
                }
                Err(e) => {
                    self.read_error();
                    return match refusal::no_memory(&e) {
                        Some(step) => self.answer(conn, step),
                        None => self.recycle(conn),
                    };
                }
            }
        }
    }

    /// Look at bytes that are there already.
    fn look(&mut self, mut conn: Conn) -> Option<Conn> {
        if conn.buffer.is_empty() {
            return self.receive(conn);
        }
        match examine(&mut conn, &mut self.request, &self.engine.settings) {
            Step::Run => Some(conn),
            Step::More => self.receive(conn),
            other => self.answer(conn, other),
        }
    }

    fn park(&mut self, mut conn: Conn) -> Option<Conn> {
        if conn.buffer.capacity() <= SPARE_BUFFER && conn.buffer.capacity() > self.spare.capacity() {
            std::mem::swap(&mut conn.buffer, &mut self.spare);
        }
        conn.buffer = Vec::new();
        if let Some(conn) = self.engine.park(conn, monotonic_us()) {
            handover::release(&self.engine, conn);
        }
        None
    }

    /// The connection is closed here; its buffer serves the next one.
    fn recycle(&mut self, conn: Conn) -> Option<Conn> {
        let mut conn = conn;
        let mut buffer = std::mem::take(&mut conn.buffer);
        drop(conn);
        if buffer.capacity() <= SPARE_BUFFER && buffer.capacity() > self.spare.capacity() {
            buffer.clear();
            self.spare = buffer;
        }
        None
    }

    fn answer(&mut self, conn: Conn, step: Step) -> Option<Conn> {
        refusal::answer(&self.engine, conn, step);
        None
    }

    fn left_midway(&self, conn: &Conn) {
        self.read_error();
        limited_say!(
            Fault::Client,
            self.engine,
            "a client closed its connection in the middle of a request ({} bytes had come)",
            conn.buffer.len()
        );
    }

    fn read_error(&self) {
        if let Some(slot) = self.engine.lane_slot(self.lane) {
            add(&slot.read_errors, 1);
        }
    }

    /// What becomes of a connection after its answer; comes back when its next request is there.
    fn settle(&mut self, conn: Conn, after: After) -> Option<Conn> {
        if conn.served == 1
            && let Some(listener) = self.engine.listeners.get(usize::from(conn.listener))
        {
            listener.note_stay(matches!(after, After::Keep | After::Write { keep: true, .. }));
        }
        match after {
            After::Close { unread, sent } if lingers(&conn, unread, sent) => {
                self.engine.submit(Job::Linger(conn));
                None
            }
            After::Close { .. } => self.recycle(conn),
            After::Write { pending, keep, unread } => {
                self.engine.submit(Job::Write { conn, pending, keep, unread });
                None
            }
            After::Keep if self.engine.is_leaving() => {
                handover::release(&self.engine, conn);
                None
            }
            After::Keep if conn.buffer.is_empty() => self.park(conn),
            After::Keep if conn.served.is_multiple_of(IN_A_ROW) => {
                // A client that pipelines without end waits like the others.
                self.engine.deliver(conn);
                None
            }
            After::Keep => self.look(conn),
        }
    }

    fn serve_file(&mut self, mut conn: Conn, found: static_files::Found) -> Option<Conn> {
        let started = monotonic_us();
        conn.name_peer();
        let mut response = self.response.take().unwrap_or_else(|| response_for(&self.engine, self.lane));
        response.claims = false;
        let exchange =
            Exchange { engine: &self.engine, lane: self.lane, conn: &mut conn, request: &mut self.request };
        prepare(&mut response, &exchange);
        // Bytes of body behind the head in the buffer; None: it has not all come.
        let body = match exchange.request.body {
            Some(Body::Buffered(n)) => Some(n),
            Some(Body::Stream(_) | Body::StreamChunks) => None,
            Some(Body::None | Body::Spooled | Body::Decoded) | None => Some(0),
        };
        response.keep_alive &= body.is_some();
        response.head = Some(Arc::new(found.head));
        if let Some((fd, offset, length)) = found.file {
            response.file(fd, offset, length);
        }
        response.end();
        if let Some(slot) = self.engine.lane_slot(self.lane) {
            add(&slot.static_requests, 1);
            add(&slot.tx, response.head_bytes + response.body_bytes);
            add(&slot.by_class[class_of(response.status())], 1);
            if response.failed.is_some() {
                add(&slot.write_errors, 1);
            }
        }
        let micros = monotonic_us() - started;
        if access_log::wanted(&self.engine, &response, micros) {
            let facts = Facts { micros, requests: 0, switches: 1, app: None };
            access_log::request(&exchange, &response, &facts);
        }
        conn.consume(self.request.head_length + body.unwrap_or(0));
        conn.served += 1;
        let after = settle(&mut response, body.is_some());
        self.response = Some(response);
        self.settle(conn, after)
    }
}

/// What becomes of the connection once its answer is made; takes the output that is left.
fn settle(response: &mut Response, body_whole: bool) -> After {
    let keep = response.keep_alive && body_whole && response.failed.is_none();
    if response.failed.is_some() {
        response.pending = Pending::default();
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
