//! The module `uwsgi` that applications and their libraries import, with types as uWSGI 2.0.31 gives them on Python 3.
//!
//! * `facts`: what does not change: options, version, numbers. * `process`: this instance and its workers.
//! * `state`: what the functions need. * `spool`, `mule`, `signals`: work beside requests; `waiting`: for messages and signals.
//! * `current`: the request in hand. * `request`: functions about it. * `cache`, `lock`: what workers share.
//! * `queue`, `sharedarea`, `metric`: what they share beside that. `alarm`: what is told. * `rpc`: functions for others.
//! * `websocket`: for WebSockets, not there where the application is ASGI, which has its own. * `fast`: cheap calls. * `packet`: parsefile. * `hooks`: what the module lets an application hang in, and `uwsgidecorators`.
//!
//! It must never define a name that does not work: libraries decide by `hasattr`. Functions that belong to a
//! request do nothing outside of one, as on uWSGI.

mod alarm;
mod cache;
pub(crate) mod current;
mod facts;
mod fast;
pub(crate) mod hooks;
mod lock;
mod metric;
mod mule;
mod packet;
mod process;
mod queue;
mod request;
pub(crate) mod rpc;
mod sharedarea;
pub(crate) mod signals;
pub(crate) mod spool;
pub(crate) mod state;
mod switching;
pub(crate) mod waiting;
mod websocket;

use pyo3::prelude::*;
use pyo3::types::PyModule;

use state::{ModuleState, STATE};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};
use uswgi_proto::scoreboard::Scoreboard;
use uswgi_proto::settings::{LaneKind, WorkerSettings};
use uswgi_serve::messages::Queues;
use uswgi_shared::{Shared, SharedSpec};

/// Put the module where `import uwsgi` finds it. Before anything of the application is imported.
pub(crate) fn install(
    py: Python<'_>,
    settings: &WorkerSettings,
    shared: Option<Arc<Shared>>,
    board: Option<Arc<Scoreboard>>,
    queues: Queues,
) -> PyResult<()> {
    let shared = match shared {
        Some(shared) => shared,
        // Alone or to be checked: one process, which has what it needs to itself.
        None => {
            let made = Shared::create(&SharedSpec::default());
            Arc::new(made.map_err(|e| pyo3::exceptions::PyOSError::new_err(e.to_string()))?.0)
        }
    };
    let state = STATE.get_or_init(|| ModuleState {
        settings: settings.clone(),
        shared,
        board,
        worker_id: AtomicU32::new(settings.worker_id),
        slot: AtomicU32::new(settings.slot),
        engine: OnceLock::new(),
        aide: OnceLock::new(),
        queues,
        early: Default::default(),
    });
    let module = PyModule::new(py, "uwsgi")?;
    facts::add(&module, state)?;
    process::add(&module)?;
    request::add(&module)?;
    cache::add(&module)?;
    lock::add(&module)?;
    packet::add(&module)?;
    spool::add(&module, state)?;
    mule::add(&module)?;
    queue::add(&module, state)?;
    sharedarea::add(&module, state)?;
    metric::add(&module)?;
    alarm::add(&module)?;
    rpc::add(&module)?;
    switching::add(&module)?;
    signals::add(&module)?;
    if settings.lanes.kind != LaneKind::Tasks {
        websocket::add(&module)?;
    }
    let spec =
        PyModule::import(py, "importlib.machinery")?.getattr("ModuleSpec")?.call1(("uwsgi", py.None()))?;
    module.setattr("__spec__", spec)?;
    PyModule::import(py, "sys")?.getattr("modules")?.set_item("uwsgi", &module)?;
    hooks::offer_decorators(py)
}
