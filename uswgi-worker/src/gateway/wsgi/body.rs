//! What the application returned, piece by piece into the answer: one bytes object, a file, or whatever it iterates.
//! The GIL is held, but for sends that may wait.

use super::WsgiLane;
use crate::gateway::wsgi::file_wrapper::FileWrapper;
use crate::gateway::wsgi::start_response::{AnswerCell, give};
use crate::pybytes::Response;
use pyo3::exceptions::{PyAssertionError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use std::sync::atomic::Ordering;
use uswgi_serve::response::COPY_BODY;
use uswgi_serve::sync::lock;
use uswgi_serve::sys;

impl WsgiLane {
    pub(super) fn send(
        &mut self,
        py: Python<'_>,
        result: &Bound<'_, PyAny>,
        shared: &AnswerCell,
    ) -> PyResult<()> {
        if let Some(only) = single(result)
            && let Ok(bytes) = only.cast::<PyBytes>()
        {
            if bytes.as_bytes().len() <= COPY_BODY {
                let mut guard = lock(shared);
                let response = guard.as_mut().ok_or_else(sending)?;
                started(response)?;
                if response.stage(bytes.as_bytes()) {
                    return Ok(());
                }
            }
            return give_shared(py, shared, bytes, true).map(drop);
        }
        if let Ok(wrapper) = result.cast_exact::<FileWrapper>()
            && self.send_file(py, wrapper.get(), shared)?
        {
            return Ok(());
        }
        if let Ok(bytes) = result.cast::<PyBytes>() {
            // Not an iterable of bytes, but uWSGI takes it, so applications return it.
            give_shared(py, shared, bytes, true)?;
            return Ok(());
        }
        if result.is_none() || result.is_instance_of::<pyo3::types::PyString>() {
            return Err(PyTypeError::new_err(format!(
                "the application returned {}, not an iterable of bytes (PEP 3333)",
                if result.is_none() { "None".into() } else { format!("a {}", result.get_type().name()?) }
            )));
        }
        let slot = self.engine.lane_slot(self.lane);
        let mut given = 0;
        for item in result.try_iter()? {
            if let Some(slot) = slot {
                slot.body_out.store(given, Ordering::Relaxed);
            }
            let item = item?;
            self.switches += 1;
            let Ok(bytes) = item.cast::<PyBytes>() else {
                if let Ok(wrapper) = item.cast_exact::<FileWrapper>() {
                    if give_file(py, shared, wrapper.get(), &mut given)? {
                        continue;
                    }
                    return Ok(());
                }
                return Err(no_bytes(&item));
            };
            given += bytes.as_bytes().len() as u64;
            let goes_on = match bytes.as_bytes().is_empty() {
                false => give_shared(py, shared, bytes, false)?,
                true => !lock(shared).as_mut().is_some_and(|response| response.notice_departure()),
            };
            if !goes_on {
                return Ok(());
            }
        }
        let mut response = take(shared)?;
        let outcome = started(&response);
        if outcome.is_ok() {
            py.detach(|| response.end());
        }
        *lock(shared) = Some(response);
        outcome
    }

    /// Send a file by the kernel; false when the object is no plain file.
    fn send_file(&self, py: Python<'_>, wrapper: &FileWrapper, shared: &AnswerCell) -> PyResult<bool> {
        let Some((fd, position, length)) = wrapper.regular_file(py) else { return Ok(false) };
        let Ok(own) = sys::dup(fd) else { return Ok(false) };
        let mut response = take(shared)?;
        let outcome = started(&response);
        if outcome.is_ok() {
            py.detach(|| {
                response.file(own, position, length);
                response.end();
            });
        }
        *lock(shared) = Some(response);
        outcome.map(|()| true)
    }
}

/// The only item of a list or tuple.
fn single<'py>(result: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    if let Ok(list) = result.cast_exact::<PyList>() {
        return if list.len() == 1 { list.get_item(0).ok() } else { None };
    }
    let tuple = result.cast_exact::<PyTuple>().ok()?;
    if tuple.len() == 1 { tuple.get_item(0).ok() } else { None }
}

fn take(shared: &AnswerCell) -> PyResult<Box<Response>> {
    lock(shared).take().ok_or_else(sending)
}

fn sending() -> PyErr {
    PyAssertionError::new_err("another thread is sending this answer")
}

fn started(response: &Response) -> PyResult<()> {
    match response.head {
        Some(_) => Ok(()),
        None => Err(PyAssertionError::new_err(
            "the application gave a body without calling start_response (PEP 3333)",
        )),
    }
}

fn no_bytes(item: &Bound<'_, PyAny>) -> PyErr {
    let kind = item.get_type().name().map(|n| n.to_string()).unwrap_or_default();
    PyTypeError::new_err(format!("the application gave a {kind}, not bytes (PEP 3333)"))
}

/// Send what a file that was given as one piece of the body holds; false: nobody wants more. It stays open, as on uWSGI:
/// it is the application's. `given` counts the bytes.
fn give_file(py: Python<'_>, shared: &AnswerCell, wrapper: &FileWrapper, given: &mut u64) -> PyResult<bool> {
    while let Some(item) = wrapper.next(py)? {
        let bytes = item.cast::<PyBytes>().map_err(|_| no_bytes(&item))?;
        *given += bytes.as_bytes().len() as u64;
        if !give_shared(py, shared, bytes, false)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Send a piece; false: nobody wants more.
fn give_shared(
    py: Python<'_>,
    shared: &AnswerCell,
    bytes: &Bound<'_, PyBytes>,
    whole: bool,
) -> PyResult<bool> {
    let mut response = take(shared)?;
    let outcome = started(&response)
        .and_then(|()| give(py, &mut response, bytes, whole))
        .map(|()| response.failed.is_none() && !response.wants_no_body());
    *lock(shared) = Some(response);
    outcome
}
