//! The head of an answer, as `http.response.start` says it.

use crate::gateway::wsgi::start_response::{finish_field, is_bad};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use uswgi_serve::answer;
use uswgi_serve::response::{AppHead, may_trail};

/// Read it; an error is the application's to see.
pub(super) fn read(message: &Bound<'_, PyDict>) -> PyResult<AppHead> {
    let py = message.py();
    let status: u16 = message
        .get_item(intern!(py, "status"))?
        .ok_or_else(|| PyTypeError::new_err("http.response.start needs a status"))?
        .extract()?;
    if !(200..=999).contains(&status) {
        return Err(PyValueError::new_err(format!("bad status {status}: it must be from 200 to 999")));
    }
    let status_text = format!("{status} {}", answer::reason(status)).into_bytes();
    let mut head = AppHead { status, status_text, ..AppHead::default() };
    if let Some(headers) = message.get_item(intern!(py, "headers"))? {
        fields(&headers, |name, value| field(&mut head, name, value))?;
    }
    Ok(head)
}

/// The lines of `websocket.accept`; those of the handshake itself are the server's.
pub(super) fn of_handshake(headers: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mut head = AppHead::default();
    fields(headers, |name, value| match name.to_ascii_lowercase().as_slice() {
        b"sec-websocket-protocol" => Err(PyValueError::new_err(
            "sec-websocket-protocol is the subprotocol of websocket.accept, no header",
        )),
        b"upgrade"
        | b"connection"
        | b"sec-websocket-accept"
        | b"sec-websocket-extensions"
        | b"transfer-encoding"
        | b"content-length" => Ok(()),
        _ => field(&mut head, name, value),
    })?;
    Ok(head.lines)
}

/// The lines of `http.response.early_hint`.
pub(super) fn of_hint(message: &Bound<'_, PyDict>) -> PyResult<Vec<u8>> {
    let mut head = AppHead::default();
    if let Some(links) = message.get_item("links")? {
        for link in links.try_iter()? {
            let link = link?;
            let link = link.cast::<PyBytes>().map_err(|_| {
                PyTypeError::new_err("links of http.response.early_hint must be bytes (ASGI)")
            })?;
            field(&mut head, b"link", link.as_bytes())?;
        }
    }
    Ok(head.lines)
}

/// The lines of `http.response.trailers`.
pub(super) fn of_trailers(message: &Bound<'_, PyDict>) -> PyResult<Vec<u8>> {
    let mut head = AppHead::default();
    if let Some(headers) = message.get_item(intern!(message.py(), "headers"))? {
        fields(&headers, |name, value| match may_trail(name) {
            true => field(&mut head, name, value),
            false => Err(PyValueError::new_err(format!(
                "{} may not stand behind a body (RFC 9110, section 6.5.1)",
                String::from_utf8_lossy(name)
            ))),
        })?;
    }
    Ok(head.lines)
}

fn fields(headers: &Bound<'_, PyAny>, mut each: impl FnMut(&[u8], &[u8]) -> PyResult<()>) -> PyResult<()> {
    for pair in headers.try_iter()? {
        // Any iterable of two, as the specification has it.
        let mut pair = pair?.try_iter()?;
        let (Some(name), Some(value), None) = (pair.next(), pair.next(), pair.next()) else {
            return Err(PyTypeError::new_err("a header is a name and a value (ASGI)"));
        };
        let (name, value) = (name?, value?);
        let bytes = |value: &Bound<'_, PyAny>| -> PyResult<Vec<u8>> {
            match value.cast::<PyBytes>() {
                Ok(bytes) => Ok(bytes.as_bytes().to_vec()),
                Err(_) => Err(PyTypeError::new_err("names and values of headers must be bytes (ASGI)")),
            }
        };
        each(&bytes(&name)?, &bytes(&value)?)?;
    }
    Ok(())
}

fn field(head: &mut AppHead, name: &[u8], value: &[u8]) -> PyResult<()> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    if name.is_empty() || !name.iter().all(|&b| uswgi_proto::http::is_token(b)) {
        return Err(PyValueError::new_err(format!("bad header name {:?}", shown())));
    }
    if value.iter().any(|&b| is_bad(b)) {
        return Err(PyValueError::new_err(format!(
            "the value of header {} holds a control character, and a line break would forge headers",
            shown()
        )));
    }
    let start = head.lines.len();
    head.lines.extend_from_slice(name);
    let name_end = head.lines.len();
    head.lines.extend_from_slice(b": ");
    let value_start = head.lines.len();
    head.lines.extend_from_slice(value);
    finish_field(head, start, name_end, value_start)
}
