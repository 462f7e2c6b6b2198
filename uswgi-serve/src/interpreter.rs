//! The seam to the interpreter in which the lanes of a worker run: what deadlines and questions need of it.
//! The native thread never waits for an interpreter's lock: what may, is called from a helper thread.
//!
//! Objects that outlive their request as output ([`crate::send_queue::Held`]) are dropped by whoever sends them; what that
//! means to the interpreter is its own matter.

#![forbid(unsafe_code)]

use crate::engine::Engine;

/// An interpreter, as the native thread knows it.
pub trait Interpreter: Clone + Send + Sync + 'static {
    /// Where the lanes for which `which` holds stand, by the identifiers that [`crate::gateway::Gateway::start`] gave;
    /// None when the interpreter's lock was not to be had in time. Called from a helper thread.
    fn stacks(&self, which: impl Fn(u64) -> bool + Send + 'static) -> Option<String>;

    /// Break those lanes out of their requests for which [`crate::lane::Lane::take_interruption`] says so. May wait for
    /// the interpreter's lock; called from a helper thread.
    fn interrupt(&self, engine: &Engine);

    /// The same when no helper could be started: must not wait, and does nothing where only the lock would do.
    fn interrupt_at_once(&self, engine: &Engine);
}
