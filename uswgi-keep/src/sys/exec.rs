//! Fork and exec of a program of ours: exactly the descriptors it was promised, at the numbers it was promised,
//! default signal dispositions, its limits. The signals that it takes notice of stay blocked until it has its
//! handlers: a signal to the whole group must not end it on its way there.
//!
//! `std::process::Command` is not used: its error pipe may lie at a number that a listener has to get,
//! and dup2 would replace it in silence. Here everything is first copied above all targets.

use nix::sys::resource::{Resource, setrlimit};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// What to start. Everything is prepared before the fork; the child allocates nothing.
pub struct Launch<'a> {
    /// Absolute path of the program.
    pub program: &'a CStr,
    /// Arguments, the name of the program first.
    pub arguments: &'a [CString],
    /// `NAME=value`, all of them.
    pub environment: &'a [CString],
    /// Descriptors that the program gets at 3, 4, 5...
    pub descriptors: &'a [BorrowedFd<'a>],
    /// stdout and stderr; None: those of this process.
    pub output: Option<BorrowedFd<'a>>,
    /// Limits, soft and hard alike.
    pub limits: &'a [(Resource, u64)],
    /// Numbers of the signals that are blocked in it, and wait until it unblocks them.
    pub blocked: &'a [i32],
    /// How much less nice than this process its first thread is, where the system allows it; its other threads and its
    /// children are as nice as this process, which has to be as nice as usual (0) for that. 0: as this process.
    pub boost: i32,
}

/// Why a program did not start.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct ExecError {
    /// Which step failed.
    pub what: &'static str,
    /// What the system said.
    pub source: io::Error,
}

/// Exit code of a process that did not become its program, as shells have it. Its parent reads the pipe, and nobody the code.
const NOT_STARTED: i32 = 127;

const STEPS: [&str; 4] = ["copying descriptors", "opening /dev/null", "setting its limits", "exec"];

/// Start it; returns its pid. Only for a process with one thread.
pub fn spawn(command: &Launch<'_>) -> Result<i32, ExecError> {
    let io = |what| move |e: nix::Error| ExecError { what, source: e.into() };
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        list.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, envp) = (pointers(command.arguments), pointers(command.environment));
    let mut high: Vec<RawFd> = vec![-1; command.descriptors.len()];
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(io("pipe"))?;
    let pid = match super::fork_single_threaded().map_err(|source| ExecError { what: "fork", source })? {
        super::Side::Parent(pid) => pid.as_raw(),
        super::Side::Child => {
            let failed = become_program(command, &argv, &envp, &mut high, writer.as_raw_fd());
            let message = [failed.step, failed.errno as u8, (failed.errno >> 8) as u8];
            // SAFETY: the pointer is to three live bytes; the child ends without running destructors
            // or handlers of its parent.
            unsafe {
                libc::write(failed.errors, message.as_ptr().cast(), 3);
                libc::_exit(NOT_STARTED)
            }
        }
    };
    drop(writer);
    let mut message = [0u8; 3];
    loop {
        match nix::unistd::read(&reader, &mut message) {
            Err(nix::Error::EINTR) => {}
            Ok(3) => break,
            _ => return Ok(pid),
        }
    }
    // It has ended already or is about to; nobody else waits for it.
    let _ = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None);
    let errno = i32::from(message[1]) | i32::from(message[2]) << 8;
    let what = STEPS.get(message[0] as usize).copied().unwrap_or("starting");
    Err(ExecError { what, source: io::Error::from_raw_os_error(errno) })
}

/// What the child tells its parent.
struct ChildFailure {
    /// Index into [`STEPS`].
    step: u8,
    errno: i32,
    /// Where to tell it.
    errors: RawFd,
}

