//! From a pidfile to a running instance: its pid, a pidfd that cannot name a stranger, its scoreboard.
//!
//! Never signals a pid that is not ours: a pidfile is only a hint, the scoreboard in `/proc/PID/fd`
//! with matching pid and start time is the proof.

use crate::borrowed::{self, DescriptorKind};
use crate::exit::Exit;
use crate::scoreboard::{Reader, SCOREBOARD_FD, ScoreboardError};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Why there is no instance behind a pidfile.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The pidfile cannot be read.
    #[error("cannot read pidfile {path}: {source}")]
    Pidfile {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The pidfile has no pid in it.
    #[error("pidfile {path} is {what}; is the instance stopped?")]
    NoPid {
        /// Which.
        path: PathBuf,
        /// "empty", or what stands in it.
        what: String,
    },
    /// The process is gone or is another program.
    #[error("process {pid} is no uswgi-master: {why}")]
    NotRunning {
        /// The pid that was looked for.
        pid: i32,
        /// What is wrong.
        why: String,
    },
    /// The process belongs to somebody else.
    #[error("no permission to look at process {pid}; run as its user or as root")]
    NotPermitted {
        /// The pid that was looked for.
        pid: i32,
    },
    /// Its scoreboard cannot be read.
    #[error("process {pid}: {source}")]
    Scoreboard {
        /// The pid that was looked for.
        pid: i32,
        /// What is wrong.
        source: ScoreboardError,
    },
}

impl TargetError {
    /// Exit code of a tool that stops for this.
    pub fn exit(&self) -> Exit {
        match self {
            TargetError::Pidfile { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Exit::NotPermitted
            }
            TargetError::Pidfile { .. } | TargetError::NoPid { .. } | TargetError::NotRunning { .. } => {
                Exit::NotRunning
            }
            TargetError::NotPermitted { .. } => Exit::NotPermitted,
            TargetError::Scoreboard { source: ScoreboardError::Version { .. }, .. } => Exit::VersionMismatch,
            TargetError::Scoreboard { .. } => Exit::NotRunning,
        }
    }
}

/// A running instance.
pub struct RunningInstance {
    /// Pid of its master.
    pub pid: i32,
    /// Names this very process for ever.
    pub pidfd: OwnedFd,
    /// Its scoreboard.
    pub board: Reader,
}

/// The pid in a pidfile: decimal digits and white space around them.
pub fn read_pidfile(path: &Path) -> Result<i32, TargetError> {
    // A FIFO or a device in its place must neither be waited for nor be read for ever.
    let mut text = Vec::new();
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let read = file.and_then(|file| file.take(4096).read_to_end(&mut text));
    read.map_err(|source| TargetError::Pidfile { path: path.into(), source })?;
    parse_pid(&text).map_err(|what| TargetError::NoPid { path: path.into(), what })
}

fn parse_pid(text: &[u8]) -> Result<i32, String> {
    let shown = String::from_utf8_lossy(&text[..text.len().min(40)]).trim().to_string();
    if shown.is_empty() {
        return Err("empty".into());
    }
    match shown.parse::<i32>() {
        Ok(pid) if pid > 0 && shown.bytes().all(|b| b.is_ascii_digit()) => Ok(pid),
        _ => Err(format!("no pidfile (it says {shown:?})")),
    }
}

/// A field of proc_pid_stat(5), from 3 on.
fn stat_field(pid: i32, field: usize) -> Option<String> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The command may hold spaces and parentheses: count from the last one.
    let after = stat.iter().rposition(|&b| b == b')')? + 1;
    let rest = std::str::from_utf8(&stat[after..]).ok()?;
    rest.split_ascii_whitespace().nth(field.checked_sub(3)?).map(str::to_string)
}

/// Field 22 of proc_pid_stat(5): when the process started, in clock ticks since boot.
pub fn start_time(pid: i32) -> Option<u64> {
    stat_field(pid, 22)?.parse().ok()
}

/// Whether a signal or a debugger has stopped the process, so that it hears nothing until it goes on.
pub fn stands_still(pid: i32) -> bool {
    stat_field(pid, 3).is_some_and(|state| state == "T" || state == "t")
}

