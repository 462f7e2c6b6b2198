//! What frameworks import with their first request, imported with the application (`django-preload`). Without it a
//! mistake in such a module passes every check, and the worker that replaces a working one answers 500.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// Defines `preload(callables)`.
const DJANGO: &std::ffi::CStr =
    match std::ffi::CStr::from_bytes_with_nul(concat!(include_str!("django.py"), "\0").as_bytes()) {
        Ok(text) => text,
        Err(_) => c"",
    };

/// Import what Django's first request would, where one of the applications is Django's or wraps one that is.
pub(super) fn django(py: Python<'_>, callables: &[Py<PyAny>]) -> PyResult<()> {
    let modules = py.import("sys")?.getattr("modules")?;
    if !modules.contains("django.core.handlers.wsgi")? {
        return Ok(());
    }
    let names = PyDict::new(py);
    py.run(DJANGO, Some(&names), None)?;
    let Some(preload) = names.get_item("preload")? else { return Ok(()) };
    preload.call1((PyList::new(py, callables)?,)).map(drop)
}
