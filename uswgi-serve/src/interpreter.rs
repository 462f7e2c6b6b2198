//! The seam to the interpreter in which the lanes of a worker run: what deadlines and questions need of it.
//! The native thread never waits for an interpreter's lock: what may, is called from a helper thread.

#![forbid(unsafe_code)]

use crate::engine::Engine;
use crate::send_queue::Held;
use std::ops::Range;
use uswgi_proto::profile::PythonFrame;

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

    /// What reads the stacks of lanes from the interpreter's memory, without its lock and while they run; or why there is
    /// none. May wait for the lock; called from a helper thread.
    fn frames(&self) -> Result<Box<dyn FrameReader>, String> {
        Err("the stacks of this interpreter cannot be read while it runs".into())
    }

    /// The addresses between which its lock lies: who waits there waits for it.
    fn lock_memory(&self) -> Range<usize> {
        0..0
    }
}

/// What reads the stacks of lanes while they run.
pub trait FrameReader: Send {
    /// The interpreter, for people.
    fn name(&self) -> String;

    /// Where the thread with this identifier stands: numbers of frames, from the root. False: it got on meanwhile, each time.
    fn stack(&mut self, ident: u64, frames: &mut Vec<u32>) -> bool;

    /// What a number means.
    fn frame(&self, number: u32) -> PythonFrame;
}
