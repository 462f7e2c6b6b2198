//! The steering socket: a request, an answer, closed (`uswgi_proto::steer` says what and how to get
//! there). A client delays nothing: nothing here waits, a request is bounded, and so are the number of
//! clients and their time.
//!
//! It must never act: `master/handle_steer` carries requests out.
#![forbid(unsafe_code)]

use crate::events::{Events, Woken};
use crate::{log, sys};
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    self as so, AddressFamily, Backlog, SockFlag, SockType, UnixAddr, getsockopt, sockopt,
};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Uid, unlink};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use uswgi_proto::scoreboard::{ScoreboardError, monotonic_us};
use uswgi_proto::steer::{Answer, Envelope, MAX_REQUEST, STEER_FD, STEER_VERSION};

/// Clients at a time; more wait in the queue of the socket.
const CLIENTS: usize = 16;
/// How long a client may take to say something, to wait for its answer, and to take it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Token of the listener; clients follow.
pub(crate) const LISTENER: u64 = 0;

enum State {
    Reading(Vec<u8>),
    Waiting,
    Writing { text: Vec<u8>, sent: usize },
}

struct Client {
    stream: UnixStream,
    state: State,
    until: Instant,
}

/// The socket and who speaks to it.
#[derive(Default)]
pub struct Server {
    listener: Option<OwnedFd>,
    /// The way to it, at [`STEER_FD`].
    #[allow(dead_code, reason = "others open it by its number")]
    door: Option<OwnedFd>,
    clients: BTreeMap<u64, Client>,
    last: u64,
    /// The listener is not watched: there are enough clients, or no descriptors.
    deaf_until: Option<Instant>,
}

/// Keep the number of the descriptor free of others until [`Server::bind`].
pub fn reserve() -> Result<OwnedFd, ScoreboardError> {
    let io = |source| ScoreboardError::Io { what: "keeping a descriptor for requests", source };
    let null = std::fs::File::open("/dev/null").map_err(io)?;
    sys::place(null.as_fd(), STEER_FD).map_err(io)
}

impl Server {
    /// Bind it, as the user that the master becomes. Without a directory for the moment in which it
    /// has a name there is none, and the instance runs without it.
    pub fn bind(place: OwnedFd) -> Server {
        match bind() {
            Ok((listener, door)) => match sys::place(door.as_fd(), place.as_raw_fd()) {
                Ok(door) => {
                    // It names the same descriptor, which is the door now.
                    let _ = place.into_raw_fd();
                    Server { listener: Some(listener), door: Some(door), ..Server::default() }
                }
                Err(e) => without(&e),
            },
            Err(e) => without(&e),
        }
    }

    /// Wake up for new clients.
    pub fn watch(&self, events: &Events) {
        if let Some(listener) = &self.listener {
            let _ = events.watch(listener.as_fd(), Woken::Steer(LISTENER), false);
        }
    }

    /// When the patience with a client ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.clients.values().map(|c| c.until).chain(self.deaf_until).min()
    }

    /// Close the clients that take too long, and listen again when there is room.
    pub fn expire(&mut self, events: &Events) {
        let now = Instant::now();
        self.clients.retain(|_, c| c.until > now);
        if self.deaf_until.is_some_and(|at| at <= now || self.clients.len() < CLIENTS) {
            self.deaf_until = None;
            self.watch(events);
        }
    }

    /// Take a client that waits.
    pub(crate) fn accept(&mut self, events: &Events) {
        let Some(listener) = &self.listener else { return };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let pause = match sys::accept(listener.as_fd(), flags.bits()) {
            Ok(fd) => {
                self.welcome(fd, events);
                self.clients.len() >= CLIENTS
            }
            Err(e) => matches!(e.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM)),
        };
        if pause && let Some(listener) = &self.listener {
            // Who waits stays in the queue: without a pause the loop would spin on it.
            events.forget(listener.as_fd());
            self.deaf_until = Some(Instant::now() + Duration::from_secs(1));
        }
    }

    fn welcome(&mut self, fd: OwnedFd, events: &Events) {
        let peer = getsockopt(&fd, sockopt::PeerCredentials).map(|c| Uid::from_raw(c.uid()));
        if !peer.is_ok_and(|uid| uid.is_root() || uid == Uid::effective()) {
            return;
        }
        self.last += 1;
        if events.watch(fd.as_fd(), Woken::Steer(self.last), false).is_ok() {
            let (stream, until) = (UnixStream::from(fd), Instant::now() + PATIENCE);
            self.clients.insert(self.last, Client { stream, state: State::Reading(Vec::new()), until });
        }
    }

    /// What a client has said, once it has said everything; its state is then to wait.
    pub(crate) fn hear(&mut self, token: u64, events: &Events) -> Option<Vec<u8>> {
        let client = self.clients.get_mut(&token)?;
        let State::Reading(said) = &mut client.state else { return None };
        let mut piece = [0; 8192];
        loop {
            match client.stream.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => said.extend_from_slice(&piece[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => {
                    self.clients.remove(&token);
                    return None;
                }
            }
            if said.len() > MAX_REQUEST {
                break;
            }
        }
        // Its patience was shorter: it has told its user that nothing happened, and may ask again.
        if gone(&client.stream) {
            self.clients.remove(&token);
            log::line("a request is not carried out: who asked does not wait for the answer any more");
            return None;
        }
        let said = std::mem::take(said);
        client.state = State::Waiting;
        client.until = Instant::now() + PATIENCE;
        events.forget(client.stream.as_fd());
        Some(said)
    }

    /// The answer for a client that waits. One that has gone gets none.
    pub fn answer(&mut self, token: u64, answer: &Answer, events: &Events) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        if !matches!(client.state, State::Waiting) {
            return;
        }
        let text = serde_json::to_vec(answer).unwrap_or_default();
        client.state = State::Writing { text, sent: 0 };
        client.until = Instant::now() + PATIENCE;
        if events.watch(client.stream.as_fd(), Woken::Steer(token), true).is_err() {
            self.clients.remove(&token);
            return;
        }
        self.go_on(token);
    }

    /// Send what is left of an answer.
    pub(crate) fn go_on(&mut self, token: u64) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        let State::Writing { text, sent } = &mut client.state else { return };
        while *sent < text.len() {
            match client.stream.write(&text[*sent..]) {
                Ok(n) => *sent += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // What a unix socket has taken stays readable after the close.
        self.clients.remove(&token);
    }
}

