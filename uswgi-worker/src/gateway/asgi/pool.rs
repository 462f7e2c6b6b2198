//! The lanes of a worker as tasks: which are free, what the loop does when something is ready, and the life of a request
//! around its task. Everything here runs in the main thread; no lock is held while the application is called.

use super::hooks::{Done, LoopTurn};
use super::http::{Http, Receive, Send};
use super::scope;
use crate::api::current;
use crate::app::Apps;
use crate::frames;
use crate::gateway::shown_first;
use crate::gateway::wsgi::input::state_for;
use crate::gateway::wsgi::plain_error;
use crate::gateway::wsgi::start_response::AnswerCell;
use crate::interpreter::HarakiriTimeout;
use crate::py as python;
use crate::pybytes::{HeldBytes, Response, drop_buried};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use std::sync::{Arc, Mutex, OnceLock};
use uswgi_proto::scoreboard::layout::add;
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_serve::connection::Conn;
use uswgi_serve::engine::Engine;
use uswgi_serve::gateway::{Polled, Ran, SharedLane};
use uswgi_serve::log::{Fault, shown};
use uswgi_serve::outbox::Outbox;
use uswgi_serve::request::Body;
use uswgi_serve::sync::lock;
use uswgi_serve::{limited_say, say, sys};

/// A request in a lane.
struct Running {
    conn: Conn,
    http: Arc<Http>,
    answer: AnswerCell,
    task: Py<PyAny>,
    app: usize,
}

/// Where a lane is when nobody has it in hand.
#[derive(Default)]
struct TaskPlace {
    /// None before it is needed first, and while it is in hand.
    lane: Option<Box<SharedLane<HeldBytes>>>,
    running: Option<Running>,
}

struct TaskPlaces {
    all: Vec<TaskPlace>,
    /// The one that was freed last is at the end, and is next.
    free: Vec<usize>,
    /// Something was ready and no lane free: nothing is watched until one is.
    starved: bool,
}

/// Every lane of the worker.
pub(super) struct TaskPool {
    engine: Arc<Engine>,
    outbox: Arc<Outbox<HeldBytes>>,
    apps: Arc<Apps>,
    ident: u64,
    event_loop: Py<PyAny>,
    /// A future: the worker leaves.
    done: Py<PyAny>,
    /// What the lifespan has put into its state.
    state: Py<PyDict>,
    places: Mutex<TaskPlaces>,
    turns: OnceLock<(Py<LoopTurn>, Py<LoopTurn>)>,
}

/// The pool of this process, once it serves.
static POOL: OnceLock<Arc<TaskPool>> = OnceLock::new();

impl TaskPool {
    /// For the loop of this thread. `done` is resolved when the worker leaves.
    pub(super) fn new(
        outbox: &Arc<Outbox<HeldBytes>>,
        apps: &Arc<Apps>,
        event_loop: &Bound<'_, PyAny>,
        done: &Bound<'_, PyAny>,
        state: &Bound<'_, PyDict>,
    ) -> PyResult<TaskPool> {
        let count = outbox.engine.lanes.len();
        frames::adopt(done.py());
        Ok(TaskPool {
            engine: outbox.engine.clone(),
            outbox: outbox.clone(),
            apps: apps.clone(),
            ident: sys::this_thread().number(),
            event_loop: event_loop.clone().unbind(),
            done: done.clone().unbind(),
            state: state.clone().unbind(),
            places: Mutex::new(TaskPlaces {
                all: (0..count).map(|_| TaskPlace::default()).collect(),
                free: (0..count).collect(),
                starved: false,
            }),
            turns: OnceLock::new(),
        })
    }

    /// What the loop calls for it: when something is ready, and when a lane is free for what was fetched before.
    pub(super) fn adopt(self: &Arc<TaskPool>, ready: Py<LoopTurn>, again: Py<LoopTurn>) {
        let _ = self.turns.set((ready, again));
        let _ = POOL.set(self.clone());
        crate::stacks::show_too(stacks);
    }

    /// Have the loop watch the ready epoll.
    pub(super) fn watch(&self, py: Python<'_>) -> PyResult<()> {
        let Some((ready, _)) = self.turns.get() else { return Ok(()) };
        let watched = (self.engine.ready_fd(), ready.clone_ref(py));
        self.event_loop.call_method1(py, intern!(py, "add_reader"), watched).map(drop)
    }

    fn unwatch(&self, py: Python<'_>) -> PyResult<()> {
        self.event_loop.call_method1(py, intern!(py, "remove_reader"), (self.engine.ready_fd(),)).map(drop)
    }

    /// The lane that is next; None: none is free, and nothing is watched until one is.
    fn take(&self, py: Python<'_>) -> PyResult<Option<Box<SharedLane<HeldBytes>>>> {
        let (number, there) = {
            let mut places = lock(&self.places);
            let Some(number) = places.free.pop() else {
                places.starved = true;
                drop(places);
                self.unwatch(py)?;
                return Ok(None);
            };
            (number, places.all[number].lane.take())
        };
        Ok(Some(there.unwrap_or_else(|| Box::new(SharedLane::new(&self.outbox, number, self.ident)))))
    }

