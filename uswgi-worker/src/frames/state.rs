//! Two addresses of CPython, asked of itself. The unsafe leaf of its room: nothing is read there.

use pyo3::prelude::*;
use std::ops::Range;

/// Bytes of `_PyRuntime` and what is around it, more than in any version: the GIL's mutex and condition are in it, and
/// nothing else that a thread waits at.
const RUNTIME: usize = 1 << 20;

/// The address of the calling thread's state.
pub(super) fn this_state(_: Python<'_>) -> usize {
    // SAFETY: the GIL is held by this thread, so it has a state.
    unsafe { pyo3::ffi::PyThreadState_Get() as usize }
}

/// Where the GIL is; empty where that is not known.
pub(crate) fn gil_memory() -> Range<usize> {
    // SAFETY: looks a name up.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_PyRuntime".as_ptr()) } as usize;
    if found == 0 { 0..0 } else { found..found + RUNTIME }
}
