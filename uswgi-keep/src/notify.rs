//! What the service manager hears (sd_notify): one line for each change. Without `NOTIFY_SOCKET`
//! nothing happens; an error is nobody's business but the log's, once.
#![forbid(unsafe_code)]

use sd_notify::NotifyState;
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;
use std::time::Duration;

/// The way to a service manager whose socket has a path that is out of reach.
static KEPT: OnceLock<UnixDatagram> = OnceLock::new();

/// The master goes into a jail: keep the way open. A socket without a path needs none.
pub fn keep() {
    let path = std::env::var_os("NOTIFY_SOCKET").filter(|p| p.as_encoded_bytes().first() == Some(&b'/'));
    let Some(path) = path else { return };
    match UnixDatagram::unbound().and_then(|s| s.connect(&path).map(|()| s)) {
        Ok(socket) => drop(KEPT.set(socket)),
        Err(e) => crate::log::line(format_args!("cannot notify the service manager: {e}")),
    }
}

fn send(states: &[NotifyState<'_>]) {
    let sent = match KEPT.get() {
        Some(socket) => {
            let text: String = states.iter().map(|s| format!("{s}\n")).collect();
            socket.send(text.as_bytes()).map(drop)
        }
        None => sd_notify::notify(states),
    };
    if let Err(e) = sent {
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
