//! Taking connections: which sockets are listened on, when a worker looks at them, and whose turn it is. Must not wait.

use super::Engine;
use crate::connection::Conn;
use crate::greeting::Greeting;
use crate::say;
use crate::sync::lock;
use crate::sys;
use crate::token::Token;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_proto::settings::{Front, Protocol, WorkerSettings};

/// Accepts after which a listener goes to the end of the kernel's list of waiters. Without it the last worker to register
/// gets nearly everything (busiest to mean: 7.99; with it 1.02). With 16 it is as even and costs more (64 workers: 18.6
/// to 19.8 us a request instead of 17.5 to 18.1), and a few requests touch every worker's memory. Persistent connections
/// bring all their requests along, so there it goes after each one, and lets those run first whom the kernel woke for
/// the next.
const REBALANCE_AFTER: u32 = 64;
/// How long listeners rest after the descriptors ran out.
const REST_US: u64 = 1_000_000;

/// One listening socket.
pub struct ListenSocket {
    /// The socket.
    pub fd: OwnedFd,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Local address for SERVER_NAME and SERVER_PORT; host name and 80 for a unix socket, as on uWSGI.
    pub server: (String, String),
    /// Its connections may begin with a header of the PROXY protocol.
    proxied: bool,
    /// Who takes its connections, and passes them on.
    front: Front,
    accepts: AtomicU32,
    /// Its connections stay for another request, as the last one did.
    stay: AtomicBool,
}

impl ListenSocket {
    /// Whether a connection stayed behind its answer.
    pub fn note_stay(&self, stays: bool) {
        if self.stay.load(Ordering::Relaxed) != stays {
            self.stay.store(stays, Ordering::Relaxed);
        }
    }

    /// Whether its clients speak TLS.
    pub fn secure(&self) -> bool {
        self.front == Front::Tls
    }

    /// The sockets that were inherited, as the settings name them.
    pub(super) fn all(listeners: Vec<OwnedFd>, settings: &WorkerSettings) -> Vec<ListenSocket> {
        let host = nix::unistd::gethostname().map(|h| h.to_string_lossy().into_owned()).unwrap_or_default();
        listeners
            .into_iter()
            .zip(&settings.listeners)
            .map(|(fd, l)| {
                sys::non_blocking(fd.as_raw_fd());
                let server = match sys::local_address(fd.as_raw_fd()) {
                    Some(a) if a.ip().is_unspecified() => (host.clone(), a.port().to_string()),
                    Some(a) => (a.ip().to_string(), a.port().to_string()),
                    None => (host.clone(), "80".to_string()),
                };
                let stay = AtomicBool::new(l.protocol == Protocol::Http);
                ListenSocket {
                    fd,
                    protocol: l.protocol,
                    server,
                    proxied: l.proxied,
                    front: l.front,
                    accepts: AtomicU32::new(0),
                    stay,
                }
            })
            .collect()
    }
}

impl Engine {
    /// Whether connections are taken (paused and leaving workers take none).
    pub fn is_accepting(&self) -> bool {
        self.accepting.load(Ordering::SeqCst)
    }

    fn note_accepting(&self, on: bool) {
        self.accepting.store(on, Ordering::SeqCst);
        if let Some(slot) = self.slot() {
            slot.accepting.store(u32::from(on), Ordering::Relaxed);
        }
    }

    /// Start to take connections. What is in the epoll already is added anew: the kernel looks at a socket that is
    /// added, and EPOLLEXCLUSIVE may have told of a connection only a worker that was killed before it took it.
    pub fn accept_on(&self) -> io::Result<()> {
        if let Some(wanted) = &mut *lock(&self.held) {
            *wanted = true;
            return Ok(());
        }
        // Level-triggered EPOLLEXCLUSIVE: edge-triggered loses connections, EPOLLONESHOT is not allowed.
        let events = libc::EPOLLIN | libc::EPOLLEXCLUSIVE;
        let anew = |fd, token: Token| {
            self.ready.delete(fd);
            match self.ready.add(fd, events, token.encode()) {
                // A thread that has just accepted adds it too.
                Err(e) if e.raw_os_error() == Some(libc::EEXIST) => Ok(()),
                other => other,
            }
        };
        for (i, l) in self.listeners.iter().enumerate().filter(|(i, _)| self.serves(*i)) {
            anew(l.fd.as_raw_fd(), Token::Listener(i))?;
        }
        if let Some((_, receive)) = &self.handover {
            anew(receive.as_raw_fd(), Token::HandOver)?;
        }
        if let Some(signals) = self.signals.shared_fd() {
            anew(signals, Token::Signals)?;
        }
        self.note_accepting(true);
        Ok(())
    }

