//! The template: a process that has imported the application once and forks workers on request.
//! It serves nothing and adds no thread of its own. Threads that the application started while it was
//! imported live on here only, as in uWSGI's master; the first worker looks which of them it has again.

use crate::collector;
use crate::gateway::wsgi;
use crate::py::{self, ForkSide};
use crate::threads;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pyo3::prelude::*;
use pyo3::types::PyModule;
use std::os::fd::OwnedFd;
use uswgi_proto::background::Aide;
use uswgi_proto::control::{ToMaster, ToWorker};
use uswgi_proto::exit::Exit;
use uswgi_proto::settings::Role;
use uswgi_serve::control::{Control, FromMaster};
use uswgi_serve::say;

/// Who a forked process is.
pub(crate) struct Identity {
    pub(crate) slot: u32,
    pub(crate) worker_id: u32,
    pub(crate) aide: Option<Aide>,
    pub(crate) max_requests: u64,
    pub(crate) paused: bool,
    /// It tells the master of tracebacks.
    pub(crate) watched: bool,
    pub(crate) control: Control,
    /// Of the first one: the threads that ran here.
    pub(crate) threads: Vec<String>,
}

/// How the loop ended.
pub(crate) enum Left {
    /// In a new process: be this worker.
    Worker(Identity),
    /// In the template: end with this code.
    Exit(Exit),
}

/// Fork workers until the master closes the control socket. Returns in every forked process too.
pub(crate) fn serve(py: Python<'_>, control: Control) -> Left {
    if let Err(e) = make_common(py) {
        py::print_exception(py, &e);
    }
    let mut running = threads::others(py);
    let preferred = uswgi_serve::sys::is_reset_on_fork();
    control.send(&ToMaster::Ready);
    loop {
        match py.detach(|| control.receive(true)) {
            Ok(FromMaster::Message(
                ToWorker::Fork { slot, worker_id, aide, max_requests, paused, watched },
                descriptors,
            )) => {
                let Some((socket, output)) = given(descriptors) else { continue };
                if let Some(own) = fork(py, &control, (worker_id, aide, preferred), socket) {
                    output.iter().for_each(uswgi_serve::log::reopen);
                    let threads = running;
                    return Left::Worker(Identity {
                        slot,
                        worker_id,
                        aide,
                        max_requests,
                        paused,
                        watched,
                        control: own,
                        threads,
                    });
                }
                running.clear();
            }
            Ok(FromMaster::Message(ToWorker::ReopenLogs, files)) => {
                files.first().into_iter().for_each(uswgi_serve::log::reopen);
            }
            Ok(FromMaster::Message(ToWorker::Retire { .. }, _) | FromMaster::Gone) => {
                return Left::Exit(Exit::Ok);
            }
            Ok(FromMaster::Message(..) | FromMaster::Nothing) => {}
            Err(e) => {
                say!("the template cannot read its control socket: {e}");
                return Left::Exit(Exit::Failed);
            }
        }
    }
}

/// Make once, in pages that the workers share, what each of them would make for itself, and keep those shared.
fn make_common(py: Python<'_>) -> PyResult<()> {
    PyModule::import(py, "threading")?;
    wsgi::make_types(py)?;
    collector::freeze(py)
}

/// What comes with a fork: the worker's control socket, and its stdout and stderr where it has its own.
fn given(descriptors: Vec<OwnedFd>) -> Option<(OwnedFd, Option<OwnedFd>)> {
    let mut descriptors = descriptors.into_iter();
    Some((descriptors.next()?, descriptors.next()))
}

/// In the new process its control socket, in the template None.
fn fork(
    py: Python<'_>,
    control: &Control,
    (worker_id, aide, preferred): (u32, Option<Aide>, bool),
    socket: OwnedFd,
) -> Option<Control> {
    py::flush(py);
    let failed = |message: String| control.send(&ToMaster::ForkFailed { worker_id, aide, message });
    let own = Control::new(socket);
    // Before the application's fork hooks: of one that dies in them the master knows how it ended.
    let born = || {
        if preferred {
            // Its nice value may be the template's until it accepts, which is nobody's whom it starts meanwhile.
            uswgi_serve::sys::reset_on_fork();
        }
        uswgi_serve::sys::parent_death_signal(0);
        own.hello(if aide.is_some() { Role::Aide } else { Role::Worker }, "");
        // Nobody waits for it any more, and its slot may be somebody else's: it runs nothing of the application.
        if own.is_unwanted() {
            uswgi_serve::sys::exit_now(Exit::Ok.code());
        }
    };
    match py::fork_twice(py, born) {
        Ok(ForkSide::Child { intermediate }) => {
            wait_for_new_parent(intermediate);
            Some(own)
        }
        Ok(ForkSide::Parent(0)) => None,
        Ok(ForkSide::Parent(status)) => {
            let errno = nix::Error::from_raw((status >> 8) & 0x7f);
            failed(format!("fork: {errno}"));
            None
        }
        Err(e) => {
            failed(format!("fork: {e}"));
            None
        }
    }
}

/// The application finds the master as its parent. The intermediate has mostly ended by now; a worker that dies before
/// it does is the master's to reap then, as any orphan.
fn wait_for_new_parent(intermediate: i32) {
    let still = || nix::unistd::getppid().as_raw() == intermediate;
    if !still() {
        return;
    }
    if let Ok(fd) = uswgi_proto::instance::pidfd_open(intermediate) {
        let mut fds = [PollFd::new(std::os::fd::AsFd::as_fd(&fd), PollFlags::POLLIN)];
        let _ = poll(&mut fds, PollTimeout::NONE);
    }
    while still() {
        std::thread::yield_now();
    }
}
