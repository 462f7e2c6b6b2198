//! Fork and exec of a program that is none of ours: a daemon, a job of the clock, a step. It gets default
//! signals, no signal blocked, and no descriptor but the standard three.
//!
//! `std::process::Command` does the rest: numbers of descriptors do not matter here.

use crate::guard::{self, Guard};
use crate::sys;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::pidfd_open;

/// What becomes of a program when this process is gone.
#[derive(Debug, Clone, Copy)]
pub struct Bond<'a> {
    /// Ends the program's group then.
    pub guard: &'a Guard,
    /// By this signal first,
    pub signal: i32,
    /// and by SIGKILL after this time.
    pub mercy: Duration,
}

/// Start it. `bond`: it ends with this process (whose only thread calls, or one that lives as long), and so does its group;
/// None: it outlives it. `session`: it leads a session, and so a group, of its own.
pub fn spawn(command: &mut Command, bond: Option<Bond<'_>>, session: bool) -> io::Result<Child> {
    let parent = std::process::id() as libc::pid_t;
    let bond = bond.map(|b| (b.guard.socket(), b.signal, guard::millis(b.mercy)));
    let prepare = move || {
        // SAFETY: plain system calls in the only thread of a forked child; nothing is allocated; the
        // set is a live local.
        unsafe {
            if session && libc::setsid() < 0 {
                return Err(io::Error::last_os_error());
            }
            if let Some((guard, signal, mercy)) = bond {
                dies_with(parent, libc::SIGKILL)?;
                // From here on the guard is who ends it, and whatever it starts. Without a guard nothing starts.
                guard::tell(guard, guard::GroupNotice { group: libc::getpgrp(), signal, mercy })?;
                // Should the guard be killed together with us, the program itself at least hears of it.
                dies_with(parent, signal)?;
            }
            // A kernel before 5.11 leaves other descriptors open, as exec always did.
            sys::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
            for signal in 1..=64 {
                libc::signal(signal, libc::SIG_DFL);
            }
            let mut mask: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut mask);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, std::ptr::null_mut());
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only, see there.
    unsafe { command.pre_exec(prepare) }.spawn()
}

/// How often [`run`] asks whether it is still wanted.
const LOOK: u8 = 100;

/// Run a command to its end, in a session of its own: nothing of it outlives this process. `given_up` is asked meanwhile;
/// once it says yes the whole group is killed, and the error is of the kind [`io::ErrorKind::Interrupted`].
pub fn run(command: &mut Command, mut given_up: impl FnMut() -> bool) -> io::Result<ExitStatus> {
    let guard = Guard::start()?;
    let bond = Bond { guard: &guard, signal: libc::SIGKILL, mercy: Duration::ZERO };
    let mut child = spawn(command, Some(bond), true)?;
    let pid = child.id() as i32;
    let ended = guard::or_end(pid, pidfd_open(pid))?;
    let mut fds = [PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
    while let Ok(0) | Err(nix::Error::EINTR) = poll(&mut fds, PollTimeout::from(LOOK)) {
        if given_up() {
            // It was not reaped: the group is still its own.
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            let _ = child.wait();
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    child.wait()
}

/// The kernel sends the signal when the parent is gone. Only between fork and exec.
fn dies_with(parent: libc::pid_t, signal: i32) -> io::Result<()> {
    // SAFETY: plain system calls without pointers.
    unsafe {
        if libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong) < 0 {
            return Err(io::Error::last_os_error());
        }
        // It may be gone already; then nobody would send the signal.
        if libc::getppid() != parent {
            libc::_exit(Exit::Failed.code());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::Stdio;

    #[test]
    fn it_has_a_session_default_signals_and_three_descriptors() {
        let (_r, leaky) = nix::unistd::pipe2(nix::fcntl::OFlag::empty()).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            "ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status; ps -o sid= -p $$; echo $$",
        ]);
        let guard = Guard::start().unwrap();
        let bond = Bond { guard: &guard, signal: libc::SIGTERM, mercy: Duration::ZERO };
        let mut child = spawn(command.stdout(Stdio::piped()), Some(bond), true).unwrap();
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success());
        let words: Vec<&str> = text.split_whitespace().collect();
        // 0, 1, 2 and the directory that ls reads.
        assert_eq!(words[0], "4", "{text}");
        // 32 and 33 are the C library's own, and out of reach.
        let set = |word: &str| u64::from_str_radix(word, 16).unwrap() & !(3 << 31);
        assert_eq!((set(words[2]), set(words[4])), (0, 0), "{text}");
        assert_eq!(words[5], words[6], "leader of its session");
        assert_eq!(words[6], child.id().to_string());
        drop(leaky);
    }

    #[test]
    fn what_is_given_up_ends_with_all_that_it_has_started() {
        let mut lines = (0..).map(|_| ());
        let (reader, writer) = io::pipe().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 1000; true"]).stdout(writer);
        let error = run(&mut command, || lines.next().is_some()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        drop(command);
        // Whoever has its output open lives.
        let mut fds = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut fds, PollTimeout::from(20_000u16)), Ok(1));
        let status = run(Command::new("/bin/sh").args(["-c", "exit 3"]), || false).unwrap();
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn nothing_starts_without_its_guard() {
        let guard = Guard::start().unwrap();
        uswgi_proto::instance::pidfd_signal(
            &uswgi_proto::instance::pidfd_open(guard.pid()).unwrap(),
            libc::SIGKILL,
        )
        .unwrap();
        let ended = uswgi_proto::instance::pidfd_open(guard.pid()).unwrap();
        let mut fds =
            [nix::poll::PollFd::new(std::os::fd::AsFd::as_fd(&ended), nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut fds, nix::poll::PollTimeout::from(10_000u16)).unwrap();
        let bond = Bond { guard: &guard, signal: libc::SIGTERM, mercy: Duration::ZERO };
        let error = spawn(&mut Command::new("/bin/true"), Some(bond), true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{error}");
    }
}
