//! One HTTP request of an ASGI application: `receive` and `send`, which never wait themselves. What has to be waited for
//! is a future of the loop, resolved by a watcher of the client's descriptor.

use super::answer::say;
use super::future::resolve;
use super::ready::Ready;
use crate::gateway::wsgi::input::BodyState;
use crate::gateway::wsgi::start_response::AnswerCell;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_serve::response::Wait;
use uswgi_serve::sync::lock;
use uswgi_serve::sys;

/// Bytes of a body in one message.
const PIECE: usize = 64 * 1024;

/// What is waited for.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    /// More of the body, since then.
    Body(u64),
    /// That the client leaves.
    Departure,
}

#[derive(Default)]
struct State {
    /// None: there is no body, or all of it was given.
    body: Option<Box<BodyState>>,
    /// The last message of the body was given.
    received: bool,
    /// The client has left, or its body cannot be read.
    departed: bool,
    /// The request is over.
    over: bool,
    reader: Option<(Waiting, Py<PyAny>)>,
    /// The descriptor is watched for reading.
    watched: bool,
    writer: Option<(Wait, Py<PyAny>)>,
}

/// A request in hand.
pub(super) struct Http {
    event_loop: Py<PyAny>,
    fd: RawFd,
    timeout_ms: i32,
    answer: AnswerCell,
    state: Mutex<State>,
    /// What the loop calls when the descriptor is readable or writable, and when a wait has lasted too long; while the
    /// request is in hand.
    hooks: Mutex<Option<[Py<Hook>; 4]>>,
}

/// Kinds of hooks.
#[derive(Debug, Clone, Copy)]
enum On {
    Readable,
    Writable,
    ReadLate,
    WriteLate,
}

fn message<'py>(py: Python<'py>, kind: &str) -> PyResult<Bound<'py, PyDict>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), kind)?;
    Ok(message)
}

impl Http {
    /// For a request whose answer is in the cell. `body`: None when it has none.
    pub(super) fn new(
        event_loop: Py<PyAny>,
        answer: AnswerCell,
        body: Option<BodyState>,
        fd: RawFd,
        timeout_ms: i32,
    ) -> Arc<Http> {
        let state = State { body: body.map(Box::new), ..State::default() };
        let state = Mutex::new(state);
        Arc::new(Http { event_loop, fd, timeout_ms, answer, state, hooks: Mutex::new(None) })
    }

    fn hook(self: &Arc<Http>, py: Python<'_>, on: On) -> PyResult<Py<Hook>> {
        let mut hooks = lock(&self.hooks);
        if hooks.is_none() {
            let of = |on| Py::new(py, Hook { http: self.clone(), on });
            *hooks = Some([of(On::Readable)?, of(On::Writable)?, of(On::ReadLate)?, of(On::WriteLate)?]);
        }
        match &*hooks {
            Some(all) => Ok(all[on as usize].clone_ref(py)),
            None => Err(PyRuntimeError::new_err("no hooks")),
        }
    }

