//! What the service manager hears (sd_notify): one line for each change. Without `NOTIFY_SOCKET`
//! nothing happens; an error is nobody's business but the log's, once.
#![forbid(unsafe_code)]

use sd_notify::NotifyState;
use std::time::Duration;

fn send(states: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        crate::log::line(format_args!("cannot notify the service manager: {e}"));
    }
}

/// The instance serves.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::MainPid(std::process::id()), NotifyState::Status(status)]);
}

/// A reload begins.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now, NotifyState::Status("reloading")]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
}

/// The instance leaves.
pub fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// The instance is alive (see `watchdog`).
pub fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// No worker answers any more.
pub fn lost() {
    send(&[NotifyState::Status("no worker answers")]);
}

/// Within which time [`alive`] is wanted again and again.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}
