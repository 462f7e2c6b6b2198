//! The worker: one process that runs one WSGI application on inherited sockets.
//!
//! An abi3 extension module. The launcher (`src/bin/uswgi-worker`) execs the right interpreter, which loads this
//! module and calls [`main`]. Rooms, in the order of a request's way:
//!
//! * [`inherited`]: contract with the master; [`start`]: role, import of the app ([`app`], [`collector`]); [`template`] forks workers.
//! * [`engine`], [`parking`]: what the threads of one worker share; [`lane`]: what it knows of each; [`ready`]: the loop of a Python thread.
//! * [`connection`]: bytes in; [`request`]: a whole request out; [`environ`], [`input`]: what the app gets.
//! * [`response`], [`start_response`], [`respond`]: what the app gives; [`pending`]: what waits for its socket;
//!   [`answer`]: answers of our own, [`refusal`]: when they are given.
//! * [`io`]: the native thread: slow peers, timers, the control socket, leaving. Never takes the GIL.
//! * [`handover`]: connections to other workers; [`harakiri`], [`stacks`]: requests that take too long.
//! * [`spool`]: large bodies on disk. [`report`], [`log_format`], [`log_json`], [`dates`]: the request log. [`title`]: the name in ps.
//! * [`api`]: the module `uwsgi` that applications import.
//! * [`token`]: what an event of the ready epoll is about; [`sync`]: locking.
//! * [`sys`]: system calls; unsafe code stands there, in [`py`] and in `environ`.

use pyo3::prelude::*;

mod answer;
mod api;
mod app;
mod asked;
mod autoreload;
mod backlog;
mod collector;
mod connection;
mod control;
mod dates;
mod engine;
mod environ;
mod fastcall;
mod file_wrapper;
mod handover;
mod harakiri;
mod inherited;
mod input;
mod io;
mod lane;
mod log;
mod log_format;
mod log_json;
mod parking;
mod pending;
mod py;
mod ready;
mod refusal;
mod report;
mod request;
mod respond;
mod response;
mod spool;
mod stacks;
mod start;
mod start_response;
mod static_files;
mod steps;
mod sync;
mod sys;
mod template;
mod title;
mod token;

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
