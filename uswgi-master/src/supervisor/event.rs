//! What happens to the supervisor: everything that it is told of processes, operators and time.

use super::child::ChildId;
use super::cron::Civil;
use super::plan::Plan;
use super::signal_table::SignalPlace;
use std::collections::{BTreeMap, BTreeSet};
use uswgi_keep::reap::Ended;
use uswgi_proto::app_signals::SignalMessage;
use uswgi_proto::background::{Aide, AideKind};
use uswgi_proto::canary::CanaryRequest;
use uswgi_proto::scale::ScaleTo;
use uswgi_proto::scoreboard::Restart;
use uswgi_proto::scoreboard::canary::Tally;

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
    /// [`super::Supervisor::wants_running`].
    pub running: BTreeMap<ChildId, u64>,
    /// What each generation has answered so far, where [`super::Supervisor::wants_tallies`].
    pub tallies: BTreeMap<u64, Tally>,
    /// Footprint of workers, where [`super::Supervisor::wants_memory`].
    pub memory: BTreeMap<ChildId, Footprint>,
}

/// Footprint of a process in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Resident.
    pub rss: u64,
    /// Address space.
    pub vsz: u64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A directly started process runs (answer to [`super::Action::Launch`]).
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
        /// Which Python it runs; empty: as its template.
        python: String,
    },
    /// The launcher found no interpreter; the end of the process follows.
    NoInterpreter {
        /// Which.
        child: ChildId,
        /// Why.
        message: String,
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
    /// The application does not answer its warm-up as it has to, and the process ends.
    WarmupFailed {
        /// Which.
        child: ChildId,
        /// Which request, and what came of it.
        message: String,
    },
    /// A worker has answered its last request.
    Finished {
        /// Which.
        child: ChildId,
    },
    /// A worker asks for a successor.
    Replace {
        /// Which.
        child: ChildId,
        /// Why.
        reason: Restart,
    },
    /// A process says something of signals of the application.
    AppSignal {
        /// Which.
        child: ChildId,
        /// What.
        said: SignalMessage,
    },
    /// Something beside processes raises a signal: a file has changed.
    Raise {
        /// Its number.
        number: u8,
        /// One that nobody has taken yet is not raised again: it comes by the clock or of a file.
        told: bool,
    },
    /// A signal did not get to who was to run it.
    SignalLost {
        /// Where to.
        to: SignalPlace,
        /// Its number.
        number: u8,
        /// Why.
        why: String,
    },
    /// Another minute of the wall clock ([`super::Supervisor::wants_minutes`]).
    Minute {
        /// Since the epoch.
        minute: i64,
        /// In local time.
        civil: Civil,
    },
    /// A template could not fork.
    ForkFailed {
        /// The template.
        template: ChildId,
        /// The worker number it was asked for.
        worker_id: u32,
        /// The aide it was asked for, where it was one.
        aide: Option<Aide>,
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
    /// The workers were looked at ([`super::Supervisor::wants_numbers`]).
    Seen(Numbers),
    /// Somebody waits at a socket, and there is no worker ([`super::Supervisor::wants_connections`]).
    Connection,
    /// INT or QUIT, or TERM where it stops.
    Stop,
    /// TERM: stops or reloads, as configured.
    Term,
    /// HUP, or a touched file.
    Reload,
    /// An operator wants a reload whose generation proves itself first ([`super::Supervisor::no_canary`]).
    Canary(CanaryRequest),
    /// An operator ends the canary that is under way.
    EndCanary {
        /// It goes on to all workers.
        promote: bool,
    },
    /// A worker of a canary has told of a traceback.
    Traceback {
        /// Which.
        child: ChildId,
        /// Its end.
        text: String,
        /// How often by now.
        count: u64,
    },
    /// An operator wants the generation before ([`super::Supervisor::kept`]).
    Rollback,
    /// A worker has seen that the source of a loaded module has changed.
    Source {
        /// Which worker.
        child: ChildId,
        /// Which file.
        path: String,
        /// Its modification time.
        modified_us: u64,
    },
    /// Replace the aides of this kind.
    RenewAides(AideKind),
    /// Replace the workers without reading the configuration again; with lazy-apps they import the
    /// application again. Counted by this reason.
    Renew(Restart),
    /// The workers that are there now get no mercy when they are replaced.
    Hurry,
    /// Leave without waiting for requests.
    StopAtOnce,
    /// TSTP.
    Pause,
    /// The configuration was read again (answer to [`super::Action::ReadConfig`]), its sockets are bound.
    Configured(Box<Plan>),
    /// It cannot be read, or not come into force (the second answer).
    ConfigFailed {
        /// Why.
        message: String,
    },
    /// It was read, and a step that runs next has failed (the third answer).
    StepsFailed {
        /// The step, and why.
        message: String,
    },
    /// Time has passed.
    Tick,
}
