//! Reading the configuration again: what it needs is bound, what cannot change is said.
//!
//! It must change nothing that the generation which serves depends on.
#![forbid(unsafe_code)]

use crate::board;
use crate::front::{self, FrontError};
use crate::logs::SuccessionError;
use crate::reading::Read;
use crate::sockets::{self, Listener, SocketError};
use crate::spool_folders::{self, FolderError};
use crate::stats::{self, StatsError};
use crate::supervisor::{Algorithm, Cheaper, Plan, Sleep};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use uswgi_conf::instance::{Address, CheaperAlgorithm, Dynamic, Instance, OnTerm};
use uswgi_conf::jail::Jail;
use uswgi_front::plan::FrontPlan;
use uswgi_keep::pidfile::{Pidfile, PidfileError};
use uswgi_proto::scoreboard::Scoreboard;

/// How long a reload waits for a process to become ready.
const LOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// How much later than the worker's own grace the master acts on a harakiri.
const BACKSTOP: Duration = Duration::from_secs(3);

/// Why a configuration that was read again cannot come into force. The old one stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The scoreboard was made for fewer.
    #[error("{wanted} workers are more than this instance has room for ({room}); restart it")]
    Workers {
        /// As configured.
        wanted: u32,
        /// What there is room for.
        room: u32,
    },
    /// The scoreboard was made for fewer.
    #[error("{wanted} threads are more than this instance has room for ({room}); restart it")]
    Threads {
        /// As configured.
        wanted: u32,
        /// What there is room for.
        room: u32,
    },
    /// Certificates.
    #[error(transparent)]
    Front(#[from] FrontError),
    /// Another pidfile.
    #[error(transparent)]
    Pidfile(#[from] PidfileError),
    /// A new socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// A new address of the stats server.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// A folder for tasks.
    #[error(transparent)]
    Spooler(#[from] FolderError),
    /// The folder of numbers.
    #[error(transparent)]
    Numbers(#[from] crate::number_files::NumbersError),
    /// No queue for another mule.
    #[error("queues of messages: {0}")]
    Queues(nix::Error),
    /// Other logs.
    #[error(transparent)]
    Logs(#[from] SuccessionError),
    /// A bug of the supervisor.
    #[error("the settings in force are gone")]
    Gone,
}

/// One configuration and its listeners, in the order of its sockets.
#[derive(Clone)]
pub struct Setup {
    /// Settings.
    pub instance: Instance,
    /// What was said about them, a line each, for whoever asks.
    pub warnings: Vec<String>,
    /// Listeners, shared with other generations.
    pub listeners: Vec<Rc<Listener>>,
    /// Listeners of the stats server, shared with other generations.
    pub stats: Vec<Rc<Listener>>,
    /// What the front does.
    pub front: Rc<FrontPlan>,
    /// Its unix sockets may have the mode and owner of other settings.
    pub undressed: bool,
}

impl Setup {
    /// Remove what nobody else has.
    pub fn vacuum(self) {
        let all = self.listeners.iter().chain(&self.stats);
        all.filter(|l| Rc::strong_count(l) == 1).for_each(|l| l.vacuum());
    }
}

/// What the supervisor has to know.
pub fn plan(i: &Instance) -> Plan {
    let seconds = |n: u32| Duration::from_secs(n.into());
    Plan {
        workers: i.workers.max(1),
        lazy: i.lazy_apps,
        aides: i.background.aides(),
        aide_mercy: seconds(i.background.mule.mercy.max(1)),
        signals: i.signals.sources(),
        signals_pile_up: i.signals.pile_up,
        mercy: seconds(i.mercy),
        surplus: i.max_surplus.unwrap_or(i.workers / 4).max(1),
        exclusive: i.worker_id_exclusive,
        max_requests: i.recycling.max_requests,
        max_requests_delta: i.max_requests_delta,
        max_lifetime: (i.max_worker_lifetime != 0).then(|| seconds(i.max_worker_lifetime)),
        max_lifetime_delta: seconds(i.max_worker_lifetime_delta),
        need_app: i.app.need_app,
        exit_on_reload: i.exit_on_reload,
        term_reloads: i.on_term == OnTerm::Reload,
        shutdown_delay: seconds(i.shutdown_delay),
        keep_previous: seconds(i.keep_previous),
        reload_watch: seconds(i.reload_watch.unwrap_or(Instance::RELOAD_WATCH)),
        reload_waits: i.reload_watch.is_some(),
        canary: i.canary,
        load_timeout: LOAD_TIMEOUT,
        cheaper: cheaper(&i.dynamic, i.workers.max(1)),
        sleep: Sleep {
            cheap: i.dynamic.cheap,
            idle: (i.dynamic.idle != 0).then(|| seconds(i.dynamic.idle)),
            die: i.dynamic.die_on_idle,
        },
        evil_rss: i.evil_reload_on_rss,
        evil_as: i.evil_reload_on_as,
    }
}

/// None where all workers stay.
fn cheaper(d: &Dynamic, workers: u32) -> Option<Cheaper> {
    (d.cheaper != 0 && d.cheaper < workers).then(|| Cheaper {
        min: d.cheaper,
        initial: if d.initial == 0 { d.cheaper } else { d.initial.clamp(d.cheaper, workers) },
        step: d.step.max(1),
        overload: d.overload,
        algorithm: match d.algorithm {
            CheaperAlgorithm::Spare => Algorithm::Spare,
            CheaperAlgorithm::Backlog => Algorithm::Backlog,
            CheaperAlgorithm::Busyness => Algorithm::Busyness(d.busyness),
            CheaperAlgorithm::Manual => Algorithm::Manual,
        },
        rss_soft: d.rss_soft,
        rss_hard: d.rss_hard,
    })
}

/// After which time beyond its deadline a request is the master's business; None without harakiri.
pub(crate) fn harakiri_limit(i: &Instance) -> Option<Duration> {
    let grace = Duration::from_secs(i.harakiri.grace.into());
    let announced = if i.harakiri.signal == 0 { Duration::ZERO } else { grace };
    (i.harakiri.seconds != 0).then(|| announced + grace + BACKSTOP)
}

/// Put back what a running instance cannot change, so that what it says of itself stays true; the names of
/// the options for which something else was wanted.
pub fn keep(old: &Instance, new: &mut Instance) -> Vec<&'static str> {
    fn same<T: Clone + PartialEq>(old: &T, new: &mut T) -> bool {
        old == new || {
            new.clone_from(old);
            false
        }
    }
    let shared = &mut new.shared;
    let kept = [
        ("uid", same(&old.uid, &mut new.uid)),
        ("gid", same(&old.gid, &mut new.gid)),
        ("immediate-uid", same(&old.immediate.0, &mut new.immediate.0)),
        ("immediate-gid", same(&old.immediate.1, &mut new.immediate.1)),
        ("add-gid", same(&old.add_gid, &mut new.add_gid)),
        ("umask", same(&old.umask, &mut new.umask)),
        ("max-fd", same(&old.max_fd, &mut new.max_fd)),
        ("no-new-privs", same(&old.no_new_privs, &mut new.no_new_privs)),
        ("daemonize", same(&old.daemonize, &mut new.daemonize)),
        ("daemonize2", same(&old.daemonize2, &mut new.daemonize2)),
        ("chroot", same(&old.chroot, &mut new.chroot)),
        ("locks", same(&old.shared.locks, &mut shared.locks)),
        ("cache2", same(&old.shared.caches, &mut shared.caches)),
        ("queue", same(&old.shared.queue, &mut shared.queue)),
        ("sharedarea", same(&old.shared.areas, &mut shared.areas)),
        ("metric", same(&old.shared.metrics, &mut shared.metrics)),
    ];
    kept.into_iter().filter(|&(_, same)| !same).map(|(name, _)| name).collect()
}

/// Why an instance in a jail cannot read its configuration again, if it cannot.
pub fn out_of_reach(jail: &Jail, i: &Instance) -> Option<String> {
    let file = i.files.iter().find(|file| jail.inside(file).is_none())?;
    Some(format!(
        "the configuration stays as it is: {} lies outside of the jail {}; the application is loaded again (a restart reads it, or keep it in the jail)",
        file.display(),
        jail.written.display()
    ))
}

/// Bind what the new settings need and no generation has yet. Nothing is left of a refused one.
pub fn prepare(read: Read, board: &Scoreboard, held: &[Setup]) -> Result<Setup, ReloadError> {
    let Read { mut instance, warnings } = read;
    spool_folders::prepare(&mut instance)?;
    crate::number_files::prepare(&mut instance)?;
    let (workers, threads) = (board.worker_capacity(), board.threads_capacity());
    if board::worker_capacity(instance.workers) > workers {
        return Err(ReloadError::Workers { wanted: instance.workers, room: (workers - 8) / 2 });
    }
    if instance.threads > threads {
        return Err(ReloadError::Threads { wanted: instance.threads, room: threads });
    }
    for path in pidfiles(&instance) {
        Pidfile::check(path)?;
    }
    let front = front::plan(&instance)?;
    let mut setup =
        Setup { instance, warnings, listeners: Vec::new(), stats: Vec::new(), front, undressed: false };
    match bind(&mut setup, held) {
        Ok(()) => Ok(setup),
        Err(e) => {
            setup.vacuum();
            Err(e)
        }
    }
}

fn bind(setup: &mut Setup, held: &[Setup]) -> Result<(), ReloadError> {
    for socket in &setup.instance.sockets {
        let all = held.iter().flat_map(|s| &s.listeners).chain(&setup.listeners);
        let listener = match same(all, &socket.address) {
            Some(listener) => {
                listener.listen(setup.instance.listen);
                listener.defer(socket.protocol, &setup.instance);
                listener
            }
            None => sockets::bind(socket, &setup.instance).map(Rc::new)?,
        };
        setup.listeners.push(listener);
    }
    for address in &setup.instance.stats {
        let all = held.iter().flat_map(|s| &s.stats).chain(&setup.stats);
        let listener = match same(all, address) {
            Some(listener) => listener,
            None => stats::bind(address, &setup.instance).map(Rc::new)?,
        };
        setup.stats.push(listener);
    }
    Ok(())
}

fn same<'a>(mut all: impl Iterator<Item = &'a Rc<Listener>>, address: &Address) -> Option<Rc<Listener>> {
    all.find(|l| l.address == *address && l.reachable()).cloned()
}

/// The files that are to hold the master's pid.
pub fn pidfiles(i: &Instance) -> impl Iterator<Item = &PathBuf> {
    [&i.pidfile, &i.pidfile2, &i.safe_pidfile, &i.safe_pidfile2].into_iter().flatten()
}
