//! Programs beside an instance, as its configuration means them: daemons, jobs of the clock, and the steps
//! that run at points of its life. Data only: the master decides and runs.

use crate::origin::Origin;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use uswgi_proto::step::Step;

/// A program that runs as long as the instance (`attach-daemon` and its relatives).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// For `/bin/sh -c`.
    pub command: String,
    /// A smart daemon: it is known by its pidfile, and outlives reloads and the instance.
    pub pidfile: Option<PathBuf>,
    /// Seconds that a smart daemon may take to write its pidfile.
    pub freq: u32,
    /// The program stays in the foreground, and the master writes the pidfile.
    pub daemonize: bool,
    /// Its end ends the instance.
    pub control: bool,
    /// Files whose change restarts it.
    pub touch: Vec<PathBuf>,
    /// Signal that stops it.
    pub stop_signal: i32,
    /// Signal that stops it for a reload; None: `stop_signal`.
    pub reload_signal: Option<i32>,
    /// It keeps the standard input of the master.
    pub stdin: bool,
    /// User to become, if the master may.
    pub uid: Option<String>,
    /// Group to become, if the master may.
    pub gid: Option<String>,
    /// Its directory; None: that of the application.
    pub chdir: Option<PathBuf>,
    /// Longest pause before it is started again, in seconds; 0: 300.
    pub max_throttle: u32,
    /// A smart daemon that hears of reloads (`reload_signal`, else HUP) and of the stop (`stop_signal`).
    pub notify: bool,
    /// Where it was written.
    pub origin: Origin,
}

impl Daemon {
    /// One of which nothing is said but its command.
    pub fn plain(command: String, origin: Origin) -> Daemon {
        Daemon {
            command,
            pidfile: None,
            // As in uWSGI; SIGTERM too.
            freq: 10,
            daemonize: false,
            control: false,
            touch: Vec::new(),
            stop_signal: 15,
            reload_signal: None,
            stdin: false,
            uid: None,
            gid: None,
            chdir: None,
            max_throttle: 0,
            notify: false,
            origin,
        }
    }
}

/// When a job is due, in local time. Each number is itself; -1 is every one, and -N every N-th.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 23.
    pub hour: i32,
    /// Day of the month, 1 to 31. Where day and week are both given, either is enough.
    pub day: i32,
    /// 1 to 12.
    pub month: i32,
    /// Day of the week, 0 to 6 from Sunday; 7 is Sunday too.
    pub week: i32,
}

/// A command that the clock starts (`cron`, `unique-cron`, `cron2`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// For `/bin/sh -c`.
    pub command: String,
    /// When.
    pub schedule: Schedule,
    /// It does not start while it still runs.
    pub unique: bool,
    /// Seconds after which it is killed; 0: never.
    pub harakiri: u32,
}

/// What runs at points of the instance's life (`exec-*` and `hook-*`), in the order of each phase.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Phases {
    /// Before anything else.
    pub asap: Vec<Step>,
    /// Before anything is bound and before `chroot` (`pre-jail`, then `in-jail`, which uWSGI runs outside too).
    pub jail: Vec<Step>,
    /// Those of `in-jail`, until they are put behind those of `pre-jail`.
    #[serde(skip)]
    pub(crate) in_jail: Vec<Step>,
    /// As root, before privileges are dropped. Nothing runs when the master is not root.
    pub as_root: Vec<Step>,
    /// After privileges were dropped.
    pub as_user: Vec<Step>,
    /// Before the first process starts.
    pub master_start: Vec<Step>,
    /// In the process that loads the application, before it does.
    pub pre_app: Vec<Step>,
    /// In the process that loads the application, after it did.
    pub post_app: Vec<Step>,
    /// In each worker.
    pub post_fork: Vec<Step>,
    /// In each worker, when it is about to accept.
    pub accepting: Vec<Step>,
    /// In the first worker, when it is about to accept.
    pub accepting_first: Vec<Step>,
    /// When everything has ended.
    pub at_exit: Vec<Step>,
    /// In the Emperor, before it looks at its vassals.
    pub emperor_start: Vec<Step>,
    /// In the process of a vassal, before it becomes one.
    pub as_vassal: Vec<Step>,
    /// Beside the Emperor, for each vassal that it starts.
    pub as_emperor: Vec<Step>,
}

/// What runs when a file was touched (`touch-exec`, `hook-touch`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// The file.
    pub path: PathBuf,
    /// What runs.
    pub step: Step,
}

/// Everything of this module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tasks {
    /// In the order of the configuration.
    pub daemons: Vec<Daemon>,
    /// In the order of the configuration.
    pub jobs: Vec<Job>,
    /// Steps.
    pub phases: Phases,
    /// In the order of the configuration; a file may have several.
    pub touched: Vec<Touched>,
    /// Daemons keep the standard input of the master (`daemons-honour-stdin`).
    pub stdin: bool,
    /// Seconds after which a job is killed that says nothing else (`cron-harakiri`); 0: never.
    pub job_harakiri: u32,
    /// Seconds that daemons and jobs get to end.
    pub mercy: u32,
}

/// Nothing runs; the mercy of daemons is uWSGI's.
impl Default for Tasks {
    fn default() -> Self {
        Tasks {
            daemons: Vec::new(),
            jobs: Vec::new(),
            phases: Phases::default(),
            touched: Vec::new(),
            stdin: false,
            job_harakiri: 0,
            mercy: 3,
        }
    }
}
