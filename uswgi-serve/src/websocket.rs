//! The conversation on one WebSocket: what came and nobody has read yet, what is due to be sent, whether the client is
//! there, and how it ends. Knows no answer and no interpreter; whoever has the connection gives it bytes and the time.
//!
//! Bounded: messages that wait have [`WAITING`] bytes together and what one receive brought, beside them stands one message
//! that is not whole. Pings are answered in their order, of a flood the last ones only ([`PONGS`]), as section 5.5.3 allows,
//! and only while the client takes output.

#![forbid(unsafe_code)]

use crate::engine::Engine;
use crate::log::Fault;
use crate::{limited_say, sys};
use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use uswgi_proto::settings::WebSockets;
use uswgi_proto::websocket::{FrameDecoder, FrameError, Incoming, Opcode, code, put_close, put_frame};

/// Bytes of messages that may wait for the application, each with [`EACH`] more.
const WAITING: usize = 64 * 1024;
/// What a message costs beside its bytes.
const EACH: usize = 64;
/// Bytes of answers to pings that may wait: more of them are a flood.
const PONGS: usize = 2 * 1024;
/// Bytes received at a time: what a caller's scratch should hold.
pub const AT_A_TIME: usize = 64 * 1024;

/// A message of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// UTF-8.
    Text(String),
    /// Any bytes.
    Binary(Vec<u8>),
}

impl Message {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }
}

/// What came of one receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Bytes; there may be more.
    Bytes,
    /// Nothing now.
    Nothing,
    /// The connection has ended.
    End,
}

/// One WebSocket whose handshake is done.
#[derive(Debug)]
pub struct Conversation {
    decoder: FrameDecoder,
    ping_us: u64,
    pong_us: u64,
    queue: VecDeque<Message>,
    queued: usize,
    /// Received and not decoded, because too much waits.
    raw: Vec<u8>,
    /// Frames that answer pings.
    pongs: Vec<u8>,
    /// A ping of our own is due.
    ping: bool,
    /// The close frame that is due.
    close: Option<(u16, String)>,
    /// It was said: nothing comes behind it.
    closed: bool,
    /// How it ended, for the application.
    ended: Option<(u16, String)>,
    /// It was closed on this side: by the application, or because the worker leaves.
    closed_here: bool,
    fault: Option<FrameError>,
    /// When the client was heard last, and when it was pinged since; 0: it was not.
    heard_us: u64,
    pinged_us: u64,
}

impl Conversation {
    /// From now on.
    pub fn new(settings: &WebSockets, now_us: u64) -> Conversation {
        let limit = usize::try_from(settings.max_kib.saturating_mul(1024)).unwrap_or(usize::MAX);
        Conversation {
            decoder: FrameDecoder::new(limit),
            ping_us: u64::from(settings.ping_seconds) * 1_000_000,
            pong_us: u64::from(settings.pong_seconds) * 1_000_000,
            queue: VecDeque::new(),
            queued: 0,
            raw: Vec::new(),
            pongs: Vec::new(),
            ping: false,
            close: None,
            closed: false,
            ended: None,
            closed_here: false,
            fault: None,
            heard_us: now_us,
            pinged_us: 0,
        }
    }

    /// Whether more is to be received: not while enough waits, nor when nobody would read it.
    pub fn wants_input(&self) -> bool {
        self.ended.is_none() && self.close.is_none() && !self.closed && self.raw.is_empty() && !self.is_full()
    }

    fn is_full(&self) -> bool {
        self.queued >= WAITING
    }

    /// Receive once, without a wait. `scratch` is empty before and after.
    pub fn receive(&mut self, fd: RawFd, scratch: &mut Vec<u8>, now_us: u64) -> Heard {
        if scratch.capacity() < AT_A_TIME && scratch.try_reserve(AT_A_TIME).is_err() {
            self.end(code::ABNORMAL, "no memory");
            return Heard::End;
        }
        let came = match sys::recv_into(fd, scratch) {
            Ok(0) => Heard::End,
            Ok(_) => Heard::Bytes,
            Err(e) if sys::would_block(&e) || e.kind() == io::ErrorKind::Interrupted => Heard::Nothing,
            Err(_) => Heard::End,
        };
        match came {
            Heard::Bytes => self.take_in(scratch, now_us),
            Heard::End => self.end(code::ABNORMAL, ""),
            Heard::Nothing => {}
        }
        scratch.clear();
        came
    }

    /// Take in what was received.
    pub fn take_in(&mut self, bytes: &[u8], now_us: u64) {
        if bytes.is_empty() {
            return;
        }
        (self.heard_us, self.pinged_us) = (now_us, 0);
        if self.raw.is_empty() {
            let used = self.decode(bytes);
            self.raw.extend_from_slice(&bytes[used..]);
        } else {
            self.raw.extend_from_slice(bytes);
        }
    }

