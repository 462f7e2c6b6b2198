//! The clock of the WebSockets of a worker: one timer for all, while there are some. It pings who is silent, and gives up
//! who does not answer.

use super::pool::POOL;
use crate::py as python;
use pyo3::intern;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use uswgi_proto::scoreboard::monotonic_us;

/// Looks are never closer together than this.
const LEAST_US: u64 = 250_000;

/// The timer runs.
static RUNS: AtomicBool = AtomicBool::new(false);

/// There is a WebSocket: look after it.
pub(super) fn keep_time(py: Python<'_>) -> PyResult<()> {
    let Some(pool) = POOL.get() else { return Ok(()) };
    let settings = &pool.engine.settings.websockets;
    if settings.ping_seconds == 0 || RUNS.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    later(py, u64::from(settings.ping_seconds) * 1_000_000)
}

fn later(py: Python<'_>, us: u64) -> PyResult<()> {
    let Some(pool) = POOL.get() else { return Ok(()) };
    let seconds = us as f64 / 1e6;
    let clock = Py::new(py, PingClock)?;
    pool.event_loop.call_method1(py, intern!(py, "call_later"), (seconds, clock)).map(drop)
}

/// Called by the loop.
#[pyclass(module = "uswgi_worker", frozen)]
struct PingClock;

#[pymethods]
impl PingClock {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        RUNS.store(false, Ordering::Relaxed);
        let Some(pool) = POOL.get() else { return Ok(()) };
        let now = monotonic_us();
        let mut next: Option<u64> = None;
        for socket in pool.sockets() {
            match socket.look(py, now) {
                Ok(Some(due)) => next = Some(next.map_or(due, |n| n.min(due))),
                Ok(None) => {}
                Err(e) => python::print_exception(py, &e),
            }
        }
        // One that comes before then has its first ping later than any that is there.
        let (Some(next), ping) = (next, u64::from(pool.engine.settings.websockets.ping_seconds) * 1_000_000)
        else {
            return Ok(());
        };
        RUNS.store(true, Ordering::Relaxed);
        later(py, next.saturating_sub(now).clamp(LEAST_US, ping.max(LEAST_US)))
    }
}
