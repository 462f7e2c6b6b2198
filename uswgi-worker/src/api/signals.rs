//! Signals of the application: numbers from 0 to 255 whose handlers run in whichever process they are registered for. The
//! master passes them on (`uswgi_proto::app_signals`). With values of uWSGI 2.0.31: None where a thing is done.

use super::state::{breathe, queues, state};
use crate::py as python;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pyo3::exceptions::{PyOSError, PySystemExit, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyModule};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;
use uswgi_proto::app_signals::{self, RaisedSignal, SignalGroup, SignalMessage, SignalSource, SignalTarget};
use uswgi_proto::background::{Aide, AideKind, BesideRequests, MessageQueue};
use uswgi_proto::control::ToMaster;
use uswgi_proto::settings::Protocol;
use uswgi_serve::control::Control;
use uswgi_serve::sync::lock;
use uswgi_serve::{rpc, say};

/// Handlers by number. What was registered while the application was imported every process has.
static HANDLERS: Mutex<BTreeMap<u8, Py<PyAny>>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// What the last `signal_wait` of this thread came back for.
    static RECEIVED: Cell<u8> = const { Cell::new(0) };
}

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(register_signal, module)?,
        wrap_pyfunction!(signal, module)?,
        wrap_pyfunction!(signal_registered, module)?,
        wrap_pyfunction!(signal_wait, module)?,
        wrap_pyfunction!(signal_received, module)?,
        wrap_pyfunction!(add_timer, module)?,
        wrap_pyfunction!(add_rb_timer, module)?,
        wrap_pyfunction!(add_ms_timer, module)?,
        wrap_pyfunction!(add_cron, module)?,
        wrap_pyfunction!(add_file_monitor, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// The queues of signals that an aide shares with others.
pub(crate) fn shared_queues(aide: Aide, background: &BesideRequests) -> Vec<OwnedFd> {
    let groups = match aide.kind {
        AideKind::Spooler => vec![SignalGroup::Spoolers],
        AideKind::Mule => {
            let farms = background.farms_of(aide.number).map(|i| background.farms[i].name.clone());
            std::iter::once(SignalGroup::Mules).chain(farms.map(SignalGroup::Farm)).collect()
        }
    };
    let Ok(queues) = queues() else { return Vec::new() };
    let fds = groups.into_iter().filter_map(|g| queues.receiving(&MessageQueue::Signals(g)));
    fds.filter_map(|fd| fd.try_clone_to_owned().ok()).collect()
}

fn tell(said: SignalMessage) -> PyResult<()> {
    tell_early(&ToMaster::AppSignal { said })
}

/// Tell the master, over whichever socket this process has; before the application is loaded it is the template's.
pub(super) fn tell_early(message: &ToMaster) -> PyResult<()> {
    let state = state()?;
    let control = state.engine.get().and_then(|e| e.control.as_ref());
    match state.aide().map(|link| link.control()).or(control) {
        Some(control) => control.send(message),
        None => state.early.send(message),
    }
    Ok(())
}

fn number(given: i64) -> PyResult<u8> {
    u8::try_from(given)
        .map_err(|_| PyValueError::new_err(format!("a signal is a number from 0 to 255, not {given}")))
}

/// Call this function with the number when the signal is raised. Who calls it: "" or "worker" (the first worker that is
/// free), "workers", "workerN", "mule", "mules", "muleN", "farm_NAME", "spooler".
#[pyfunction]
#[pyo3(signature = (number, who, handler, /))]
fn register_signal(number: i64, who: &str, handler: Py<PyAny>) -> PyResult<()> {
    let number = self::number(number)?;
    lock(&HANDLERS).insert(number, handler);
    tell(SignalMessage::Register { number, target: SignalTarget::parse(who) })
}

/// Raise a signal, of this instance or of the one at an address. One that nobody has registered does nothing.
#[pyfunction]
#[pyo3(signature = (number, remote = None, /))]
fn signal(py: Python<'_>, number: i64, remote: Option<&str>) -> PyResult<()> {
    let number = self::number(number)?;
    match remote {
        Some(node) => {
            let patience = Duration::from_secs(state()?.settings.patience(Protocol::Uwsgi).into());
            let sent = py.detach(|| app_signals::deliver(rpc::connect(node, patience)?, number));
            sent.map_err(|e| {
                PyOSError::new_err(format!("unable to deliver signal {number} to node {node}: {e}"))
            })
        }
        None => tell(SignalMessage::Raise { number }),
    }
}

/// True where this process has a handler for the signal, else None.
#[pyfunction]
#[pyo3(signature = (number, /))]
fn signal_registered(number: i64) -> PyResult<Option<bool>> {
    let number = self::number(number)?;
    Ok(lock(&HANDLERS).contains_key(&number).then_some(true))
}

/// Raise the signal every so many seconds.
#[pyfunction]
#[pyo3(signature = (number, seconds, /))]
fn add_timer(number: i64, seconds: i64) -> PyResult<()> {
    timer(number, seconds, 1000, 0)
}

/// Raise the signal every so many seconds, so many times (0: for ever).
#[pyfunction]
#[pyo3(signature = (number, seconds, times = 0, /))]
fn add_rb_timer(number: i64, seconds: i64, times: u64) -> PyResult<()> {
    timer(number, seconds, 1000, times)
}

/// Raise the signal every so many milliseconds.
#[pyfunction]
#[pyo3(signature = (number, milliseconds, /))]
fn add_ms_timer(number: i64, milliseconds: i64) -> PyResult<()> {
    timer(number, milliseconds, 1, 0)
}

/// As on uWSGI a timer of no time never raises anything.
fn timer(number: i64, period: i64, unit: u64, times: u64) -> PyResult<()> {
    let number = self::number(number)?;
    match u64::try_from(period) {
        Ok(n) if n > 0 => {
            let source = SignalSource::Timer { milliseconds: n.saturating_mul(unit), times };
            tell(SignalMessage::Source { number, source })
        }
        _ => {
            say!("a timer of {period} for signal {number} never comes: give a number above 0");
            Ok(())
        }
    }
}

/// Raise the signal by the clock: -1 is every minute, hour, day..., -5 every fifth.
#[pyfunction]
#[pyo3(signature = (number, minute, hour, day, month, week, /))]
fn add_cron(number: i64, minute: i32, hour: i32, day: i32, month: i32, week: i32) -> PyResult<bool> {
    let number = self::number(number)?;
    tell(SignalMessage::Source { number, source: SignalSource::Cron([minute, hour, day, month, week]) })?;
    Ok(true)
}

/// Raise the signal when the file, or what is in the folder, changes.
#[pyfunction]
#[pyo3(signature = (number, path, /))]
fn add_file_monitor(number: i64, path: &str) -> PyResult<()> {
    let number = self::number(number)?;
    let path = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    tell(SignalMessage::Source { number, source: SignalSource::File(path) })
}

/// Wait for a signal of this process, or for the one of this number; handlers of those that come run. Always b"", as on
/// uWSGI: `signal_received` says which it was.
#[pyfunction]
#[pyo3(signature = (number = None, /))]
fn signal_wait(py: Python<'_>, number: Option<i64>) -> PyResult<&'static [u8]> {
    let wanted = number.map(self::number).transpose()?;
    let state = state()?;
    let (link, engine) = (state.aide(), state.engine.get());
    if link.is_none() && engine.is_none() {
        return Err(PyValueError::new_err(
            "signals come to workers, mules and spoolers: nothing is waited for here",
        ));
    }
    loop {
        let signal = match (link, engine) {
            (Some(link), _) => link.next_signal(),
            (None, Some(engine)) => engine.take_own_signal().or_else(|| engine.take_shared_signal()),
            (None, None) => None,
        };
        if let Some(RaisedSignal { number, .. }) = signal {
            run_handler(py, number);
            if wanted.is_none_or(|n| n == number) {
                RECEIVED.set(number);
                return Ok(b"");
            }
            continue;
        }
        if link.is_some_and(|l| l.is_leaving()) {
            return Err(PySystemExit::new_err(0));
        }
        // Interruptions, and what its deadline sends it, arrive between two waits.
        py.detach(|| {
            let fds: Vec<BorrowedFd<'_>> = match (link, engine) {
                (Some(link), _) => link.signal_fds().collect(),
                (None, Some(engine)) => engine.signals.descriptors().collect(),
                (None, None) => Vec::new(),
            };
            let mut fds: Vec<PollFd<'_>> =
                fds.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
            let _ = poll(&mut fds, PollTimeout::from(200u8));
        });
        breathe(py)?;
    }
}

/// The signal that the last `signal_wait` of this thread came back for; 0 before the first.
#[pyfunction]
fn signal_received() -> u8 {
    RECEIVED.get()
}

fn handler(py: Python<'_>, number: u8) -> Option<Py<PyAny>> {
    let handler = lock(&HANDLERS).get(&number).map(|h| h.clone_ref(py));
    if handler.is_none() {
        say!("signal {number} has come, and this process has no handler for it");
    }
    handler
}

fn failed(py: Python<'_>, number: u8, e: &PyErr) {
    say!("the handler of signal {number} has raised an exception:");
    python::print_exception(py, e);
}

/// Run the handler of a signal; what it raises is printed.
pub(crate) fn run_handler(py: Python<'_>, number: u8) {
    if let Some(handler) = handler(py, number)
        && let Err(e) = handler.call1(py, (number,))
    {
        failed(py, number, &e);
    }
}

/// Run it in a greenlet of its own, as it may wait; `kind`: what greenlets are made of.
pub(crate) fn run_in_greenlet(py: Python<'_>, number: u8, kind: &Bound<'_, PyAny>) {
    let run = || -> PyResult<()> {
        let body = PyCFunction::new_closure(py, None, None, move |args, _: Option<&Bound<'_, PyDict>>| {
            run_handler(args.py(), number);
        })?;
        kind.call1((body,))?.call_method0("start").map(drop)
    };
    if let Err(e) = run() {
        failed(py, number, &e);
    }
}

/// Run it in the loop; where it gives a coroutine, that becomes a task.
pub(crate) fn run_in_loop(py: Python<'_>, number: u8, event_loop: &Bound<'_, PyAny>) {
    let Some(handler) = handler(py, number) else { return };
    let run = || -> PyResult<()> {
        let given = handler.bind(py).call1((number,))?;
        if PyModule::import(py, "asyncio")?.call_method1("iscoroutine", (&given,))?.is_truthy()? {
            event_loop.call_method1("create_task", (given,))?;
        }
        Ok(())
    };
    if let Err(e) = run() {
        failed(py, number, &e);
    }
}

/// The control socket of a process that has the application and is no worker or aide yet.
#[derive(Default)]
pub(crate) struct EarlyControl(Mutex<Option<Control>>);

impl EarlyControl {
    /// It is this one from now on; None: there is none.
    pub(crate) fn set(&self, control: Option<Control>) {
        *lock(&self.0) = control;
    }

    fn send(&self, message: &ToMaster) {
        if let Some(control) = &*lock(&self.0) {
            control.send(message);
        }
    }
}
