//! The native thread of a worker: everything that waits for somebody outside.
//!
//! Heads and bodies that are not whole, output that was not taken, lingering closes, time-outs, the control
//! socket, deadlines, and connections that other workers can serve sooner. It never takes the GIL and never waits
//! but in its own epoll; without work it has no timer.

mod clock;
mod drain;
mod linger;
mod master_messages;

use crate::connection::{Conn, Received};
use crate::engine::{Engine, Job, Leaving};
use crate::handover::release;
use crate::interpreter::Interpreter;
use crate::limited_say;
use crate::log::{self, Fault};
use crate::loop_pace::LoopPace;
use crate::outbox::{Outbox, Unsent};
use crate::refusal;
use crate::request::{Need, Request, examine};
use crate::send_queue::SendQueue;
use crate::slow::SlowLooks;
use crate::stack_requests::WorkerRequests;
use crate::stall::StallDetector;
use crate::sys::{self, Epoll, Event};
pub use linger::lingers;
use slab::Slab;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use uswgi_proto::scoreboard::layout::add;
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_proto::settings::Protocol;

const WAKE: u64 = u64::MAX;
const CONTROL: u64 = u64::MAX - 1;
const ASKED: u64 = u64::MAX - 2;

/// How often the progress of busy threads is looked at.
const TICK_US: u64 = 10_000;
/// How often time-outs and memory are looked at, while there is something to look at.
const SECOND_US: u64 = 1_000_000;
/// A buffered request has to be whole within this time.
const REQUEST_US: u64 = 60 * SECOND_US;
/// An orphaned worker ends after this time, whatever it does.
pub const ORPHAN_SECONDS: u32 = 5;
const ORPHAN_US: u64 = ORPHAN_SECONDS as u64 * SECOND_US;
/// Bytes received from one connection before others get their turn.
const AT_ONCE: usize = 256 * 1024;

enum Duty<H> {
    Read,
    Write { pending: SendQueue<H>, keep: bool, unread: bool },
    Linger { swallowed: u64 },
}

/// Whether no other worker could go on with it.
fn is_bound<H>(conn: &Conn, duty: &Duty<H>) -> bool {
    match duty {
        Duty::Write { .. } => true,
        Duty::Read => conn.chunks.is_some() || conn.spool.is_some(),
        Duty::Linger { .. } => false,
    }
}

struct Native<I: Interpreter> {
    engine: Arc<Engine>,
    outbox: Arc<Outbox<I::Held>>,
    interpreter: I,
    /// None without a descriptor for it: the worker serves, and its stacks are not to be had.
    stack_requests: Option<WorkerRequests<I>>,
    epoll: Epoll,
    conns: Slab<(Conn, Duty<I::Held>)>,
    /// How many of them no other worker could take.
    bound: u64,
    request: Request,
    stalls: StallDetector,
    slow: SlowLooks,
    /// The kernel's word on each Python thread's state; None until it is asked for.
    states: Vec<Option<File>>,
    /// That every lane has a request and others wait has been said.
    said_full: bool,
    last_tick_us: u64,
    pace: LoopPace,
    /// When to look at the loop of the lanes, though nobody has called; 0: not before somebody does.
    rest_due_us: u64,
    /// When to look at what was lent; 0: nothing is.
    lent_due_us: u64,
    last_second_us: u64,
    /// Requests ran since memory was looked at.
    unmeasured: bool,
    orphaned_us: u64,
    finished: bool,
}

/// Start it.
pub fn start<I: Interpreter>(outbox: &Arc<Outbox<I::Held>>, interpreter: I) -> io::Result<JoinHandle<()>> {
    let engine = &outbox.engine;
    let epoll = Epoll::new()?;
    epoll.add(engine.jobs_wake.as_raw_fd(), libc::EPOLLIN, WAKE)?;
    match &engine.control {
        Some(control) => epoll.add(control.as_raw_fd(), libc::EPOLLIN, CONTROL)?,
        None => sys::stop_on(&[libc::SIGTERM, libc::SIGINT, libc::SIGQUIT], engine.jobs_wake.as_raw_fd()),
    }
    let stack_requests = WorkerRequests::new(interpreter.clone())
        .ok()
        .filter(|a| epoll.add(a.raw(), libc::EPOLLIN, ASKED).is_ok());
    if let Some(requests) = &stack_requests {
        requests.announce(engine);
    }
    let mut native = Native {
        stack_requests,
        slow: SlowLooks::new(interpreter.lock_memory()),
        stalls: StallDetector::new(engine.lanes.len()),
        states: engine.lanes.iter().map(|_| None).collect(),
        engine: engine.clone(),
        outbox: outbox.clone(),
        interpreter,
        epoll,
        conns: Slab::new(),
        bound: 0,
        request: Request::default(),
        said_full: false,
        last_tick_us: 0,
        pace: LoopPace::default(),
        rest_due_us: 0,
        lent_due_us: 0,
        last_second_us: 0,
        unmeasured: false,
        orphaned_us: 0,
        finished: false,
    };
    // No thread serves yet: who was paused while it started accepts nothing.
    native.catch_up(monotonic_us());
    std::thread::Builder::new().name("uswgi-io".into()).stack_size(512 * 1024).spawn(move || {
        sys::block_signals();
        native.run();
    })
}

