//! Numbers of the application (`metric`). The names are always there, and a number that is none counts as 0 and cannot be
//! changed, as on uWSGI 2.0.31.

use super::state::state;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyModule;

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(metric_get, module)?,
        wrap_pyfunction!(metric_set, module)?,
        wrap_pyfunction!(metric_inc, module)?,
        wrap_pyfunction!(metric_dec, module)?,
        wrap_pyfunction!(metric_mul, module)?,
        wrap_pyfunction!(metric_div, module)?,
        wrap_pyfunction!(metric_set_max, module)?,
        wrap_pyfunction!(metric_set_min, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// Names of uWSGI's own numbers begin so.
const OWN: [&str; 3] = ["worker.", "core.", "socket."];

/// The value of a number; 0: there is none.
#[pyfunction]
#[pyo3(signature = (name, /))]
fn metric_get(name: &str) -> PyResult<i64> {
    if let Some(value) = state()?.shared.metrics().get(name) {
        return Ok(value);
    }
    if OWN.iter().any(|own| name.starts_with(own)) {
        let message = format!(
            "{name:?} is a number of uWSGI itself, which is not here: ask the statistics server (stats, stats-http), or uwsgi.workers()"
        );
        return Err(PyValueError::new_err(message));
    }
    Ok(0)
}

fn change(name: &str, f: impl Fn(i64) -> Option<i64>) -> PyResult<Option<bool>> {
    Ok(state()?.shared.metrics().change(name, f).then_some(true))
}

/// Set a number; None: there is none.
#[pyfunction]
#[pyo3(signature = (name, value=1, /))]
fn metric_set(name: &str, value: i64) -> PyResult<Option<bool>> {
    change(name, |_| Some(value))
}

/// Add to a number.
#[pyfunction]
#[pyo3(signature = (name, value=1, /))]
fn metric_inc(name: &str, value: i64) -> PyResult<Option<bool>> {
    change(name, |now| Some(now.wrapping_add(value)))
}

/// Take from a number.
#[pyfunction]
#[pyo3(signature = (name, value=1, /))]
fn metric_dec(name: &str, value: i64) -> PyResult<Option<bool>> {
    change(name, |now| Some(now.wrapping_sub(value)))
}

/// Multiply a number.
#[pyfunction]
#[pyo3(signature = (name, value=1, /))]
fn metric_mul(name: &str, value: i64) -> PyResult<Option<bool>> {
    change(name, |now| Some(now.wrapping_mul(value)))
}

/// Divide a number; None: by 0.
#[pyfunction]
#[pyo3(signature = (name, value=1, /))]
fn metric_div(name: &str, value: i64) -> PyResult<Option<bool>> {
    change(name, |now| now.checked_div(value))
}

/// Set a number that is lower.
#[pyfunction]
#[pyo3(signature = (name, value=1, /))]
fn metric_set_max(name: &str, value: i64) -> PyResult<Option<bool>> {
    change(name, |now| Some(now.max(value)))
}

/// Set a number that is higher.
#[pyfunction]
#[pyo3(signature = (name, value=1, /))]
fn metric_set_min(name: &str, value: i64) -> PyResult<Option<bool>> {
    change(name, |now| Some(now.min(value)))
}
