//! What a configuration means: the typed settings of one instance, every default resolved.
//!
//! `resolve` makes it, the master obeys it. It must hold no syntax and no unresolved name; users and
//! groups stay text, because they are looked up in the system that runs the instance, at start.

use crate::alarms::Alarms;
use crate::carbon::Carbon;
pub use crate::dynamic::{Busyness, CheaperAlgorithm, Dynamic};
use crate::emperor::EmperorSettings;
use crate::logs::LogRouting;
pub use crate::origin::Origin;
use crate::pushing::Pushing;
use crate::signals::AppSignals;
use crate::startup::Startup;
use crate::tasks::Tasks;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use uswgi_front::plan::FrontSpec;
use uswgi_front::spec::TlsSettings;
use uswgi_proto::background::BesideRequests;
use uswgi_proto::routing::RouteLine;
use uswgi_proto::settings::{
    Answers, Application, Autoreload, Harakiri, Headers, Lanes, Protocol, PythonSettings, Recycling,
    RequestLimits, RequestLog, StaticServing, Timeouts, Warmup, WebSockets,
};
use uswgi_proto::shared::SharedSpec;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Address {
    /// `host:port`; an empty host is 0.0.0.0; `[v6]:port` without the brackets here.
    Tcp {
        /// Name or number.
        host: String,
        /// 0: the system chooses.
        port: u16,
    },
    /// A path, relative to the directory at start.
    Unix(PathBuf),
    /// `@name`: the abstract namespace of Linux.
    Abstract(String),
    /// `fd://N`: inherited.
    Fd(i32),
}

/// One listening socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    /// As it was written.
    pub name: String,
    /// Where.
    pub address: Address,
    /// What workers speak there.
    pub protocol: Protocol,
    /// Who speaks with its clients, if workers do not.
    #[serde(default)]
    pub front: FrontSpec,
    /// It is bound with the rights of the start, whoever the instance becomes (`shared-socket`).
    #[serde(default)]
    pub early: bool,
    /// Numbers of the workers that accept there; empty: all (`map-socket`).
    #[serde(default)]
    pub workers: Vec<u32>,
    /// Its connections may begin with a header of the PROXY protocol (`enable-proxy-protocol`).
    #[serde(default)]
    pub proxied: bool,
    /// Where it was written.
    pub origin: Origin,
}

impl Socket {
    /// What clients speak there.
    pub fn spoken(&self) -> &'static str {
        match (&self.front, self.protocol) {
            (FrontSpec::None, protocol) => protocol.option().1,
            (FrontSpec::Tls(_), _) => "https",
            (FrontSpec::FastCgi, Protocol::ScgiNph) => "fastcgi-nph",
            (FrontSpec::FastCgi, _) => "fastcgi",
            (FrontSpec::ToHttps, _) => "http to https",
        }
    }
}

