//! A step of a phase: what an `exec-*` or `hook-*` option does at its point of an instance's life.
//!
//! The master runs some, the process that loads the application others; both call [`Step::run`]. It must
//! never decide what a failure means: that is the phase's.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::IntoRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// What a step does. Paths are as written: relative to the directory of the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Run a command with `/bin/sh -c`; another status than 0 is a failure.
    Exec(String),
    /// The same, whatever the status.
    SafeExec(String),
    /// Make a directory. One that is there is a failure.
    Mkdir(String),
    /// Change the directory.
    Chdir(String),
    /// Set a variable, `NAME=value`.
    Putenv(String),
    /// Set the mode of a file.
    Chmod(String, u32),
    /// Add the sticky bit to a directory.
    Sticky(String),
    /// Change owner and group, as names or numbers.
    Chown(String, String, String),
    /// Make an empty file.
    Create(String),
    /// Write a text to a file (true: after what is there).
    Write(String, String, bool),
    /// Write a text to a FIFO, if somebody reads it.
    WriteFifo(String, String),
    /// Remove a file.
    Unlink(String),
    /// Wait until there is such a thing: path, what, seconds.
    WaitFor(String, Awaited, u32),
    /// Lock a file that is there, for the life of the process (true: wait for whoever has it).
    Lock(String, bool),
    /// A line for the log.
    Print(String),
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Awaited {
    /// Anything.
    Any,
    /// A plain file.
    File,
    /// A directory.
    Directory,
    /// A socket.
    Socket,
    /// A directory with a file system of its own.
    Mountpoint,
    /// A network interface, by its name.
    Interface,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// `exec-pre-app = ...`, for messages; without the value for a private one (`!`).
    pub name: String,
    /// What it does.
    pub act: Act,
}

/// What a process that runs steps has to give.
pub trait Runner {
    /// Run a command with `/bin/sh -c` and wait for its end. An error of the kind [`io::ErrorKind::Interrupted`]: the
    /// process was told to stop meanwhile, and the command was killed.
    fn exec(&mut self, command: &str) -> io::Result<ExitStatus>;
    /// Let so much time pass. An error of the same kind: the process was told to stop.
    fn wait(&mut self, time: Duration) -> io::Result<()>;
    /// Set a variable of this process.
    fn set_variable(&mut self, name: &str, value: &str);
    /// Change owner and group of a file, as names or numbers.
    fn chown(&mut self, path: &Path, user: &str, group: &str) -> io::Result<()>;
    /// A line for the log.
    fn say(&mut self, line: &str);
}

/// A step that did not succeed.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {what}")]
pub struct StepError {
    /// The step.
    pub name: String,
    /// What happened.
    pub what: String,
    /// Nothing was wrong with it: the process was told to stop.
    pub stopped: bool,
}

/// How often something that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(50);

impl Step {
    /// Do it. Waits for its end.
    pub fn run(&self, runner: &mut dyn Runner) -> Result<(), StepError> {
        runner.say(&format!("running {}", self.name));
        let (what, stopped) = match self.act.perform(runner) {
            Ok(None) => return Ok(()),
            Ok(Some(what)) => (what, false),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => ("a stop signal came meanwhile".into(), true),
            Err(e) => (e.to_string(), false),
        };
        Err(StepError { name: self.name.clone(), what, stopped })
    }
}

