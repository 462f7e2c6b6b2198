//! WebSockets: `websocket_handshake`, `websocket_recv` and the like, as uWSGI 2.0.31 has them, and `request_context`, by which
//! threads and greenlets that run no request use one that another runs.

use super::current;
use super::state::bytes;
use crate::gateway::websocket::{Channel, of_lane};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyModule};
use std::sync::Arc;
use uswgi_proto::websocket::Opcode;

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(websocket_handshake, module)?,
        wrap_pyfunction!(websocket_recv, module)?,
        wrap_pyfunction!(websocket_recv_nb, module)?,
        wrap_pyfunction!(websocket_send, module)?,
        wrap_pyfunction!(websocket_send_binary, module)?,
        wrap_pyfunction!(request_context, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// A request that asks for a WebSocket.
#[pyclass(module = "uswgi_worker", frozen, name = "request_context")]
struct RequestContext(Arc<Channel>);

/// The one that is meant; an error with this sentence where there is none.
fn channel(context: Option<&Bound<'_, PyAny>>, otherwise: &'static str) -> PyResult<Arc<Channel>> {
    match context.filter(|context| !context.is_none()) {
        Some(context) => Ok(context.cast::<RequestContext>()?.get().0.clone()),
        None => current::get()
            .and_then(|current| of_lane(current.lane()))
            .ok_or_else(|| PyOSError::new_err(otherwise)),
    }
}

/// Accept the WebSocket that this request asks for.
#[pyfunction]
#[pyo3(signature = (key=None, origin=None, proto=None, *, request_context=None))]
fn websocket_handshake(
    py: Python<'_>,
    key: Option<&Bound<'_, PyAny>>,
    origin: Option<&Bound<'_, PyAny>>,
    proto: Option<&Bound<'_, PyAny>>,
    request_context: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let text = |value: Option<&Bound<'_, PyAny>>| match value.filter(|v| !v.is_none()) {
        Some(value) => bytes(value).map(<[u8]>::to_vec),
        None => Ok(Vec::new()),
    };
    // The header of the origin is older than the RFC: nobody looks for it.
    text(origin)?;
    let (key, proto) = (text(key)?, text(proto)?);
    channel(request_context, "unable to complete websocket handshake")?.handshake(py, &key, &proto)
}

/// Wait for the next message.
#[pyfunction]
#[pyo3(signature = (*, request_context=None))]
fn websocket_recv<'py>(
    py: Python<'py>,
    request_context: Option<&Bound<'_, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let channel = channel(request_context, "unable to receive websocket message")?;
    Ok(PyBytes::new(py, channel.receive(py)?.bytes()))
}

/// The next message, or nothing where none has come.
#[pyfunction]
#[pyo3(signature = (*, request_context=None))]
fn websocket_recv_nb<'py>(
    py: Python<'py>,
    request_context: Option<&Bound<'_, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let channel = channel(request_context, "unable to receive websocket message")?;
    let message = channel.receive_now()?;
    Ok(PyBytes::new(py, message.as_ref().map_or(b"", |message| message.bytes())))
}

fn send(
    py: Python<'_>,
    opcode: Opcode,
    message: &Bound<'_, PyAny>,
    request_context: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let message = bytes(message)?;
    channel(request_context, "unable to send websocket message")?.send(py, opcode, message)
}

/// Send a text.
#[pyfunction]
#[pyo3(signature = (message, /, *, request_context=None))]
fn websocket_send(
    py: Python<'_>,
    message: &Bound<'_, PyAny>,
    request_context: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    send(py, Opcode::Text, message, request_context)
}

/// Send bytes.
#[pyfunction]
#[pyo3(signature = (message, /, *, request_context=None))]
fn websocket_send_binary(
    py: Python<'_>,
    message: &Bound<'_, PyAny>,
    request_context: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    send(py, Opcode::Binary, message, request_context)
}

/// The request in hand, for `request_context=` in another thread or greenlet; None where it asks for no WebSocket.
#[pyfunction]
fn request_context() -> Option<RequestContext> {
    current::get().and_then(|current| of_lane(current.lane())).map(RequestContext)
}