    /// The next message, if there is one now; true: the client is to be watched.
    fn next_message<'py>(&self, py: Python<'py>, state: &mut State) -> PyResult<Option<Bound<'py, PyDict>>> {
        let failed = lock(&self.answer).as_ref().is_none_or(|r| r.failed.is_some() || r.is_ended());
        if state.departed || state.over || (state.received && failed) {
            return message(py, "http.disconnect").map(Some);
        }
        if state.received {
            return Ok(None);
        }
        let request = |bytes: &[u8], more: bool| {
            let message = message(py, "http.request")?;
            message.set_item(intern!(py, "body"), PyBytes::new(py, bytes))?;
            message.set_item(intern!(py, "more_body"), more)?;
            Ok(Some(message))
        };
        let Some(body) = &mut state.body else {
            state.received = true;
            return request(b"", false);
        };
        loop {
            let here = body.available().len().min(PIECE);
            if here > 0 {
                let more = here < body.available().len() || !body.is_over();
                let given = request(&body.available()[..here], more)?;
                body.at += here;
                state.received = !more;
                return Ok(given);
            }
            match body.more(PIECE) {
                Ok(true) => {}
                Ok(false) => {
                    state.received = true;
                    return request(b"", false);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(_) => {
                    body.failed = Some(400);
                    state.departed = true;
                    return message(py, "http.disconnect").map(Some);
                }
            }
        }
    }

    fn receive(self: &Arc<Http>, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let mut state = lock(&self.state);
        if let Some((_, future)) = &state.reader {
            return Ok(future.clone_ref(py));
        }
        if let Some(message) = self.next_message(py, &mut state)? {
            drop(state);
            return Ready::with(py, message.into_any().unbind());
        }
        let future = self.event_loop.call_method0(py, intern!(py, "create_future"))?;
        let waiting = if state.received { Waiting::Departure } else { Waiting::Body(monotonic_us()) };
        state.reader = Some((waiting, future.clone_ref(py)));
        state.watched = true;
        drop(state);
        self.event_loop.call_method1(
            py,
            intern!(py, "add_reader"),
            (self.fd, self.hook(py, On::Readable)?),
        )?;
        if let Waiting::Body(_) = waiting {
            self.later(py, On::ReadLate)?;
        }
        Ok(future)
    }

    fn later(self: &Arc<Http>, py: Python<'_>, on: On) -> PyResult<()> {
        let seconds = f64::from(self.timeout_ms) / 1000.0;
        let hook = self.hook(py, on)?;
        self.event_loop.call_method1(py, intern!(py, "call_later"), (seconds, hook)).map(drop)
    }

    fn unwatch(&self, py: Python<'_>, state: &mut State) -> PyResult<()> {
        if std::mem::take(&mut state.watched) {
            self.event_loop.call_method1(py, intern!(py, "remove_reader"), (self.fd,))?;
        }
        Ok(())
    }

    /// The descriptor is readable; `late`: it was not for too long.
    fn readable(&self, py: Python<'_>, late: bool) -> PyResult<()> {
        let mut state = lock(&self.state);
        let Some((waiting, future)) = state.reader.take() else { return self.unwatch(py, &mut state) };
        match waiting {
            Waiting::Departure if late => {}
            Waiting::Departure if sys::has_left(self.fd) => state.departed = true,
            // The next request has come already: nobody can see whether its client has left until it is read.
            Waiting::Departure => self.unwatch(py, &mut state)?,
            Waiting::Body(since) => {
                let too_slow = state.body.as_mut().is_some_and(|body| body.waited(since));
                let too_long = late && monotonic_us() >= since + self.timeout_ms as u64 * 1000;
                if too_slow || too_long {
                    if let Some(body) = &mut state.body {
                        body.failed = Some(408);
                    }
                    state.departed = true;
                }
            }
        }
        match self.next_message(py, &mut state)? {
            Some(message) => {
                self.unwatch(py, &mut state)?;
                drop(state);
                resolve(py, &future, message.into_any().unbind())
            }
            None => {
                let waiting = match waiting {
                    Waiting::Body(since) if late => Waiting::Body(since),
                    Waiting::Body(_) => Waiting::Body(monotonic_us()),
                    Waiting::Departure => Waiting::Departure,
                };
                state.reader = Some((waiting, future));
                Ok(())
            }
        }
    }

    /// What an application says.
    fn send(self: &Arc<Http>, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<Py<PyAny>> {
        let kind = message
            .get_item(intern!(py, "type"))?
            .ok_or_else(|| PyTypeError::new_err("a message needs a type"))?;
        let kind: String = kind.extract()?;
        let taken = lock(&self.answer).take();
        let Some(mut response) = taken else {
            return Err(PyRuntimeError::new_err("the request of this send is over"));
        };
        let outcome = say(py, &mut response, &kind, message);
        let wait = (outcome.is_ok() && response.must_wait()).then(|| response.wait_begins());
        *lock(&self.answer) = Some(response);
        outcome?;
        let Some(wait) = wait else { return Ready::with(py, py.None()) };
        let future = self.event_loop.call_method0(py, intern!(py, "create_future"))?;
        let before = lock(&self.state).writer.replace((wait, future.clone_ref(py)));
        if let Some((_, before)) = before {
            // Two tasks send at a time: the first goes on with the second.
            resolve(py, &before, py.None())?;
        }
        self.event_loop.call_method1(
            py,
            intern!(py, "add_writer"),
            (self.fd, self.hook(py, On::Writable)?),
        )?;
        self.later(py, On::WriteLate)?;
        Ok(future)
    }

    fn writable(self: &Arc<Http>, py: Python<'_>, late: bool) -> PyResult<()> {
        let Some((wait, future)) = lock(&self.state).writer.take() else { return Ok(()) };
        let taken = lock(&self.answer).take();
        let mut done = true;
        if let Some(mut response) = taken {
            response.wait_ends(wait, Ok(!late));
            done = !response.must_wait();
            if done {
                response.lend();
            } else {
                lock(&self.state).writer = Some((response.wait_begins(), future.clone_ref(py)));
            }
            *lock(&self.answer) = Some(response);
        }
        if done {
            self.event_loop.call_method1(py, intern!(py, "remove_writer"), (self.fd,))?;
            return resolve(py, &future, py.None());
        }
        if late { self.later(py, On::WriteLate) } else { Ok(()) }
    }

    /// The client has left.
    pub(super) fn is_departed(&self) -> bool {
        lock(&self.state).departed
    }

    /// The request is over: nobody watches its descriptor any more, and whoever waits is told. Gives back the body.
    pub(super) fn end(&self, py: Python<'_>) -> PyResult<Option<Box<BodyState>>> {
        let mut state = lock(&self.state);
        state.over = true;
        self.unwatch(py, &mut state)?;
        let (reader, writer, body) = (state.reader.take(), state.writer.take(), state.body.take());
        drop(state);
        // They keep this object.
        let hooks = lock(&self.hooks).take();
        drop(hooks);
        if let Some((_, future)) = writer {
            self.event_loop.call_method1(py, intern!(py, "remove_writer"), (self.fd,))?;
            resolve(py, &future, py.None())?;
        }
        if let Some((_, future)) = reader {
            resolve(py, &future, message(py, "http.disconnect")?.into_any().unbind())?;
        }
        Ok(body)
    }
}

/// `receive` of a request.
#[pyclass(module = "uswgi_worker", frozen)]
pub(super) struct Receive(pub(super) Arc<Http>);

#[pymethods]
impl Receive {
    fn __call__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.0.receive(py)
    }
}

/// `send` of a request.
#[pyclass(module = "uswgi_worker", frozen)]
pub(super) struct Send(pub(super) Arc<Http>);

#[pymethods]
impl Send {
    fn __call__(&self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<Py<PyAny>> {
        self.0.send(py, message)
    }
}

/// What the loop calls.
#[pyclass(module = "uswgi_worker", frozen)]
struct Hook {
    http: Arc<Http>,
    on: On,
}

#[pymethods]
impl Hook {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        match self.on {
            On::Readable => self.http.readable(py, false),
            On::Writable => self.http.writable(py, false),
            On::ReadLate => self.http.readable(py, true),
            On::WriteLate => self.http.writable(py, true),
        }
    }
}
