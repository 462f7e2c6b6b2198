//! Steps of the Emperor (`exec-*`, `hook-*`): its own phases, those in a vassal's process, and those beside it.
//!
//! Observed on uWSGI 2.0.31: in a vassal's process `vassals-start-hook` comes first, then `hook-as-vassal`, then `exec-as-vassal`, all of
//! them as its user and in its folder, and the first that fails fails the vassal. For each vassal that starts the Emperor runs
//! `hook-as-emperor`, then `exec-as-emperor`; a failure is said, and the next one runs. It waits for them (here it does not: they run in
//! a process of their own). `hook-emperor-start` and the steps of any instance (`asap`, `as-root`, `as-user`, `atexit`) run in the
//! Emperor too; where one fails it does not start.
#![forbid(unsafe_code)]

use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;
use uswgi_keep::{log, privs, program, sys};
use uswgi_proto::step::{Runner, Step, StepError};

/// Which process runs steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunsIn {
    /// The Emperor: a stop signal ends what it waits for.
    Emperor,
    /// A process beside it, whose signals are its own.
    Beside,
}

/// A runner of steps; what they have set is for the programs after them.
pub struct Hooks {
    place: RunsIn,
    /// `NAME=value`, for what starts from now on.
    pub variables: Vec<(String, String)>,
}

impl Hooks {
    /// In the Emperor.
    pub fn in_emperor() -> Hooks {
        Hooks { place: RunsIn::Emperor, variables: Vec::new() }
    }

    /// In a process beside it: a vassal that is to be, or one that ends with its steps.
    pub fn beside(variables: Vec<(String, String)>) -> Hooks {
        Hooks { place: RunsIn::Beside, variables }
    }

    /// Until one fails.
    pub fn run(&mut self, steps: &[Step]) -> Result<(), StepError> {
        steps.iter().try_for_each(|step| step.run(self))
    }

    /// All; a failure is said.
    pub fn run_all(&mut self, steps: &[Step]) {
        for step in steps {
            if let Err(e) = step.run(self) {
                log::line(e);
            }
        }
    }
}

impl Runner for Hooks {
    fn exec(&mut self, command: &str) -> io::Result<ExitStatus> {
        let mut shell = shell(command);
        shell.envs(self.variables.iter().cloned());
        match self.place {
            // Our own signals are blocked; the start must not be deaf.
            RunsIn::Emperor => program::run(&mut shell, sys::stop_is_pending),
            RunsIn::Beside => shell.status(),
        }
    }

    fn wait(&mut self, time: Duration) -> io::Result<()> {
        if self.place == RunsIn::Emperor && sys::stop_is_pending() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        std::thread::park_timeout(time);
        Ok(())
    }

    fn set_variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_string(), value.to_string()));
    }

    fn chown(&mut self, path: &Path, user: &str, group: &str) -> io::Result<()> {
        privs::chown(path, user, group)
    }

    fn say(&mut self, line: &str) {
        log::line(line);
    }
}

/// A command for the shell, without what concerns the Emperor alone.
pub fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    crate::launch::EMPERORS_OWN.iter().for_each(|name| {
        shell.env_remove(name);
    });
    shell
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_proto::step::Act;

    fn step(act: Act) -> Step {
        Step { name: "x".into(), act }
    }

    #[test]
    fn the_first_that_fails_is_the_last_and_a_variable_is_for_those_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let all = [
            step(Act::Exec(format!("test -z \"$FOO\" && touch {}", at("before")))),
            step(Act::Putenv("FOO=bar".into())),
            step(Act::Exec(format!("echo $FOO >{}", at("after")))),
            step(Act::Exec("exit 3".into())),
            step(Act::Create(at("never"))),
        ];
        let mut hooks = Hooks::beside(Vec::new());
        let e = hooks.run(&all).unwrap_err();
        assert!(e.to_string().contains('3'), "{e}");
        assert!(dir.path().join("before").exists() && !dir.path().join("never").exists());
        assert_eq!(std::fs::read_to_string(at("after")).unwrap(), "bar\n");
        hooks.run_all(&all[3..]);
        assert!(dir.path().join("never").exists(), "one that fails ends nobody else");
    }
}
