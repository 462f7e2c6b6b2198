//! The steps of the master's own phases (`exec-*`, `hook-*`): before anything, before the sockets, as root,
//! as the user, before the first process, and at the end. Those of the application run in the worker.
//!
//! The master waits for each step, as nothing serves yet (or any more).
#![forbid(unsafe_code)]

use crate::privs;
use crate::shell::shell;
use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;
use uswgi_conf::instance::Instance;
use uswgi_keep::guard::Guard;
use uswgi_keep::program::{self, Bond};
use uswgi_keep::{log, sys};
use uswgi_proto::step::{Act, Runner, Step, StepError};

/// Which process runs the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The master itself, at the start and at the end: a stop signal ends what it waits for.
    Master,
    /// A forked child with a group of its own: a stop signal goes to the whole group, and the master decides how long
    /// that may take.
    Child,
}

struct StepRunner<'a>(&'a mut Instance, By);

impl Runner for StepRunner<'_> {
    fn exec(&mut self, command: &str) -> io::Result<ExitStatus> {
        let mut command = shell(self.0, command);
        if self.1 == By::Master {
            // Our own signals are blocked; the start must not be deaf.
            return program::run(&mut command, sys::stop_is_pending);
        }
        // In our group. What it started must not outlive us there either.
        let guard = Guard::start()?;
        let bond = Bond { guard: &guard, signal: nix::libc::SIGKILL, mercy: Duration::ZERO };
        program::spawn(&mut command, Some(bond), false)?.wait()
    }

    fn wait(&mut self, time: Duration) -> io::Result<()> {
        if sys::stop_is_pending() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        std::thread::park_timeout(time);
        Ok(())
    }

    /// For the steps that follow, the workers and everything beside them.
    fn set_variable(&mut self, name: &str, value: &str) {
        self.0.env.push((name.to_string(), Some(value.to_string())));
    }

    fn chown(&mut self, path: &Path, user: &str, group: &str) -> io::Result<()> {
        privs::chown(path, user, group)
    }

    fn say(&mut self, line: &str) {
        log::line(line);
    }
}

/// Paths of a step are relative to the directory of the application, which the master does not enter.
fn placed(step: &Step, i: &Instance) -> Step {
    let at = |path: &String| match &i.app.chdir {
        Some(dir) => dir.join(path).to_string_lossy().into_owned(),
        None => path.clone(),
    };
    let act = match &step.act {
        Act::Mkdir(p) => Act::Mkdir(at(p)),
        Act::Chmod(p, mode) => Act::Chmod(at(p), *mode),
        Act::Sticky(p) => Act::Sticky(at(p)),
        Act::Chown(p, user, group) => Act::Chown(at(p), user.clone(), group.clone()),
        Act::Create(p) => Act::Create(at(p)),
        Act::Write(p, text, append) => Act::Write(at(p), text.clone(), *append),
        Act::WriteFifo(p, text) => Act::WriteFifo(at(p), text.clone()),
        Act::Unlink(p) => Act::Unlink(at(p)),
        Act::WaitFor(p, wanted, seconds) => Act::WaitFor(at(p), *wanted, *seconds),
        other => other.clone(),
    };
    Step { name: step.name.clone(), act }
}

/// Run the steps of a phase, until one fails.
pub(crate) fn run(steps: &[Step], i: &mut Instance, by: By) -> Result<(), StepError> {
    steps.iter().try_for_each(|step| placed(step, i).run(&mut StepRunner(i, by)))
}

/// The same in the directory of the start: uWSGI changes to `chdir` after these phases.
pub(crate) fn run_here(steps: &[Step], i: &mut Instance, by: By) -> Result<(), StepError> {
    let chdir = i.app.chdir.take();
    let ran = run(steps, i, by);
    i.app.chdir = chdir;
    ran
}

/// The steps of the start that a reload runs again, as uWSGI does when it starts itself anew; whether they are relative
/// to the directory of the start. Those around the jail are not among them: sockets and jail stay. Nor is the end.
pub(crate) fn again(i: &Instance) -> [(Vec<Step>, bool); 4] {
    let p = &i.tasks.phases;
    let root = nix::unistd::Uid::effective().is_root();
    let as_root = if root { p.as_root.clone() } else { Vec::new() };
    // The locks of the start are held already.
    let asap = p.asap.iter().filter(|s| !matches!(s.act, Act::Lock(..))).cloned().collect();
    [(asap, true), (as_root, true), (p.as_user.clone(), true), (p.master_start.clone(), false)]
}

/// Run the steps of the end: a failure is said, and the next one runs.
pub(crate) fn run_all(steps: &[Step], i: &mut Instance, by: By) {
    for step in steps {
        if let Err(e) = run(std::slice::from_ref(step), i, by) {
            log::line(e);
        }
    }
}
