//! One process of the instance, as the supervisor sees it. It must never hold a descriptor.

use std::time::Instant;
use uswgi_proto::control::ReplaceReason;

/// Name of a process for its whole life and never again; a pid can come back, this cannot.
pub type ChildId = u64;

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Holds the loaded app and forks workers.
    Template,
    /// Serves.
    Worker {
        /// Slot in the scoreboard.
        slot: u32,
        /// Worker number, from 1.
        worker_id: u32,
    },
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

/// One process.
#[derive(Debug, Clone)]
pub struct Child {
    /// What it is.
    pub kind: Kind,
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
    pub(super) replace: Option<ReplaceReason>,
    /// The supervisor wanted its end: it is no death.
    pub(super) asked: bool,
    /// When it is replaced, it is killed at once.
    pub(super) no_mercy: bool,
    /// It said that the app does not load, or that a step has failed.
    pub(super) load_failed: Option<String>,
    /// It goes on without an app, or was forked from such a template.
    pub no_app: bool,
    /// It was a step.
    pub(super) step_failed: bool,
}

impl Child {
    /// Worker number; None for a template.
    pub fn worker_id(&self) -> Option<u32> {
        match self.kind {
            Kind::Worker { worker_id, .. } => Some(worker_id),
            Kind::Template => None,
        }
    }

    /// Slot in the scoreboard; None for a template.
    pub fn slot(&self) -> Option<u32> {
        match self.kind {
            Kind::Worker { slot, .. } => Some(slot),
            Kind::Template => None,
        }
    }

    /// `worker 2 (pid 77)`, for the log.
    pub(super) fn name(&self) -> String {
        let who = match self.kind {
            Kind::Template => "template".to_string(),
            Kind::Worker { worker_id, .. } => format!("worker {worker_id}"),
        };
        match self.pid {
            Some(pid) => format!("{who} (pid {pid})"),
            None => who,
        }
    }
}
