//! epoll(7) and eventfd(2).

use super::socket::check;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// epoll(7) on plain descriptors.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

pub use libc::epoll_event as Event;

impl Epoll {
    pub(crate) fn new() -> io::Result<Epoll> {
        // SAFETY: no pointers; a new descriptor that nobody else owns.
        unsafe { Ok(Epoll(OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?))) }
    }

    fn control(&self, op: i32, fd: RawFd, events: i32, data: u64) -> io::Result<()> {
        let mut event = Event { events: events as u32, u64: data };
        // SAFETY: event lives across the call.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), op, fd, &mut event) }).map(drop)
    }

    pub(crate) fn add(&self, fd: RawFd, events: i32, data: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, events, data)
    }

    pub(crate) fn modify(&self, fd: RawFd, events: i32, data: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, events, data)
    }

    pub(crate) fn delete(&self, fd: RawFd) {
        // A descriptor that is not there is as good as deleted.
        let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, 0);
    }

    /// Wait for events; an interruption gives none.
    pub fn wait<'a>(&self, events: &'a mut [Event], ms: i32) -> &'a [Event] {
        // SAFETY: pointer and length of a live slice.
        let n = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), events.len() as i32, ms) };
        &events[..n.max(0) as usize]
    }
}

impl AsRawFd for Epoll {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// eventfd(2), non-blocking. With `semaphore`, one read takes one.
#[derive(Debug)]
pub struct WakeEvent(OwnedFd);

impl WakeEvent {
    pub(crate) fn new(semaphore: bool) -> io::Result<WakeEvent> {
        let flags = libc::EFD_CLOEXEC | libc::EFD_NONBLOCK | if semaphore { libc::EFD_SEMAPHORE } else { 0 };
        // SAFETY: no pointers; a new descriptor that nobody else owns.
        unsafe { Ok(WakeEvent(OwnedFd::from_raw_fd(check(libc::eventfd(0, flags))?))) }
    }

    pub(crate) fn set(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight live bytes. A full counter is as good as one more.
        unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), 8) };
    }

    pub(crate) fn clear(&self) {
        let mut buffer = [0u8; 8];
        // SAFETY: eight live bytes.
        unsafe { libc::read(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), 8) };
    }
}

impl AsFd for WakeEvent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for WakeEvent {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
