//! Everything that a scoreboard says, copied at one moment into plain data.
//!
//! Fields are read one by one while others write, so two of them may be some microseconds apart;
//! what must not be torn (request lines, the outcome of a reload) is read in the right order.

mod thread;
mod waiting;

pub use thread::Thread;

use super::aides::AideSeen;
use super::usage::{self, Usage};
use crate::instance::{RunningInstance, stands_still};
use crate::scoreboard::layout::{BUCKETS, RESTARTS, SOCKETS, Totals};
use crate::scoreboard::{
    InstanceState, Outcome, Reader, Restart, Scoreboard, ThreadSlot, WorkerState, monotonic_us,
};
use crate::settings::LaneKind;
use crate::sock_diag;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// An instance at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Pid of the master, as we see it.
    pub pid: i32,
    /// Pid of the master, as it sees itself (they differ across pid namespaces).
    pub master_pid: i32,
    /// Whether a signal or a debugger has stopped the master.
    pub stands_still: bool,
    /// Version of the program.
    pub version: String,
    /// User that the master runs as.
    pub uid: u32,
    /// What the instance does.
    pub state: InstanceState,
    /// Seconds since the epoch.
    pub started_at: u64,
    /// Generation that serves.
    pub generation: u64,
    /// Reloads begun.
    pub reloads_started: u64,
    /// Reloads ended.
    pub reloads_done: u64,
    /// How the last one ended.
    pub outcome: Outcome,
    /// When, seconds since the epoch.
    pub last_reload_at: u64,
    /// How long it took.
    pub last_reload_us: u64,
    /// Why the last reload or start of a worker failed.
    pub reason: String,
    /// Why there is no application; empty where there is one.
    pub no_app: String,
    /// Which Python runs the application, and why that one; empty: none has started yet.
    pub python: String,
    /// Workers wanted.
    pub workers_target: u32,
    /// Highest worker number there is a place for.
    pub workers_highest: u32,
    /// Threads in each.
    pub threads: u32,
    /// What people call them here.
    pub lanes: LaneKind,
    /// Workers that ended without being asked to.
    pub worker_deaths: u64,
    /// Log lines that nobody took.
    pub log_lines_lost: u64,
    /// Orphans of the application that were reaped.
    pub orphans_reaped: u64,
    /// Pid of the template, 0: none.
    pub template_pid: i32,
    /// The generation before, whose template sleeps.
    pub previous: Option<super::previous::Previous>,
    /// The canary that is under way, or was the last one.
    pub canary: Option<super::canary::Canary>,
    /// Listening sockets.
    pub sockets: Vec<SocketSnapshot>,
    /// Slots in use.
    pub workers: Vec<Worker>,
    /// Spoolers and mules.
    pub aides: Vec<AideSeen>,
    /// Sums over all workers that ever were.
    pub total: Totals,
    /// Requests by duration of the workers that have gone.
    pub gone_histogram: [u64; BUCKETS],
    /// Replaced processes, by the number of [`Restart`].
    pub restarts: [u64; RESTARTS],
    /// Slow requests.
    pub slow: super::slow::SlowSums,
}

/// A listening socket.
#[derive(Debug, Clone)]
pub struct SocketSnapshot {
    /// As configured.
    pub name: String,
    /// `uwsgi` or `http`.
    pub protocol: &'static str,
    /// Connections that wait.
    pub queue: u32,
    /// Limit of the queue.
    pub max_queue: u32,
    /// Highest queue seen.
    pub highest: u32,
    /// Looks that found the queue full.
    pub full: u64,
    /// Inode; 0: not known.
    pub inode: u64,
    /// Its file is gone: nobody can connect until a reload binds it anew. A file of another program there is not noticed.
    pub missing: bool,
}

