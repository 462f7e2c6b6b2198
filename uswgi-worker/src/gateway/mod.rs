//! Gateways: how an application is called. Each is a guest of [`uswgi_serve::gateway`].
//!
//! * [`wsgi`]: PEP 3333. * [`gevent`]: the same in greenlets. * [`asgi`]: ASGI 3 in tasks. * [`cooperate`]: waits of a lane that shares its thread.

pub(crate) mod asgi;
pub(crate) mod cooperate;
pub(crate) mod gevent;
pub(crate) mod wsgi;

use uswgi_serve::engine::Engine;

/// Stacks of lanes that share a thread that are shown at most.
const MOST_STACKS: usize = 32;

/// Of the lanes that have a request, by number, those whose stacks are shown: beyond their deadline first. And how many are not.
fn shown_first<T>(engine: &Engine, running: impl Iterator<Item = (usize, T)>) -> (Vec<(usize, T)>, usize) {
    let mut all: Vec<(usize, T)> = running.collect();
    all.sort_by_key(|(number, _)| (!engine.lanes[*number].is_overdue(), *number));
    let left_out = all.len().saturating_sub(MOST_STACKS);
    all.truncate(MOST_STACKS);
    (all, left_out)
}
