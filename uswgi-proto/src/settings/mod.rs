//! The settings document: everything a worker or template has to know, as one JSON text that the
//! master hands over through an inherited memfd (read from offset 0, then closed).
//!
//! It holds decisions, never configuration syntax: `uswgi-conf` has resolved every default. It must
//! not grow fields that only the master needs. `groups` has what a configuration says of a worker, with its defaults.
#![forbid(unsafe_code)]

mod answers;
mod groups;
mod python;
mod websockets;

use crate::background::{Aide, BesideRequests};
use crate::logs::LogLines;
use crate::routing::RouteLine;
use crate::step::Step;
pub use answers::{Answers, RememberedHeader};
pub use groups::{
    App, AppSource, Application, AsyncioLoop, Autoreload, Harakiri, Headers, LaneKind, Lanes, LogAlways,
    Recycling, RequestLimits, RequestLog, StaticMap, StaticServing, Timeouts, Warmup,
};
pub use python::{PythonSettings, ReloadOnException};
use serde::{Deserialize, Serialize};
pub use websockets::{WebSocketReload, WebSockets};

/// Version of this document. Changes with every incompatible change of the structs below.
pub const SETTINGS_VERSION: u32 = 12;

/// What a [`Role::Check`] ends with when the application loads. Only the launcher sees it: 0 is also how an application
/// ends that leaves while it is imported.
pub const CHECK_PASSED: i32 = 25;

/// Environment variables of the launcher's contract. Descriptors are numbers in decimal.
pub mod env {
    /// Descriptor of the settings document.
    pub const SETTINGS_FD: &str = "USWGI_SETTINGS_FD";
    /// Descriptor of the control socket (SOCK_SEQPACKET); absent when a worker runs alone.
    pub const CONTROL_FD: &str = "USWGI_CONTROL_FD";
    /// Descriptor of the scoreboard memfd, writable; absent when a worker runs alone.
    pub const SCOREBOARD_FD: &str = "USWGI_SCOREBOARD_FD";
    /// Two descriptors `send,receive` of the hand-over socket pair (SOCK_SEQPACKET).
    pub const HANDOVER_FDS: &str = "USWGI_HANDOVER_FDS";
    /// Descriptor of the memory of locks and caches; absent when a worker runs alone.
    pub const SHARED_FD: &str = "USWGI_SHARED_FD";
    /// First descriptor of the queues of mules: for each one of `BesideRequests::queues` its sending and its receiving end.
    pub const QUEUE_FDS: &str = "USWGI_QUEUE_FDS";
    /// Descriptor for log lines, as `own:N` (lines) or `records:N` (records for the log process); absent: stderr.
    pub const LOG: &str = "USWGI_LOG";
    /// Number of listening sockets, which start at descriptor 3 (sd_listen_fds(3)).
    pub const LISTEN_FDS: &str = "LISTEN_FDS";
    /// Process for which `LISTEN_FDS` is meant; the launcher accepts its absence.
    pub const LISTEN_PID: &str = "LISTEN_PID";
    /// Path of the module, set by the launcher for the bootstrap.
    pub const MODULE_PATH: &str = "USWGI_MODULE_PATH";
    /// What made the launcher take this interpreter (`home`, `PATH`), set by it.
    pub const PYTHON_BY: &str = "USWGI_PYTHON_BY";
}

/// What the process is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Imports the app once and forks workers on request.
    Template,
    /// Imports the app and serves.
    Worker,
    /// Imports the app and ends: with [`CHECK_PASSED`], or `Exit::AppFailed` and the traceback on stderr.
    Check,
    /// Imports the app, or has it from the template, and runs what [`WorkerSettings::aide`] says.
    Aide,
}

/// Wire protocol of a listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// uwsgi, as nginx and Apache speak it: one request a connection.
    #[default]
    Uwsgi,
    /// HTTP/1.1 with persistent connections.
    Http,
    /// SCGI, answered with a `Status` field.
    Scgi,
    /// SCGI, answered with a status line.
    ScgiNph,
}

impl Protocol {
    /// Its option, and what it is called.
    pub fn option(self) -> (&'static str, &'static str) {
        match self {
            Protocol::Uwsgi => ("socket", "uwsgi"),
            Protocol::Http => ("http-socket", "http"),
            Protocol::Scgi => ("scgi-socket", "scgi"),
            Protocol::ScgiNph => ("scgi-nph-socket", "scgi-nph"),
        }
    }
}

/// Who takes the connections of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Front {
    /// Workers.
    #[default]
    None,
    /// The front, which ends TLS.
    Tls,
    /// The front, which ends another protocol.
    Other,
}

