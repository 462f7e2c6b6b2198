//! Answers of our own in the place of an application's: a status with its reason as text. No decision which one.

use crate::pybytes::Response;
use pyo3::Python;
use std::sync::Arc;
use uswgi_proto::websocket::HandshakeError;
use uswgi_serve::answer;
use uswgi_serve::response::AppHead;

/// Answer a handshake of a WebSocket that cannot be accepted.
pub(super) fn handshake_error(py: Python<'_>, response: &mut Response, e: HandshakeError) {
    // 426 names what is spoken (RFC 6455 section 4.4), others may as well.
    plain_answer(py, response, e.status(), b"Sec-WebSocket-Version: 13\r\n");
}

/// Answer with this status, and end the connection.
pub(super) fn plain_error(py: Python<'_>, response: &mut Response, status: u16) {
    plain_answer(py, response, status, b"");
}

fn plain_answer(py: Python<'_>, response: &mut Response, status: u16, more: &[u8]) {
    let text = format!("{status} {}", answer::reason(status));
    let (kind, body) = match response.error_page(status) {
        Some(page) => (&b"Content-Type: text/html\r\n"[..], page),
        None => (&b"Content-Type: text/plain\r\n"[..], format!("{text}\n").into_bytes()),
    };
    response.head = Some(Arc::new(AppHead {
        status,
        status_text: text.into_bytes(),
        lines: [kind, more].concat(),
        count: 1 + u32::from(!more.is_empty()),
        ..AppHead::default()
    }));
    response.keep_alive = false;
    py.detach(|| response.body(&body, true, None));
}
