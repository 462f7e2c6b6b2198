//! The start of the Emperor, with the rights that each step needs; and what is left on disk at the end.
#![forbid(unsafe_code)]

use crate::claim::{Claim, ClaimError};
use crate::demand::Held;
use crate::emperor::door::LONGEST;
use crate::events::{Events, Woken};
use crate::hooks::Hooks;
use crate::launch::Household;
use crate::scan::Monitor;
use crate::stats::StatsServer;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Uid;
use std::path::Path;
use uswgi_conf::instance::{Address, Instance};
use uswgi_keep::beside::{self, NotBeside};
use uswgi_keep::detach::StartReport;
use uswgi_keep::log::{self, LogError};
use uswgi_keep::logs::file::{FileSpec, LogFile};
use uswgi_keep::oneshot;
use uswgi_keep::pidfile::{Pidfile, PidfileError};
use uswgi_keep::privs::{self, PrivsError, Wanted};
use uswgi_proto::steer::STEER_FD;
use uswgi_proto::step::StepError;

/// Why an Emperor does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another one, or no place.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// There is no `uswgi-master`.
    #[error(transparent)]
    Master(#[from] NotBeside),
    /// User or group.
    #[error(transparent)]
    Privs(#[from] PrivsError),
    /// It cannot become others.
    #[error("emperor-tyrant needs root, and this is user {0}: start it as root, or without emperor-tyrant")]
    Tyrant(Uid),
    /// The socket for questions.
    #[error("cannot keep a descriptor for questions: {0}")]
    Door(std::io::Error),
    /// Stats server.
    #[error("emperor-stats = {0}: {1}")]
    Stats(String, std::io::Error),
    /// Pidfile.
    #[error(transparent)]
    Pidfile(#[from] PidfileError),
    /// Log file.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A step of the start has failed, or a stop signal came meanwhile.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The system refused something that it never should.
    #[error("cannot start: {0}: {1}")]
    System(&'static str, nix::Error),
}

/// What the start has made.
pub struct Started {
    /// The event loop.
    pub events: Events,
    /// The claims, in the order of the monitors.
    pub claims: Vec<Claim>,
    /// What all vassals need.
    pub house: Household,
    /// The socket for questions.
    pub door: oneshot::Server<Woken>,
    /// The stats server.
    pub stats: StatsServer,
    /// Mode of the sockets of vassals that sleep.
    pub chmod_socket: Option<u32>,
    /// The launching command, which waits.
    pub detached: Option<StartReport>,
    pidfiles: Vec<Pidfile>,
}

impl Started {
    /// Leave nothing behind.
    pub fn leave(self) {
        self.stats.remove();
        self.claims.into_iter().for_each(Claim::release);
        self.pidfiles.into_iter().for_each(Pidfile::remove);
    }
}

/// Raise the soft limit of descriptors to the hard one: each vassal needs one. The limit of before, for the vassals.
fn raise_descriptors() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).ok()?;
    Some(soft)
}

/// The listeners of the stats server. `stats` of an Emperor is the same: it has no workers.
fn stats(i: &Instance) -> Result<Vec<Held>, StartError> {
    let named = |address: &Address| match address {
        Address::Tcp { host, port } => format!("{host}:{port}"),
        Address::Unix(path) => path.display().to_string(),
        Address::Abstract(name) => format!("@{name}"),
        Address::Fd(number) => format!("fd://{number}"),
    };
    let all = i.emperor.stats.iter().chain(&i.stats);
    all.map(|address| {
        let name = named(address);
        Held::bind(&name, i.chmod_socket).map_err(|e| StartError::Stats(name, e))
    })
    .collect()
}

fn log_file(path: &Path) -> Result<(), LogError> {
    let spec = FileSpec { path: path.into(), ..FileSpec::default() };
    let file = LogFile::open(spec).map_err(|source| LogError::Open { path: path.into(), source })?;
    log::redirect(file.file())
}

/// All of it.
pub fn start(
    i: &Instance,
    monitors: &[Monitor],
    detached: Option<StartReport>,
) -> Result<Started, StartError> {
    let system = |what| move |e| StartError::System(what, e);
    let target = privs::target(
        &Wanted {
            uid: i.uid.as_deref(),
            gid: i.gid.as_deref(),
            add_gid: &i.add_gid,
            alone: i.startup.no_initgroups,
        },
        None,
    )?;
    if i.emperor.tyrant && !Uid::effective().is_root() {
        return Err(StartError::Tyrant(Uid::effective()));
    }
    let early = [&i.pidfile, &i.emperor.pidfile];
    let late = [&i.pidfile2, &i.safe_pidfile];
    for path in early.into_iter().chain(late).flatten() {
        Pidfile::check(path)?;
    }
    let master = beside::find("uswgi-master")?;
    let emperor = std::env::current_exe().unwrap_or_else(|_| "uswgi-emperor".into());
    // First of all descriptors: its number must not be taken by another.
    let place = oneshot::reserve(STEER_FD).map_err(StartError::Door)?;
    let events = Events::new().map_err(system("event sources"))?;
    if let Some(mask) = i.umask.or(detached.is_some().then_some(0)) {
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask));
    }
    // Signals are blocked, and looked at between steps, from here on.
    let (phases, mut hooks) = (&i.tasks.phases, Hooks::in_emperor());
    hooks.run(&phases.asap)?;
    hooks.run(&phases.jail)?;
    let descriptors = raise_descriptors();
    let claims = monitors.iter().map(Claim::take).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = i.logto.as_ref().filter(|_| detached.is_none()) {
        log_file(path)?;
    }
    let mut pidfiles: Vec<Pidfile> = Vec::new();
    for path in early.into_iter().flatten() {
        pidfiles.push(Pidfile::write(path)?);
    }
    if Uid::effective().is_root() {
        hooks.run(&phases.as_root)?;
    }
    let bound: Result<Vec<Held>, StartError> = target.for_a_moment(|| stats(i));
    if i.emperor.tyrant && target.drops() {
        log::line(
            "emperor-tyrant: the emperor stays root, for each vassal becomes the owner of its file; uid, gid and cap count for nothing",
        );
    } else {
        target.become_it()?;
    }
    let stats = StatsServer::new(bound?);
    if let Some(path) = i.logto2.as_ref().filter(|_| detached.is_none()) {
        log_file(path)?;
    }
    for path in late.into_iter().flatten() {
        pidfiles.push(Pidfile::write(path)?);
    }
    let door = oneshot::Server::bind(place, LONGEST, Woken::Asked).unwrap_or_else(|e| {
        log::line(format_args!(
            "no questions can be asked of this emperor: {e}; let its user write to /dev/shm or /tmp"
        ));
        oneshot::Server::deaf(Woken::Asked)
    });
    let house = Household { emperor, master, descriptors, variables: Vec::new() };
    let chmod_socket = i.chmod_socket;
    let mut started = Started { events, claims, house, door, stats, chmod_socket, detached, pidfiles };
    match hooks.run(&phases.as_user).and_then(|()| hooks.run(&i.emperor.at_start)) {
        Ok(()) => {
            started.house.variables = hooks.variables;
            Ok(started)
        }
        Err(e) => {
            started.leave();
            Err(e.into())
        }
    }
}
