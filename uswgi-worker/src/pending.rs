//! Output that a socket did not take yet: bytes, a Python bytes object, or a part of a file.
//! Never waits, never touches Python: objects are given back through [`Graveyard`].

use crate::sys;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use uswgi_proto::lent::Queue;

/// Objects whose reference is dropped by the next thread that holds the GIL.
static DEAD: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static ANY_DEAD: AtomicBool = AtomicBool::new(false);

fn bury(object: *mut pyo3::ffi::PyObject) {
    if let Ok(mut dead) = DEAD.lock() {
        dead.push(object as usize);
        ANY_DEAD.store(true, Ordering::Release);
    }
}

/// Drop references that native code held. Call with the GIL held, as the token proves.
pub(crate) fn drop_buried(_: pyo3::Python<'_>) {
    if !ANY_DEAD.swap(false, Ordering::AcqRel) {
        return;
    }
    let dead = DEAD.lock().map(|mut d| std::mem::take(&mut *d)).unwrap_or_default();
    for object in dead {
        // SAFETY: bury() got an owned reference exactly once, and the GIL is held.
        unsafe { pyo3::ffi::Py_DECREF(object as *mut pyo3::ffi::PyObject) };
    }
}

/// A bytes object kept alive outside the GIL. Its memory never changes or moves.
pub(crate) struct HeldBytes {
    object: *mut pyo3::ffi::PyObject,
    data: *const u8,
    length: usize,
}

// SAFETY: the bytes of a bytes object are immutable; the reference count is only touched with the GIL
// (in `of`, by its token, and in `drop_buried`).
unsafe impl Send for HeldBytes {}
// SAFETY: as above; a shared reference only reads the bytes.
unsafe impl Sync for HeldBytes {}

impl HeldBytes {
    /// Take a reference.
    pub(crate) fn of(bytes: &pyo3::Bound<'_, pyo3::types::PyBytes>) -> HeldBytes {
        use pyo3::types::PyBytesMethods;
        let slice = bytes.as_bytes();
        HeldBytes { object: bytes.clone().into_any().into_ptr(), data: slice.as_ptr(), length: slice.len() }
    }

    fn get(&self) -> &[u8] {
        // SAFETY: the reference taken in `of` keeps the object and its memory alive.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        bury(self.object);
    }
}

/// Bytes after which others get their turn: a fast reader must not keep its sender for a whole file.
const AT_ONCE: u64 = 4 << 20;

enum Piece {
    Bytes(Vec<u8>, usize),
    Held(HeldBytes, usize),
    File { fd: OwnedFd, offset: i64, left: u64 },
}

/// A queue of output.
#[derive(Default)]
pub(crate) struct Pending {
    pieces: VecDeque<Piece>,
    /// Bytes of memory in it (files do not count).
    memory: usize,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes held in memory.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// Bytes that are still to be sent.
    pub(crate) fn left(&self) -> u64 {
        let file = |piece: &Piece| if let Piece::File { left, .. } = piece { *left } else { 0 };
        self.memory as u64 + self.pieces.iter().map(file).sum::<u64>()
    }

    /// Append a copy; an error: there is no memory.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(Piece::Bytes(last, at)) = self.pieces.back_mut() {
            // What is sent must not pile up in front while a long answer goes through this piece.
            if *at > last.len() / 2 {
                last.drain(..*at);
                *at = 0;
            }
            last.try_reserve(bytes.len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
            last.extend_from_slice(bytes);
        } else {
            let mut copy = Vec::new();
            copy.try_reserve(bytes.len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
            copy.extend_from_slice(bytes);
            self.pieces.push_back(Piece::Bytes(copy, 0));
        }
        self.memory += bytes.len();
        Ok(())
    }

    /// Append the bytes of an object from `offset` on.
    pub(crate) fn push_held(&mut self, held: HeldBytes, offset: usize) {
        self.memory += held.length - offset;
        self.pieces.push_back(Piece::Held(held, offset));
    }

    /// Append a part of a file.
    pub(crate) fn push_file(&mut self, fd: OwnedFd, offset: i64, left: u64) {
        if left > 0 {
            self.pieces.push_back(Piece::File { fd, offset, left });
        }
    }

    /// Send what the socket takes, at most about [`AT_ONCE`]; bytes sent. When something is left without an error, the
    /// socket tells when it goes on.
    pub(crate) fn flush(&mut self, socket: RawFd) -> io::Result<u64> {
        let mut total = 0;
        while total < AT_ONCE
            && let Some(piece) = self.pieces.front_mut()
        {
            let result = match piece {
                Piece::Bytes(bytes, at) => sys::send2(socket, &bytes[*at..], b"").map(|n| {
                    *at += n;
                    self.memory -= n;
                    (n, *at == bytes.len())
                }),
                Piece::Held(held, at) => sys::send2(socket, &held.get()[*at..], b"").map(|n| {
                    *at += n;
                    self.memory -= n;
                    (n, *at == held.length)
                }),
                Piece::File { fd, offset, left } => {
                    let count = (*left).min(1 << 20) as usize;
                    sys::sendfile(socket, fd.as_raw_fd(), offset, count).and_then(|n| {
                        if n == 0 {
                            // The file became shorter than its announced length: the answer is broken.
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                        *left -= n as u64;
                        Ok((n, *left == 0))
                    })
                }
            };
            match result {
                Ok((n, done)) => {
                    total += n as u64;
                    if done {
                        self.pieces.pop_front();
                    }
                }
                Err(e) if sys::would_block(&e) => return Ok(total),
                Err(e) => return Err(e),
            }
        }
        Ok(total)
    }
}

/// It can be lent.
impl Queue for Pending {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn memory(&self) -> usize {
        self.memory()
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.push(bytes)
    }

    fn flush(&mut self, socket: RawFd) -> io::Result<u64> {
        self.flush(socket)
    }
}
