//! One loop: its clients, from accept to their end. Every thread of the process has one, and none waits for another.

use crate::client::{Client, ClientFate, Surroundings};
use crate::serving::Shared;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{SockFlag, SockaddrStorage, getpeername, setsockopt, sockopt};
use slab::Slab;
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use uswgi_keep::log;
use uswgi_keep::sys;

/// Something was said to the process.
const WORD: u64 = u64::MAX;
/// The workers may take connections again.
const WORKERS: u64 = u64::MAX - 1;
/// Sockets of the plan, from here on.
const ENTRANCES: u64 = 1 << 48;

/// Connections taken from one socket before others get their turn.
const ACCEPTS: usize = 16;
/// Clients of a thread that have not said yet who they are; one more, and the oldest of them has to go.
const MOST_OPENING: usize = if cfg!(test) { 8 } else { 1024 };
/// How often clients are looked at whose time may be over.
const LOOK: Duration = Duration::from_secs(1);
/// How long sockets rest after the descriptors ran out.
const REST: Duration = Duration::from_secs(1);
/// Bytes taken from a worker at once.
const ROOM: usize = 64 * 1024;

/// See above.
pub(crate) struct FrontLoop {
    shared: Arc<Shared>,
    epoll: Epoll,
    /// In the order of the plan; none: it leaves.
    entrances: Vec<Arc<OwnedFd>>,
    clients: Slab<(u64, Client)>,
    /// Those that are to be gone on with.
    again: VecDeque<usize>,
    /// Those for which no worker had room.
    full: VecDeque<usize>,
    /// Those that have not said who they are, the oldest first, and how many of them have not still.
    opening: VecDeque<(usize, u64)>,
    strangers: usize,
    serial: u64,
    room: Vec<u8>,
    next_look: Instant,
    /// Until when nothing is accepted.
    rests: Option<Instant>,
}

fn watch(epoll: &Epoll, fd: impl AsFd, how: EpollFlags, token: u64) -> io::Result<()> {
    Ok(epoll.add(fd, EpollEvent::new(how, token))?)
}

fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = from.as_sockaddr_in().map(|a| SocketAddr::V4(SocketAddrV4::from(*a)));
    v4.or_else(|| from.as_sockaddr_in6().map(|a| SocketAddr::V6(SocketAddrV6::from(*a))))
}

