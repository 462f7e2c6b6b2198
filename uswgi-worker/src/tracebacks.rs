//! Tracebacks of requests, also of those that a framework catches and answers by itself: for the warm-up, and in a worker of a
//! canary for the master, which shows the most frequent ones.
//!
//! It must never cost a request anything that does not fail.

use crate::py as python;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use uswgi_proto::control::ToMaster;
use uswgi_serve::engine::Engine;
use uswgi_serve::sync::lock;

/// Signals of frameworks that catch what a view lets out: module, attribute.
const CAUGHT: [(&str, &str); 2] =
    [("django.core.signals", "got_request_exception"), ("flask.signals", "got_request_exception")];

/// Different tracebacks that are counted.
const MOST: usize = 64;
/// Bytes of a text that are told: its end.
const MOST_TEXT: usize = 1500;

/// A worker that tells of them.
struct Teller {
    engine: Arc<Engine>,
    /// By [`kind`]: the first text, and how often.
    seen: Mutex<HashMap<String, (String, u64)>>,
}

static WATCH: OnceLock<Teller> = OnceLock::new();

/// Tell the master from here on.
pub(crate) fn watch(py: Python<'_>, engine: &Arc<Engine>) {
    let _ = WATCH.set(Teller { engine: engine.clone(), seen: Mutex::default() });
    listen(py, true);
}

/// What tracebacks of one cause have in common: everything but the words of the exception.
fn kind(text: &str) -> String {
    let text = text.trim_end();
    let start = text.rfind('\n').map_or(0, |at| at + 1);
    let name = text[start..].split(':').next().unwrap_or_default();
    format!("{}{name}", &text[..start])
}

/// The application let this out, or its framework caught it: the first, second, fourth, eighth time the master hears of it.
pub(crate) fn note(text: &str) {
    let Some(watch) = WATCH.get() else { return };
    let mut seen = lock(&watch.seen);
    let kind = kind(text);
    if seen.len() >= MOST && !seen.contains_key(&kind) {
        return;
    }
    let (first, count) = seen.entry(kind).or_insert_with(|| (text.to_string(), 0));
    *count += 1;
    if count.is_power_of_two() {
        let mut start = first.len().saturating_sub(MOST_TEXT);
        while !first.is_char_boundary(start) {
            start += 1;
        }
        let message = ToMaster::Traceback { text: first[start..].to_string(), count: *count };
        drop(seen);
        if let Some(control) = &watch.engine.control {
            control.send(&message);
        }
    }
}

/// A framework has caught what a view has let out.
#[pyfunction]
#[pyo3(signature = (*_args, **_named))]
fn caught(py: Python<'_>, _args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) {
    let current = py.import("sys").and_then(|sys| sys.call_method0("exc_info")?.get_item(1));
    if let Ok(error) = current
        && !error.is_none()
    {
        let text = python::traceback(py, &PyErr::from_value(error));
        python::remember_exception(&text);
        note(&text);
    }
}

/// Hear of it, or no more (but in a worker that is watched). Frameworks that are not loaded are left alone.
pub(crate) fn listen(py: Python<'_>, on: bool) {
    if !on && WATCH.get().is_some() {
        return;
    }
    let how = if on { "connect" } else { "disconnect" };
    static RECEIVER: Mutex<Option<Py<PyAny>>> = Mutex::new(None);
    let mut receiver = lock(&RECEIVER);
    if receiver.is_none() {
        *receiver = wrap_pyfunction!(caught, py).ok().map(|f| f.into_any().unbind());
    }
    let Some(receiver) = receiver.as_ref() else { return };
    let Ok(modules) = py.import("sys").and_then(|sys| sys.getattr("modules")) else { return };
    for (module, name) in CAUGHT {
        let Ok(module) = modules.get_item(module) else { continue };
        let options = PyDict::new(py);
        if on && options.set_item("weak", false).is_err() {
            continue;
        }
        let _ = module.getattr(name).and_then(|signal| signal.call_method(how, (receiver,), Some(&options)));
    }
}
