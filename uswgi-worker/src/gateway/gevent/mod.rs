//! WSGI in greenlets of gevent: every lane of the worker in its main thread, each request in a greenlet of its own.
//!
//! gevent is the site's own, and stays as it is. Its hub watches the ready epoll; when something is there, the hub asks a
//! free lane what it is, and starts a greenlet for a request. The greenlet leaves to the hub whenever its application
//! waits, and so do our own waits (`cooperate`). A second descriptor wakes the hub for deadlines and to see that it turns.
//!
//! As uWSGI 2.0.31: the lane that was freed last is the next one, so the first request has the highest number; the
//! greenlets are `gevent.Greenlet`s. The hub is made in the worker, after the fork.

mod lanes;
mod package;
mod stack_pieces;

pub(crate) use package::{after_fork, prepare};

use crate::app::Apps;
use crate::gateway::cooperate;
use crate::py as python;
use crate::pybytes::HeldBytes;
use lanes::{GreenletPool, HubOrders, HubTurn};
use pyo3::prelude::*;
use pyo3::types::PyModule;
use std::sync::Arc;
use uswgi_serve::outbox::Outbox;

/// What gevent's loops call readable.
const READ: u32 = 1;

/// Serve until told to leave. Runs in the main thread; `ready` is called when requests are taken.
pub(crate) fn serve(
    py: Python<'_>,
    outbox: &Arc<Outbox<HeldBytes>>,
    apps: &Arc<Apps>,
    ready: impl FnOnce() -> PyResult<()>,
) -> PyResult<()> {
    let engine = &outbox.engine;
    if engine.settings.lanes.patch {
        package::patch(py)?;
    }
    let Some(event_loop) = &engine.event_loop else { return Ok(()) };
    cooperate::turn_on(py)?;
    stack_pieces::keep(py);
    let hub = PyModule::import(py, "gevent")?.call_method0("get_hub")?;
    let done = PyModule::import(py, "gevent.event")?.getattr("Event")?.call0()?;
    let watched = hub.getattr("loop")?.call_method1("io", (engine.ready_fd(), READ))?;
    let pool = Arc::new(GreenletPool::new(py, outbox, apps, &hub, &watched, &done)?);
    let turn = Py::new(py, HubTurn::new(&pool, true))?;
    pool.adopt(py, turn.clone_ref(py), Py::new(py, HubTurn::new(&pool, false))?);
    let orders = hub.getattr("loop")?.call_method1("io", (event_loop.raw(), READ))?;
    orders.call_method1("start", (Py::new(py, HubOrders::new(&pool))?,))?;
    watched.call_method1("start", (turn,))?;
    ready()?;
    // What another greenlet or a signal handler of the application raises for the main one ends nothing here.
    while let Err(e) = done.call_method0("wait") {
        python::print_exception(py, &e);
    }
    for watcher in [&watched, &orders] {
        watcher.call_method0("stop")?;
        watcher.call_method0("close")?;
    }
    if engine.settings.lanes.wait_for_hub {
        hub.call_method0("join")?;
    }
    Ok(())
}
