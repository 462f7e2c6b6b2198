//! What the engine knows of requests that last: WebSockets, which are closed when the worker leaves, and the loop in which
//! lanes of one thread wait.

#![forbid(unsafe_code)]

use super::Engine;
use crate::lane::Lane;
use crate::sys::WakeEvent;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;
use uswgi_proto::settings::WebSocketReload;

impl Engine {
    /// The request of a lane becomes a WebSocket, or was one and ends.
    pub(crate) fn converse(&self, lane: usize, on: bool) {
        self.lanes[lane].converse(on);
        if let Some(slot) = self.lane_slot(lane) {
            slot.websocket.store(on.into(), Ordering::Relaxed);
        }
    }

    /// A lane that has begun, where one thread runs all of them: it knows that thread.
    pub(crate) fn loop_lane(&self) -> Option<&Lane> {
        self.lanes.iter().rev().find(|lane| lane.id() != 0)
    }

    /// The loop of the lanes turns, now: it was wanted.
    pub fn loop_turned(&self, now_us: u64) {
        if let Some(event_loop) = &self.event_loop {
            event_loop.turned(now_us, self.slot().map(|slot| &slot.lag));
        }
    }

    /// Readable when the worker leaves; -1: there is no descriptor for it.
    pub fn leave_fd(&self) -> RawFd {
        if let Some(wake) = self.leave_wake.0.get() {
            return wake.as_raw_fd();
        }
        let Ok(wake) = WakeEvent::new(false) else { return -1 };
        let fd = self.leave_wake.0.get_or_init(|| wake).as_raw_fd();
        if self.is_leaving() {
            self.wake_sockets();
        }
        fd
    }

    /// The worker leaves.
    pub(crate) fn wake_sockets(&self) {
        if let Some(wake) = self.leave_wake.0.get() {
            wake.set();
        }
        if let Some(event_loop) = &self.event_loop {
            event_loop.call();
        }
    }

    /// Whether WebSockets are to be closed now, because the worker leaves.
    pub fn closes_sockets(&self) -> bool {
        self.is_leaving() && self.settings.websockets.reload == WebSocketReload::Close
    }
}
