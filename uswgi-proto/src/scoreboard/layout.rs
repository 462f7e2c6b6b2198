//! The structs of the scoreboard. Sizes are part of the layout: tests at the end hold them.
//!
//! Memory: one [`Header`], then [`SOCKETS`] socket slots, then [`super::aide::AIDES`] slots of aides, then the slow requests, then
//! (at [`super::WORKERS_OFFSET`]) for each worker slot one [`WorkerSlot`] followed by `threads_capacity` [`ThreadSlot`]s.

pub use super::bucket::{bucket_limit, bucket_of};
use super::canary::CanarySlot;
use super::lag::LagSlot;
use super::text::{RequestText, Text};
pub use super::totals::Totals;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// Bytes of the header.
pub const HEADER_SIZE: usize = 12288;
/// Socket slots after the header.
pub const SOCKETS: usize = 64;
/// Bytes of a socket slot.
pub const SOCKET_SIZE: usize = 192;
/// Bytes of a worker slot.
pub const WORKER_SIZE: usize = 1024;
/// Bytes of a thread slot.
pub const THREAD_SIZE: usize = 1280;
/// Buckets of the latency histogram; see [`bucket_of`].
pub const BUCKETS: usize = 96;
/// Numbers in a stored [`Totals`].
pub const TOTALS: usize = 16;
/// Places for counts by [`super::Restart`].
pub const RESTARTS: usize = 16;

/// What the instance is doing. Stored as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum InstanceState {
    /// Not every worker has accepted yet since the start.
    Starting = 0,
    /// Serving.
    Running = 1,
    /// A reload is under way.
    Reloading = 2,
    /// Leaving.
    Stopping = 3,
    /// Workers do not accept.
    Paused = 4,
    /// Serving; TERM has come, and the stop is put off (`shutdown-delay`).
    Leaving = 5,
}

/// How the last reload ended. Stored as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Outcome {
    /// There was none yet.
    None = 0,
    /// Every worker is of the new generation.
    Ok = 1,
    /// The new configuration was refused; the old generation serves.
    BadConfig = 2,
    /// The new application does not load; the old generation serves.
    AppFailed = 3,
    /// Some workers are new, some old (lazy-apps, a failure midway).
    Mixed = 4,
    /// The master was told to stop meanwhile.
    Stopped = 5,
    /// A step (`exec-*`, `hook-*`) of the new generation has failed; the old generation serves.
    StepFailed = 6,
    /// The new application does not answer its warm-up as it has to; the old generation serves.
    WarmupFailed = 7,
    /// Workers of the new generation died soon after they accepted (`reload-watch`); the old one serves again.
    TakenBack = 8,
    /// An operator has ended its canary; the old generation serves.
    Aborted = 9,
}

/// What a worker is doing. Stored as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum WorkerState {
    /// Nobody is in the slot.
    Free = 0,
    /// Forked or about to be, not accepting yet.
    Starting = 1,
    /// Accepting.
    Ready = 2,
    /// Finishing what it has.
    Retiring = 3,
    /// Sent SIGKILL, not reaped yet.
    Killed = 4,
}

/// What a request thread is doing. Stored as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ThreadState {
    /// There is no such thread.
    None = 0,
    /// Waiting for a connection.
    Idle = 1,
    /// In the application or in its answer.
    Busy = 2,
}

macro_rules! from_number {
    ($($name:ident { $($variant:ident),* } else $other:ident)*) => {$(
        impl $name {
            /// From the stored number; an unknown one reads as the first state.
            pub fn from_number(n: u32) -> Self {
                match n {
                    $(x if x == $name::$variant as u32 => $name::$variant,)*
                    _ => $name::$other,
                }
            }
        }
    )*};
}
from_number! {
    InstanceState { Starting, Running, Reloading, Stopping, Paused, Leaving } else Starting
    Outcome { None, Ok, BadConfig, AppFailed, Mixed, Stopped, StepFailed, WarmupFailed, TakenBack, Aborted } else None
    WorkerState { Free, Starting, Ready, Retiring, Killed } else Free
    ThreadState { None, Idle, Busy } else None
}

