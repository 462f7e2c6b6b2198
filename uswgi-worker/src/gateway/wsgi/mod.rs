//! WSGI (PEP 3333): running the application for one request, with the GIL: environ, call, iteration, close, errors.
//!
//! Whatever the application does, exactly one answer goes out, and `close()` is called once. What needs no GIL (the
//! rest of the answer, the books) is the lane's dispatcher's.

mod body;
pub(crate) mod capi;
mod departure;
mod environ;
mod fastcall;
pub(crate) mod file_wrapper;
pub(in crate::gateway) mod input;
pub(crate) mod start_response;

use crate::api::{self, current, signals};
use crate::app::Apps;
use crate::frames;
use crate::gateway::plain::{handshake_error, plain_error};
use crate::gateway::websocket::{self, Channel, WebSocketClosed};
use crate::gateway::{cooperate, note_exception};
use crate::interpreter::{self, HarakiriTimeout};
use crate::py as python;
use crate::pybytes::{HeldBytes, Response, drop_buried};
use capi::call2;
use departure::Disconnected;
use environ::Builder;
use file_wrapper::FileWrapper;
use input::Input;
use pyo3::exceptions::{PyMemoryError, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyModule, PyTuple};
use start_response::{AnswerCell, Pair};
use std::sync::Arc;
use uswgi_proto::packet::behind_script;
use uswgi_serve::engine::Engine;
use uswgi_serve::exchange::Exchange;
use uswgi_serve::gateway::{Gateway, Ran};
use uswgi_serve::log::Fault;
use uswgi_serve::mounts::Chosen;
use uswgi_serve::request::Body;
use uswgi_serve::rpc;
use uswgi_serve::sync::lock;
use uswgi_serve::{limited_say, say, sys};

/// What a thread needs to run requests.
pub(crate) struct WsgiLane {
    engine: Arc<Engine>,
    apps: Arc<Apps>,
    lane: usize,
    pair: Pair,
    builder: Builder,
    disconnected: Py<Disconnected>,
    /// Pieces of body of the request.
    switches: u32,
}

/// Make the types of the objects that requests need; otherwise they are made with the first object of each.
pub(crate) fn make_types(py: Python<'_>) -> PyResult<()> {
    drop(Pair::new(py)?);
    drop(Py::new(py, Input::empty())?);
    py.get_type::<FileWrapper>();
    py.get_type::<HarakiriTimeout>();
    Ok(())
}

impl WsgiLane {
    pub(crate) fn new(
        py: Python<'_>,
        engine: &Arc<Engine>,
        apps: &Arc<Apps>,
        lane: usize,
    ) -> PyResult<WsgiLane> {
        let pair = Pair::new(py)?;
        let disconnected = Py::new(py, Disconnected::new(engine, lane, &pair.shared))?;
        let no_body = Py::new(py, Input::empty())?.into_any();
        Ok(WsgiLane {
            engine: engine.clone(),
            apps: apps.clone(),
            lane,
            pair,
            builder: Builder::new(py, engine, lane, no_body.bind(py), disconnected.bind(py))?,
            disconnected,
            switches: 0,
        })
    }

    /// The same for requests of the warm-up: the environ tells so.
    pub(crate) fn for_warmup(
        py: Python<'_>,
        engine: &Arc<Engine>,
        apps: &Arc<Apps>,
        lane: usize,
    ) -> PyResult<WsgiLane> {
        let lane = WsgiLane::new(py, engine, apps, lane)?;
        lane.builder.mark(py, "uswgi.warmup")?;
        Ok(lane)
    }

