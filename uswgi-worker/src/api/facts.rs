//! What stays as it is while the process lives.

use super::state::ModuleState;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyModule};
use std::sync::atomic::Ordering;
use uswgi_proto::settings::LaneKind;

/// At or above this of uWSGI: what libraries ask for.
const VERSION_INFO: (u32, u32, u32, u32) = (2, 0, 31, 0);

/// What is always so here. Libraries look for it before they start threads or rely on hooks.
const ALWAYS: [&str; 4] = ["master", "enable-threads", "py-call-uwsgi-fork-hooks", "py-call-osafterfork"];

pub(super) fn add(module: &Bound<'_, PyModule>, state: &ModuleState) -> PyResult<()> {
    let py = module.py();
    let settings = &state.settings;
    let bytes = |text: &str| PyBytes::new(py, text.as_bytes());
    let (major, minor, revision, base) = VERSION_INFO;
    module.add("version", bytes(concat!("2.0.31+uswgi-", env!("CARGO_PKG_VERSION"))))?;
    module.add(
        "version_info",
        (major, minor, revision, base, bytes(concat!("uswgi-", env!("CARGO_PKG_VERSION")))),
    )?;
    let host = nix::unistd::gethostname().map(|h| h.into_encoded_bytes()).unwrap_or_default();
    module.add("hostname", PyBytes::new(py, &host))?;
    module.add("numproc", settings.workers)?;
    module.add("cores", settings.threads)?;
    module.add("has_threads", 1)?;
    module.add("buffer_size", settings.limits.buffer_size)?;
    match settings.lanes.kind {
        LaneKind::Threads => module.add("loop", py.None())?,
        LaneKind::Greenlets => module.add("loop", bytes("gevent"))?,
        LaneKind::Tasks => module.add("loop", bytes("asyncio"))?,
    }
    module.add("applications", py.None())?;
    let started = state.board.as_ref().map(|b| b.header().started_at.load(Ordering::Relaxed));
    module.add("started_on", started.unwrap_or_else(uswgi_serve::dates::coarse_seconds))?;
    if let Some((_, Some(mode))) = settings.options.iter().rfind(|(name, _)| name == "mode") {
        module.add("mode", bytes(mode))?;
    }
    let opt = PyDict::new(py);
    for (name, value) in &settings.options {
        match value {
            Some(value) => opt.set_item(name, bytes(value))?,
            None => opt.set_item(name, true)?,
        }
    }
    for name in ALWAYS {
        if !opt.contains(name)? {
            opt.set_item(name, true)?;
        }
    }
    module.add("opt", opt)
}
