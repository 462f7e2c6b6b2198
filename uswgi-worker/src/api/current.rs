//! The request in hand, for functions that an application calls in the middle of it. Each thread that runs requests
//! has one, or each greenlet that does so; others have none.

use crate::gateway::cooperate;
use crate::gateway::wsgi::start_response::AnswerCell;
use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use uswgi_serve::engine::Engine;
use uswgi_serve::notes::Notes;
use uswgi_serve::sync::lock;

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
    /// The number of its lane.
    pub(super) fn lane(&self) -> usize {
        self.lane
    }

    /// What its request says about itself.
    pub(super) fn notes(&self) -> &Notes {
        &self.engine.lanes[self.lane].notes
    }
}

/// Lanes that share their thread: for each the address of the greenlet that runs its request, 0 between two, and the
/// request in hand. Empty where each lane is a thread.
static SHARED: Mutex<Vec<(usize, Option<Current>)>> = Mutex::new(Vec::new());

/// The calling thread runs requests, and this is where its answers are made. In a worker whose lanes share a thread: the
/// lane makes them there.
pub(crate) fn set(engine: &Arc<Engine>, lane: usize, answer: &AnswerCell) {
    let current = Current { engine: engine.clone(), lane, answer: answer.clone() };
    if engine.shares_a_thread() {
        let mut lanes = lock(&SHARED);
        lanes.resize_with(engine.lanes.len(), Default::default);
        lanes[lane].1 = Some(current);
    } else {
        CURRENT.with_borrow_mut(|c| *c = Some(current));
    }
}

/// The greenlet at this address runs the lane's request from now on; 0: it is over.
pub(crate) fn runs_in(lane: usize, greenlet: usize) {
    if let Some(entry) = lock(&SHARED).get_mut(lane) {
        entry.0 = greenlet;
    }
}

/// The lane whose request the greenlet at this address runs.
pub(crate) fn lane_of(greenlet: usize) -> Option<usize> {
    lock(&SHARED).iter().position(|(address, _)| *address == greenlet)
}

/// Of the calling thread or greenlet; None where no requests run.
pub(super) fn get() -> Option<Current> {
    if let Some(greenlet) = cooperate::current() {
        return lock(&SHARED).iter().find(|(address, _)| *address == greenlet).and_then(|(_, c)| c.clone());
    }
    CURRENT.with_borrow(Option::clone)
}
