//! One request thread (or greenlet, or task) of a worker, and its request.

use crate::scoreboard::layout::Totals;
use crate::scoreboard::text::RequestLine;
use crate::scoreboard::{ThreadSlot, ThreadState, monotonic_us};
use std::sync::atomic::Ordering::Relaxed;

/// A request thread.
#[derive(Debug, Clone)]
pub struct Thread {
    /// Whether it is in a request.
    pub busy: bool,
    /// Whether that has become a WebSocket.
    pub websocket: bool,
    /// For how long, microseconds.
    pub busy_us: u64,
    /// Microseconds until its harakiri; None: there is none.
    pub harakiri_us: Option<u64>,
    /// The kernel's number of the thread that runs it; lanes may share one.
    pub(super) tid: i32,
    /// Bytes of body that the request under way announced.
    pub body_in: u64,
    /// Bytes of body given for it so far.
    pub body_out: u64,
    /// Sums of the thread.
    pub total: Totals,
    /// The request under way.
    pub request: Option<RequestLine>,
}

impl Thread {
    /// As it is shown now.
    pub(super) fn read(t: &ThreadSlot) -> Thread {
        let busy = ThreadState::from_number(t.state.load(Relaxed)) == ThreadState::Busy;
        let (started, deadline, now) =
            (t.started_us.load(Relaxed), t.deadline_us.load(Relaxed), monotonic_us());
        Thread {
            busy,
            websocket: busy && t.websocket.load(Relaxed) != 0,
            busy_us: if busy && started > 0 { now.saturating_sub(started) } else { 0 },
            harakiri_us: (busy && deadline > 0).then(|| deadline.saturating_sub(now)),
            tid: t.tid.load(Relaxed),
            body_in: if busy { t.body_in.load(Relaxed) } else { 0 },
            body_out: if busy { t.body_out.load(Relaxed) } else { 0 },
            total: Totals::of_thread(t),
            request: if busy { t.request.read() } else { None },
        }
    }
}
