//! The module `uwsgi` that applications and their libraries import, with types as uWSGI 2.0.31 gives them on Python 3.
//!
//! * `facts`: what does not change: options, version, numbers. * `process`: this instance and its workers.
//! * `current`: the request in hand. * `request`: functions about it. * `cache`, `lock`: what workers share.
//! * `fast`: cheap calls. * `packet`: parsefile. * `hooks`: what the module lets an application hang in, and `uwsgidecorators`.
//!
//! It must never define a name that does not work: libraries decide by `hasattr`. Functions that belong to a
//! request do nothing outside of one, as on uWSGI.

mod cache;
pub(crate) mod current;
mod facts;
mod fast;
pub(crate) mod hooks;
mod lock;
mod packet;
mod process;
mod request;

use crate::gateway::wsgi::capi::utf8_of;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyModule, PyString};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use uswgi_proto::scoreboard::Scoreboard;
use uswgi_proto::settings::WorkerSettings;
use uswgi_serve::engine::Engine;
use uswgi_serve::say;
use uswgi_shared::{Shared, SharedSpec};

/// How long a thread waits for a lock before it looks whether it is wanted otherwise (harakiri, signals).
const SLICE: Duration = Duration::from_millis(100);

/// What the functions need, for the life of the process.
struct ModuleState {
    settings: WorkerSettings,
    shared: Shared,
    board: Option<Arc<Scoreboard>>,
    worker_id: AtomicU32,
    engine: OnceLock<Arc<Engine>>,
}

static STATE: OnceLock<ModuleState> = OnceLock::new();

fn state() -> PyResult<&'static ModuleState> {
    STATE.get().ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("the module uwsgi is not set up"))
}

/// Put the module where `import uwsgi` finds it. Before anything of the application is imported.
pub(crate) fn install(
    py: Python<'_>,
    settings: &WorkerSettings,
    shared: Option<Shared>,
    board: Option<Arc<Scoreboard>>,
) -> PyResult<()> {
    let shared = match shared {
        Some(shared) => shared,
        // Alone or to be checked: one process, which has what it needs to itself.
        None => {
            Shared::create(&SharedSpec::default())
                .map_err(|e| pyo3::exceptions::PyOSError::new_err(e.to_string()))?
                .0
        }
    };
    let state = STATE.get_or_init(|| ModuleState {
        settings: settings.clone(),
        shared,
        board,
        worker_id: AtomicU32::new(settings.worker_id),
        engine: OnceLock::new(),
    });
    let module = PyModule::new(py, "uwsgi")?;
    facts::add(&module, state)?;
    process::add(&module)?;
    request::add(&module)?;
    cache::add(&module)?;
    lock::add(&module)?;
    packet::add(&module)?;
    let spec =
        PyModule::import(py, "importlib.machinery")?.getattr("ModuleSpec")?.call1(("uwsgi", py.None()))?;
    module.setattr("__spec__", spec)?;
    PyModule::import(py, "sys")?.getattr("modules")?.set_item("uwsgi", &module)?;
    hooks::offer_decorators(py)
}

/// This process has become a worker.
pub(crate) fn become_worker(worker_id: u32) {
    if let Some(state) = STATE.get() {
        state.worker_id.store(worker_id, Ordering::Relaxed);
    }
}

/// This worker serves.
pub(crate) fn serve(engine: &Arc<Engine>) {
    if let Some(state) = STATE.get() {
        let _ = state.engine.set(engine.clone());
    }
}

/// An integer argument, or what it is when it was not given.
fn integer(arguments: fast::Arguments<'_, '_>, index: usize, otherwise: i64) -> PyResult<i64> {
    arguments.get(index).map_or(Ok(otherwise), |a| a.extract())
}

/// The bytes of a str or bytes argument.
fn bytes<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<&'a [u8]> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.as_bytes());
    }
    if let Ok(text) = value.cast::<PyString>() {
        return utf8_of(text);
    }
    let kind = value.get_type().name().map(|n| n.to_string()).unwrap_or_default();
    Err(PyTypeError::new_err(format!("str or bytes is needed, not {kind}")))
}

/// How often somebody who wants a mutex tries again before he sleeps: it is held for less than a microsecond as a rule.
const TRIES: u32 = 60;

/// Try for about a microsecond.
fn shortly<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..TRIES {
        if let Some(done) = attempt() {
            return Some(done);
        }
        std::hint::spin_loop();
    }
    None
}

/// Let Python do what waits to be done in this thread: signal handlers, and exceptions that other threads sent it.
fn breathe(py: Python<'_>) -> PyResult<()> {
    static NOTHING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    py.check_signals()?;
    // Exceptions of other threads arrive only while bytecode runs.
    NOTHING
        .get_or_try_init(py, || py.eval(c"lambda: None", None, None).map(Bound::unbind))?
        .call0(py)
        .map(drop)
}

/// Ask the master for something; false: there is none, or it is out of reach.
fn tell_master(message: &uswgi_proto::control::ToMaster) -> PyResult<bool> {
    match state()?.engine.get().and_then(|e| e.control.as_ref()) {
        Some(control) => {
            control.send(message);
            Ok(true)
        }
        None => {
            say!("uwsgi: there is no master to ask for that");
            Ok(false)
        }
    }
}
