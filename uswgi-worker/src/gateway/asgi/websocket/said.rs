//! What an application says on its WebSocket.

use super::{Socket, Stage, gone};
use crate::gateway::asgi::answer::say;
use crate::gateway::asgi::ready::Ready;
use crate::gateway::asgi::{head, pings};
use crate::gateway::plain::plain_error;
use crate::gateway::wsgi::capi::utf8_of;
use crate::pybytes::Response;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_proto::websocket::{Opcode, code, may_be_sent, put_frame};
use uswgi_serve::sync::lock;
use uswgi_serve::websocket::Conversation;

impl Socket {
    /// What an application says.
    pub(super) fn send(
        self: &Arc<Socket>,
        py: Python<'_>,
        message: &Bound<'_, PyDict>,
    ) -> PyResult<Py<PyAny>> {
        let kind = message
            .get_item(intern!(py, "type"))?
            .ok_or_else(|| PyTypeError::new_err("a message needs a type"))?;
        let kind: String = kind.extract()?;
        let wrong = |what: &str| PyRuntimeError::new_err(format!("{kind} {what}"));
        let closing = if kind == "websocket.close" { closing(py, message)? } else { (0, String::new()) };
        let mut state = lock(&self.state);
        if state.over {
            return Err(PyRuntimeError::new_err("the request of this send is over"));
        }
        let closed_here = state.closed_here;
        match (kind.as_str(), &mut state.stage) {
            ("websocket.send", Stage::Open(talk)) => {
                if talk.is_over() {
                    return Err(if closed_here { wrong("came after websocket.close") } else { gone() });
                }
                drop(state);
                self.give(py, &frame_of(py, message)?)
            }
            ("websocket.accept", Stage::Asked) => {
                drop(state);
                self.accept(py, message)
            }
            ("websocket.close", Stage::Open(talk)) => {
                let (code, reason) = closing;
                if closed_here {
                    return Err(wrong("came a second time"));
                }
                // A client that was faster has closed it already.
                talk.close(code, &reason);
                state.closed_here = true;
                drop(state);
                self.settle(py)?;
                Ready::with(py, py.None())
            }
            ("websocket.close", Stage::Asked) => {
                state.stage = Stage::Denied;
                drop(state);
                self.answer(py, |response| {
                    plain_error(py, response, 403);
                    response.end();
                    Ok(())
                })
            }
            ("websocket.http.response.start", Stage::Asked) => {
                drop(state);
                let said = self.answer(py, |response| say(py, response, "http.response.start", message))?;
                lock(&self.state).stage = Stage::Denied;
                Ok(said)
            }
            ("websocket.http.response.body", Stage::Denied) => {
                drop(state);
                self.answer(py, |response| say(py, response, "http.response.body", message))
            }
            ("websocket.send" | "websocket.http.response.body", Stage::Asked) => {
                Err(wrong("came before websocket.accept"))
            }
            ("websocket.accept" | "websocket.http.response.start", Stage::Open(_)) => {
                Err(wrong("came after websocket.accept"))
            }
            (
                "websocket.accept" | "websocket.send" | "websocket.close" | "websocket.http.response.start",
                Stage::Denied,
            ) => Err(wrong("came after the WebSocket was denied")),
            _ => Err(wrong("is no message of a WebSocket")),
        }
    }

    /// Answer by HTTP.
    fn answer(&self, py: Python<'_>, say: impl FnOnce(&mut Response) -> PyResult<()>) -> PyResult<Py<PyAny>> {
        let taken = lock(&self.answer).take();
        let Some(mut response) = taken else { return Err(gone()) };
        let said = say(&mut response);
        *lock(&self.answer) = Some(response);
        said?;
        Ready::with(py, py.None())
    }

    fn accept(self: &Arc<Socket>, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<Py<PyAny>> {
        let accept = lock(&self.accept).clone();
        let mut lines =
            format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n")
                .into_bytes();
        if let Some(protocol) = message.get_item("subprotocol")?.filter(|p| !p.is_none()) {
            let protocol: String = protocol.extract()?;
            if protocol.is_empty() || !protocol.bytes().all(uswgi_proto::http::is_token) {
                return Err(PyValueError::new_err(format!("bad subprotocol {protocol:?}")));
            }
            lines.extend_from_slice(format!("Sec-WebSocket-Protocol: {protocol}\r\n").as_bytes());
        }
        if let Some(headers) = message.get_item("headers")? {
            lines.extend_from_slice(&head::of_handshake(&headers)?);
        }
        let taken = lock(&self.answer).take();
        let Some(mut response) = taken else { return Err(gone()) };
        let switched = py.detach(|| response.switch(&lines));
        *lock(&self.answer) = Some(response);
        *lock(&self.accept) = String::new();
        // `harakiri` is the time of a request: a conversation has none.
        self.engine.lanes[self.lane].end();
        if let Some(slot) = self.engine.lane_slot(self.lane) {
            slot.deadline_us.store(0, Ordering::Relaxed);
        }
        let now = monotonic_us();
        let mut talk = Box::new(Conversation::new(&self.engine.settings.websockets, now));
        {
            let mut state = lock(&self.state);
            talk.take_in(&std::mem::take(&mut state.behind), now);
            if !switched {
                talk.lose();
            }
            state.stage = Stage::Open(talk);
        }
        pings::keep_time(py)?;
        self.settle(py)?;
        Ready::with(py, py.None())
    }
}

/// The frame of a `websocket.send`.
fn frame_of(py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<Vec<u8>> {
    let mut frame = Vec::new();
    if let Some(text) = message.get_item(intern!(py, "text"))?.filter(|t| !t.is_none()) {
        put_frame(Opcode::Text, utf8_of(text.cast::<PyString>()?)?, &mut frame);
        return Ok(frame);
    }
    match message.get_item(intern!(py, "bytes"))?.filter(|b| !b.is_none()) {
        Some(bytes) => match bytes.cast::<PyBytes>() {
            Ok(bytes) => put_frame(Opcode::Binary, bytes.as_bytes(), &mut frame),
            Err(_) if bytes.is_instance_of::<pyo3::types::PyInt>() => {
                return Err(PyTypeError::new_err("bytes of websocket.send must be bytes"));
            }
            Err(_) => {
                let copy = py.get_type::<PyBytes>().call1((&bytes,))?.cast_into::<PyBytes>()?;
                put_frame(Opcode::Binary, copy.as_bytes(), &mut frame);
            }
        },
        None => return Err(PyTypeError::new_err("websocket.send needs text or bytes")),
    }
    Ok(frame)
}

/// Code and reason of a `websocket.close`.
fn closing(py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<(u16, String)> {
    let code = match message.get_item(intern!(py, "code"))?.filter(|c| !c.is_none()) {
        Some(code) => code.extract::<u16>()?,
        None => code::NORMAL,
    };
    if !may_be_sent(code) && code != code::NONE {
        return Err(PyValueError::new_err(format!("{code} is no close code that may be sent")));
    }
    let reason = match message.get_item(intern!(py, "reason"))?.filter(|r| !r.is_none()) {
        Some(reason) => reason.extract::<String>()?,
        None => String::new(),
    };
    Ok((code, reason))
}
