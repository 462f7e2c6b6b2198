//! The request in hand, for functions that an application calls in the middle of it. Each thread that runs requests
//! has one; other threads have none.
//!
//! A request that calls no such function pays for two plain stores.

use crate::engine::Engine;
use crate::start_response::Shared;
use crate::sync::lock;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// What a request has said about itself.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) variables: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) log_it: bool,
}

/// Of one thread; its request's end makes it empty.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Anything below is not empty.
    used: AtomicBool,
    pub(super) said: Mutex<Said>,
    /// Bytes of body that the request announced.
    pub(super) content_length: AtomicU64,
    /// Requests that this thread had answered before this one.
    pub(super) request_id: AtomicU64,
}

impl Notes {
    /// A request begins.
    pub(crate) fn begin(&self, content_length: u64, request_id: u64) {
        self.content_length.store(content_length, Relaxed);
        self.request_id.store(request_id, Relaxed);
    }

    /// Change what the request has said.
    pub(super) fn change<T>(&self, f: impl FnOnce(&mut Said) -> T) -> T {
        self.used.store(true, Relaxed);
        f(&mut lock(&self.said))
    }

    /// Whether the request used any of this.
    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Relaxed)
    }

    /// Whether the request wants its line in the log whatever the options say.
    pub(crate) fn wants_line(&self) -> bool {
        self.is_used() && lock(&self.said).log_it
    }

    /// The request is over.
    pub(crate) fn end(&self) {
        if self.used.swap(false, Relaxed) {
            *lock(&self.said) = Said::default();
        }
        self.content_length.store(0, Relaxed);
    }
}

/// The thread's own.
#[derive(Clone)]
pub(crate) struct Current {
    pub(super) engine: Arc<Engine>,
    pub(super) thread: usize,
    pub(super) answer: Shared,
    pub(super) notes: Arc<Notes>,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// The calling thread runs requests, and this is where its answers are made.
pub(crate) fn set(engine: &Arc<Engine>, thread: usize, answer: &Shared, notes: &Arc<Notes>) {
    let current = Current { engine: engine.clone(), thread, answer: answer.clone(), notes: notes.clone() };
    CURRENT.with_borrow_mut(|c| *c = Some(current));
}

/// Of the calling thread; None where no requests run.
pub(super) fn get() -> Option<Current> {
    CURRENT.with_borrow(Option::clone)
}

/// A variable that the request in hand has set for its line in the log.
pub(crate) fn variable(name: &[u8], f: impl FnOnce(&[u8])) {
    CURRENT.with_borrow(|c| {
        if let Some(c) = c.as_ref().filter(|c| c.notes.is_used()) {
            let said = lock(&c.notes.said);
            if let Some((_, value)) = said.variables.iter().find(|(n, _)| n == name) {
                f(value);
            }
        }
    });
}
