//! Gateways: how an application is called. Each is a guest of [`uswgi_serve::gateway`].
//!
//! * [`websocket`]: uWSGI's functions for WebSockets. * [`wsgi`]: PEP 3333. * [`gevent`]: the same in greenlets. * [`asgi`]: ASGI 3 in tasks. * [`cooperate`]: waits of a lane that shares its thread.

pub(crate) mod asgi;
pub(crate) mod cooperate;
pub(crate) mod gevent;
mod plain;
pub(crate) mod websocket;
pub(crate) mod wsgi;

use crate::py as python;
use pyo3::prelude::*;
use uswgi_proto::scoreboard::Restart;
use uswgi_proto::scoreboard::layout::add;
use uswgi_serve::engine::Engine;

/// Stacks of lanes that share a thread that are shown at most.
const MOST_STACKS: usize = 32;

/// An exception has left the application: it is printed and counted, and the worker replaced where `reload-on-exception`
/// or its kin wants it.
fn note_exception(py: Python<'_>, engine: &Engine, lane: usize, error: &PyErr) {
    python::print_exception(py, error);
    if let Some(slot) = engine.lane_slot(lane) {
        add(&slot.exceptions, 1);
    }
    let wanted = &engine.settings.python.reload_on;
    if wanted.is_used() {
        let class = error.get_type(py);
        let module = class.module().map(|m| m.to_string()).unwrap_or_default();
        let name = class.name().map(|n| n.to_string()).unwrap_or_default();
        let text = error.value(py).str().map(|t| t.to_string()).unwrap_or_default();
        if wanted.matches(&module, &name, &text) {
            engine.ask_replacement(Restart::Exception);
        }
    }
}

/// Of the lanes that have a request, by number, those whose stacks are shown: beyond their deadline first. And how many are not.
fn shown_first<T>(engine: &Engine, running: impl Iterator<Item = (usize, T)>) -> (Vec<(usize, T)>, usize) {
    let mut all: Vec<(usize, T)> = running.collect();
    all.sort_by_key(|(number, _)| (!engine.lanes[*number].is_overdue(), *number));
    let left_out = all.len().saturating_sub(MOST_STACKS);
    all.truncate(MOST_STACKS);
    (all, left_out)
}