/// One listening socket, in the order of the inherited descriptors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerSettings {
    /// As configured, for logs and stats.
    pub name: String,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Numbers of the workers that accept there; empty: all (`map-socket`).
    #[serde(default)]
    pub workers: Vec<u32>,
    /// Its connections may begin with a header of the PROXY protocol.
    #[serde(default)]
    pub proxied: bool,
    /// Who takes its connections.
    #[serde(default)]
    pub front: Front,
}

/// Steps (`exec-*`, `hook-*`) of a worker or template, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Steps {
    /// Before the application is loaded.
    pub pre_app: Vec<Step>,
    /// After it was loaded.
    pub post_app: Vec<Step>,
    /// In each worker, before it accepts.
    pub worker: Vec<Step>,
    /// In the worker with number 1, before it accepts.
    pub first_worker: Vec<Step>,
}

/// The settings document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSettings {
    /// Must equal [`SETTINGS_VERSION`].
    pub version: u32,
    /// What to be.
    pub role: Role,
    /// Slot in the scoreboard and worker number minus one; 0 for a template.
    pub slot: u32,
    /// Worker number shown to people, from 1; 0 for a template.
    pub worker_id: u32,
    /// Which aide it is, where it is one; its slot is one of aides then.
    pub aide: Option<Aide>,
    /// Number of the configuration that this process serves, from 1.
    pub generation: u64,
    /// It accepts nothing until it is told to; for a template that is said with each fork.
    pub paused: bool,
    /// Target number of workers (wsgi.multiprocess).
    pub workers: u32,
    /// Lanes of each worker, at least 1: requests that run at a time.
    pub threads: u32,
    /// What its lanes are.
    #[serde(default)]
    pub lanes: Lanes,
    /// How WebSockets are kept.
    #[serde(default)]
    pub websockets: WebSockets,
    /// Sockets, in descriptor order.
    pub listeners: Vec<ListenerSettings>,

    /// CPUs that the worker binds itself to; 0: all.
    pub cpu_affinity: u32,
    /// Bytes of address space (for the allocator's tuning only; the limit itself is set by the master).
    pub limit_as: u64,
    /// Text in front of the title of the process.
    pub procname_prefix: String,

    /// What to load.
    pub app: Application,
    /// Python around it.
    #[serde(default)]
    pub python: PythonSettings,
    /// When to look at its source.
    pub autoreload: Autoreload,
    /// What a request may be made of.
    pub limits: RequestLimits,
    /// How long a client is waited for.
    pub timeouts: Timeouts,
    /// How long a request may run.
    pub harakiri: Harakiri,
    /// When to ask for a successor.
    pub recycling: Recycling,
    /// What a worker asks itself before it accepts.
    #[serde(default)]
    pub warmup: Warmup,
    /// What is served without Python.
    pub static_files: StaticServing,
    /// What is believed, and added.
    pub headers: Headers,
    /// What is done with answers.
    #[serde(default)]
    pub answers: Answers,
    /// Rules of internal routing, in their order.
    #[serde(default)]
    pub routes: Vec<RouteLine>,
    /// Lines of requests.
    pub request_log: RequestLog,
    /// How lines are made.
    pub log_lines: LogLines,
    /// Work beside requests.
    pub background: BesideRequests,

    /// What runs in the process that loads the application, and in each worker.
    #[serde(default)]
    pub steps: Steps,

    /// Every option in order, for `uwsgi.opt`: name and value (None: given without a value).
    pub options: Vec<(String, Option<String>)>,
}

impl WorkerSettings {
    /// Seconds in which a client has to make progress.
    pub fn patience(&self, protocol: Protocol) -> u32 {
        match protocol {
            Protocol::Http => self.timeouts.http,
            Protocol::Uwsgi | Protocol::Scgi | Protocol::ScgiNph => self.timeouts.socket,
        }
    }

    /// Settings of a worker that no configuration describes: every default of an instance, no application, no
    /// listeners.
    pub fn alone(role: Role) -> WorkerSettings {
        WorkerSettings {
            version: SETTINGS_VERSION,
            role,
            slot: 0,
            worker_id: 1,
            aide: None,
            generation: 1,
            paused: false,
            workers: 1,
            threads: 1,
            lanes: Lanes::default(),
            websockets: WebSockets::default(),
            listeners: Vec::new(),
            cpu_affinity: 0,
            limit_as: 0,
            procname_prefix: String::new(),
            app: Application::default(),
            python: PythonSettings::default(),
            autoreload: Autoreload::default(),
            limits: RequestLimits::default(),
            timeouts: Timeouts::default(),
            harakiri: Harakiri::default(),
            recycling: Recycling::default(),
            warmup: Warmup::default(),
            static_files: StaticServing::default(),
            headers: Headers::default(),
            answers: Answers::default(),
            routes: Vec::new(),
            request_log: RequestLog::default(),
            log_lines: LogLines::default(),
            background: BesideRequests::default(),
            steps: Steps::default(),
            options: Vec::new(),
        }
    }
}
