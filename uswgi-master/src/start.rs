//! The start, step by step, in the order that rights and paths demand; and what is left on disk.
//!
//! A step that fails undoes the earlier ones: a start that fails leaves nothing behind.
#![forbid(unsafe_code)]

use crate::board::Board;
use crate::events::Events;
use crate::fifo::{Fifo, FifoError};
use crate::jail::{self, JailError};
use crate::launcher::{self, NoLauncher};
use crate::log::LogError;
use crate::logs::{Files, Logs};
use crate::notify;
use crate::pidfile::{Pidfile, PidfileError};
use crate::privs::{self, LimitError, PrivsError};
use crate::shared::Memory;
use crate::sockets::{self, Listener, SocketError, When};
use crate::stats::{self, StatsError};
use crate::steer;
use crate::steps::{self, By};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use uswgi_conf::instance::Instance;
use uswgi_conf::jail::Jail;
use uswgi_keep::names::Names;
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
    /// No launcher.
    #[error(transparent)]
    Launcher(#[from] NoLauncher),
    /// A limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
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
    /// Files to remove at the end.
    pub pidfiles: Vec<Pidfile>,
    /// The jail that we are in.
    pub jail: Option<Jail>,
    /// Starts processes of the application.
    pub program: PathBuf,
    /// Locks and caches, for the whole life of the instance.
    pub shared: Memory,
    /// Hand-over pair: sending and receiving end, for the whole life of the instance.
    pub handover: [OwnedFd; 2],
    /// Variables that steps have set: every configuration read later has them too.
    pub step_env: Vec<(String, Option<String>)>,
    /// Stats server.
    pub stats: stats::Server,
    /// Steering socket.
    pub steer: steer::Server,
    /// FIFO for commands.
    pub fifo: Fifo,
    /// Logs.
    pub logs: Logs,
    /// The stderr of before, when a log file took its place.
    pub terminal: Option<OwnedFd>,
}

/// What has been made so far.
#[derive(Default)]
struct Made {
    listeners: Vec<Option<Listener>>,
    pidfiles: Vec<Pidfile>,
    stats: stats::Server,
    fifo: Fifo,
    /// Log files, where they are opened before the rest.
    logs: Option<Files>,
    /// We are in the jail.
    inside: Option<PathBuf>,
}

