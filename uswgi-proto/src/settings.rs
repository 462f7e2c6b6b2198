//! The settings document: everything a worker or template has to know, as one JSON text that the
//! master hands over through an inherited memfd (read from offset 0, then closed).
//!
//! It holds decisions, never configuration syntax: `uswgi-conf` has resolved every default. It must
//! not grow fields that only the master needs.

use crate::files::StaticRules;
use crate::logs::LogLines;
use crate::step::Step;
use serde::{Deserialize, Serialize};

/// Version of this document. Changes with every incompatible change of the structs below.
pub const SETTINGS_VERSION: u32 = 3;

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
    /// Descriptor for log lines, as `own:N` (lines) or `records:N` (records for the log process); absent: stderr.
    pub const LOG: &str = "USWGI_LOG";
    /// Number of listening sockets, which start at descriptor 3 (sd_listen_fds(3)).
    pub const LISTEN_FDS: &str = "LISTEN_FDS";
    /// Process for which `LISTEN_FDS` is meant; the launcher accepts its absence.
    pub const LISTEN_PID: &str = "LISTEN_PID";
    /// Path of the module, set by the launcher for the bootstrap.
    pub const MODULE_PATH: &str = "USWGI_MODULE_PATH";
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
}

/// One listening socket, in the order of the inherited descriptors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// As configured, for logs and stats.
    pub name: String,
    /// What is spoken on it.
    pub protocol: Protocol,
}

/// Where an application comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppSource {
    /// `pkg.mod`, `pkg.mod:callable` or `pkg.mod:factory()`.
    Module(String),
    /// Path of a Python file, relative to the directory after `chdir`; `path:callable` is taken too.
    File(String),
}

/// One application and where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// `""` for the default application, else `/prefix` without a final slash.
    pub mountpoint: String,
    /// What to load.
    pub source: AppSource,
}

/// A directory served without Python.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticMap {
    /// URL path prefix; matches at a path boundary only.
    pub prefix: String,
    /// Directory or file.
    pub target: String,
    /// `static-map2`: the prefix is kept below the directory.
    pub keep_prefix: bool,
}

impl WorkerSettings {
    /// Seconds in which a client has to make progress.
    pub fn patience(&self, protocol: Protocol) -> u32 {
        match protocol {
            Protocol::Http => self.http_timeout,
            Protocol::Uwsgi => self.socket_timeout,
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
            generation: 1,
            paused: false,
            workers: 1,
            threads: 1,
            listeners: Vec::new(),
            chdir: None,
            chdir2: None,
            pythonpath: Vec::new(),
            apps: Vec::new(),
            callable: "application".into(),
            imports: Vec::new(),
            pyargv: Vec::new(),
            need_app: true,
            manage_script_name: false,
            default_app: true,
            buffer_size: 65535,
            max_vars: 256,
            limit_post: 0,
            post_buffering: 0,
            socket_timeout: 4,
            http_timeout: 4,
            keepalive_timeout: 5,
            harakiri: 0,
            harakiri_grace: 2,
            harakiri_signal: 0,
            autoreload: 0,
            autoreload_ignore: Vec::new(),
            max_requests: 0,
            min_worker_lifetime: 10,
            cpu_affinity: 0,
            limit_as: 0,
            reload_on_rss: 0,
            reload_on_as: 0,
            static_maps: Vec::new(),
            static_rules: StaticRules::default(),
            add_headers: Vec::new(),
            disable_logging: false,
            log_always: LogAlways::default(),
            forwarded_allow: crate::trust::DEFAULT.into(),
            log_x_forwarded_for: false,
            log_micros: false,
            memory_report: false,
            log_format: None,
            log_lines: LogLines::default(),
            procname_prefix: String::new(),
            steps: Steps::default(),
            options: Vec::new(),
        }
    }
}

