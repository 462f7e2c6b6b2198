//! Waits of a mule: for messages, and for signals meanwhile.

use super::signals;
use super::state::{breathe, queues};
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use uswgi_proto::background::{BesideRequests, MessageQueue};
use uswgi_proto::scoreboard::layout::add;
use uswgi_serve::aide::Link;
use uswgi_serve::messages::Came;

/// This process has waited for a message: it will again.
static WAITS: AtomicBool = AtomicBool::new(false);

/// Whether this process has ever waited for a message.
pub(crate) fn has_waited() -> bool {
    WAITS.load(Ordering::SeqCst)
}

/// What a mule listens to.
pub(crate) fn queues_of(link: &Link, background: &BesideRequests, farms: bool) -> Vec<MessageQueue> {
    let number = link.aide.number;
    let own = [MessageQueue::Mule(number), MessageQueue::Mules];
    let of_farms = background
        .farms_of(number)
        .filter(|_| farms)
        .map(|i| MessageQueue::Farm(background.farms[i].name.clone()));
    own.into_iter().chain(of_farms).collect()
}

/// What a wait ended with.
pub(crate) enum Waited {
    /// A message.
    Message(Vec<u8>),
    /// A signal, whose handler has run.
    AppSignal,
    /// The time is over.
    Timeout,
}

/// Wait for a message; raises SystemExit where this mule is to leave. `wanted`: handlers of signals run meanwhile.
pub(crate) fn wait(
    py: Python<'_>,
    link: &Link,
    from: &[MessageQueue],
    most: usize,
    until: Option<Instant>,
    wanted: bool,
) -> PyResult<Waited> {
    WAITS.store(true, Ordering::SeqCst);
    let queues = queues()?;
    loop {
        if link.is_leaving() {
            return Err(PySystemExit::new_err(0));
        }
        let also: Vec<BorrowedFd<'_>> = link.signal_fds().take(if wanted { usize::MAX } else { 1 }).collect();
        match py.detach(|| queues.receive(from, most, &also, until)) {
            Came::Message(message) => {
                if let Some(slot) = link.slot() {
                    add(&slot.done, 1);
                }
                return Ok(Waited::Message(message));
            }
            Came::Timeout => return Ok(Waited::Timeout),
            Came::Interrupted => breathe(py)?,
            // Signals that are not wanted now stay until they are.
            Came::Woken if !wanted && !link.is_leaving() => std::thread::sleep(Duration::from_millis(1)),
            // Asked only when something has come: each question is a system call, and messages are many.
            Came::Woken => {
                if let Some(signal) = link.next_signal().filter(|_| wanted) {
                    signals::run_handler(py, signal.number);
                    return Ok(Waited::AppSignal);
                }
            }
        }
    }
}