/// Only in the child. Never returns on success.
fn become_program(
    command: &Launch<'_>,
    argv: &[*const libc::c_char],
    envp: &[*const libc::c_char],
    high: &mut [RawFd],
    errors: RawFd,
) -> ChildFailure {
    let failed = |step, errors| {
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        ChildFailure { step, errno, errors }
    };
    // Everything is copied above the numbers that the program gets, the error pipe too.
    let above = 3 + command.descriptors.len() as RawFd;
    // SAFETY: plain system calls in the only thread of a forked child; the vectors end with null and
    // their strings outlive the call; no allocation happens.
    unsafe {
        let copy = libc::fcntl(errors, libc::F_DUPFD_CLOEXEC, above);
        if copy < 0 {
            return failed(0, errors);
        }
        let errors = copy;
        for (to, fd) in high.iter_mut().zip(command.descriptors) {
            *to = libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, above);
            if *to < 0 {
                return failed(0, errors);
            }
        }
        // Before the places from 3 on are taken: it may stand there. 1 and 2 are nobody's source any more.
        for target in [1, 2] {
            if command.output.is_some_and(|fd| libc::dup2(fd.as_raw_fd(), target) < 0) {
                return failed(0, errors);
            }
        }
        for (i, &fd) in high.iter().enumerate() {
            if libc::dup2(fd, 3 + i as RawFd) < 0 {
                return failed(0, errors);
            }
        }
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if null < 0 || libc::dup2(null, 0) < 0 {
            return failed(1, errors);
        }
        // Whatever else this process inherited without knowing it must not live on in the program.
        // A kernel before 5.11 leaves it open, as exec always did.
        super::close_range(above as libc::c_uint, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
        super::nice::prefer(0, command.boost);
        for &(resource, value) in command.limits {
            if let Err(e) = setrlimit(resource, value, value) {
                return ChildFailure { step: 2, errno: e as i32, errors };
            }
        }
        // Dispositions before the mask: a pending signal must meet the default.
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut mask);
        for &signal in command.blocked {
            libc::sigaddset(&raw mut mask, signal);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, std::ptr::null_mut());
        libc::execve(command.program.as_ptr(), argv.as_ptr(), envp.as_ptr());
        failed(3, errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn run(program: &CStr, script: &str, fds: &[BorrowedFd<'_>]) -> Result<i32, ExecError> {
        let arguments: Vec<CString> =
            ["sh", "-c", script].iter().map(|s| CString::new(*s).unwrap()).collect();
        let environment = [c"A=b".to_owned()];
        let limits = [(Resource::RLIMIT_CORE, 0)];
        let command = Launch {
            program,
            arguments: &arguments,
            environment: &environment,
            descriptors: fds,
            output: None,
            limits: &limits,
            blocked: &uswgi_proto::signals::WORKER_NOTICE,
            boost: 0,
        };
        spawn(&command)
    }

    fn wait(pid: i32) -> nix::sys::wait::WaitStatus {
        nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None).unwrap()
    }

    #[test]
    fn descriptors_arrive_at_their_numbers_even_when_they_overlap() {
        let pipes: Vec<_> =
            (0..6).map(|_| nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap()).collect();
        // In reverse, so that sources and targets cross.
        let fds: Vec<_> = pipes.iter().rev().map(|(_, w)| w.as_fd()).collect();
        let pid = run(c"/bin/sh", "for n in 3 4 5 6 7 8; do eval \"echo $n$A >&$n\"; done", &fds).unwrap();
        assert_eq!(wait(pid), nix::sys::wait::WaitStatus::Exited(nix::unistd::Pid::from_raw(pid), 0));
        for (i, (r, _)) in pipes.iter().rev().enumerate() {
            let mut text = [0; 8];
            let n = nix::unistd::read(r, &mut text).unwrap();
            assert_eq!(&text[..n], format!("{}b\n", i + 3).as_bytes());
        }
    }

    #[test]
    fn a_signal_to_the_group_does_not_end_it_before_it_has_handlers() {
        for signal in ["HUP", "TERM", "INT", "QUIT"] {
            let pid = run(c"/bin/sh", &format!("kill -{signal} $$; exit 7"), &[]).unwrap();
            let ended = nix::sys::wait::WaitStatus::Exited(nix::unistd::Pid::from_raw(pid), 7);
            assert_eq!(wait(pid), ended, "{signal}");
        }
    }

    #[test]
    fn nothing_else_is_inherited() {
        let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
        let (_r, leaky) = nix::unistd::pipe2(nix::fcntl::OFlag::empty()).unwrap();
        assert!(leaky.as_raw_fd() > 3);
        let pid = run(c"/bin/sh", "ls /proc/self/fd >&3", &[writer.as_fd()]).unwrap();
        wait(pid);
        drop(writer);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut std::fs::File::from(reader), &mut text).unwrap();
        // 0 to 3, and the directory that ls reads.
        assert!(text.lines().count() <= 5, "{text}");
    }

    /// What it starts is as nice as usual. Where the system does not allow it (no root, a container without CAP_SYS_NICE)
    /// nothing happens.
    #[test]
    fn a_boost_is_for_the_first_thread_alone() {
        let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).unwrap();
        let script = "read -r line < /proc/$$/stat; set -- $line; shift 18; echo $1 >&3; nice >&3";
        let arguments: Vec<CString> =
            ["sh", "-c", script].iter().map(|s| CString::new(*s).unwrap()).collect();
        let command = Launch {
            program: c"/bin/sh",
            arguments: &arguments,
            environment: &[c"PATH=/usr/bin:/bin".to_owned()],
            descriptors: &[writer.as_fd()],
            output: None,
            limits: &[],
            blocked: &[],
            boost: 5,
        };
        wait(spawn(&command).unwrap());
        drop(writer);
        let mut text = String::new();
        std::io::Read::read_to_string(&mut std::fs::File::from(reader), &mut text).unwrap();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let capabilities = status.lines().find_map(|l| l.strip_prefix("CapEff:")).unwrap().trim();
        // CAP_SYS_NICE.
        let may = u64::from_str_radix(capabilities, 16).unwrap() >> 23 & 1 == 1;
        assert_eq!(text, if may { "-5\n0\n" } else { "0\n0\n" });
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let error = run(c"/no/such/program", "", &[]).unwrap_err();
        assert_eq!(error.what, "exec");
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    }
}