/// The instance. Writer of every field: the master.
#[repr(C, align(4096))]
pub struct Header {
    /// [`super::MAGIC`], written last.
    pub magic: AtomicU64,
    /// [`super::LAYOUT_VERSION`].
    pub layout_version: AtomicU32,
    /// Worker slots in this file.
    pub worker_capacity: AtomicU32,
    /// Thread slots in each worker slot.
    pub threads_capacity: AtomicU32,
    /// [`InstanceState`].
    pub state: AtomicU32,
    /// Bytes of the file.
    pub size: AtomicU64,
    /// Pid of the master, in its own pid namespace.
    pub master_pid: AtomicI32,
    /// User that the master runs as.
    pub uid: AtomicU32,
    /// Start time of the master, field 22 of proc_pid_stat(5).
    pub master_start_time: AtomicU64,
    /// When the instance started, seconds since the epoch.
    pub started_at: AtomicU64,
    /// Generation that serves (the newest one with a ready worker).
    pub generation: AtomicU64,
    /// Reloads begun; counted before the first step of a reload.
    pub reloads_started: AtomicU64,
    /// Reloads ended, well or not; stored after the fields of its outcome.
    pub reloads_done: AtomicU64,
    /// [`Outcome`] of the reload that ended last.
    pub last_outcome: AtomicU32,
    /// Workers that are wanted.
    pub workers_target: AtomicU32,
    /// Threads in each worker.
    pub threads: AtomicU32,
    /// Sockets in use in the socket table.
    pub sockets: AtomicU32,
    /// When the last reload ended, seconds since the epoch.
    pub last_reload_at: AtomicU64,
    /// How long it took, microseconds.
    pub last_reload_us: AtomicU64,
    /// Worker processes that ended without being asked to.
    pub worker_deaths: AtomicU64,
    /// Orphans of the application that the master reaped.
    pub orphans_reaped: AtomicU64,
    /// Pid of the template, 0 if there is none.
    pub template_pid: AtomicI32,
    /// Highest worker number there is a place for; those without a process are cheap.
    pub workers_highest: AtomicU32,
    /// Sums of the workers that have gone (see [`Totals`]).
    pub gone: [AtomicU64; TOTALS],
    /// Requests by duration of the workers that have gone; see [`bucket_of`].
    pub gone_histogram: [AtomicU64; BUCKETS],
    /// Replaced processes by [`super::Restart`].
    pub restarts: [AtomicU64; RESTARTS],
    /// Why the last reload failed, or the last start of a worker: the end of the message.
    pub reason: Text<240>,
    /// Version of the program.
    pub version: Text<4>,
    /// Request lines written. Writers: all workers, by atomic addition.
    pub requests: AtomicU64,
    /// Log lines that nobody took: a stuck reader, a full disk. Writers: all processes, by atomic addition.
    pub log_lines_lost: AtomicU64,
    /// Why there is no application (`need-app = false`): the end of the message; empty: there is one.
    pub no_app: Text<100>,
    /// Which Python runs the application, and why that one: `Python 3.11.2 of DIR (home)`.
    pub python: Text<40>,
    /// Generation before, whose template sleeps; 0: none.
    pub previous_generation: AtomicU64,
    /// When that goes, seconds since the epoch.
    pub previous_until: AtomicU64,
    /// Pid of that template.
    pub previous_pid: AtomicI32,
    /// What the threads of each worker are: the number of a [`crate::settings::LaneKind`].
    pub lanes: AtomicU32,
    /// A hash of the first prefix that a server in front has split off paths on its own; all ones: that was said. Writers: all workers,
    /// by an atomic exchange.
    pub split_paths: AtomicU64,
    /// The canary that is under way, or was the last one.
    pub canary: CanarySlot,
}

