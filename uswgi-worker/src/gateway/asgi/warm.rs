//! Requests of the warm-up: each runs in the loop until it is done, before the loop serves anybody.

use super::http::Http;
use super::scope;
use super::talk::Talk;
use crate::api::{current, signals};
use crate::app::Apps;
use crate::frames;
use crate::gateway::note_exception;
use crate::gateway::plain::plain_error;
use crate::gateway::wsgi::start_response::AnswerCell;
use crate::py as python;
use crate::pybytes::{HeldBytes, Response};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;
use uswgi_serve::engine::Engine;
use uswgi_serve::exchange::Exchange;
use uswgi_serve::gateway::{Gateway, Ran};
use uswgi_serve::sync::lock;
use uswgi_serve::sys;

/// See the module.
pub(crate) struct WarmTasks<'py> {
    pub(super) engine: Arc<Engine>,
    pub(super) apps: Arc<Apps>,
    pub(super) event_loop: Bound<'py, PyAny>,
    /// What the lifespan has put into its state.
    pub(super) state: Bound<'py, PyDict>,
}

impl WarmTasks<'_> {
    /// Call the application and run the loop until it is done.
    fn ask(&self, exchange: &Exchange<'_>, talk: &Talk, app: usize, mounted: usize) -> PyResult<()> {
        let py = self.state.py();
        let scope = scope::of(py, exchange, mounted, &self.state, false)?;
        if let Some(extensions) = scope.get_item("extensions")? {
            extensions.set_item("uswgi.warmup", PyDict::new(py))?;
        }
        let (receive, send) = talk.pair(py)?;
        let coroutine = self.apps.callables[app].call1(py, (scope, receive, send))?;
        self.event_loop.call_method1("run_until_complete", (coroutine,)).map(drop)
    }
}

impl Gateway for WarmTasks<'_> {
    type Error = PyErr;
    type Held = HeldBytes;

    fn start(&mut self) -> PyResult<u64> {
        frames::adopt(self.state.py());
        Ok(sys::this_thread().number())
    }

    fn run(&mut self, exchange: &mut Exchange<'_>, mut response: Box<Response>) -> Ran<HeldBytes> {
        let py = self.state.py();
        let chosen = self.apps.choose(exchange);
        if let Some(chosen) = &chosen {
            let answer: AnswerCell = Arc::default();
            let (fd, timeout_ms) = (response.fd, response.timeout_ms);
            let talk =
                Talk::Http(Http::new(self.event_loop.clone().unbind(), answer.clone(), None, fd, timeout_ms));
            *lock(&answer) = Some(response);
            current::set(&self.engine, exchange.lane, &answer);
            let asked = self.ask(exchange, &talk, chosen.app, chosen.mounted);
            let done = asked.and_then(|()| talk.end(py).map(drop));
            response = loop {
                if let Some(response) = lock(&answer).take() {
                    break response;
                }
                py.detach(std::thread::yield_now);
            };
            if let Err(e) = &done {
                note_exception(py, &self.engine, exchange.lane, e);
            }
        }
        if !response.is_ended() && response.failed.is_none() {
            // It has failed, or said nothing.
            if response.head_sent {
                response.abort();
            } else {
                plain_error(py, &mut response, 500);
            }
        }
        let (leftover, spare) = Default::default();
        Ran { response, app: chosen.map(|c| c.app), whole: true, leftover, spare, switches: 1 }
    }

    fn signal(&mut self) {
        if let Err(e) = self.state.py().check_signals() {
            python::print_exception(self.state.py(), &e);
        }
    }

    fn app_signal(&mut self, number: u8) {
        signals::run_handler(self.state.py(), number);
    }

    fn unlocked<T: Send>(&mut self, f: impl FnOnce() -> T + Send) -> T {
        self.state.py().detach(f)
    }
}
