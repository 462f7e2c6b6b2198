//! System calls that need unsafe code. It must never decide anything.
//!
//! * [`exec`]: fork and exec of a program with an exact set of descriptors.
//! * [`nice`]: nice values.
//! * `time`: calendar time.
//! * here: adopting and placing descriptors, detaching, socket options that nix does not know.

pub mod exec;
pub mod nice;
mod time;

pub use time::{LocalTime, local_time, realtime, strftime};

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Put a copy of the descriptor at exactly `number`, close-on-exec. What is open there is replaced:
/// the caller knows that it is nobody's.
pub fn place(fd: BorrowedFd<'_>, number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: dup3 takes no pointers; on success `number` is a new descriptor, and the caller owns it.
    unsafe {
        check(libc::dup3(fd.as_raw_fd(), number, libc::O_CLOEXEC))?;
        Ok(OwnedFd::from_raw_fd(number))
    }
}

/// Make `target` (0, 1 or 2) a copy of the descriptor, inherited by children.
pub fn place_standard(fd: BorrowedFd<'_>, target: RawFd) -> io::Result<()> {
    // SAFETY: dup2 takes no pointers; the standard descriptors are owned by nobody in this program.
    unsafe { check(libc::dup2(fd.as_raw_fd(), target)) }.map(drop)
}

/// A descriptor that has come with a message.
pub fn received(number: RawFd) -> OwnedFd {
    // SAFETY: SCM_RIGHTS has made a new descriptor for this process; the caller wraps it once.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Close every descriptor but these, whoever owns them. Only for a forked process that never comes back to the
/// owners: their destructors must not run.
pub fn close_all_but(keep: &mut Vec<RawFd>) {
    keep.sort_unstable();
    keep.dedup();
    let mut from: libc::c_uint = 0;
    for fd in keep.iter().filter_map(|fd| libc::c_uint::try_from(*fd).ok()) {
        if fd > from {
            // SAFETY: it takes no pointers; nobody uses the others any more, says the caller.
            unsafe { close_range(from, fd - 1, 0) };
        }
        from = fd + 1;
    }
    // SAFETY: as above.
    unsafe { close_range(from, libc::c_uint::MAX, 0) };
}

/// close_range(2) by its number: glibc has a name for it since 2.34 only, and a wheel serves from 2.28 on. -1: errno says
/// why; a kernel before 5.9 does not have it. It makes a system call only, so a forked child may call it.
///
/// # Safety
/// Nobody may use what is closed any more.
pub unsafe fn close_range(first: libc::c_uint, last: libc::c_uint, flags: libc::c_uint) -> libc::c_long {
    // SAFETY: three numbers, as the call wants them; who owns the descriptors is the caller's promise.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) }
}

/// A close-on-exec copy of a descriptor that this process inherited. The original is made
/// close-on-exec too, so that no child gets it under a number that nobody expects.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: fcntl with these commands takes no pointers and fails on a number that is not open; the
    // copy is new and ours.
    unsafe {
        let copy = check(libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3))?;
        if number > 2 {
            libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC);
        }
        Ok(OwnedFd::from_raw_fd(copy))
    }
}

/// Wake the accepting side only when data is there, or after this many seconds.
pub fn defer_accept(fd: BorrowedFd<'_>, seconds: i32) -> io::Result<()> {
    tcp_option(fd, libc::TCP_DEFER_ACCEPT, seconds)
}

/// Let so many connections that are not made yet bring data with their first packet (tcp(7)).
pub fn fast_open(fd: BorrowedFd<'_>, connections: i32) -> io::Result<()> {
    tcp_option(fd, libc::TCP_FASTOPEN, connections)
}

fn tcp_option(fd: BorrowedFd<'_>, name: libc::c_int, value: i32) -> io::Result<()> {
    let size = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the pointer is to a live i32 of the given size.
    unsafe {
        check(libc::setsockopt(fd.as_raw_fd(), libc::IPPROTO_TCP, name, (&raw const value).cast(), size))
    }
    .map(drop)
}

/// Give signals their default disposition back. An ignored one (nohup, some process managers) would
/// never arrive, and with SIGCHLD ignored there would be nobody to wait for.
pub fn default_disposition(signals: impl Iterator<Item = libc::c_int>) {
    for signal in signals {
        // SAFETY: signal(2) with SIG_DFL installs no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Send a signal by its number to a process, or to a group by its number below zero.
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill takes no pointers.
    unsafe { check(libc::kill(pid, signal)) }.map(drop)
}

/// Whether TERM, INT or QUIT waits, blocked.
pub fn stop_is_pending() -> bool {
    // SAFETY: the set is a live local, written by sigpending before it is read.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&raw mut set) == 0
            && [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT]
                .iter()
                .any(|&s| libc::sigismember(&raw const set, s) == 1)
    }
}

/// End at once, without destructors: for a forked child that is no other program.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: does not return and takes no pointers.
    unsafe { libc::_exit(code) }
}

/// Which side of a fork this is.
pub enum Side {
    /// The old process, with the pid of the new one.
    Parent(nix::unistd::Pid),
    /// The new process.
    Child,
}

/// Fork. Only for a process with one thread: the child may then do anything.
pub fn fork_single_threaded() -> io::Result<Side> {
    // SAFETY: the caller's process has a single thread (no parent here starts one), so no lock is held by a thread
    // that the child does not have.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Parent { child } => Ok(Side::Parent(child)),
        nix::unistd::ForkResult::Child => Ok(Side::Child),
    }
}

/// Whether an accept(2) failed in a way that leaves its client in the queue (no descriptors, no memory): who watches the listener
/// on would be woken by it for ever.
pub fn accepts_later(e: &io::Error) -> bool {
    matches!(e.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS))
}

/// Accept a connection with these flags.
pub fn accept(listener: BorrowedFd<'_>, flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: accept4 may get null for the address; a non-negative result is a new descriptor of ours.
    unsafe {
        let fd =
            check(libc::accept4(listener.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut(), flags));
        fd.map(|fd| OwnedFd::from_raw_fd(fd))
    }
}
