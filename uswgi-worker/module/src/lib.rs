//! The extension module `uswgi_worker`: what the launcher's interpreter loads and calls. Nothing else stands here.

use pyo3::prelude::*;

/// Runs the process to its end; returns its exit status.
#[pyfunction]
fn main(py: Python<'_>) -> i32 {
    uswgi_python::run(py)
}

/// The extension module.
#[pymodule]
fn uswgi_worker(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(main, m)?)?;
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    Ok(())
}
