//! Builtin functions that CPython calls without a tuple of arguments: for those of the module that cost little
//! themselves. Positional arguments only.
//!
//! An FFI leaf: it passes arguments on and decides nothing. pyo3 makes such functions for the stable ABI of 3.10
//! and later only; the calling convention is the same since 3.7.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// METH_FASTCALL.
const FLAGS: c_int = 0x0080;

/// Arguments of a call.
pub(super) type Arguments<'a, 'py> = &'a [Borrowed<'a, 'py, PyAny>];

/// A function.
pub(super) trait Function {
    const NAME: &'static CStr;
    const DOC: &'static CStr;
    /// Least and most arguments.
    const COUNT: (usize, usize);

    /// Called with so many arguments as [`Function::COUNT`] allows.
    fn call(py: Python<'_>, arguments: Arguments<'_, '_>) -> PyResult<Py<PyAny>>;
}

type FastCall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
) -> *mut ffi::PyObject;

struct FunctionDefinition(ffi::PyMethodDef);

// SAFETY: constant data; CPython only reads it.
unsafe impl Sync for FunctionDefinition {}

struct Table<F>(std::marker::PhantomData<F>);

impl<F: Function> Table<F> {
    const DEFINITION: &'static FunctionDefinition = &FunctionDefinition(ffi::PyMethodDef {
        ml_name: F::NAME.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            // SAFETY: FLAGS tell CPython how it is to be called; the pointers are of one size.
            PyCFunction: unsafe { std::mem::transmute::<FastCall, ffi::PyCFunction>(enter::<F>) },
        },
        ml_flags: FLAGS,
        ml_doc: F::DOC.as_ptr(),
    });
}

/// Put the function into a module.
pub(super) fn add<F: Function>(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let name = module.name()?;
    // SAFETY: the definition lives for ever; the function takes a reference to the name of its own, and needs no
    // object.
    let function = unsafe {
        let definition = (&raw const Table::<F>::DEFINITION.0).cast_mut();
        let made = ffi::PyCMethod_New(definition, std::ptr::null_mut(), name.as_ptr(), std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(module.py(), made)?
    };
    let name = F::NAME.to_string_lossy();
    module.add(name.as_ref(), function)
}

unsafe extern "C" fn enter<F: Function>(
    _: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    Python::attach(|py| {
        let called = catch_unwind(AssertUnwindSafe(|| {
            let count = count as usize;
            let (least, most) = F::COUNT;
            if count < least || count > most {
                return Err(PyTypeError::new_err(format!(
                    "{}() takes {least} to {most} arguments, {count} were given",
                    F::NAME.to_string_lossy()
                )));
            }
            let mut given = [None; 4];
            for (i, place) in given.iter_mut().enumerate().take(count) {
                // SAFETY: CPython passes `count` live objects, which live until we return.
                *place = Some(unsafe { Borrowed::<PyAny>::from_ptr(py, *arguments.add(i)) });
            }
            match given {
                [Some(a), Some(b), Some(c), Some(d)] => F::call(py, &[a, b, c, d]),
                [Some(a), Some(b), Some(c), None] => F::call(py, &[a, b, c]),
                [Some(a), Some(b), None, None] => F::call(py, &[a, b]),
                [Some(a), None, None, None] => F::call(py, &[a]),
                _ => F::call(py, &[]),
            }
        }));
        match called.unwrap_or_else(|_| Err(PanicException::new_err("a bug in the module uwsgi"))) {
            Ok(result) => result.into_ptr(),
            Err(e) => {
                e.restore(py);
                std::ptr::null_mut()
            }
        }
    })
}
