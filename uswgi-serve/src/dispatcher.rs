//! The dispatcher of a lane: which connection is next, and what becomes of it after its answer.
//!
//! Waiting, accepting, receiving, parsing, static files and the books of a request stand here; no interpreter's lock is
//! held. It never blocks but in the ready epoll. What does not complete at once goes to the native thread.

#![forbid(unsafe_code)]

mod before;
mod books;
mod warm;

use crate::connection::{Conn, Received};
use crate::engine::{Engine, Job};
use crate::exchange::Exchange;
use crate::gateway::Ran;
use crate::log::Fault;
use crate::native::lingers;
use crate::outbox::{Outbox, Unsent};
use crate::request::{Need, Request, examine};
use crate::response::Response;
use crate::send_queue::Held;
use crate::token::Token;
use crate::{handover, limited_say, log, refusal, say, split_paths};
use before::Before;
use books::After;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uswgi_proto::scoreboard::layout::add;
use uswgi_proto::scoreboard::monotonic_us;
pub(crate) use warm::Warm;

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
    /// Run the handler of a signal of the application.
    AppSignal(u8),
    /// The worker leaves.
    Leave,
}

/// See the module.
pub(crate) struct Dispatcher<H> {
    engine: Arc<Engine>,
    outbox: Arc<Outbox<H>>,
    lane: usize,
    request: Request,
    spare: Vec<u8>,
    /// None while a gateway has it.
    response: Option<Box<Response<H>>>,
    /// When the request that runs began, `monotonic_us`.
    started: u64,
    /// Microseconds from which on a request is slow.
    slow_us: u64,
    /// Requests that ran here.
    requests: u64,
    /// A listener that is worth another look before the next wait, and how often still.
    again: Option<(usize, u32)>,
}

impl<H: Held> Dispatcher<H> {
    /// For a lane of a worker.
    pub(crate) fn new(outbox: &Arc<Outbox<H>>, lane: usize) -> Dispatcher<H> {
        Dispatcher {
            engine: outbox.engine.clone(),
            outbox: outbox.clone(),
            lane,
            request: Request::default(),
            spare: Vec::new(),
            response: None,
            started: 0,
            slow_us: match outbox.engine.settings.lanes.slow_ms {
                0 => u64::MAX,
                ms => u64::from(ms) * 1_000,
            },
            requests: 0,
            again: None,
        }
    }

    /// Finish the previous request, then wait for one.
    pub(crate) fn next(&mut self, previous: Option<(Conn, Ran<H>)>) -> Next {
        let at_hand = previous.and_then(|(mut conn, ran)| {
            let after = self.finish(&mut conn, ran);
            self.settle(conn, after)
        });
        self.take_one(at_hand, Engine::wait)
    }

    /// What is ready, without a wait; [`Next::Signal`]: nothing is. With `look` the ready epoll is asked, else only what
    /// was fetched of it.
    pub(crate) fn poll(&mut self, look: bool) -> Next {
        let mut look = look;
        let next = self.take_one(None, |engine| if std::mem::take(&mut look) { engine.look() } else { None });
        // The loop comes back here when there is more to accept: whoever is next may have another lane.
        self.again = None;
        next
    }

    /// What the request that runs says.
    pub(crate) fn exchange<'a>(&'a mut self, conn: &'a mut Conn) -> Exchange<'a> {
        Exchange { engine: &self.engine, lane: self.lane, conn, request: &mut self.request }
    }

    /// Finish a request, whose lane is free then. What has come behind it is taken by whoever is next.
    pub(crate) fn leave_off(&mut self, mut conn: Conn, ran: Ran<H>) {
        let after = self.finish(&mut conn, ran);
        if let Some(mut conn) = self.settle(conn, after) {
            conn.keep_head(&mut self.request);
            self.engine.deliver(conn);
        }
        self.mark(false);
    }

    fn take_one(
        &mut self,
        mut at_hand: Option<Conn>,
        mut wait: impl FnMut(&Engine) -> Option<Token>,
    ) -> Next {
        loop {
            if let Some(mut conn) = at_hand.take() {
                if !self.request.known.script.is_empty() {
                    self.look_at_script(&mut conn);
                }
                if self.engine.routing.is_none() && self.engine.files.is_none() {
                    return self.run(conn);
                }
                at_hand = match self.without_app(conn) {
                    Before::Run(conn) => return self.run(conn),
                    Before::Answered(conn) => conn,
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
                    match wait(&self.engine) {
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
                        if let Some(signal) = self.engine.take_own_signal() {
                            return Next::AppSignal(signal.number);
                        }
                        self.mark(false);
                        return Next::Leave;
                    }
                },
                // What came before accepting ended was passed on; what comes behind is for the others.
                Token::Listener(_) | Token::HandOver | Token::Signals if !self.engine.is_accepting() => None,
                Token::Listener(i) => self.accept(i, MORE_ACCEPTS),
                Token::HandOver => handover::take(&self.engine).and_then(|c| self.look(c)),
                Token::Signals | Token::OwnSignals => {
                    let signal = match token {
                        Token::Signals => self.engine.take_shared_signal(),
                        _ => self.engine.take_own_signal(),
                    };
                    match signal {
                        Some(signal) => return Next::AppSignal(signal.number),
                        None => None,
                    }
                }
                Token::Whole => self.engine.take_whole().and_then(|c| self.look(c)),
                Token::Conn { key, stamp } => self.engine.unpark(key, stamp).and_then(|c| self.receive(c)),
            };
        }
    }

    fn run(&mut self, conn: Conn) -> Next {
        // Its wait for the interpreter's lock counts.
        self.started = monotonic_us();
        // Odd stays odd: a new number for a new request, also when it follows without a gap.
        let sequence = &self.engine.lanes[self.lane].sequence;
        sequence.store((sequence.load(Ordering::Relaxed) | 1) + 2, Ordering::SeqCst);
        Next::Run(conn)
    }

    /// Tell the native thread whether this thread holds something.
    pub(crate) fn mark(&self, busy: bool) {
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
                    Need::Run => return Some(conn),
                    // A body on its way to disk may go on for long: that is the native lane's work.
                    Need::More if conn.spool.is_some() => {
                        self.engine.submit(Job::Read(conn));
                        return None;
                    }
                    Need::More => {}
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
            Need::Run => Some(conn),
            Need::More => self.receive(conn),
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

    fn answer(&mut self, conn: Conn, step: Need) -> Option<Conn> {
        refusal::answer(&self.engine, conn, step);
        None
    }

    /// Say once for the instance that a server in front splits paths.
    #[cold]
    fn look_at_script(&mut self, conn: &mut Conn) {
        let (engine, request) = (&self.engine, &mut self.request);
        let exchange = Exchange { engine, lane: self.lane, conn, request };
        let Some(board) = &engine.board else { return };
        let (seen, script) = (&board.header().split_paths, exchange.script());
        if seen.load(Ordering::Relaxed) == split_paths::SAID || engine.mounts.has(script) {
            return;
        }
        if split_paths::note(seen, exchange.variable(b"SERVER_SOFTWARE").unwrap_or_default(), script) {
            say!(
                "lighttpd sends the first segment of paths as SCRIPT_NAME ({}, another one before), and nothing is mounted there: \
                 longer routes are wrong; add \"fix-root-scriptname\" => \"enable\" to its server of \"/\"",
                log::shown(script, 64)
            );
        }
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
    fn settle(&mut self, conn: Conn, after: After<H>) -> Option<Conn> {
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
                self.outbox.leave(Unsent { conn, pending, keep, unread });
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
}