impl<I: Interpreter> Native<I> {
    fn run(&mut self) {
        let mut events = [Event { events: 0, u64: 0 }; 64];
        // The scoreboard shows memory before the first request too.
        self.memory(monotonic_us());
        loop {
            let timeout = self.timeout();
            let ready: Vec<(u64, u32)> =
                self.epoll.wait(&mut events, timeout).iter().map(|e| (e.u64, e.events)).collect();
            let now = monotonic_us();
            for (data, events) in ready {
                match data {
                    WAKE => self.engine.jobs_wake.clear(),
                    CONTROL => {
                        self.control(now);
                    }
                    ASKED => self.stack_requests.iter().for_each(|r| r.take(&self.engine)),
                    key => self.event(key as usize, events, now),
                }
            }
            if sys::stop_asked() {
                self.begin_leaving(Leaving::Stop, now);
            }
            for job in self.engine.take_jobs() {
                self.take(job, now);
            }
            for Unsent { conn, pending, keep, unread } in self.outbox.take() {
                self.add(conn, Duty::Write { pending, keep, unread }, now);
            }
            self.timers(now);
            if self.engine.is_leaving() && self.leave(now) {
                log::tell_left_out();
                return;
            }
        }
    }

    /// Milliseconds until something is due; -1: nothing is.
    fn timeout(&self) -> i32 {
        let now = monotonic_us();
        let mut due = u64::MAX;
        if self.engine.watched.load(Ordering::Acquire) {
            due = due.min(self.last_tick_us + TICK_US);
        } else if self.rest_due_us > 0 {
            due = due.min(self.rest_due_us);
        }
        if self.engine.lending.load(Ordering::Acquire) {
            due = due.min(self.lent_due_us);
        }
        let held = !self.conns.is_empty() || self.engine.parked() > 0;
        if held || self.unmeasured || self.engine.rests() || log::any_left_out() {
            due = due.min(self.last_second_us + SECOND_US);
        }
        if self.engine.has_deadlines() {
            due = self.engine.lanes.iter().filter_map(|t| t.due()).fold(due, u64::min);
        }
        due = due.min(self.slow.due_us.unwrap_or(u64::MAX));
        if self.engine.is_leaving() {
            due = due.min(now + TICK_US);
        }
        match due {
            u64::MAX => -1,
            due => due.saturating_sub(now).div_ceil(1000).min(60_000) as i32,
        }
    }

    fn take(&mut self, job: Job, now: u64) {
        match job {
            Job::Read(conn) => self.read_on(conn, now),
            Job::Linger(conn) => self.linger(conn, now),
        }
    }

    /// Microseconds in which a client has to make progress.
    fn patience(&self, protocol: Protocol) -> u64 {
        u64::from(self.engine.settings.patience(protocol)) * SECOND_US
    }

    /// Take a connection in, with time to make progress.
    fn add(&mut self, conn: Conn, duty: Duty<I::Held>, now: u64) {
        let patience = match duty {
            Duty::Linger { .. } => linger::PATIENCE_US,
            _ => self.patience(conn.protocol),
        };
        self.hold(conn, duty, now, now + patience);
    }