/// What a TERM to the master does (`die-on-term`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnTerm {
    /// Stop gracefully (the default here).
    Stop,
    /// Reload, as uWSGI does without `die-on-term` (`die-on-term = false`).
    Reload,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Listening sockets in order; empty only for an Emperor.
    pub sockets: Vec<Socket>,
    /// Backlog of every socket (`listen`).
    pub listen: u32,
    /// The kernel keeps a connection on a uwsgi TCP socket to itself until its first byte has come, for some seconds.
    pub defer_accept: bool,
    /// Mode of unix sockets, e.g. 0o660; None: as the umask says.
    pub chmod_socket: Option<u32>,
    /// `user[:group]` of unix sockets.
    pub chown_socket: Option<String>,
    /// User to become.
    pub uid: Option<String>,
    /// Group to become.
    pub gid: Option<String>,
    /// Supplementary groups to add (`add-gid`).
    pub add_gid: Vec<String>,
    /// umask, if it was given.
    pub umask: Option<u32>,

    /// What the workers load (directories count after the sockets' and pidfile's own paths were made absolute).
    pub app: Application,
    /// Python around it.
    pub python: PythonSettings,
    /// Python starts without the module site (`no-site`).
    pub no_site: bool,
    /// Python's level of optimization (`optimize`).
    pub optimize: u32,
    /// When they look at its source.
    pub autoreload: Autoreload,
    /// Virtual environment or prefix whose interpreter runs the app.
    pub home: Option<PathBuf>,
    /// Variables to set (Some) or remove (None), in order.
    pub env: Vec<(String, Option<String>)>,
    /// Load the app in every worker instead of once in the template.
    pub lazy_apps: bool,

    /// Workers wanted.
    pub workers: u32,
    /// When there are fewer.
    pub dynamic: Dynamic,
    /// CPUs that each worker is bound to; 0: all.
    pub cpu_affinity: u32,
    /// Lanes in each: requests at a time.
    pub threads: u32,
    /// What its lanes are.
    pub lanes: Lanes,
    /// How WebSockets are kept.
    pub websockets: WebSockets,
    /// Seconds a worker may finish its requests on reload or stop, at least 1: one without any needs time to leave too.
    pub mercy: u32,
    /// Surplus processes allowed during replacement; None: max(1, 25 % of workers).
    pub max_surplus: Option<u32>,
    /// How much less nice processes are that a reload waits for, 0 to 20 (`reload-boost`).
    pub reload_boost: u32,
    /// A worker number belongs to one process at a time (`worker-id-exclusive`).
    pub worker_id_exclusive: bool,
    /// When a worker is replaced after its own limits.
    pub recycling: Recycling,
    /// Most that is added to `max_requests` at random, per worker.
    pub max_requests_delta: u64,
    /// Seconds after which a worker is replaced; 0: never.
    pub max_worker_lifetime: u32,
    /// Added for each worker number to `max_worker_lifetime`.
    pub max_worker_lifetime_delta: u32,
    /// Bytes of address space for each process; 0: no limit.
    pub limit_as: u64,
    /// Processes of the user; 0: no limit.
    pub limit_nproc: u64,
    /// Descriptors; 0: as inherited.
    pub max_fd: u64,
    /// Bytes of resident memory at which the master kills a worker; 0: never.
    pub evil_reload_on_rss: u64,
    /// Bytes of address space at which the master kills a worker; 0: never.
    pub evil_reload_on_as: u64,
    /// How long a request may run.
    pub harakiri: Harakiri,

    /// What a request may be made of.
    pub limits: RequestLimits,
    /// How long a client is waited for.
    pub timeouts: Timeouts,
    /// What a worker asks itself before it accepts.
    pub warmup: Warmup,
    /// Seconds for which a reload watches its workers once all of them accept, and is over afterwards; 0: not. None: for
    /// [`Instance::RELOAD_WATCH`], while it is over already.
    pub reload_watch: Option<u32>,
    /// Seconds for which the template of the generation before sleeps after a reload; 0: not.
    pub keep_previous: u32,
    /// The terms of a canary.
    pub canary: uswgi_proto::canary::Terms,
    /// What is served without Python.
    pub static_files: StaticServing,
    /// What is believed of a request, and added to an answer.
    pub headers: Headers,
    /// How TLS is spoken.
    #[serde(default)]
    pub tls: TlsSettings,
    /// What is done with answers.
    #[serde(default)]
    pub answers: Answers,
    /// Rules of internal routing, in their order.
    #[serde(default)]
    pub routes: Vec<RouteLine>,

    /// The master's pid before privileges are dropped.
    pub pidfile: Option<PathBuf>,
    /// The master's pid after privileges were dropped.
    pub pidfile2: Option<PathBuf>,
    /// Written once the instance serves (`safe-pidfile`).
    pub safe_pidfile: Option<PathBuf>,
    /// The same, made after privileges were dropped (`safe-pidfile2`).
    pub safe_pidfile2: Option<PathBuf>,
    /// Remove sockets and pidfiles at exit.
    pub vacuum: bool,
    /// Detach and log to this file before the app is loaded.
    pub daemonize: Option<PathBuf>,
    /// Detach after the app was loaded.
    pub daemonize2: Option<PathBuf>,
    /// Log file.
    pub logto: Option<PathBuf>,
    /// Log file opened after privileges were dropped.
    pub logto2: Option<PathBuf>,
    /// A reload ends the instance instead (`exit-on-reload`).
    pub exit_on_reload: bool,
    /// What TERM does.
    pub on_term: OnTerm,
    /// Seconds that everything is served yet after TERM before the stop begins (`shutdown-delay`).
    pub shutdown_delay: u32,
    /// Files whose change reloads.
    pub touch_reload: Vec<PathBuf>,
    /// Files whose change replaces the workers (`touch-workers-reload`, `touch-chain-reload`).
    pub touch_workers: Vec<PathBuf>,
    /// FIFOs for commands; the first is the one that is read first (`master-fifo`).
    pub master_fifo: Vec<PathBuf>,
    /// Addresses of the stats server.
    pub stats: Vec<Address>,
    /// The stats server speaks HTTP.
    pub stats_http: bool,
    /// The stats are one line (`stats-minified`).
    pub stats_minified: bool,
    /// The stats leave the threads out (`stats-no-cores`).
    pub stats_no_cores: bool,

    /// Lines of requests.
    pub request_log: RequestLog,
    /// Where log lines go and what they look like.
    pub log: LogRouting,
    /// Prefix of every process title.
    pub procname_prefix: String,
    /// Programs beside the instance, and steps at points of its life.
    pub tasks: Tasks,
    /// User and group to become before anything else (`immediate-uid`, `immediate-gid`).
    pub immediate: (Option<String>, Option<String>),
    /// No program that the instance starts may gain privileges (`no-new-privs`).
    pub no_new_privs: bool,
    /// Directory that becomes the root: the jail of the instance.
    pub chroot: Option<PathBuf>,
    /// Files that the configuration was read from, absolute; empty before `load` has filled it in.
    pub files: Vec<PathBuf>,
    /// Seconds between two signs of life to an Emperor; 0: none.
    pub heartbeat: u32,
    /// Who runs many instances instead of one, where it has monitors.
    pub emperor: EmperorSettings,
    /// Locks and caches of the application.
    pub shared: SharedSpec,
    /// Spoolers, mules and farms.
    pub background: BesideRequests,
    /// Files whose change replaces the mules (`touch-mules-reload`).
    pub touch_mules: Vec<PathBuf>,
    /// Files whose change replaces the spoolers (`touch-spoolers-reload`).
    pub touch_spoolers: Vec<PathBuf>,
    /// Signals of the application that options raise.
    pub signals: AppSignals,
    /// What is told to whom when something happens.
    pub alarms: Alarms,
    /// What is sent to carbon.
    pub carbon: Carbon,
    /// What is sent elsewhere, and what stands in files.
    pub pushing: Pushing,
    /// What the start sets once.
    #[serde(default)]
    pub startup: Startup,
    /// Every option in order, for `uwsgi.opt`.
    pub options: Vec<(String, Option<String>)>,
}

