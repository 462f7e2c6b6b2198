//! Python's cyclic garbage collector at the start: rare while the application is imported, and blind to what the
//! import made once workers are forked.
//!
//! It changes nothing for good but what `gc.freeze` does, and never what the application has set itself: collecting
//! stays off where the application has switched it off, and its thresholds stay where it has set them.

use pyo3::prelude::*;
use pyo3::types::PyModule;

/// Objects made, less objects freed, before the young generation is looked at while the application is imported
/// (CPython: 700 or 2,000). Modules, classes and functions stay: looking at them every 700 takes 5 % of the import of a
/// Django project and finds next to nothing. So many objects are a few MiB.
const PATIENCE: usize = 10_000;

type Thresholds = (usize, usize, usize);

fn thresholds(gc: &Bound<'_, PyModule>) -> PyResult<Thresholds> {
    gc.call_method0("get_threshold")?.extract()
}

/// Do `load` with a patient collector. An application that asks for the thresholds meanwhile sees it. `forks`: workers
/// will be forked from here, and what was made is frozen before the collector would look at it all.
pub(crate) fn patiently<T>(py: Python<'_>, forks: bool, load: impl FnOnce() -> T) -> T {
    let relax = || -> PyResult<(Bound<'_, PyModule>, Thresholds)> {
        let gc = PyModule::import(py, "gc")?;
        let usual = thresholds(&gc)?;
        if usual.0 > 0 && usual.0 < PATIENCE {
            gc.call_method1("set_threshold", (PATIENCE, usual.1, usual.2))?;
        }
        Ok((gc, usual))
    };
    let relaxed = relax();
    let loaded = load();
    let restore = || -> PyResult<()> {
        if forks {
            freeze(py)?;
        }
        let (gc, usual) = relaxed?;
        if thresholds(&gc)? == (PATIENCE, usual.1, usual.2) {
            gc.call_method1("set_threshold", usual)?;
        }
        Ok(())
    };
    if let Err(e) = restore() {
        crate::py::print_exception(py, &e);
    }
    loaded
}

/// Move every object into the permanent generation, as CPython's documentation of `gc.freeze` advises before forks: a
/// full collection in a worker would write to all of them, and their pages would be shared no more.
pub(crate) fn freeze(py: Python<'_>) -> PyResult<()> {
    PyModule::import(py, "gc")?.call_method0("freeze")?;
    Ok(())
}
