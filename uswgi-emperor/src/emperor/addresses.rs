//! Programs that know at which address a vassal is waited for (`emperor-on-demand-exec`).
//!
//! Observed on uWSGI 2.0.31: the value is a shell command with the vassal's name behind it, run once when the vassal's file comes, in
//! the folder; the first line that it prints is the address, whatever its exit code, and a vassal of which it prints nothing starts at
//! once. uWSGI waits for it, here nobody does but that vassal; and the name, which may be anything, is an argument and never a part of
//! the command.
#![forbid(unsafe_code)]

use super::Emperor;
use crate::court::Event;
use crate::events::{Events, Woken};
use crate::files::Found;
use crate::hooks;
use crate::name::shown;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};
use uswgi_keep::log;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Programs at a time.
const AT_A_TIME: usize = 8;
/// Most bytes of an address.
const LONGEST: usize = 4096;

/// A program that was asked.
struct Asked {
    found: Box<Found>,
    program: Child,
    output: ChildStdout,
    said: Vec<u8>,
    until: Instant,
}

/// All that are asked, and those that will be.
#[derive(Default)]
pub(super) struct Addresses {
    running: BTreeMap<u64, Asked>,
    queue: VecDeque<Box<Found>>,
    last: u64,
}

/// The address in what a program has printed; None: more may come.
fn address(said: &[u8], over: bool) -> Option<String> {
    let end = said.iter().position(|&b| b == b'\n');
    let whole = over || end.is_some() || said.len() >= LONGEST;
    whole.then(|| String::from_utf8_lossy(&said[..end.unwrap_or(said.len())]).trim().to_string())
}

fn ask(
    command: &str,
    found: Box<Found>,
    number: u64,
    events: &Events,
) -> Result<Asked, (Box<Found>, io::Error)> {
    let mut shell = hooks::shell(&format!("{command} \"$1\""));
    shell.arg("sh").arg(&found.id).stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some(dir) = &found.directory {
        shell.current_dir(dir);
    }
    let started = shell.spawn().and_then(|mut program| {
        let output = program.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        events.watch(output.as_fd(), Woken::Addressed(number), false)?;
        Ok((program, output))
    });
    match started {
        Ok((program, output)) => {
            Ok(Asked { found, program, output, said: Vec::new(), until: Instant::now() + PATIENCE })
        }
        Err(e) => Err((found, e)),
    }
}

impl Addresses {
    /// When the patience with a program ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.running.values().map(|a| a.until).min()
    }

    /// The file of a vassal that is asked for, if it is.
    fn pending(&mut self, id: &OsString) -> Option<&mut Box<Found>> {
        let running = self.running.values_mut().map(|a| &mut a.found);
        running.chain(&mut self.queue).find(|f| f.id == *id)
    }

    /// Nobody wants to know any more.
    pub(super) fn forget(&mut self, id: &OsString, events: &Events) {
        self.queue.retain(|f| f.id != *id);
        let number = self.running.iter().find(|(_, a)| a.found.id == *id).map(|(&number, _)| number);
        if let Some(mut asked) = number.and_then(|number| self.running.remove(&number)) {
            events.forget(asked.output.as_fd());
            // Reaped with everybody else's.
            let _ = asked.program.kill();
        }
    }
}

impl Emperor<'_> {
    /// A file counts from now on.
    pub(super) fn added(&mut self, found: Box<Found>) {
        let s = &self.settings;
        let by_program =
            s.on_demand_exec.is_some() && s.on_demand_extension.is_none() && s.on_demand_directory.is_none();
        match by_program {
            true => {
                self.addresses.queue.push_back(found);
                self.ask_next();
            }
            false => self.add(found),
        }
    }

    /// A file was touched. Its program is not asked again, as on uWSGI.
    pub(super) fn touched(&mut self, mut found: Box<Found>) {
        if let Some(pending) = self.addresses.pending(&found.id) {
            **pending = *found;
            return;
        }
        if self.settings.on_demand_exec.is_some() && found.demand.is_none() {
            found.demand = self.court.get(&found.id).and_then(|v| v.file.demand.clone());
        }
        self.on(Event::Touched(found));
    }

    fn ask_next(&mut self) {
        while self.addresses.running.len() < AT_A_TIME
            && let Some(found) = self.addresses.queue.pop_front()
        {
            let command = self.settings.on_demand_exec.clone().unwrap_or_default();
            self.addresses.last += 1;
            let number = self.addresses.last;
            match ask(&command, found, number, &self.started.events) {
                Ok(asked) => drop(self.addresses.running.insert(number, asked)),
                Err((found, e)) => {
                    log::line(format_args!(
                        "vassal {}: emperor-on-demand-exec cannot be run ({e}): it starts at once",
                        shown(&found.id)
                    ));
                    self.add(found);
                }
            }
        }
    }

    /// A program has said something.
    pub(super) fn addressed(&mut self, number: u64) {
        let Some(asked) = self.addresses.running.get_mut(&number) else { return };
        let mut piece = [0; 1024];
        let over = match asked.output.read(&mut piece) {
            Ok(n) => {
                asked.said.extend(&piece[..n]);
                n == 0
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return,
            Err(_) => true,
        };
        if let Some(address) = address(&asked.said, over) {
            self.answered(number, address);
        }
    }

    fn answered(&mut self, number: u64, address: String) {
        let Some(asked) = self.addresses.running.remove(&number) else { return };
        self.started.events.forget(asked.output.as_fd());
        if self.court.is_stopping() {
            return;
        }
        let mut found = asked.found;
        found.demand = Some(address).filter(|a| !a.is_empty());
        self.add(found);
        self.ask_next();
    }

    /// Programs that take too long are killed.
    pub(super) fn expire_addresses(&mut self) {
        let now = Instant::now();
        let late = self.addresses.running.iter().filter(|(_, a)| a.until <= now).map(|(&number, _)| number);
        for number in late.collect::<Vec<_>>() {
            if let Some(asked) = self.addresses.running.get_mut(&number) {
                log::line(format_args!(
                    "vassal {}: emperor-on-demand-exec has said nothing for {} s: it starts at once",
                    shown(&asked.found.id),
                    PATIENCE.as_secs()
                ));
                let _ = asked.program.kill();
            }
            self.answered(number, String::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_address() {
        assert_eq!(address(b"/run/a", false), None);
        assert_eq!(address(b"/run/a.sock \nmore\n", false).as_deref(), Some("/run/a.sock"));
        assert_eq!(address(b"/run/a.sock", true).as_deref(), Some("/run/a.sock"));
        assert_eq!(address(b"", true).as_deref(), Some(""));
        assert_eq!(address(b"\n127.0.0.1:1\n", false).as_deref(), Some(""));
        assert_eq!(address(&[b'a'; LONGEST], false).map(|a| a.len()), Some(LONGEST));
    }
}
