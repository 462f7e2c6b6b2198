//! A spooler: each task is given to `uswgi.spooler`, as uWSGI gives it.

use crate::api::signals;
use crate::api::spool::{CurrentTask, environ_of, results};
use crate::api::state::{breathe, module};
use crate::py as python;
use pyo3::intern;
use pyo3::prelude::*;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use uswgi_proto::background::BesideRequests;
use uswgi_serve::aide::Link;
use uswgi_serve::say;
use uswgi_serve::spooler::{NextTask, Spooler, TaskOutcome};
use uswgi_spool::TaskClaim;

/// Until told to leave.
pub(super) fn run(py: Python<'_>, link: &Arc<Link>, background: &BesideRequests) -> PyResult<()> {
    let rules = &background.spool;
    let Some(folder) = background.folder(link.aide.number) else { return Ok(()) };
    let directory = rules.chdir.as_deref().unwrap_or(&folder.path);
    for module in &rules.imports {
        if let Err(e) = crate::app::import_named(py, module) {
            say!("{}: {module} is left out, as it cannot be imported:", link.aide);
            python::print_exception(py, &e);
        }
    }
    std::env::set_current_dir(directory)?;
    let mut spooler = py.detach(|| Spooler::new(link, &folder.path, rules));
    loop {
        match py.detach(|| spooler.next_task()) {
            NextTask::Leave => return Ok(()),
            NextTask::Interrupted => breathe(py)?,
            NextTask::Signal(signal) => signals::run_handler(py, signal),
            NextTask::Task(claim) => {
                let began = Instant::now();
                if !rules.quiet {
                    say!("{}: task {} begins", link.aide, claim.name());
                }
                let outcome = run_task(py, &claim);
                if !rules.quiet {
                    tell(link, &claim, &outcome, began);
                }
                if rules.chdir.is_some() {
                    std::env::set_current_dir(directory)?;
                }
                py.detach(|| spooler.finish(*claim, outcome));
            }
        }
    }
}

fn tell(link: &Link, claim: &TaskClaim, outcome: &TaskOutcome, began: Instant) {
    let ms = began.elapsed().as_millis();
    let what = match outcome {
        TaskOutcome::Done => format!("is done after {ms} ms"),
        TaskOutcome::Again => format!("has run for {ms} ms, and is to run again"),
        TaskOutcome::Failed(_) => format!("has raised an exception after {ms} ms, and is to run again"),
    };
    say!("{}: task {} {what}", link.aide, claim.name());
}

fn run_task(py: Python<'_>, claim: &TaskClaim) -> TaskOutcome {
    let called = || -> PyResult<Option<i64>> {
        let environ = environ_of(py, Path::new(claim.name().as_str()), &claim.task)?;
        let Some(function) = module(py)?.getattr_opt(intern!(py, "spooler"))?.filter(|f| f.is_callable())
        else {
            say!(
                "there is no function uwsgi.spooler for task {}: is the module loaded that sets it?",
                claim.name()
            );
            return Ok(Some(results::IGNORE));
        };
        let _current = CurrentTask::set(claim.path(), &environ);
        // Anything but SPOOL_OK leaves the task, a value that is no number too, as on uWSGI.
        Ok(function.call1((environ,))?.extract().ok())
    };
    match called() {
        Ok(Some(results::OK)) => TaskOutcome::Done,
        Ok(_) => TaskOutcome::Again,
        Err(e) => {
            python::print_exception(py, &e);
            TaskOutcome::Failed(e.to_string())
        }
    }
}
