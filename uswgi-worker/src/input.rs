//! `wsgi.input`: the body of one request. What is buffered comes at once; the rest is received while the
//! application reads, with the GIL released, bounded by the socket timeout and a minimum rate. At the
//! end of the request it is detached from its connection: a kept object reads nothing of the next one.

use crate::connection::Conn;
use crate::engine::lock;
use crate::{py, sys};
use pyo3::exceptions::{PyMemoryError, PyOSError, PyTimeoutError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::sync::{Condvar, Mutex, PoisonError};
use uswgi_proto::chunked::{ChunkError, Decoder};
use uswgi_proto::scoreboard::monotonic_us;

/// Reads from this size on go right into their bytes object.
const DIRECT: usize = 16 * 1024;
/// Received at a time.
const PIECE: usize = 64 * 1024;
/// Slowest client that a thread waits for, bytes a second, after the first half minute.
const SLOWEST: u64 = 256;

/// Where the rest of a body comes from.
pub(crate) enum Source {
    /// There is no more.
    Done,
    /// So many bytes of the socket.
    Counted(u64),
    /// So many bytes of a file on disk.
    File(std::fs::File, u64),
    /// Chunks; `raw` holds what was received and not decoded.
    Chunked { decoder: Decoder, raw: Vec<u8> },
}

pub(crate) struct State {
    pub(crate) buffer: Vec<u8>,
    pub(crate) at: usize,
    pub(crate) source: Source,
    pub(crate) fd: RawFd,
    pub(crate) timeout_ms: i32,
    /// `100 Continue` is due before the first receive.
    pub(crate) expects: bool,
    pub(crate) received: u64,
    pub(crate) waited_us: u64,
    /// Reading failed: the status of the answer when the application leaves it at that.
    pub(crate) failed: Option<u16>,
}

impl State {
    fn available(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Receive once with `receive`, waiting as long as the client may take; 0: the client left.
    fn receive(&mut self, mut receive: impl FnMut(RawFd) -> io::Result<usize>) -> io::Result<usize> {
        if std::mem::take(&mut self.expects) {
            let _ = sys::send2(self.fd, crate::answer::CONTINUE, b"");
        }
        loop {
            match receive(self.fd) {
                Ok(n) => {
                    self.received += n as u64;
                    return Ok(n);
                }
                Err(e) if sys::would_block(&e) => {}
                Err(e) => return Err(e),
            }
            let before = monotonic_us();
            // An interruption (a signal) goes up, so that its Python handler can run.
            if !sys::wait_for(self.fd, libc::POLLIN, self.timeout_ms)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.waited_us += monotonic_us() - before;
            let seconds = self.waited_us / 1_000_000;
            if seconds > 30 && self.received / seconds < SLOWEST {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Receive the next bytes of a counted body; counts them. End of file is an error.
    fn receive_counted(&mut self, into: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        let Source::Counted(left) = self.source else { return Ok(0) };
        let take = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let n = self.receive(|fd| sys::recv_slice(fd, &mut into[..take]))?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let left = left - n as u64;
        self.source = if left == 0 { Source::Done } else { Source::Counted(left) };
        Ok(n)
    }

    /// Get more into the buffer; false: the body is over.
    fn more(&mut self, wanted: usize) -> io::Result<bool> {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        match &mut self.source {
            Source::Done => Ok(false),
            Source::Counted(left) => {
                let piece = (*left).min(wanted.clamp(PIECE, 1 << 20) as u64) as usize;
                reserve_exactly(&mut self.buffer, piece)?;
                let mut buffer = std::mem::take(&mut self.buffer);
                let result = self.receive_counted(&mut buffer.spare_capacity_mut()[..piece]);
                if let Ok(n) = result {
                    // SAFETY: recv wrote n bytes right behind the length, within the capacity.
                    unsafe { buffer.set_len(buffer.len() + n) };
                }
                self.buffer = buffer;
                result.map(|_| true)
            }
            Source::File(file, left) => {
                use std::io::Read;
                let piece = (*left).min(wanted.clamp(PIECE, 1 << 20) as u64);
                reserve_exactly(&mut self.buffer, piece as usize)?;
                let n = file.take(piece).read_to_end(&mut self.buffer)? as u64;
                *left = if n == 0 { 0 } else { *left - n };
                if *left == 0 {
                    self.source = Source::Done;
                }
                Ok(n > 0)
            }
            Source::Chunked { .. } => self.more_chunks(),
        }
    }

    fn more_chunks(&mut self) -> io::Result<bool> {
        loop {
            let Source::Chunked { decoder, raw } = &mut self.source else { return Ok(false) };
            let before = self.buffer.len();
            let used = decoder
                .feed(raw, &mut self.buffer, PIECE)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            raw.drain(..used);
            if self.buffer.len() > before {
                return Ok(true);
            }
            if decoder.done() {
                // What follows belongs to the next request; `leftover` takes it.
                return Ok(false);
            }
            let mut raw = std::mem::take(raw);
            let result = reserve_exactly(&mut raw, PIECE)
                .and_then(|()| self.receive(|fd| sys::recv_into(fd, &mut raw)));
            if let Source::Chunked { raw: slot, .. } = &mut self.source {
                *slot = raw;
            }
            if result? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Whether every byte of the body was received.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.source {
            Source::Done | Source::File(..) => true,
            Source::Counted(_) => false,
            Source::Chunked { decoder, .. } => decoder.done(),
        }
    }

    /// Bytes received behind the body.
    pub(crate) fn leftover(self) -> Vec<u8> {
        match self.source {
            Source::Chunked { raw, .. } => raw,
            _ => Vec::new(),
        }
    }
}

fn reserve_exactly(buffer: &mut Vec<u8>, n: usize) -> io::Result<()> {
    buffer.try_reserve(n).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

enum Slot {
    Here(Box<State>),
    /// A thread of the application is in a call that reads.
    Lent,
    Over,
}

#[pyclass(module = "uswgi_worker", frozen)]
pub(crate) struct Input {
    slot: Mutex<Slot>,
    /// The slot is not lent any more.
    back: Condvar,
}

fn detached() -> PyErr {
    PyOSError::new_err("wsgi.input cannot be read: its request is over, or another thread reads it")
}

impl Input {
    pub(crate) fn new(state: State) -> Input {
        Input { slot: Mutex::new(Slot::Here(Box::new(state))), back: Condvar::new() }
    }

    /// Without a body.
    pub(crate) fn empty() -> Input {
        Input::new(State {
            buffer: Vec::new(),
            at: 0,
            source: Source::Done,
            fd: -1,
            timeout_ms: 0,
            expects: false,
            received: 0,
            waited_us: 0,
            failed: None,
        })
    }

    /// The request is over: nothing is read from its connection any more when this returns. None: a thread of the
    /// application was reading at that moment, and nobody knows how far it came.
    pub(crate) fn detach(&self, py: Python<'_>, fd: RawFd) -> Option<Box<State>> {
        // Two statements: the guard must be gone before the wait below.
        let slot = std::mem::replace(&mut *lock(&self.slot), Slot::Over);
        match slot {
            Slot::Here(state) => Some(state),
            Slot::Over => None,
            Slot::Lent => {
                // Its wait ends with the connection.
                sys::shutdown(fd, libc::SHUT_RD);
                py.detach(|| {
                    let mut slot = lock(&self.slot);
                    while !matches!(*slot, Slot::Here(_)) {
                        slot = self.back.wait(slot).unwrap_or_else(PoisonError::into_inner);
                    }
                    *slot = Slot::Over;
                });
                None
            }
        }
    }

    /// The status for a body that could not be read; None: nothing failed.
    pub(crate) fn refusal(&self) -> Option<u16> {
        match &*lock(&self.slot) {
            Slot::Here(state) => state.failed,
            _ => None,
        }
    }

    /// Run with the state taken out, so that no lock is held while the GIL is released.
    fn with<T>(&self, f: impl FnOnce(&mut State) -> PyResult<T>) -> PyResult<T> {
        let taken = {
            let mut slot = lock(&self.slot);
            match std::mem::replace(&mut *slot, Slot::Lent) {
                Slot::Here(state) => Some(state),
                other => {
                    *slot = other;
                    None
                }
            }
        };
        let mut state = taken.ok_or_else(detached)?;
        let result = f(&mut state);
        // Whoever ends the request meanwhile waits for this.
        *lock(&self.slot) = Slot::Here(state);
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

/// Run a step that may wait, the GIL released; its errors as the application sees them.
fn step<T: Send>(
    py: Python<'_>,
    state: &mut State,
    mut step: impl FnMut(&mut State) -> io::Result<T> + Send,
) -> PyResult<T> {
    if state.failed.is_some() {
        return Err(PyOSError::new_err("the request body is incomplete"));
    }
    loop {
        match py.detach(|| step(state)) {
            Ok(value) => return Ok(value),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => py.check_signals()?,
            Err(e) => {
                state.failed = Some(status_of(&e));
                return Err(match e.kind() {
                    io::ErrorKind::TimedOut => {
                        PyTimeoutError::new_err("the client sends its request body too slowly")
                    }
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

fn more(py: Python<'_>, state: &mut State, wanted: usize) -> PyResult<bool> {
    step(py, state, |s| s.more(wanted))
}

fn take<'py>(py: Python<'py>, state: &mut State, n: usize) -> Bound<'py, PyBytes> {
    let bytes = PyBytes::new(py, &state.available()[..n]);
    state.at += n;
    bytes
}

/// A large piece of a counted body, received right into its bytes object.
fn read_directly<'py>(py: Python<'py>, state: &mut State, size: usize) -> PyResult<Bound<'py, PyBytes>> {
    let (bytes, memory) = py::new_bytes(py, size).ok_or_else(|| PyMemoryError::new_err("request body"))?;
    let mut filled = state.available().len().min(size);
    for (to, from) in memory.iter_mut().zip(state.available()) {
        to.write(*from);
    }
    state.at += filled;
    while filled < size {
        filled += step(py, state, |s| s.receive_counted(&mut memory[filled..]))?;
    }
    Ok(bytes)
}

/// Up to `size` bytes; all that is left without a size.
fn read<'py>(py: Python<'py>, state: &mut State, size: Option<usize>) -> PyResult<Bound<'py, PyBytes>> {
    let size = size.unwrap_or(usize::MAX);
    if let Source::Counted(left) = state.source {
        let all = state.available().len() as u64 + left;
        let size = (size as u64).min(all) as usize;
        if size >= DIRECT && size > state.available().len() {
            return read_directly(py, state, size);
        }
    }
    while state.available().len() < size {
        if matches!(state.source, Source::Done) {
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

fn read_line<'py>(py: Python<'py>, state: &mut State, size: Option<usize>) -> PyResult<Bound<'py, PyBytes>> {
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

    /// Some frameworks close what they read; there is nothing to do.
    fn close(&self) {}
}

/// A copy, or no memory.
fn copied(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut copy = Vec::new();
    reserve_exactly(&mut copy, bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// The state for the body of the request at the start of a connection's buffer; the bytes of the body are
/// moved out of it, and the head stays.
pub(crate) fn state_for(
    conn: &mut Conn,
    head_length: usize,
    body: crate::connection::Body,
    timeout_ms: i32,
) -> io::Result<Option<State>> {
    use crate::connection::Body;
    let (buffer, source) = match body {
        Body::None => return Ok(None),
        Body::Buffered(n) => (copied(&conn.buffer[head_length..head_length + n])?, Source::Done),
        Body::Decoded => (conn.chunks.take().ok_or(io::ErrorKind::NotFound)?.decoded, Source::Done),
        Body::Spooled => {
            let spool = conn.spool.take().ok_or(io::ErrorKind::NotFound)?;
            (Vec::new(), Source::File(spool.file, spool.length))
        }
        Body::Stream(length) => {
            let mut buffer = copied(&conn.buffer[head_length..])?;
            conn.buffer.truncate(head_length);
            if buffer.len() as u64 > length {
                // The next request has begun to arrive behind this body.
                let next = buffer.split_off(length as usize);
                conn.buffer.extend_from_slice(&next);
            }
            let left = length - buffer.len() as u64;
            let source = if left == 0 { Source::Done } else { Source::Counted(left) };
            (buffer, source)
        }
        Body::StreamChunks => {
            let chunks = conn.chunks.take().ok_or(io::ErrorKind::NotFound)?;
            let raw = copied(&conn.buffer[head_length..])?;
            conn.buffer.truncate(head_length);
            (chunks.decoded, Source::Chunked { decoder: chunks.decoder, raw })
        }
    };
    Ok(Some(State {
        buffer,
        at: 0,
        source,
        fd: conn.raw(),
        timeout_ms,
        expects: std::mem::take(&mut conn.expects),
        received: 0,
        waited_us: 0,
        failed: None,
    }))
}