/// A worker process.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Slot in the scoreboard.
    pub slot: u32,
    /// Number shown to people.
    pub id: u32,
    /// Pid, as its master sees it.
    pub pid: i32,
    /// What it does.
    pub state: WorkerState,
    /// Whether it accepts at this moment.
    pub accepting: bool,
    /// Whether it goes on without an application.
    pub no_app: bool,
    /// Generation it serves.
    pub generation: u64,
    /// Predecessors with the same number.
    pub respawns: u32,
    /// Seconds since the epoch.
    pub last_spawn: u64,
    /// Resident bytes.
    pub rss: u64,
    /// Bytes of address space.
    pub vsz: u64,
    /// Connections it holds.
    pub connections: u64,
    /// Connections it gave to others.
    pub handed_over: u64,
    /// Milliseconds the application took to load.
    pub startup_ms: u64,
    /// Sums of this process.
    pub own: Totals,
    /// Sums with its predecessors.
    pub total: Totals,
    /// Requests by duration.
    pub histogram: [u64; BUCKETS],
    /// Replaced processes of its number, by the number of [`Restart`].
    pub restarts: [u64; RESTARTS],
    /// What brought this process.
    pub last_restart: Restart,
    /// How its predecessor ended where nobody asked for it: the exit code, or minus the signal.
    pub last_end: i32,
    /// Descriptors of the process for questions about its stacks: pipe and memory ([`crate::stacks`]).
    pub stacks: Option<(u32, u32)>,
    /// The same for slices of a profile ([`crate::profile`]).
    pub profile: Option<(u32, u32)>,
    /// What the system says of the process; None where it cannot be asked.
    pub usage: Option<Usage>,
    /// Its threads.
    pub threads: Vec<Thread>,
    /// How many of those that have a request do not run: they wait for a client, a database, a timer, the GIL. None
    /// where the system cannot be asked.
    pub waiting: Option<usize>,
    /// What they are.
    pub lanes: LaneKind,
    /// How late the loop is that runs them, where one does.
    pub lag: Option<super::lag::LoopLag>,
}

impl Snapshot {
    /// Of an instance, from its scoreboard; the kernel says whether the master stands still.
    pub fn take(instance: &RunningInstance) -> Snapshot {
        let mut s = Snapshot::read(instance.pid, &instance.board);
        s.stands_still = stands_still(instance.pid);
        s
    }

    /// The same, with the queues and the use of memory and processor as the kernel says they are now. The
    /// master has no part in it.
    pub fn measured(instance: &RunningInstance) -> Snapshot {
        let mut s = Snapshot::take(instance);
        s.measure(false);
        s
    }

    /// Ask the kernel. Across pid or network namespaces it would answer about others, so the numbers stay
    /// what the scoreboard says. `pss` costs milliseconds a worker.
    pub fn measure(&mut self, pss: bool) {
        for socket in &mut self.sockets {
            socket.missing = usage::is_missing(self.pid, &socket.name);
        }
        if usage::same_namespace(self.pid, "net") {
            let inodes: Vec<u64> = self.sockets.iter().map(|s| s.inode).collect();
            let found = sock_diag::queues(&inodes);
            for socket in &mut self.sockets {
                if let Some(queue) = found.get(&socket.inode) {
                    (socket.queue, socket.max_queue) = (queue.waiting, queue.limit);
                    socket.highest = socket.highest.max(queue.waiting);
                }
            }
        }
        if self.master_pid != self.pid {
            return;
        }
        if let Some(previous) = &mut self.previous {
            previous.usage = usage::of(previous.pid, self.pid, true);
        }
        for worker in self.workers.iter_mut().filter(|w| w.pid > 0) {
            worker.usage = usage::of(worker.pid, self.pid, pss);
            if let Some(usage) = worker.usage {
                (worker.rss, worker.vsz) = (usage.rss, usage.vsz);
                worker.waiting = Some(worker.count_waiting());
            }
        }
    }

    /// An instance without workers, for tests of what is shown.
    #[doc(hidden)]
    pub fn sample() -> Snapshot {
        Snapshot::of_sample(|_| {})
    }

