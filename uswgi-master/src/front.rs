//! The front of an instance: which sockets it has, and the processes that serve them. Decides when one starts, leaves and
//! ends; what it does is `uswgi_front`'s.
//!
//! A reload that changes nothing of it leaves it alone. Otherwise a new process takes the sockets, and the old one stays for
//! the connections that it has: a handshake cannot be handed over.
#![forbid(unsafe_code)]

use crate::sockets::Listener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};
use uswgi_conf::instance::{Instance, Origin};
use uswgi_front::certificates::CertificateError;
use uswgi_front::plan::{Entrance, EntranceKind, FrontPlan};
use uswgi_front::process::{FrontProcess, LAST};
use uswgi_keep::{log, sys};
use uswgi_proto::control::ToWorker;

/// Loops of a process at most: one passes tens of thousands of requests a second on.
const MOST_THREADS: usize = 8;
/// How long one must live to be followed at once.
const AGAIN: Duration = Duration::from_secs(1);

/// A socket that cannot speak TLS.
#[derive(Debug, thiserror::Error)]
#[error("{origin}{name}: {source}")]
pub struct FrontError {
    /// `uwsgi.ini:3: `, or empty.
    origin: String,
    /// As configured.
    name: String,
    /// What is wrong and what to do.
    source: CertificateError,
}

fn prefix(origin: &Origin) -> String {
    if origin.source.is_empty() { String::new() } else { format!("{origin}: ") }
}

/// Read all that the front needs, with the rights of the moment.
pub fn plan(i: &Instance) -> Result<Rc<FrontPlan>, FrontError> {
    let mut entrances = Vec::new();
    for (index, socket) in i.sockets.iter().enumerate() {
        let fail = |source| FrontError { origin: prefix(&socket.origin), name: socket.name.clone(), source };
        if let Some(kind) = EntranceKind::read(&socket.front, &i.tls).map_err(fail)? {
            let (name, protocol, proxied) = (socket.name.clone(), socket.protocol, socket.proxied);
            entrances.push(Entrance { listener: index as u16, name, kind, protocol, proxied });
        }
    }
    Ok(Rc::new(FrontPlan {
        entrances,
        trusted: i.headers.trusted.clone(),
        patience: Duration::from_secs(i.timeouts.http.max(1).into()),
        threads: std::thread::available_parallelism().map_or(1, |n| n.get().min(MOST_THREADS)),
    }))
}

/// Its processes.
pub struct Fronts {
    /// Where connections wait that it has taken, to be watched as a socket; None: without a descriptor for it.
    pub(crate) passed: Option<Rc<Listener>>,
    /// The one that takes connections, and what it does.
    current: Option<(FrontProcess, Rc<FrontPlan>)>,
    /// Those that have some still.
    leaving: Vec<FrontProcess>,
    /// The generation that was looked at last.
    generation: u64,
    started: Option<Instant>,
    /// The workers have gone; until when clients may take what is left.
    end: Option<Instant>,
}

impl Fronts {
    /// None yet. `passed` is where workers take connections from.
    pub(crate) fn new(passed: &OwnedFd) -> Fronts {
        let passed = passed.try_clone().ok().map(|fd| Rc::new(Listener::passed(fd)));
        Fronts { passed, current: None, leaving: Vec::new(), generation: 0, started: None, end: None }
    }

    /// Whether it was not asked yet to serve this generation, or has died.
    pub(crate) fn is_behind(&self, generation: u64) -> bool {
        self.generation != generation
    }

    /// Serve what this generation wants.
    pub(crate) fn follow(
        &mut self,
        generation: u64,
        plan: &Rc<FrontPlan>,
        listeners: &[Rc<Listener>],
        workers: BorrowedFd<'_>,
    ) {
        if self.started.is_some_and(|at| self.current.is_none() && at.elapsed() < AGAIN) {
            return;
        }
        self.generation = generation;
        if self.current.as_ref().is_some_and(|(_, had)| had == plan) {
            return;
        }
        if let Some((process, _)) = self.current.take() {
            let _ = process.tell(&ToWorker::Retire { hand_over: true }, None);
            self.leaving.push(process);
        }
        if plan.entrances.is_empty() {
            return;
        }
        let entrances: Vec<_> =
            plan.entrances.iter().filter_map(|d| listeners.get(usize::from(d.listener))).collect();
        let fds: Vec<BorrowedFd<'_>> = entrances.iter().map(|l| l.as_fd()).collect();
        self.started = Some(Instant::now());
        match FrontProcess::start(plan, &fds, workers) {
            Ok(process) => {
                let named = plan
                    .entrances
                    .iter()
                    .zip(&entrances)
                    .map(|(d, l)| format!("{} ({})", l.shown, d.kind.spoken()));
                let named = named.collect::<Vec<_>>().join(", ");
                log::line(format_args!("front (pid {}) serves {named}", process.pid));
                self.current = Some((process, plan.clone()));
            }
            Err(e) => {
                log::line(format_args!("the front cannot be started: {e}; trying again in a second"));
                self.generation = 0;
            }
        }
    }

    /// A process was reaped: whether it was one of these. The one that served is followed with the next look.
    pub(crate) fn reaped(&mut self, pid: i32) -> bool {
        let before = self.leaving.len();
        self.leaving.retain(|process| process.pid != pid);
        if self.current.take_if(|(process, _)| process.pid == pid).is_some() {
            self.generation = 0;
            if self.end.is_none() {
                log::line(format_args!(
                    "the front (pid {pid}) has died: its connections are lost, another one starts"
                ));
            }
            return true;
        }
        before != self.leaving.len()
    }

    /// Whether it has to be looked at each second.
    pub(crate) fn needs_looks(&self) -> bool {
        self.generation == 0 && self.started.is_some() && self.end.is_none()
    }

    fn all(&self) -> impl Iterator<Item = &FrontProcess> {
        self.current.iter().map(|(process, _)| process).chain(&self.leaving)
    }

    /// Everybody writes to this file from now on.
    pub(crate) fn reopen(&self, file: BorrowedFd<'_>) {
        for process in self.all() {
            let _ = process.tell(&ToWorker::ReopenLogs, Some(file));
        }
    }

    /// The instance stops: nothing more is accepted.
    pub(crate) fn close(&mut self) {
        if let Some((process, _)) = self.current.take() {
            let _ = process.tell(&ToWorker::Retire { hand_over: true }, None);
            self.leaving.push(process);
        }
    }

    /// The workers have gone: whether these have, too. They get a while for what clients have not taken yet.
    pub(crate) fn is_gone(&mut self) -> bool {
        self.close();
        let now = Instant::now();
        if self.end.is_none() {
            self.end = Some(now + LAST + AGAIN);
            for process in self.all() {
                let _ = process.tell(&ToWorker::Retire { hand_over: false }, None);
            }
        }
        if self.end.is_some_and(|end| end <= now) {
            for process in self.leaving.drain(..) {
                let _ = sys::kill(process.pid, nix::libc::SIGKILL);
            }
        }
        self.leaving.is_empty()
    }

    /// When to look whether its time is over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.end.filter(|_| !self.leaving.is_empty())
    }
}
