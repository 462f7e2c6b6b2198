//! The five stages of the start, one function each: find, prepare, enter, bind, settle.
#![forbid(unsafe_code)]

use super::{Made, StartError, Started};
use crate::board::Board;
use crate::cache_items;
use crate::events::Events;
use crate::fifo::Fifo;
use crate::front;
use crate::jail;
use crate::launcher;
use crate::logs::{Files, Logs};
use crate::privs;
use crate::queues::Queues;
use crate::shared::Memory;
use crate::sockets::{self, SocketError, When};
use crate::spool_folders;
use crate::stats;
use crate::steer;
use crate::steps::{self, By};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use uswgi_conf::instance::Instance;
use uswgi_conf::jail::Jail;
use uswgi_front::plan::FrontPlan;
use uswgi_keep::names::Names;
use uswgi_keep::notify;
use uswgi_keep::pidfile::Pidfile;
use uswgi_proto::scoreboard::SCOREBOARD_FD;
use uswgi_proto::steer::STEER_FD;

/// What the system refused that it never should.
fn system(what: &'static str) -> impl Fn(nix::Error) -> StartError {
    move |e| StartError::System(what, e)
}

/// All of them. What is in `made` when one fails is for the caller to undo.
pub(super) fn run(instance: &mut Instance, detached: bool, made: &mut Made) -> Result<Started, StartError> {
    let env = instance.env.len();
    let mut found = find(instance)?;
    let mut prepared = prepare(instance, detached)?;
    enter(instance, detached, &mut found, &mut prepared, made)?;
    bind(instance, &mut found, made)?;
    let Settled { logs, terminal, steer, handover } =
        settle(instance, detached, &found, &mut prepared, made)?;
    let listeners = std::mem::take(&mut made.listeners).into_iter().flatten().map(Rc::new).collect();
    Ok(Started {
        events: prepared.events,
        board: prepared.board,
        listeners,
        pidfiles: std::mem::take(&mut made.pidfiles),
        front: found.front,
        jail: found.jail,
        program: found.program,
        shared: prepared.shared,
        queues: prepared.queues,
        handover,
        step_env: instance.env[env..].to_vec(),
        stats: std::mem::take(&mut made.stats),
        steer,
        fifo: std::mem::take(&mut made.fifo),
        logs,
        terminal,
    })
}

/// What [`find`] knows.
struct Lookups {
    jail: Option<Jail>,
    /// With `chown-socket` uWSGI goes into the jail when the sockets are there.
    late: bool,
    /// Whom to become.
    target: privs::FinalUser,
    /// The launcher, as it is seen from where the master is.
    program: PathBuf,
    /// Certificates, read while the master may.
    front: Rc<FrontPlan>,
}

/// Look everything up before anything is touched.
fn find(instance: &Instance) -> Result<Lookups, StartError> {
    privs::immediately(instance)?;
    let jail = jail::find(instance)?;
    let names = jail.as_ref().map(|jail| Names::read(&jail.root));
    let target = privs::target(instance, names.as_ref())?;
    if let Some(owner) = &instance.chown_socket {
        privs::owner("chown-socket", owner)?;
    }
    let program = launcher::find()?;
    if let Some(jail) = &jail {
        jail::check(jail, instance.measures_memory(), &program)?;
    }
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
    let front = front::plan(instance)?;
    Ok(Lookups { jail, late, target, program, front })
}

/// What [`prepare`] has made.
struct Prepared {
    events: Events,
    board: Board,
    shared: Memory,
    queues: Queues,
    /// Keeps the number of the steering socket's descriptor, until that is bound.
    place: Option<OwnedFd>,
    steer: Option<steer::Server>,
}

/// The event loop, the mask and limits; then, first of all descriptors, those whose numbers must not be taken by another.
fn prepare(instance: &Instance, detached: bool) -> Result<Prepared, StartError> {
    let events = Events::new().map_err(system("event sources"))?;
    set_umask(instance, detached);
    if instance.max_fd != 0
        && let Some(hard) = privs::limit_descriptors(instance.max_fd)?
    {
        crate::log::line(format_args!(
            "warning: max-fd = {} is above the hard limit, which this process may not raise (CAP_SYS_RESOURCE): {hard} it is",
            instance.max_fd
        ));
    }
    if let Some(prio) = instance.startup.prio {
        uswgi_keep::sys::nice::set_priority(prio).map_err(|source| StartError::Priority { prio, source })?;
    }
    // It decides for all, and uses next to nothing: under load each of its decisions would wait for its turn.
    uswgi_keep::sys::nice::prefer(0, instance.reload_boost as i32);
    privs::make_room_for(SCOREBOARD_FD.max(STEER_FD))?;
    let board = Board::create(instance)?;
    let place = Some(steer::reserve()?);
    let shared = Memory::create(&instance.shared)?;
    cache_items::store(instance, shared.shared())?;
    let mut queues = Queues::default();
    queues.prepare(&instance.background, 1).map_err(system("queues of messages"))?;
    Ok(Prepared { events, board, shared, queues, place, steer: None })
}

