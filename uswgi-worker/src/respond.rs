//! Running the application for one request, with the GIL: environ, call, iteration, close, errors.
//!
//! Whatever the application does, exactly one answer goes out, `close()` is called once, and the books
//! (scoreboard, log) are written. [`Runner::run`] holds the GIL, [`Runner::finish`] does the rest without it.

mod body;

use crate::answer;
use crate::api::current::{self, Notes};
use crate::app::Apps;
use crate::connection::Conn;
use crate::engine::{Engine, Leaving};
use crate::environ::{Builder, call2};
use crate::file_wrapper::FileWrapper;
use crate::harakiri::{self, HarakiriTimeout};
use crate::input::{self, Input};
use crate::lane::Client;
use crate::log::Fault;
use crate::pending::{self, Pending};
use crate::report::{self, Facts};
use crate::request::{Body, Request};
use crate::response::{AppHead, Response};
use crate::start_response::{Pair, Shared};
use crate::sync::lock;
use crate::{limited_say, py as python, say, sys};
use pyo3::exceptions::{PyMemoryError, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uswgi_proto::mounts::Chosen;
use uswgi_proto::packet::behind_script;
use uswgi_proto::scoreboard::layout::{add, bucket_of, class_of};
use uswgi_proto::scoreboard::{ThreadState, monotonic_us};

/// What becomes of the connection.
pub(crate) enum After {
    /// Close it, so that its client gets the `sent` bytes of the answer; `unread`: it may still send a part of its request.
    Close { unread: bool, sent: u64 },
    /// It can take another request.
    Keep,
    /// There is output left.
    Write { pending: Pending, keep: bool, unread: bool },
}

/// A request whose application is done: what [`Runner::finish`] has to know.
pub(crate) struct Ran {
    started: u64,
    app: Option<usize>,
    body: Body,
    /// The request was read to its end.
    whole: bool,
    /// Bytes that came behind it.
    leftover: Vec<u8>,
    /// Memory that held its body.
    spare: Vec<u8>,
}

/// What a thread needs to run requests.
pub(crate) struct Runner {
    engine: Arc<Engine>,
    apps: Arc<Apps>,
    thread: usize,
    pair: Pair,
    builder: Builder,
    no_body: Py<PyAny>,
    response: Option<Box<Response>>,
    requests: u64,
    notes: Arc<Notes>,
    /// Pieces of body of the request.
    switches: u32,
}

/// A response object for requests of this worker.
pub(crate) fn response_for(engine: &Arc<Engine>, thread: usize) -> Response {
    let mut lines = Vec::new();
    for header in &engine.settings.add_headers {
        lines.extend_from_slice(header.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    Response::new(lines, engine.settings.harakiri > 0, (engine.clone(), thread))
}

/// Set up a response for a request.
pub(crate) fn prepare(response: &mut Response, engine: &Engine, conn: &Conn, request: &Request) {
    response.reset();
    response.fd = conn.raw();
    response.timeout_ms =
        engine.settings.patience(conn.http).saturating_mul(1000).min(i32::MAX as u32) as i32;
    response.http = conn.http;
    response.head_only = request.known.method.of(&conn.buffer) == b"HEAD";
    if conn.http {
        response.minor = request.head.minor;
        response.keep_alive = request.keep_alive
            && engine.settings.keepalive_timeout > 0
            && engine.leaving() <= Leaving::HandOver;
    } else {
        let protocol = request.known.protocol.of(&conn.buffer);
        response.protocol.clear();
        let fine = protocol.len() == 8
            && protocol.starts_with(b"HTTP/")
            && protocol[5..].iter().all(u8::is_ascii_graphic);
        response.protocol.extend_from_slice(if fine { protocol } else { b"HTTP/1.0" });
        response.minor = 0;
        response.keep_alive = false;
    }
}

/// Make the types of the objects that requests need; otherwise they are made with the first object of each.
pub(crate) fn make_types(py: Python<'_>) -> PyResult<()> {
    drop(Pair::new(py)?);
    drop(Py::new(py, Input::empty())?);
    py.get_type::<FileWrapper>();
    py.get_type::<HarakiriTimeout>();
    Ok(())
}

impl Runner {
    pub(crate) fn new(
        py: Python<'_>,
        engine: &Arc<Engine>,
        apps: &Arc<Apps>,
        thread: usize,
    ) -> PyResult<Runner> {
        Ok(Runner {
            engine: engine.clone(),
            apps: apps.clone(),
            thread,
            pair: Pair::new(py)?,
            builder: Builder::new(py, engine)?,
            no_body: Py::new(py, Input::empty())?.into_any(),
            response: Some(Box::new(response_for(engine, thread))),
            requests: 0,
            notes: Arc::default(),
            switches: 0,
        })
    }

    /// The calling thread is the one that will run the requests.
    pub(crate) fn adopt_thread(&self) {
        current::set(&self.engine, self.thread, &self.pair.shared, &self.notes);
    }

    /// One request, as far as it needs Python. [`Runner::finish`] has to follow.
    pub(crate) fn run(&mut self, py: Python<'_>, conn: &mut Conn, request: &Request) -> Ran {
        let started = monotonic_us();
        conn.name_peer();
        self.begin(conn, request, started);
        pending::drop_buried(py);
        if self.pair.is_shared(py) {
            // The application kept start_response or write(): they stay with their old, ended request.
            if let Ok(pair) = Pair::new(py) {
                self.pair = pair;
                self.adopt_thread();
            }
        }
        let mut response =
            self.response.take().unwrap_or_else(|| Box::new(response_for(&self.engine, self.thread)));
        prepare(&mut response, &self.engine, conn, request);
        let body = request.body.unwrap_or(Body::None);
        let input = match input::state_for(conn, request.head_length, body, response.timeout_ms) {
            Ok(None) => Ok(None),
            Ok(Some(state)) => {
                response.unread = state.unread.clone();
                Py::new(py, Input::new(state)).map(Some)
            }
            Err(_) => Err(PyMemoryError::new_err("request body")),
        };
        let shared = self.pair.shared.clone();
        *lock(&shared) = Some(response);

        let path = if conn.http { &request.path[..] } else { request.known.path.of(&conn.buffer) };
        let script = request.known.script.of(&conn.buffer);
        let apps = self.apps.clone();
        let chosen = apps.mounts.choose(path, script);
        let result = match (chosen, &input) {
            (_, Err(e)) => Err(e.clone_ref(py)),
            (Some(chosen), Ok(input)) => {
                self.call(py, conn, request, chosen, input.as_ref(), &shared).map(|()| Some(chosen.app))
            }
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
            py.detach(std::thread::yield_now);
        };
        let app = chosen.map(|c| c.app);
        let status = match (&result, &input) {
            // The body was at fault, and the application left it at that.
            (Err(_), Ok(Some(input))) => input.get().refusal().unwrap_or(500),
            _ => 500,
        };
        self.conclude(py, conn, request, &mut response, result, status);
        let (whole, (leftover, spare)) = match input {
            Ok(None) => (true, Default::default()),
            Ok(Some(input)) => match input.get().detach(py, conn.raw()) {
                Some(state) => (state.is_whole(), state.leave()),
                None => (false, Default::default()),
            },
            Err(_) => (false, Default::default()),
        };
        self.response = Some(response);
        let cell = &self.engine.threads[self.thread];
        if (self.engine.settings.harakiri > 0 || self.notes.is_used()) && cell.end() {
            harakiri::clear(py, cell);
        }
        Ran { started, app, body, whole, leftover, spare }
    }

    /// Send what is left to send, and close the books.
    pub(crate) fn finish(&mut self, conn: &mut Conn, request: &Request, mut ran: Ran) -> After {
        let Some(mut response) = self.response.take() else { return After::Close { unread: false, sent: 0 } };
        response.send_staged();
        self.write_books(conn, request, &response, &ran);
        conn.consume(match ran.body {
            Body::Buffered(n) => request.head_length + n,
            _ => request.head_length,
        });
        if conn.buffer.is_empty() && ran.spare.capacity() > conn.buffer.capacity() {
            ran.spare.clear();
            conn.buffer = ran.spare;
        }
        conn.buffer.extend_from_slice(&ran.leftover);
        conn.served += 1;
        let after = settle(&mut response, ran.whole);
        self.response = Some(response);
        after
    }

    fn begin(&mut self, conn: &Conn, request: &Request, started: u64) {
        self.notes.begin(request.content_length, self.requests);
        self.requests += 1;
        self.switches = 1;
        let engine = &self.engine;
        let known = &request.known;
        let deadline = match engine.settings.harakiri {
            0 => 0,
            seconds => {
                let deadline = started + u64::from(seconds) * 1_000_000;
                let head_only = known.method.of(&conn.buffer) == b"HEAD";
                let client = Client { fd: conn.raw(), head_only };
                engine.threads[self.thread].begin(client, deadline);
                deadline
            }
        };
        if let Some(slot) = engine.thread_slot(self.thread) {
            let address = report::remote(conn, request, engine);
            slot.request.write(known.method.of(&conn.buffer), known.uri.of(&conn.buffer), address);
            slot.started_us.store(started, Ordering::Relaxed);
            slot.body_in.store(request.content_length, Ordering::Relaxed);
            slot.body_out.store(0, Ordering::Relaxed);
            slot.deadline_us.store(deadline, Ordering::Relaxed);
            slot.state.store(ThreadState::Busy as u32, Ordering::Relaxed);
            add(&slot.requests, 1);
        }
        engine.watch();
    }

    fn call(
        &mut self,
        py: Python<'_>,
        conn: &Conn,
        request: &Request,
        chosen: Chosen,
        input: Option<&Py<Input>>,
        shared: &Shared,
    ) -> PyResult<()> {
        let body = match input {
            Some(input) => input.clone_ref(py).into_any(),
            None => self.no_body.clone_ref(py),
        };
        let environ = self.builder.build(py, conn, request, &body)?;
        self.mount(&environ, conn, request, chosen.mounted)?;
        let start_response = self.pair.start_response.bind(py).as_any();
        let result = call2(self.apps.callables[chosen.app].bind(py), environ.as_any(), start_response)?;
        let sent = self.send(py, &result, shared);
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

    /// SCRIPT_NAME and PATH_INFO as the application behind a mount point sees them, which is that many bytes long.
    fn mount(
        &self,
        environ: &Bound<'_, PyDict>,
        conn: &Conn,
        request: &Request,
        mounted: usize,
    ) -> PyResult<()> {
        let script = request.known.script.of(&conn.buffer);
        let path = if conn.http { &request.path[..] } else { request.known.path.of(&conn.buffer) };
        let latin1 = |b: &[u8]| b.iter().map(|&c| c as char).collect::<String>();
        if mounted > 0 {
            let (point, rest) = path.split_at(mounted);
            environ.set_item("SCRIPT_NAME", latin1(point))?;
            environ.set_item("PATH_INFO", latin1(rest))?;
        } else if request.modifier1 == 30
            && !script.is_empty()
            && let Some(rest) = behind_script(path, script)
        {
            environ.set_item("PATH_INFO", latin1(rest))?;
        }
        Ok(())
    }

    /// Make sure that there is one answer, and finish it.
    fn conclude(
        &self,
        py: Python<'_>,
        conn: &Conn,
        request: &Request,
        response: &mut Response,
        result: PyResult<Option<usize>>,
        status: u16,
    ) {
        let shown = |limit| crate::log::shown(request.known.uri.of(&conn.buffer), limit);
        match result {
            Ok(Some(_)) => {
                if response.failed.is_none() && !response.is_ended() {
                    py.detach(|| response.end());
                }
                if response.excess {
                    limited_say!(
                        Fault::Ours,
                        self.engine,
                        "{}: the application gave more than its Content-Length; the rest was dropped",
                        shown(256)
                    );
                }
            }
            Ok(None) => {
                limited_say!(
                    Fault::Client,
                    self.engine,
                    "{}: no application is loaded for this path",
                    shown(256)
                );
                plain_error(py, response, 500);
            }
            Err(e) => {
                if e.is_instance_of::<HarakiriTimeout>(py) {
                    say!("{}: the request came out of its harakiri", shown(256));
                } else {
                    python::print_exception(py, &e);
                    if let Some(slot) = self.engine.thread_slot(self.thread) {
                        add(&slot.exceptions, 1);
                    }
                }
                if response.head_sent {
                    py.detach(|| response.abort());
                } else {
                    plain_error(py, response, status);
                }
            }
        }
    }

    fn write_books(&self, conn: &Conn, request: &Request, response: &Response, ran: &Ran) {
        let engine = &self.engine;
        let finished = monotonic_us();
        let micros = finished - ran.started;
        if let Some(slot) = engine.thread_slot(self.thread) {
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
        if report::wanted(engine, response, micros) || self.notes.wants_line() {
            let facts = Facts {
                micros,
                requests: self.requests,
                thread: self.thread,
                switches: self.switches,
                app: ran.app,
            };
            report::request(engine, conn, request, response, &facts);
        }
        self.notes.end();
        engine.count_request(finished);
    }
}

/// What becomes of the connection once its answer is made; takes the output that is left.
pub(crate) fn settle(response: &mut Response, body_whole: bool) -> After {
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

fn plain_error(py: Python<'_>, response: &mut Response, status: u16) {
    let text = format!("{status} {}", answer::reason(status));
    response.head = Some(Arc::new(AppHead {
        status,
        status_text: text.clone().into_bytes(),
        lines: b"Content-Type: text/plain\r\n".to_vec(),
        count: 1,
        ..AppHead::default()
    }));
    response.keep_alive = false;
    let body = text + "\n";
    py.detach(|| response.body(body.as_bytes(), true, None));
}
