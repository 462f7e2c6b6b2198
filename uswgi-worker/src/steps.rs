//! Steps (`exec-*`, `hook-*`) that run in the process that loads the application, or in each worker.
//! It must run before any thread of ours is started.

use nix::unistd::{Group, User};
use pyo3::prelude::*;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use uswgi_keep::program;
use uswgi_proto::step::{Runner, Step, StepError};
use uswgi_serve::control::Control;
use uswgi_serve::say;

struct StepsHere<'a>(Python<'a>, Option<&'a Control>);

impl StepsHere<'_> {
    /// Nobody waits for the steps any more.
    fn is_given_up(control: Option<&Control>) -> bool {
        control.is_some_and(Control::is_unwanted)
    }
}

impl Runner for StepsHere<'_> {
    fn exec(&mut self, command: &str) -> io::Result<ExitStatus> {
        let control = self.1;
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(command).stdin(Stdio::null());
        // Threads that the application has started go on meanwhile.
        self.0.detach(|| program::run(&mut shell, || StepsHere::is_given_up(control)))
    }

    fn wait(&mut self, time: Duration) -> io::Result<()> {
        if StepsHere::is_given_up(self.1) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.0.detach(|| std::thread::park_timeout(time));
        Ok(())
    }

    /// Through Python, which keeps a copy of the environment and writes the process's own.
    fn set_variable(&mut self, name: &str, value: &str) {
        let set = || self.0.import("os")?.getattr("environ")?.set_item(name, value);
        if let Err(e) = set() {
            say!("{name} cannot be set: {e}");
        }
    }

    fn chown(&mut self, path: &Path, user: &str, group: &str) -> io::Result<()> {
        let unknown = || io::Error::other(format!("there is no user {user} or no group {group}"));
        let uid = match user.parse() {
            Ok(number) => nix::unistd::Uid::from_raw(number),
            Err(_) => User::from_name(user)?.ok_or_else(unknown)?.uid,
        };
        let gid = match group.parse() {
            Ok(number) => nix::unistd::Gid::from_raw(number),
            Err(_) => Group::from_name(group)?.ok_or_else(unknown)?.gid,
        };
        Ok(nix::unistd::chown(path, Some(uid), Some(gid))?)
    }

    fn say(&mut self, line: &str) {
        say!("{line}");
    }
}

/// Run them in order until one fails; why it did. They are given up when the master wants this process to end.
pub(crate) fn run<'a>(
    py: Python<'_>,
    steps: impl IntoIterator<Item = &'a Step>,
    control: Option<&Control>,
) -> Result<(), StepError> {
    steps.into_iter().try_for_each(|step| step.run(&mut StepsHere(py, control)))
}