/// What uWSGI opens before it goes into a jail, its pidfile and its log; and the way in, unless sockets come first.
fn enter(
    instance: &mut Instance,
    detached: bool,
    found: &mut Lookups,
    prepared: &mut Prepared,
    made: &mut Made,
) -> Result<(), StartError> {
    let steps = instance.tasks.phases.jail.clone();
    steps::run_here(&steps, instance, By::Master)?;
    let Some(jail) = &found.jail else { return Ok(()) };
    if let Some(path) = &instance.pidfile {
        made.pidfiles.push(Pidfile::write(path)?);
    }
    made.logs = Some(Files::open(instance, detached, found.late, &found.target)?);
    // Its name is needed for a moment only, and nobody has to make room for it inside.
    prepared.steer = prepared.place.take().map(|place| server(&found.target, place)).transpose()?;
    if !found.late {
        found.program = go_inside(jail, &found.program, made)?;
    }
    Ok(())
}

/// Sockets, stats server and FIFO, each with the rights that it is to have; then the pidfile.
fn bind(instance: &Instance, found: &mut Lookups, made: &mut Made) -> Result<(), StartError> {
    listen(instance, When::BeforeDrop, made)?;
    found.target.for_a_moment(|| -> Result<(), StartError> {
        listen(instance, When::AfterDrop, made)?;
        if let Some(path) = &instance.pidfile2 {
            made.pidfiles.push(Pidfile::write(path)?);
        }
        Ok(())
    })?;
    if let Some(jail) = found.jail.as_ref().filter(|_| found.late) {
        found.program = go_inside(jail, &found.program, made)?;
    }
    found.target.for_a_moment(|| -> Result<(), StartError> {
        made.stats = stats::StatsServer::bind(instance)?;
        made.fifo = Fifo::open(&instance.master_fifo)?;
        Ok(())
    })?;
    if let Some(path) = instance.pidfile.as_ref().filter(|_| found.jail.is_none()) {
        made.pidfiles.push(Pidfile::write(path)?);
    }
    Ok(())
}

/// What [`settle`] has made.
struct Settled {
    logs: Logs,
    /// The stderr of before, when a log file took its place.
    terminal: Option<OwnedFd>,
    steer: steer::Server,
    /// Sending and receiving end.
    handover: [OwnedFd; 2],
}

/// The logs, and the user: after this nothing is left of root. Then what only a process that stays is to have.
fn settle(
    instance: &mut Instance,
    detached: bool,
    found: &Lookups,
    prepared: &mut Prepared,
    made: &mut Made,
) -> Result<Settled, StartError> {
    let target = &found.target;
    let files = made.logs.take().map_or_else(|| Files::open(instance, detached, false, target), Ok)?;
    let (mut logs, terminal) = Logs::open(instance, files, detached, target)?;
    if let Some(jail) = &found.jail {
        uswgi_keep::log::line(format_args!(
            "in the jail {}: paths are seen from inside",
            jail.written.display()
        ));
    }
    if let Some(place) = prepared.place.take() {
        prepared.steer = Some(server(target, place)?);
    }
    // The file is root's, its text is written when the instance serves.
    if let Some(path) = &instance.safe_pidfile {
        made.pidfiles.push(Pidfile::reserve(path)?);
    }
    let phases = instance.tasks.phases.clone();
    if nix::unistd::Uid::effective().is_root() {
        steps::run_here(&phases.as_root, instance, By::Master)?;
    }
    target.become_it()?;
    spool_folders::prepare(instance)?;
    crate::number_files::prepare(instance)?;
    if instance.no_new_privs {
        nix::sys::prctl::set_no_new_privs().map_err(system("no-new-privs"))?;
    }
    logs.start(prepared.board.scoreboard())?;
    steps::run_here(&phases.as_user, instance, By::Master)?;

    nix::sys::prctl::set_child_subreaper(true).map_err(system("child subreaper"))?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (send, receive) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)
        .map_err(system("hand-over socket"))?;
    steps::run(&phases.master_start, instance, By::Master)?;
    let steer = prepared.steer.take().unwrap_or_else(steer::deaf);
    Ok(Settled { logs, terminal, steer, handover: [send, receive] })
}

/// The socket for requests, as the user that we become: who may connect follows from the owner.
fn server(target: &privs::FinalUser, place: OwnedFd) -> Result<steer::Server, StartError> {
    target.for_a_moment(|| Ok(steer::bind(place)))
}

/// Go into the jail, with all that was made outside; the launcher as it is inside.
fn go_inside(jail: &Jail, program: &Path, made: &mut Made) -> Result<PathBuf, StartError> {
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
fn check_daemons(instance: &Instance, target: &privs::FinalUser) -> Result<(), StartError> {
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

fn listen(instance: &Instance, when: When, made: &mut Made) -> Result<(), SocketError> {
    made.listeners.resize_with(instance.sockets.len(), || None);
    for (socket, listener) in instance.sockets.iter().zip(&mut made.listeners) {
        if When::of(socket, instance) == when {
            *listener = Some(sockets::bind(socket, instance)?);
        }
    }
    Ok(())
}
