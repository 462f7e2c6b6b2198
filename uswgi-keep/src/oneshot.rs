//! A listening socket without a name, for questions of one's own user: a request, an answer, closed.
//!
//! It is bound, its name is removed, and its inode stays open at a number that others know ([`reserve`]): they reach it as
//! `/proc/PID/fd/NUMBER`, so it works in every mount namespace and leaves nothing behind. The user of this process and root may
//! connect, and nobody else. A client delays nothing: nothing here waits, a request is bounded, and so are the number of
//! clients and their time.
//!
//! What is said and answered are bytes; it must never look into them.
#![forbid(unsafe_code)]

use crate::events::{Events, Wake};
use crate::{log, sys};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    self as so, AddressFamily, Backlog, SockFlag, SockType, UnixAddr, getsockopt, sockopt,
};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Uid, unlink};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use uswgi_proto::scoreboard::monotonic_us;

/// Clients at a time; more wait in the queue of the socket.
const CLIENTS: usize = 16;
/// How long a client may take to say something, to wait for its answer, and to take it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Number of the listener; clients follow.
const LISTENER: u64 = 0;

/// What a client has said.
#[derive(Debug, PartialEq, Eq)]
pub struct Question {
    /// For [`Server::answer`].
    pub client: u64,
    /// All of it, or more than is allowed.
    pub said: Vec<u8>,
}

enum Turn {
    Reading(Vec<u8>),
    Waiting,
    Writing { text: Vec<u8>, sent: usize },
}

struct Client {
    stream: UnixStream,
    state: Turn,
    until: Instant,
}

/// The socket and who speaks to it. It owns the listener, what is at the reserved number, and every client.
pub struct Server<W> {
    /// None: nobody can ask.
    listener: Option<OwnedFd>,
    /// The way to it, at the reserved number.
    #[allow(dead_code, reason = "others open it by its number")]
    door: Option<OwnedFd>,
    /// Longest request in bytes.
    most: usize,
    wake: fn(u64) -> W,
    clients: BTreeMap<u64, Client>,
    last: u64,
    /// The listener is not watched: there are enough clients, or no descriptors.
    deaf_until: Option<Instant>,
    /// It is for the clients, and ends with one of them.
    crowded: bool,
}

/// Keep the number of the descriptor free of others until [`Server::bind`]. What is open there is replaced.
pub fn reserve(number: RawFd) -> io::Result<OwnedFd> {
    let null = std::fs::File::open("/dev/null")?;
    sys::place(null.as_fd(), number)
}

impl<W: Wake> Server<W> {
    /// Bind it at the reserved number, as the user that this process becomes: who may connect follows from it. For a moment it
    /// needs a directory in which this user can make it. `most`: bytes of the longest request; `wake`: what the loop is woken by,
    /// for [`Server::hear`].
    pub fn bind(place: OwnedFd, most: usize, wake: fn(u64) -> W) -> io::Result<Server<W>> {
        let (listener, door) = bind()?;
        let door = sys::place(door.as_fd(), place.as_raw_fd())?;
        // It names the same descriptor, which is the door now.
        let _ = place.into_raw_fd();
        Ok(Server { listener: Some(listener), door: Some(door), most, ..Server::deaf(wake) })
    }

    /// Nobody can ask.
    pub fn deaf(wake: fn(u64) -> W) -> Server<W> {
        let clients = BTreeMap::new();
        Server {
            listener: None,
            door: None,
            most: 0,
            wake,
            clients,
            last: LISTENER,
            deaf_until: None,
            crowded: false,
        }
    }

    /// Wake up for new clients.
    pub fn watch(&self, events: &Events<W>) {
        if let Some(listener) = &self.listener {
            let _ = events.watch(listener.as_fd(), (self.wake)(LISTENER), false);
        }
    }

