//! The package gevent of the site: whether it is there and new enough, and its monkey patch.

use crate::py::traceback;
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::PyModule;
use uswgi_proto::settings::{LaneKind, WorkerSettings};

/// The oldest release that is known to work here, with the oldest Python too.
const OLDEST: (u32, u32) = (21, 12);

/// Before the application is imported: see that gevent is there, and patch early. An error is a text for people.
pub(crate) fn prepare(py: Python<'_>, settings: &WorkerSettings) -> Result<(), String> {
    if settings.lanes.kind != LaneKind::Greenlets {
        return Ok(());
    }
    let version = match version(py) {
        Ok(version) => version,
        Err(e) if e.is_instance_of::<PyImportError>(py) => {
            return Err(format!("gevent = {} cannot run: {}\n{}", settings.threads, e.value(py), advice(py)));
        }
        Err(e) => return Err(format!("gevent cannot be imported\n{}", traceback(py, &e).trim_end())),
    };
    if version < OLDEST {
        return Err(format!(
            "gevent = {} cannot run: gevent {}.{} is too old\n{}",
            settings.threads,
            version.0,
            version.1,
            advice(py)
        ));
    }
    if settings.lanes.patch_early {
        patch(py).map_err(|e| format!("gevent's monkey patch failed\n{}", traceback(py, &e).trim_end()))?;
    }
    Ok(())
}

/// In a worker that was forked from a process in which the application may have made a hub.
pub(crate) fn after_fork(py: Python<'_>, settings: &WorkerSettings) {
    if settings.lanes.kind == LaneKind::Greenlets
        && let Err(e) = PyModule::import(py, "gevent").and_then(|gevent| gevent.call_method0("reinit"))
    {
        crate::py::print_exception(py, &e);
    }
}

/// Make the standard library cooperate.
pub(super) fn patch(py: Python<'_>) -> PyResult<()> {
    PyModule::import(py, "gevent.monkey")?.call_method0("patch_all").map(drop)
}

fn version(py: Python<'_>) -> PyResult<(u32, u32)> {
    // Not version_info: it is (20, 0, 0) in releases of 2026 too.
    let text: String = PyModule::import(py, "gevent")?.getattr("__version__")?.extract()?;
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    Ok((parts.next().unwrap_or(0), parts.next().unwrap_or(0)))
}

/// How to get it, into the environment of the application.
fn advice(py: Python<'_>) -> String {
    let python = PyModule::import(py, "sys").and_then(|sys| sys.getattr("executable")?.extract::<String>());
    let python = python.unwrap_or_else(|_| "python".into());
    format!("run: {python} -m pip install 'gevent>={}.{}'", OLDEST.0, OLDEST.1)
}
