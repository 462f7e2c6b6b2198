//! Every decision of the master, as a pure state machine: (state, event, now) -> actions.
//!
//! It must never make a system call, read a clock, allocate a descriptor or touch the scoreboard:
//! `events` tells it what happened, `act` does what it answers. So every rule is tested in
//! milliseconds with an injected clock (see `tests`).
//!
//! * `machine`: the [`Supervisor`], its phases and how events reach the rooms below.
//! * `child`, `seat`: one process; one worker number and its back-off.
//! * `replace`: empty seats are filled, workers are replaced one at a time.
//! * `scale`: how many workers there are to be, and which go when it is fewer.
//! * `cheaper`, `idle`: when that number changes by itself.
//! * `reload`: a new generation, from HUP to its outcome.
//! * `application`: who may go on without one (`need-app = false`).
//! * `orders`: what an operator asks for beyond signals.
//! * `stop`: leaving, and a start that fails.
//! * [`programs`]: programs beside the instance, a state machine of its own: [`daemons`] (`daemon`: one; `smart`: by pidfile), [`cron`], [`touch_exec`] know when to
//!   start, [`group`] how a process group ends, [`poll`] when to look for it; [`order`]: what they want done.
//! * `clock`: what is due, and when something is due next.
//!
//! Words: a *seat* is a worker number, 1 to N. Its *incumbent* is a ready worker; a *starter* is on
//! its way to be one; a *drainer* is retiring. A *generation* is one configuration with its template.
//!
//! What stays true, whatever happens (the property tests hold it):
//! a seat's old worker is retired only when its successor accepts; never more than the wanted workers
//! plus the surplus are alive; every drainer is gone or killed within the mercy; no action names a
//! process that was reaped.

#![forbid(unsafe_code)]

mod application;
mod cheaper;
mod child;
mod clock;
pub mod cron;
mod daemon;
pub mod daemons;
pub mod group;
mod idle;
mod machine;
pub mod order;
mod orders;
pub mod poll;
pub mod programs;
mod reload;
mod replace;
mod scale;
mod seat;
mod smart;
mod stop;
#[cfg(test)]
mod tests;
pub mod touch_exec;

pub use cheaper::{Algorithm, Cheaper};
pub use child::{Birth, Child, ChildId, Kind, Seat, Stage};
pub use idle::Sleep;
pub use machine::{Phase, Supervisor};

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uswgi_proto::scoreboard::{Outcome, Restart};

pub use scale::Goal;
pub use uswgi_proto::scale::ScaleTo;

/// What the supervisor has to know about one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Workers wanted, at least 1.
    pub workers: u32,
    /// Every worker loads the app itself; there is no template.
    pub lazy: bool,
    /// How long a retiring worker may take.
    pub mercy: Duration,
    /// Processes above `workers` during replacement, drainers included; at least 1.
    pub surplus: u32,
    /// Requests after which a worker asks to be replaced; 0: never.
    pub max_requests: u64,
    /// Most that is added to it at random.
    pub max_requests_delta: u64,
    /// Age at which a worker is replaced.
    pub max_lifetime: Option<Duration>,
    /// Added for each worker number above 1.
    pub max_lifetime_delta: Duration,
    /// False: the start goes on without an app that loads.
    pub need_app: bool,
    /// TERM means reload (`die-on-term = false`).
    pub term_reloads: bool,
    /// How long a process may take from its start until it is ready.
    pub load_timeout: Duration,
    /// Fewer workers while there is little to do.
    pub cheaper: Option<Cheaper>,
    /// No workers while there is nothing to do.
    pub sleep: Sleep,
    /// Resident bytes at which a worker is killed; 0: none.
    pub evil_rss: u64,
    /// Bytes of address space at which a worker is killed; 0: none.
    pub evil_as: u64,
}

impl Plan {
    /// Workers once somebody needs them.
    fn awake(&self) -> u32 {
        self.cheaper.as_ref().map_or(self.workers, |c| c.initial.clamp(c.min, self.workers))
    }

    /// Workers at the start.
    fn at_start(&self) -> u32 {
        if self.sleep.cheap { 0 } else { self.awake() }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Ended::Code(code) => write!(f, "exited with code {code}"),
            Ended::Signal(signal) => match nix::sys::signal::Signal::try_from(signal) {
                Ok(s) => write!(f, "was killed by {}", s.as_str()),
                Err(_) => write!(f, "was killed by signal {signal}"),
            },
        }
    }
}

/// What a look at the workers showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Workers with a request or an answer under way.
    pub busy: BTreeSet<ChildId>,
    /// Connections that wait at the fullest socket, where the system tells.
    pub waiting: u32,
    /// Requests since the start of the instance.
    pub requests: u64,
    /// Microseconds in requests of each ready worker so far, those under way too, where
    /// [`Supervisor::wants_running`].
    pub running: BTreeMap<ChildId, u64>,
    /// Memory of workers, where [`Supervisor::wants_memory`].
    pub memory: BTreeMap<ChildId, Memory>,
}

