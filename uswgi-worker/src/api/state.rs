//! What the functions of the module need, for the life of the process, and what they have in common.

use super::fast;
use super::signals::EarlyControl;
use crate::gateway::wsgi::capi::utf8_of;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyModule, PyString};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use uswgi_proto::scoreboard::Scoreboard;
use uswgi_proto::settings::WorkerSettings;
use uswgi_serve::aide::Link;
use uswgi_serve::control::Control;
use uswgi_serve::engine::Engine;
use uswgi_serve::messages::Queues;
use uswgi_serve::say;
use uswgi_shared::Shared;

/// How long a thread waits for a lock before it looks whether it is wanted otherwise (harakiri, signals).
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// What the functions need, for the life of the process.
pub(crate) struct ModuleState {
    pub(super) settings: WorkerSettings,
    pub(super) shared: Arc<Shared>,
    pub(super) board: Option<Arc<Scoreboard>>,
    pub(super) worker_id: AtomicU32,
    /// Its slot in the scoreboard, where it is a worker.
    pub(super) slot: AtomicU32,
    pub(super) engine: OnceLock<Arc<Engine>>,
    pub(super) aide: OnceLock<Arc<Link>>,
    pub(super) queues: Queues,
    /// The way to the master before this process serves.
    pub(super) early: EarlyControl,
}

impl ModuleState {
    /// The aide that this process is; None: it is none.
    pub(crate) fn aide(&self) -> Option<&Arc<Link>> {
        self.aide.get()
    }
}

pub(crate) static STATE: OnceLock<ModuleState> = OnceLock::new();

pub(crate) fn state() -> PyResult<&'static ModuleState> {
    STATE.get().ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("the module uwsgi is not set up"))
}

/// This process has become a worker.
pub(crate) fn become_worker(worker_id: u32, slot: u32) {
    if let Some(state) = STATE.get() {
        state.worker_id.store(worker_id, Ordering::Relaxed);
        state.slot.store(slot, Ordering::Relaxed);
    }
}

/// Until this process serves, the master is spoken to over a copy of this socket. After a fork the earlier copy has to go.
pub(crate) fn speak_over(control: Option<&Control>) {
    let copy = control.and_then(|c| c.as_fd().try_clone_to_owned().ok());
    if let Some(state) = STATE.get() {
        state.early.set(copy.map(Control::new));
    }
}

/// This process has become an aide.
pub(crate) fn become_aide(link: &Arc<Link>) {
    if let Some(state) = STATE.get() {
        let _ = state.aide.set(link.clone());
        state.early.set(None);
    }
}

/// Messages for mules.
pub(crate) fn queues() -> PyResult<&'static Queues> {
    Ok(&state()?.queues)
}

/// This worker serves.
pub(crate) fn serve(engine: &Arc<Engine>) {
    if let Some(state) = STATE.get() {
        let _ = state.engine.set(engine.clone());
        state.early.set(None);
    }
}

/// An integer argument, or what it is when it was not given.
pub(super) fn integer(arguments: fast::Arguments<'_, '_>, index: usize, otherwise: i64) -> PyResult<i64> {
    arguments.get(index).map_or(Ok(otherwise), |a| a.extract())
}

/// The bytes of a str or bytes argument.
pub(crate) fn bytes<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<&'a [u8]> {
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
pub(crate) const TRIES: u32 = 60;

/// Try for about a microsecond.
pub(crate) fn shortly<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..TRIES {
        if let Some(done) = attempt() {
            return Some(done);
        }
        std::hint::spin_loop();
    }
    None
}

/// Bytes or a str, as uWSGI takes them for something that is passed on.
pub(super) fn payload<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<&'a [u8]> {
    bytes(value).map_err(|_| {
        let kind = value.get_type().name().map(|n| n.to_string()).unwrap_or_default();
        PyTypeError::new_err(format!("a bytes-like object is required, not '{kind}'"))
    })
}

/// Do what needs a mutex of the shared memory: `attempt` waits for it so long at most, and gives None when that was not
/// enough. The GIL is kept while it is free at once, and released for a wait.
pub(super) fn with_lock<T: Send>(
    py: Python<'_>,
    mut attempt: impl FnMut(Duration) -> Option<T> + Send,
) -> PyResult<T> {
    if let Some(done) = shortly(|| attempt(Duration::ZERO)) {
        return Ok(done);
    }
    loop {
        if let Some(done) = py.detach(|| attempt(SLICE)) {
            return Ok(done);
        }
        breathe(py)?;
    }
}

/// The module `uwsgi` of this process.
pub(crate) fn module(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    MODULE.get_or_try_init(py, || PyModule::import(py, "uwsgi").map(Bound::unbind)).map(|m| m.bind(py))
}

/// Let Python do what waits to be done in this thread: signal handlers, and exceptions that other threads sent it.
pub(crate) fn breathe(py: Python<'_>) -> PyResult<()> {
    static NOTHING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    py.check_signals()?;
    // Exceptions of other threads arrive only while bytecode runs.
    NOTHING
        .get_or_try_init(py, || py.eval(c"lambda: None", None, None).map(Bound::unbind))?
        .call0(py)
        .map(drop)
}

/// Ask the master for something; false: there is none, or it is out of reach.
pub(crate) fn tell_master(message: &uswgi_proto::control::ToMaster) -> PyResult<bool> {
    let state = state()?;
    let worker = || state.engine.get().and_then(|e| e.control.as_ref());
    match state.aide().map(|link| link.control()).or_else(worker) {
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
