//! Awaitables that are done already: what `receive` and `send` give when nothing has to be waited for.

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use std::sync::Mutex;
use uswgi_serve::sync::lock;

/// Gives its value to the first `await`.
#[pyclass(module = "uswgi_worker", frozen)]
pub(super) struct Ready(Mutex<Option<Py<PyAny>>>);

impl Ready {
    /// Of this value.
    pub(super) fn with(py: Python<'_>, value: Py<PyAny>) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Ready(Mutex::new(Some(value))))?.into_any())
    }
}

#[pymethods]
impl Ready {
    fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let value = lock(&self.0).take().unwrap_or_else(|| py.None());
        Err(PyStopIteration::new_err((value,)))
    }
}
