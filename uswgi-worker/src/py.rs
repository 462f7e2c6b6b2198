//! Small helpers over pyo3: tracebacks as text, flushing, the fork protocol of CPython.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyModule, PyString};
use std::mem::MaybeUninit;
use uswgi_serve::sys;

unsafe extern "C" {
    // Part of the stable ABI since 3.7 (Python/C API manual, "Operating System Utilities").
    fn PyOS_BeforeFork();
    fn PyOS_AfterFork_Parent();
    fn PyOS_AfterFork_Child();
}

/// Side of a fork.
pub(crate) enum Side {
    /// The process that forked, with the raw wait status of the intermediate.
    Parent(i32),
    /// The new process, whose parent will be the subreaper as soon as the intermediate (a pid) has ended.
    Child { intermediate: i32 },
}

/// Fork twice, so that the new process belongs to the subreaper, while Python's fork hooks run
/// exactly once: two `os.fork()` would run the application's hooks, which start threads, twice.
///
/// `born` runs in the new process before those hooks. It must not touch Python.
pub(crate) fn fork_twice(_: Python<'_>, born: impl FnOnce()) -> std::io::Result<Side> {
    // waitpid below must see the intermediate: an application that ignores SIGCHLD would eat it.
    let childless = sys::set_aside(libc::SIGCHLD);
    // SAFETY: the GIL is held (the token proves it); the calls come in the order that CPython's own
    // os_fork_impl uses, and the intermediate does nothing but fork and _exit. `born` does not touch Python.
    unsafe {
        PyOS_BeforeFork();
        let first = sys::fork();
        match first {
            Err(e) => {
                childless.restore();
                PyOS_AfterFork_Parent();
                Err(e)
            }
            Ok(0) => {
                let intermediate = std::process::id() as i32;
                match sys::fork() {
                    Ok(0) => {
                        childless.restore();
                        uswgi_shared::locks::forked();
                        born();
                        PyOS_AfterFork_Child();
                        Ok(Side::Child { intermediate })
                    }
                    Ok(_) => sys::exit_now(0),
                    Err(e) => sys::exit_now(e.raw_os_error().unwrap_or(1) & 0x7f),
                }
            }
            Ok(pid) => {
                let status = sys::wait_child(pid);
                childless.restore();
                PyOS_AfterFork_Parent();
                status.map(Side::Parent)
            }
        }
    }
}

/// The traceback of an exception, as Python prints it.
pub(crate) fn traceback(py: Python<'_>, error: &PyErr) -> String {
    let formatted = || -> PyResult<String> {
        let lines = PyModule::import(py, "traceback")?
            .call_method1("format_exception", (error.get_type(py), error.value(py), error.traceback(py)))?;
        PyString::new(py, "").call_method1("join", (lines,))?.extract()
    };
    formatted().unwrap_or_else(|_| format!("{error}\n"))
}

/// A bytes object of `length` bytes and its memory, for the caller to fill before anybody else sees it. None: no
/// memory (the exception is cleared).
pub(crate) fn new_bytes(
    py: Python<'_>,
    length: usize,
) -> Option<(Bound<'_, PyBytes>, &mut [MaybeUninit<u8>])> {
    // SAFETY: the GIL is held. With a null pointer the object's memory is uninitialised and ours to write
    // (Python/C API manual, PyBytes_FromStringAndSize) as long as nobody else has the object; it has `length` bytes
    // and lives as long as the object, which the caller holds beside the slice.
    unsafe {
        let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), isize::try_from(length).ok()?);
        if object.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        let memory = ffi::PyBytes_AsString(object).cast::<MaybeUninit<u8>>();
        let bytes = Bound::from_owned_ptr(py, object).cast_into_unchecked::<PyBytes>();
        Some((bytes, std::slice::from_raw_parts_mut(memory, length)))
    }
}

/// Write what the application printed so far; a forked process would print it again.
pub(crate) fn flush(py: Python<'_>) {
    let Ok(sys) = PyModule::import(py, "sys") else { return };
    for name in ["stdout", "stderr"] {
        // A stream may be None or closed.
        let _ = sys.getattr(name).and_then(|s| s.call_method0("flush"));
    }
}

/// What the application prints comes line by line, not in blocks of 8 KiB that end anywhere.
pub(crate) fn buffer_lines(py: Python<'_>) {
    let buffer = || -> PyResult<()> {
        let options = pyo3::types::PyDict::new(py);
        options.set_item("line_buffering", true)?;
        PyModule::import(py, "sys")?.getattr("stdout")?.call_method("reconfigure", (), Some(&options))?;
        Ok(())
    };
    // A stream may be None, or the application's sitecustomize may have put another one there.
    let _ = buffer();
}

/// Print an exception to the application's stderr.
pub(crate) fn print_exception(py: Python<'_>, error: &PyErr) {
    let text = traceback(py, error);
    let written = PyModule::import(py, "sys")
        .and_then(|sys| sys.getattr("stderr"))
        .and_then(|s| s.call_method1("write", (&text,)).and_then(|_| s.call_method0("flush")));
    if written.is_err() {
        uswgi_serve::say!("{text}");
    }
}