    /// A worker with one idle thread, for tests of what is shown.
    #[doc(hidden)]
    pub fn sample_worker(state: WorkerState, generation: u64) -> Worker {
        let fill = |board: &Scoreboard| {
            if let Some(w) = board.worker(0) {
                w.state.store(state as u32, Relaxed);
                w.generation.store(generation, Relaxed);
                w.worker_id.store(1, Relaxed);
                w.threads.store(1, Relaxed);
            }
        };
        Snapshot::of_sample(fill).workers.swap_remove(0)
    }

    /// The snapshot of a scoreboard of two worker slots that a test has filled.
    #[doc(hidden)]
    #[allow(clippy::unwrap_used)] // Memory for a test.
    pub fn of_sample(fill: impl Fn(&Scoreboard)) -> Snapshot {
        let (board, fd) = Scoreboard::create(2, 2).unwrap();
        fill(&board);
        Snapshot::read(7, &Reader::open(std::os::fd::AsFd::as_fd(&fd)).unwrap())
    }

    /// Of a scoreboard whose master has this pid for us.
    pub fn read(pid: i32, board: &Reader) -> Snapshot {
        let h = board.header();
        // The counter is stored after the fields of its outcome, so it is read before them.
        let reloads_done = h.reloads_done.load(std::sync::atomic::Ordering::Acquire);
        let workers: Vec<Worker> =
            (0..board.worker_capacity()).filter_map(|slot| worker(board, slot)).collect();
        let total = workers.iter().fold(Totals::load(&h.gone), |sum, w| sum + w.own);
        let sockets = (h.sockets.load(Relaxed) as usize).min(SOCKETS);
        Snapshot {
            pid,
            master_pid: h.master_pid.load(Relaxed),
            stands_still: false,
            version: h.version.read().unwrap_or_default(),
            uid: h.uid.load(Relaxed),
            state: InstanceState::from_number(h.state.load(Relaxed)),
            started_at: h.started_at.load(Relaxed),
            generation: h.generation.load(Relaxed),
            reloads_started: h.reloads_started.load(Relaxed),
            reloads_done,
            outcome: Outcome::from_number(h.last_outcome.load(Relaxed)),
            last_reload_at: h.last_reload_at.load(Relaxed),
            last_reload_us: h.last_reload_us.load(Relaxed),
            reason: h.reason.read().unwrap_or_default(),
            no_app: h.no_app.read().unwrap_or_default(),
            python: h.python.read().unwrap_or_default(),
            workers_target: h.workers_target.load(Relaxed).min(board.worker_capacity()),
            // There are no more numbers than slots, whatever stands there.
            workers_highest: h.workers_highest.load(Relaxed).min(board.worker_capacity()),
            threads: h.threads.load(Relaxed),
            lanes: LaneKind::from_number(h.lanes.load(Relaxed)),
            worker_deaths: h.worker_deaths.load(Relaxed),
            log_lines_lost: h.log_lines_lost.load(Relaxed),
            orphans_reaped: h.orphans_reaped.load(Relaxed),
            template_pid: h.template_pid.load(Relaxed),
            previous: super::previous::read(h),
            canary: super::canary::read(&h.canary),
            sockets: (0..sockets).filter_map(|i| socket(board, i)).collect(),
            workers,
            aides: super::aides::seen(board),
            total,
            gone_histogram: std::array::from_fn(|i| h.gone_histogram[i].load(Relaxed)),
            slow: super::slow::SlowSums::read(board.slow()),
            restarts: std::array::from_fn(|i| h.restarts[i].load(Relaxed)),
        }
    }

    /// Workers in a state.
    pub fn count(&self, state: WorkerState) -> usize {
        self.workers.iter().filter(|w| w.state == state).count()
    }

    /// Workers that go on, or come, without an application, and all that do so or have one.
    pub fn without_app(&self) -> (usize, usize) {
        let stays = |w: &&Worker| matches!(w.state, WorkerState::Starting | WorkerState::Ready);
        let staying = self.workers.iter().filter(stays);
        (staying.clone().filter(|w| w.no_app).count(), staying.count())
    }

