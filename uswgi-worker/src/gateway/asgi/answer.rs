//! What an ASGI application says, into its answer. Sends without a wait; whoever calls looks whether it must wait then.

use super::head;
use crate::gateway::wsgi::start_response::HOLD;
use crate::pybytes::{HeldBytes, Response};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use uswgi_serve::response::COPY_BODY;

/// One message into the answer.
pub(super) fn say(
    py: Python<'_>,
    response: &mut Response,
    kind: &str,
    message: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let wrong = |what: &str| PyRuntimeError::new_err(format!("{kind} {what}"));
    match kind {
        "http.response.start" => {
            if response.head.is_some() {
                return Err(wrong("came a second time"));
            }
            response.head = Some(Arc::new(head::read(message)?));
            if is_true(message, "trailers")? {
                response.announce_trailers();
            }
            Ok(())
        }
        "http.response.early_hint" if response.head.is_some() => Err(wrong("came after http.response.start")),
        "http.response.early_hint" => {
            let lines = head::of_hint(message)?;
            py.detach(|| response.hint(&lines));
            Ok(())
        }
        "http.response.body" | "http.response.pathsend" | "http.response.trailers"
            if response.head.is_none() =>
        {
            Err(wrong("came before http.response.start"))
        }
        "http.response.trailers" if !response.has_trailers() => {
            Err(wrong("came although http.response.start has not said so (trailers)"))
        }
        "http.response.trailers" if response.failed.is_none() && !response.owes_trailers() => {
            Err(wrong(if response.is_ended() {
                "came after the end of the answer"
            } else {
                "came before the end of the body"
            }))
        }
        "http.response.trailers" => {
            let lines = head::of_trailers(message)?;
            let more = is_true(message, "more_trailers")?;
            py.detach(|| response.trail(&lines, more));
            Ok(())
        }
        "http.response.body" | "http.response.pathsend"
            if (response.is_ended() || response.owes_trailers()) && response.failed.is_none() =>
        {
            Err(wrong("came after the end of the answer"))
        }
        "http.response.body" => {
            let more =
                message.get_item(intern!(py, "more_body"))?.is_some_and(|m| m.is_truthy().unwrap_or(false));
            match message.get_item(intern!(py, "body"))? {
                None => give(py, response, &PyBytes::new(py, b""), more),
                Some(body) => match body.cast::<PyBytes>() {
                    Ok(bytes) => give(py, response, bytes, more),
                    Err(_) => {
                        let copy = py.get_type::<PyBytes>().call1((&body,))?;
                        let copy = copy.cast_into::<PyBytes>()?;
                        if body.is_instance_of::<pyo3::types::PyInt>() {
                            return Err(PyTypeError::new_err("the body must be bytes"));
                        }
                        give(py, response, &copy, more)
                    }
                },
            }
            Ok(())
        }
        "http.response.pathsend" => {
            let path: std::path::PathBuf = message
                .get_item("path")?
                .ok_or_else(|| PyTypeError::new_err("http.response.pathsend needs a path"))?
                .extract()?;
            let file = File::open(&path)?;
            let length = file.metadata()?.len();
            py.detach(|| {
                response.file(OwnedFd::from(file), 0, length);
                response.end_body();
            });
            Ok(())
        }
        _ => Err(wrong("is no message of an HTTP answer")),
    }
}

/// Whether a key of a message says yes.
fn is_true(message: &Bound<'_, PyDict>, key: &str) -> PyResult<bool> {
    message.get_item(key)?.map_or(Ok(false), |value| value.is_truthy())
}

fn give(py: Python<'_>, response: &mut Response, bytes: &Bound<'_, PyBytes>, more: bool) {
    let slice = bytes.as_bytes();
    if !more && !response.head_sent && !response.has_trailers() {
        if slice.len() <= COPY_BODY && response.stage(slice) {
            return;
        }
        let held = (slice.len() >= HOLD).then(|| HeldBytes::of(bytes));
        py.detach(|| {
            response.body(slice, true, held);
            response.end();
        });
        return;
    }
    let begins = more || !response.head_sent;
    if !(more && response.gather(slice)) && (begins || !slice.is_empty()) {
        let held = (slice.len() >= HOLD).then(|| HeldBytes::of(bytes));
        py.detach(|| response.body(slice, false, held));
    }
    if !more {
        py.detach(|| response.end_body());
    }
}
