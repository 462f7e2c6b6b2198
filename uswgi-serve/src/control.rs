//! This process's end of the control socket: whole packets, descriptors beside them.

use crate::sync::lock;
use crate::sys;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Mutex;
use uswgi_proto::control::{CONTROL_VERSION, MAX_MESSAGE, ToMaster, ToWorker, decode, encode};
use uswgi_proto::settings::Role;

/// The control socket. Sends may block for a moment, receiving waits only where it says so.
#[derive(Debug)]
pub struct Control {
    fd: OwnedFd,
    /// What was received early ([`Control::is_unwanted`]), for who receives next.
    early: Mutex<VecDeque<FromMaster>>,
}

/// What came.
#[derive(Debug)]
pub enum FromMaster {
    /// A message, and the descriptors that came with it.
    Message(ToWorker, Vec<OwnedFd>),
    /// Nothing yet.
    Nothing,
    /// The master is gone.
    Gone,
}

impl Control {
    /// Over an inherited socket.
    pub fn new(fd: OwnedFd) -> Control {
        Control { fd, early: Mutex::default() }
    }

    /// Tell the master. A master that is gone is noticed elsewhere.
    pub fn send(&self, message: &ToMaster) {
        let packet = encode(message);
        let fd = self.fd.as_raw_fd();
        for _ in 0..50 {
            match sys::send2(fd, &packet, b"") {
                Err(e) if sys::would_block(&e) => {
                    let _ = sys::wait_for(fd, libc::POLLOUT, 100);
                }
                _ => return,
            }
        }
    }

    /// Tell the master who this is, before anything else; `python`: what runs here, where that is news.
    pub fn hello(&self, role: Role, python: &str) {
        let pid = std::process::id() as i32;
        self.send(&ToMaster::Hello { version: CONTROL_VERSION, role, pid, python: python.into() });
    }

    /// Whether the master is gone or wants this process to end. What it says beside that is kept for [`Control::receive`].
    pub fn is_unwanted(&self) -> bool {
        let mut early = lock(&self.early);
        let gone = loop {
            match self.take(false) {
                Ok(came @ FromMaster::Message(..)) => early.push_back(came),
                // Who receives next finds it again.
                Ok(FromMaster::Gone) => break true,
                Ok(FromMaster::Nothing) | Err(_) => break false,
            }
        };
        let ends = |m: &FromMaster| matches!(m, FromMaster::Message(ToWorker::Retire { .. }, _));
        gone || early.iter().any(ends)
    }

    /// The next message. Waits for it with `wait`.
    pub fn receive(&self, wait: bool) -> io::Result<FromMaster> {
        let early = lock(&self.early).pop_front();
        early.map_or_else(|| self.take(wait), Ok)
    }

    fn take(&self, wait: bool) -> io::Result<FromMaster> {
        let mut buffer = vec![0; MAX_MESSAGE];
        let mut space = nix::cmsg_space!([RawFd; 4]);
        let flags =
            MsgFlags::MSG_CMSG_CLOEXEC | if wait { MsgFlags::empty() } else { MsgFlags::MSG_DONTWAIT };
        let (length, descriptors) = {
            let mut iov = [IoSliceMut::new(&mut buffer)];
            let received = match recvmsg::<()>(self.fd.as_raw_fd(), &mut iov, Some(&mut space), flags) {
                Ok(r) => r,
                Err(nix::Error::EAGAIN | nix::Error::EINTR) => return Ok(FromMaster::Nothing),
                Err(nix::Error::ECONNRESET) => return Ok(FromMaster::Gone),
                Err(e) => return Err(e.into()),
            };
            let mut descriptors = Vec::new();
            for message in received.cmsgs().map_err(io::Error::from)? {
                if let ControlMessageOwned::ScmRights(fds) = message {
                    for fd in fds {
                        // SAFETY: SCM_RIGHTS made a new descriptor for us; each is wrapped once.
                        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
                        descriptors.push(fd);
                    }
                }
            }
            (received.bytes, descriptors)
        };
        if length == 0 {
            return Ok(FromMaster::Gone);
        }
        let message = decode(&buffer[..length]).map_err(io::Error::other)?;
        Ok(FromMaster::Message(message, descriptors))
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Control {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