    /// Whether this worker accepts on a listener: not where the front does, and not where others do (`map-socket`).
    pub(crate) fn serves(&self, listener: usize) -> bool {
        let Some(l) = self.settings.listeners.get(listener) else { return true };
        l.front == Front::None && (l.workers.is_empty() || l.workers.contains(&self.settings.worker_id))
    }

    /// A connection was taken that somebody has passed on. Where the front does so each brings all its requests along: the
    /// worker goes to the end of the kernel's list of waiters, as behind an accept.
    pub(crate) fn count_taken(&self) {
        if self.settings.listeners.iter().any(|l| l.front != Front::None)
            && self.is_accepting()
            && let Some((_, receive)) = &self.handover
        {
            self.ready.delete(receive.as_raw_fd());
            let events = libc::EPOLLIN | libc::EPOLLEXCLUSIVE;
            // Another thread may have added it meanwhile.
            let _ = self.ready.add(receive.as_raw_fd(), events, Token::HandOver.encode());
            if !self.is_accepting() {
                self.ready.delete(receive.as_raw_fd());
            }
            if self.settings.workers > 1 {
                std::thread::yield_now();
            }
        }
    }

    /// The warm-up lasts: nothing is accepted, whoever asks.
    pub(super) fn hold(&self) {
        *lock(&self.held) = Some(!self.settings.paused);
    }

    /// The warm-up is over: accept, unless the master wants a pause meanwhile.
    pub fn warmed_up(&self) -> io::Result<()> {
        let wanted = lock(&self.held).take();
        if wanted == Some(true) && !self.is_leaving() { self.accept_on() } else { Ok(()) }
    }

    /// Stop to take connections.
    pub fn accept_off(&self) {
        if let Some(wanted) = &mut *lock(&self.held) {
            *wanted = false;
        }
        self.note_accepting(false);
        for l in &self.listeners {
            self.ready.delete(l.fd.as_raw_fd());
        }
        if let Some((_, receive)) = &self.handover {
            self.ready.delete(receive.as_raw_fd());
        }
        if let Some(signals) = self.signals.shared_fd() {
            self.ready.delete(signals);
        }
    }

    /// accept(2) failed: out of descriptors or memory. Level-triggered listeners would spin, so they rest.
    pub fn accept_failed(&self, error: &io::Error) {
        self.accept_off();
        if self.accept_again_us.swap(monotonic_us() + REST_US, Ordering::SeqCst) == 0 {
            say!("cannot accept connections: {error}; trying again in a second (max-fd raises the limit)");
        }
        self.jobs_wake.set();
    }

    /// Whether the listeners rest after such a failure.
    pub fn rests(&self) -> bool {
        self.accept_again_us.load(Ordering::Relaxed) > 0
    }

    /// Take the listeners up again when they have rested.
    pub fn accept_again(&self, now: u64) {
        let again = self.accept_again_us.load(Ordering::Relaxed);
        if again > 0 && now >= again && !self.is_leaving() {
            self.accept_again_us.store(0, Ordering::SeqCst);
            let _ = self.accept_on();
        }
    }

    /// The master said that nothing is accepted: no rest ends that.
    pub fn forget_rest(&self) {
        self.accept_again_us.store(0, Ordering::SeqCst);
    }

    /// One connection of a listener.
    pub fn accept(&self, index: usize) -> io::Result<Option<Conn>> {
        let Some(listener) = self.listeners.get(index) else { return Ok(None) };
        match sys::accept(listener.fd.as_raw_fd()) {
            Ok((fd, peer)) => {
                if listener.protocol == Protocol::Http {
                    sys::no_delay(fd.as_raw_fd());
                }
                let count = listener.accepts.fetch_add(1, Ordering::Relaxed) + 1;
                let stay = listener.stay.load(Ordering::Relaxed);
                let after = if stay { 1 } else { REBALANCE_AFTER };
                if self.settings.workers > 1 && count.is_multiple_of(after) && self.is_accepting() {
                    let fd = listener.fd.as_raw_fd();
                    self.ready.delete(fd);
                    // It may be there again already (accept_on); it must not cost the connection.
                    let events = libc::EPOLLIN | libc::EPOLLEXCLUSIVE;
                    let _ = self.ready.add(fd, events, Token::Listener(index).encode());
                    // accept_off may have come in between.
                    if !self.is_accepting() {
                        self.ready.delete(fd);
                    }
                }
                if stay && self.settings.workers > 1 {
                    std::thread::yield_now();
                }
                let mut conn = Conn::new(fd, index as u16, listener.protocol, peer);
                if listener.proxied {
                    conn.greeting = Greeting::expected(self.trust.allows(peer.ip()));
                }
                Ok(Some(conn))
            }
            Err(e) if sys::would_block(&e) || e.raw_os_error() == Some(libc::ECONNABORTED) => Ok(None),
            Err(e) => Err(e),
        }
    }
}