    /// One request.
    pub(super) fn run(
        &mut self,
        py: Python<'_>,
        exchange: &mut Exchange<'_>,
        mut response: Box<Response>,
    ) -> Ran<HeldBytes> {
        self.switches = 1;
        drop_buried(py);
        if exchange.request.modifier1 == rpc::MODIFIER1 {
            let answer = api::rpc::serve(py, exchange);
            py.detach(|| response.raw(&answer));
            return self.ran(py, response, None);
        }
        if self.pair.is_shared(py) {
            // The application kept start_response or write(): they stay with their old, ended request.
            if let Ok(pair) = Pair::new(py) {
                self.pair = pair;
                self.adopt_thread();
            }
        }
        let body = exchange.request.body.unwrap_or(Body::None);
        let head_length = exchange.request.head_length;
        let input = match input::state_for(exchange.conn, head_length, body, response.timeout_ms) {
            Ok(None) => Ok(None),
            Ok(Some(state)) => {
                response.unread = state.unread.clone();
                Py::new(py, Input::new(state)).map(Some)
            }
            Err(_) => Err(PyMemoryError::new_err("request body")),
        };
        let shared = self.pair.shared.clone();
        let fd = response.fd;
        *lock(&shared) = Some(response);
        let channel = exchange.asks_websocket().then(|| websocket::offer(exchange, &shared, fd));

        let chosen = self.apps.choose(exchange);
        let result = match (chosen, &input) {
            (_, Err(e)) => Err(e.clone_ref(py)),
            (Some(chosen), Ok(input)) => self
                .call(py, exchange, chosen, input.as_ref(), &shared, channel.is_some())
                .map(|()| Some(chosen.app)),
            (None, _) => Ok(None),
        };
        if sys::is_forked_child() {
            leave_forked_child(py, result.err());
        }
        // Another thread of the application may hold it for the moment of one write().
        let mut response: Box<Response> = loop {
            if let Some(response) = lock(&shared).take() {
                break response;
            }
            cooperate::yield_now(py);
        };
        let status = match (&result, &input) {
            // The body was at fault, and the application left it at that.
            (Err(_), Ok(Some(input))) => input.get().refusal().unwrap_or(500),
            _ => 500,
        };
        let mut closed = true;
        match channel {
            Some(channel) if response.is_switched() => {
                closed = finish_socket(py, exchange, &mut response, &channel, result.err());
            }
            Some(channel) => {
                refuse_socket(py, exchange, &mut response, &channel, result);
                channel.end(&mut response, false);
            }
            None => conclude(py, exchange, &mut response, result, status),
        }
        let (whole, (leftover, spare)) = match input {
            Ok(None) => (closed, Default::default()),
            Ok(Some(input)) => match input.get().detach(py, exchange.conn.raw()) {
                Some(state) => (state.is_whole(), state.leave()),
                None => (false, Default::default()),
            },
            Err(_) => (false, Default::default()),
        };
        let mut ran = self.ran(py, response, chosen.map(|c| c.app));
        (ran.whole, ran.leftover, ran.spare) = (whole, leftover, spare);
        ran
    }

    /// The request is over: its deadline, too.
    fn ran(&self, py: Python<'_>, response: Box<Response>, app: Option<usize>) -> Ran<HeldBytes> {
        let lane = &self.engine.lanes[self.lane];
        if (self.engine.settings.harakiri.seconds > 0 || lane.notes.is_used()) && lane.end() {
            interpreter::clear(py, lane);
        }
        let (leftover, spare) = Default::default();
        Ran { response, app, whole: true, leftover, spare, switches: self.switches }
    }

    /// The calling thread is the one that runs the requests.
    pub(super) fn adopt_thread(&self) {
        current::set(&self.engine, self.lane, &self.pair.shared);
        self.disconnected.get().follow(&self.pair.shared);
    }

    fn call(
        &mut self,
        py: Python<'_>,
        exchange: &mut Exchange<'_>,
        chosen: Chosen,
        input: Option<&Py<Input>>,
        shared: &AnswerCell,
        may_switch: bool,
    ) -> PyResult<()> {
        // Only the application sees where it is mounted: the log has the request as it came.
        let before = exchange.rewritten().len();
        mount(exchange, chosen.mounted);
        let environ = self.builder.build(py, exchange, input.map(Py::as_any));
        exchange.take_back(before);
        let environ = environ?;
        let start_response = self.pair.start_response.bind(py).as_any();
        let result = call2(self.apps.callables[chosen.app].bind(py), environ.as_any(), start_response)?;
        // Behind a WebSocket nothing is an answer.
        let sent = match may_switch && lock(shared).as_ref().is_some_and(|r| r.is_switched()) {
            true => Ok(()),
            false => self.send(py, &result, shared),
        };
        // PEP 3333: always, also when the client left or the iteration raised.
        let closed = if result.is_exact_instance_of::<PyList>() || result.is_exact_instance_of::<PyTuple>() {
            Ok(())
        } else {
            match result.getattr_opt("close") {
                Ok(Some(close)) => close.call0().map(drop),
                Ok(None) => Ok(()),
                Err(e) => Err(e),
            }
        };
        sent.and(closed)
    }
}

