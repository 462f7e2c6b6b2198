//! The start, in five stages whose order rights and paths demand; and what is left on disk.
//!
//! | stage | what it does | with whose rights |
//! |---|---|---|
//! | find | looks everything up; nothing is touched | those at the start |
//! | prepare | event loop, limits, scoreboard, shared memory: what must have its number or its memory first | those at the start |
//! | enter | opens what lies outside of the jail, and goes into it | root's |
//! | bind | sockets, stats server, FIFO, pidfiles | root's and the user's by turns |
//! | settle | logs; the user is taken; the log process; steps around it | root's, then the user's |
//!
//! A stage that fails undoes the earlier ones: a start that fails leaves nothing behind.
#![forbid(unsafe_code)]

mod stages;

use crate::board::Board;
use crate::events::Events;
use crate::fifo::{Fifo, FifoError};
use crate::jail::JailError;
use crate::launcher::NoLauncher;
use crate::logs::{Files, Logs};
use crate::privs::{LimitError, PrivsError};
use crate::shared::Memory;
use crate::sockets::{Listener, SocketError};
use crate::stats::{self, StatsError};
use crate::steer;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use uswgi_conf::instance::Instance;
use uswgi_conf::jail::Jail;
use uswgi_front::plan::FrontPlan;
use uswgi_keep::log::LogError;
use uswgi_keep::pidfile::{Pidfile, PidfileError};
use uswgi_proto::scoreboard::ScoreboardError;

/// Why an instance does not start. One sentence: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Listening.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Pidfile.
    #[error(transparent)]
    Pidfile(#[from] PidfileError),
    /// Certificates.
    #[error(transparent)]
    Front(#[from] crate::front::FrontError),
    /// User or group.
    #[error(transparent)]
    Privs(#[from] PrivsError),
    /// Jail.
    #[error(transparent)]
    Jail(#[from] JailError),
    /// Something of the above, where paths are those of the jail.
    #[error("{source} (paths are those inside of the jail {root})")]
    Inside {
        /// As configured.
        root: PathBuf,
        /// What it is.
        source: Box<StartError>,
    },
    /// Log file or detaching.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Stats server.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// FIFO for commands.
    #[error(transparent)]
    Fifo(#[from] FifoError),
    /// A step of the start.
    #[error(transparent)]
    Step(#[from] uswgi_proto::step::StepError),
    /// Shared memory.
    #[error(transparent)]
    Scoreboard(#[from] ScoreboardError),
    /// Locks and caches.
    #[error(transparent)]
    Shared(#[from] uswgi_shared::SharedError),
    /// A folder for tasks.
    #[error(transparent)]
    Spooler(#[from] crate::spool_folders::FolderError),
    /// The folder of numbers.
    #[error(transparent)]
    Numbers(#[from] crate::number_files::NumbersError),
    /// No launcher.
    #[error(transparent)]
    Launcher(#[from] NoLauncher),
    /// A limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A priority that is refused.
    #[error("prio = {prio}: {source}; only root may go below the priority of the start")]
    Priority {
        /// As configured.
        prio: i32,
        /// What the system said.
        source: std::io::Error,
    },
    /// An item for a cache.
    #[error(transparent)]
    CacheItem(#[from] crate::cache_items::CacheItemError),
    /// A daemon that wants another user.
    #[error("{0}")]
    Daemon(String),
    /// The system refused something that it never should.
    #[error("cannot start: {0}: {1}")]
    System(&'static str, nix::Error),
}

impl StartError {
    /// Nothing was wrong: a stop signal came while a step ran.
    pub fn stopped(&self) -> bool {
        match self {
            StartError::Step(e) => e.stopped,
            StartError::Inside { source, .. } => source.stopped(),
            _ => false,
        }
    }
}

/// Everything that is there once the start has come to the first process.
pub struct Started {
    /// Event sources.
    pub events: Events,
    /// Scoreboard.
    pub board: Board,
    /// Listeners in the order of the sockets.
    pub listeners: Vec<Rc<Listener>>,
    /// What the front does.
    pub front: Rc<FrontPlan>,
    /// Files to remove at the end.
    pub pidfiles: Vec<Pidfile>,
    /// The jail that we are in.
    pub jail: Option<Jail>,
    /// Starts processes of the application.
    pub program: PathBuf,
    /// Locks and caches, for the whole life of the instance.
    pub shared: Memory,
    /// Messages for mules.
    pub queues: crate::queues::Queues,
    /// Hand-over pair: sending and receiving end, for the whole life of the instance.
    pub handover: [OwnedFd; 2],
    /// Variables that steps have set: every configuration read later has them too.
    pub step_env: Vec<(String, Option<String>)>,
    /// Stats server.
    pub stats: stats::StatsServer,
    /// Steering socket.
    pub steer: steer::Server,
    /// FIFO for commands.
    pub fifo: Fifo,
    /// Logs.
    pub logs: Logs,
    /// The stderr of before, when a log file took its place.
    pub terminal: Option<OwnedFd>,
}

/// What has been made so far, and is undone when a later stage fails.
#[derive(Default)]
struct Made {
    listeners: Vec<Option<Listener>>,
    pidfiles: Vec<Pidfile>,
    stats: stats::StatsServer,
    fifo: Fifo,
    /// Log files, where they are opened before the rest.
    logs: Option<Files>,
    /// We are in the jail.
    inside: Option<PathBuf>,
}

/// Everything up to the first process. `detached`: output goes to a log file already.
pub fn start(instance: &mut Instance, detached: bool) -> Result<Started, StartError> {
    let mut made = Made::default();
    stages::run(instance, detached, &mut made).map_err(|e| {
        made.listeners.iter().flatten().for_each(Listener::vacuum);
        std::mem::take(&mut made.pidfiles).into_iter().for_each(Pidfile::remove);
        made.stats.vacuum();
        made.fifo.vacuum();
        match made.inside.take() {
            Some(root) if !matches!(e, StartError::Jail(_)) => StartError::Inside { root, source: e.into() },
            _ => e,
        }
    })
}
