//! The seam to the interpreter in which the lanes of a worker run: what deadlines and questions need of it.
//! The native thread never waits for an interpreter's lock: what may, is called from a helper thread.

#![forbid(unsafe_code)]

use crate::engine::Engine;
use crate::send_queue::Held;

/// An interpreter, as the native thread knows it.
pub trait Interpreter: Clone + Send + Sync + 'static {
    /// How it keeps objects as output, and gives them up.
    type Held: Held;

    /// Where the lanes for which `which` holds stand, by the identifiers that [`crate::gateway::Gateway::start`] gave;
    /// None when the interpreter's lock was not to be had in time. Called from a helper thread.
    fn stacks(&self, which: impl Fn(u64) -> bool + Send + 'static) -> Option<String>;

    /// Break those lanes out of their requests for which [`crate::lane::Lane::take_interruption`] says so. May wait for
    /// the interpreter's lock; called from a helper thread.
    fn interrupt(&self, engine: &Engine);

    /// The same when no helper could be started: must not wait, and does nothing where only the lock would do.
    fn interrupt_at_once(&self, engine: &Engine);
}
