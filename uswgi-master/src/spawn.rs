//! Launching `uswgi-worker`: its settings document, environment and descriptors.
//!
//! It must never choose when: the supervisor does.
#![forbid(unsafe_code)]

use crate::shell::variables;
use crate::sockets::Listener;
use crate::supervisor::{Birth, ProcessKind};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::Resource;
use std::ffi::CString;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use uswgi_conf::instance::Instance;
use uswgi_front::plan::FrontSpec;
use uswgi_keep::sys::exec;
use uswgi_proto::settings::{self, Role, SETTINGS_VERSION, WorkerSettings, env};
use uswgi_proto::step::Step;

/// A process that could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The system refused.
    #[error("cannot start {program}: {source}")]
    Exec {
        /// The launcher.
        program: PathBuf,
        /// What the system said.
        source: exec::ExecError,
    },
    /// The settings cannot be passed.
    #[error("cannot pass the settings: {0}")]
    Settings(std::io::Error),
    /// A value cannot be passed.
    #[error("a variable or path contains a NUL byte")]
    Nul(#[from] std::ffi::NulError),
}

/// What a process inherits.
pub struct Inherited<'a> {
    /// Listeners of its generation, in the order of the sockets.
    pub listeners: &'a [Rc<Listener>],
    /// Its end of the control socket.
    pub control: BorrowedFd<'a>,
    /// The scoreboard.
    pub scoreboard: BorrowedFd<'a>,
    /// Locks and caches.
    pub shared: BorrowedFd<'a>,
    /// Sending and receiving end of each queue of messages, in the order of `BesideRequests::queues`.
    pub queues: Vec<BorrowedFd<'a>>,
    /// Sending and receiving end of the hand-over socket.
    pub handover: [BorrowedFd<'a>; 2],
    /// Descriptor for log lines, and how it is written (see `env::LOG`).
    pub log: Option<(&'static str, BorrowedFd<'a>)>,
    /// The launcher.
    pub program: &'a Path,
    /// stdout and stderr; None: ours.
    pub output: Option<BorrowedFd<'a>>,
}

/// The settings document of a process.
pub fn settings_for(i: &Instance, birth: &Birth) -> WorkerSettings {
    let &Birth { kind, generation, max_requests, need_app, paused, .. } = birth;
    let (role, slot, worker_id) = match kind {
        ProcessKind::Template => (Role::Template, 0, 0),
        ProcessKind::Worker(seat) => (Role::Worker, seat.slot, seat.worker_id),
        ProcessKind::Aide(seat) => (Role::Aide, seat.slot, 0),
    };
    let listener = |s: &uswgi_conf::instance::Socket| settings::ListenerSettings {
        name: s.name.clone(),
        protocol: s.protocol,
        workers: s.workers.clone(),
        proxied: s.proxied,
        front: match s.front {
            FrontSpec::None => settings::Front::None,
            FrontSpec::Tls(_) => settings::Front::Tls,
            FrontSpec::FastCgi | FrontSpec::ToHttps => settings::Front::Other,
        },
    };
    WorkerSettings {
        version: SETTINGS_VERSION,
        role,
        slot,
        worker_id,
        aide: kind.aide().map(|seat| seat.aide),
        generation,
        paused,
        workers: i.workers,
        threads: i.threads,
        lanes: i.lanes.clone(),
        websockets: i.websockets.clone(),
        listeners: i.sockets.iter().map(listener).collect(),
        cpu_affinity: i.cpu_affinity,
        limit_as: i.limit_as,
        procname_prefix: i.procname_prefix.clone(),
        app: settings::Application { need_app, ..i.app.clone() },
        python: i.python.clone(),
        autoreload: i.autoreload.clone(),
        limits: i.limits.clone(),
        timeouts: i.timeouts.clone(),
        harakiri: i.harakiri.clone(),
        recycling: settings::Recycling { max_requests, ..i.recycling.clone() },
        warmup: i.warmup.clone(),
        static_files: i.static_files.clone(),
        headers: i.headers.clone(),
        answers: i.answers.clone(),
        routes: i.routes.clone(),
        request_log: i.request_log.clone(),
        log_lines: i.log.lines.clone(),
        background: i.background.clone(),
        steps: steps_for(i, kind, generation),
        options: i.options.clone(),
    }
}

/// The steps of a process. A reload runs those of the start again, as uWSGI does: in the template, where a failure
/// leaves the old generation as it is; without a template before that (see `reading`).
fn steps_for(i: &Instance, kind: ProcessKind, generation: u64) -> settings::Steps {
    let p = &i.tasks.phases;
    let again = generation > 1 && kind == ProcessKind::Template;
    let [asap, as_root, as_user, master_start] = crate::steps::again(i).map(|(steps, _)| steps);
    let all = |lists: &[&Vec<Step>]| lists.iter().flat_map(|l| l.iter().cloned()).collect();
    let none = Vec::new();
    let only = |wanted: bool, list| if wanted { list } else { &none };
    settings::Steps {
        pre_app: all(&[only(again, &asap), only(again, &as_root), only(again, &as_user), &p.pre_app]),
        post_app: all(&[&p.post_app, only(again, &master_start)]),
        worker: all(&[&p.post_fork, &p.accepting]),
        first_worker: p.accepting_first.clone(),
    }
}

