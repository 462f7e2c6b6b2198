//! The end of a request whose task is done: there is one answer, whatever the application did.

use super::pool::TaskPool;
use super::talk::Talk;
use super::websocket::ClientDisconnected;
use crate::gateway::note_exception;
use crate::gateway::plain::plain_error;
use crate::gateway::wsgi::start_response::AnswerCell;
use crate::interpreter::HarakiriTimeout;
use crate::pybytes::{HeldBytes, Response};
use pyo3::prelude::*;
use uswgi_serve::connection::Conn;
use uswgi_serve::gateway::{Ran, SharedLane};
use uswgi_serve::log::{Fault, shown};
use uswgi_serve::sync::lock;
use uswgi_serve::{limited_say, say};

impl TaskPool {
    /// Make sure that there is one answer, and finish it.
    #[expect(clippy::too_many_arguments, reason = "the parts of one request, each owned")]
    pub(super) fn conclude(
        &self,
        py: Python<'_>,
        mut lane: Box<SharedLane<HeldBytes>>,
        mut conn: Conn,
        talk: &Talk,
        answer: &AnswerCell,
        app: usize,
        error: Option<PyErr>,
    ) -> PyResult<()> {
        let body = talk.end(py)?;
        let Some(mut response) = lock(answer).take() else { return Ok(()) };
        let number = lane.number();
        if let Talk::Socket(socket) = talk
            && socket.is_open()
        {
            // An application that goes on after its client has left fails as it should.
            if let Some(e) = error.as_ref().filter(|e| !e.is_instance_of::<ClientDisconnected>(py)) {
                note_exception(py, &self.engine, number, e);
            }
            let whole = socket.finish(py, &mut response, error.is_some());
            return self.end(py, lane, conn, response, Some(app), whole, Default::default());
        }
        let overdue = self.engine.lanes[number].is_overdue();
        let uri = shown(lane.exchange(&mut conn).uri(), 256);
        let refusal = body.as_ref().and_then(|body| body.failed);
        match error {
            Some(e) => {
                let out = e.is_instance_of::<HarakiriTimeout>(py) || overdue;
                if out {
                    say!("{uri}: the request came out of its harakiri");
                } else if response.failed.is_none() && refusal.is_none() {
                    note_exception(py, &self.engine, number, &e);
                }
                if response.head_sent {
                    response.abort();
                } else {
                    plain_error(py, &mut response, refusal.unwrap_or(500));
                }
            }
            None if response.failed.is_some() || response.is_ended() => {}
            // As it should: it was told that nobody waits.
            None if talk.is_departed() && refusal.is_none() => response.abort(),
            None => {
                say!(
                    "{uri}: the application returned without {}",
                    match response.head {
                        Some(_) if response.owes_trailers() => {
                            "its trailers (http.response.trailers with more_trailers false)"
                        }
                        Some(_) => "ending its answer (http.response.body with more_body false)",
                        None if talk.socket().is_some() => "accepting or closing its WebSocket",
                        None => "an answer (http.response.start)",
                    }
                );
                if response.head_sent {
                    response.abort();
                } else {
                    plain_error(py, &mut response, refusal.unwrap_or(500));
                }
            }
        }
        if response.excess {
            limited_say!(
                Fault::Ours,
                self.engine,
                "{uri}: the application gave more than its Content-Length; the rest was dropped"
            );
        }
        let whole = body.as_ref().is_none_or(|body| body.is_whole());
        let rest = body.map(|body| body.leave()).unwrap_or_default();
        self.end(py, lane, conn, response, Some(app), whole, rest)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one request, each owned")]
    pub(super) fn end(
        &self,
        py: Python<'_>,
        mut lane: Box<SharedLane<HeldBytes>>,
        conn: Conn,
        response: Box<Response>,
        app: Option<usize>,
        whole: bool,
        rest: (Vec<u8>, Vec<u8>),
    ) -> PyResult<()> {
        let number = lane.number();
        self.engine.lanes[number].end();
        let (leftover, spare) = rest;
        lane.end(conn, Ran { response, app, whole, leftover, spare, switches: 1 });
        self.give_back(py, lane)
    }
}