/// Requests that get a line in the log although `disable_logging` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogAlways {
    /// Answers 400 to 499.
    pub client_errors: bool,
    /// Answers 500 to 599.
    pub server_errors: bool,
    /// Requests that took at least so many milliseconds; 0: none.
    pub slow_ms: u64,
    /// Answers of more than so many bytes of body; 0: none.
    pub big: u64,
    /// Answers without a body.
    pub empty: bool,
    /// Files that the kernel sent.
    pub files: bool,
    /// Answers that could not be sent.
    pub io_errors: bool,
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
    /// Number of the configuration that this process serves, from 1.
    pub generation: u64,
    /// It accepts nothing until it is told to; for a template that is said with each fork.
    pub paused: bool,
    /// Target number of workers (wsgi.multiprocess).
    pub workers: u32,
    /// Python threads that run requests, at least 1.
    pub threads: u32,
    /// Sockets, in descriptor order.
    pub listeners: Vec<Listener>,

    /// Directory to change to before anything of the app is looked up.
    pub chdir: Option<String>,
    /// Second change of directory, after the app was loaded (`chdir2`).
    pub chdir2: Option<String>,
    /// Entries put in front of sys.path, each at index 0 in this order.
    pub pythonpath: Vec<String>,
    /// Applications; the first with an empty mountpoint is the default one.
    pub apps: Vec<App>,
    /// Name of the callable where the source does not name one.
    pub callable: String,
    /// Modules imported before the application (`import`, `pyimport`).
    pub imports: Vec<String>,
    /// `sys.argv` after the program name (`pyargv`).
    pub pyargv: Vec<String>,
    /// False: a process whose app does not load says so and goes on, and its workers answer 500 (`need-app = false`).
    pub need_app: bool,
    /// Choose the app by the longest mount prefix of PATH_INFO and set SCRIPT_NAME.
    pub manage_script_name: bool,
    /// What no application owns goes to the default one (not with `no-default-app`).
    pub default_app: bool,

    /// Largest request head in bytes.
    pub buffer_size: u32,
    /// Most request variables.
    pub max_vars: u32,
    /// Largest request body in bytes; 0: no limit.
    pub limit_post: u64,
    /// Bodies above this many bytes go to a temporary file before the app runs; 0: they are streamed.
    pub post_buffering: u64,
    /// Seconds in which a uwsgi client has to make progress (`socket-timeout`).
    pub socket_timeout: u32,
    /// The same for HTTP clients (`http-timeout`).
    pub http_timeout: u32,
    /// Seconds an idle persistent connection is kept; 0: none is persistent.
    pub keepalive_timeout: u32,
    /// Seconds a request may run; 0: for ever.
    pub harakiri: u32,
    /// Seconds an interrupted request may take to come out.
    pub harakiri_grace: u32,
    /// Signal that a process sends itself when a request meets its harakiri and the application has a
    /// handler for it; 0: none.
    pub harakiri_signal: i32,
    /// Seconds between looks at the source of loaded modules; 0: none (`py-autoreload`).
    pub autoreload: u32,
    /// Modules that are not looked at.
    pub autoreload_ignore: Vec<String>,
    /// Requests after which to ask for replacement; 0: never. Jitter is already in it.
    pub max_requests: u64,
    /// Seconds to live before a limit may ask for replacement.
    pub min_worker_lifetime: u32,
    /// CPUs that the worker binds itself to; 0: all.
    pub cpu_affinity: u32,
    /// Bytes of address space (for the allocator's tuning only; the limit itself is set by the master).
    pub limit_as: u64,
    /// Bytes of resident memory after which to ask for replacement; 0: never.
    pub reload_on_rss: u64,
    /// Bytes of address space after which to ask for replacement; 0: never.
    pub reload_on_as: u64,

    /// Directories served without Python.
    pub static_maps: Vec<StaticMap>,
    /// How they are served.
    pub static_rules: StaticRules,
    /// Headers added to every answer, as `Name: value`.
    pub add_headers: Vec<String>,

    /// Write no line for each request.
    pub disable_logging: bool,
    /// Exceptions to `disable_logging`.
    pub log_always: LogAlways,
    /// Peers whose X-Forwarded-* is believed, as [`crate::trust::Trust::parse`] reads them.
    pub forwarded_allow: String,
    /// Take the client's address for logs from X-Forwarded-For.
    pub log_x_forwarded_for: bool,
    /// Microseconds instead of milliseconds in the request log.
    pub log_micros: bool,
    /// Put address space and rss in front of each request line.
    pub memory_report: bool,
    /// Format of the request line; None: uWSGI's default line.
    pub log_format: Option<String>,
    /// How lines are made.
    pub log_lines: LogLines,
    /// Text in front of the title of the process.
    pub procname_prefix: String,

    /// What runs in the process that loads the application, and in each worker.
    #[serde(default)]
    pub steps: Steps,

    /// Every option in order, for `uwsgi.opt`: name and value (None: given without a value).
    pub options: Vec<(String, Option<String>)>,
}