/// A descriptor that names one process for ever (pidfd_open(2)); the caller owns it.
pub fn pidfd_open(pid: i32) -> std::io::Result<OwnedFd> {
    // SAFETY: pidfd_open(2) takes no pointers; a non-negative result is a new descriptor that we own.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: see above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Send a signal to exactly the process that a pidfd names.
pub fn pidfd_signal(pidfd: &OwnedFd, signal: i32) -> std::io::Result<()> {
    let fd = pidfd.as_raw_fd();
    // SAFETY: pidfd_send_signal(2) with a null siginfo; the descriptor is borrowed and open.
    let r = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, std::ptr::null::<libc::siginfo_t>(), 0)
    };
    if r == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Whether the process that a pidfd names has ended (a zombie has).
pub fn pidfd_ended(pidfd: &OwnedFd) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(n) if n > 0)
}

fn is_scoreboard(link: &Path) -> bool {
    link.to_string_lossy().starts_with("/memfd:uswgi-scoreboard")
}

/// Who wrote down the pid of a worker, as ps(1) lists it, is told whose it is.
fn no_scoreboard(pid: i32) -> String {
    let parent = stat_field(pid, 4).and_then(|p| p.parse::<i32>().ok()).unwrap_or(0);
    let link = fs::read_link(format!("/proc/{parent}/fd/{SCOREBOARD_FD}")).unwrap_or_default();
    match is_scoreboard(&link) {
        true => format!("it belongs to the one with pid {parent}"),
        false => "it has no scoreboard (a stranger took the pid)".into(),
    }
}

impl RunningInstance {
    /// The instance behind a pidfile.
    pub fn from_pidfile(path: &Path) -> Result<RunningInstance, TargetError> {
        RunningInstance::from_pid(read_pidfile(path)?)
    }

    /// The instance whose master has this pid.
    pub fn from_pid(pid: i32) -> Result<RunningInstance, TargetError> {
        let not_running = |why: String| TargetError::NotRunning { pid, why };
        let pidfd = pidfd_open(pid).map_err(|e| match e.raw_os_error() {
            Some(libc::ESRCH) => not_running("there is no such process (a stale pidfile)".into()),
            _ => not_running(e.to_string()),
        })?;
        let opened = borrowed::open(pid, SCOREBOARD_FD as u32, DescriptorKind::Memory("uswgi-scoreboard"));
        let file = opened.map_err(|e| match e.kind() {
            // Nobody but root may look into a zombie.
            _ if pidfd_ended(&pidfd) => not_running("it has ended and waits for its parent".into()),
            std::io::ErrorKind::PermissionDenied => TargetError::NotPermitted { pid },
            _ => not_running(no_scoreboard(pid)),
        })?;
        let board = Reader::open(file.as_fd()).map_err(|source| TargetError::Scoreboard { pid, source })?;
        let h = board.header();
        // A forked child of a master could have inherited the descriptor: pid and start time must fit.
        // (Inside a container the master knows another pid of itself; then the start time decides.)
        if Some(h.master_start_time.load(Ordering::Relaxed)) != start_time(pid) {
            return Err(not_running("its scoreboard belongs to another process".into()));
        }
        Ok(RunningInstance { pid, pidfd, board })
    }

    /// Send a signal to exactly this process.
    pub fn signal(&self, signal: i32) -> std::io::Result<()> {
        pidfd_signal(&self.pidfd, signal)
    }

    /// Whether the process has ended (a zombie has).
    pub fn ended(&self) -> bool {
        pidfd_ended(&self.pidfd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_are_a_pid() {
        assert_eq!(parse_pid(b"123\n"), Ok(123));
        for bad in [&b""[..], b"\n", b"0", b"-1", b"+5", b"12x", b"99999999999", b"\xff\xfe"] {
            assert!(parse_pid(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_stranger_is_refused() {
        let me = std::process::id() as i32;
        assert!(start_time(me).is_some());
        let error = RunningInstance::from_pid(me).err().unwrap();
        assert_eq!(error.exit(), Exit::NotRunning, "{error}");
    }
}
