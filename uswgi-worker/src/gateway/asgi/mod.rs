//! ASGI 3 in tasks of asyncio: every lane of the worker in its main thread, each request in a task of its own.
//!
//! The loop is asyncio's or uvloop's, made in the worker after the fork. It watches the ready epoll; when something is
//! there it asks a free lane what it is, and makes a task for a request. `receive` and `send` never wait: what has to be
//! waited for is a future of the loop. Scopes: http, websocket and lifespan.

mod answer;
mod conclude;
mod future;
mod head;
mod headers;
mod hooks;
mod http;
mod kind;
mod pings;
mod pool;
mod ready;
mod scope;
mod stacks;
mod talk;
mod warm;
mod websocket;

pub(crate) use kind::check;
pub(crate) use warm::WarmTasks;

use crate::app::Apps;
use crate::gateway::cooperate;
use crate::py::traceback;
use crate::pybytes::HeldBytes;
use hooks::{LoopOrders, LoopTurn};
use pool::TaskPool;
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use std::ffi::CStr;
use std::sync::Arc;
use uswgi_proto::settings::{AsyncioLoop, LaneKind, WorkerSettings};
use uswgi_serve::outbox::Outbox;
use uswgi_serve::say;

/// The lifespan protocol.
const LIFESPAN: &CStr = match CStr::from_bytes_with_nul(concat!(include_str!("lifespan.py"), "\0").as_bytes())
{
    Ok(text) => text,
    Err(_) => c"",
};

/// Before the application is imported: see that the loop is there. An error is a text for people.
pub(crate) fn prepare(py: Python<'_>, settings: &WorkerSettings) -> Result<(), String> {
    if settings.lanes.kind != LaneKind::Tasks || settings.lanes.asyncio_loop != AsyncioLoop::Uvloop {
        return Ok(());
    }
    match PyModule::import(py, "uvloop") {
        Ok(_) => Ok(()),
        Err(e) => {
            let python =
                PyModule::import(py, "sys").and_then(|sys| sys.getattr("executable")?.extract::<String>());
            let python = python.unwrap_or_else(|_| "python".into());
            Err(format!(
                "asyncio-loop = uvloop cannot run: {}\nrun: {python} -m pip install uvloop",
                e.value(py)
            ))
        }
    }
}

fn new_loop<'py>(py: Python<'py>, wanted: AsyncioLoop) -> PyResult<Bound<'py, PyAny>> {
    let uvloop = match wanted {
        AsyncioLoop::Asyncio => None,
        AsyncioLoop::Uvloop => Some(PyModule::import(py, "uvloop")?),
        AsyncioLoop::Auto => match PyModule::import(py, "uvloop") {
            Ok(module) => Some(module),
            Err(e) if e.is_instance_of::<PyImportError>(py) => None,
            Err(e) => return Err(e),
        },
    };
    match uvloop {
        Some(module) => module.call_method0("new_event_loop"),
        None => PyModule::import(py, "asyncio")?.call_method0("new_event_loop"),
    }
}

/// Serve until told to leave. Runs in the main thread; `warm_up` asks what is asked before anybody else does, `ready` is
/// called when requests are taken. An inner error is why the application does not begin.
pub(crate) fn serve(
    py: Python<'_>,
    outbox: &Arc<Outbox<HeldBytes>>,
    apps: &Arc<Apps>,
    warm_up: impl FnOnce(&mut WarmTasks<'_>),
    ready: impl FnOnce() -> PyResult<()>,
) -> PyResult<Result<(), String>> {
    let engine = &outbox.engine;
    let Some(watch) = &engine.event_loop else { return Ok(Ok(())) };
    cooperate::turn_on_tasks(py)?;
    let event_loop = new_loop(py, engine.settings.lanes.asyncio_loop)?;
    PyModule::import(py, "asyncio")?.call_method1("set_event_loop", (&event_loop,))?;
    let run = |coroutine: Bound<'_, PyAny>| -> PyResult<Py<PyAny>> {
        event_loop.call_method1("run_until_complete", (coroutine,)).map(Bound::unbind)
    };

    let lifespan = PyModule::from_code(py, LIFESPAN, c"lifespan.py", c"uswgi_lifespan")?;
    let state = PyDict::new(py);
    let all: Vec<_> = apps.callables.iter().map(|app| app.bind(py)).collect();
    let (lifespans, failure): (Bound<'_, PyAny>, Option<String>) =
        run(lifespan.call_method1("startup", (all, &state))?)?.into_bound(py).extract()?;
    if let Some(why) = failure {
        return Ok(Err(format!("the lifespan of the application does not start: {}", why.trim_end())));
    }
    warm_up(&mut WarmTasks {
        engine: engine.clone(),
        apps: apps.clone(),
        event_loop: event_loop.clone(),
        state: state.clone(),
    });
    let done = event_loop.call_method0("create_future")?;
    let pool = Arc::new(TaskPool::new(outbox, apps, &event_loop, &done, &state)?);
    pool.adopt(Py::new(py, LoopTurn::new(&pool, true))?, Py::new(py, LoopTurn::new(&pool, false))?);
    event_loop.call_method1("add_reader", (watch.raw(), Py::new(py, LoopOrders::new(&pool))?))?;
    pool.watch(py)?;
    ready()?;
    while !done.call_method0("done")?.is_truthy()? {
        // What a signal handler of the application raises ends nothing here.
        if let Err(e) = run(done.clone()) {
            crate::py::print_exception(py, &e);
        }
    }
    event_loop.call_method1("remove_reader", (watch.raw(),))?;
    let failure: Option<String> = run(lifespan.call_method1("shutdown", (lifespans,))?)?.extract(py)?;
    if let Some(why) = failure {
        say!("the lifespan of the application did not end well: {why}");
    }
    let ended =
        run(event_loop.call_method0("shutdown_asyncgens")?).and_then(|_| event_loop.call_method0("close"));
    if let Err(e) = ended {
        say!("the loop did not end well: {}", traceback(py, &e));
    }
    Ok(Ok(()))
}