impl FrontLoop {
    pub(crate) fn new(shared: &Arc<Shared>, entrances: &[Arc<OwnedFd>]) -> io::Result<FrontLoop> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        watch(&epoll, &shared.word, EpollFlags::EPOLLIN, WORD)?;
        watch(&epoll, &shared.workers, EpollFlags::EPOLLOUT | EpollFlags::EPOLLET, WORKERS)?;
        let mut thread = FrontLoop {
            shared: shared.clone(),
            epoll,
            entrances: entrances.to_vec(),
            clients: Slab::new(),
            again: VecDeque::new(),
            full: VecDeque::new(),
            opening: VecDeque::new(),
            strangers: 0,
            serial: 0,
            room: vec![0; ROOM],
            next_look: Instant::now(),
            rests: None,
        };
        thread.accept_on()?;
        Ok(thread)
    }

    /// Wait for clients, anew: who has just been woken comes last.
    fn accept_on(&mut self) -> io::Result<()> {
        for (i, entrance) in self.entrances.iter().enumerate() {
            let _ = self.epoll.delete(entrance);
            let how = EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE;
            watch(&self.epoll, entrance, how, ENTRANCES + i as u64)?;
        }
        Ok(())
    }

    /// Until it is told to leave and its clients have gone.
    pub(crate) fn run(mut self) {
        let mut events = [EpollEvent::empty(); 128];
        loop {
            let timeout = match () {
                () if !self.again.is_empty() => EpollTimeout::ZERO,
                () if self.clients.is_empty() && self.rests.is_none() && !self.shared.is_leaving() => {
                    EpollTimeout::NONE
                }
                () => EpollTimeout::from(LOOK.as_millis() as u16),
            };
            let count = match self.epoll.wait(&mut events, timeout) {
                Ok(n) => n,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(e) => return log::line(format_args!("a loop of the front cannot wait: {e}")),
            };
            let now = Instant::now();
            for event in &events[..count] {
                match event.data() {
                    WORD => self.hear(),
                    WORKERS => self.again.append(&mut self.full),
                    entrance if entrance >= ENTRANCES => self.accept((entrance - ENTRANCES) as usize, now),
                    side => self.stir(side, event.events(), now),
                }
            }
            for _ in 0..self.again.len() {
                if let Some(key) = self.again.pop_front() {
                    self.go_on(key, now);
                }
            }
            if now >= self.next_look {
                self.look(now);
                self.next_look = now + LOOK;
            }
            if self.shared.is_leaving() && self.clients.is_empty() {
                return;
            }
        }
    }

    /// It is to leave.
    fn hear(&mut self) {
        let _ = self.epoll.delete(&self.shared.word);
        for entrance in std::mem::take(&mut self.entrances) {
            let _ = self.epoll.delete(&entrance);
        }
    }

    fn accept(&mut self, index: usize, now: Instant) {
        let Some(entrance) = self.entrances.get(index).cloned() else { return };
        for _ in 0..ACCEPTS {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            match sys::accept(entrance.as_fd(), flags.bits()) {
                Ok(fd) => self.welcome(fd, index, now),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if matches!(e.raw_os_error(), Some(nix::libc::ECONNABORTED | nix::libc::EINTR)) => {}
                Err(e) => {
                    let text = format_args!(
                        "cannot accept connections: {e}; trying again in a second (max-fd raises the limit)"
                    );
                    self.shared.told.say(false, text);
                    for entrance in &self.entrances {
                        let _ = self.epoll.delete(entrance);
                    }
                    self.rests = Some(now + REST);
                    return;
                }
            }
        }
        if let Err(e) = self.accept_on() {
            self.shared.told.say(false, format_args!("cannot wait for connections: {e}"));
            self.rests = Some(now + REST);
        }
    }

    fn welcome(&mut self, fd: OwnedFd, index: usize, now: Instant) {
        let peer = getpeername::<SockaddrStorage>(fd.as_raw_fd()).ok().as_ref().and_then(address);
        if peer.is_some() {
            let _ = setsockopt(&fd, sockopt::TcpNoDelay, &true);
        }
        let client = Client::new(TcpStream::from(fd), peer, index, &self.shared.plan.entrances[index], now);
        let (opening, serial) = (client.is_opening(), self.serial);
        self.serial += 1;
        let key = self.clients.insert((serial, client));
        if opening {
            self.opening.push_back((key, serial));
            self.strangers += 1;
            if self.strangers > MOST_OPENING {
                self.make_room();
            }
        }
        self.enter(key, false);
    }

    /// Whoever has waited longest in a handshake has to go.
    fn make_room(&mut self) {
        while let Some((key, serial)) = self.opening.pop_front() {
            if self.clients.get(key).is_some_and(|(s, client)| *s == serial && client.is_opening()) {
                let why = format_args!("more than {MOST_OPENING} handshakes are not over: the oldest ends");
                self.shared.told.say(false, why);
                return self.remove(key);
            }
        }
    }

    /// Watch one side of a client.
    fn enter(&mut self, key: usize, inner: bool) {
        let how = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        let Some((_, client)) = self.clients.get(key) else { return };
        let token = key as u64 * 2 + u64::from(inner);
        let watched = match &client.inner {
            Some(end) if inner => watch(&self.epoll, end, how, token),
            _ => watch(&self.epoll, &client.outer, how, token),
        };
        if watched.is_err() {
            self.remove(key);
        }
    }

    /// The kernel says something of one side of a client.
    fn stir(&mut self, side: u64, what: EpollFlags, now: Instant) {
        let key = (side / 2) as usize;
        let Some((_, client)) = self.clients.get_mut(key) else { return };
        let end = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        let ready = if side % 2 == 1 { &mut client.inside } else { &mut client.outside };
        ready.hear(
            what.contains(EpollFlags::EPOLLIN),
            what.contains(EpollFlags::EPOLLOUT),
            what.intersects(end),
        );
        self.go_on(key, now);
    }

    fn go_on(&mut self, key: usize, now: Instant) {
        let Some((_, client)) = self.clients.get_mut(key) else { return };
        let shared = &self.shared;
        let mut around = Surroundings {
            workers: &shared.workers,
            room: &mut self.room,
            entrances: &shared.plan.entrances,
            believes: &|peer: Option<SocketAddr>| shared.trust.allows(peer.map(|a| a.ip())),
            patience: shared.plan.patience,
            now,
        };
        let opening = client.is_opening();
        let verdict = client.go_on(&mut around);
        if opening && !client.is_opening() {
            self.strangers = self.strangers.saturating_sub(1);
        }
        match verdict {
            ClientFate::Wait => {}
            ClientFate::Again => self.again.push_back(key),
            ClientFate::Full => self.full.push_back(key),
            ClientFate::Passed => self.enter(key, true),
            ClientFate::Over(why) => {
                if let Some(why) = why {
                    self.tell(key, &why);
                }
                self.remove(key);
            }
        }
    }

    /// What a client did wrong, in a few lines.
    fn tell(&self, key: usize, why: &io::Error) {
        let Some((_, client)) = self.clients.get(key) else { return };
        let entrance = &self.shared.plan.entrances[client.entrance()];
        let from = client.peer().map_or("a unix socket".into(), |a| a.ip().to_canonical().to_string());
        let text = format_args!(
            "closed a connection from {from} on {} ({}): {why}",
            entrance.name,
            entrance.kind.spoken()
        );
        self.shared.told.say(entrance.kind.is_verbose(), text);
    }

    fn remove(&mut self, key: usize) {
        if let Some((_, client)) = self.clients.try_remove(key)
            && client.is_opening()
        {
            self.strangers = self.strangers.saturating_sub(1);
        }
    }

    /// Whose time is over goes; and all that have no request where the workers have gone.
    fn look(&mut self, now: Instant) {
        if self.rests.take_if(|until| *until <= now).is_some() && self.accept_on().is_err() {
            self.rests = Some(now + REST);
        }
        let last = self.shared.ends.load(Ordering::SeqCst);
        let over = |client: &Client| client.deadline.is_some_and(|at| at <= now) || last && client.is_idle();
        let keys: Vec<usize> =
            self.clients.iter().filter(|(_, (_, c))| over(c)).map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| self.remove(key));
        while let Some((key, serial)) = self.opening.front()
            && self.clients.get(*key).is_none_or(|(s, client)| s != serial || !client.is_opening())
        {
            self.opening.pop_front();
        }
        // A queue that became free while nobody looked.
        self.again.append(&mut self.full);
    }
}

#[cfg(test)]
mod tests;
