//! What an application is: WSGI or ASGI, told by what can be seen of it before it is called.

use pyo3::prelude::*;
use pyo3::types::PyModule;
use uswgi_proto::settings::LaneKind;

/// How a callable looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// A coroutine function, or an object that is called by one.
    Asgi,
    /// A function of two arguments.
    Wsgi,
    /// Nothing can be said.
    Either,
}

fn looks(callable: &Bound<'_, PyAny>) -> PyResult<Looks> {
    let inspect = PyModule::import(callable.py(), "inspect")?;
    let is_coroutine = |object: &Bound<'_, PyAny>| -> PyResult<bool> {
        inspect.call_method1("iscoroutinefunction", (object,))?.is_truthy()
    };
    if is_coroutine(callable)? {
        return Ok(Looks::Asgi);
    }
    // A class of the application's own is called itself; of an object its __call__ counts.
    if !callable.is_instance_of::<pyo3::types::PyType>()
        && let Some(call) = callable.getattr_opt("__call__")?
        && is_coroutine(&call)?
    {
        return Ok(Looks::Asgi);
    }
    let needed = || -> PyResult<usize> {
        let signature = inspect.call_method1("signature", (callable,))?;
        signature.getattr("parameters")?.len()
    };
    match needed() {
        Ok(2) => Ok(Looks::Wsgi),
        _ => Ok(Looks::Either),
    }
}

/// Whether an application is what the lanes of this instance run; an error is a text for people.
pub(crate) fn check(callable: &Bound<'_, PyAny>, kind: LaneKind) -> Result<(), String> {
    // What cannot be looked at is called, and tells by itself.
    match (looks(callable).unwrap_or(Looks::Either), kind) {
        (Looks::Asgi, LaneKind::Threads | LaneKind::Greenlets) => {
            Err("it is an ASGI application (a coroutine function), and WSGI is called here: set asgi = true, or name the WSGI one (Django: wsgi.py)".into())
        }
        (Looks::Wsgi, LaneKind::Tasks) => {
            Err("it is no ASGI application (a function of two arguments, as WSGI has): remove asgi = true, or name the ASGI callable".into())
        }
        _ => Ok(()),
    }
}
