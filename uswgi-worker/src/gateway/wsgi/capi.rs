//! The C API where pyo3's safe functions cost the hot path too much: strings, dicts and calls. Two functions are looked up
//! by name, as the stable ABI of 3.9 does not promise what every CPython from 3.9 on exports.

use pyo3::exceptions::PyUnicodeDecodeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use std::ffi::{c_char, c_void};
use std::sync::OnceLock;

/// An owned reference that is dropped with the GIL held (the table lives in a thread of Python).
pub(super) type OwnedObject = Py<PyAny>;

type AsUtf8 = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::Py_ssize_t) -> *const c_char;
type Vectorcall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// Functions that every CPython from 3.9 exports, but that the stable ABI of 3.9 does not promise.
struct Extras {
    as_utf8: Option<AsUtf8>,
    vectorcall: Option<Vectorcall>,
}

fn extras() -> &'static Extras {
    static EXTRAS: OnceLock<Extras> = OnceLock::new();
    EXTRAS.get_or_init(|| {
        let find = |name: &std::ffi::CStr| -> *mut c_void {
            // SAFETY: a C string; the result is only used when it is not null.
            unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
        };
        let (utf8, call) = (find(c"PyUnicode_AsUTF8AndSize"), find(c"PyObject_Vectorcall"));
        // SAFETY: these symbols have had these signatures since 3.3 and 3.9 and are frozen by the stable
        // ABI of 3.10 and 3.12.
        unsafe {
            Extras {
                as_utf8: (!utf8.is_null()).then(|| std::mem::transmute::<*mut c_void, AsUtf8>(utf8)),
                vectorcall: (!call.is_null()).then(|| std::mem::transmute::<*mut c_void, Vectorcall>(call)),
            }
        }
    })
}

/// The UTF-8 form of a string, kept by the string itself.
pub(crate) fn utf8_of<'a>(text: &'a Bound<'_, PyString>) -> PyResult<&'a [u8]> {
    let Some(as_utf8) = extras().as_utf8 else {
        return Err(PyUnicodeDecodeError::new_err("no UTF-8 access"));
    };
    let mut size = 0;
    // SAFETY: a live str object and the GIL are proven by `text`; the memory lives as long as the object.
    unsafe {
        let data = as_utf8(text.as_ptr(), &mut size);
        if data.is_null() {
            return Err(PyErr::fetch(text.py()));
        }
        Ok(std::slice::from_raw_parts(data.cast(), size as usize))
    }
}

/// Call with two positional arguments.
pub(super) fn call2<'py>(
    callable: &Bound<'py, PyAny>,
    a: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(vectorcall) = extras().vectorcall else {
        return callable.call1((a, b));
    };
    let arguments = [a.as_ptr(), b.as_ptr()];
    // SAFETY: live objects and the GIL are proven by the arguments; the array outlives the call.
    unsafe {
        let result = vectorcall(callable.as_ptr(), arguments.as_ptr(), 2, std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(callable.py(), result)
    }
}

/// Whether a list holds just these pairs, as tuples of the very same objects.
pub(super) fn are_pairs(list: &Bound<'_, PyList>, pairs: &[(OwnedObject, OwnedObject)]) -> bool {
    if list.len() != pairs.len() {
        return false;
    }
    pairs.iter().enumerate().all(|(i, (name, value))| {
        // SAFETY: a list of that length by its type, and a tuple of two where it is looked into; nothing of Python's runs
        // while the borrowed references are compared. The GIL is proven by `list`.
        unsafe {
            let pair = ffi::PyList_GetItem(list.as_ptr(), i as ffi::Py_ssize_t);
            ffi::PyTuple_CheckExact(pair) != 0
                && ffi::PyTuple_Size(pair) == 2
                && ffi::PyTuple_GetItem(pair, 0) == name.as_ptr()
                && ffi::PyTuple_GetItem(pair, 1) == value.as_ptr()
        }
    })
}

/// Bytes as a native string (PEP 3333: latin-1).
pub(super) fn latin1(py: Python<'_>, bytes: &[u8]) -> PyResult<OwnedObject> {
    // SAFETY: pointer and length of a live slice; the GIL is proven by the token.
    unsafe {
        let text = ffi::PyUnicode_DecodeLatin1(
            bytes.as_ptr().cast(),
            bytes.len() as ffi::Py_ssize_t,
            std::ptr::null(),
        );
        Ok(Bound::from_owned_ptr_or_err(py, text)?.unbind())
    }
}

pub(super) fn set(
    py: Python<'_>,
    dict: &Bound<'_, PyDict>,
    key: &OwnedObject,
    value: &OwnedObject,
) -> PyResult<()> {
    // SAFETY: live objects, and a dict by its type; the GIL is proven by the token.
    if unsafe { ffi::PyDict_SetItem(dict.as_ptr(), key.as_ptr(), value.as_ptr()) } != 0 {
        return Err(PyErr::fetch(py));
    }
    Ok(())
}

/// The interned string of the same text.
pub(super) fn interned(py: Python<'_>, key: OwnedObject) -> OwnedObject {
    let mut pointer = key.into_ptr();
    // SAFETY: an owned reference to a str; interning replaces it by another owned one.
    unsafe {
        ffi::PyUnicode_InternInPlace(&mut pointer);
        Bound::from_owned_ptr(py, pointer).unbind()
    }
}
