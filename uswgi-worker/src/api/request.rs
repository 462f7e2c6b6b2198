//! Functions about the request in hand. In a thread that runs no requests they do nothing.

use super::current;
use super::state::bytes;
use crate::gateway::{cooperate, websocket};
use crate::interpreter;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyModule};
use std::sync::atomic::Ordering::Relaxed;
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_serve::lane::Client;
use uswgi_serve::sync::lock;
use uswgi_serve::sys;

/// Variables of one request.
const MAX_VARIABLES: usize = 256;

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(request_id, module)?,
        wrap_pyfunction!(cl, module)?,
        wrap_pyfunction!(set_logvar, module)?,
        wrap_pyfunction!(get_logvar, module)?,
        wrap_pyfunction!(log_this_request, module)?,
        wrap_pyfunction!(disconnect, module)?,
        wrap_pyfunction!(connection_fd, module)?,
        wrap_pyfunction!(is_connected, module)?,
        wrap_pyfunction!(set_user_harakiri, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// How many requests this thread had answered before this one.
#[pyfunction]
fn request_id() -> u64 {
    current::get().map_or(0, |c| c.notes().request_id())
}

/// Bytes of body that the request announced.
#[pyfunction]
fn cl() -> u64 {
    current::get().map_or(0, |c| c.notes().content_length())
}

/// Set a variable for `%(name)` in log-format.
#[pyfunction]
#[pyo3(signature = (name, value, /))]
fn set_logvar(name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let (name, value) = (bytes(name)?, bytes(value)?);
    let Some(current) = current::get() else { return Ok(()) };
    current.notes().change(|said| {
        if let Some((_, old)) = said.variables.iter_mut().find(|(n, _)| n == name) {
            *old = value.to_vec();
            return Ok(());
        }
        if said.variables.len() == MAX_VARIABLES {
            return Err(pyo3::exceptions::PyValueError::new_err(format!(
                "a request has at most {MAX_VARIABLES} variables for the log"
            )));
        }
        said.variables.push((name.to_vec(), value.to_vec()));
        Ok(())
    })
}

/// A variable that `set_logvar` set in this request.
#[pyfunction]
#[pyo3(signature = (name, /))]
fn get_logvar<'py>(py: Python<'py>, name: &Bound<'_, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let mut found = None;
    let name = bytes(name)?;
    if let Some(current) = current::get() {
        current.notes().variable(name, |value| found = Some(PyBytes::new(py, value)));
    }
    Ok(found)
}

/// Log this request whatever disable-logging says.
#[pyfunction]
fn log_this_request() {
    if let Some(current) = current::get() {
        current.notes().change(|said| said.log_it = true);
    }
}

/// Send what there is and close the connection; the application goes on, and what it still gives is dropped.
#[pyfunction]
fn disconnect(py: Python<'_>) -> PyResult<()> {
    let Some(current) = current::get() else { return Ok(()) };
    let taken = lock(&current.answer).take();
    let Some(mut response) = taken else { return Ok(()) };
    if let Some(channel) = websocket::of_lane(current.lane()) {
        channel.close(&mut response, false);
    }
    let waited = cooperate::until_it_has_all(py, &mut response);
    py.detach(|| response.disconnect());
    *lock(&current.answer) = Some(response);
    waited
}

/// Descriptor of the connection that the request came on; -1 outside of one.
#[pyfunction]
fn connection_fd() -> i32 {
    let Some(current) = current::get() else { return -1 };
    lock(&current.answer).as_ref().map_or(-1, |response| response.fd)
}

/// Whether the peer of a connection is there and may still send.
#[pyfunction]
#[pyo3(signature = (fd, /))]
fn is_connected(fd: i32) -> bool {
    nix::sys::socket::getpeername::<nix::sys::socket::SockaddrStorage>(fd).is_ok() && !sys::has_left(fd)
}

/// From now on this request may run so many seconds; 0: as long as `harakiri` says.
#[pyfunction]
#[pyo3(signature = (seconds, /))]
fn set_user_harakiri(py: Python<'_>, seconds: i64) -> PyResult<()> {
    let Some(current) = current::get() else { return Ok(()) };
    let engine = &current.engine;
    let (client, answered) = match lock(&current.answer).as_mut() {
        Some(response) => {
            response.claims = true;
            (
                Client { fd: response.fd, head_only: response.head_only, protocol: response.protocol },
                response.head_sent,
            )
        }
        None => return Ok(()),
    };
    interpreter::prepare(py, engine)?;
    current.notes().change(|_| ());
    let deadline = match u64::try_from(seconds) {
        Ok(n) if n > 0 => Some(monotonic_us().saturating_add(n.saturating_mul(1_000_000))),
        _ => None,
    };
    let now_due = engine.lanes[current.lane].limit(client, answered, deadline);
    if let Some(slot) = engine.lane_slot(current.lane) {
        slot.deadline_us.store(now_due, Relaxed);
    }
    engine.deadline_changed();
    Ok(())
}
