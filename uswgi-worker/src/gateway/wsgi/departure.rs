//! `environ["uswgi.disconnected"]`: whether the client of a request has left, for an application that waits. It is
//! one object for all requests of a lane, so that a request which never asks pays nothing for it.

use super::start_response::AnswerCell;
use pyo3::prelude::*;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use uswgi_serve::engine::Engine;
use uswgi_serve::sync::lock;
use uswgi_serve::sys;

/// Called without arguments, by any thread, while its request is in hand.
#[pyclass(module = "uswgi_worker", frozen, name = "disconnected")]
pub(crate) struct Disconnected {
    engine: Arc<Engine>,
    lane: usize,
    answer: Mutex<AnswerCell>,
}

impl Disconnected {
    pub(crate) fn new(engine: &Arc<Engine>, lane: usize, answer: &AnswerCell) -> Disconnected {
        Disconnected { engine: engine.clone(), lane, answer: Mutex::new(answer.clone()) }
    }

    /// The lane makes its answers there from now on.
    pub(crate) fn follow(&self, answer: &AnswerCell) {
        *lock(&self.answer) = answer.clone();
    }
}

#[pymethods]
impl Disconnected {
    fn __call__(&self) -> bool {
        let answer = lock(&self.answer).clone();
        let answer = lock(&answer);
        match answer.as_ref() {
            Some(response) => response.failed.is_some() || sys::has_left(response.fd),
            // A piece is being sent, which will tell; or the request is over.
            None => self.engine.lanes[self.lane].sequence.load(Ordering::Relaxed).is_multiple_of(2),
        }
    }
}
