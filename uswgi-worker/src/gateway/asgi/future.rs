//! Futures of the loop, which `receive` and `send` give to the application.

use pyo3::intern;
use pyo3::prelude::*;

/// Give a future its result, unless it has one or was cancelled.
pub(super) fn resolve(py: Python<'_>, future: &Py<PyAny>, value: Py<PyAny>) -> PyResult<()> {
    if !future.call_method0(py, intern!(py, "done"))?.is_truthy(py)? {
        future.call_method1(py, intern!(py, "set_result"), (value,))?;
    }
    Ok(())
}
