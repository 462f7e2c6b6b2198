//! `wsgi.input`: the body of one request. What is buffered comes at once; the rest is received while the
//! application reads, with the GIL released, bounded by the socket timeout and a minimum rate. At the
//! end of the request it is detached from its connection: a kept object reads nothing of the next one.

mod state;

use state::{BodySource, PIECE};
pub(crate) use state::{BodyState, state_for};

use crate::gateway::cooperate;
use crate::py;
use pyo3::exceptions::{PyMemoryError, PyOSError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Condvar, Mutex, PoisonError};
use uswgi_proto::chunked::ChunkError;
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_serve::sync::lock;
use uswgi_serve::sys;

/// Reads from this size on go right into their bytes object.
const DIRECT: usize = 16 * 1024;
/// Such an object begins with at most so many bytes.
const AT_FIRST: usize = 1 << 20;

enum Holder {
    Here(Box<BodyState>),
    /// A thread of the application is in a call that reads.
    Lent,
    Over,
}

#[pyclass(module = "uswgi_worker", frozen)]
pub(crate) struct Input {
    slot: Mutex<Holder>,
    /// The slot is not lent any more.
    back: Condvar,
}

fn detached() -> PyErr {
    PyOSError::new_err("wsgi.input cannot be read: its request is over, or another thread reads it")
}

impl Input {
    pub(crate) fn new(state: BodyState) -> Input {
        Input { slot: Mutex::new(Holder::Here(Box::new(state))), back: Condvar::new() }
    }

    /// Without a body.
    pub(crate) fn empty() -> Input {
        Input::new(BodyState {
            buffer: Vec::new(),
            at: 0,
            base: Some(0),
            source: BodySource::Done,
            fd: -1,
            timeout_ms: 0,
            expects: false,
            received: 0,
            waited_us: 0,
            failed: None,
            unread: None,
        })
    }

    /// The request is over: nothing is read from its connection any more when this returns. None: a thread of the
    /// application was reading at that moment, and nobody knows how far it came.
    pub(crate) fn detach(&self, py: Python<'_>, fd: RawFd) -> Option<Box<BodyState>> {
        // Two statements: the guard must be gone before the wait below.
        let slot = std::mem::replace(&mut *lock(&self.slot), Holder::Over);
        match slot {
            Holder::Here(state) => Some(state),
            Holder::Over => None,
            Holder::Lent => {
                // Its wait ends with the connection.
                sys::shutdown(fd, libc::SHUT_RD);
                while cooperate::is_on() && matches!(*lock(&self.slot), Holder::Over) {
                    // Who reads is another greenlet: it has to get its turn.
                    cooperate::yield_now(py);
                }
                py.detach(|| {
                    let mut slot = lock(&self.slot);
                    while !matches!(*slot, Holder::Here(_)) {
                        slot = self.back.wait(slot).unwrap_or_else(PoisonError::into_inner);
                    }
                    *slot = Holder::Over;
                });
                None
            }
        }
    }

    /// The status for a body that could not be read; None: nothing failed.
    pub(crate) fn refusal(&self) -> Option<u16> {
        match &*lock(&self.slot) {
            Holder::Here(state) => state.failed,
            _ => None,
        }
    }

    /// Run with the state taken out, so that no lock is held while the GIL is released.
    fn with<T>(&self, f: impl FnOnce(&mut BodyState) -> PyResult<T>) -> PyResult<T> {
        let taken = {
            let mut slot = lock(&self.slot);
            match std::mem::replace(&mut *slot, Holder::Lent) {
                Holder::Here(state) => Some(state),
                other => {
                    *slot = other;
                    None
                }
            }
        };
        let mut state = taken.ok_or_else(detached)?;
        let result = f(&mut state);
        // Whoever ends the request meanwhile waits for this.
        *lock(&self.slot) = Holder::Here(state);
        self.back.notify_all();
        result
    }
}

/// Status for a body that could not be read.
fn status_of(e: &io::Error) -> u16 {
    match e.kind() {
        io::ErrorKind::TimedOut => 408,
        io::ErrorKind::OutOfMemory => 503,
        _ => e.get_ref().and_then(|e| e.downcast_ref::<ChunkError>()).map_or(400, ChunkError::status),
    }
}

fn too_slow() -> PyErr {
    PyTimeoutError::new_err("the client sends its request body too slowly")
}

/// Run a step that may wait, the GIL released; its errors as the application sees them.
fn step<T: Send>(
    py: Python<'_>,
    state: &mut BodyState,
    mut step: impl FnMut(&mut BodyState) -> io::Result<T> + Send,
) -> PyResult<T> {
    if state.failed.is_some() {
        return Err(PyOSError::new_err("the request body is incomplete"));
    }
    loop {
        match py.detach(|| step(state)) {
            Ok(value) => return Ok(value),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => py.check_signals()?,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock && cooperate::is_on() => {
                let before = monotonic_us();
                let ready = cooperate::wait(py, state.fd, cooperate::Until::Readable, state.timeout_ms)?;
                if !ready || state.waited(before) {
                    state.failed = Some(408);
                    return Err(too_slow());
                }
            }
            Err(e) => {
                state.failed = Some(status_of(&e));
                return Err(match e.kind() {
                    io::ErrorKind::TimedOut => too_slow(),
                    io::ErrorKind::UnexpectedEof => PyOSError::new_err(
                        "the client closed the connection before its request body was complete",
                    ),
                    io::ErrorKind::OutOfMemory => PyMemoryError::new_err("request body"),
                    _ => PyOSError::new_err(format!("reading the request body: {e}")),
                });
            }
        }
    }
}

fn more(py: Python<'_>, state: &mut BodyState, wanted: usize) -> PyResult<bool> {
    step(py, state, |s| s.more(wanted))
}

