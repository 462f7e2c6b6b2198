//! The outbox of a worker: output that its lanes leave to the native thread, while a request runs (it is lent, see
//! [`crate::background`]) or when its answer is made. Never waits.

#![forbid(unsafe_code)]

use crate::background::Background;
use crate::connection::Conn;
use crate::engine::Engine;
use crate::send_queue::{Held, SendQueue};
use crate::sync::lock;
use std::sync::{Arc, Mutex};

/// The rest of an answer, and its connection.
pub(crate) struct Unsent<H> {
    pub(crate) conn: Conn,
    pub(crate) pending: SendQueue<H>,
    /// The connection takes another request afterwards; otherwise it is closed.
    pub(crate) keep: bool,
    /// Its client may still send a part of its request.
    pub(crate) unread: bool,
}

/// See the module.
pub struct Outbox<H> {
    /// The worker whose output it is.
    pub engine: Arc<Engine>,
    /// What each lane has lent.
    pub(crate) lent: Vec<Background<SendQueue<H>>>,
    unsent: Mutex<Vec<Unsent<H>>>,
}

impl<H: Held> Outbox<H> {
    /// An empty one.
    pub fn new(engine: &Arc<Engine>) -> Arc<Outbox<H>> {
        let lent = engine.lanes.iter().map(|_| Background::default()).collect();
        Arc::new(Outbox { engine: engine.clone(), lent, unsent: Mutex::default() })
    }

    /// Leave the rest of an answer to the native thread.
    pub(crate) fn leave(&self, mut unsent: Unsent<H>) {
        self.engine.unregister(&mut unsent.conn);
        lock(&self.unsent).push(unsent);
        self.engine.wake_native();
    }

    /// Whether there are answers that nobody has taken.
    pub(crate) fn any(&self) -> bool {
        !lock(&self.unsent).is_empty()
    }

    /// Take them.
    pub(crate) fn take(&self) -> Vec<Unsent<H>> {
        std::mem::take(&mut *lock(&self.unsent))
    }
}
