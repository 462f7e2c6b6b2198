//! `start_response` as CPython's own kind of builtin function, called without a tuple of arguments.
//!
//! An FFI leaf: it takes arguments apart and passes them on, and decides nothing. pyo3 makes such functions for
//! the stable ABI of 3.10 and later only; the calling convention is the same since 3.7.

use crate::gateway::wsgi::start_response::StartResponse;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// METH_FASTCALL | METH_KEYWORDS.
const FLAGS: c_int = 0x0080 | 0x0002;
const NAMES: [&str; 3] = ["status", "headers", "exc_info"];

type KeywordCall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

struct Definition(ffi::PyMethodDef);

// SAFETY: constant data; CPython only reads it.
unsafe impl Sync for Definition {}

static DEFINITION: Definition = Definition(ffi::PyMethodDef {
    ml_name: c"start_response".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer {
        // SAFETY: FLAGS tell CPython how it is to be called; the pointers are of one size.
        PyCFunction: unsafe { std::mem::transmute::<KeywordCall, ffi::PyCFunction>(start_response) },
    },
    ml_flags: FLAGS,
    ml_doc: c"start_response(status, headers, exc_info=None)\n\nBegin an answer (PEP 3333).".as_ptr(),
});

/// A builtin function that calls `start_response` of an object.
pub(crate) fn function(py: Python<'_>, object: Bound<'_, StartResponse>) -> PyResult<Py<PyAny>> {
    // SAFETY: the definition lives for ever; the function takes a reference to the object of its own.
    unsafe {
        let function = ffi::PyCMethod_New(
            (&raw const DEFINITION.0).cast_mut(),
            object.as_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        );
        Ok(Bound::from_owned_ptr_or_err(py, function)?.unbind())
    }
}

unsafe extern "C" fn start_response(
    object: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    Python::attach(|py| {
        let called = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: CPython passes the object the function was made with, and as many arguments as it says;
            // all are alive until we return.
            unsafe { apart(py, object, arguments, count, names) }
        }));
        let result = called.unwrap_or_else(|_| Err(PanicException::new_err("a bug in start_response")));
        match result {
            Ok(write) => write.into_ptr(),
            Err(e) => {
                e.restore(py);
                std::ptr::null_mut()
            }
        }
    })
}

/// # Safety
/// As CPython calls a function with [`FLAGS`]: `count` positional arguments, then one for each name in the
/// tuple `names` (null: none); `object` is a [`StartResponse`].
unsafe fn apart(
    py: Python<'_>,
    object: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> PyResult<Py<PyAny>> {
    let count = count as usize;
    if count > NAMES.len() {
        return Err(PyTypeError::new_err(format!(
            "start_response() takes 2 or 3 arguments, {count} were given (PEP 3333)"
        )));
    }
    // SAFETY: see above; borrowed references that live until the caller returns.
    let at = |i: usize| unsafe { Borrowed::<PyAny>::from_ptr(py, *arguments.add(i)) };
    let mut given: [Option<Borrowed<'_, '_, PyAny>>; 3] = [None; 3];
    for (i, place) in given.iter_mut().enumerate().take(count) {
        *place = Some(at(i));
    }
    if !names.is_null() {
        // SAFETY: a tuple of strings by the calling convention.
        let names = unsafe { Borrowed::<PyAny>::from_ptr(py, names) };
        for (i, name) in names.cast::<PyTuple>()?.iter().enumerate() {
            let name: String = name.extract()?;
            match NAMES.iter().position(|n| *n == name) {
                Some(place) if given[place].is_none() => given[place] = Some(at(count + i)),
                _ => {
                    return Err(PyTypeError::new_err(format!(
                        "start_response() got an unexpected or repeated argument {name:?} (PEP 3333)"
                    )));
                }
            }
        }
    }
    let [Some(status), Some(headers), exc_info] = given else {
        return Err(PyTypeError::new_err("start_response() needs a status and headers (PEP 3333)"));
    };
    // SAFETY: the function was made with such an object, and keeps it alive.
    let object = unsafe { Borrowed::<PyAny>::from_ptr(py, object) };
    let object = object.cast::<StartResponse>()?;
    object.get().call(py, &status, &headers, exc_info.as_deref()).map(Py::into_any)
}
