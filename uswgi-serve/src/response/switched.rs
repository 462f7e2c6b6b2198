//! An answer that is no answer of HTTP from its head on: `101 Switching Protocols` (RFC 9110 section 15.2.2).

#![forbid(unsafe_code)]

use super::{AppHead, Response};
use crate::send_queue::Held;
use std::sync::Arc;

impl<H: Held> Response<H> {
    /// Answer with `101 Switching Protocols` and these header lines: a body is none from here on, and what
    /// [`Response::frames`] gives is sent as it is. False: the answer is not ours any more.
    pub fn switch(&mut self, lines: &[u8]) -> bool {
        self.head = Some(Arc::new(AppHead {
            status: 101,
            status_text: b"101 Switching Protocols".to_vec(),
            lines: lines.to_vec(),
            count: lines.iter().filter(|b| **b == b'\n').count() as u32,
            ..AppHead::default()
        }));
        self.switched = true;
        self.keep_alive = false;
        if !self.begin(None) {
            return false;
        }
        // It may stay for days: what its head needed goes.
        let out = std::mem::take(&mut self.out);
        self.put(&out, b"", None);
        if let Some(head) = self.head.as_mut().and_then(Arc::get_mut) {
            head.lines = Vec::new();
        }
        self.outbox.engine.converse(self.lane, true);
        self.failed.is_none()
    }

    /// Send bytes of the protocol that was switched to.
    pub fn frames(&mut self, data: &[u8]) {
        self.take_back();
        if !self.switched || self.ended || self.failed.is_some() {
            return;
        }
        self.body_bytes += data.len() as u64;
        self.put(data, b"", None);
        self.drain();
        if !self.must_wait() {
            self.lend();
        }
    }

    /// Whether it was answered with [`Response::switch`].
    pub fn is_switched(&self) -> bool {
        self.switched && self.head_sent
    }
}
