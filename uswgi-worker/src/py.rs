//! Small helpers over pyo3: tracebacks as text, flushing, the fork protocol of CPython.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyModule, PyString};
use std::mem::MaybeUninit;
use std::sync::Mutex;
use uswgi_serve::sys;

unsafe extern "C" {
    // Part of the stable ABI since 3.7 (Python/C API manual, "Operating System Utilities").
    fn PyOS_BeforeFork();
    fn PyOS_AfterFork_Parent();
    fn PyOS_AfterFork_Child();
}

/// Side of a fork.
pub(crate) enum ForkSide {
    /// The process that forked, with the raw wait status of the intermediate.
    Parent(i32),
    /// The new process, whose parent will be the subreaper as soon as the intermediate (a pid) has ended.
    Child { intermediate: i32 },
}

/// Fork twice, so that the new process belongs to the subreaper, while Python's fork hooks run
/// exactly once: two `os.fork()` would run the application's hooks, which start threads, twice.
///
/// `born` runs in the new process before those hooks. It must not touch Python.
pub(crate) fn fork_twice(_: Python<'_>, born: impl FnOnce()) -> std::io::Result<ForkSide> {
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
                        Ok(ForkSide::Child { intermediate })
                    }
                    Ok(_) => sys::exit_now(0),
                    Err(e) => sys::exit_now(e.raw_os_error().unwrap_or(1) & 0x7f),
                }
            }
            Ok(pid) => {
                let status = sys::wait_child(pid);
                childless.restore();
                PyOS_AfterFork_Parent();
                status.map(ForkSide::Parent)
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

/// A bytes object that is filled, and made larger, before anybody else has it.
pub(crate) struct Growing<'py> {
    bytes: Bound<'py, PyBytes>,
    length: usize,
}

type Resize = unsafe extern "C" fn(*mut *mut ffi::PyObject, ffi::Py_ssize_t) -> std::ffi::c_int;

/// `_PyBytes_Resize`, which every CPython exports, but which the stable ABI does not promise.
fn resize() -> Option<Resize> {
    static RESIZE: std::sync::OnceLock<Option<Resize>> = std::sync::OnceLock::new();
    *RESIZE.get_or_init(|| {
        // SAFETY: a C string; the symbol has had this signature since 2.5 (Python/C API manual, Bytes Objects).
        unsafe {
            let found = libc::dlsym(libc::RTLD_DEFAULT, c"_PyBytes_Resize".as_ptr());
            (!found.is_null()).then(|| std::mem::transmute::<*mut std::ffi::c_void, Resize>(found))
        }
    })
}

impl<'py> Growing<'py> {
    /// Of `length` bytes. None: no memory (the exception is cleared).
    pub(crate) fn new(py: Python<'py>, length: usize) -> Option<Growing<'py>> {
        // SAFETY: the GIL is held. With a null pointer the object's memory is uninitialised and ours to write
        // (Python/C API manual, PyBytes_FromStringAndSize).
        unsafe {
            let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), isize::try_from(length).ok()?);
            Self::of(py, object, length)
        }
    }

    /// # Safety
    /// An owned reference to a bytes object of that length which nobody else has, or null with an exception set.
    unsafe fn of(py: Python<'py>, object: *mut ffi::PyObject, length: usize) -> Option<Growing<'py>> {
        // SAFETY: see above.
        unsafe {
            if object.is_null() {
                ffi::PyErr_Clear();
                return None;
            }
            let bytes = Bound::from_owned_ptr(py, object).cast_into_unchecked::<PyBytes>();
            Some(Growing { bytes, length })
        }
    }

    /// The same bytes with another length. None: no memory, and the bytes are gone.
    pub(crate) fn resized(self, length: usize) -> Option<Growing<'py>> {
        let py = self.bytes.py();
        let Some(resize) = resize() else {
            let mut other = Growing::new(py, length)?;
            for (to, from) in other.memory().iter_mut().zip(self.bytes.as_bytes()) {
                to.write(*from);
            }
            return Some(other);
        };
        let length_given = isize::try_from(length).ok()?;
        let mut object = self.bytes.into_ptr();
        // SAFETY: the only reference, given up here; the function replaces it by another owned one, or by null with
        // an exception set.
        unsafe {
            resize(&mut object, length_given);
            Self::of(py, object, length)
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Its memory, to be filled before [`Growing::finish`].
    pub(crate) fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the object has `length` bytes, and nobody else has it: it never left this struct.
        unsafe {
            let memory = ffi::PyBytes_AsString(self.bytes.as_ptr()).cast::<MaybeUninit<u8>>();
            std::slice::from_raw_parts_mut(memory, self.length)
        }
    }

    /// The object; every byte was written.
    pub(crate) fn finish(self) -> Bound<'py, PyBytes> {
        self.bytes
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

/// What was printed lately, while somebody wants to know (the warm-up).
static REMEMBERED: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// Remember what is printed from here on, or no more.
pub(crate) fn remember_exceptions(on: bool) {
    let mut all = uswgi_serve::sync::lock(&REMEMBERED);
    if all.is_some() != on {
        *all = on.then(Vec::new);
    }
}

/// This traceback too, where somebody wants to know.
pub(crate) fn remember_exception(text: &str) {
    if let Some(all) = &mut *uswgi_serve::sync::lock(&REMEMBERED) {
        all.push(text.to_string());
    }
}

/// What was remembered since the last call.
pub(crate) fn remembered_exceptions() -> Vec<String> {
    uswgi_serve::sync::lock(&REMEMBERED).as_mut().map(std::mem::take).unwrap_or_default()
}

/// Print an exception to the application's stderr.
pub(crate) fn print_exception(py: Python<'_>, error: &PyErr) {
    let text = traceback(py, error);
    remember_exception(&text);
    crate::tracebacks::note(&text);
    let written = PyModule::import(py, "sys")
        .and_then(|sys| sys.getattr("stderr"))
        .and_then(|s| s.call_method1("write", (&text,)).and_then(|_| s.call_method0("flush")));
    if written.is_err() {
        uswgi_serve::say!("{text}");
    }
}