    fn give_back(&self, py: Python<'_>, lane: Box<SharedLane<HeldBytes>>) -> PyResult<()> {
        let starved = {
            let mut places = lock(&self.places);
            let number = lane.number();
            places.all[number].lane = Some(lane);
            places.free.push(number);
            std::mem::take(&mut places.starved)
        };
        if starved && let Some((_, again)) = self.turns.get() {
            self.watch(py)?;
            self.event_loop.call_method1(py, intern!(py, "call_soon"), (again.clone_ref(py),))?;
        }
        Ok(())
    }

    /// Begin a request for whatever is ready. With `look` the ready epoll is asked, once.
    pub(super) fn turn(self: &Arc<TaskPool>, py: Python<'_>, look: bool) -> PyResult<()> {
        let mut look = look;
        while let Some(mut lane) = self.take(py)? {
            match lane.poll(std::mem::take(&mut look)) {
                Polled::Run(conn) => self.begin(py, lane, conn)?,
                Polled::Nothing => return self.give_back(py, lane),
                Polled::Leave => {
                    self.give_back(py, lane)?;
                    self.unwatch(py)?;
                    return self.done.call_method1(py, intern!(py, "set_result"), (py.None(),)).map(drop);
                }
            }
        }
        Ok(())
    }

    /// Make the task of a request.
    fn begin(
        self: &Arc<TaskPool>,
        py: Python<'_>,
        mut lane: Box<SharedLane<HeldBytes>>,
        mut conn: Conn,
    ) -> PyResult<()> {
        drop_buried(py);
        let (exchange, mut response) = lane.begin(&mut conn);
        let Some(chosen) = self.apps.mounts.choose(exchange.path(), exchange.script()) else {
            let uri = shown(exchange.uri(), 256);
            limited_say!(Fault::Client, self.engine, "{uri}: no application is loaded for this path");
            plain_error(py, &mut response, 500);
            return self.end(py, lane, conn, response, None, true, Default::default());
        };
        let scope = scope::of(py, &exchange, chosen.mounted, self.state.bind(py));
        let (body, head_length) = (exchange.request.body.unwrap_or(Body::None), exchange.request.head_length);
        let input = state_for(exchange.conn, head_length, body, response.timeout_ms);
        let (scope, input) = match (scope, input) {
            (Ok(scope), Ok(input)) => (scope, input),
            (scope, _) => {
                if let Err(e) = scope {
                    python::print_exception(py, &e);
                }
                plain_error(py, &mut response, 500);
                return self.end(py, lane, conn, response, Some(chosen.app), false, Default::default());
            }
        };
        response.unread = input.as_ref().and_then(|state| state.unread.clone());
        let (fd, timeout_ms) = (response.fd, response.timeout_ms);
        let answer: AnswerCell = Arc::default();
        *lock(&answer) = Some(response);
        let number = lane.number();
        current::set(&self.engine, number, &answer);
        let http = Http::new(self.event_loop.clone_ref(py), answer.clone(), input, fd, timeout_ms);
        let made = || -> PyResult<Py<PyAny>> {
            let receive = Py::new(py, Receive(http.clone()))?;
            let send = Py::new(py, Send(http.clone()))?;
            let coroutine = self.apps.callables[chosen.app].call1(py, (scope, receive, send))?;
            let task = self.event_loop.call_method1(py, intern!(py, "create_task"), (coroutine,))?;
            let done = Py::new(py, Done::new(self, number))?;
            task.call_method1(py, intern!(py, "add_done_callback"), (done,))?;
            Ok(task)
        };
        match made() {
            Ok(task) => {
                current::runs_in(number, task.as_ptr() as usize);
                let mut places = lock(&self.places);
                places.all[number].lane = Some(lane);
                places.all[number].running = Some(Running { conn, http, answer, task, app: chosen.app });
                Ok(())
            }
            Err(e) => self.conclude(py, lane, conn, &http, &answer, chosen.app, Some(e)),
        }
    }

    /// A task has ended.
    pub(super) fn over(&self, py: Python<'_>, number: usize) -> PyResult<()> {
        let (lane, running) = {
            let mut places = lock(&self.places);
            (places.all[number].lane.take(), places.all[number].running.take())
        };
        let (Some(lane), Some(running)) = (lane, running) else { return Ok(()) };
        current::runs_in(number, 0);
        let Running { conn, http, answer, task, app } = running;
        let error = if task.call_method0(py, intern!(py, "cancelled"))?.is_truthy(py)? {
            Some(PyErr::from_value(PyModule::import(py, "asyncio")?.getattr("CancelledError")?.call0()?))
        } else {
            let exception = task.call_method0(py, intern!(py, "exception"))?;
            (!exception.is_none(py)).then(|| PyErr::from_value(exception.into_bound(py)))
        };
        self.conclude(py, lane, conn, &http, &answer, app, error)
    }

