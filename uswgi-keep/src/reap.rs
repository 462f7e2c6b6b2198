//! Children that have ended: each is seen first and reaped then, so that what it said before its end is heard while its pid is its own.
//!
//! A pid is used only between the moment it is known and the moment it is reaped; in between the system cannot give it to anybody
//! else, as this process is the parent. It must never decide what follows from an end.
#![forbid(unsafe_code)]

use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, getpgid};
use uswgi_proto::exit::Exit;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Ended {
    /// Whether it ended as a program does that has done what it should.
    pub fn succeeded(self) -> bool {
        self == Ended::Code(0)
    }

    /// Why one of our own programs has ended; None: by a signal, or with a number that is not of the table.
    pub fn exit(self) -> Option<Exit> {
        match self {
            Ended::Code(code) => Exit::from_code(code),
            Ended::Signal(_) => None,
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Ended::Code(code) => write!(f, "exited with code {code}"),
            Ended::Signal(signal) => match Signal::try_from(signal) {
                Ok(s) => write!(f, "was killed by {}", s.as_str()),
                Err(_) => write!(f, "was killed by signal {signal}"),
            },
        }
    }
}

/// A child that was reaped: its pid may be another's from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reaped {
    /// Its pid.
    pub pid: i32,
    /// How it ended.
    pub how: Ended,
    /// Its process group.
    pub group: i32,
}

/// A child that has ended and was not reaped: pid and group are still its own. One that is dropped is found again.
#[derive(Debug, PartialEq, Eq)]
pub struct Zombie(Pid);

impl Zombie {
    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.0.as_raw()
    }

    /// Reap it. None: somebody else in this process has done so.
    pub fn reap(self) -> Option<Reaped> {
        let group = getpgid(Some(self.0)).map_or(0, Pid::as_raw);
        let how = match waitpid(self.0, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => Ended::Code(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => Ended::Signal(signal as i32),
            _ => return None,
        };
        Some(Reaped { pid: self.pid(), how, group })
    }
}

/// A child that has ended, of any kind: orphans that this process has adopted too. None: no other one has. Never waits.
///
/// SIGCHLD says that there may be some; they are to be taken until there is none, as one signal may stand for several ends.
pub fn next() -> Option<Zombie> {
    let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::All, peek).ok()?.pid().map(Zombie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_said_by_its_code_or_the_name_of_its_signal() {
        let said =
            [Ended::Code(3), Ended::Signal(nix::libc::SIGKILL), Ended::Signal(40)].map(|e| e.to_string());
        assert_eq!(said, ["exited with code 3", "was killed by SIGKILL", "was killed by signal 40"]);
    }
}