    /// Decode until too much waits; the bytes that were used.
    fn decode(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() && !self.is_full() && self.ended.is_none() {
            match self.decoder.feed(&bytes[at..]) {
                Ok((used, incoming)) => {
                    at += used;
                    if let Some(incoming) = incoming {
                        self.hear(incoming);
                    }
                }
                Err(e) => {
                    self.fault = Some(e);
                    self.say_close(e.code(), &e.to_string());
                    self.end(e.code(), &e.to_string());
                }
            }
        }
        if self.ended.is_some() { bytes.len() } else { at }
    }

    fn hear(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Text(text) => self.wait_for_reader(Message::Text(text)),
            Incoming::Binary(bytes) => self.wait_for_reader(Message::Binary(bytes)),
            Incoming::Ping(bytes) => {
                if self.pongs.len() > PONGS {
                    self.pongs.clear();
                }
                put_frame(Opcode::Pong, &bytes, &mut self.pongs);
            }
            Incoming::Pong => {}
            Incoming::Close(said) => {
                let (code, reason) = said.unwrap_or((code::NONE, String::new()));
                self.say_close(code, "");
                self.end(code, &reason);
            }
        }
    }

    fn wait_for_reader(&mut self, message: Message) {
        self.queued += message.bytes().len() + EACH;
        self.queue.push_back(message);
    }

    /// The next message.
    pub fn next_message(&mut self) -> Option<Message> {
        let message = self.queue.pop_front();
        if let Some(message) = &message {
            self.queued -= message.bytes().len() + EACH;
        }
        if self.queue.is_empty() {
            if self.queue.capacity() > 16 {
                self.queue = VecDeque::new();
            }
            let raw = std::mem::take(&mut self.raw);
            let used = self.decode(&raw);
            self.raw = raw[used..].to_vec();
        }
        message.or_else(|| if self.queue.is_empty() { None } else { self.next_message() })
    }

    /// How it has ended, when every message before that was read.
    pub fn ending(&self) -> Option<(u16, &str)> {
        let (code, reason) = self.ended.as_ref()?;
        self.queue.is_empty().then_some((*code, reason.as_str()))
    }

    /// Whether it has ended, whatever still waits.
    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Whether a close frame is due or was sent: nothing may be said any more.
    pub fn is_closing(&self) -> bool {
        self.closed || self.close.is_some()
    }

    fn end(&mut self, code: u16, reason: &str) {
        if self.ended.is_none() {
            self.ended = Some((code, reason.to_string()));
            self.raw = Vec::new();
        }
    }

    fn say_close(&mut self, code: u16, reason: &str) {
        if !self.is_closing() {
            self.close = Some((code, reason.to_string()));
        }
    }

    /// The application closes it.
    pub fn close(&mut self, code: u16, reason: &str) {
        self.closed_here |= self.ended.is_none();
        self.say_close(code, reason);
        self.end(code, reason);
    }

    /// Whether it was closed on this side first: what the client still sends has not come.
    pub fn closed_here(&self) -> bool {
        self.closed_here
    }

    /// The worker leaves.
    pub fn go_away(&mut self) {
        self.close(code::GOING_AWAY, "");
    }

    /// The client is not there any more: nothing can be sent, nothing comes.
    pub fn lose(&mut self) {
        self.end(code::ABNORMAL, "");
        self.closed = true;
    }

    /// How the client broke the protocol; says so once.
    fn take_fault(&mut self) -> Option<FrameError> {
        self.fault.take()
    }

    /// Write into the log how the client broke the protocol, once. `uri`: of the request.
    pub fn log_fault(&mut self, engine: &Engine, uri: &str) {
        if let Some(fault) = self.take_fault() {
            limited_say!(
                Fault::Client,
                engine,
                "{uri}: a WebSocket is closed with {}: {fault}",
                fault.code()
            );
        }
    }

    /// Frames that are due, in their order. Without `room` no pong: the client does not take what it was sent.
    pub fn frames(&mut self, room: bool) -> Vec<u8> {
        let mut out = Vec::new();
        if self.closed {
            return out;
        }
        if room {
            out = std::mem::take(&mut self.pongs);
        }
        if std::mem::take(&mut self.ping) {
            put_frame(Opcode::Ping, b"", &mut out);
        }
        if let Some((code, reason)) = self.close.take() {
            put_close(code, &reason, &mut out);
            self.closed = true;
        }
        out
    }

    /// When to look again whether the client is there, `monotonic_us`; None: never.
    pub fn due_us(&self) -> Option<u64> {
        if self.ping_us == 0 || self.ended.is_some() {
            return None;
        }
        Some(if self.pinged_us > 0 { self.pinged_us + self.pong_us } else { self.heard_us + self.ping_us })
    }

    /// Look whether it is. It is pinged after a time of silence, and given up when nothing is heard after that.
    pub fn look(&mut self, now_us: u64) {
        if self.due_us().is_none_or(|due| now_us < due) {
            return;
        }
        if self.pinged_us == 0 {
            (self.pinged_us, self.ping) = (now_us.max(1), true);
        } else {
            self.say_close(code::FAILED, "no pong in time");
            self.end(code::ABNORMAL, "no pong in time");
        }
    }
}

#[cfg(test)]
mod tests;
