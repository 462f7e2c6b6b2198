//! The stats server of the Emperor: one connection, one JSON text with uWSGI's names, closed. A slow client delays nothing.
#![forbid(unsafe_code)]

use crate::court::{Court, Stage, Vassal};
use crate::demand::Held;
use crate::events::{Events, Woken};
use crate::name::shown;
use nix::libc::{SOCK_CLOEXEC, SOCK_NONBLOCK};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use uswgi_keep::{log, sys};

/// Clients at a time.
const CLIENTS: usize = 32;
/// How long a client has.
const PATIENCE: Duration = Duration::from_secs(10);
/// Numbers below are listeners.
const FIRST_CLIENT: u64 = 1 << 16;

struct Client {
    // A stream of any kind: only written to and closed.
    stream: UnixStream,
    text: Vec<u8>,
    sent: usize,
    until: Instant,
}

/// Listeners and clients.
#[derive(Default)]
pub struct StatsServer {
    listeners: Vec<Held>,
    clients: BTreeMap<u64, Client>,
    last: u64,
    /// The listeners are not watched: there are no descriptors.
    deaf_until: Option<Instant>,
}

impl StatsServer {
    /// Over these listeners.
    pub fn new(listeners: Vec<Held>) -> StatsServer {
        StatsServer { listeners, ..StatsServer::default() }
    }

    /// Wake up for clients.
    pub fn watch(&self, events: &Events) {
        for (number, listener) in self.listeners.iter().enumerate() {
            if let Err(e) = events.watch(listener.as_fd(), Woken::Stats(number as u64), false) {
                log::line(format_args!("emperor-stats cannot be watched: {e}"));
            }
        }
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

    /// The loop was woken with this number: a new client gets the text, one that is there gets the rest of its own.
    pub fn serve(&mut self, number: u64, text: impl FnOnce() -> Vec<u8>, events: &Events) {
        if number >= FIRST_CLIENT {
            return self.go_on(number);
        }
        let Some(listener) = self.listeners.get(number as usize) else { return };
        let fd = match sys::accept(listener.as_fd(), SOCK_CLOEXEC | SOCK_NONBLOCK) {
            Ok(fd) => fd,
            Err(e) if sys::accepts_later(&e) => {
                // The client stays in the queue: without a pause the loop would spin on it.
                self.listeners.iter().for_each(|l| events.forget(l.as_fd()));
                self.deaf_until = Some(Instant::now() + Duration::from_secs(1));
                return;
            }
            Err(_) => return,
        };
        if self.clients.len() >= CLIENTS {
            // Silent ones must not keep others out: the oldest goes.
            self.clients.pop_first();
        }
        self.last += 1;
        let token = FIRST_CLIENT + self.last;
        if events.watch(fd.as_fd(), Woken::Stats(token), true).is_ok() {
            let (stream, until) = (UnixStream::from(fd), Instant::now() + PATIENCE);
            self.clients.insert(token, Client { stream, text: text(), sent: 0, until });
        }
    }

    fn go_on(&mut self, token: u64) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        while client.sent < client.text.len() {
            match client.stream.write(&client.text[client.sent..]) {
                Ok(n) => client.sent += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(_) => break,
            }
        }
        self.clients.remove(&token);
    }

    /// Nobody listens any more.
    pub fn remove(self) {
        self.listeners.into_iter().for_each(Held::remove);
    }
}

/// What the text needs beside the vassals.
pub struct StatsHead<'a> {
    /// The monitors, as they were written.
    pub monitors: Vec<&'a str>,
    /// `emperor-tyrant`.
    pub tyrant: bool,
}

fn vassal(id: &OsStr, v: &Vassal, about: &StatsHead<'_>, now: Instant) -> Value {
    let loyal = v.is_loyal(now);
    let cursed = matches!(v.stage, Stage::Stopping { .. });
    json!({
        "id": shown(id),
        "pid": v.pid.unwrap_or(-1),
        "born": v.times.born,
        "last_mod": v.file.stamp.modified.0,
        "last_heartbeat": v.times.heartbeat,
        "loyal": u8::from(loyal),
        "ready": u8::from(v.serves()),
        "accepting": u8::from(v.serves()),
        "last_loyal": if loyal { v.times.ready } else { 0 },
        "last_ready": v.times.ready,
        "last_accepting": v.times.ready,
        "first_run": v.times.first_run,
        "last_run": v.times.last_run,
        "cursed": if cursed { v.times.last_run } else { 0 },
        "zerg": 0,
        "on_demand": v.file.demand.as_deref().unwrap_or_default(),
        "uid": v.file.owner.map_or(nix::unistd::geteuid().as_raw(), |o| o.uid),
        "gid": v.file.owner.map_or(nix::unistd::getegid().as_raw(), |o| o.gid),
        "monitor": about.monitors.get(v.file.monitor).copied().unwrap_or_default(),
        "respawns": v.respawns,
        // Ours.
        "stage": v.stage_name(),
        "problem": v.problem,
    })
}

/// The text, with uWSGI's names, and two more for each vassal.
pub fn json(court: &Court, about: &StatsHead<'_>, now: Instant) -> Value {
    let waits = |v: &&Vassal| matches!(v.stage, Stage::Waiting(_));
    let bad = court.vassals().iter().filter(|(_, v)| waits(v)).map(|(id, v)| {
        json!({
            "id": shown(id),
            "throttle_level": v.backoff_ms(now),
            "attempt": v.failures(),
            "first_attempt": v.times.first_run,
            "last_attempt": v.times.last_run,
        })
    });
    let bad: Vec<Value> = bad.collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "uid": nix::unistd::geteuid().as_raw(),
        "gid": nix::unistd::getegid().as_raw(),
        "cwd": std::env::current_dir().unwrap_or_default().display().to_string(),
        "emperor": about.monitors,
        "emperor_tyrant": u8::from(about.tyrant),
        "throttle_level": 0,
        "vassals": court.vassals().iter().map(|(id, v)| vassal(id, v, about, now)).collect::<Vec<_>>(),
        "blacklist": bad,
    })
}
