//! Writes the scoreboard: what the supervisor knows, and the sums of processes that have gone.
//!
//! It must never read a decision back from it, and never write a field that belongs to a worker, but
//! to clear a slot before its next process.
#![forbid(unsafe_code)]

mod aides;
mod canary;

use crate::sockets::Listener;
use crate::supervisor::{ProcessKind, Seat, Stage, Supervisor};
use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;
use uswgi_conf::instance::Instance;
use uswgi_keep::sys;
use uswgi_proto::instance::start_time;
use uswgi_proto::scoreboard::canary::Tally;
use uswgi_proto::scoreboard::layout::{RESTARTS, SOCKETS, ThreadSlot, Totals, add};
use uswgi_proto::scoreboard::text::Text;
use uswgi_proto::scoreboard::{
    Outcome, Restart, SCOREBOARD_FD, Scoreboard, ScoreboardError, ThreadState, WorkerState, epoch_seconds,
    monotonic_us,
};
use uswgi_proto::settings::Protocol;
use uswgi_proto::sock_diag;

/// The scoreboard of this instance, at its place among the descriptors.
pub struct Board {
    board: Scoreboard,
    fd: OwnedFd,
    /// Sums of the processes that have gone, and why they were replaced, by worker number.
    carried: HashMap<u32, Totals>,
    restarts: HashMap<u32, [u64; RESTARTS]>,
    /// As it stands there: it is written only where it changes.
    no_app: String,
    /// What workers that have gone had answered, by generation, of those whose settings are held.
    tallies: BTreeMap<u64, Tally>,
    /// Which change of the canary stands there.
    canary: u64,
}

/// Worker slots that an instance gets: room for a reload that doubles the workers.
pub fn worker_capacity(workers: u32) -> u32 {
    (2 * workers + 8).max(64)
}

/// Thread slots in each.
pub fn thread_capacity(threads: u32) -> u32 {
    threads.max(16)
}

impl Board {
    /// Make it, and put it where readers look for it.
    pub fn create(instance: &Instance) -> Result<Board, ScoreboardError> {
        let (board, fd) =
            Scoreboard::create(worker_capacity(instance.workers), thread_capacity(instance.threads))?;
        let fd = sys::place(fd.as_fd(), SCOREBOARD_FD)
            .map_err(|source| ScoreboardError::Io { what: "placing its descriptor", source })?;
        let h = board.header();
        h.master_pid.store(std::process::id() as i32, Relaxed);
        h.uid.store(nix::unistd::Uid::effective().as_raw(), Relaxed);
        h.master_start_time.store(start_time(std::process::id() as i32).unwrap_or(0), Relaxed);
        h.started_at.store(epoch_seconds(), Relaxed);
        Ok(Board::of(board, fd))
    }

    fn of(board: Scoreboard, fd: OwnedFd) -> Board {
        Board {
            board,
            fd,
            carried: HashMap::new(),
            restarts: HashMap::new(),
            no_app: String::new(),
            tallies: BTreeMap::new(),
            canary: 0,
        }
    }

    /// The memory.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The mapping.
    pub fn scoreboard(&self) -> &Scoreboard {
        &self.board
    }

    /// The user may have changed, and the sockets and settings do with every generation.
    pub fn describe(&self, instance: &Instance, listeners: &[Rc<Listener>]) {
        let h = self.board.header();
        h.uid.store(nix::unistd::Uid::effective().as_raw(), Relaxed);
        h.threads.store(instance.threads, Relaxed);
        h.lanes.store(instance.lanes.kind as u32, Relaxed);
        for (i, listener) in listeners.iter().take(SOCKETS).enumerate() {
            if let Some(s) = self.board.socket(i) {
                let http = instance.sockets.get(i).is_some_and(|s| s.protocol == Protocol::Http);
                s.protocol.store(http.into(), Relaxed);
                let inode = nix::sys::stat::fstat(&listener.fd).map_or(0, |s| s.st_ino);
                if s.inode.swap(inode, Relaxed) != inode {
                    for field in [&s.queue, &s.highest] {
                        field.store(0, Relaxed);
                    }
                    for field in [&s.full, &s.looked_us, &s.warned_us] {
                        field.store(0, Relaxed);
                    }
                }
                s.max_queue.store(instance.listen, Relaxed);
                s.name.write(listener.shown.as_bytes());
            }
        }
        h.sockets.store(listeners.len().min(SOCKETS) as u32, Relaxed);
    }

