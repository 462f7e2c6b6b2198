//! The lanes of a worker as greenlets: which are free, what the hub does when something is ready, and the greenlet of a
//! request. Everything here runs in the main thread; no lock is held while a greenlet may be switched.

use crate::api::{current, signals};
use crate::app::Apps;
use crate::frames;
use crate::gateway::wsgi::WsgiLane;
use crate::gateway::{cooperate, shown_first, websocket};
use crate::interpreter;
use crate::py as python;
use crate::pybytes::HeldBytes;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyModule;
use std::sync::{Arc, Mutex, OnceLock};
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_serve::connection::Conn;
use uswgi_serve::engine::Engine;
use uswgi_serve::gateway::{Polled, SharedLane};
use uswgi_serve::outbox::Outbox;
use uswgi_serve::sync::lock;
use uswgi_serve::sys;

/// A lane, wherever it is.
struct GreenletLane {
    shared: SharedLane<HeldBytes>,
    wsgi: WsgiLane,
    /// The request that its greenlet is about to run.
    conn: Option<Conn>,
}

/// Where a lane is when nobody has it in hand.
#[derive(Default)]
struct GreenletPlace {
    /// None before it is needed first, and while it is in hand.
    lane: Option<Box<GreenletLane>>,
    /// What its greenlets run.
    task: Option<Py<GreenletBody>>,
    /// The one that runs now.
    greenlet: Option<Py<PyAny>>,
}

struct GreenletPlaces {
    all: Vec<GreenletPlace>,
    /// The one that was freed last is at the end, and is next.
    free: Vec<usize>,
    /// Something was ready and no lane free: nothing is watched until one is.
    starved: bool,
}

/// Every lane of the worker.
pub(super) struct GreenletPool {
    engine: Arc<Engine>,
    outbox: Arc<Outbox<HeldBytes>>,
    apps: Arc<Apps>,
    ident: u64,
    /// `gevent.Greenlet`, as on uWSGI.
    kind: Py<PyAny>,
    run_callback: Py<PyAny>,
    /// Watches the ready epoll.
    watched: Py<PyAny>,
    /// An event of gevent: the worker leaves.
    done: Py<PyAny>,
    places: Mutex<GreenletPlaces>,
    turns: OnceLock<(Py<HubTurn>, Py<HubTurn>)>,
}

impl GreenletPool {
    /// For the hub of this thread. `watched` is its watcher of the ready epoll, `done` is set when the worker leaves.
    pub(super) fn new(
        py: Python<'_>,
        outbox: &Arc<Outbox<HeldBytes>>,
        apps: &Arc<Apps>,
        hub: &Bound<'_, PyAny>,
        watched: &Bound<'_, PyAny>,
        done: &Bound<'_, PyAny>,
    ) -> PyResult<GreenletPool> {
        let engine = &outbox.engine;
        let count = engine.lanes.len();
        frames::adopt(py);
        Ok(GreenletPool {
            engine: engine.clone(),
            outbox: outbox.clone(),
            apps: apps.clone(),
            ident: sys::this_thread().number(),
            kind: PyModule::import(py, "gevent")?.getattr("Greenlet")?.unbind(),
            run_callback: hub.getattr("loop")?.getattr("run_callback")?.unbind(),
            watched: watched.clone().unbind(),
            done: done.clone().unbind(),
            places: Mutex::new(GreenletPlaces {
                all: (0..count).map(|_| GreenletPlace::default()).collect(),
                free: (0..count).collect(),
                starved: false,
            }),
            turns: OnceLock::new(),
        })
    }

    /// What the hub calls for it: when something is ready, and when a lane is free for what was fetched before.
    pub(super) fn adopt(self: &Arc<GreenletPool>, _: Python<'_>, ready: Py<HubTurn>, again: Py<HubTurn>) {
        let _ = self.turns.set((ready, again));
        let _ = POOL.set(self.clone());
        crate::stacks::show_too(stacks);
    }

