//! Load from several clients at once, every failure remembered.

use crate::http::Connection;
use crate::request::Request;
use crate::server::Door;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// What the clients saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Bodies of good replies, and how often each came.
    pub bodies: BTreeMap<String, u64>,
    /// What went wrong.
    pub failures: Vec<String>,
    /// Kept connections that were closed without notice.
    pub cut: u64,
}

impl Seen {
    /// Good replies.
    pub fn good(&self) -> u64 {
        self.bodies.values().sum()
    }

    fn add(&mut self, other: Seen) {
        for (body, n) in other.bodies {
            *self.bodies.entry(body).or_default() += n;
        }
        self.failures.extend(other.failures);
        self.cut += other.cut;
    }
}

/// Clients at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Seen>>,
}

impl Load {
    /// `clients` for each door ask for `target` until they are stopped. HTTP clients keep their connection.
    pub fn start(doors: &[Door], clients: usize, target: &str) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let mut handles = Vec::new();
        for door in doors {
            for _ in 0..clients {
                let (door, stop, done, request) =
                    (door.clone(), stop.clone(), done.clone(), Request::get(target));
                handles.push(std::thread::spawn(move || match door {
                    Door::Http(_) => kept(&door, &request, &stop, &done),
                    Door::Uwsgi(_) => fresh(&door, &request, &stop, &done),
                }));
            }
        }
        Load { stop, done, clients: handles }
    }

    /// Good replies so far.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Wait for so many more good replies.
    pub fn wait_more(&self, n: u64) {
        let goal = self.done() + n;
        crate::until(&format!("{n} more replies under load"), || (self.done() >= goal).then_some(()));
    }

    /// Stop, and what was seen.
    pub fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut seen = Seen::default();
        for client in self.clients {
            seen.add(client.join().expect("client thread"));
        }
        seen
    }
}

/// A new connection for each request.
fn fresh(door: &Door, request: &Request, stop: &AtomicBool, done: &AtomicU64) -> Seen {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) && seen.failures.len() < 100 {
        match door.try_ask(request) {
            Ok(reply) if reply.status == 200 => {
                *seen.bodies.entry(reply.text()).or_default() += 1;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(reply) => seen.failures.push(format!("{reply:?}")),
            Err(e) => seen.failures.push(format!("{door:?}: {e}")),
        }
    }
    seen
}

/// One connection as long as the server keeps it; a connection may end only after a reply that says so.
fn kept(door: &Door, request: &Request, stop: &AtomicBool, done: &AtomicU64) -> Seen {
    let Door::Http(address) = door else { return fresh(door, request, stop, done) };
    let mut seen = Seen::default();
    let mut connection: Option<Connection> = None;
    while !stop.load(Ordering::Relaxed) && seen.failures.len() < 100 {
        let was_kept = connection.is_some();
        let mut c = match connection.take().map_or_else(|| Connection::open(address), Ok) {
            Ok(c) => c,
            Err(e) => {
                seen.failures.push(format!("connect: {e}"));
                continue;
            }
        };
        match c.ask(request) {
            Ok(reply) if reply.status == 200 => {
                *seen.bodies.entry(reply.text()).or_default() += 1;
                done.fetch_add(1, Ordering::Relaxed);
                let ends = reply.header("Connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
                connection = (!ends).then_some(c);
            }
            Ok(reply) => seen.failures.push(format!("{reply:?}")),
            Err(e) => {
                seen.cut += u64::from(was_kept);
                seen.failures.push(format!("{} connection: {e}", if was_kept { "kept" } else { "new" }));
            }
        }
    }
    seen
}
