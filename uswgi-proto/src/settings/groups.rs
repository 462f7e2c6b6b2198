//! Groups of settings that a worker obeys, each with its `Default`: the one place where a default in force stands.
//!
//! A configuration fills them in (`uswgi-conf`), the master passes them on unread, and a worker that runs alone takes
//! the defaults. They hold decisions, never text that still has to be understood.
#![forbid(unsafe_code)]

use crate::files::StaticRules;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where an application comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppSource {
    /// `pkg.mod`, `pkg.mod:callable` or `pkg.mod:factory()`.
    Module(String),
    /// Path of a Python file, relative to the directory after `chdir`; `path:callable` is taken too.
    File(String),
    /// What `paste.deploy` loads: `config:/path.ini`, with `#name` behind it (`paste`, `ini-paste`).
    Paste(String),
    /// Python code (`eval`).
    Eval(String),
}

impl AppSource {
    /// As the configuration names it.
    pub fn written(&self) -> &str {
        match self {
            AppSource::Module(name)
            | AppSource::File(name)
            | AppSource::Paste(name)
            | AppSource::Eval(name) => name,
        }
    }
}

/// One application and where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// `""` for the default application, else `/prefix` without a final slash.
    pub mountpoint: String,
    /// What to load.
    pub source: AppSource,
}

/// The applications, and what happens before and after they are loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Directory to change to before anything of the app is looked up.
    pub chdir: Option<PathBuf>,
    /// Second change of directory, after the app was loaded (`chdir2`).
    pub chdir2: Option<PathBuf>,
    /// Entries put in front of sys.path, each at index 0 in this order; patterns are expanded already.
    pub pythonpath: Vec<String>,
    /// Applications; the first with an empty mountpoint is the default one.
    pub apps: Vec<App>,
    /// Name of the callable where the source does not name one.
    pub callable: String,
    /// Modules imported before the application (`import`, `pyimport`).
    pub imports: Vec<String>,
    /// Logging is set up from the file of `paste` before that is loaded (`paste-logger`, `ini-paste-logged`).
    #[serde(default)]
    pub paste_logger: bool,
    /// `sys.argv` after the program name (`pyargv`).
    pub pyargv: Vec<String>,
    /// False: a process whose app does not load says so and goes on, and its workers answer 500 (`need-app = false`).
    pub need_app: bool,
    /// What Django imports with its first request is imported with the application (`django-preload`).
    pub django_preload: bool,
    /// Choose the app by the longest mount prefix of PATH_INFO and set SCRIPT_NAME.
    pub manage_script_name: bool,
    /// What no application owns goes to the default one: the one that is mounted nowhere, or the first (not with
    /// `no-default-app`).
    pub default_app: bool,
}

impl Default for Application {
    fn default() -> Self {
        Application {
            chdir: None,
            chdir2: None,
            pythonpath: Vec::new(),
            apps: Vec::new(),
            callable: "application".into(),
            imports: Vec::new(),
            paste_logger: false,
            pyargv: Vec::new(),
            need_app: true,
            django_preload: true,
            manage_script_name: false,
            default_app: true,
        }
    }
}

/// Looks at the source of loaded modules (`py-autoreload`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Autoreload {
    /// Seconds between two looks; 0: none.
    pub seconds: u32,
    /// Modules that are not looked at.
    pub ignore: Vec<String>,
}

/// What the lanes of a worker are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaneKind {
    /// Threads of Python, each with a request of its own.
    #[default]
    Threads,
    /// Greenlets of gevent, which share one thread and its hub (`gevent`).
    Greenlets,
    /// Tasks of asyncio, which share one thread and its loop, for ASGI applications (`asgi`).
    Tasks,
}

impl LaneKind {
    /// Whether one thread runs them all, so that none of them may wait without the others.
    pub fn share_a_thread(self) -> bool {
        self != LaneKind::Threads
    }

    /// From the number by which a scoreboard has it; an unknown one is threads.
    pub fn from_number(n: u32) -> LaneKind {
        [LaneKind::Greenlets, LaneKind::Tasks].into_iter().find(|kind| *kind as u32 == n).unwrap_or_default()
    }

    /// What people call one of them.
    pub fn singular(self) -> &'static str {
        match self {
            LaneKind::Threads => "thread",
            LaneKind::Greenlets => "greenlet",
            LaneKind::Tasks => "task",
        }
    }

    /// What people call so many of them.
    pub fn plural(self) -> &'static str {
        match self {
            LaneKind::Threads => "threads",
            LaneKind::Greenlets => "greenlets",
            LaneKind::Tasks => "tasks",
        }
    }
}

/// Which event loop runs tasks (`asyncio-loop`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AsyncioLoop {
    /// uvloop where the site has it, else asyncio's own.
    #[default]
    Auto,
    /// asyncio's own.
    Asyncio,
    /// uvloop; without it nothing serves.
    Uvloop,
}

impl AsyncioLoop {
    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            AsyncioLoop::Auto => "auto",
            AsyncioLoop::Asyncio => "asyncio",
            AsyncioLoop::Uvloop => "uvloop",
        }
    }
}

/// In what requests run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lanes {
    /// What they are.
    pub kind: LaneKind,
    /// gevent patches the standard library before the application is imported (`gevent-early-monkey-patch`).
    pub patch_early: bool,
    /// The same in each worker, after the application was imported (`gevent-monkey-patch`).
    pub patch: bool,
    /// A worker that ends waits for every greenlet, not only for its requests (`gevent-wait-for-hub`).
    pub wait_for_hub: bool,
    /// Which loop runs tasks.
    pub asyncio_loop: AsyncioLoop,
    /// Milliseconds for which one lane may keep the thread from the others before the log says who does; 0: never
    /// (`loop-lag-warn`).
    pub lag_warn_ms: u32,
    /// Milliseconds from which on a request is slow, and is written down with where its time went; 0: none
    /// (`slow-request`).
    pub slow_ms: u32,
}