    /// The lane that is next; None: none is free, and nothing is watched until one is.
    fn take(self: &Arc<GreenletPool>, py: Python<'_>) -> PyResult<Option<Box<GreenletLane>>> {
        let (number, there) = {
            let mut places = lock(&self.places);
            let Some(number) = places.free.pop() else {
                places.starved = true;
                drop(places);
                self.watched.call_method0(py, intern!(py, "stop"))?;
                return Ok(None);
            };
            (number, places.all[number].lane.take())
        };
        match there {
            Some(lane) => Ok(Some(lane)),
            None => self.make(py, number).map(Some),
        }
    }

    fn make(self: &Arc<GreenletPool>, py: Python<'_>, number: usize) -> PyResult<Box<GreenletLane>> {
        let made = || -> PyResult<Box<GreenletLane>> {
            let wsgi = WsgiLane::new(py, &self.engine, &self.apps, number)?;
            wsgi.adopt_thread();
            let shared = SharedLane::new(&self.outbox, number, self.ident);
            let task = Py::new(py, GreenletBody { pool: self.clone(), number })?;
            lock(&self.places).all[number].task = Some(task);
            Ok(Box::new(GreenletLane { shared, wsgi, conn: None }))
        };
        let lane = made();
        if lane.is_err() {
            lock(&self.places).free.push(number);
        }
        lane
    }

    fn give_back(&self, lane: Box<GreenletLane>) {
        let mut places = lock(&self.places);
        let number = lane.shared.number();
        places.all[number].lane = Some(lane);
        places.free.push(number);
    }

    /// Start a request for whatever is ready. With `look` the ready epoll is asked, once.
    fn turn(self: &Arc<GreenletPool>, py: Python<'_>, look: bool) -> PyResult<()> {
        let mut look = look;
        while let Some(mut lane) = self.take(py)? {
            match lane.shared.poll(std::mem::take(&mut look)) {
                Polled::Run(conn) => {
                    lane.conn = Some(conn);
                    self.begin(py, lane)?;
                }
                Polled::AppSignal(number) => {
                    self.give_back(lane);
                    signals::run_in_greenlet(py, number, self.kind.bind(py));
                }
                Polled::Nothing => {
                    self.give_back(lane);
                    return Ok(());
                }
                Polled::Leave => {
                    self.give_back(lane);
                    self.watched.call_method0(py, intern!(py, "stop"))?;
                    return self.done.call_method0(py, intern!(py, "set")).map(drop);
                }
            }
        }
        Ok(())
    }

    /// Run a lane's request in a new greenlet, until it is done or waits for the first time.
    fn begin(&self, py: Python<'_>, lane: Box<GreenletLane>) -> PyResult<()> {
        let number = lane.shared.number();
        let task = {
            let mut places = lock(&self.places);
            let place = &mut places.all[number];
            place.lane = Some(lane);
            place.task.as_ref().map(|task| task.clone_ref(py))
        };
        let greenlet = match self.kind.call1(py, (task,)) {
            Ok(greenlet) => greenlet,
            Err(e) => {
                // No memory: the connection ends, the lane goes on.
                let taken = lock(&self.places).all[number].lane.take();
                if let Some(mut lane) = taken {
                    drop(lane.conn.take());
                    lane.shared.give_up();
                    self.give_back(lane);
                }
                return Err(e);
            }
        };
        lock(&self.places).all[number].greenlet = Some(greenlet.clone_ref(py));
        current::runs_in(number, greenlet.as_ptr() as usize);
        greenlet.call_method0(py, intern!(py, "switch")).map(drop)
    }

    /// The body of the greenlet of a request.
    fn run(&self, py: Python<'_>, number: usize) -> PyResult<()> {
        let taken = lock(&self.places).all[number].lane.take();
        let Some(mut lane) = taken else { return Ok(()) };
        if let Some(conn) = lane.conn.take() {
            let GreenletLane { shared, wsgi, .. } = &mut *lane;
            shared.run(conn, |exchange, response| wsgi.run(py, exchange, response));
        }
        current::runs_in(number, 0);
        let (greenlet, starved) = {
            let mut places = lock(&self.places);
            places.all[number].lane = Some(lane);
            places.free.push(number);
            (places.all[number].greenlet.take(), std::mem::take(&mut places.starved))
        };
        drop(greenlet);
        if starved && let Some((ready, again)) = self.turns.get() {
            self.watched.call_method1(py, intern!(py, "start"), (ready.clone_ref(py),))?;
            self.run_callback.call1(py, (again.clone_ref(py),))?;
        }
        Ok(())
    }

