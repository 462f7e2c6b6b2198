//! What the request of a task is: an exchange of HTTP, or a WebSocket.

use super::http::{Http, Receive, Send};
use super::websocket::{Socket, SocketReceive, SocketSend};
use crate::gateway::wsgi::input::BodyState;
use pyo3::prelude::*;
use std::sync::Arc;

/// One of both.
pub(super) enum Talk {
    Http(Arc<Http>),
    Socket(Arc<Socket>),
}

impl Talk {
    /// `receive` and `send` of the application.
    pub(super) fn pair(&self, py: Python<'_>) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
        Ok(match self {
            Talk::Http(http) => {
                (Py::new(py, Receive(http.clone()))?.into_any(), Py::new(py, Send(http.clone()))?.into_any())
            }
            Talk::Socket(socket) => (
                Py::new(py, SocketReceive(socket.clone()))?.into_any(),
                Py::new(py, SocketSend(socket.clone()))?.into_any(),
            ),
        })
    }

    /// Where it is a WebSocket.
    pub(super) fn socket(&self) -> Option<&Arc<Socket>> {
        match self {
            Talk::Http(_) => None,
            Talk::Socket(socket) => Some(socket),
        }
    }

    /// The client has left.
    pub(super) fn is_departed(&self) -> bool {
        match self {
            Talk::Http(http) => http.is_departed(),
            Talk::Socket(socket) => socket.is_departed(),
        }
    }

    /// The request is over: nobody watches its descriptor any more, and whoever waits is told. Gives back the body.
    pub(super) fn end(&self, py: Python<'_>) -> PyResult<Option<Box<BodyState>>> {
        match self {
            Talk::Http(http) => http.end(py),
            Talk::Socket(socket) => socket.end(py).map(|()| None),
        }
    }
}
