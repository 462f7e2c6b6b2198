//! Locks between all workers. Waiting releases the GIL, and ends when the request's harakiri comes.

use super::fast::{self, Arguments, Function};
use super::state::{SLICE, breathe, integer, shortly, state};
use crate::gateway::cooperate;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyModule};
use std::ffi::CStr;
use uswgi_serve::say;
use uswgi_shared::locks::Taken;

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    fast::add::<Lock>(module)?;
    fast::add::<Unlock>(module)?;
    fast::add::<IsLocked>(module)
}

/// Seconds between two tries of a greenlet that waits for a lock.
const GREENLET_SLICE: f64 = 0.005;

fn invalid() -> PyErr {
    PyValueError::new_err("Invalid lock number: there are lock 0 and as many more as the option `locks` says")
}

fn index(number: i64) -> PyResult<u32> {
    u32::try_from(number).map_err(|_| invalid())
}

struct Lock;

impl Function for Lock {
    const NAME: &'static CStr = c"lock";
    const DOC: &'static CStr = c"lock(number=0, /)
--

Take a lock, waiting for it.";
    const COUNT: (usize, usize) = (0, 1);

    fn call(py: Python<'_>, arguments: Arguments<'_, '_>) -> PyResult<Py<PyAny>> {
        lock(py, integer(arguments, 0, 0)?).map(|()| py.None())
    }
}

fn lock(py: Python<'_>, number: i64) -> PyResult<()> {
    let (locks, index) = (state()?.shared.locks(), index(number)?);
    let mut taken = locks.try_lock(index).ok_or_else(invalid)?;
    if taken == Taken::Busy {
        let again = || locks.try_lock(index).filter(|t| *t != Taken::Busy);
        taken = shortly(again).unwrap_or(Taken::Busy);
    }
    loop {
        match taken {
            Taken::Yes => return Ok(()),
            Taken::FromTheDead(pid) => {
                say!(
                    "the holder of lock {index} (process {pid}) ended without letting it go; what it guards may be half done"
                );
                return Ok(());
            }
            // Another greenlet of this thread has it, which needs its turn to let it go.
            Taken::Own if cooperate::is_on() => {}
            Taken::Own => {
                return Err(PyRuntimeError::new_err(format!(
                    "this thread holds lock {index} already; it would wait for itself for ever"
                )));
            }
            Taken::Busy => {}
        }
        if cooperate::is_on() {
            cooperate::sleep(py, GREENLET_SLICE)?;
            taken = locks.try_lock(index).ok_or_else(invalid)?;
            continue;
        }
        breathe(py)?;
        taken = py.detach(|| locks.lock_within(index, SLICE)).ok_or_else(invalid)?;
    }
}

struct Unlock;

impl Function for Unlock {
    const NAME: &'static CStr = c"unlock";
    const DOC: &'static CStr =
        c"unlock(number=0, /)\n--\n\nLet a lock go. Nothing happens when the calling thread does not hold it.";
    const COUNT: (usize, usize) = (0, 1);

    fn call(py: Python<'_>, arguments: Arguments<'_, '_>) -> PyResult<Py<PyAny>> {
        let index = index(integer(arguments, 0, 0)?)?;
        state()?.shared.locks().unlock(index).map(|_| py.None()).ok_or_else(invalid)
    }
}

struct IsLocked;

impl Function for IsLocked {
    const NAME: &'static CStr = c"is_locked";
    const DOC: &'static CStr = c"is_locked(number=0, /)\n--\n\nWhether somebody holds a lock now.";
    const COUNT: (usize, usize) = (0, 1);

    fn call(py: Python<'_>, arguments: Arguments<'_, '_>) -> PyResult<Py<PyAny>> {
        let index = index(integer(arguments, 0, 0)?)?;
        let locked = state()?.shared.locks().is_locked(index).ok_or_else(invalid)?;
        Ok(PyBool::new(py, locked).to_owned().into_any().unbind())
    }
}