    /// The hub was wanted: it turns, and breaks those out of their waits whose deadline has passed.
    fn obey(&self, py: Python<'_>) -> PyResult<()> {
        let Some(event_loop) = &self.engine.event_loop else { return Ok(()) };
        self.engine.loop_turned(monotonic_us());
        if self.engine.closes_sockets() {
            websocket::wake_waiters(py)?;
        }
        if !event_loop.take_interrupt() {
            return Ok(());
        }
        for (number, lane) in self.engine.lanes.iter().enumerate() {
            if lane.in_flight() && lane.take_interruption() {
                let greenlet = lock(&self.places).all[number].greenlet.as_ref().map(|g| g.clone_ref(py));
                if let Some(greenlet) = greenlet {
                    cooperate::throw(py, greenlet.bind(py), interpreter::timeout())?;
                }
            }
        }
        Ok(())
    }
}

/// The pool of this process, once it serves.
static POOL: OnceLock<Arc<GreenletPool>> = OnceLock::new();

/// Where the greenlets stand that have a request and wait, those beyond their deadline first. Who runs now is in the
/// thread's own stack.
fn stacks(py: Python<'_>) -> PyResult<String> {
    let Some(pool) = POOL.get() else { return Ok(String::new()) };
    let (all, left_out) = {
        let places = lock(&pool.places);
        let running = places.all.iter().enumerate();
        shown_first(
            &pool.engine,
            running.filter_map(|(n, place)| Some((n, place.greenlet.as_ref()?.clone_ref(py)))),
        )
    };
    let format = PyModule::import(py, "traceback")?.getattr("format_stack")?;
    let mut text = String::new();
    for (number, greenlet) in all {
        let frame = greenlet.getattr(py, "gr_frame")?;
        if frame.is_none(py) {
            continue;
        }
        text.push_str(&format!("Greenlet of lane {number}:\n"));
        for line in format.call1((frame,))?.try_iter()? {
            text.push_str(&line?.extract::<String>()?);
        }
    }
    if left_out > 0 {
        text.push_str(&format!("({left_out} greenlets more)\n"));
    }
    Ok(text)
}

/// Called by the hub when something is ready.
#[pyclass(module = "uswgi_worker", frozen)]
pub(super) struct HubTurn {
    pool: Arc<GreenletPool>,
    look: bool,
}

impl HubTurn {
    /// With `look` the ready epoll is asked, else only what was fetched of it before.
    pub(super) fn new(pool: &Arc<GreenletPool>, look: bool) -> HubTurn {
        HubTurn { pool: pool.clone(), look }
    }
}

#[pymethods]
impl HubTurn {
    fn __call__(&self, py: Python<'_>) {
        if let Err(e) = self.pool.turn(py, self.look) {
            python::print_exception(py, &e);
        }
    }
}

/// Called by the hub when it is wanted.
#[pyclass(module = "uswgi_worker", frozen)]
pub(super) struct HubOrders(Arc<GreenletPool>);

impl HubOrders {
    pub(super) fn new(pool: &Arc<GreenletPool>) -> HubOrders {
        HubOrders(pool.clone())
    }
}

#[pymethods]
impl HubOrders {
    fn __call__(&self, py: Python<'_>) {
        if let Err(e) = self.0.obey(py) {
            python::print_exception(py, &e);
        }
    }
}

/// What the greenlets of a lane run.
#[pyclass(module = "uswgi_worker", frozen)]
struct GreenletBody {
    pool: Arc<GreenletPool>,
    number: usize,
}

#[pymethods]
impl GreenletBody {
    fn __call__(&self, py: Python<'_>) {
        if let Err(e) = self.pool.run(py, self.number) {
            python::print_exception(py, &e);
        }
    }
}