/// What is in force where a configuration says nothing: no socket and no application.
impl Default for Instance {
    fn default() -> Self {
        Instance {
            sockets: Vec::new(),
            listen: 100,
            defer_accept: true,
            chmod_socket: None,
            chown_socket: None,
            uid: None,
            gid: None,
            add_gid: Vec::new(),
            umask: None,
            app: Application::default(),
            python: PythonSettings::default(),
            no_site: false,
            optimize: 0,
            autoreload: Autoreload::default(),
            home: None,
            env: Vec::new(),
            lazy_apps: false,
            workers: 1,
            dynamic: Dynamic::default(),
            cpu_affinity: 0,
            threads: 1,
            lanes: Lanes::default(),
            websockets: WebSockets::default(),
            mercy: 60,
            max_surplus: None,
            reload_boost: 10,
            worker_id_exclusive: false,
            recycling: Recycling::default(),
            max_requests_delta: 0,
            max_worker_lifetime: 0,
            max_worker_lifetime_delta: 0,
            limit_as: 0,
            limit_nproc: 0,
            max_fd: 0,
            evil_reload_on_rss: 0,
            evil_reload_on_as: 0,
            harakiri: Harakiri::default(),
            limits: RequestLimits::default(),
            timeouts: Timeouts::default(),
            warmup: Warmup::default(),
            reload_watch: None,
            keep_previous: 0,
            canary: uswgi_proto::canary::Terms::default(),
            static_files: StaticServing::default(),
            headers: Headers::default(),
            tls: TlsSettings::default(),
            answers: Answers::default(),
            routes: Vec::new(),
            pidfile: None,
            pidfile2: None,
            safe_pidfile: None,
            safe_pidfile2: None,
            vacuum: false,
            daemonize: None,
            daemonize2: None,
            logto: None,
            logto2: None,
            exit_on_reload: false,
            on_term: OnTerm::Stop,
            shutdown_delay: 0,
            touch_reload: Vec::new(),
            touch_workers: Vec::new(),
            master_fifo: Vec::new(),
            stats: Vec::new(),
            stats_http: false,
            stats_minified: false,
            stats_no_cores: false,
            request_log: RequestLog::default(),
            log: LogRouting::default(),
            procname_prefix: String::new(),
            tasks: Tasks::default(),
            immediate: (None, None),
            no_new_privs: false,
            chroot: None,
            files: Vec::new(),
            heartbeat: 0,
            emperor: EmperorSettings::default(),
            shared: SharedSpec::default(),
            background: BesideRequests::default(),
            touch_mules: Vec::new(),
            touch_spoolers: Vec::new(),
            signals: AppSignals::default(),
            alarms: Alarms::default(),
            carbon: Carbon::default(),
            pushing: Pushing::default(),
            startup: Startup::default(),
            options: Vec::new(),
        }
    }
}

impl Instance {
    /// Seconds for which the workers of a reload are watched where nothing is configured.
    pub const RELOAD_WATCH: u32 = 10;

    /// The option for which /proc has to be there, if one is set.
    pub fn measures_memory(&self) -> Option<&'static str> {
        let set = [
            ("reload-on-rss", self.recycling.reload_on_rss != 0),
            ("reload-on-as", self.recycling.reload_on_as != 0),
            ("evil-reload-on-rss", self.evil_reload_on_rss != 0),
            ("evil-reload-on-as", self.evil_reload_on_as != 0),
            ("cheaper-rss-limit-soft", self.dynamic.rss_soft != 0),
            ("cheaper-rss-limit-hard", self.dynamic.rss_hard != 0),
            ("memory-report", self.request_log.memory),
        ];
        set.into_iter().find(|(_, on)| *on).map(|(name, _)| name)
    }
}
