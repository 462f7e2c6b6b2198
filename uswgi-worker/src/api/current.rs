//! The request in hand, for functions that an application calls in the middle of it. Each thread that runs requests
//! has one; other threads have none.

use crate::gateway::wsgi::start_response::AnswerCell;
use std::cell::RefCell;
use std::sync::Arc;
use uswgi_serve::engine::Engine;
use uswgi_serve::notes::Notes;

/// The thread's own.
#[derive(Clone)]
pub(crate) struct Current {
    pub(super) engine: Arc<Engine>,
    pub(super) lane: usize,
    pub(super) answer: AnswerCell,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

impl Current {
    /// What its request says about itself.
    pub(super) fn notes(&self) -> &Notes {
        &self.engine.lanes[self.lane].notes
    }
}

/// The calling thread runs requests, and this is where its answers are made.
pub(crate) fn set(engine: &Arc<Engine>, lane: usize, answer: &AnswerCell) {
    let current = Current { engine: engine.clone(), lane, answer: answer.clone() };
    CURRENT.with_borrow_mut(|c| *c = Some(current));
}

/// Of the calling thread; None where no requests run.
pub(super) fn get() -> Option<Current> {
    CURRENT.with_borrow(Option::clone)
}
