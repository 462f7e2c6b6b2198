//! WebSockets (RFC 6455): the handshake, frames of clients, frames of our own. Pure: bytes in, messages out.
//!
//! Of our own and no crate, because the crates own the socket and a buffer for each, where ten thousand idle connections must
//! cost next to nothing, and because what comes from the network is parsed here by one rule: nothing is taken on trust, every
//! buffer has a limit, every violation its close code. Extensions are not spoken, so the reserved bits are always zero.

#![forbid(unsafe_code)]

mod decoder;
mod handshake;

pub use decoder::{FrameDecoder, FrameError, Incoming, MAX_FRAMES};
pub use handshake::{HandshakeError, accept_key, check, is_asked};

/// Most bytes of payload in a control frame (section 5.5).
pub const MAX_CONTROL: usize = 125;

/// What a frame is (section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// Goes on with a message.
    Continuation = 0,
    /// A message that is UTF-8.
    Text = 1,
    /// A message of any bytes.
    Binary = 2,
    /// The last frame of its sender.
    Close = 8,
    /// Wants a pong.
    Ping = 9,
    /// Answers a ping.
    Pong = 10,
}

impl Opcode {
    fn of(number: u8) -> Option<Opcode> {
        use Opcode::*;
        [Continuation, Text, Binary, Close, Ping, Pong].into_iter().find(|o| *o as u8 == number)
    }

    /// Whether it may stand between the frames of a message.
    pub fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// Close codes that this server gives (section 7.4.1).
pub mod code {
    /// All was said.
    pub const NORMAL: u16 = 1000;
    /// The server goes away: a reload or a stop.
    pub const GOING_AWAY: u16 = 1001;
    /// The client broke the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// No code came. Never sent.
    pub const NONE: u16 = 1005;
    /// The connection ended without a close frame. Never sent.
    pub const ABNORMAL: u16 = 1006;
    /// A text that is not UTF-8.
    pub const NOT_UTF8: u16 = 1007;
    /// What a client does without end.
    pub const POLICY: u16 = 1008;
    /// A message that is too large.
    pub const TOO_BIG: u16 = 1009;
    /// The application failed, or the client answers no ping.
    pub const FAILED: u16 = 1011;
}

/// Whether a close frame may carry this code: those that are registered, and those for libraries and applications.
pub fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Put a whole message or control frame behind `out`, as a server sends it: in one frame, not masked.
pub fn put_frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode as u8);
    match payload.len() {
        n @ 0..=125 => out.push(n as u8),
        n @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// Put a close frame behind `out`. A code that may not be sent becomes an empty frame; of a reason that is too long the
/// beginning is sent.
pub fn put_close(code: u16, reason: &str, out: &mut Vec<u8>) {
    if !may_be_sent(code) {
        return put_frame(Opcode::Close, b"", out);
    }
    let mut end = reason.len().min(MAX_CONTROL - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    put_frame(Opcode::Close, &payload, out);
}

#[cfg(test)]
mod tests;
