//! `start_response` and the `write` callable that it returns (PEP 3333), and the answer that both work on.
//!
//! The pair is made anew only when an application kept a reference to the last one.

use crate::gateway::cooperate;
use crate::gateway::wsgi::{capi, fastcall};
use crate::pybytes::{HeldBytes, Response};
use pyo3::exceptions::{PyAssertionError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use std::sync::{Arc, Mutex};
use uswgi_serve::response::AppHead;
use uswgi_serve::sync::lock;

/// The answer of the request in flight; None between requests and while somebody sends.
pub(crate) type AnswerCell = Arc<Mutex<Option<Box<Response>>>>;

/// Bytes from which on an object is kept instead of copied.
pub(crate) const HOLD: usize = 16 * 1024;

/// What `start_response` works on. The callable itself is a builtin function bound to it (see [`fastcall`]).
#[pyclass(module = "uswgi_worker", frozen)]
pub(crate) struct StartResponse {
    shared: AnswerCell,
    write: Py<Write>,
    memo: Mutex<Memo>,
}

#[pyclass(module = "uswgi_worker", frozen, name = "write")]
pub(crate) struct Write {
    shared: AnswerCell,
}

/// What a thread keeps.
pub(crate) struct Pair {
    pub(crate) shared: AnswerCell,
    pub(crate) start_response: Py<PyAny>,
    write: Py<Write>,
}

impl Pair {
    pub(crate) fn new(py: Python<'_>) -> PyResult<Pair> {
        let shared: AnswerCell = Arc::default();
        let write = Py::new(py, Write { shared: shared.clone() })?;
        let object =
            StartResponse { shared: shared.clone(), write: write.clone_ref(py), memo: Mutex::default() };
        let start_response = fastcall::function(py, Bound::new(py, object)?)?;
        Ok(Pair { shared, start_response, write })
    }

    /// Whether an application kept `start_response` or `write` beyond its request.
    pub(crate) fn is_shared(&self, _: Python<'_>) -> bool {
        let count = |object: *mut pyo3::ffi::PyObject| {
            // SAFETY: both objects are alive, and the GIL is proven by the token.
            unsafe { pyo3::ffi::Py_REFCNT(object) }
        };
        // `write` is held here and by the object of `start_response`.
        count(self.start_response.as_ptr()) > 1 || count(self.write.as_ptr()) > 2
    }
}

fn over() -> PyErr {
    PyAssertionError::new_err("the request of this start_response or write() is over")
}

impl StartResponse {
    /// `start_response(status, headers, exc_info=None)`.
    pub(crate) fn call(
        &self,
        py: Python<'_>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Write>> {
        if let Some(info) = exc_info.filter(|e| !e.is_none())
            && lock(&self.shared).as_ref().ok_or_else(over)?.head_sent
        {
            return Err(reraise(info));
        }
        let head = lock(&self.memo).head(status, headers)?;
        let mut guard = lock(&self.shared);
        let response = guard.as_mut().ok_or_else(over)?;
        if response.head.is_some() && exc_info.is_none_or(|e| e.is_none()) {
            return Err(PyAssertionError::new_err(
                "start_response was called a second time without exc_info (PEP 3333)",
            ));
        }
        response.head = Some(head);
        Ok(self.write.clone_ref(py))
    }
}

/// Headers of an answer that are remembered at most, and their bytes.
const MEMO_HEADERS: usize = 24;
const MEMO_BYTES: usize = 4096;

/// The last head that was read, with the very objects it was read from: strings never change, so the same objects
/// mean the same head. Applications that answer with constants need no second look at them.
#[derive(Default)]
struct Memo {
    status: Option<Py<PyAny>>,
    headers: Vec<(Py<PyAny>, Py<PyAny>)>,
    head: Arc<AppHead>,
    misses: u32,
}

impl Memo {
    fn head(&mut self, status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<Arc<AppHead>> {
        if self.fits(status, headers) {
            self.misses = 0;
            return Ok(self.head.clone());
        }
        let head = Arc::new(read_head(status, headers)?);
        self.misses = self.misses.wrapping_add(1);
        // An application whose heads differ each time is tried now and then only.
        if self.misses < 8 || self.misses.is_multiple_of(64) {
            self.remember(status, headers, &head);
        }
        Ok(head)
    }

    fn fits(&self, status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> bool {
        if self.status.as_ref().is_none_or(|s| s.as_ptr() != status.as_ptr()) {
            return false;
        }
        headers.cast_exact::<PyList>().is_ok_and(|list| capi::are_pairs(list, &self.headers))
    }

    fn remember(&mut self, status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>, head: &Arc<AppHead>) {
        self.status = None;
        self.headers.clear();
        let Ok(list) = headers.cast_exact::<PyList>() else { return };
        let exact = |o: &Bound<'_, PyAny>| o.is_exact_instance_of::<PyString>();
        if list.len() > MEMO_HEADERS || head.lines.len() > MEMO_BYTES || !exact(status) {
            return;
        }
        for item in list.iter() {
            let Ok((name, value)) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>() else { return };
            if !exact(&name) || !exact(&value) {
                return;
            }
            self.headers.push((name.unbind(), value.unbind()));
        }
        self.status = Some(status.clone().unbind());
        self.head = head.clone();
    }
}

#[pymethods]
impl Write {
    fn __call__(&self, py: Python<'_>, data: &Bound<'_, PyBytes>) -> PyResult<()> {
        let mut response = lock(&self.shared).take().ok_or_else(over)?;
        let result = if response.head.is_none() {
            Err(PyAssertionError::new_err("write() before start_response (PEP 3333)"))
        } else {
            give(py, &mut response, data, false)
        };
        *lock(&self.shared) = Some(response);
        result
    }
}

/// Send a bytes object as a piece of the body, the GIL released meanwhile; a small one behind another may wait for more.
/// An error is an exception that came while it waited, of a lane that shares its thread.
pub(crate) fn give(
    py: Python<'_>,
    response: &mut Response,
    data: &Bound<'_, PyBytes>,
    whole: bool,
) -> PyResult<()> {
    let slice = data.as_bytes();
    if !whole && response.gather(slice) {
        return Ok(());
    }
    let held = (slice.len() >= HOLD).then(|| HeldBytes::of(data));
    let was_held = held.is_some();
    py.detach(|| response.body(slice, whole, held));
    if was_held {
        // Pieces of a long answer must not pile up until its end.
        crate::pybytes::drop_buried(py);
    }
    // A whole body is bounded by itself; the rest waits here only where the lane shares its thread.
    if !whole && response.must_wait() { cooperate::until_it_takes_more(py, response) } else { Ok(()) }
}

/// The exception of an `exc_info` tuple.
fn reraise(info: &Bound<'_, PyAny>) -> PyErr {
    let value = info.get_item(1).and_then(|value| {
        if let Ok(traceback) = info.get_item(2) {
            value.call_method1("with_traceback", (traceback,))?;
        }
        Ok(value)
    });
    match value {
        Ok(value) => PyErr::from_value(value),
        Err(e) => e,
    }
}

/// Latin-1 bytes of a native string.
fn latin1<'py, T>(text: &Bound<'py, PyString>, f: impl FnOnce(&[u8]) -> T) -> PyResult<T> {
    // The UTF-8 form of an ASCII string is the string's own memory.
    if let Ok(utf8) = capi::utf8_of(text)
        && utf8.is_ascii()
    {
        return Ok(f(utf8));
    }
    let encoded = text.call_method1("encode", ("latin-1",))?.cast_into::<PyBytes>()?;
    Ok(f(encoded.as_bytes()))
}

fn string<'a, 'py>(value: &'a Bound<'py, PyAny>, what: &str) -> PyResult<&'a Bound<'py, PyString>> {
    value.cast::<PyString>().map_err(|_| {
        let kind = value.get_type().name().map(|n| n.to_string()).unwrap_or_default();
        PyTypeError::new_err(format!("{what} must be str, not {kind} (PEP 3333)"))
    })
}

/// A control character, which a head must not hold (PEP 3333, RFC 9110 section 5.5); a tab is allowed.
pub(crate) fn is_bad(b: u8) -> bool {
    b.is_ascii_control() && b != b'\t'
}

fn read_head(status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<AppHead> {
    let mut head = AppHead::default();
    latin1(string(status, "the status")?, |s| {
        // 1xx is no answer: its client would take the next one on the connection for it.
        let code = s.get(..3).filter(|c| c.iter().all(u8::is_ascii_digit) && c[0] >= b'2');
        let separated = matches!(s.get(3), None | Some(b' '));
        match code {
            Some(code) if separated && !s.iter().any(|&b| is_bad(b)) => {
                head.status = code.iter().fold(0, |n, b| n * 10 + u16::from(b - b'0'));
                head.status_text.extend_from_slice(s);
                if s.len() == 3 {
                    // The space is there also without a reason (RFC 9112 section 4).
                    head.status_text.push(b' ');
                }
                Ok(())
            }
            _ => Err(PyValueError::new_err(format!(
                "bad status {:?}: it must be three digits from 200 on, a space and a reason, without control characters (PEP 3333)",
                String::from_utf8_lossy(s)
            ))),
        }
    })??;
    let list = headers
        .cast::<PyList>()
        .map_err(|_| PyTypeError::new_err("the headers must be a list (PEP 3333)"))?;
    head.lines.reserve(list.len() * 40);
    for item in list.iter() {
        let pair = item.cast::<PyTuple>().ok().filter(|t| t.len() == 2).ok_or_else(|| {
            PyTypeError::new_err("each header must be a tuple of name and value (PEP 3333)")
        })?;
        read_header(&mut head, &pair.get_item(0)?, &pair.get_item(1)?)?;
    }
    Ok(head)
}

fn read_header(head: &mut AppHead, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let start = head.lines.len();
    let name_ok = latin1(string(name, "a header name")?, |n| {
        head.lines.extend_from_slice(n);
        !n.is_empty() && n.iter().all(|&b| uswgi_proto::http::is_token(b))
    })?;
    let name_end = head.lines.len();
    if !name_ok {
        let shown = String::from_utf8_lossy(&head.lines[start..name_end]).into_owned();
        return Err(PyValueError::new_err(format!("bad header name {shown:?}")));
    }
    head.lines.extend_from_slice(b": ");
    let value_start = head.lines.len();
    let value_ok = latin1(string(value, "a header value")?, |v| {
        head.lines.extend_from_slice(v);
        !v.iter().any(|&b| is_bad(b))
    })?;
    if !value_ok {
        let shown = String::from_utf8_lossy(&head.lines[start..name_end]).into_owned();
        return Err(PyValueError::new_err(format!(
            "the value of header {shown} holds a control character, and a line break would forge headers; it is refused (PEP 3333)"
        )));
    }
    finish_field(head, start, name_end, value_start)
}

/// A header stands at the end of the lines, its parts from there on: take note of what it means to the framing, and keep
/// its line or not.
pub(crate) fn finish_field(
    head: &mut AppHead,
    start: usize,
    name_end: usize,
    value_start: usize,
) -> PyResult<()> {
    head.count += 1;
    let (name, value) = (&head.lines[start..name_end], &head.lines[value_start..]);
    let mut keep = true;
    match name.len() {
        4 if name.eq_ignore_ascii_case(b"date") => head.has_date = true,
        10 if name.eq_ignore_ascii_case(b"connection") => {
            // Hop-by-hop: the server's own business. A wish to close is granted.
            head.close |=
                value.to_ascii_lowercase().split(|&b| b == b',').any(|v| v.trim_ascii() == b"close");
            keep = false;
        }
        10 if name.eq_ignore_ascii_case(b"keep-alive") => keep = false,
        14 if name.eq_ignore_ascii_case(b"content-length") => {
            let text = std::str::from_utf8(value).ok().map(str::trim);
            match text.filter(|t| t.bytes().all(|b| b.is_ascii_digit())).and_then(|t| t.parse().ok()) {
                Some(n) if head.content_length.is_some_and(|first| first != n) => {
                    return Err(PyValueError::new_err("two different Content-Length headers"));
                }
                Some(n) => {
                    // Once, and not with 204 (RFC 9110 section 8.6).
                    keep = head.content_length.is_none() && head.status != 204;
                    head.content_length = Some(n);
                }
                None => {
                    let shown = String::from_utf8_lossy(value).into_owned();
                    return Err(PyValueError::new_err(format!("bad Content-Length {shown:?}")));
                }
            }
        }
        17 if name.eq_ignore_ascii_case(b"transfer-encoding") => keep = false,
        _ => {}
    }
    if keep {
        head.lines.extend_from_slice(b"\r\n");
    } else {
        head.lines.truncate(start);
        head.count -= 1;
    }
    Ok(())
}
