//! What the service manager hears (sd_notify): one line for each change. Without `NOTIFY_SOCKET`
//! nothing happens; an error is nobody's business but the log's, once.
#![forbid(unsafe_code)]

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sd_notify::NotifyState;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// How long this process waits for a service manager whose queue is full; once, until it takes messages again.
const PATIENCE: u8 = 50;

/// The way to a service manager whose socket has a path that is out of reach.
static KEPT: OnceLock<UnixDatagram> = OnceLock::new();
/// Its queue was full: nobody waits for it any more.
static STUCK: AtomicBool = AtomicBool::new(false);

fn socket() -> Option<OsString> {
    std::env::var_os("NOTIFY_SOCKET").filter(|p| !p.is_empty())
}

/// A way there that never waits.
fn connect(address: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match address.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => socket.connect(address)?,
    }
    Ok(socket)
}

/// The master goes into a jail: keep the way open. A socket without a path needs none.
pub fn keep() {
    let Some(path) = socket().filter(|p| p.as_encoded_bytes().first() == Some(&b'/')) else { return };
    match connect(&path) {
        Ok(socket) => drop(KEPT.set(socket)),
        Err(e) => crate::log::line(format_args!("cannot notify the service manager: {e}")),
    }
}

/// Say it. A receiver that stands still (an Emperor that was stopped, say) holds up nobody for more than a moment, and once: what it
/// does not take is dropped.
fn say(socket: &UnixDatagram, text: &[u8], stuck: &AtomicBool) -> io::Result<()> {
    match socket.send(text) {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
        sent => {
            stuck.store(false, Relaxed);
            return sent.map(drop);
        }
    }
    if !stuck.swap(true, Relaxed) {
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
        let _ = poll(&mut fds, PollTimeout::from(PATIENCE));
        if socket.send(text).is_ok() {
            stuck.store(false, Relaxed);
        }
    }
    Ok(())
}

fn send(states: &[NotifyState<'_>]) {
    let Some(address) = socket() else { return };
    let text: String = states.iter().map(|s| format!("{s}\n")).collect();
    let sent = match KEPT.get() {
        Some(socket) => say(socket, text.as_bytes(), &STUCK),
        None if matches!(address.as_encoded_bytes().first(), Some(b'/' | b'@')) => {
            connect(&address).and_then(|socket| say(&socket, text.as_bytes(), &STUCK))
        }
        // Of another kind (vsock).
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn who_reads_nothing_holds_up_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let reader = UnixDatagram::bind(&path).unwrap();
        let (stuck, begin) = (AtomicBool::new(false), Instant::now());
        for _ in 0..5000 {
            say(&connect(path.as_os_str()).unwrap(), b"WATCHDOG=1\n", &stuck).unwrap();
        }
        assert!(begin.elapsed() < Duration::from_secs(20) && stuck.load(Relaxed));
        // It reads again: what is said next arrives.
        reader.set_nonblocking(true).unwrap();
        let mut text = [0; 99];
        while reader.recv(&mut text).is_ok() {}
        say(&connect(path.as_os_str()).unwrap(), b"READY=1\n", &stuck).unwrap();
        let n = reader.recv(&mut text).unwrap();
        assert!(&text[..n] == b"READY=1\n" && !stuck.load(Relaxed));
    }
}