fn take<'py>(py: Python<'py>, state: &mut BodyState, n: usize) -> Bound<'py, PyBytes> {
    let bytes = PyBytes::new(py, &state.available()[..n]);
    state.at += n;
    bytes
}

/// A large piece of a counted body, received right into its bytes object. That grows with what comes: a client may
/// announce more than it sends.
fn read_directly<'py>(py: Python<'py>, state: &mut BodyState, size: usize) -> PyResult<Bound<'py, PyBytes>> {
    let no_memory = || PyMemoryError::new_err("request body");
    let mut filled = state.available().len().min(size);
    let mut bytes = py::Growing::new(py, size.min(filled.max(AT_FIRST))).ok_or_else(no_memory)?;
    for (to, from) in bytes.memory().iter_mut().zip(state.available()) {
        to.write(*from);
    }
    state.at += filled;
    while filled < size {
        if filled == bytes.len() {
            bytes = bytes.resized(size.min(filled.saturating_mul(2))).ok_or_else(no_memory)?;
        }
        let memory = &mut bytes.memory()[filled..];
        filled += step(py, state, |s| s.receive_counted(memory))?;
    }
    Ok(bytes.finish())
}

/// Up to `size` bytes; all that is left without a size.
fn read<'py>(py: Python<'py>, state: &mut BodyState, size: Option<usize>) -> PyResult<Bound<'py, PyBytes>> {
    let size = size.unwrap_or(usize::MAX);
    if let BodySource::Counted(left) = state.source {
        let all = state.available().len() as u64 + left;
        let size = (size as u64).min(all) as usize;
        if size >= DIRECT && size > state.available().len() {
            return read_directly(py, state, size);
        }
    }
    while state.available().len() < size {
        if matches!(state.source, BodySource::Done) {
            break;
        }
        let wanted = size - state.available().len();
        if !more(py, state, wanted)? {
            break;
        }
    }
    let n = state.available().len().min(size);
    Ok(take(py, state, n))
}

fn read_line<'py>(
    py: Python<'py>,
    state: &mut BodyState,
    size: Option<usize>,
) -> PyResult<Bound<'py, PyBytes>> {
    let limit = size.unwrap_or(usize::MAX);
    let mut looked = 0;
    loop {
        let available = state.available();
        let end = available.len().min(limit);
        if let Some(i) = available[looked.min(end)..end].iter().position(|&b| b == b'\n') {
            return Ok(take(py, state, looked + i + 1));
        }
        looked = end;
        if end == limit || !more(py, state, PIECE)? {
            let n = state.available().len().min(limit);
            return Ok(take(py, state, n));
        }
    }
}

const STREAMED: &str = "wsgi.input is read as it comes from the client and cannot be read again; \
                        post-buffering keeps bodies of any size";

/// `io.UnsupportedOperation`, which is an OSError, and what libraries look for.
fn unsupported(py: Python<'_>, why: &'static str) -> PyErr {
    match py.import("io").and_then(|io| io.getattr("UnsupportedOperation")?.call1((why,))) {
        Ok(error) => PyErr::from_value(error),
        Err(e) => e,
    }
}

fn given(size: Option<isize>) -> Option<usize> {
    size.and_then(|n| usize::try_from(n).ok())
}

#[pymethods]
impl Input {
    #[pyo3(signature = (size = None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.with(|s| read(py, s, given(size)))
    }

    #[pyo3(signature = (size = None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.with(|s| read_line(py, s, given(size)))
    }

    #[pyo3(signature = (hint = None, /))]
    fn readlines<'py>(&self, py: Python<'py>, hint: Option<isize>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let hint = given(hint).filter(|&h| h > 0).unwrap_or(usize::MAX);
        self.with(|s| {
            let mut lines = Vec::new();
            let mut total = 0;
            while total < hint {
                let line = read_line(py, s, None)?;
                if line.as_bytes().is_empty() {
                    break;
                }
                total += line.as_bytes().len();
                lines.push(line);
            }
            Ok(lines)
        })
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.with(|s| read_line(py, s, None))?;
        Ok((!line.as_bytes().is_empty()).then_some(line))
    }

    /// Go on from another place of a whole body, whence as in `io`; the place from its beginning. Places outside of it
    /// are an error, as in uWSGI.
    #[pyo3(signature = (offset, whence = 0, /))]
    fn seek(&self, py: Python<'_>, offset: i64, whence: i32) -> PyResult<u64> {
        self.with(|s| {
            let (at, length) = s.place().ok_or_else(|| unsupported(py, STREAMED))?;
            let from = match whence {
                0 => 0,
                1 => at,
                2 => length,
                _ => {
                    return Err(PyValueError::new_err(format!(
                        "invalid whence ({whence}, should be 0, 1 or 2)"
                    )));
                }
            };
            let place = from.checked_add_signed(offset).filter(|place| *place <= length);
            let place = place.ok_or_else(|| PyOSError::new_err("seek outside of wsgi.input"))?;
            s.go_to(place);
            Ok(place)
        })
    }

    fn tell(&self, py: Python<'_>) -> PyResult<u64> {
        self.with(|s| s.place().map(|(at, _)| at).ok_or_else(|| unsupported(py, STREAMED)))
    }

    fn seekable(&self) -> PyResult<bool> {
        self.with(|s| Ok(s.place().is_some()))
    }

    /// Of a body on disk; it is closed with the request.
    fn fileno(&self, py: Python<'_>) -> PyResult<RawFd> {
        self.with(|s| {
            s.file().ok_or_else(|| {
                unsupported(py, "wsgi.input has a file only where post-buffering puts it on disk")
            })
        })
    }

    /// Some frameworks close what they read; there is nothing to do.
    fn close(&self) {}
}