/// The last word on a WebSocket; whether its client has closed it.
fn finish_socket(
    py: Python<'_>,
    exchange: &Exchange<'_>,
    response: &mut Response,
    channel: &Channel,
    error: Option<PyErr>,
) -> bool {
    // That the client has left, an application need not look at.
    let error = error.filter(|e| !e.is_instance_of::<WebSocketClosed>(py));
    if let Some(e) = &error {
        note_exception(py, exchange.engine, exchange.lane, e);
    }
    channel.end(response, error.is_some())
}

/// An answer to a request that asked for a WebSocket and got none.
fn refuse_socket(
    py: Python<'_>,
    exchange: &Exchange<'_>,
    response: &mut Response,
    channel: &Channel,
    result: PyResult<Option<usize>>,
) {
    match (result, channel.refusal()) {
        (Err(_), Some(e)) if !response.head_sent => {
            let (uri, status) = (channel.uri(), e.status());
            limited_say!(Fault::Client, exchange.engine, "{uri}: refused with {status}: {e}");
            handshake_error(py, response, e);
        }
        (result, _) => conclude(py, exchange, response, result, 500),
    }
}

/// SCRIPT_NAME and PATH_INFO as the application behind a mount point sees them, which is that many bytes long.
fn mount(exchange: &mut Exchange<'_>, mounted: usize) {
    if mounted > 0 {
        exchange.mount(mounted);
    } else if exchange.request.modifier1 == 30
        && !exchange.script().is_empty()
        && let Some(rest) = behind_script(exchange.path(), exchange.script()).map(<[u8]>::to_vec)
    {
        exchange.rewrite(b"PATH_INFO", &rest);
    }
}

/// Make sure that there is one answer, and finish it.
fn conclude(
    py: Python<'_>,
    exchange: &Exchange<'_>,
    response: &mut Response,
    result: PyResult<Option<usize>>,
    status: u16,
) {
    let shown = |limit| uswgi_serve::log::shown(exchange.uri(), limit);
    match result {
        Ok(Some(_)) => {
            if response.failed.is_none() && !response.is_ended() {
                py.detach(|| response.end());
            }
            if response.excess {
                limited_say!(
                    Fault::Ours,
                    exchange.engine,
                    "{}: the application gave more than its Content-Length; the rest was dropped",
                    shown(256)
                );
            }
        }
        Ok(None) => {
            limited_say!(
                Fault::Client,
                exchange.engine,
                "{}: no application is loaded for this path",
                shown(256)
            );
            plain_error(py, response, 500);
        }
        Err(e) => {
            if e.is_instance_of::<HarakiriTimeout>(py) {
                say!("{}: the request came out of its harakiri", shown(256));
            } else {
                note_exception(py, exchange.engine, exchange.lane, &e);
            }
            if response.head_sent {
                py.detach(|| response.abort());
            } else {
                plain_error(py, response, status);
            }
        }
    }
}

/// A lane that runs WSGI applications in a thread of Python.
pub(crate) struct Wsgi<'py> {
    pub(crate) py: Python<'py>,
    pub(crate) lane: WsgiLane,
}

impl Gateway for Wsgi<'_> {
    type Error = PyErr;
    type Held = HeldBytes;

    fn start(&mut self) -> PyResult<u64> {
        self.lane.adopt_thread();
        frames::adopt(self.py);
        PyModule::import(self.py, "threading")?.call_method0("get_ident")?.extract()
    }

    fn run(&mut self, exchange: &mut Exchange<'_>, response: Box<Response>) -> Ran<HeldBytes> {
        self.lane.run(self.py, exchange, response)
    }

    fn signal(&mut self) {
        if let Err(e) = self.py.check_signals() {
            python::print_exception(self.py, &e);
        }
    }

    fn app_signal(&mut self, number: u8) {
        signals::run_handler(self.py, number);
    }

    fn unlocked<T: Send>(&mut self, f: impl FnOnce() -> T + Send) -> T {
        self.py.detach(f)
    }
}

/// The application forked, and its child came back from the call: it must not serve in its parent's place.
fn leave_forked_child(py: Python<'_>, error: Option<PyErr>) -> ! {
    let code = match error {
        None => 0,
        Some(e) if e.is_instance_of::<PySystemExit>(py) => {
            let code = e.value(py).getattr("code").ok();
            code.map_or(0, |c| if c.is_none() { 0 } else { c.extract().unwrap_or(1) })
        }
        Some(e) => {
            python::print_exception(py, &e);
            1
        }
    };
    python::flush(py);
    sys::exit_now(code)
}