/// Memory of a process in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident.
    pub rss: u64,
    /// Address space.
    pub vsz: u64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A directly started process runs (answer to [`Action::Launch`]).
    Launched {
        /// Which.
        child: ChildId,
        /// Its pid.
        pid: i32,
    },
    /// It could not be started, or not be asked for.
    LaunchFailed {
        /// Which.
        child: ChildId,
        /// Why.
        message: String,
    },
    /// A process said hello; the pid comes from the kernel.
    Hello {
        /// Which.
        child: ChildId,
        /// Its pid.
        pid: i32,
    },
    /// The template has loaded the app, or the worker accepts.
    Ready {
        /// Which.
        child: ChildId,
    },
    /// The app does not load, and the process ends.
    LoadFailed {
        /// Which.
        child: ChildId,
        /// Traceback or message.
        message: String,
    },
    /// There is no app, and the process would go on without one.
    NoApp {
        /// Which.
        child: ChildId,
        /// Traceback or message.
        message: String,
    },
    /// A step around the app has failed.
    StepFailed {
        /// Which.
        child: ChildId,
        /// The step, and why.
        message: String,
    },
    /// A worker asks for a successor.
    Replace {
        /// Which.
        child: ChildId,
        /// Why.
        reason: Restart,
    },
    /// A template could not fork.
    ForkFailed {
        /// The template.
        template: ChildId,
        /// The worker number it was asked for.
        worker_id: u32,
        /// Why.
        message: String,
    },
    /// The control socket of a process reached its end.
    Closed {
        /// Which.
        child: ChildId,
    },
    /// A process was reaped. Its hello, if there was one, came before.
    Exited {
        /// Which.
        child: ChildId,
        /// How.
        how: Ended,
    },
    /// A request is far beyond its harakiri.
    Stuck {
        /// Which.
        child: ChildId,
        /// Nothing else in this worker could still come to a good end.
        lost: bool,
    },
    /// An operator wants another number of workers. A look at them ([`Event::Seen`]) should follow at once.
    Scale(ScaleTo),
    /// An operator wants no workers until somebody connects. A look follows as for [`Event::Scale`].
    SendAway,
    /// An operator wants this worker replaced; its successor accepts first.
    Retire {
        /// Worker number.
        worker_id: u32,
    },
    /// An operator wants this worker killed now.
    Kill {
        /// Worker number.
        worker_id: u32,
    },
    /// The workers were looked at ([`Supervisor::wants_numbers`]).
    Seen(Numbers),
    /// Somebody waits at a socket, and there is no worker ([`Supervisor::wants_connections`]).
    Connection,
    /// INT or QUIT, or TERM where it stops.
    Stop,
    /// TERM: stops or reloads, as configured.
    Term,
    /// HUP, or a touched file.
    Reload,
    /// A worker has seen that the source of a loaded module has changed.
    Source {
        /// Which worker.
        child: ChildId,
        /// Which file.
        path: String,
        /// Its modification time.
        modified_us: u64,
    },
    /// Replace the workers without reading the configuration again; with lazy-apps they import the
    /// application again. Counted by this reason.
    Renew(Restart),
    /// The workers that are there now get no mercy when they are replaced.
    Hurry,
    /// Leave without waiting for requests.
    StopAtOnce,
    /// TSTP.
    Pause,
    /// The configuration was read again (answer to [`Action::ReadConfig`]), its sockets are bound.
    Config(Result<Plan, String>),
    /// It was read, and a step that runs next has failed (the other answer).
    StepsFailed(String),
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a process by exec.
    Launch(Birth),
    /// Ask a template for a worker.
    Fork {
        /// The template, of the same generation.
        template: ChildId,
        /// The worker.
        birth: Birth,
    },
    /// Tell a worker to finish and leave.
    Retire {
        /// Which.
        child: ChildId,
        /// Others serve on and take its idle connections.
        hand_over: bool,
    },
    /// Tell a worker to accept, or not to. One that accepts already looks whether a connection waits.
    Accept {
        /// Which.
        child: ChildId,
        /// Whether.
        on: bool,
    },
    /// Close the master's end of its control socket.
    CloseControl {
        /// Which.
        child: ChildId,
    },
    /// SIGKILL. The process has not been reaped.
    Kill {
        /// Which.
        child: ChildId,
    },
    /// The process is gone, or never came: fold its counters, free its slot, forget it.
    Forget {
        /// Which.
        child: ChildId,
    },
    /// A worker ended without being asked to: count it.
    CountDeath,
    /// The process that was started last takes another one's place: count why.
    Restarted {
        /// Where it sits.
        seat: Seat,
        /// Why.
        why: Restart,
        /// How the other one ended where nobody asked for it: the exit code, or minus the signal; else 0.
        end: i32,
    },
    /// A reload begins: count it.
    ReloadStarted,
    /// Read the configuration again, bind what is new, and answer with [`Event::Config`].
    ReadConfig {
        /// Number of the generation that it becomes.
        generation: u64,
    },
    /// The generation to come has the configuration in force; answer with [`Event::Config`].
    KeepConfig {
        /// Number of the generation that it becomes.
        generation: u64,
    },
    /// The generation is in force: what only older ones needed can go.
    Commit {
        /// Which.
        generation: u64,
    },
    /// The generation will not be. Its workers that serve already keep what they have.
    Abandon {
        /// Which.
        generation: u64,
    },
    /// A reload ended: record the outcome, then count it.
    ReloadEnded {
        /// How.
        outcome: Outcome,
        /// Why, when it failed.
        reason: String,
    },
    /// A worker or template could not start outside a reload: record the reason.
    Reason(String),
    /// Every worker accepts for the first time: the start has succeeded.
    Serving,
    /// The start has failed; the end follows.
    StartFailed {
        /// What a person reads.
        message: String,
    },
    /// The instance is leaving.
    Stopping,
    /// A line for the log.
    Log(String),
    /// Everything is gone: end with this code.
    Exit {
        /// Exit code of the master.
        code: i32,
    },
}
