//! What an application hangs into the module: `uwsgi.post_fork_hook`, `uwsgi.atexit`, `uwsgi.applications`; and the
//! module `uwsgidecorators`, whose source is in this program and which is imported only when it is asked for.

use super::state::module;
use crate::py as python;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Source of `uwsgidecorators`.
const DECORATORS: &str = include_str!("uwsgidecorators.py");
/// The finder that gives it.
const FINDER: &std::ffi::CStr =
    match std::ffi::CStr::from_bytes_with_nul(concat!(include_str!("finder.py"), "\0").as_bytes()) {
        Ok(text) => text,
        Err(_) => c"",
    };

/// Let `import uwsgidecorators` find ours, whatever an old installation of uWSGI has left in site-packages: its names
/// would be there and not work.
pub(super) fn offer_decorators(py: Python<'_>) -> PyResult<()> {
    let names = PyDict::new(py);
    names.set_item("SOURCE", DECORATORS)?;
    py.run(FINDER, Some(&names), None)
}

fn hook<'py>(py: Python<'py>, name: &str) -> Option<Bound<'py, PyAny>> {
    module(py).ok()?.getattr_opt(name).ok().flatten().filter(|h| h.is_callable())
}

fn run(py: Python<'_>, name: &str) {
    if let Some(hook) = hook(py, name)
        && let Err(e) = hook.call0()
    {
        uswgi_serve::say!("uwsgi.{name} has raised an exception:");
        python::print_exception(py, &e);
    }
}

/// In a worker that was just forked from the template.
pub(crate) fn after_fork(py: Python<'_>, worker_id: u32) {
    if let Some(pid) = hook(py, "post_fork_hook").and_then(|_| super::process::also_has_number()) {
        uswgi_serve::say!(
            "uwsgi.post_fork_hook runs in worker {worker_id} while pid {pid} has the same number until it ends: what is named by the number needs worker-id-exclusive = true, or uwsgi.worker_slot()"
        );
    }
    run(py, "post_fork_hook");
}

/// In an aide; an exception that means its end (SystemExit) gets out.
pub(crate) fn post_fork(py: Python<'_>) -> PyResult<()> {
    let Some(hook) = hook(py, "post_fork_hook") else { return Ok(()) };
    match hook.call0() {
        Err(e) if e.is_instance_of::<pyo3::exceptions::PySystemExit>(py) => Err(e),
        Err(e) => {
            uswgi_serve::say!("uwsgi.post_fork_hook has raised an exception:");
            python::print_exception(py, &e);
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// A worker ends.
pub(crate) fn at_exit(py: Python<'_>) {
    run(py, "atexit");
}

/// Mount points that the application has put into `uwsgi.applications`: path, callable.
pub(crate) fn applications(py: Python<'_>) -> PyResult<Vec<(String, Py<PyAny>)>> {
    let Ok(module) = module(py) else { return Ok(Vec::new()) };
    let Some(found) = module.getattr_opt("applications")? else { return Ok(Vec::new()) };
    let Ok(found) = found.cast_into::<PyDict>() else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (point, callable) in found.iter() {
        let point: String = point.extract()?;
        if !callable.is_callable() {
            return Err(pyo3::exceptions::PyTypeError::new_err(format!(
                "uwsgi.applications[{point:?}] is not callable"
            )));
        }
        all.push((point, callable.unbind()));
    }
    Ok(all)
}
