//! One process of the instance, as the supervisor sees it. It must never hold a descriptor.

use std::time::{Duration, Instant};
use uswgi_proto::background::Aide;
use uswgi_proto::scoreboard::Restart;

/// What a worker gets that is to get no mercy: one without requests ends well within it.
pub(super) const NO_MERCY: Duration = Duration::from_secs(1);

/// How long a template may take from the request for a fork to the hello of who it forks.
pub(super) const FORK_TIMEOUT: Duration = Duration::from_secs(30);

/// Name of a process for its whole life and never again; a pid can come back, this cannot.
pub type ChildId = u64;

/// Where a worker sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Slot in the scoreboard; no two processes have the same.
    pub slot: u32,
    /// Worker number, from 1; a successor has the one of who it replaces.
    pub worker_id: u32,
}

/// Where an aide sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AideSeat {
    /// Its name; no two processes have the same.
    pub aide: Aide,
    /// Its slot among those of aides.
    pub slot: u32,
}

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessKind {
    /// Holds the loaded app and forks workers.
    Template,
    /// Serves.
    Worker(Seat),
    /// Works beside requests: a spooler or a mule.
    Aide(AideSeat),
}

impl ProcessKind {
    /// Whether it serves.
    pub fn is_worker(self) -> bool {
        matches!(self, ProcessKind::Worker(_))
    }

    /// Where it sits; None: it is no worker.
    pub fn seat(self) -> Option<Seat> {
        match self {
            ProcessKind::Worker(seat) => Some(seat),
            ProcessKind::Template | ProcessKind::Aide(_) => None,
        }
    }

    /// Which aide it is; None: it is none.
    pub fn aide(self) -> Option<AideSeat> {
        match self {
            ProcessKind::Aide(seat) => Some(seat),
            ProcessKind::Template | ProcessKind::Worker(_) => None,
        }
    }
}

impl std::fmt::Display for ProcessKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProcessKind::Template => f.write_str("template"),
            ProcessKind::Worker(seat) => write!(f, "worker {}", seat.worker_id),
            ProcessKind::Aide(seat) => seat.aide.fmt(f),
        }
    }
}

/// A process that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Birth {
    /// Its name from now on.
    pub child: ChildId,
    /// What it is to be.
    pub kind: ProcessKind,
    /// Whose settings and sockets.
    pub generation: u64,
    /// Its `max-requests`, the random part included; 0: never.
    pub max_requests: u64,
    /// It ends when the app does not load; otherwise it may go on without one. One that is forked loads nothing.
    pub need_app: bool,
    /// It is not to accept before [`super::Action::Accept`].
    pub paused: bool,
    /// It is of a canary, and tells of tracebacks.
    pub watched: bool,
}

/// Where a process stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Asked for; not ready.
    Starting,
    /// The template has the app, or the worker accepts.
    Ready,
    /// Told to leave.
    Retiring,
    /// Sent SIGKILL.
    Killed,
}

/// What was wrong with a process that said why it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The application does not load.
    App,
    /// A step around it.
    Step,
    /// It does not answer its warm-up.
    Warmup,
}

/// One process.
#[derive(Debug, Clone)]
pub struct Child {
    /// What it is.
    pub kind: ProcessKind,
    /// Generation it serves.
    pub generation: u64,
    /// Known after the exec of a direct child, or the hello of a forked one.
    pub pid: Option<i32>,
    /// Where it stands.
    pub stage: Stage,
    /// How many processes of this worker number came before it.
    pub respawns: u32,
    /// A template was asked for it: it has no pid before its hello.
    pub(super) forked: bool,
    /// When it was asked for.
    pub(super) started: Instant,
    /// When it became ready.
    pub(super) ready: Option<Instant>,
    /// When SIGKILL is due (or, for one without a pid, when nobody waits for it any more).
    pub(super) kill_at: Option<Instant>,
    /// When it is too old.
    pub(super) replace_at: Option<Instant>,
    /// Why it is to be replaced.
    pub(super) replace: Option<Restart>,
    /// The supervisor wanted its end: it is no death.
    pub(super) asked: bool,
    /// When it is replaced, it is killed at once.
    pub(super) no_mercy: bool,
    /// It said that the app does not load, or that a step has failed.
    pub(super) load_failed: Option<String>,
    /// It goes on without an app, or was forked from such a template.
    pub no_app: bool,
    /// Its last request is answered: what is left is the end of its application.
    pub(super) finished: bool,
    /// What it was.
    pub(super) fault: Fault,
}

impl Child {
    /// Whether it serves.
    pub fn is_worker(&self) -> bool {
        self.kind.is_worker()
    }

    /// Worker number; None: it is no worker.
    pub fn worker_id(&self) -> Option<u32> {
        self.kind.seat().map(|seat| seat.worker_id)
    }

    /// Slot in the scoreboard; None: it is no worker.
    pub fn slot(&self) -> Option<u32> {
        self.kind.seat().map(|seat| seat.slot)
    }

    /// Which aide it is; None: it is none.
    pub fn aide(&self) -> Option<Aide> {
        self.kind.aide().map(|seat| seat.aide)
    }

    /// Slot among those of aides; None: it is none.
    pub fn aide_slot(&self) -> Option<u32> {
        self.kind.aide().map(|seat| seat.slot)
    }

    /// `worker 2 (pid 77)`, for the log.
    pub(super) fn name(&self) -> String {
        match self.pid {
            Some(pid) => format!("{} (pid {pid})", self.kind),
            None => self.kind.to_string(),
        }
    }
}

/// The line of a traceback that tells most.
pub(super) fn last_line(text: &str) -> &str {
    text.trim_end().rsplit('\n').next().unwrap_or(text).trim()
}