    /// How many connections wait at each socket now, for somebody who asks. (While the instance is busy, workers look.)
    pub fn queues(&self) {
        let used = (self.board.header().sockets.load(Relaxed) as usize).min(SOCKETS);
        let slots: Vec<_> = (0..used).filter_map(|i| self.board.socket(i)).collect();
        let inodes: Vec<u64> = slots.iter().map(|s| s.inode.load(Relaxed)).collect();
        let found = sock_diag::queues(&inodes);
        for (slot, inode) in slots.iter().zip(inodes) {
            if let Some(queue) = found.get(&inode) {
                slot.look(queue.waiting, queue.limit, monotonic_us());
            }
        }
    }

    /// A process is about to get the slot: nothing of its predecessor is left in it.
    pub fn occupy(&self, slot: u32, worker_id: u32, generation: u64, respawns: u32) {
        let Some(w) = self.board.worker(slot) else { return };
        w.pid.store(0, Relaxed);
        let own = [&w.rss, &w.vsz, &w.connections, &w.handed_over, &w.startup_ms, &w.bound, &w.read_errors];
        own.into_iter().chain(&w.by_class).chain([&w.signals]).for_each(|field| field.store(0, Relaxed));
        let lag = [&w.lag.asked_us, &w.lag.last_us, &w.lag.sum_us];
        lag.into_iter().chain(&w.lag.histogram).for_each(|field| field.store(0, Relaxed));
        w.threads.store(0, Relaxed);
        w.lanes.store(0, Relaxed);
        w.stacks_pipe.store(0, Relaxed);
        w.profile_memory.store(0, Relaxed);
        w.accepting.store(0, Relaxed);
        w.no_app.store(0, Relaxed);
        for thread in 0..self.board.threads_capacity() {
            let Some(t) = self.board.thread(slot, thread) else { break };
            t.state.store(ThreadState::None as u32, Relaxed);
            t.websocket.store(0, Relaxed);
            let now = [&t.started_us, &t.deadline_us, &t.body_in, &t.body_out];
            for c in now.into_iter().chain(t.counters()).chain(&t.histogram) {
                c.store(0, Relaxed);
            }
            t.request.write(b"", b"", b"");
        }
        w.worker_id.store(worker_id, Relaxed);
        w.respawns.store(respawns, Relaxed);
        w.generation.store(generation, Relaxed);
        w.last_spawn.store(epoch_seconds(), Relaxed);
        self.carried.get(&worker_id).copied().unwrap_or_default().store(&w.carried);
        let restarts = self.restarts.get(&worker_id).copied().unwrap_or_default();
        w.restarts.iter().zip(restarts).for_each(|(to, n)| to.store(n, Relaxed));
        w.last_restart.store(Restart::None as u32, Relaxed);
        w.last_end.store(0, Relaxed);
        w.state.store(WorkerState::Starting as u32, Release);
    }