/// The environment of a worker: that of the application, and the contract.
fn environment(
    i: &Instance,
    listeners: usize,
    queues: usize,
    log: Option<&str>,
) -> Result<Vec<CString>, SpawnError> {
    let mut all = variables(i);
    let first = 3 + listeners;
    let contract = [
        (env::LISTEN_FDS, listeners.to_string()),
        (env::SETTINGS_FD, first.to_string()),
        (env::CONTROL_FD, (first + 1).to_string()),
        (env::SCOREBOARD_FD, (first + 2).to_string()),
        (env::HANDOVER_FDS, format!("{},{}", first + 3, first + 4)),
        (env::SHARED_FD, (first + 5).to_string()),
    ];
    all.extend(contract.map(|(name, value)| (name.into(), value.into())));
    let behind = first + 6;
    if queues > 0 {
        all.insert(env::QUEUE_FDS.into(), format!("{behind}").into());
    }
    if let Some(how) = log {
        all.insert(env::LOG.into(), format!("{how}:{}", behind + queues).into());
    }
    let joined = all.into_iter().map(|(name, value)| {
        let mut text = name.into_vec();
        text.push(b'=');
        text.extend(value.into_vec());
        Ok(CString::new(text)?)
    });
    joined.collect()
}

/// Only root may raise a hard limit: for others a lower one that is there already stays.
fn within_hard_limit(resource: Resource, value: u64) -> u64 {
    match nix::sys::resource::getrlimit(resource) {
        Ok((_, hard)) if !nix::unistd::Uid::effective().is_root() => value.min(hard),
        _ => value,
    }
}

/// Start a process; returns its pid.
pub fn launch(i: &Instance, settings: &WorkerSettings, inherited: &Inherited<'_>) -> Result<i32, SpawnError> {
    let program = inherited.program;
    let document =
        memfd_create(c"uswgi-settings", MFdFlags::MFD_CLOEXEC).map_err(|e| SpawnError::Settings(e.into()))?;
    let mut document = File::from(document);
    let text = serde_json::to_vec(settings).map_err(|e| SpawnError::Settings(e.into()))?;
    document.write_all(&text).and_then(|()| document.rewind()).map_err(SpawnError::Settings)?;

    let mut descriptors: Vec<BorrowedFd<'_>> = inherited.listeners.iter().map(|l| l.fd.as_fd()).collect();
    descriptors.extend([document.as_fd(), inherited.control, inherited.scoreboard]);
    descriptors.extend(inherited.handover);
    descriptors.push(inherited.shared);
    descriptors.extend(&inherited.queues);
    descriptors.extend(inherited.log.map(|(_, fd)| fd));
    let path = CString::new(program.as_os_str().as_bytes())?;
    // With its path: where there is no /proc it knows by that where it is installed.
    let mut arguments = vec![path.clone()];
    if let Some(home) = &i.home {
        arguments.push(CString::new("--home")?);
        arguments.push(CString::new(home.as_os_str().as_bytes())?);
    }
    if i.no_site {
        arguments.push(CString::new("--no-site")?);
    }
    if i.optimize > 0 {
        arguments.push(CString::new(format!("--optimize={}", i.optimize))?);
    }
    let limits: Vec<(Resource, u64)> =
        [(Resource::RLIMIT_AS, i.limit_as), (Resource::RLIMIT_NPROC, i.limit_nproc)]
            .into_iter()
            .filter(|&(_, value)| value != 0)
            .map(|(resource, value)| (resource, within_hard_limit(resource, value)))
            .collect();
    exec::spawn(&exec::Launch {
        program: &path,
        arguments: &arguments,
        environment: &environment(
            i,
            inherited.listeners.len(),
            inherited.queues.len(),
            inherited.log.map(|(how, _)| how),
        )?,
        descriptors: &descriptors,
        output: inherited.output,
        limits: &limits,
        blocked: &uswgi_proto::signals::WORKER_NOTICE,
        // It imports the application, beside workers that serve: what it forks goes without.
        boost: if settings.role == Role::Template { i.reload_boost as i32 } else { 0 },
    })
    .map_err(|source| SpawnError::Exec { program: program.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sockets::tests::instance;
    use crate::supervisor::Seat;

    /// A worker that runs alone (`uswgi-worker --serve`) behaves as one below a master: it cut slow clients after 4 s
    /// where they have 30.
    #[test]
    fn a_worker_alone_has_the_defaults_of_one_below_a_master() {
        let kind = ProcessKind::Worker(Seat { slot: 0, worker_id: 1 });
        let birth = Birth {
            child: 1,
            kind,
            generation: 1,
            max_requests: 0,
            need_app: true,
            paused: false,
            watched: false,
        };
        let below = settings_for(&instance(), &birth);
        let alone = WorkerSettings::alone(Role::Worker);
        let app = settings::Application { apps: below.app.apps.clone(), ..alone.app.clone() };
        let (listeners, options) = (below.listeners.clone(), below.options.clone());
        assert_eq!(below, WorkerSettings { app, listeners, options, ..alone });
        assert_eq!((below.timeouts.socket, below.timeouts.http), (30, 30));
    }
}