/// Everything up to the first process. `detached`: output goes to a log file already.
pub fn start(instance: &mut Instance, detached: bool) -> Result<Started, StartError> {
    let mut made = Made::default();
    start_with(instance, detached, &mut made).map_err(|e| {
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

fn start_with(instance: &mut Instance, detached: bool, made: &mut Made) -> Result<Started, StartError> {
    let system = |what| move |e| StartError::System(what, e);
    let env = instance.env.len();
    let phases = instance.tasks.phases.clone();
    privs::immediately(instance)?;
    // Look everything up before anything is touched.
    let jail = jail::find(instance)?;
    let names = jail.as_ref().map(|jail| Names::read(&jail.root));
    let target = privs::target(instance, names.as_ref())?;
    if let Some(owner) = &instance.chown_socket {
        privs::owner("chown-socket", owner)?;
    }
    let mut program = launcher::find()?;
    if let Some(jail) = &jail {
        jail::check(jail, instance.measures_memory(), &program)?;
    }
    // With chown-socket uWSGI goes into the jail when the sockets are there.
    let late = jail.is_some() && instance.chown_socket.is_some();
    let early = [Some(&instance.pidfile), Some(&instance.pidfile2).filter(|_| jail.is_none() || late)];
    let inner = [
        Some(&instance.pidfile2).filter(|_| !late),
        Some(&instance.safe_pidfile),
        Some(&instance.safe_pidfile2),
    ];
    for path in early.into_iter().flatten().flatten() {
        Pidfile::check(path)?;
    }
    for path in inner.into_iter().flatten().flatten() {
        Pidfile::check(&jail.as_ref().map_or(path.clone(), |jail| jail.outside(path)))?;
    }
    check_daemons(instance, &target)?;
    let events = Events::new().map_err(system("event sources"))?;
    set_umask(instance, detached);
    if instance.max_fd != 0 {
        privs::limit_descriptors(instance.max_fd)?;
    }
    // First of all descriptors: its number must not be taken by another.
    let board = Board::create(instance)?;
    let place = steer::reserve()?;
    let shared = Memory::create(&instance.shared)?;

    steps::run_here(&phases.jail, instance, By::Master)?;
    // What uWSGI opens before it goes into a jail: its pidfile and its log.
    if let Some(path) = instance.pidfile.as_ref().filter(|_| jail.is_some()) {
        made.pidfiles.push(Pidfile::write(path)?);
    }
    let mut place = Some(place);
    let mut steer = None;
    if let Some(jail) = &jail {
        made.logs = Some(Files::open(instance, detached, late, &target)?);
        // Its name is needed for a moment only, and nobody has to make room for it inside.
        steer = place.take().map(|place| server(&target, place)).transpose()?;
        if !late {
            program = enter(jail, &program, made)?;
        }
    }
    bind(instance, When::BeforeDrop, made)?;
    target.for_a_moment(|| -> Result<(), StartError> {
        bind(instance, When::AfterDrop, made)?;
        if let Some(path) = &instance.pidfile2 {
            made.pidfiles.push(Pidfile::write(path)?);
        }
        Ok(())
    })?;
    if let Some(jail) = jail.as_ref().filter(|_| late) {
        program = enter(jail, &program, made)?;
    }
    target.for_a_moment(|| -> Result<(), StartError> {
        made.stats = stats::Server::bind(instance)?;
        made.fifo = Fifo::open(&instance.master_fifo)?;
        Ok(())
    })?;
    if let Some(path) = instance.pidfile.as_ref().filter(|_| jail.is_none()) {
        made.pidfiles.push(Pidfile::write(path)?);
    }
    let files = made.logs.take().map_or_else(|| Files::open(instance, detached, false, &target), Ok)?;
    let (mut logs, terminal) = Logs::open(instance, files, detached, &target)?;
    if let Some(jail) = &jail {
        crate::log::line(format_args!("in the jail {}: paths are seen from inside", jail.written.display()));
    }
    if let Some(place) = place {
        steer = Some(server(&target, place)?);
    }
    // The file is root's, its text is written when the instance serves.
    if let Some(path) = &instance.safe_pidfile {
        made.pidfiles.push(Pidfile::reserve(path)?);
    }
    if nix::unistd::Uid::effective().is_root() {
        steps::run_here(&phases.as_root, instance, By::Master)?;
    }
    target.become_it()?;
    if instance.no_new_privs {
        nix::sys::prctl::set_no_new_privs().map_err(system("no-new-privs"))?;
    }
    logs.start(board.scoreboard())?;
    steps::run_here(&phases.as_user, instance, By::Master)?;

    nix::sys::prctl::set_child_subreaper(true).map_err(system("child subreaper"))?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (send, receive) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)
        .map_err(system("hand-over socket"))?;
    steps::run(&phases.master_start, instance, By::Master)?;
    let listeners = std::mem::take(&mut made.listeners).into_iter().flatten().map(Rc::new).collect();
    Ok(Started {
        events,
        board,
        listeners,
        pidfiles: std::mem::take(&mut made.pidfiles),
        jail,
        program,
        shared,
        handover: [send, receive],
        step_env: instance.env[env..].to_vec(),
        stats: std::mem::take(&mut made.stats),
        steer: steer.unwrap_or_else(steer::deaf),
        fifo: std::mem::take(&mut made.fifo),
        logs,
        terminal,
    })
}

/// The socket for requests, as the user that we become: who may connect follows from the owner.
fn server(target: &privs::Target, place: OwnedFd) -> Result<steer::Server, StartError> {
    target.for_a_moment(|| Ok(steer::bind(place)))
}

/// Go into the jail, with all that was made outside; the launcher as it is inside.
fn enter(jail: &Jail, program: &Path, made: &mut Made) -> Result<PathBuf, StartError> {
    let inside = |path: &Path| jail::inside(jail, path);
    let moved = inside(program);
    made.listeners.iter_mut().flatten().for_each(|l| l.enter(inside));
    made.pidfiles.iter_mut().for_each(|p| p.enter(inside));
    made.logs.iter_mut().for_each(|files| files.enter(inside));
    notify::keep();
    jail::enter(jail)?;
    made.inside = Some(jail.written.clone());
    Ok(jail::launcher(jail, program, moved)?)
}

/// Users of daemons: known, and within reach after the drop.
fn check_daemons(instance: &Instance, target: &privs::Target) -> Result<(), StartError> {
    for d in &instance.tasks.daemons {
        let uid =
            d.uid.as_ref().map(|name| privs::user("attach-daemon2: uid", name)).transpose()?.map(|u| u.0);
        let gid = d.gid.as_ref().map(|name| privs::group("attach-daemon2: gid", name)).transpose()?;
        let root = nix::unistd::Uid::effective().is_root() && !target.drops();
        let same = uid.is_none_or(|u| Some(u) == target.uid) && gid.is_none_or(|g| Some(g) == target.gid);
        if !root && !same {
            return Err(StartError::Daemon(format!(
                "{}: the daemon {:?} wants another user than the instance, which is not root then; run it as a unit of systemd",
                d.origin, d.command
            )));
        }
    }
    Ok(())
}

/// Detached processes start without a umask, as in uWSGI; `umask` decides otherwise.
fn set_umask(instance: &Instance, detached: bool) {
    use nix::sys::stat::{Mode, umask};
    if let Some(mask) = instance.umask.or(detached.then_some(0)) {
        umask(Mode::from_bits_truncate(mask));
    }
}

fn bind(instance: &Instance, when: When, made: &mut Made) -> Result<(), SocketError> {
    made.listeners.resize_with(instance.sockets.len(), || None);
    for (socket, listener) in instance.sockets.iter().zip(&mut made.listeners) {
        if When::of(socket, instance) == when {
            *listener = Some(sockets::bind(socket, instance)?);
        }
    }
    Ok(())
}
