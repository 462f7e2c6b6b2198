//! The worker: one process that runs one Python application on inherited sockets.
//!
//! An abi3 extension module over `uswgi-serve`, which does everything that needs no Python. The launcher
//! (`src/bin/uswgi-worker`) execs the right interpreter, which loads this module and calls [`main`]. Rooms:
//!
//! * [`start`]: role, import of the app ([`app`], [`collector`]); [`template`] forks workers; [`lanes`]: the threads.
//! * [`gateway`]: how applications are called; WSGI is the first.
//! * [`interpreter`], [`stacks`]: what deadlines need of CPython; [`held`]: bytes objects that are sent later.
//! * [`autoreload`]: sources that changed; [`steps`]: `exec-*` and `hook-*`.
//! * [`api`]: the module `uwsgi` that applications import.
//! * Unsafe code stands in [`py`], [`held`], [`interpreter`] and the gateway's leaves.

use pyo3::prelude::*;

mod api;
mod app;
mod autoreload;
mod collector;
mod gateway;
mod held;
mod interpreter;
mod lanes;
mod py;
mod stacks;
mod start;
mod steps;
mod template;

/// Runs the process to its end; returns its exit status.
#[pyfunction]
fn main(py: Python<'_>) -> i32 {
    start::run(py)
}

/// The extension module.
#[pymodule]
fn uswgi_worker(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(main, m)?)?;
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
