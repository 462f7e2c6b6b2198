//! Giving a connection to a worker: one end of a socket pair, with what is known of its client and the first bytes.

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, socketpair,
};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use uswgi_proto::passed::{MOST_BUFFER, Passed};

/// The end that stays here, and how many of the bytes went with the other one. None: no worker takes any now.
pub(crate) fn pass(
    to: &OwnedFd,
    passed: &Passed<'_>,
    bytes: &[u8],
) -> io::Result<Option<(UnixStream, usize)>> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
    let bytes = &bytes[..bytes.len().min(MOST_BUFFER)];
    let head = passed.encode();
    let sent = sendmsg::<UnixAddr>(
        to.as_raw_fd(),
        &[IoSlice::new(&head), IoSlice::new(bytes)],
        &[ControlMessage::ScmRights(&[theirs.as_raw_fd()])],
        MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        None,
    );
    match sent {
        Ok(_) => Ok(Some((ours.into(), bytes.len()))),
        // Too many descriptors are on their way, or the queue of the workers is full.
        Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::ETOOMANYREFS) => Ok(None),
        Err(e) => Err(e.into()),
    }
}
