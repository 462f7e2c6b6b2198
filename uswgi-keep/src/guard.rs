//! Watches over the process groups that a process has started, and ends them when that process is gone.
//!
//! PDEATHSIG reaches one process, and a shell is often not the one that matters. So there is a small child with a session
//! of its own: it is told of each group before anything runs in it ([`crate::program::spawn`]), and waits for the end of
//! who made it (a pidfd). Then every group gets its signal, its mercy, and SIGKILL. What they write meanwhile is read, and
//! lost: a pipe that nobody reads would kill who only wants to say that it ends.
//!
//! It must make system calls only: it is forked, without exec, from processes that may have threads. It must never end a
//! group while its maker lives.

use crate::sys;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Instant;
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::{pidfd_open, pidfd_signal};

/// How many groups it knows at a time; what comes beyond has the signal of its own end only.
const MOST: usize = 1024;
/// How often it looks whether a group is gone, once its maker is, in milliseconds.
const LOOK: libc::c_int = 20;

/// One group, as it is told over the socket. All zeros but the group: it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct GroupNotice {
    pub(crate) group: i32,
    /// What it is sent when its maker is gone.
    pub(crate) signal: i32,
    /// Milliseconds until SIGKILL.
    pub(crate) mercy: u32,
}

/// The child. It ends with this value.
#[derive(Debug)]
pub struct Guard {
    socket: OwnedFd,
    pid: i32,
    /// None once it was reaped.
    process: Option<OwnedFd>,
}

