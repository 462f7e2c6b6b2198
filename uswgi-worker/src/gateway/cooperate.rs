//! Waits of a lane that shares its thread with others: in the loop of that thread, so that the others run meanwhile.
//! Off in a worker whose lanes are threads, where each waits by itself.

use crate::pybytes::Response;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;
use pyo3::{create_exception, intern};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU8, Ordering};

create_exception!(uswgi_worker, ClientTimeout, PyBaseException, "A client made no progress in its time.");

create_exception!(uswgi_worker, LoopWake, PyBaseException, "Look again: something has changed.");

/// 0: lanes are threads; 1: greenlets; 2: tasks of asyncio.
static MODE: AtomicU8 = AtomicU8::new(0);
static LOOP: PyOnceLock<Functions> = PyOnceLock::new();
/// `asyncio.current_task`.
static CURRENT_TASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
/// The address of no greenlet and no task.
const NOBODY: usize = 1;

/// Functions of gevent.
struct Functions {
    getcurrent: Py<PyAny>,
    wait_read: Py<PyAny>,
    wait_write: Py<PyAny>,
    sleep: Py<PyAny>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// Something can be read, or the peer has left.
    Readable,
    /// The socket takes more.
    Writable,
}

/// From here on lanes wait in gevent's loop.
pub(crate) fn turn_on(py: Python<'_>) -> PyResult<()> {
    LOOP.get_or_try_init(py, || {
        let (gevent, socket) = (PyModule::import(py, "gevent")?, PyModule::import(py, "gevent.socket")?);
        PyResult::Ok(Functions {
            getcurrent: gevent.getattr("getcurrent")?.unbind(),
            wait_read: socket.getattr("wait_read")?.unbind(),
            wait_write: socket.getattr("wait_write")?.unbind(),
            sleep: gevent.getattr("sleep")?.unbind(),
        })
    })?;
    MODE.store(1, Ordering::Release);
    Ok(())
}

/// From here on lanes are tasks of asyncio: nothing here waits for them, their awaitables do.
pub(crate) fn turn_on_tasks(py: Python<'_>) -> PyResult<()> {
    CURRENT_TASK
        .get_or_try_init(py, || Ok(PyModule::import(py, "asyncio")?.getattr("current_task")?.unbind()))
        .map(drop)
        .map_err(|e: PyErr| e)?;
    MODE.store(2, Ordering::Release);
    Ok(())
}

/// Whether lanes of this worker are greenlets, whose waits are here.
pub(crate) fn is_on() -> bool {
    MODE.load(Ordering::Relaxed) == 1
}

/// Whether lanes of this worker share a thread.
pub(crate) fn must_not_wait() -> bool {
    MODE.load(Ordering::Relaxed) != 0
}

fn functions(py: Python<'_>) -> Option<&Functions> {
    if is_on() { LOOP.get(py) } else { None }
}

/// The address of the greenlet or task that runs in this thread; None where lanes are threads.
pub(crate) fn current() -> Option<usize> {
    if !must_not_wait() {
        return None;
    }
    Python::attach(|py| {
        let asked = match LOOP.get(py) {
            Some(functions) => functions.getcurrent.call0(py),
            // It raises where no loop runs.
            None => CURRENT_TASK.get(py).map_or(Ok(py.None()), |task| task.call0(py)),
        };
        let address = asked.ok().filter(|found| !found.is_none(py)).map(|found| found.as_ptr() as usize);
        Some(address.unwrap_or(NOBODY))
    })
}

/// Wait for a descriptor; false: not within so many milliseconds. An error is what was thrown into the lane meanwhile.
pub(crate) fn wait(py: Python<'_>, fd: RawFd, until: Until, ms: i32) -> PyResult<bool> {
    let Some(functions) = functions(py) else { return Ok(false) };
    let wait = match until {
        Until::Readable => &functions.wait_read,
        Until::Writable => &functions.wait_write,
    };
    match wait.call1(py, (fd, f64::from(ms) / 1000.0, py.get_type::<ClientTimeout>())) {
        Ok(_) => Ok(true),
        Err(e) if e.is_instance_of::<ClientTimeout>(py) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Let the others run for so many seconds.
pub(crate) fn sleep(py: Python<'_>, seconds: f64) -> PyResult<()> {
    match functions(py) {
        Some(functions) => functions.sleep.call1(py, (seconds,)).map(drop),
        None => Ok(()),
    }
}

/// Let whoever is about to finish something do so: another greenlet, or another thread.
pub(crate) fn yield_now(py: Python<'_>) {
    if is_on() {
        // What was thrown in meanwhile is of no use here: the request is over.
        let _ = sleep(py, 0.001);
    } else {
        py.detach(std::thread::yield_now);
    }
}

/// Wait until an answer whose write buffer is full takes more. What is left of it then is lent.
pub(crate) fn until_it_takes_more(py: Python<'_>, response: &mut Response) -> PyResult<()> {
    while response.must_wait() {
        a_while(py, response)?;
    }
    response.lend();
    Ok(())
}

/// Wait until the client has got everything that was given so far.
pub(crate) fn until_it_has_all(py: Python<'_>, response: &mut Response) -> PyResult<()> {
    while is_on() && response.any_pending() {
        a_while(py, response)?;
    }
    Ok(())
}

fn a_while(py: Python<'_>, response: &mut Response) -> PyResult<()> {
    let waiting = response.wait_begins();
    let ready = wait(py, response.fd, Until::Writable, response.timeout_ms)?;
    response.wait_ends(waiting, Ok(ready));
    Ok(())
}

/// The greenlet that runs; None where lanes are threads.
pub(crate) fn own_greenlet(py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
    functions(py).map(|functions| functions.getcurrent.call0(py)).transpose()
}

/// End the wait of a greenlet that looks again then. Runs in the loop.
pub(crate) fn wake(py: Python<'_>, greenlet: &Bound<'_, PyAny>) -> PyResult<()> {
    throw(py, greenlet, LoopWake::new_err(()))
}

/// Whether a wait was ended by [`wake`].
pub(crate) fn is_wake(py: Python<'_>, e: &PyErr) -> bool {
    e.is_instance_of::<LoopWake>(py)
}

/// Throw an exception into a greenlet that waits. Runs in the loop.
pub(crate) fn throw(py: Python<'_>, greenlet: &Bound<'_, PyAny>, exception: PyErr) -> PyResult<()> {
    if greenlet.getattr(intern!(py, "dead"))?.is_truthy()? {
        return Ok(());
    }
    greenlet.call_method1(intern!(py, "throw"), (exception,)).map(drop)
}
