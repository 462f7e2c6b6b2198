//! Programs that end with this process: started under a guard that hears of each, writing into pipes that are read here.
//!
//! It must never start one without a guard, nor decide which.
#![forbid(unsafe_code)]

use crate::events::{Events, Wake};
use crate::guard::Guard;
use crate::lines::Outputs;
use crate::log;
use crate::program::{self, Bond};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

/// A program cannot be started, or not so that it ends with this process.
#[derive(Debug, thiserror::Error)]
pub enum BondError {
    /// Without a guard nothing starts.
    #[error("its guard cannot be started: {0}")]
    Guard(io::Error),
    /// The pipe for what it writes.
    #[error(transparent)]
    Pipe(#[from] nix::Error),
    /// The program itself.
    #[error(transparent)]
    Program(#[from] io::Error),
}

/// The guard and the pipes of all of them. It owns the reading ends; dropping it ends the guard, which ends nothing then.
pub struct Bonds<W> {
    /// What these programs are called, for messages: "daemons and jobs".
    what: &'static str,
    /// What the loop is woken by, for [`Bonds::written`].
    wake: fn(u64) -> W,
    outputs: Outputs,
    /// Ends them when this process is killed; there once something was started.
    guard: Option<Guard>,
}

impl<W: Wake> Bonds<W> {
    /// None yet. Something that one of them writes wakes the loop with `wake`.
    pub fn new(what: &'static str, wake: fn(u64) -> W) -> Bonds<W> {
        Bonds { what, wake, outputs: Outputs::default(), guard: None }
    }

    /// Start one, in a group of its own. With this process it ends by this signal, and by SIGKILL after the mercy.
    pub fn spawn(
        &mut self,
        command: &mut Command,
        signal: i32,
        mercy: Duration,
        events: &Events<W>,
    ) -> Result<i32, BondError> {
        let writer = self.output(events)?;
        command.stdout(writer.try_clone()?).stderr(writer);
        let bond = self.bond(signal, mercy)?;
        Ok(program::spawn(command, Some(bond), true)?.id() as i32)
    }

    /// What ties one to this process.
    pub fn bond(&mut self, signal: i32, mercy: Duration) -> Result<Bond<'_>, BondError> {
        Ok(Bond { guard: self.guard()?, signal, mercy })
    }

    /// Nothing that is to end with this process starts without a guard.
    fn guard(&mut self) -> Result<&Guard, BondError> {
        let guard = match self.guard.take() {
            Some(guard) => guard,
            None => Guard::start().map_err(BondError::Guard)?,
        };
        Ok(self.guard.insert(guard))
    }

    /// A pipe for what one writes; the other end is read from now on.
    pub fn output(&mut self, events: &Events<W>) -> Result<OwnedFd, BondError> {
        self.guard()?;
        let (token, writer) = self.outputs.pipe()?;
        if let Some(fd) = self.outputs.fd(token) {
            events.watch(fd, (self.wake)(token), false)?;
            // Without it a program that writes after our end is killed, no more.
            self.guard.iter().for_each(|guard| drop(guard.read_later(fd)));
        }
        Ok(writer)
    }

    /// One has written something, or has closed its end.
    pub fn written(&mut self, token: u64, events: &Events<W>) {
        if let Some(ended) = self.outputs.read(token) {
            events.forget(ended.as_fd());
        }
    }

    /// What is left of what they wrote.
    pub fn drain(&mut self) {
        self.outputs.drain();
    }

    /// A group is gone: its number may be another's from now on.
    pub fn forget(&self, group: i32) {
        self.guard.iter().for_each(|guard| guard.forget(group));
    }

    /// Whether this process is the guard.
    pub fn is_guard(&self, pid: i32) -> bool {
        self.guard.as_ref().is_some_and(|g| g.pid() == pid)
    }

    /// Somebody has killed the guard: another one watches over these groups, each with its signal.
    pub fn renew_guard(&mut self, mut bound: impl Iterator<Item = (i32, i32)>, mercy: Duration) {
        self.guard.iter_mut().for_each(Guard::reaped);
        self.guard = None;
        let told = Guard::start().and_then(|guard| {
            bound.try_for_each(|(group, signal)| guard.add(group, signal, mercy))?;
            self.outputs.fds().try_for_each(|fd| guard.read_later(fd))?;
            Ok(guard)
        });
        match told {
            Ok(guard) => {
                log::line(format_args!(
                    "the guard of {} was killed; pid {} is it now",
                    self.what,
                    guard.pid()
                ));
                self.guard = Some(guard);
            }
            Err(e) => log::line(format_args!(
                "the guard of {} was killed, and there is no other ({e}): they may outlive a {} that is killed",
                self.what,
                log::role()
            )),
        }
    }
}