    /// Threads in a request, over all workers.
    pub fn busy_threads(&self) -> usize {
        self.workers.iter().flat_map(|w| &w.threads).filter(|t| t.busy).count()
    }

    /// Those of them that are WebSockets.
    pub fn websockets(&self) -> usize {
        self.workers.iter().flat_map(|w| &w.threads).filter(|t| t.websocket).count()
    }

    /// Requests by duration, over all workers that ever were.
    pub fn histogram(&self) -> [u64; BUCKETS] {
        let mut sum = self.gone_histogram;
        for worker in &self.workers {
            for (to, from) in sum.iter_mut().zip(worker.histogram) {
                *to = to.wrapping_add(from);
            }
        }
        sum
    }
}

fn socket(board: &Reader, i: usize) -> Option<SocketSnapshot> {
    let s = board.socket(i)?;
    Some(SocketSnapshot {
        name: s.name.read().unwrap_or_default(),
        protocol: if s.protocol.load(Relaxed) == 1 { "http" } else { "uwsgi" },
        queue: s.queue.load(Relaxed),
        max_queue: s.max_queue.load(Relaxed),
        highest: s.highest.load(Relaxed),
        full: s.full.load(Relaxed),
        inode: s.inode.load(Relaxed),
        missing: false,
    })
}

fn worker(board: &Reader, slot: u32) -> Option<Worker> {
    let w = board.worker(slot)?;
    let state = WorkerState::from_number(w.state.load(Relaxed));
    if state == WorkerState::Free {
        return None;
    }
    let lanes = LaneKind::from_number(w.lanes.load(Relaxed));
    let count = w.threads.load(Relaxed).min(board.threads_capacity());
    let slots: Vec<&ThreadSlot> = (0..count).filter_map(|i| board.thread(slot, i)).collect();
    let own = slots.iter().fold(Totals::beside_threads(w), |sum, t| sum + Totals::of_thread(t));
    let sum = |get: &dyn Fn(&ThreadSlot) -> &AtomicU64| {
        slots.iter().fold(0u64, |n, t| n.wrapping_add(get(t).load(Relaxed)))
    };
    Some(Worker {
        slot,
        id: w.worker_id.load(Relaxed).min(board.worker_capacity()),
        pid: w.pid.load(Relaxed),
        state,
        accepting: w.accepting.load(Relaxed) != 0,
        no_app: w.no_app.load(Relaxed) != 0,
        generation: w.generation.load(Relaxed),
        respawns: w.respawns.load(Relaxed),
        last_spawn: w.last_spawn.load(Relaxed),
        rss: w.rss.load(Relaxed),
        vsz: w.vsz.load(Relaxed),
        connections: w.connections.load(Relaxed),
        handed_over: w.handed_over.load(Relaxed),
        startup_ms: w.startup_ms.load(Relaxed),
        own,
        total: own + Totals::load(&w.carried),
        histogram: std::array::from_fn(|i| sum(&|t| &t.histogram[i])),
        restarts: std::array::from_fn(|i| w.restarts[i].load(Relaxed)),
        last_restart: Restart::from_number(w.last_restart.load(Relaxed)),
        last_end: w.last_end.load(Relaxed),
        stacks: match w.stacks_pipe.load(std::sync::atomic::Ordering::Acquire) {
            0 => None,
            pipe => Some((pipe, w.stacks_memory.load(Relaxed))),
        },
        profile: match (w.stacks_pipe.load(Relaxed), w.profile_memory.load(Relaxed)) {
            (0, _) | (_, 0) => None,
            both => Some(both),
        },
        usage: None,
        threads: slots.iter().map(|t| Thread::read(t)).collect(),
        waiting: None,
        lanes,
        lag: lanes.share_a_thread().then(|| super::lag::LoopLag::read(&w.lag, monotonic_us())),
    })
}

#[cfg(test)]
mod tests;
