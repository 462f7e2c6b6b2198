//! One WebSocket of an ASGI application (ASGI WebSocket specification 2.4): `receive` and `send` over a
//! [`Conversation`]. Nothing here waits: what has to be waited for is a future of the loop. `said`: what an application
//! says; `output`: what it gives to a client that does not take it at once.

mod output;
mod said;

use super::future::resolve;
use super::ready::Ready;
use crate::gateway::wsgi::start_response::AnswerCell;
use crate::pybytes::Response;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use pyo3::{create_exception, intern};
use std::cell::RefCell;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_proto::websocket::code;
use uswgi_serve::engine::Engine;
use uswgi_serve::response::Wait;
use uswgi_serve::sync::lock;
use uswgi_serve::sys;
use uswgi_serve::websocket::{Conversation, Heard, Message};

create_exception!(
    uswgi_worker,
    ClientDisconnected,
    PyOSError,
    "The WebSocket is closed: nothing can be sent on it."
);

thread_local! {
    /// What every socket of this thread receives into.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// How far it is.
enum Stage {
    /// The handshake has no answer.
    Asked,
    /// It was accepted.
    Open(Box<Conversation>),
    /// It was denied, by an answer of HTTP.
    Denied,
}

struct SocketState {
    stage: Stage,
    /// The application was told that somebody connects.
    connected: bool,
    /// The client has left before there was an answer.
    departed: bool,
    /// The application has closed it.
    closed_here: bool,
    /// What came behind the handshake.
    behind: Vec<u8>,
    reader: Option<Py<PyAny>>,
    /// The descriptor is watched for reading.
    watched: bool,
    writer: Option<(Wait, Py<PyAny>)>,
    over: bool,
}

/// A WebSocket in hand.
pub(super) struct Socket {
    engine: Arc<Engine>,
    lane: usize,
    event_loop: Py<PyAny>,
    fd: RawFd,
    timeout_ms: i32,
    answer: AnswerCell,
    /// The proof of the handshake, until it has its answer.
    accept: Mutex<String>,
    /// For the log.
    uri: Box<str>,
    state: Mutex<SocketState>,
    /// What the loop calls, while the request is in hand.
    hooks: Mutex<[Option<Py<SocketHook>>; 3]>,
}

/// Kinds of hooks.
#[derive(Debug, Clone, Copy)]
enum When {
    Readable,
    Writable,
    Late,
}

/// What a socket is made of.
pub(super) struct Asked {
    pub(super) engine: Arc<Engine>,
    pub(super) lane: usize,
    pub(super) answer: AnswerCell,
    pub(super) accept: String,
    pub(super) uri: String,
    pub(super) behind: Vec<u8>,
    pub(super) fd: RawFd,
    pub(super) timeout_ms: i32,
}

impl Socket {
    /// For a handshake that may be accepted.
    pub(super) fn new(event_loop: Py<PyAny>, asked: Asked) -> Arc<Socket> {
        let Asked { engine, lane, answer, accept, uri, behind, fd, timeout_ms } = asked;
        let state = SocketState {
            stage: Stage::Asked,
            connected: false,
            departed: false,
            closed_here: false,
            behind,
            reader: None,
            watched: false,
            writer: None,
            over: false,
        };
        let state = Mutex::new(state);
        let hooks = Mutex::default();
        let (accept, uri) = (Mutex::new(accept), uri.into_boxed_str());
        Arc::new(Socket { engine, lane, event_loop, fd, timeout_ms, answer, accept, uri, state, hooks })
    }

    fn hook(self: &Arc<Socket>, py: Python<'_>, when: When) -> PyResult<Py<SocketHook>> {
        let mut hooks = lock(&self.hooks);
        let place = &mut hooks[when as usize];
        if let Some(hook) = place {
            return Ok(hook.clone_ref(py));
        }
        let hook = Py::new(py, SocketHook { socket: self.clone(), when })?;
        *place = Some(hook.clone_ref(py));
        Ok(hook)
    }

    /// Watch the client, or no longer, as what is there wants it.
    fn watch(self: &Arc<Socket>, py: Python<'_>, state: &mut SocketState) -> PyResult<()> {
        let wanted = !state.over
            && match &state.stage {
                Stage::Asked | Stage::Denied => state.reader.is_some() && !state.departed,
                Stage::Open(talk) => talk.wants_input(),
            };
        if wanted == state.watched {
            return Ok(());
        }
        state.watched = wanted;
        if wanted {
            let hook = self.hook(py, When::Readable)?;
            self.event_loop.call_method1(py, intern!(py, "add_reader"), (self.fd, hook)).map(drop)
        } else {
            self.event_loop.call_method1(py, intern!(py, "remove_reader"), (self.fd,)).map(drop)
        }
    }

    /// The next message of the application, if there is one now.
    fn next_message<'py>(
        &self,
        py: Python<'py>,
        state: &mut SocketState,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let message = PyDict::new(py);
        let kind = intern!(py, "type");
        if !state.connected {
            state.connected = true;
            message.set_item(kind, "websocket.connect")?;
            return Ok(Some(message));
        }
        let (code, reason) = match &mut state.stage {
            Stage::Open(talk) => match talk.next_message() {
                Some(said) => {
                    message.set_item(kind, intern!(py, "websocket.receive"))?;
                    match said {
                        Message::Text(text) => message.set_item(intern!(py, "text"), text)?,
                        Message::Binary(bytes) => {
                            message.set_item(intern!(py, "bytes"), PyBytes::new(py, &bytes))?
                        }
                    }
                    return Ok(Some(message));
                }
                None => match talk.ending() {
                    Some((code, reason)) => (code, reason.to_string()),
                    None => return Ok(None),
                },
            },
            Stage::Asked | Stage::Denied if state.departed || state.over => (code::ABNORMAL, String::new()),
            Stage::Asked | Stage::Denied => return Ok(None),
        };
        message.set_item(kind, "websocket.disconnect")?;
        message.set_item("code", code)?;
        message.set_item("reason", reason)?;
        Ok(Some(message))
    }

    fn receive(self: &Arc<Socket>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let mut state = lock(&self.state);
        if let Some(future) = &state.reader {
            return Ok(future.clone_ref(py));
        }
        let message = self.next_message(py, &mut state)?;
        if let Some(message) = message {
            self.watch(py, &mut state)?;
            drop(state);
            return Ready::with(py, message.into_any().unbind());
        }
        let future = self.event_loop.call_method0(py, intern!(py, "create_future"))?;
        state.reader = Some(future.clone_ref(py));
        self.watch(py, &mut state)?;
        Ok(future)
    }

    /// The client has sent something, or has left.
    fn readable(self: &Arc<Socket>, py: Python<'_>) -> PyResult<()> {
        {
            let mut state = lock(&self.state);
            match &mut state.stage {
                Stage::Open(talk) => {
                    let now = monotonic_us();
                    let came = SCRATCH.with_borrow_mut(|scratch| talk.receive(self.fd, scratch, now));
                    if came == Heard::Nothing {
                        return Ok(());
                    }
                    self.engine.watch();
                }
                // What comes before the answer waits for it.
                _ if sys::has_left(self.fd) => state.departed = true,
                _ => {
                    state.watched = false;
                    drop(state);
                    return self
                        .event_loop
                        .call_method1(py, intern!(py, "remove_reader"), (self.fd,))
                        .map(drop);
                }
            }
        }
        self.settle(py)
    }

    /// Send what is due, and tell who waits.
    fn settle(self: &Arc<Socket>, py: Python<'_>) -> PyResult<()> {
        let mut state = lock(&self.state);
        if let Stage::Open(talk) = &mut state.stage {
            talk.log_fault(&self.engine, &self.uri);
            let taken = lock(&self.answer).take();
            if let Some(mut response) = taken {
                let frames = talk.frames(!response.must_wait());
                if !frames.is_empty() {
                    py.detach(|| response.frames(&frames));
                }
                if response.failed.is_some() {
                    talk.lose();
                }
                // Its client waits for the end of the connection now, and gets it when the application is done or before.
                if talk.is_over() && !talk.closed_here() && !response.any_pending() {
                    sys::shutdown(self.fd, libc::SHUT_WR);
                }
                *lock(&self.answer) = Some(response);
            }
        }
        let mut told = None;
        if state.reader.is_some()
            && let Some(message) = self.next_message(py, &mut state)?
        {
            told = state.reader.take().map(|future| (future, message));
        }
        self.watch(py, &mut state)?;
        drop(state);
        match told {
            Some((future, message)) => resolve(py, &future, message.into_any().unbind()),
            None => Ok(()),
        }
    }

    /// The worker leaves.
    pub(super) fn go_away(self: &Arc<Socket>, py: Python<'_>) -> PyResult<()> {
        let mut state = lock(&self.state);
        match &mut state.stage {
            Stage::Open(talk) if !talk.is_over() => talk.go_away(),
            _ => return Ok(()),
        }
        drop(state);
        self.settle(py)
    }

    /// Look whether its client is there; when to look again, `monotonic_us`.
    pub(super) fn look(self: &Arc<Socket>, py: Python<'_>, now_us: u64) -> PyResult<Option<u64>> {
        let mut state = lock(&self.state);
        let Stage::Open(talk) = &mut state.stage else { return Ok(None) };
        let due = talk.due_us();
        if due.is_none_or(|due| now_us < due) {
            return Ok(due);
        }
        talk.look(now_us);
        let due = talk.due_us();
        drop(state);
        self.settle(py)?;
        Ok(due)
    }

    /// Whether it was accepted.
    pub(super) fn is_open(&self) -> bool {
        matches!(lock(&self.state).stage, Stage::Open(_))
    }

    /// Whether the client has left before it had an answer.
    pub(super) fn is_departed(&self) -> bool {
        lock(&self.state).departed
    }

    /// The application is done: nobody watches the descriptor any more, and whoever waits is told.
    pub(super) fn end(self: &Arc<Socket>, py: Python<'_>) -> PyResult<()> {
        let mut state = lock(&self.state);
        state.over = true;
        self.watch(py, &mut state)?;
        let (reader, writer) = (state.reader.take(), state.writer.take());
        let message = self.next_message(py, &mut state)?;
        drop(state);
        // They keep this object.
        let hooks = std::mem::take(&mut *lock(&self.hooks));
        drop(hooks);
        if let Some((_, future)) = writer {
            self.event_loop.call_method1(py, intern!(py, "remove_writer"), (self.fd,))?;
            resolve(py, &future, py.None())?;
        }
        if let Some(future) = reader {
            resolve(py, &future, message.map_or_else(|| py.None(), |m| m.into_any().unbind()))?;
        }
        Ok(())
    }

    /// Say the last word of one that was accepted: the application returned, or failed. True: its client has closed it.
    pub(super) fn finish(&self, py: Python<'_>, response: &mut Response, failed: bool) -> bool {
        let mut state = lock(&self.state);
        let Stage::Open(talk) = &mut state.stage else { return false };
        let over = talk.is_over() && !talk.closed_here();
        talk.close(if failed { code::FAILED } else { code::NORMAL }, "");
        let frames = talk.frames(true);
        py.detach(|| {
            if !frames.is_empty() {
                response.frames(&frames);
            }
            response.abort();
        });
        over
    }
}

fn gone() -> PyErr {
    ClientDisconnected::new_err("the WebSocket is closed")
}

/// `receive` of a WebSocket.
#[pyclass(module = "uswgi_worker", frozen)]
pub(super) struct SocketReceive(pub(super) Arc<Socket>);

#[pymethods]
impl SocketReceive {
    fn __call__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.0.receive(py)
    }
}

/// `send` of a WebSocket.
#[pyclass(module = "uswgi_worker", frozen)]
pub(super) struct SocketSend(pub(super) Arc<Socket>);

#[pymethods]
impl SocketSend {
    fn __call__(&self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<Py<PyAny>> {
        self.0.send(py, message)
    }
}

/// What the loop calls.
#[pyclass(module = "uswgi_worker", frozen)]
struct SocketHook {
    socket: Arc<Socket>,
    when: When,
}

#[pymethods]
impl SocketHook {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        match self.when {
            When::Readable => self.socket.readable(py),
            When::Writable => self.socket.writable(py, false),
            When::Late => self.socket.writable(py, true),
        }
    }
}