/// Whether the other side is closed, and not only done with speaking.
fn gone(stream: &UnixStream) -> bool {
    let mut fds = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    let _ = poll(&mut fds, PollTimeout::ZERO);
    fds[0].revents().is_some_and(|r| r.contains(PollFlags::POLLHUP))
}

fn without(e: &io::Error) -> Server {
    log::line(format_args!(
        "no requests can be sent to this instance but signals: {e}; let its user write to /dev/shm or /tmp"
    ));
    Server::default()
}

/// The listening socket, and the descriptor by which others find it. Its name is gone already.
fn bind() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let listener = so::socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    // The name inherits the mode: nobody but its owner may ever connect by it.
    fchmod(&listener, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for directory in
        ["/dev/shm".into(), "/run".into(), std::env::temp_dir(), "/tmp".into(), PathBuf::from(".")]
    {
        let name = format!(".uswgi-steer-{}-{:x}", std::process::id(), monotonic_us());
        let path = directory.join(name);
        let bound = UnixAddr::new(&path).and_then(|address| so::bind(listener.as_raw_fd(), &address));
        if let Err(e) = bound {
            last = e.into();
            continue;
        }
        let door =
            nix::fcntl::open(&path, OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW, Mode::empty());
        unlink(&path)?;
        so::listen(&listener, Backlog::new(CLIENTS as i32)?)?;
        return Ok((listener, door?));
    }
    Err(last)
}

/// The request in what a client has said.
pub(crate) fn understood(said: &[u8]) -> Result<Envelope, String> {
    if said.len() > MAX_REQUEST {
        return Err(format!("the request is longer than {MAX_REQUEST} bytes"));
    }
    let version = serde_json::from_slice::<serde_json::Value>(said)
        .ok()
        .and_then(|v| v.get("version").and_then(serde_json::Value::as_u64));
    if version != Some(STEER_VERSION.into()) {
        return Err(format!(
            "this master speaks version {STEER_VERSION} of requests; use the uswgi-ctl of the running version"
        ));
    }
    serde_json::from_slice(said).map_err(|e| format!("this request is not understood: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_is_more_than_refused() {
        let ping =
            |version: u32| format!(r#"{{"version":{version},"request":{{"verb":"ping"}}}}"#).into_bytes();
        let alone = format!(r#"{{"version":{STEER_VERSION}}}"#).into_bytes();
        let other = ping(STEER_VERSION + 1);
        for bad in [&b""[..], b"{", b"null", &alone, &other, b"\xff"] {
            assert!(understood(bad).is_err(), "{bad:?}");
        }
        assert!(understood(&vec![b' '; MAX_REQUEST + 1]).unwrap_err().contains("longer"));
        assert!(understood(&ping(STEER_VERSION)).is_ok());
    }

    #[test]
    fn the_socket_has_no_name_and_is_reached_by_its_descriptor() {
        let (listener, door) = bind().unwrap();
        let path = format!("/proc/self/fd/{}", door.as_raw_fd());
        assert!(std::fs::read_link(&path).unwrap().to_string_lossy().ends_with("(deleted)"));
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(b"x").unwrap();
        let fd = sys::accept(listener.as_fd(), 0).unwrap();
        let mut got = [0];
        UnixStream::from(fd).read_exact(&mut got).unwrap();
        assert_eq!(&got, b"x");
    }
}
