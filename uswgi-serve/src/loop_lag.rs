//! Says which lane keeps the loop of all lanes from turning, and where it stands: while it does so, by a helper thread.

#![forbid(unsafe_code)]

use crate::engine::Engine;
use crate::interpreter::Interpreter;
use crate::{say, sys};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use uswgi_proto::scoreboard::monotonic_us;

/// Seconds between two such messages of a worker: a site that does it once does it often.
const EACH_US: u64 = 10_000_000;

/// When it was said last; how often it was not said since.
static LAST_US: AtomicU64 = AtomicU64::new(0);
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
static HELPER: AtomicBool = AtomicBool::new(false);

/// Native thread only. The loop is late by so much, and still does not turn.
pub(crate) fn tell(engine: &Arc<Engine>, interpreter: &impl Interpreter, late_us: u64) {
    let now = monotonic_us();
    let last = LAST_US.load(Ordering::Relaxed);
    if (last > 0 && now < last + EACH_US) || HELPER.swap(true, Ordering::AcqRel) {
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        return;
    }
    LAST_US.store(now, Ordering::Relaxed);
    let others = match LEFT_OUT.swap(0, Ordering::Relaxed) {
        0 => String::new(),
        n => format!(" ({n} times more since this was said)"),
    };
    let (own, ident) = (interpreter.clone(), engine.loop_lane().map_or(0, |lane| lane.ident()));
    let (late_ms, what) = (late_us / 1_000, engine.settings.lanes.kind.plural());
    let helper = move || {
        sys::block_signals();
        let text = own.stacks(move |i| i == ident);
        HELPER.store(false, Ordering::Release);
        let text = text.unwrap_or_else(|| "(something holds the GIL without a break)\n".into());
        say!("the loop of all {what} has not turned for {late_ms} ms{others}; it stands here:\n{text}");
    };
    let spawned = std::thread::Builder::new().name("uswgi-lag".into()).stack_size(256 * 1024).spawn(helper);
    if spawned.is_err() {
        HELPER.store(false, Ordering::Release);
    }
}