    /// The process of the slot is gone: its sums go to its successors and to the instance.
    pub fn vacate(&mut self, slot: u32, worker_id: u32) {
        let Some(w) = self.board.worker(slot) else { return };
        let gone = self.board.totals(slot);
        let (generation, tally) = (w.generation.load(Relaxed), self.tally(slot));
        *self.tallies.entry(generation).or_default() += tally;
        let h = self.board.header();
        (Totals::load(&h.gone) + gone).store(&h.gone);
        for t in (0..self.board.threads_capacity()).filter_map(|t| self.board.thread(slot, t)) {
            h.gone_histogram.iter().zip(&t.histogram).for_each(|(to, from)| add(to, from.load(Relaxed)));
        }
        let carried = self.carried.entry(worker_id).or_default();
        *carried = *carried + gone;
        w.state.store(WorkerState::Free as u32, Release);
        w.pid.store(0, Relaxed);
        for other in (0..self.board.worker_capacity()).filter_map(|i| self.board.worker(i)) {
            if other.state.load(Relaxed) != WorkerState::Free as u32
                && other.worker_id.load(Relaxed) == worker_id
            {
                carried.store(&other.carried);
            }
        }
    }

    /// Show what the supervisor knows.
    pub fn sync(&mut self, supervisor: &Supervisor) {
        self.show_canary(supervisor);
        let h = self.board.header();
        let no_app = supervisor.no_app().unwrap_or_default();
        if self.no_app != no_app {
            self.no_app = no_app.into();
            write_end(&h.no_app, no_app);
        }
        h.generation.store(supervisor.serving_generation(), Relaxed);
        h.workers_target.store(supervisor.workers_wanted(), Relaxed);
        h.workers_highest.store(supervisor.highest_worker(), Relaxed);
        let mut template = 0;
        let asleep = supervisor.sleeper().map(|kept| kept.template);
        self.show_sleeper(supervisor);
        for (&id, child) in supervisor.children() {
            match child.kind {
                ProcessKind::Template if asleep == Some(id) => {}
                ProcessKind::Template if child.stage <= Stage::Ready => template = child.pid.unwrap_or(0),
                ProcessKind::Template => {}
                ProcessKind::Aide(seat) => self.sync_aide(seat, child),
                ProcessKind::Worker(Seat { slot, .. }) => {
                    let Some(w) = self.board.worker(slot) else { continue };
                    let state = match child.stage {
                        Stage::Starting => WorkerState::Starting,
                        Stage::Ready => WorkerState::Ready,
                        Stage::Retiring => WorkerState::Retiring,
                        Stage::Killed => WorkerState::Killed,
                    };
                    w.pid.store(child.pid.unwrap_or(0), Relaxed);
                    w.no_app.store(child.no_app.into(), Relaxed);
                    w.state.store(state as u32, Release);
                }
            }
        }
        h.template_pid.store(template, Relaxed);
        h.state.store(supervisor.state() as u32, Release);
    }

    /// The generation before, whose template sleeps.
    fn show_sleeper(&self, supervisor: &Supervisor) {
        let h = self.board.header();
        let Some(kept) = supervisor.sleeper() else {
            return h.previous_generation.store(0, Relaxed);
        };
        if h.previous_generation.load(Relaxed) != kept.generation {
            let left = kept.until.saturating_duration_since(std::time::Instant::now()).as_secs();
            let pid = supervisor.children().get(&kept.template).and_then(|c| c.pid);
            h.previous_until.store(epoch_seconds() + left, Relaxed);
            h.previous_pid.store(pid.unwrap_or(0), Relaxed);
            h.previous_generation.store(kept.generation, Release);
        }
    }

    /// The process of the slot took another one's place; `end` is how that one ended where nobody asked for it.
    pub fn restarted(&mut self, slot: u32, worker_id: u32, why: Restart, end: i32) {
        let counts = self.restarts.entry(worker_id).or_default();
        counts[why as usize] += 1;
        add(&self.board.header().restarts[why as usize], 1);
        let Some(w) = self.board.worker(slot) else { return };
        w.restarts.iter().zip(*counts).for_each(|(to, n)| to.store(n, Relaxed));
        w.last_end.store(end, Relaxed);
        w.last_restart.store(why as u32, Relaxed);
    }

    /// A reload begins.
    pub fn reload_started(&self) {
        add(&self.board.header().reloads_started, 1);
    }