impl Act {
    /// Some: what went wrong without an error of the system.
    fn perform(&self, runner: &mut dyn Runner) -> io::Result<Option<String>> {
        match self {
            Act::Exec(command) => {
                let status = runner.exec(command)?;
                return Ok((!status.success()).then(|| format!("{status}")));
            }
            Act::SafeExec(command) => {
                let status = runner.exec(command)?;
                if !status.success() {
                    runner.say(&format!("{command:?}: {status}"));
                }
            }
            Act::Mkdir(path) => fs::create_dir(path)?,
            Act::Chdir(path) => std::env::set_current_dir(path)?,
            Act::Putenv(text) => {
                let (name, value) = text.split_once('=').unwrap_or((text, ""));
                runner.set_variable(name, value);
            }
            Act::Chmod(path, mode) => fs::set_permissions(path, fs::Permissions::from_mode(*mode))?,
            Act::Sticky(path) => {
                let mode = fs::metadata(path)?.permissions().mode();
                fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o1000))?;
            }
            Act::Chown(path, user, group) => runner.chown(Path::new(path), user, group)?,
            Act::Create(path) => drop(File::create(path)?),
            Act::Write(path, text, append) => {
                let mut file = File::options()
                    .write(!append)
                    .append(*append)
                    .truncate(!append)
                    .create(true)
                    .open(path)?;
                file.write_all(text.as_bytes())?;
            }
            Act::WriteFifo(path, text) => {
                // Without a reader the open fails, and nothing waits.
                let flags = nix::libc::O_NONBLOCK;
                File::options().write(true).custom_flags(flags).open(path)?.write_all(text.as_bytes())?;
            }
            Act::Unlink(path) => fs::remove_file(path)?,
            Act::WaitFor(path, wanted, seconds) => {
                let end = Instant::now() + Duration::from_secs((*seconds).into());
                while !wanted.is_there(Path::new(path)) {
                    if Instant::now() >= end {
                        return Ok(Some(format!("{path} was not there after {seconds} s")));
                    }
                    runner.wait(LOOK)?;
                }
            }
            Act::Lock(path, waits) => {
                let file = File::options().read(true).write(true).open(path)?;
                while !is_locked(&file)? {
                    if !waits {
                        return Ok(Some(format!("{path} is locked by another instance")));
                    }
                    runner.wait(LOOK)?;
                }
                // Its descriptor has the lock, and stays open as long as this process is there.
                let _ = file.into_raw_fd();
            }
            Act::Print(text) => runner.say(text),
        }
        Ok(None)
    }
}