    /// Make sure that there is one answer, and finish it.
    #[expect(clippy::too_many_arguments, reason = "the parts of one request, each owned")]
    fn conclude(
        &self,
        py: Python<'_>,
        mut lane: Box<SharedLane<HeldBytes>>,
        mut conn: Conn,
        http: &Http,
        answer: &AnswerCell,
        app: usize,
        error: Option<PyErr>,
    ) -> PyResult<()> {
        let body = http.end(py)?;
        let Some(mut response) = lock(answer).take() else { return Ok(()) };
        let number = lane.number();
        let overdue = self.engine.lanes[number].is_overdue();
        let uri = shown(lane.exchange(&mut conn).uri(), 256);
        let refusal = body.as_ref().and_then(|body| body.failed);
        match error {
            Some(e) => {
                let out = e.is_instance_of::<HarakiriTimeout>(py) || overdue;
                if out {
                    say!("{uri}: the request came out of its harakiri");
                } else if response.failed.is_none() && refusal.is_none() {
                    python::print_exception(py, &e);
                    if let Some(slot) = self.engine.lane_slot(number) {
                        add(&slot.exceptions, 1);
                    }
                }
                if response.head_sent {
                    response.abort();
                } else {
                    plain_error(py, &mut response, refusal.unwrap_or(500));
                }
            }
            None if response.failed.is_some() || response.is_ended() => {}
            // As it should: it was told that nobody waits.
            None if http.is_departed() && refusal.is_none() => response.abort(),
            None => {
                say!(
                    "{uri}: the application returned without {}",
                    match response.head {
                        Some(_) => "ending its answer (http.response.body with more_body false)",
                        None => "an answer (http.response.start)",
                    }
                );
                if response.head_sent {
                    response.abort();
                } else {
                    plain_error(py, &mut response, refusal.unwrap_or(500));
                }
            }
        }
        if response.excess {
            limited_say!(
                Fault::Ours,
                self.engine,
                "{uri}: the application gave more than its Content-Length; the rest was dropped"
            );
        }
        let whole = body.as_ref().is_none_or(|body| body.is_whole());
        let rest = body.map(|body| body.leave()).unwrap_or_default();
        self.end(py, lane, conn, response, Some(app), whole, rest)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request, each owned")]
    fn end(
        &self,
        py: Python<'_>,
        mut lane: Box<SharedLane<HeldBytes>>,
        conn: Conn,
        response: Box<Response>,
        app: Option<usize>,
        whole: bool,
        rest: (Vec<u8>, Vec<u8>),
    ) -> PyResult<()> {
        let number = lane.number();
        self.engine.lanes[number].end();
        let (leftover, spare) = rest;
        lane.end(conn, Ran { response, app, whole, leftover, spare, switches: 1 });
        self.give_back(py, lane)
    }

    /// The loop was wanted: it turns, and cancels the tasks whose deadline has passed.
    pub(super) fn obey(&self, py: Python<'_>) -> PyResult<()> {
        let Some(event_loop) = &self.engine.event_loop else { return Ok(()) };
        event_loop.turned(monotonic_us());
        if !event_loop.take_interrupt() {
            return Ok(());
        }
        for (number, lane) in self.engine.lanes.iter().enumerate() {
            if lane.in_flight() && lane.take_interruption() {
                let task = lock(&self.places).all[number].running.as_ref().map(|r| r.task.clone_ref(py));
                if let Some(task) = task {
                    task.call_method0(py, intern!(py, "cancel"))?;
                }
            }
        }
        Ok(())
    }
}

/// Where the tasks of requests stand, those beyond their deadline first.
fn stacks(py: Python<'_>) -> PyResult<String> {
    let Some(pool) = POOL.get() else { return Ok(String::new()) };
    let (all, left_out) = {
        let places = lock(&pool.places);
        let running = places.all.iter().enumerate();
        shown_first(
            &pool.engine,
            running.filter_map(|(n, place)| Some((n, place.running.as_ref()?.task.clone_ref(py)))),
        )
    };
    let io = PyModule::import(py, "io")?;
    let mut text = String::new();
    for (number, task) in all {
        let file = io.getattr("StringIO")?.call0()?;
        let options = PyDict::new(py);
        options.set_item("file", &file)?;
        task.call_method(py, "print_stack", (), Some(&options))?;
        text.push_str(&format!(
            "Task of lane {number}:\n{}",
            file.call_method0("getvalue")?.extract::<String>()?
        ));
    }
    if left_out > 0 {
        text.push_str(&format!("({left_out} tasks more)\n"));
    }
    Ok(text)
}
