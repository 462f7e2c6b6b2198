//! Which Python this is, and why this one: told to the master, and where a module is missing, because it is mostly
//! missing in this Python alone.

use crate::py::traceback;
use pyo3::exceptions::PyModuleNotFoundError;
use pyo3::prelude::*;
use std::sync::OnceLock;

static TEXT: OnceLock<String> = OnceLock::new();

/// `Python 3.11.2 of /srv/venv (home)`. `by`: what made the launcher take it; asked once, before the application.
pub(crate) fn text(py: Python<'_>, by: Option<&str>) -> &'static str {
    TEXT.get_or_init(|| {
        let v = py.version_info();
        let prefix: Option<String> = py.import("sys").and_then(|sys| sys.getattr("prefix")?.extract()).ok();
        let by = by.map(|by| format!(" ({by})")).unwrap_or_default();
        format!("Python {}.{}.{} of {}{by}", v.major, v.minor, v.patch, prefix.as_deref().unwrap_or("?"))
    })
}

/// The traceback of an error while the application is loaded; a module that is not found, with where it was looked for.
pub(crate) fn explained(py: Python<'_>, error: &PyErr) -> String {
    let told = traceback(py, error);
    match TEXT.get().filter(|_| error.is_instance_of::<PyModuleNotFoundError>(py)) {
        // In the last line: it is shown alone where there is room for one.
        Some(which) => format!("{}, in {which}\n", told.trim_end()),
        None => told,
    }
}