impl Guard {
    /// Start it. It never becomes anything's parent, and dies of SIGKILL alone.
    pub fn start() -> io::Result<Guard> {
        let maker = pidfd_open(std::process::id() as i32)?;
        let mut pair = [0; 2];
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        // SAFETY: the pointer is to two live integers, which the kernel fills with new descriptors of ours.
        let [ours, theirs] = unsafe {
            if libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) < 0 {
                return Err(io::Error::last_os_error());
            }
            pair.map(|fd| OwnedFd::from_raw_fd(fd))
        };
        // SAFETY: fork takes no pointers. The child makes system calls only and never returns.
        let pid = unsafe {
            match libc::fork() {
                -1 => return Err(io::Error::last_os_error()),
                0 => watch(maker.as_raw_fd(), theirs.as_raw_fd()),
                pid => pid,
            }
        };
        let process = or_end(pid, pidfd_open(pid))?;
        Ok(Guard { socket: ours, pid, process: Some(process) })
    }

    /// Its pid, for whoever reaps every child.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Somebody else has reaped it: somebody has killed it.
    pub fn reaped(&mut self) {
        self.process = None;
    }

    /// Tell it of a group that is there already.
    pub fn add(&self, group: i32, signal: i32, mercy: std::time::Duration) -> io::Result<()> {
        tell(self.socket.as_raw_fd(), GroupNotice { group, signal, mercy: millis(mercy) })
    }

    /// Read this pipe when its maker is gone, as long as somebody may write to it.
    pub fn read_later(&self, pipe: BorrowedFd<'_>) -> io::Result<()> {
        let nobody = GroupNotice { group: 0, signal: 0, mercy: 0 }.bytes();
        let fds = [pipe.as_raw_fd()];
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        let rights = [ControlMessage::ScmRights(&fds)];
        sendmsg::<()>(self.socket.as_raw_fd(), &[IoSlice::new(&nobody)], &rights, flags, None)?;
        Ok(())
    }

    /// A group is gone: its number may be another's from now on.
    pub fn forget(&self, group: i32) {
        // It looks itself before each new one; this is only sooner.
        let _ = tell(self.socket.as_raw_fd(), GroupNotice { group, signal: 0, mercy: 0 });
    }

    pub(crate) fn socket(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl GroupNotice {
    const SIZE: usize = size_of::<GroupNotice>();

    fn bytes(self) -> [u8; GroupNotice::SIZE] {
        let mut all = [0; GroupNotice::SIZE];
        all[..4].copy_from_slice(&self.group.to_ne_bytes());
        all[4..8].copy_from_slice(&self.signal.to_ne_bytes());
        all[8..].copy_from_slice(&self.mercy.to_ne_bytes());
        all
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(process) = self.process.take() else { return };
        let _ = pidfd_signal(&process, libc::SIGKILL);
        reap(self.pid);
    }
}

/// What a child that was not reaped is of no use without: if there is an error, it is killed, with its group, and reaped.
pub(crate) fn or_end<T>(pid: i32, needed: io::Result<T>) -> io::Result<T> {
    needed.inspect_err(|_| {
        send(pid, libc::SIGKILL);
        // SAFETY: kill takes no pointers. It may lead no group yet.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        reap(pid);
    })
}

/// Wait for the end of a child that was not reaped.
fn reap(pid: i32) {
    // SAFETY: waitpid may get a null pointer.
    while unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

pub(crate) fn millis(mercy: std::time::Duration) -> u32 {
    u32::try_from(mercy.as_millis()).unwrap_or(u32::MAX)
}

/// One message, without waiting. Allocates nothing: forked children call it.
pub(crate) fn tell(socket: RawFd, group: GroupNotice) -> io::Result<()> {
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: the pointer is to a live value of plain integers without padding.
    let sent = unsafe { libc::send(socket, (&raw const group).cast(), size_of::<GroupNotice>(), flags) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The groups that it knows.
struct Groups {
    all: [GroupNotice; MOST],
    length: usize,
}

impl Groups {
    fn take(&mut self, message: GroupNotice) {
        self.retain(|g| g.group != message.group && is_there(g.group));
        if message.signal != 0 && self.length < MOST {
            self.all[self.length] = message;
            self.length += 1;
        }
    }

    fn retain(&mut self, mut keep: impl FnMut(&GroupNotice) -> bool) {
        let mut kept = 0;
        for i in 0..self.length {
            if keep(&self.all[i]) {
                self.all[kept] = self.all[i];
                kept += 1;
            }
        }
        self.length = kept;
    }
}

fn send(group: i32, signal: i32) -> libc::c_int {
    // SAFETY: kill takes no pointers.
    unsafe { libc::kill(-group, signal) }
}

fn is_there(group: i32) -> bool {
    send(group, 0) == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// Wait up to so many milliseconds (-1: for ever) until one of the descriptors has something to say.
fn wait(fds: &mut [libc::pollfd], timeout: libc::c_int) {
    // SAFETY: the pointer is to live values, as many as the length says.
    unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout) };
}

/// The whole life of the child.
fn watch(maker: RawFd, socket: RawFd) -> ! {
    // SAFETY: plain system calls in the only thread of a forked child; the set is a live local, the strings end with
    // zero. Nobody uses the descriptors that are closed: their owners are on the other side of the fork.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        // A signal to the maker's group, or from its terminal, is none of its business.
        libc::setsid();
        libc::prctl(libc::PR_SET_NAME, c"uswgi-guard".as_ptr());
        libc::chdir(c"/".as_ptr());
        let (low, high) = (maker.min(socket) as libc::c_uint, maker.max(socket) as libc::c_uint);
        for (from, end) in [(0, low), (low + 1, high), (high + 1, libc::c_uint::MAX)] {
            if from < end && sys::close_range(from, end - 1, 0) < 0 {
                // A kernel before 5.9: most of them.
                for fd in from..end.min(4096) {
                    libc::close(fd as libc::c_int);
                }
            }
        }
    }
    let mut groups = Groups { all: [GroupNotice { group: 0, signal: 0, mercy: 0 }; MOST], length: 0 };
    let fd = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut fds = Descriptors { all: [fd(-1); 2 + MOST], length: 2 };
    (fds.all[0], fds.all[1]) = (fd(maker), fd(socket));
    while fds.all[0].revents == 0 {
        wait(&mut fds.all[..fds.length], -1);
        fds.close_ended();
        hear(&mut groups, &mut fds);
    }
    end(&mut groups, &mut fds);
    // SAFETY: does not return.
    unsafe { libc::_exit(Exit::Ok.code()) }
}

/// What is waited for: the maker's end, the socket, and pipes.
struct Descriptors {
    all: [libc::pollfd; 2 + MOST],
    length: usize,
}

impl Descriptors {
    /// A pipe is not read while somebody else does.
    fn keep(&mut self, pipe: RawFd) {
        match self.all.get_mut(self.length) {
            Some(place) => {
                *place = libc::pollfd { fd: pipe, events: 0, revents: 0 };
                self.length += 1;
            }
            None => close(pipe),
        }
    }

    /// Forget pipes that nobody writes to any more.
    fn close_ended(&mut self) {
        for i in (2..self.length).rev() {
            if self.all[i].revents & !libc::POLLIN != 0 {
                close(self.all[i].fd);
                self.length -= 1;
                self.all[i] = self.all[self.length];
            }
        }
    }
}

fn close(fd: RawFd) {
    // SAFETY: close takes no pointers; the descriptor came in a message and is ours alone.
    unsafe { libc::close(fd) };
}

/// Take every message that is there.
fn hear(groups: &mut Groups, fds: &mut Descriptors) {
    while fds.all[1].fd >= 0 {
        let mut group = GroupNotice { group: 0, signal: 0, mercy: 0 };
        let mut space = [0u64; 4];
        let mut part = libc::iovec { iov_base: (&raw mut group).cast(), iov_len: GroupNotice::SIZE };
        // SAFETY: for a struct of integers and pointers zero is a value. Then every pointer is to a live value of the
        // length beside it, aligned as control messages are; any bit pattern is a group; what is read of a control
        // message lies within what the kernel has written.
        let (n, pipe) = unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
            message.msg_control = space.as_mut_ptr().cast();
            message.msg_controllen = size_of_val(&space) as _;
            let n = libc::recvmsg(fds.all[1].fd, &raw mut message, libc::MSG_DONTWAIT);
            let header = if n < 0 { std::ptr::null_mut() } else { libc::CMSG_FIRSTHDR(&raw const message) };
            let rights = !header.is_null() && (*header).cmsg_type == libc::SCM_RIGHTS;
            (n, rights.then(|| libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned()))
        };
        pipe.into_iter().for_each(|pipe| fds.keep(pipe));
        match n {
            n if n == GroupNotice::SIZE as isize && group.group > 1 => groups.take(group),
            1.. => {}
            // Nobody holds the other end: only the maker's end matters now.
            0 => fds.all[1].fd = -1,
            _ => return,
        }
    }
}

/// The maker is gone: every group ends.
fn end(groups: &mut Groups, fds: &mut Descriptors) {
    groups.retain(|g| send(g.group, g.signal) == 0 || is_there(g.group));
    let began = Instant::now();
    loop {
        let passed = began.elapsed().as_millis();
        groups.retain(|g| {
            let late = u128::from(g.mercy) <= passed;
            if late {
                send(g.group, libc::SIGKILL);
            }
            !late && is_there(g.group)
        });
        if groups.length == 0 {
            return;
        }
        fds.all[2..].iter_mut().for_each(|fd| fd.events = libc::POLLIN);
        wait(&mut fds.all[2..fds.length], LOOK);
        for fd in fds.all[2..fds.length].iter().filter(|fd| fd.revents & libc::POLLIN != 0) {
            let mut lost = [0u8; 4096];
            // SAFETY: the pointer is to so many live bytes.
            unsafe { libc::read(fd.fd, lost.as_mut_ptr().cast(), lost.len()) };
        }
        fds.close_ended();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Bond, spawn};
    use std::process::Command;
    use std::time::{Duration, Instant};

    #[test]
    fn its_own_end_ends_nothing_else() {
        let guard = Guard::start().unwrap();
        let bond = Bond { guard: &guard, signal: libc::SIGKILL, mercy: Duration::ZERO };
        let mut child = spawn(Command::new("/bin/sleep").arg("1000"), Some(bond), true).unwrap();
        let pid = guard.pid();
        let of = |what: &str| format!("/proc/{pid}/{what}");
        let begun = || {
            let name = std::fs::read_to_string(of("comm")).unwrap();
            name == "uswgi-guard\n" && std::fs::read_dir(of("fd")).unwrap().count() == 2
        };
        let began = Instant::now();
        while !begun() {
            assert!(began.elapsed() < Duration::from_secs(20), "it has its name, and two descriptors");
            std::thread::yield_now();
        }
        drop(guard);
        assert!(!std::path::Path::new(&of("")).exists(), "it is reaped");
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_late_error_leaves_no_child_behind() {
        for session in [false, true] {
            let mut child = spawn(Command::new("/bin/sleep").arg("1000"), None, session).unwrap();
            let pid = child.id() as i32;
            or_end(pid, Ok(())).unwrap();
            assert!(std::fs::exists(format!("/proc/{pid}")).unwrap());
            or_end::<()>(pid, Err(io::ErrorKind::OutOfMemory.into())).unwrap_err();
            assert_eq!(child.try_wait().unwrap_err().raw_os_error(), Some(libc::ECHILD));
        }
    }

    #[test]
    fn groups_are_known_once_and_no_longer_than_they_live() {
        let mut child = Command::new("/bin/true").spawn().unwrap();
        child.wait().unwrap();
        let group = |group, signal| GroupNotice { group, signal, mercy: 0 };
        let mut groups = Groups { all: [group(0, 0); MOST], length: 0 };
        // SAFETY: takes no pointers.
        let own = unsafe { libc::getpgrp() };
        groups.take(group(child.id() as i32, 15));
        groups.take(group(own, 15));
        groups.take(group(own, 2));
        assert_eq!(groups.all[..groups.length], [group(own, 2)]);
        groups.take(group(own, 0));
        assert_eq!(groups.length, 0);
        (0..2 * MOST as i32).for_each(|_| groups.take(group(own, 15)));
        assert_eq!(groups.length, 1);
    }
}
