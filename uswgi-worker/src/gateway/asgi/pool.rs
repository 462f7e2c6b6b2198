//! The lanes of a worker as tasks: which are free, what the loop does when something is ready, and the life of a request
//! around its task. Everything here runs in the main thread; no lock is held while the application is called.

use super::hooks::{Done, LoopTurn};
use super::http::Http;
use super::scope;
use super::talk::Talk;
use super::websocket::{Asked, Socket};
use crate::api::{current, signals};
use crate::app::Apps;
use crate::frames;
use crate::gateway::plain::{handshake_error, plain_error};
use crate::gateway::shown_first;
use crate::gateway::wsgi::input::state_for;
use crate::gateway::wsgi::start_response::AnswerCell;
use crate::py as python;
use crate::pybytes::{HeldBytes, drop_buried};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use std::sync::{Arc, Mutex, OnceLock};
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_serve::connection::Conn;
use uswgi_serve::engine::Engine;
use uswgi_serve::gateway::{Polled, SharedLane};
use uswgi_serve::log::{Fault, shown};
use uswgi_serve::outbox::Outbox;
use uswgi_serve::request::Body;
use uswgi_serve::sync::lock;
use uswgi_serve::{limited_say, sys};

/// A request in a lane.
struct Running {
    conn: Conn,
    talk: Talk,
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
    pub(super) engine: Arc<Engine>,
    outbox: Arc<Outbox<HeldBytes>>,
    apps: Arc<Apps>,
    ident: u64,
    pub(super) event_loop: Py<PyAny>,
    /// A future: the worker leaves.
    done: Py<PyAny>,
    /// What the lifespan has put into its state.
    state: Py<PyDict>,
    places: Mutex<TaskPlaces>,
    turns: OnceLock<(Py<LoopTurn>, Py<LoopTurn>)>,
}

/// The pool of this process, once it serves.
pub(super) static POOL: OnceLock<Arc<TaskPool>> = OnceLock::new();

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
                free: (0..count).rev().collect(),
                starved: false,
            }),
            turns: OnceLock::new(),
        })
    }

    /// What the loop calls for it: when something is ready, and when a lane is free for what was fetched before.
    pub(super) fn adopt(self: &Arc<TaskPool>, ready: Py<LoopTurn>, again: Py<LoopTurn>) {
        let _ = self.turns.set((ready, again));
        let _ = POOL.set(self.clone());
        crate::stacks::show_too(super::stacks::of_tasks);
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

    pub(super) fn give_back(&self, py: Python<'_>, lane: Box<SharedLane<HeldBytes>>) -> PyResult<()> {
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
                Polled::AppSignal(number) => {
                    self.give_back(py, lane)?;
                    signals::run_in_loop(py, number, self.event_loop.bind(py));
                }
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
        let number = lane.number();
        let (mut exchange, mut response) = lane.begin(&mut conn);
        let Some(chosen) = self.apps.choose(&exchange) else {
            let uri = shown(exchange.uri(), 256);
            limited_say!(Fault::Client, self.engine, "{uri}: no application is loaded for this path");
            plain_error(py, &mut response, 500);
            return self.end(py, lane, conn, response, None, true, Default::default());
        };
        let answer: AnswerCell = Arc::default();
        let (fd, timeout_ms) = (response.fd, response.timeout_ms);
        let (scope, talk) = if exchange.asks_websocket() {
            let accept = match exchange.websocket_key() {
                Ok(accept) => accept,
                Err(e) => {
                    let uri = shown(exchange.uri(), 256);
                    limited_say!(Fault::Client, self.engine, "{uri}: refused with {}: {e}", e.status());
                    handshake_error(py, &mut response, e);
                    return self.end(py, lane, conn, response, Some(chosen.app), true, Default::default());
                }
            };
            let scope = scope::of_websocket(py, &exchange, chosen.mounted, self.state.bind(py));
            let uri = shown(exchange.uri(), 256);
            let (engine, behind) = (self.engine.clone(), exchange.take_behind());
            let asked =
                Asked { engine, lane: number, answer: answer.clone(), accept, uri, behind, fd, timeout_ms };
            (scope, Ok(Talk::Socket(Socket::new(self.event_loop.clone_ref(py), asked))))
        } else {
            let trailers = scope::takes_trailers(&exchange);
            let scope = scope::of(py, &exchange, chosen.mounted, self.state.bind(py), trailers);
            response.trailers_taken = Some(trailers);
            let body = exchange.request.body.unwrap_or(Body::None);
            let input = state_for(exchange.conn, exchange.request.head_length, body, timeout_ms);
            let talk = input.map(|input| {
                response.unread = input.as_ref().and_then(|state| state.unread.clone());
                Talk::Http(Http::new(self.event_loop.clone_ref(py), answer.clone(), input, fd, timeout_ms))
            });
            (scope, talk)
        };
        let (scope, talk) = match (scope, talk) {
            (Ok(scope), Ok(talk)) => (scope, talk),
            (scope, _) => {
                if let Err(e) = scope {
                    python::print_exception(py, &e);
                }
                plain_error(py, &mut response, 500);
                return self.end(py, lane, conn, response, Some(chosen.app), false, Default::default());
            }
        };
        *lock(&answer) = Some(response);
        current::set(&self.engine, number, &answer);
        let made = || -> PyResult<Py<PyAny>> {
            let (receive, send) = talk.pair(py)?;
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
                places.all[number].running = Some(Running { conn, talk, answer, task, app: chosen.app });
                Ok(())
            }
            Err(e) => self.conclude(py, lane, conn, &talk, &answer, chosen.app, Some(e)),
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
        let Running { conn, talk, answer, task, app } = running;
        let error = if task.call_method0(py, intern!(py, "cancelled"))?.is_truthy(py)? {
            Some(PyErr::from_value(PyModule::import(py, "asyncio")?.getattr("CancelledError")?.call0()?))
        } else {
            let exception = task.call_method0(py, intern!(py, "exception"))?;
            (!exception.is_none(py)).then(|| PyErr::from_value(exception.into_bound(py)))
        };
        self.conclude(py, lane, conn, &talk, &answer, app, error)
    }

    /// The WebSockets in hand.
    pub(super) fn sockets(&self) -> Vec<Arc<Socket>> {
        let places = lock(&self.places);
        places.all.iter().filter_map(|place| place.running.as_ref()?.talk.socket().cloned()).collect()
    }

    /// The tasks in hand by the number of their lane, those beyond their deadline first, and how many are left out.
    pub(super) fn tasks(&self, py: Python<'_>) -> (Vec<(usize, Py<PyAny>)>, usize) {
        let places = lock(&self.places);
        let running = places.all.iter().enumerate();
        shown_first(
            &self.engine,
            running.filter_map(|(n, place)| Some((n, place.running.as_ref()?.task.clone_ref(py)))),
        )
    }

    /// The loop was wanted: it turns, and cancels the tasks whose deadline has passed.
    pub(super) fn obey(&self, py: Python<'_>) -> PyResult<()> {
        let Some(event_loop) = &self.engine.event_loop else { return Ok(()) };
        self.engine.loop_turned(monotonic_us());
        if self.engine.closes_sockets() {
            for socket in self.sockets() {
                socket.go_away(py)?;
            }
        }
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