    /// Take a connection in that has time until `deadline_us`.
    fn hold(&mut self, mut conn: Conn, duty: Duty<I::Held>, now: u64, deadline_us: u64) {
        let events = match duty {
            Duty::Write { .. } => libc::EPOLLOUT,
            _ => libc::EPOLLIN | libc::EPOLLRDHUP,
        };
        conn.deadline_us = deadline_us;
        match duty {
            // What is known of an earlier answer does not count for this one.
            Duty::Write { .. } | Duty::Linger { .. } => {
                (conn.unsent, conn.owed, conn.since_us) = (u64::MAX, 0, 0)
            }
            _ if conn.since_us == 0 => conn.since_us = now,
            _ => {}
        }
        let fd = conn.raw();
        self.count_bound(is_bound(&conn, &duty), true);
        let key = self.conns.insert((conn, duty));
        if self.epoll.add(fd, events, key as u64).is_err() {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: usize) -> Option<(Conn, Duty<I::Held>)> {
        let (conn, duty) = self.conns.try_remove(key)?;
        self.epoll.delete(conn.raw());
        self.count_bound(is_bound(&conn, &duty), false);
        Some((conn, duty))
    }

    /// The scoreboard shows who still needs this very worker.
    fn count_bound(&mut self, bound: bool, more: bool) {
        if bound {
            self.bound = if more { self.bound + 1 } else { self.bound.saturating_sub(1) };
            if let Some(slot) = self.engine.slot() {
                slot.bound.store(self.bound, Ordering::Relaxed);
            }
        }
    }

    fn event(&mut self, key: usize, _events: u32, now: u64) {
        let Some(protocol) = self.conns.get(key).map(|(conn, _)| conn.protocol) else { return };
        let patience = self.patience(protocol);
        let Some((conn, duty)) = self.conns.get_mut(key) else { return };
        match duty {
            Duty::Read => {
                if let Some((conn, _)) = self.remove(key) {
                    self.read_on(conn, now);
                }
            }
            Duty::Write { pending, .. } => match pending.flush(conn.raw()) {
                Ok(sent) => {
                    if sent > 0 {
                        conn.deadline_us = now + patience;
                    }
                    if pending.is_empty() {
                        self.written(key, now);
                    }
                }
                Err(_) => {
                    self.remove(key);
                    self.write_error();
                }
            },
            Duty::Linger { swallowed } => {
                if linger::is_over(conn, swallowed) {
                    self.remove(key);
                }
            }
        }
    }

    /// The answer is out.
    fn written(&mut self, key: usize, now: u64) {
        let Some((mut conn, Duty::Write { keep, unread, .. })) = self.remove(key) else { return };
        conn.since_us = 0;
        if !keep {
            if lingers(&conn, unread, u64::MAX) {
                self.linger(conn, now);
            }
            return;
        }
        if self.engine.is_leaving() {
            release(&self.engine, conn);
        } else if conn.buffer.is_empty() {
            if let Some(conn) = self.engine.park(conn, now) {
                release(&self.engine, conn);
            }
        } else {
            self.engine.deliver(conn);
        }
    }

    /// Receive what is there; whole requests go to the Python threads.
    fn read_on(&mut self, mut conn: Conn, now: u64) {
        let mut first = !conn.buffer.is_empty();
        let mut received_bytes = 0;
        loop {
            let received = if std::mem::take(&mut first) { Ok(Received::Bytes) } else { conn.receive() };
            match received {
                Ok(Received::Bytes) => match examine(&mut conn, &mut self.request, &self.engine.settings) {
                    // It goes to disk, for which this thread does not wait.
                    Need::Spool => return self.engine.deliver(conn),
                    Need::Run => {
                        conn.keep_head(&mut self.request);
                        return self.engine.deliver(conn);
                    }
                    Need::More => {
                        conn.invite();
                        // Level-triggered: it goes on with the next event.
                        received_bytes += conn.last_received;
                        if received_bytes > AT_ONCE {
                            return self.add(conn, Duty::Read, now);
                        }
                    }
                    other => return refusal::answer(&self.engine, conn, other),
                },
                Ok(Received::Nothing) => return self.add(conn, Duty::Read, now),
                Ok(Received::End) if conn.buffer.is_empty() => return,
                Ok(Received::End) => {
                    limited_say!(
                        Fault::Client,
                        self.engine,
                        "a client closed its connection in the middle of a request ({} bytes had come)",
                        conn.buffer.len()
                    );
                    return self.read_error();
                }
                Err(e) => {
                    if let Some(step) = refusal::no_memory(&e) {
                        return refusal::answer(&self.engine, conn, step);
                    }
                    return self.read_error();
                }
            }
        }
    }

    /// Count an answer that its client did not take.
    fn write_error(&self) {
        if let Some(slot) = self.engine.slot() {
            add(&slot.write_errors, 1);
        }
    }

    /// Count a request that could not be read.
    fn read_error(&self) {
        if let Some(slot) = self.engine.slot() {
            slot.count_read_error();
        }
    }
}

#[cfg(test)]
mod tests;