    /// When the patience with a client ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.clients.values().map(|c| c.until).chain(self.deaf_until).min()
    }

    /// Close the clients that take too long, and listen again when there is room.
    pub fn expire(&mut self, events: &Events<W>) {
        let now = Instant::now();
        self.clients.retain(|_, c| c.until > now);
        let has_room = self.crowded && self.clients.len() < CLIENTS;
        if self.deaf_until.is_some_and(|at| at <= now || has_room) {
            self.deaf_until = None;
            self.watch(events);
        }
    }

    /// Take a client that waits.
    fn accept(&mut self, events: &Events<W>) {
        let Some(listener) = &self.listener else { return };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let pause = match sys::accept(listener.as_fd(), flags.bits()) {
            Ok(fd) => {
                self.welcome(fd, events);
                self.crowded = self.clients.len() >= CLIENTS;
                self.crowded
            }
            Err(e) => {
                self.crowded = false;
                sys::accepts_later(&e)
            }
        };
        if pause && let Some(listener) = &self.listener {
            // Who waits stays in the queue: without a pause the loop would spin on it.
            events.forget(listener.as_fd());
            self.deaf_until = Some(Instant::now() + Duration::from_secs(1));
        }
    }

    fn welcome(&mut self, fd: OwnedFd, events: &Events<W>) {
        let peer = getsockopt(&fd, sockopt::PeerCredentials).map(|c| Uid::from_raw(c.uid()));
        if !peer.is_ok_and(|uid| uid.is_root() || uid == Uid::effective()) {
            return;
        }
        self.last += 1;
        if events.watch(fd.as_fd(), (self.wake)(self.last), false).is_ok() {
            let (stream, until) = (UnixStream::from(fd), Instant::now() + PATIENCE);
            self.clients.insert(self.last, Client { stream, state: Turn::Reading(Vec::new()), until });
        }
    }

    /// The loop was woken with this number: what a client has said, once that is everything. It waits for its answer then.
    pub fn hear(&mut self, number: u64, events: &Events<W>) -> Option<Question> {
        if number == LISTENER {
            self.accept(events);
            return None;
        }
        match self.read(number, events) {
            Some(said) => Some(Question { client: number, said }),
            None => {
                self.go_on(number);
                None
            }
        }
    }

    /// What a client has said, once it has said everything; its state is then to wait.
    fn read(&mut self, token: u64, events: &Events<W>) -> Option<Vec<u8>> {
        let client = self.clients.get_mut(&token)?;
        let Turn::Reading(said) = &mut client.state else { return None };
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
            if said.len() > self.most {
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
        client.state = Turn::Waiting;
        client.until = Instant::now() + PATIENCE;
        events.forget(client.stream.as_fd());
        Some(said)
    }

    /// The answer for a client that waits. One that has gone gets none.
    pub fn answer(&mut self, token: u64, text: Vec<u8>, events: &Events<W>) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        if !matches!(client.state, Turn::Waiting) {
            return;
        }
        client.state = Turn::Writing { text, sent: 0 };
        client.until = Instant::now() + PATIENCE;
        if events.watch(client.stream.as_fd(), (self.wake)(token), true).is_err() {
            self.clients.remove(&token);
            return;
        }
        self.go_on(token);
    }

    /// Send what is left of an answer.
    fn go_on(&mut self, token: u64) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        let Turn::Writing { text, sent } = &mut client.state else { return };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::tests::Woken;
    use std::net::Shutdown;

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

    /// What is asked next, by a loop that does nothing else.
    fn next(server: &mut Server<Woken>, events: &Events<Woken>) -> Question {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            for woken in events.wait(Some(until)).unwrap() {
                let Woken::Other(number) = woken else { continue };
                if let Some(question) = server.hear(number, events) {
                    return question;
                }
            }
        }
        panic!("nobody has asked");
    }

    #[test]
    fn each_client_gets_the_answer_to_what_it_has_said() {
        let events = Events::<Woken>::new().unwrap();
        // A number that nobody else here has.
        let place = reserve(900).unwrap();
        let mut server = Server::bind(place, 4, Woken::Other).unwrap();
        server.watch(&events);
        let ask = |text: &[u8]| {
            let mut client = UnixStream::connect("/proc/self/fd/900").unwrap();
            client.write_all(text).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            client
        };
        for (text, said) in [(&b"ab"[..], &b"ab"[..]), (b"", b""), (b"abcdefgh", b"abcdefgh")] {
            let mut client = ask(text);
            let question = next(&mut server, &events);
            assert_eq!(question.said, said, "too much is the caller's to refuse");
            assert!(server.deadline().is_some(), "its patience ends");
            server.answer(question.client, b"yes".to_vec(), &events);
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "yes");
            assert_eq!(server.deadline(), None, "it is gone");
        }
        // Who does not wait any more has asked for nothing.
        let (gone, mut stays) = (ask(b"gone"), ask(b"stay"));
        drop(gone);
        assert_eq!(next(&mut server, &events).said, b"stay");
        server.answer(4, Vec::new(), &events);
        stays.set_nonblocking(true).unwrap();
        assert_eq!(stays.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock, "not its answer");
    }
}
