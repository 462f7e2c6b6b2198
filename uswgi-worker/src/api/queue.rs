//! The queue that all processes share (`queue`). The names are there where it is configured, as on uWSGI 2.0.31, whose
//! results these are: None for what does not fit, and for what is not there.

use super::state::{ModuleState, payload, state, with_lock};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyModule};
use uswgi_shared::queue::{LockedQueue, SharedQueue};

pub(super) fn add(module: &Bound<'_, PyModule>, state: &ModuleState) -> PyResult<()> {
    let Some(queue) = state.shared.queue() else { return Ok(()) };
    module.add("queue_size", queue.slots())?;
    for function in [
        wrap_pyfunction!(queue_push, module)?,
        wrap_pyfunction!(queue_pull, module)?,
        wrap_pyfunction!(queue_pop, module)?,
        wrap_pyfunction!(queue_get, module)?,
        wrap_pyfunction!(queue_set, module)?,
        wrap_pyfunction!(queue_last, module)?,
        wrap_pyfunction!(queue_slot, module)?,
        wrap_pyfunction!(queue_pull_slot, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

fn queue() -> PyResult<&'static SharedQueue> {
    state()?.shared.queue().ok_or_else(|| PyValueError::new_err("there is no queue"))
}

fn with<T: Send>(py: Python<'_>, mut f: impl FnMut(&mut LockedQueue<'_>) -> T + Send) -> PyResult<T> {
    let queue = queue()?;
    with_lock(py, |time| queue.lock_within(time).map(|mut locked| f(&mut locked)))
}

fn message<'py>(py: Python<'py>, found: Option<Vec<u8>>) -> Option<Bound<'py, PyBytes>> {
    found.map(|m| PyBytes::new(py, &m))
}

/// Add a message (bytes or str) to the queue; None: it is empty, or longer than a block.
#[pyfunction]
#[pyo3(signature = (message, /))]
fn queue_push(py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    let bytes = payload(message)?;
    Ok(with(py, |q| q.push(bytes))?.then_some(true))
}

/// Take the oldest message; None: there is none.
#[pyfunction]
fn queue_pull(py: Python<'_>) -> PyResult<Option<Bound<'_, PyBytes>>> {
    Ok(message(py, with(py, |q| q.pull())?))
}

/// Take the message that was pushed last; None: there is none.
#[pyfunction]
fn queue_pop(py: Python<'_>) -> PyResult<Option<Bound<'_, PyBytes>>> {
    Ok(message(py, with(py, |q| q.pop())?))
}

fn slot(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The message of a block; None: there is none.
#[pyfunction]
#[pyo3(signature = (slot, /))]
fn queue_get(py: Python<'_>, slot: i64) -> PyResult<Option<Bound<'_, PyBytes>>> {
    let number = self::slot(slot);
    Ok(message(py, with(py, |q| q.get(number))?))
}

/// Put a message into a block; None: it does not fit.
#[pyfunction]
#[pyo3(signature = (slot, message, /))]
fn queue_set(py: Python<'_>, slot: i64, message: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    let (number, bytes) = (self::slot(slot), payload(message)?);
    Ok(with(py, |q| q.set(number, bytes))?.then_some(true))
}

/// The message that was pushed last, or a list of so many, the last one first.
#[pyfunction]
#[pyo3(signature = (count=0, /))]
fn queue_last<'py>(py: Python<'py>, count: i64) -> PyResult<Bound<'py, PyAny>> {
    let most = u32::try_from(count).map_err(|_| PyValueError::new_err("count must not be negative"))?;
    let found = with(py, |q| q.last(most.max(1)))?;
    if most > 0 {
        let all = found.into_iter().map(|m| message(py, m));
        return Ok(PyList::new(py, all.collect::<Vec<_>>())?.into_any());
    }
    let first = message(py, found.into_iter().next().flatten());
    Ok(first.map_or_else(|| py.None().into_bound(py), Bound::into_any))
}

/// Where the next message is pushed.
#[pyfunction]
fn queue_slot(py: Python<'_>) -> PyResult<u32> {
    with(py, |q| q.push_place())
}

/// Where the next message is pulled.
#[pyfunction]
fn queue_pull_slot(py: Python<'_>) -> PyResult<u32> {
    with(py, |q| q.pull_place())
}
