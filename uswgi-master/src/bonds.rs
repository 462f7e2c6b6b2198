//! Programs that end with the master: started under a guard that hears of each, writing into pipes that are read here.
//!
//! It must never start one without a guard, nor decide which.
#![forbid(unsafe_code)]

use crate::events::{Events, Woken};
use crate::lines::Outputs;
use crate::log;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::time::Duration;
use uswgi_keep::guard::Guard;
use uswgi_keep::program::{self, Bond};

/// The guard and the pipes of all of them.
#[derive(Default)]
pub(crate) struct Bonds {
    outputs: Outputs,
    /// Ends them when this process is killed; there once something was started.
    guard: Option<Guard>,
}

impl Bonds {
    /// Start one, in a group of its own. With the master it ends by this signal, and by SIGKILL after the mercy.
    pub(crate) fn spawn(
        &mut self,
        command: &mut Command,
        signal: i32,
        mercy: Duration,
        events: &Events,
    ) -> Result<i32, String> {
        let writer = self.output(events)?;
        command.stdout(writer.try_clone().map_err(|e| e.to_string())?).stderr(writer);
        let bond = self.bond(signal, mercy)?;
        program::spawn(command, Some(bond), true).map(|child| child.id() as i32).map_err(|e| e.to_string())
    }

    /// What ties one to this process.
    pub(crate) fn bond(&mut self, signal: i32, mercy: Duration) -> Result<Bond<'_>, String> {
        Ok(Bond { guard: self.guard()?, signal, mercy })
    }

    /// Nothing that is to end with the instance starts without a guard.
    fn guard(&mut self) -> Result<&Guard, String> {
        let guard = match self.guard.take() {
            Some(guard) => guard,
            None => Guard::start().map_err(|e| format!("its guard cannot be started: {e}"))?,
        };
        Ok(self.guard.insert(guard))
    }

    /// A pipe for what one writes; the other end is read from now on.
    pub(crate) fn output(&mut self, events: &Events) -> Result<OwnedFd, String> {
        self.guard()?;
        let (token, writer) = self.outputs.pipe().map_err(|e| e.to_string())?;
        if let Some(fd) = self.outputs.fd(token) {
            events.watch(fd, Woken::Output(token), false).map_err(|e| e.to_string())?;
            // Without it a program that writes after our end is killed, no more.
            self.guard.iter().for_each(|guard| drop(guard.read_later(fd)));
        }
        Ok(writer)
    }

    /// One has written something, or has closed its end.
    pub(crate) fn written(&mut self, token: u64, events: &Events) {
        if let Some(ended) = self.outputs.read(token) {
            events.forget(ended.as_fd());
        }
    }

    /// What is left of what they wrote.
    pub(crate) fn drain(&mut self) {
        self.outputs.drain();
    }

    /// A group is gone: its number may be another's from now on.
    pub(crate) fn forget(&self, group: i32) {
        self.guard.iter().for_each(|guard| guard.forget(group));
    }

    /// Whether this process is the guard.
    pub(crate) fn is_guard(&self, pid: i32) -> bool {
        self.guard.as_ref().is_some_and(|g| g.pid() == pid)
    }

    /// Somebody has killed the guard: another one watches over these groups, each with its signal.
    pub(crate) fn renew_guard(&mut self, mut bound: impl Iterator<Item = (i32, i32)>, mercy: Duration) {
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
                    "the guard of daemons and jobs was killed; pid {} is it now",
                    guard.pid()
                ));
                self.guard = Some(guard);
            }
            Err(e) => log::line(format_args!(
                "the guard of daemons and jobs was killed, and there is no other ({e}): they may outlive a master that is killed"
            )),
        }
    }
}
