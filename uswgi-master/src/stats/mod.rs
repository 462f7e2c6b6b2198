//! The stats server: one connection, one answer, closed. A slow client delays nothing: what a
//! socket does not take at once is written when it does, for a bounded time, to a bounded number of
//! clients.
//!
//! * `http`: requests and heads, for `stats-http`.
//! * The texts are the master's (`master/handle_stats`).
#![forbid(unsafe_code)]

pub(crate) mod http;

use crate::events::{Events, Woken};
use crate::sockets::{self, Listener, SocketError};
use nix::sys::socket::{self as so, MsgFlags, Shutdown, SockFlag};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};
use uswgi_conf::instance::{Address, Instance, Origin, Socket};
use uswgi_keep::{log, sys};
use uswgi_proto::settings::Protocol;

/// Clients at a time; more are closed at once.
const CLIENTS: usize = 32;
/// Seconds that a client has.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tokens below are listeners.
pub(crate) const FIRST_CLIENT: u64 = 1 << 16;

/// A stats address that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("stats: {0}")]
pub struct StatsError(#[from] SocketError);

struct StatsClient {
    fd: OwnedFd,
    /// What it has asked so far; only with HTTP.
    asked: Vec<u8>,
    text: Vec<u8>,
    sent: usize,
    stage: ClientStage,
    until: Instant,
}

#[derive(PartialEq, Eq)]
enum ClientStage {
    Asking,
    Writing,
    /// Everything is written, its end is waited for.
    Closing,
}

/// Listen on one address, as the user that the master has become.
pub fn bind(address: &Address, instance: &Instance) -> Result<Listener, StatsError> {
    let ours = Instance { chown_socket: None, ..instance.clone() };
    let name = match address {
        Address::Tcp { host, port } => format!("{host}:{port}"),
        Address::Unix(path) => path.display().to_string(),
        Address::Abstract(name) => format!("@{name}"),
        Address::Fd(number) => format!("fd://{number}"),
    };
    let socket = Socket {
        name,
        address: address.clone(),
        protocol: Protocol::Http,
        early: false,
        workers: Vec::new(),
        proxied: false,
        front: uswgi_front::plan::FrontSpec::None,
        origin: Origin::default(),
    };
    Ok(sockets::bind(&socket, &ours)?)
}

/// Listeners and clients.
#[derive(Default)]
pub struct StatsServer {
    listeners: Vec<Rc<Listener>>,
    clients: BTreeMap<u64, StatsClient>,
    next: u64,
    http: bool,
    /// When to listen again, after the system had no descriptor for a client.
    deaf_until: Option<Instant>,
}

impl StatsServer {
    /// Bind the addresses, as the user that the master has become.
    pub fn bind(instance: &Instance) -> Result<StatsServer, StatsError> {
        let mut server = StatsServer { http: instance.stats_http, ..StatsServer::default() };
        for address in &instance.stats {
            match bind(address, instance) {
                Ok(listener) => server.listeners.push(Rc::new(listener)),
                Err(e) => {
                    server.vacuum();
                    return Err(e);
                }
            }
        }
        Ok(server)
    }

    /// Its listeners, in the order of the addresses.
    pub fn listeners(&self) -> &[Rc<Listener>] {
        &self.listeners
    }

    /// Whether a client has to ask before it is answered.
    pub(crate) fn speaks_http(&self) -> bool {
        self.http
    }

    /// Whether this client has not asked for anything yet.
    pub(crate) fn is_asking(&self, token: u64) -> bool {
        self.clients.get(&token).is_some_and(|c| c.stage == ClientStage::Asking)
    }

    /// Serve these from now on. Clients that are there keep what they get.
    pub fn serve(&mut self, listeners: &[Rc<Listener>], http: bool, events: &Events) {
        self.listeners.iter().for_each(|l| events.forget(l.fd.as_fd()));
        self.listeners = listeners.to_vec();
        self.http = http;
        self.deaf_until = None;
        self.watch(events);
    }

    /// Wake up for new clients.
    pub fn watch(&self, events: &Events) {
        for (i, listener) in self.listeners.iter().enumerate() {
            if let Err(e) = events.watch(listener.fd.as_fd(), Woken::Stats(i as u64), false) {
                log::line(format_args!("stats {}: {e}", listener.name));
            }
        }
    }

    /// Remove the files of unix sockets.
    pub fn vacuum(&self) {
        self.listeners.iter().for_each(|l| l.vacuum());
    }

    /// When the patience with a client ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.clients.values().map(|c| c.until).chain(self.deaf_until).min()
    }

    /// Close the clients that take too long, and listen again.
    pub fn expire(&mut self, events: &Events) {
        let now = Instant::now();
        self.clients.retain(|_, c| c.until > now);
        if self.deaf_until.is_some_and(|at| at <= now) {
            self.deaf_until = None;
            self.watch(events);
        }
    }

    /// Take a client of this listener; its token.
    pub(crate) fn accept(&mut self, listener: usize, events: &Events) -> Option<u64> {
        let from = self.listeners.get(listener)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = match sys::accept(from.fd.as_fd(), flags.bits()) {
            Ok(fd) => fd,
            Err(e) if sys::accepts_later(&e) => {
                // The client stays in the queue: without a pause the loop would spin on it.
                self.listeners.iter().for_each(|l| events.forget(l.fd.as_fd()));
                self.deaf_until = Some(Instant::now() + Duration::from_secs(1));
                return None;
            }
            Err(_) => return None,
        };
        if self.clients.len() >= CLIENTS {
            // Silent ones must not keep others out: the oldest goes.
            let oldest = self.clients.iter().min_by_key(|(_, c)| c.until).map(|(&token, _)| token);
            oldest.and_then(|token| self.clients.remove(&token));
        }
        let token = FIRST_CLIENT + self.next;
        self.next += 1;
        let (stage, until) = (ClientStage::Asking, Instant::now() + PATIENCE);
        let client = StatsClient { fd, asked: Vec::new(), text: Vec::new(), sent: 0, stage, until };
        if events.watch(client.fd.as_fd(), Woken::Stats(token), false).is_err() {
            return None;
        }
        self.clients.insert(token, client);
        Some(token)
    }

    /// What a client of the HTTP server asks for, once that is known.
    pub(crate) fn hear(&mut self, token: u64) -> http::PageRequest {
        let Some(client) = self.clients.get_mut(&token) else { return http::PageRequest::More };
        let mut buffer = [0; 4096];
        match so::recv(client.fd.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(n) if n > 0 => client.asked.extend_from_slice(&buffer[..n]),
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => return http::PageRequest::More,
            _ => {
                self.clients.remove(&token);
                return http::PageRequest::More;
            }
        }
        http::asked(&client.asked)
    }

    /// Give a client its answer.
    pub(crate) fn answer(&mut self, token: u64, text: Vec<u8>, events: &Events) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        client.text = text;
        client.stage = ClientStage::Writing;
        events.forget(client.fd.as_fd());
        if events.watch(client.fd.as_fd(), Woken::Stats(token), true).is_err() {
            self.clients.remove(&token);
            return;
        }
        self.go_on(token, events);
    }

    /// Write what the socket takes, then wait for the client to close: an earlier close could destroy
    /// what it has not read yet.
    pub(crate) fn go_on(&mut self, token: u64, events: &Events) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        let fd = client.fd.as_raw_fd();
        while client.stage == ClientStage::Writing {
            match so::send(fd, &client.text[client.sent..], MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT) {
                Ok(n) => client.sent += n,
                Err(nix::Error::EAGAIN) => return,
                Err(_) => {
                    self.clients.remove(&token);
                    return;
                }
            }
            if client.sent == client.text.len() {
                client.stage = ClientStage::Closing;
                let _ = so::shutdown(fd, Shutdown::Write);
                events.forget(client.fd.as_fd());
                if events.watch(client.fd.as_fd(), Woken::Stats(token), false).is_err() {
                    self.clients.remove(&token);
                    return;
                }
            }
        }
        let mut sink = [0; 4096];
        match so::recv(fd, &mut sink, MsgFlags::MSG_DONTWAIT) {
            Ok(n) if n > 0 => {}
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => {}
            _ => {
                self.clients.remove(&token);
            }
        }
    }
}