    /// A reload has ended: the outcome first, then the count that readers wait for.
    pub fn reload_ended(&self, outcome: Outcome, reason: &str, took: Duration) {
        let h = self.board.header();
        h.last_outcome.store(outcome as u32, Relaxed);
        h.last_reload_at.store(epoch_seconds(), Relaxed);
        h.last_reload_us.store(took.as_micros() as u64, Relaxed);
        self.reason(reason);
        h.reloads_done.store(h.reloads_done.load(Relaxed) + 1, Release);
    }

    /// Why something failed: the end of the text, which tells most.
    pub fn reason(&self, reason: &str) {
        write_end(&self.board.header().reason, reason);
    }

    /// Which Python the generation in force runs.
    pub fn python(&self, which: &str) {
        self.board.header().python.write(which.as_bytes());
    }

    /// A worker ended without being asked to.
    pub fn count_death(&self) {
        add(&self.board.header().worker_deaths, 1);
    }

    /// A process that nobody here started was reaped.
    pub fn count_orphan(&self) {
        add(&self.board.header().orphans_reaped, 1);
    }

    /// Requests since the start, of those that have gone too.
    pub fn requests(&self) -> u64 {
        let slots = 0..self.board.worker_capacity();
        let there = slots.filter(|&slot| {
            self.board.worker(slot).is_some_and(|w| w.state.load(Relaxed) != WorkerState::Free as u32)
        });
        let gone = Totals::load(&self.board.header().gone).requests;
        there.fold(gone, |sum, slot| sum.wrapping_add(self.board.totals(slot).requests))
    }

    /// Whether the slot's worker has a request, or an answer on its way out, that ends with it.
    pub fn busy(&self, slot: u32) -> bool {
        let in_request = |t: u32| {
            self.board.thread(slot, t).is_some_and(|t| t.state.load(Relaxed) == ThreadState::Busy as u32)
        };
        self.board.worker(slot).is_some_and(|w| w.bound.load(Relaxed) > 0)
            || (0..self.board.threads_capacity()).any(in_request)
    }

    /// Microseconds that the slot's threads have spent in requests, those under way too.
    pub fn running_us(&self, slot: u32) -> u64 {
        let now = monotonic_us();
        let threads = (0..self.board.threads_capacity()).filter_map(|t| self.board.thread(slot, t));
        let of = |t: &ThreadSlot| {
            // In this order: a request that ends meanwhile is missed, and not counted twice.
            let done = t.running_us.load(Acquire);
            let began = t.started_us.load(Relaxed);
            done + if began == 0 { 0 } else { now.saturating_sub(began) }
        };
        threads.map(of).sum()
    }

    /// Whether a thread of the slot is in a request whose harakiri was due longer than this ago; None: none is. True: and
    /// nothing else there can come to a good end: no answer is on its way, and every thread is in such a request, or has
    /// none while the worker takes no more.
    pub fn overdue(&self, slot: u32, by: Duration, leaves: bool) -> Option<bool> {
        let worker = self.board.worker(slot)?;
        let limit = monotonic_us().saturating_sub(by.as_micros() as u64);
        let (mut late, mut good) = (0, 0);
        for thread in (0..self.board.threads_capacity()).filter_map(|t| self.board.thread(slot, t)) {
            if thread.state.load(Relaxed) == ThreadState::Busy as u32 {
                let deadline = thread.deadline_us.load(Relaxed);
                *(if deadline != 0 && deadline < limit { &mut late } else { &mut good }) += 1;
            }
        }
        let none_can_begin = leaves || late == worker.threads.load(Relaxed);
        (late > 0).then_some(good == 0 && none_can_begin && worker.bound.load(Relaxed) == 0)
    }
}

/// The end of a message that has no room.
fn write_end<const WORDS: usize>(to: &Text<WORDS>, message: &str) {
    let mut start = message.len().saturating_sub(WORDS * 8);
    while !message.is_char_boundary(start) {
        start += 1;
    }
    to.write(&message.as_bytes()[start..]);
}

#[cfg(test)]
mod tests;
