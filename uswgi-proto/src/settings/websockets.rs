//! What a configuration says of WebSockets, with its defaults.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// What becomes of WebSockets when their worker leaves (`websocket-reload`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebSocketReload {
    /// They are closed with 1001 at once, so that their clients come back to the new generation.
    #[default]
    Close,
    /// They go on until they end or the mercy is over.
    Drain,
}

impl WebSocketReload {
    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            WebSocketReload::Close => "close",
            WebSocketReload::Drain => "drain",
        }
    }
}

/// How a WebSocket is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSockets {
    /// Seconds of silence after which a client is pinged; 0: it is not (`websockets-ping-freq`).
    pub ping_seconds: u32,
    /// Seconds that it has to answer (`websockets-pong-tolerance`).
    pub pong_seconds: u32,
    /// Largest message in KiB (`websockets-max-size`).
    pub max_kib: u64,
    /// What becomes of it when its worker leaves.
    pub reload: WebSocketReload,
}

/// uWSGI's own.
impl Default for WebSockets {
    fn default() -> Self {
        WebSockets { ping_seconds: 30, pong_seconds: 3, max_kib: 1024, reload: WebSocketReload::Close }
    }
}
