//! The part of an environ that is the same in every request of a listener and a lane.

use crate::gateway::wsgi::departure::Disconnected;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyModule};
use uswgi_proto::settings::{LaneKind, Protocol};
use uswgi_serve::engine::{Engine, ListenSocket};

/// Copied for each request. `lane` is the one in which the requests run, with its input of those without a body and its
/// object `uswgi.disconnected`.
pub(super) fn base(
    py: Python<'_>,
    engine: &Engine,
    lane: usize,
    listener: &ListenSocket,
    (no_body, disconnected): (&Bound<'_, PyAny>, &Bound<'_, Disconnected>),
) -> PyResult<Py<PyDict>> {
    let settings = &engine.settings;
    let dict = PyDict::new(py);
    let node = nix::unistd::gethostname().map(|h| h.to_string_lossy().into_owned()).unwrap_or_default();
    dict.set_item("wsgi.version", (1, 0))?;
    dict.set_item("wsgi.url_scheme", if listener.secure() { "https" } else { "http" })?;
    if listener.secure() {
        dict.set_item("HTTPS", "on")?;
    }
    dict.set_item("wsgi.errors", PyModule::import(py, "sys")?.getattr("stderr")?)?;
    // Greenlets are no threads: False, as observed on uWSGI 2.0.31.
    let threads = settings.lanes.kind == LaneKind::Threads;
    dict.set_item("wsgi.multithread", threads && settings.threads > 1)?;
    dict.set_item("wsgi.multiprocess", settings.workers != 1)?;
    dict.set_item("wsgi.run_once", false)?;
    dict.set_item("wsgi.input_terminated", true)?;
    dict.set_item("wsgi.file_wrapper", py.get_type::<crate::gateway::wsgi::file_wrapper::FileWrapper>())?;
    // Bytes, as observed on uWSGI 2.0.31.
    dict.set_item(
        "uwsgi.version",
        PyBytes::new(py, concat!("2.0.31+uswgi-", env!("CARGO_PKG_VERSION")).as_bytes()),
    )?;
    dict.set_item("uwsgi.node", PyBytes::new(py, node.as_bytes()))?;
    dict.set_item("SCRIPT_NAME", "")?;
    dict.set_item("wsgi.input", no_body)?;
    if listener.protocol == Protocol::Http {
        dict.set_item("SERVER_NAME", &listener.server.0)?;
        dict.set_item("SERVER_PORT", &listener.server.1)?;
        // What uWSGI says of a peer on a unix socket, too: applications take it for granted. Over TCP it is replaced.
        dict.set_item("REMOTE_ADDR", "0.0.0.0")?;
    }
    dict.set_item("uswgi.disconnected", disconnected)?;
    if settings.threads > 1 {
        // As uWSGI: only where there are several.
        dict.set_item("uwsgi.core", lane)?;
    }
    Ok(dict.unbind())
}