/// Lock a file; false: somebody else has it. Such a lock is seen by uWSGI's, outlives a fork, and dies with the last
/// process that has the descriptor.
fn is_locked(file: &File) -> io::Result<bool> {
    let lock = nix::libc::flock {
        l_type: nix::libc::F_WRLCK as nix::libc::c_short,
        l_whence: nix::libc::SEEK_SET as nix::libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    match nix::fcntl::fcntl(file, nix::fcntl::FcntlArg::F_OFD_SETLK(&lock)) {
        Ok(_) => Ok(true),
        Err(nix::Error::EAGAIN | nix::Error::EACCES) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

impl Awaited {
    fn is_there(self, path: &Path) -> bool {
        if self == Awaited::Interface {
            return nix::net::if_::if_nametoindex(path).is_ok();
        }
        fs::metadata(path).is_ok_and(|m| match self {
            Awaited::Any => true,
            Awaited::File => m.is_file(),
            Awaited::Directory => m.is_dir(),
            Awaited::Socket => m.file_type().is_socket(),
            // The root is its own parent.
            Awaited::Mountpoint => fs::metadata(path.join(".."))
                .is_ok_and(|up| m.is_dir() && (m.dev() != up.dev() || m.ino() == up.ino())),
            Awaited::Interface => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[derive(Default)]
    struct Fake {
        said: Vec<String>,
        ran: Vec<String>,
        status: i32,
        /// Waits until it is told to stop.
        patience: u32,
    }

    impl Runner for Fake {
        fn exec(&mut self, command: &str) -> io::Result<ExitStatus> {
            self.ran.push(command.into());
            Ok(ExitStatus::from_raw(self.status << 8))
        }
        fn wait(&mut self, _: Duration) -> io::Result<()> {
            self.patience = self.patience.checked_sub(1).ok_or(io::ErrorKind::Interrupted)?;
            Ok(())
        }
        fn set_variable(&mut self, name: &str, value: &str) {
            self.ran.push(format!("{name}={value}"));
        }
        fn chown(&mut self, path: &Path, user: &str, group: &str) -> io::Result<()> {
            self.ran.push(format!("{} {user} {group}", path.display()));
            Ok(())
        }
        fn say(&mut self, line: &str) {
            self.said.push(line.into());
        }
    }

    fn run(act: Act, fake: &mut Fake) -> Result<(), StepError> {
        Step { name: "hook".into(), act }.run(fake)
    }

    #[test]
    fn commands_variables_and_owners_are_the_runners() {
        let mut fake = Fake::default();
        run(Act::Exec("true".into()), &mut fake).unwrap();
        run(Act::Putenv("A=b=c".into()), &mut fake).unwrap();
        run(Act::Chown("f".into(), "u".into(), "g".into()), &mut fake).unwrap();
        run(Act::Print("hello".into()), &mut fake).unwrap();
        assert_eq!(fake.ran, ["true", "A=b=c", "f u g"]);
        assert!(fake.said.contains(&"running hook".to_string()) && fake.said.contains(&"hello".to_string()));
        fake.status = 3;
        let error = run(Act::Exec("false".into()), &mut fake).unwrap_err().to_string();
        assert!(error.contains("hook") && error.contains('3'), "{error}");
        run(Act::SafeExec("false".into()), &mut fake).unwrap();
    }

    #[test]
    fn waiting_ends_when_the_process_is_to_stop() {
        let mut fake = Fake { patience: 3, ..Fake::default() };
        let error = run(Act::WaitFor("/no/such/file".into(), Awaited::File, 3600), &mut fake).unwrap_err();
        assert!(error.stopped && error.what.contains("stop signal"), "{error}");
        assert_eq!(fake.patience, 0);
        assert!(!run(Act::WaitFor("/no/such/file".into(), Awaited::File, 0), &mut fake).unwrap_err().stopped);
    }

    #[test]
    fn files_are_made_written_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let mut fake = Fake::default();
        let mut ok = |act| run(act, &mut fake).unwrap();
        ok(Act::Mkdir(at("d")));
        ok(Act::Sticky(at("d")));
        assert_eq!(fs::metadata(at("d")).unwrap().permissions().mode() & 0o1000, 0o1000);
        ok(Act::WaitFor(at("d"), Awaited::Directory, 0));
        ok(Act::Write(at("f"), "one\n".into(), false));
        ok(Act::Write(at("f"), "two\n".into(), true));
        assert_eq!(fs::read_to_string(at("f")).unwrap(), "one\ntwo\n");
        ok(Act::Chmod(at("f"), 0o600));
        assert_eq!(fs::metadata(at("f")).unwrap().permissions().mode() & 0o777, 0o600);
        ok(Act::Write(at("f"), "three".into(), false));
        assert_eq!(fs::read_to_string(at("f")).unwrap(), "three");
        ok(Act::WaitFor(at("f"), Awaited::File, 0));
        ok(Act::Unlink(at("f")));
        ok(Act::Create(at("f")));
        assert_eq!(fs::read_to_string(at("f")).unwrap(), "");
        let mut fails = |act| run(act, &mut fake).unwrap_err().to_string();
        assert!(fails(Act::Mkdir(at("d"))).contains("exists"));
        assert!(fails(Act::Unlink(at("gone"))).contains("No such file"));
        assert!(fails(Act::WaitFor(at("f"), Awaited::Socket, 0)).contains("after 0 s"));
        assert!(fails(Act::WaitFor(at("gone"), Awaited::Any, 0)).contains("after 0 s"));
        assert!(fails(Act::WaitFor(at("d"), Awaited::Mountpoint, 0)).contains("after 0 s"));
        assert!(fails(Act::WaitFor("nosuch0".into(), Awaited::Interface, 0)).contains("after 0 s"));
        let mut ok = |act| run(act, &mut fake).unwrap();
        ok(Act::WaitFor("/".into(), Awaited::Mountpoint, 0));
        ok(Act::WaitFor("lo".into(), Awaited::Interface, 0));
    }

    #[test]
    fn a_lock_is_held_and_the_next_one_waits_or_fails() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display().to_string();
        let mut fake = Fake { patience: 2, ..Fake::default() };
        run(Act::Lock(path.clone(), false), &mut fake).unwrap();
        let error = run(Act::Lock(path.clone(), false), &mut fake).unwrap_err();
        assert!(error.what.contains("locked by another instance") && !error.stopped, "{error}");
        let error = run(Act::Lock(path, true), &mut fake).unwrap_err();
        assert!(error.stopped && fake.patience == 0, "{error}");
        let error = run(Act::Lock("/no/such/file".into(), false), &mut fake).unwrap_err();
        assert!(error.what.contains("No such file"), "{error}");
    }
}
