//! Bytes objects that outlive their request as output ([`uswgi_serve::send_queue::Held`]). The native thread drops them
//! without the GIL, so they are buried: the next thread that holds it gives the references back.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

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
    // A plain load for nearly every request: an exchange costs as much as all the rest of this.
    if !ANY_DEAD.load(Ordering::Relaxed) || !ANY_DEAD.swap(false, Ordering::AcqRel) {
        return;
    }
    let dead = DEAD.lock().map(|mut d| std::mem::take(&mut *d)).unwrap_or_default();
    for object in dead {
        // SAFETY: bury() got an owned reference exactly once, and the GIL is held.
        unsafe { pyo3::ffi::Py_DECREF(object as *mut pyo3::ffi::PyObject) };
    }
}

/// An answer of an application.
pub(crate) type Response = uswgi_serve::response::Response<HeldBytes>;

/// A bytes object kept alive outside the GIL. Its memory never changes or moves.
pub(crate) struct HeldBytes {
    object: *mut pyo3::ffi::PyObject,
    data: *const u8,
    length: usize,
}

// SAFETY: the bytes of a bytes object are immutable; the reference count is only touched with the GIL
// (in `of`, by its token, and in `drop_buried`).
unsafe impl Send for HeldBytes {}

impl HeldBytes {
    /// Take a reference.
    pub(crate) fn of(bytes: &pyo3::Bound<'_, pyo3::types::PyBytes>) -> HeldBytes {
        use pyo3::types::PyBytesMethods;
        let slice = bytes.as_bytes();
        HeldBytes { object: bytes.clone().into_any().into_ptr(), data: slice.as_ptr(), length: slice.len() }
    }
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the reference taken in `of` keeps the object and its memory alive.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }
}

impl uswgi_serve::send_queue::Held for HeldBytes {}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        bury(self.object);
    }
}