/// A listening socket. Writer: the master; the fields about its queue are of whoever looked last, the
/// master or a worker's native thread (see [`SocketSlot::look`]).
#[repr(C, align(64))]
pub struct SocketSlot {
    /// Connections that waited to be accepted when somebody looked last.
    pub queue: AtomicU32,
    /// Limit of the queue.
    pub max_queue: AtomicU32,
    /// Highest queue seen.
    pub highest: AtomicU32,
    /// 0: uwsgi, 1: http.
    pub protocol: AtomicU32,
    /// Inode of the socket, by which sock_diag(7) knows it; 0: not known.
    pub inode: AtomicU64,
    /// Looks that found the queue full.
    pub full: AtomicU64,
    /// When somebody looked last, [`super::monotonic_us`].
    pub looked_us: AtomicU64,
    /// When it was last said to be nearly full, [`super::monotonic_us`].
    pub warned_us: AtomicU64,
    /// Address as it is, cut.
    pub name: Text<14>,
}

/// Time between two looks at the queues of an instance that is busy, and between two warnings.
pub const LOOK_US: u64 = 1_000_000;
const WARN_US: u64 = 10_000_000;

impl SocketSlot {
    /// Whether it is time to look, for many who might; true for exactly one of them.
    pub fn due(&self, now_us: u64) -> bool {
        let last = self.looked_us.load(Ordering::Relaxed);
        now_us >= last.saturating_add(LOOK_US)
            && self.looked_us.compare_exchange(last, now_us, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Write what was seen. True when somebody should say that the queue is nearly full (80 % or more):
    /// at most every ten seconds.
    pub fn look(&self, queue: u32, limit: u32, now_us: u64) -> bool {
        self.looked_us.store(now_us, Ordering::Relaxed);
        self.queue.store(queue, Ordering::Relaxed);
        if limit > 0 {
            self.max_queue.store(limit, Ordering::Relaxed);
        }
        self.highest.fetch_max(queue, Ordering::Relaxed);
        let limit = self.max_queue.load(Ordering::Relaxed);
        if limit == 0 || u64::from(queue) * 5 < u64::from(limit) * 4 {
            return false;
        }
        if queue >= limit {
            self.full.fetch_add(1, Ordering::Relaxed);
        }
        let warned = self.warned_us.load(Ordering::Relaxed);
        (warned == 0 || now_us >= warned.saturating_add(WARN_US))
            && self.warned_us.compare_exchange(warned, now_us, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// A worker process. Writer: the master, but for the fields that say otherwise.
#[repr(C, align(128))]
pub struct WorkerSlot {
    /// [`WorkerState`].
    pub state: AtomicU32,
    /// Pid, 0 before it said hello.
    pub pid: AtomicI32,
    /// Worker number shown to people, from 1.
    pub worker_id: AtomicU32,
    /// How often a process of this worker number was started before this one.
    pub respawns: AtomicU32,
    /// Generation it serves.
    pub generation: AtomicU64,
    /// When it was started, seconds since the epoch.
    pub last_spawn: AtomicU64,
    /// Counters of its predecessors with the same number (see [`Totals`]).
    pub carried: [AtomicU64; TOTALS],
    /// Replaced processes of its number by [`super::Restart`].
    pub restarts: [AtomicU64; RESTARTS],
    /// [`super::Restart`] that brought this process.
    pub last_restart: AtomicU32,
    /// How its predecessor ended where that was not asked for: the exit code, or minus the signal.
    pub last_end: AtomicI32,
    /// Resident bytes. Writer: the worker's native thread.
    pub rss: AtomicU64,
    /// Bytes of address space. Writer: the worker's native thread.
    pub vsz: AtomicU64,
    /// Connections it holds (parked, reading or writing). Writer: the worker.
    pub connections: AtomicU64,
    /// Connections given to other workers. Writer: the worker.
    pub handed_over: AtomicU64,
    /// Threads that run requests. Writer: the worker, before it is ready.
    pub threads: AtomicU32,
    /// 1 while it accepts. Writer: the worker.
    pub accepting: AtomicU32,
    /// Milliseconds the application took to import. Writer: the worker.
    pub startup_ms: AtomicU64,
    /// Connections that cannot go to another worker: their answer is being written, or their body is on disk or
    /// chunked. Writer: the worker's native thread.
    pub bound: AtomicU64,
    /// Number of its descriptor at which it is asked for its stacks (see [`crate::stacks`]); 0: there is none.
    /// Writer: the worker, before it is ready.
    pub stacks_pipe: AtomicU32,
    /// Number of its descriptor in which it answers. Writer: the worker, before it is ready.
    pub stacks_memory: AtomicU32,
    /// Answers that no request thread counts (refusals, time-outs, the 504 of a harakiri), by status class 1xx to
    /// 5xx. Writers: all threads of the worker, by atomic addition.
    pub by_class: [AtomicU64; 5],
    /// Requests that could not be read, of which no request thread knows. Writers: as of `by_class`.
    pub read_errors: AtomicU64,
    /// Answers that were left to the native thread and that the client did not take. Writer: the worker's native thread.
    pub write_errors: AtomicU64,
    /// 1 where it goes on without an application (`need-app = false`).
    pub no_app: AtomicU32,
    /// Number of its descriptor in which slices of a profile come ([`crate::profile`]); 0: there is none. Writer: the
    /// worker, before it is ready.
    pub profile_memory: AtomicU32,
    /// Signals of the application that were taken here. Writers: all threads of the worker, by atomic addition.
    pub signals: AtomicU64,
    /// How late the loop of its lanes is, where they share one. Writer: the worker.
    pub lag: LagSlot,
    /// What its threads are: the number of a [`crate::settings::LaneKind`]. Writer: the worker, before it is ready.
    pub lanes: AtomicU32,
    /// Unused.
    pub _unused: AtomicU32,
    /// Unused.
    pub _pad: [AtomicU64; 30],
    /// Memory for later versions.
    pub _align: [AtomicU64; 10],
}

/// A request thread. Writer: that thread, but for `deadline_us` and `timed_out`.
#[repr(C, align(128))]
pub struct ThreadSlot {
    /// [`ThreadState`].
    pub state: AtomicU32,
    /// 1 while its request is a WebSocket.
    pub websocket: AtomicU32,
    /// When the request began, [`super::monotonic_us`]; 0 when idle.
    pub started_us: AtomicU64,
    /// When its harakiri is due, [`super::monotonic_us`]; 0: never.
    pub deadline_us: AtomicU64,
    /// Requests begun.
    pub requests: AtomicU64,
    /// Exceptions that the application let out.
    pub exceptions: AtomicU64,
    /// Requests that met their harakiri. Writer: the native thread.
    pub harakiri: AtomicU64,
    /// Bytes sent.
    pub tx: AtomicU64,
    /// Microseconds in requests.
    pub running_us: AtomicU64,
    /// Failed writes.
    pub write_errors: AtomicU64,
    /// Failed reads.
    pub read_errors: AtomicU64,
    /// Answers of the application and static files, by status class 1xx to 5xx.
    pub by_class: [AtomicU64; 5],
    /// Bytes of body that the request under way announced.
    pub body_in: AtomicU64,
    /// Bytes of body that the application gave for it so far; every piece but the first counts at once.
    pub body_out: AtomicU64,
    /// Static files sent.
    pub static_requests: AtomicU64,
    /// The request under way.
    pub request: RequestText,
    /// Requests by duration; see [`bucket_of`].
    pub histogram: [AtomicU64; BUCKETS],
    /// The kernel's number of the thread that runs it, which may be that of other lanes too; 0: there is none yet.
    pub tid: AtomicI32,
}

/// Place of a status among the counts by class; nonsense counts as the nearest class.
pub fn class_of(status: u16) -> usize {
    usize::from(status / 100).clamp(1, 5) - 1
}

impl WorkerSlot {
    /// Count an answer that no request thread counts.
    pub fn count_answer(&self, status: u16) {
        self.by_class[class_of(status)].fetch_add(1, Ordering::Relaxed);
    }

    /// Count a request that could not be read, of which no request thread knows.
    pub fn count_read_error(&self) {
        self.read_errors.fetch_add(1, Ordering::Relaxed);
    }
}

/// Add to a counter that only the calling thread writes (no locked instruction).
pub fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
