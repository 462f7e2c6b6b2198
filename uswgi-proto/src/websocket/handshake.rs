//! The opening handshake (RFC 6455 section 4.2): whether a request asks for a WebSocket, whether it may, and the proof
//! that it was understood.

#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Appended to a key before it is hashed (section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why there is no WebSocket for a request that asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// No 16 bytes in base64.
    #[error("a WebSocket handshake without a key (Sec-WebSocket-Key: 16 bytes in base64)")]
    Key,
    /// Another version than the one of the RFC.
    #[error("a WebSocket handshake of another version than 13 (Sec-WebSocket-Version)")]
    Version,
    /// The server in front passes the question on and not the connection.
    #[error(
        "Apache's mod_proxy_uwsgi carries no WebSocket: let it proxy such paths over HTTP (ProxyPass http://... upgrade=websocket)"
    )]
    Carrier,
}

impl HandshakeError {
    /// Status of the answer. 426 has to name the version that is spoken.
    pub fn status(self) -> u16 {
        match self {
            HandshakeError::Key => 400,
            HandshakeError::Version => 426,
            HandshakeError::Carrier => 501,
        }
    }
}

/// Whether a list of a header field has this word.
fn has_token(list: &[u8], token: &[u8]) -> bool {
    list.split(|b| *b == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(token))
}

/// Whether a request with these fields asks for a WebSocket; else it is a request like others.
pub fn is_asked(method: &[u8], upgrade: &[u8], connection: &[u8]) -> bool {
    method == b"GET" && has_token(upgrade, b"websocket") && has_token(connection, b"upgrade")
}

/// Whether one that asks may have it.
pub fn check(version: &[u8], key: &[u8]) -> Result<(), HandshakeError> {
    if version.trim_ascii() != b"13" {
        return Err(HandshakeError::Version);
    }
    match STANDARD.decode(key.trim_ascii()) {
        Ok(bytes) if bytes.len() == 16 => Ok(()),
        _ => Err(HandshakeError::Key),
    }
}

/// What the answer proves with that it was made for this key.
pub fn accept_key(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key.trim_ascii()).chain_update(GUID).finalize())
}
