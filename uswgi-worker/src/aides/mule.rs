//! A mule: a script, or a wait for messages that go to `uswgi.mule_msg_hook`.
//!
//! A mule that is to leave does so where it waits for a message: what it has in hand comes to its end first. A script that
//! never waits for one is interrupted, as nobody knows better where.

use crate::api::state::module;
use crate::api::waiting::{self, Waited, queues_of, wait};
use crate::py as python;
use pyo3::exceptions::{PySystemExit, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyModule};
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uswgi_proto::background::{AideKind, BesideRequests};
use uswgi_proto::scoreboard::layout::add;
use uswgi_serve::aide::Link;
use uswgi_serve::sync::lock;
use uswgi_serve::{say, sys};

/// Signal whose Python handler ends a script that never waits for a message; 0: none is installed.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
/// The thread that runs the script.
static MAIN: Mutex<Option<sys::ThreadId>> = Mutex::new(None);
static LINK: Mutex<Option<Arc<Link>>> = Mutex::new(None);

/// Raises in the main thread when the mule is to leave.
#[pyfunction]
fn on_signal(_signal: i32, _frame: Py<PyAny>) -> PyResult<()> {
    match lock(&LINK).as_ref().is_some_and(|l| l.is_leaving()) && !waiting::has_waited() {
        true => Err(PySystemExit::new_err(0)),
        false => Ok(()),
    }
}

/// Let a script be ended in the middle of whatever it does. Real-time signals are not used by libraries.
pub(super) fn install_interruption(py: Python<'_>, link: &Arc<Link>) -> PyResult<()> {
    *lock(&LINK) = Some(link.clone());
    if link.aide.kind != AideKind::Mule {
        return Ok(());
    }
    let module = PyModule::import(py, "signal")?;
    let number: i32 = module.getattr("SIGRTMIN")?.call_method0("__int__")?.extract::<i32>()? + 9;
    module.call_method1("signal", (number, wrap_pyfunction!(on_signal, py)?))?;
    *lock(&MAIN) = Some(sys::this_thread());
    SIGNAL.store(number, Ordering::SeqCst);
    Ok(())
}

/// The mule is to leave. Called in the thread beside it.
pub(super) fn interrupt(_: &Link) {
    let signal = SIGNAL.load(Ordering::SeqCst);
    if signal != 0
        && !waiting::has_waited()
        && let Some(main) = *lock(&MAIN)
    {
        sys::interrupt(main, signal);
    }
}

/// Until told to leave, or the script ends.
pub(super) fn run(py: Python<'_>, link: &Arc<Link>, background: &BesideRequests) -> PyResult<()> {
    match background.script(link.aide.number) {
        Some(script) => run_script(py, script),
        None => listen(py, link, background),
    }
}

fn run_script(py: Python<'_>, script: &str) -> PyResult<()> {
    if script.ends_with(".py") || Path::new(script).is_file() {
        let options = pyo3::types::PyDict::new(py);
        options.set_item("run_name", "__main__")?;
        let path = std::path::absolute(script).unwrap_or_else(|_| script.into());
        return PyModule::import(py, "runpy")?.call_method("run_path", (path,), Some(&options)).map(drop);
    }
    match script.split_once(':') {
        Some((module, function)) => {
            let function = function.trim_end_matches("()");
            crate::app::import_named(py, module)?.getattr(function)?.call0().map(drop)
        }
        None => Err(PyValueError::new_err(format!(
            "mule = {script}: there is no such file; write a Python file, or package.module:function"
        ))),
    }
}

/// A mule without a script.
fn listen(py: Python<'_>, link: &Arc<Link>, background: &BesideRequests) -> PyResult<()> {
    let from = queues_of(link, background, true);
    let most = background.mule.message_size as usize;
    loop {
        match wait(py, link, &from, most, None, true)? {
            Waited::Message(message) => {
                let hook = module(py)?.getattr_opt(intern!(py, "mule_msg_hook"))?;
                let Some(hook) = hook.filter(|h| h.is_callable()) else {
                    say!(
                        "{}: there is no uwsgi.mule_msg_hook for a message of {} bytes",
                        link.aide,
                        message.len()
                    );
                    continue;
                };
                link.begin(Duration::from_secs(background.mule.harakiri.into()));
                let called = hook.call1((PyBytes::new(py, &message),));
                link.end();
                if let Err(e) = called {
                    if e.is_instance_of::<PySystemExit>(py) {
                        return Err(e);
                    }
                    if let Some(slot) = link.slot() {
                        add(&slot.failed, 1);
                    }
                    python::print_exception(py, &e);
                }
            }
            Waited::AppSignal | Waited::Timeout => {}
        }
    }
}
