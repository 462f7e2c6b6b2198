//! One request of the warm-up: run as any other, and in no book.

#![forbid(unsafe_code)]

use super::books::{prepare, response_for};
use crate::connection::Conn;
use crate::exchange::Exchange;
use crate::gateway::Gateway;
use crate::outbox::{Outbox, Unsent};
use crate::request::Request;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// See the module.
pub(crate) struct Warm<'a, H> {
    pub(crate) outbox: &'a Arc<Outbox<H>>,
    pub(crate) lane: usize,
    pub(crate) conn: Conn,
    pub(crate) request: &'a mut Request,
}

impl<H: crate::send_queue::Held> Warm<'_, H> {
    /// Run it, and close its connection; the status of the answer, if there was one.
    pub(crate) fn run<G: Gateway<Held = H>>(self, gateway: &mut G) -> Option<u16> {
        let Warm { outbox, lane, mut conn, request } = self;
        let engine = &outbox.engine;
        conn.name_peer();
        let notes = &engine.lanes[lane].notes;
        notes.begin(request.content_length, 0);
        let slot = engine.lane_slot(lane);
        let exceptions = slot.map_or(0, |s| s.exceptions.load(Relaxed));
        let mut response = response_for(outbox, lane);
        let mut exchange = Exchange { engine, lane, conn: &mut conn, request };
        prepare(&mut response, &mut exchange);
        response.keep_alive = false;
        let mut ran = {
            let _taken_back = outbox.lent[lane].guard();
            gateway.run(&mut exchange, response)
        };
        ran.response.send_staged();
        notes.end();
        if let Some(slot) = slot {
            slot.exceptions.store(exceptions, Relaxed);
        }
        let status = (ran.response.head_bytes > 0).then(|| ran.response.status());
        let pending = std::mem::take(&mut ran.response.pending);
        if ran.response.failed.is_none() && !pending.is_empty() {
            outbox.leave(Unsent { conn, pending, keep: false, unread: false });
        }
        status
    }
}
