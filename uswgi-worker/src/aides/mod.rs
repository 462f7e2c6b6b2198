//! Aides: processes that have the application and serve no request.
//!
//! * `spooler`: runs the tasks of a folder. * `mule`: runs a script, or waits for messages.
//!
//! What both need of Python is here; what is done without it stands in `uswgi_serve::{aide, spooler, messages}`.

mod mule;
mod spooler;

use crate::api;
use crate::interpreter::CPython;
use crate::py as python;
use nix::sys::signal::Signal;
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use std::sync::Arc;
use uswgi_proto::background::{Aide, AideKind, BesideRequests};
use uswgi_proto::control::ToMaster;
use uswgi_proto::exit::Exit;
use uswgi_serve::aide::{Link, Watch};
use uswgi_serve::contract::Inherited;
use uswgi_serve::engine::Leaving;
use uswgi_serve::interpreter::Interpreter;
use uswgi_serve::{log, say, sys, title};

/// Title of an aide in ps and top.
pub(crate) fn title_of(prefix: &str, aide: Aide) -> String {
    format!("{prefix}uswgi-worker: {aide}")
}

/// The whole life of an aide that has the application.
pub(crate) fn live(py: Python<'_>, inherited: Inherited, aide: Aide) -> Exit {
    let Inherited { settings, control, board, .. } = inherited;
    let Some(control) = control else {
        say!("{aide} needs a control socket");
        return Exit::Usage;
    };
    title::set(&title_of(&settings.procname_prefix, aide));
    log::count_for(board.as_ref());
    let shared = api::signals::shared_queues(aide, &settings.background);
    let link = match Link::new(aide, settings.slot, control, board, shared) {
        Ok(link) => link,
        Err(e) => {
            say!("{aide} cannot start: {e}");
            return Exit::Failed;
        }
    };
    sys::parent_death_signal(0);
    sys::notice_forks();
    api::state::become_aide(&link);
    if let Err(e) = mule::install_interruption(py, &link).and_then(|()| Ok(link.watch(CPython, Beside)?)) {
        python::print_exception(py, &e);
        return Exit::Failed;
    }
    // Before the application's hooks: that of a decorator may be the mule's whole life.
    link.send(&ToMaster::Ready);
    let ran = api::hooks::post_fork(py).and_then(|()| work(py, &link, &settings.background));
    let exit = ended(py, &link, ran);
    // What it starts at its end is not waited for longer than its mercy.
    api::hooks::at_exit(py);
    exit
}

fn work(py: Python<'_>, link: &Arc<Link>, background: &BesideRequests) -> PyResult<()> {
    match link.aide.kind {
        AideKind::Spooler => spooler::run(py, link, background),
        AideKind::Mule => mule::run(py, link, background),
    }
}

fn ended(py: Python<'_>, link: &Link, ran: PyResult<()>) -> Exit {
    match ran {
        _ if link.leaving() == Leaving::Orphaned => Exit::MasterGone,
        Ok(()) => Exit::Ok,
        Err(e) if e.is_instance_of::<PySystemExit>(py) && link.is_leaving() => Exit::Ok,
        Err(e) => {
            let code = e.value(py).getattr("code").ok().and_then(|c| c.extract::<i32>().ok());
            match code.filter(|_| e.is_instance_of::<PySystemExit>(py)) {
                Some(0) => Exit::Ok,
                _ => {
                    python::print_exception(py, &e);
                    Exit::Failed
                }
            }
        }
    }
}

/// The thread beside an aide.
struct Beside;

impl Watch for Beside {
    fn leave(&self, link: &Link) {
        mule::interrupt(link);
    }

    fn late(&self, link: &Link) {
        let what = link.slot().and_then(|s| s.current.read()).filter(|t| !t.is_empty());
        let what = what.map_or("its message".to_string(), |task| format!("task {task}"));
        say!("{} meets its harakiri in {what}: killed", link.aide);
        match CPython.stacks(|_| true) {
            Some(text) => say!("{}", text.trim_end()),
            None => say!("the stacks are not to be had"),
        }
        let _ = nix::sys::signal::raise(Signal::SIGKILL);
    }
}
