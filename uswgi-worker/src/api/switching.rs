//! Functions by which an application gives way to uWSGI's own switching between requests (`async`). They do nothing there
//! under threads and under gevent, and nothing here, where these are the engines: observed on uWSGI 2.0.31 (pip).

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyModule, PyTuple};

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(wait_fd_read, module)?,
        wrap_pyfunction!(wait_fd_write, module)?,
        wrap_pyfunction!(async_sleep, module)?,
        wrap_pyfunction!(ready_fd, module)?,
        wrap_pyfunction!(suspend, module)?,
    ] {
        module.add_function(function)?;
    }
    module.add("green_schedule", module.getattr("suspend")?)
}

/// The sentence of the original, as it is.
fn no_wait(fd: i32) -> PyErr {
    PyOSError::new_err(format!("unable to fd {fd} to the event queue"))
}

/// Wait for a descriptor with the next `suspend`: nobody switches here.
#[pyfunction]
#[pyo3(signature = (fd, timeout=0, /))]
fn wait_fd_read(fd: i32, timeout: i32) -> PyResult<()> {
    let _ = timeout;
    Err(no_wait(fd))
}

/// The same until it can be written.
#[pyfunction]
#[pyo3(signature = (fd, timeout=0, /))]
fn wait_fd_write(fd: i32, timeout: i32) -> PyResult<()> {
    let _ = timeout;
    Err(no_wait(fd))
}

/// Have the next `suspend` last for so many seconds: nobody switches here.
#[pyfunction]
#[pyo3(signature = (seconds, /))]
fn async_sleep<'py>(py: Python<'py>, seconds: f64) -> Bound<'py, PyBytes> {
    let _ = seconds;
    PyBytes::new(py, b"")
}

/// The descriptor that ended the last wait: there was none.
#[pyfunction]
#[pyo3(signature = (*_ignored))]
fn ready_fd(_ignored: &Bound<'_, PyTuple>) -> i32 {
    -1
}

/// Let other requests run: threads and greenlets do without.
#[pyfunction]
#[pyo3(signature = (*_ignored))]
fn suspend(_ignored: &Bound<'_, PyTuple>) -> bool {
    true
}