impl Lanes {
    /// Tasks of a worker where nothing is said: each costs little while it is not used.
    pub const TASKS: u32 = 256;
}

impl Default for Lanes {
    fn default() -> Self {
        Lanes {
            kind: LaneKind::Threads,
            patch_early: false,
            patch: false,
            wait_for_hub: false,
            asyncio_loop: AsyncioLoop::Auto,
            lag_warn_ms: 100,
            slow_ms: 500,
        }
    }
}

/// What a request may be made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestLimits {
    /// Largest request head in bytes.
    pub buffer_size: u32,
    /// Most request variables: twice what `max-vars` says, because uWSGI counts keys and values each.
    pub max_vars: u32,
    /// Largest request body in bytes; 0: no limit.
    pub limit_post: u64,
    /// Bodies above this many bytes go to a temporary file before the app runs; 0: they are streamed.
    pub post_buffering: u64,
}

/// uWSGI's 4096 bytes are too small for many cookies; its `max-vars` is 64.
impl Default for RequestLimits {
    fn default() -> Self {
        RequestLimits { buffer_size: 65535, max_vars: 256, limit_post: 0, post_buffering: 0 }
    }
}

/// Seconds for which a client is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// In which a uwsgi client has to make progress (`socket-timeout`).
    pub socket: u32,
    /// The same for HTTP clients (`http-timeout`).
    pub http: u32,
    /// That an idle persistent connection is kept (`http-keepalive`); 0: none is persistent.
    pub keepalive: u32,
}

/// uWSGI's 4 s cut slow uploads. An idle connection is kept long enough for the next request of a page, and short
/// enough that idle clients cost nothing.
impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { socket: 30, http: 30, keepalive: 5 }
    }
}

/// The end of a request that runs too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harakiri {
    /// Seconds a request may run; 0: for ever.
    pub seconds: u32,
    /// Seconds an interrupted request may take to come out before its worker is replaced.
    pub grace: u32,
    /// Signal that a process sends itself when a request meets its harakiri and the application has a handler for
    /// it; 0: none.
    pub signal: i32,
    /// Connections that wait at a socket at least before anything of this happens, and one more; 0: always.
    #[serde(default)]
    pub queue: u32,
}

impl Default for Harakiri {
    fn default() -> Self {
        Harakiri { seconds: 0, grace: 2, signal: 0, queue: 0 }
    }
}

/// When a worker asks for a successor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recycling {
    /// Requests after which it does; 0: never. In the document of a worker its jitter is in it.
    pub max_requests: u64,
    /// Seconds to live before a limit may do so.
    pub min_worker_lifetime: u32,
    /// Bytes of resident memory after which it does; 0: never.
    pub reload_on_rss: u64,
    /// Bytes of address space after which it does; 0: never.
    pub reload_on_as: u64,
}

impl Default for Recycling {
    fn default() -> Self {
        Recycling { max_requests: 0, min_worker_lifetime: 10, reload_on_rss: 0, reload_on_as: 0 }
    }
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

/// What is served without Python.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StaticServing {
    /// Directories; the first that fits a path decides.
    pub maps: Vec<StaticMap>,
    /// How they are served.
    pub rules: StaticRules,
}

/// Headers that are believed, and that are added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headers {
    /// Peers whose X-Forwarded-* is believed, as [`crate::trust::Trust::parse`] reads them (`forwarded-allow-ips`).
    pub trusted: String,
    /// Headers added to every answer, as `Name: value` (`add-header`).
    pub add: Vec<String>,
    /// The certificate of a client is a variable of its requests (`https-export-cert`).
    #[serde(default)]
    pub export_certificate: bool,
}

impl Default for Headers {
    fn default() -> Self {
        Headers { trusted: crate::trust::DEFAULT.into(), add: Vec::new(), export_certificate: false }
    }
}

/// Requests that get a line in the log although `disable-logging` is set.
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

/// Lines of requests in the log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestLog {
    /// Write no line for each request (`disable-logging`).
    pub disabled: bool,
    /// Exceptions to that.
    pub always: LogAlways,
    /// Take the client's address from X-Forwarded-For.
    pub x_forwarded_for: bool,
    /// Microseconds instead of milliseconds.
    pub micros: bool,
    /// Put address space and resident memory in front (`memory-report`).
    pub memory: bool,
    /// Format of the line; None: uWSGI's default line.
    pub format: Option<String>,
}

/// Requests that a worker asks itself before it accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warmup {
    /// Targets, in their order (`warmup`); each begins with a slash.
    pub paths: Vec<String>,
    /// Header fields of each, as `Name: value`.
    pub headers: Vec<String>,
    /// Status codes that are good, as ranges that include both ends.
    pub expect: Vec<(u16, u16)>,
    /// Seconds for each.
    pub timeout: u32,
}

impl Default for Warmup {
    fn default() -> Self {
        Warmup { paths: Vec::new(), headers: Vec::new(), expect: vec![(200, 399)], timeout: 10 }
    }
}

impl Warmup {
    /// Whether an answer with this status is good.
    pub fn expects(&self, status: u16) -> bool {
        self.expect.iter().any(|&(from, to)| (from..=to).contains(&status))
    }

    /// The good ones, as they are configured.
    pub fn expected(&self) -> String {
        let range =
            |&(from, to): &(u16, u16)| if from == to { from.to_string() } else { format!("{from}-{to}") };
        self.expect.iter().map(range).collect::<Vec<_>>().join(",")
    }
}
