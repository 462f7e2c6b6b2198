//! WebSockets of WSGI applications, by uWSGI's functions: one for each request that asks for one, from its handshake to its
//! end. Waits with the GIL released, or in the loop of lanes that share a thread.
//!
//! As uWSGI 2.0.31: whatever cannot go on is an OSError with its sentence; a message is bytes, whether text or not; pings
//! are sent and answered inside of `recv`. Otherwise: a violation has its close code (there most are taken for messages), a ping is
//! answered with its bytes, and nothing can be sent before the handshake, which wrote frames into the answer there.

use crate::gateway::cooperate::{self, Until};
use crate::gateway::wsgi::start_response::AnswerCell;
use crate::pybytes::Response;
use pyo3::create_exception;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use std::cell::RefCell;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_proto::websocket::{HandshakeError, Opcode, accept_key, code, put_frame};
use uswgi_serve::engine::Engine;
use uswgi_serve::exchange::Exchange;
use uswgi_serve::log::shown;
use uswgi_serve::sync::lock;
use uswgi_serve::sys;
use uswgi_serve::websocket::{Conversation, Heard, Message};

create_exception!(uswgi_worker, WebSocketClosed, PyOSError, "The WebSocket is closed.");

thread_local! {
    /// What every socket of this thread receives into.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Longest wait in one piece.
const SLICE_MS: u64 = 60_000;

/// Of the requests that run and ask for one, by the number of their lane.
static CHANNELS: Mutex<Vec<Arc<Channel>>> = Mutex::new(Vec::new());

/// A request that asks for a WebSocket.
pub(crate) struct Channel {
    engine: Arc<Engine>,
    lane: usize,
    fd: RawFd,
    answer: AnswerCell,
    key: Result<String, HandshakeError>,
    /// The subprotocol that its client wants first.
    protocol: String,
    uri: String,
    /// What came behind the handshake.
    behind: Mutex<Vec<u8>>,
    /// None before the handshake.
    talk: Mutex<Option<Conversation>>,
    /// The greenlet that waits for the client, where lanes are greenlets.
    waiter: Mutex<Option<Py<PyAny>>>,
    over: AtomicBool,
}

/// The request of this lane asks for one.
pub(crate) fn offer(exchange: &mut Exchange<'_>, answer: &AnswerCell, fd: RawFd) -> Arc<Channel> {
    let offered = exchange.header("sec-websocket-protocol");
    let first = offered.split(|b| *b == b',').next().unwrap_or_default().trim_ascii();
    let channel = Arc::new(Channel {
        engine: exchange.engine.clone(),
        lane: exchange.lane,
        fd,
        answer: answer.clone(),
        key: exchange.websocket_key(),
        protocol: String::from_utf8_lossy(first).into_owned(),
        uri: shown(exchange.uri(), 256).to_string(),
        behind: Mutex::new(exchange.take_behind()),
        talk: Mutex::new(None),
        waiter: Mutex::new(None),
        over: AtomicBool::new(false),
    });
    let mut all = lock(&CHANNELS);
    all.retain(|c| c.lane != exchange.lane);
    all.push(channel.clone());
    channel
}

/// The one of a lane.
pub(crate) fn of_lane(lane: usize) -> Option<Arc<Channel>> {
    lock(&CHANNELS).iter().find(|c| c.lane == lane).cloned()
}

/// The worker leaves: greenlets that wait for a client look at it. Runs in the loop.
pub(crate) fn wake_waiters(py: Python<'_>) -> PyResult<()> {
    let waiting: Vec<_> = lock(&CHANNELS).iter().filter_map(|c| lock(&c.waiter).take()).collect();
    for greenlet in waiting {
        cooperate::wake(py, greenlet.bind(py))?;
    }
    Ok(())
}

fn no_handshake() -> PyErr {
    PyOSError::new_err("unable to complete websocket handshake")
}

fn no_receive() -> PyErr {
    WebSocketClosed::new_err("unable to receive websocket message")
}

fn no_send() -> PyErr {
    WebSocketClosed::new_err("unable to send websocket message")
}

impl Channel {
    /// Its answer, which another thread or greenlet may have for the moment of a send; None: the request is over.
    fn with_answer<T>(&self, py: Python<'_>, f: impl FnOnce(&mut Box<Response>) -> T) -> Option<T> {
        loop {
            let taken = lock(&self.answer).take();
            if let Some(mut response) = taken {
                let done = f(&mut response);
                *lock(&self.answer) = Some(response);
                return Some(done);
            }
            if self.over.load(Ordering::Acquire) {
                return None;
            }
            cooperate::yield_now(py);
        }
    }

    /// Answer with 101. What is given counts more than what the request says.
    pub(crate) fn handshake(&self, py: Python<'_>, key: &[u8], protocol: &[u8]) -> PyResult<()> {
        let accept = match &self.key {
            Ok(_) if !key.is_empty() => accept_key(key),
            Ok(accept) => accept.clone(),
            Err(_) => return Err(no_handshake()),
        };
        let protocol = if protocol.is_empty() { self.protocol.as_bytes() } else { protocol };
        let mut lines =
            format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n")
                .into_bytes();
        if !protocol.is_empty() {
            if !protocol.iter().all(|b| uswgi_proto::http::is_token(*b)) {
                return Err(no_handshake());
            }
            lines.extend_from_slice(b"Sec-WebSocket-Protocol: ");
            lines.extend_from_slice(protocol);
            lines.extend_from_slice(b"\r\n");
        }
        let switched = self.with_answer(py, |response| {
            response.head.is_none() && !response.head_sent && py.detach(|| response.switch(&lines))
        });
        if switched != Some(true) {
            return Err(no_handshake());
        }
        // `harakiri` is the time of a request: a conversation has none.
        self.engine.lanes[self.lane].end();
        if let Some(slot) = self.engine.lane_slot(self.lane) {
            slot.deadline_us.store(0, Ordering::Relaxed);
        }
        let now = monotonic_us();
        let mut talk = Conversation::new(&self.engine.settings.websockets, now);
        talk.take_in(&std::mem::take(&mut *lock(&self.behind)), now);
        *lock(&self.talk) = Some(talk);
        Ok(())
    }

    /// Receive what is there, send what is due. The next message; None: there is none now. An error: there will be none.
    fn look(&self) -> PyResult<Option<Message>> {
        let now = monotonic_us();
        let mut open = lock(&self.talk);
        let talk = open.as_mut().ok_or_else(no_receive)?;
        if self.engine.closes_sockets() {
            talk.go_away();
        }
        let mut message = talk.next_message();
        while message.is_none() && talk.wants_input() {
            let heard = SCRATCH.with_borrow_mut(|scratch| talk.receive(self.fd, scratch, now));
            message = talk.next_message();
            if heard != Heard::Bytes {
                break;
            }
        }
        talk.look(now);
        talk.log_fault(&self.engine, &self.uri);
        // Who sends now says it with the next look.
        let taken = lock(&self.answer).take();
        if let Some(mut response) = taken {
            let frames = talk.frames(!response.must_wait());
            if !frames.is_empty() {
                response.frames(&frames);
            }
            if response.failed.is_some() {
                talk.lose();
            }
            *lock(&self.answer) = Some(response);
        }
        let over = talk.is_over();
        match message {
            Some(message) => Ok(Some(message)),
            None if over => Err(no_receive()),
            None => Ok(None),
        }
    }

    /// The next message, if it is there.
    pub(crate) fn receive_now(&self) -> PyResult<Option<Message>> {
        if self.over.load(Ordering::Acquire) {
            return Err(no_receive());
        }
        self.look()
    }

    /// Wait for the next message.
    pub(crate) fn receive(&self, py: Python<'_>) -> PyResult<Message> {
        loop {
            if let Some(message) = self.receive_now()? {
                return Ok(message);
            }
            let due = lock(&self.talk).as_ref().and_then(|talk| talk.due_us());
            let ms =
                due.map_or(SLICE_MS, |due| due.saturating_sub(monotonic_us()).div_ceil(1000).min(SLICE_MS));
            self.wait(py, ms as i32)?;
        }
    }

    fn wait(&self, py: Python<'_>, ms: i32) -> PyResult<()> {
        if cooperate::is_on() {
            *lock(&self.waiter) = cooperate::own_greenlet(py)?;
            let waited = cooperate::wait(py, self.fd, Until::Readable, ms);
            *lock(&self.waiter) = None;
            self.engine.watch();
            return match waited {
                Err(e) if cooperate::is_wake(py, &e) => Ok(()),
                other => other.map(drop),
            };
        }
        // Where they go on although the worker leaves, that it does wakes nobody a second time.
        let leave = match self.engine.is_leaving() {
            true if self.engine.closes_sockets() => return Ok(()),
            true => -1,
            false => self.engine.leave_fd(),
        };
        let waited = py.detach(|| sys::wait_for_either(self.fd, libc::POLLIN, leave, ms));
        match waited {
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => crate::api::state::breathe(py),
            _ => Ok(()),
        }
    }

    /// Send a message, waiting until the client takes it.
    pub(crate) fn send(&self, py: Python<'_>, opcode: Opcode, payload: &[u8]) -> PyResult<()> {
        if lock(&self.talk).as_ref().is_none_or(|talk| talk.is_over()) {
            return Err(no_send());
        }
        let mut frame = Vec::with_capacity(payload.len() + 10);
        put_frame(opcode, payload, &mut frame);
        let mut given = false;
        loop {
            let wait = self.with_answer(py, |response| {
                if !std::mem::replace(&mut given, true) {
                    py.detach(|| response.frames(&frame));
                }
                if response.failed.is_some() {
                    return Err(());
                }
                Ok(response.must_wait().then(|| (response.wait_begins(), response.timeout_ms)))
            });
            match wait {
                Some(Ok(None)) => return Ok(()),
                Some(Ok(Some((begun, ms)))) => {
                    let ready = cooperate::wait(py, self.fd, Until::Writable, ms)?;
                    self.with_answer(py, |response| response.wait_ends(begun, Ok(ready)));
                }
                Some(Err(())) | None => {
                    if let Some(talk) = lock(&self.talk).as_mut() {
                        talk.lose();
                    }
                    return Err(no_send());
                }
            }
        }
    }

    /// Close it, before its connection is.
    pub(crate) fn close(&self, response: &mut Response, failed: bool) {
        let mut open = lock(&self.talk);
        let Some(talk) = open.as_mut() else { return };
        talk.close(if failed { code::FAILED } else { code::NORMAL }, "");
        let frames = talk.frames(true);
        if !frames.is_empty() {
            response.frames(&frames);
        }
    }

    /// The request is over. Whether its client has closed the WebSocket: nothing of it comes any more.
    pub(crate) fn end(&self, response: &mut Response, failed: bool) -> bool {
        self.over.store(true, Ordering::Release);
        lock(&CHANNELS).retain(|c| c.lane != self.lane);
        let over = lock(&self.talk).as_ref().is_some_and(|talk| talk.is_over() && !talk.closed_here());
        self.close(response, failed);
        response.abort();
        over
    }

    /// Why there can be no WebSocket.
    pub(crate) fn refusal(&self) -> Option<HandshakeError> {
        self.key.as_ref().err().copied()
    }

    /// For the log.
    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }
}
