//! Sockets and files by descriptor.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub(super) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

pub(super) fn check_size(result: libc::ssize_t) -> io::Result<usize> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as usize) }
}

/// Whether an error only means "not now".
pub fn would_block(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::WouldBlock
}

/// recv(2) without waiting into the spare capacity of a buffer; 0 at end of file.
pub fn recv_into(fd: RawFd, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let spare = buffer.spare_capacity_mut();
    let n = loop {
        // SAFETY: the pointer and length are those of the spare capacity, which outlives the call.
        let r = unsafe { libc::recv(fd, spare.as_mut_ptr().cast(), spare.len(), libc::MSG_DONTWAIT) };
        match check_size(r) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            other => break other?,
        }
    };
    // SAFETY: recv wrote n bytes right behind the current length, within the capacity.
    unsafe { buffer.set_len(buffer.len() + n) };
    Ok(n)
}

/// recv(2) without waiting into memory that need not be initialised; 0 at end of file.
pub fn recv_slice(fd: RawFd, into: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    loop {
        // SAFETY: pointer and length of a live slice, which recv only writes to.
        match check_size(unsafe { libc::recv(fd, into.as_mut_ptr().cast(), into.len(), libc::MSG_DONTWAIT) })
        {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            other => return other,
        }
    }
}

/// send(2) of up to two pieces as one without waiting; bytes taken.
pub fn send2(fd: RawFd, a: &[u8], b: &[u8]) -> io::Result<usize> {
    loop {
        let r = if b.is_empty() {
            // SAFETY: pointer and length of a live slice.
            unsafe { libc::send(fd, a.as_ptr().cast(), a.len(), libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) }
        } else {
            let iov = [
                libc::iovec { iov_base: a.as_ptr().cast_mut().cast(), iov_len: a.len() },
                libc::iovec { iov_base: b.as_ptr().cast_mut().cast(), iov_len: b.len() },
            ];
            // SAFETY: msghdr is plain data for which zero is valid; iov lives across the call and
            // sendmsg only reads through it.
            unsafe {
                let mut msg: libc::msghdr = std::mem::zeroed();
                msg.msg_iov = iov.as_ptr().cast_mut();
                msg.msg_iovlen = 2;
                libc::sendmsg(fd, &msg, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
            }
        };
        match check_size(r) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            other => return other,
        }
    }
}

/// sendfile(2) without waiting (the socket must be non-blocking); bytes sent, 0 at end of file.
pub fn sendfile(socket: RawFd, file: RawFd, offset: &mut i64, count: usize) -> io::Result<usize> {
    loop {
        // SAFETY: offset points to a live i64 (off_t of this target).
        match check_size(unsafe { libc::sendfile(socket, file, offset, count) }) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            other => return other,
        }
    }
}

/// Address of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Its address over TCP.
    Ip(SocketAddr),
    /// A unix socket has no address worth telling.
    Unix,
}

impl Peer {
    /// Its address; None for a unix socket.
    pub fn ip(self) -> Option<std::net::IpAddr> {
        match self {
            Peer::Ip(a) => Some(a.ip()),
            Peer::Unix => None,
        }
    }
}

/// accept4(2), non-blocking and close-on-exec.
pub fn accept(listener: RawFd) -> io::Result<(OwnedFd, Peer)> {
    // SAFETY: sockaddr_storage is plain data for which zero is valid.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    let fd = loop {
        // SAFETY: storage and len are live and len is the size of storage.
        let r = unsafe {
            libc::accept4(
                listener,
                (&raw mut storage).cast(),
                &mut len,
                libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            )
        };
        match check(r) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            other => break other?,
        }
    };
    // SAFETY: accept4 gave a new descriptor that nobody else owns.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok((fd, peer_of(&storage)))
}

fn peer_of(storage: &libc::sockaddr_storage) -> Peer {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is a sockaddr_in, which fits a sockaddr_storage.
            let a = unsafe { *(&raw const *storage).cast::<libc::sockaddr_in>() };
            Peer::Ip((a.sin_addr.s_addr.to_ne_bytes(), u16::from_be(a.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above for sockaddr_in6.
            let a = unsafe { *(&raw const *storage).cast::<libc::sockaddr_in6>() };
            Peer::Ip((a.sin6_addr.s6_addr, u16::from_be(a.sin6_port)).into())
        }
        _ => Peer::Unix,
    }
}

/// The local address of a listening socket; None for a unix socket.
pub fn local_address(fd: RawFd) -> Option<SocketAddr> {
    // SAFETY: sockaddr_storage is plain data for which zero is valid.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: storage and len are live and len is the size of storage.
    check(unsafe { libc::getsockname(fd, (&raw mut storage).cast(), &mut len) }).ok()?;
    match peer_of(&storage) {
        Peer::Ip(a) => Some(a),
        Peer::Unix => None,
    }
}

fn set_int(fd: RawFd, level: i32, name: i32, value: i32) {
    // SAFETY: value lives across the call and its size is given. Failure means "no such option here".
    unsafe {
        libc::setsockopt(fd, level, name, (&raw const value).cast(), size_of::<i32>() as libc::socklen_t);
    }
}

/// TCP_NODELAY (a no-op on other sockets).
pub fn no_delay(fd: RawFd) {
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1);
}

/// Close-on-exec on.
pub fn close_on_exec(fd: RawFd) {
    // SAFETY: no pointers.
    unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
}

/// O_NONBLOCK on.
pub fn non_blocking(fd: RawFd) {
    // SAFETY: no pointers.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK);
    }
}

/// A second descriptor for the same file, close-on-exec.
pub fn dup(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: no pointers; a new descriptor that nobody else owns.
    unsafe { Ok(OwnedFd::from_raw_fd(check(libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3))?)) }
}

/// An inherited descriptor, by number. None if it is not open.
pub fn inherit(fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: no pointers.
    if fd < 3 || unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return None;
    }
    close_on_exec(fd);
    // SAFETY: it is open, the contract says that it is ours, and each number is taken once (start.rs).
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether a descriptor is a regular file: its size and position.
pub fn regular_file(fd: RawFd) -> Option<(u64, i64)> {
    // SAFETY: stat is plain data for which zero is valid; it lives across the call.
    let (r, stat) = unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        (libc::fstat(fd, &mut stat), stat)
    };
    if r != 0 || stat.st_mode & libc::S_IFMT != libc::S_IFREG {
        return None;
    }
    // SAFETY: no pointers.
    let position = unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
    (position >= 0).then_some((stat.st_size as u64, position))
}

/// shutdown(2).
pub fn shutdown(fd: RawFd, how: i32) {
    // SAFETY: no pointers.
    unsafe { libc::shutdown(fd, how) };
}

/// Wait until a descriptor is ready for `events` or ms have passed; false on time-out.
pub fn wait_for(fd: RawFd, events: i16, ms: i32) -> io::Result<bool> {
    wait_for_either(fd, events, -1, ms)
}

/// The same, or until another descriptor is readable; a negative one is none.
pub fn wait_for_either(fd: RawFd, events: i16, other: RawFd, ms: i32) -> io::Result<bool> {
    let mut both = [
        libc::pollfd { fd, events, revents: 0 },
        libc::pollfd { fd: other, events: libc::POLLIN, revents: 0 },
    ];
    // SAFETY: two live pollfds.
    match check(unsafe { libc::poll(both.as_mut_ptr(), 2, ms) }) {
        Ok(n) => Ok(n > 0),
        Err(e) => Err(e),
    }
}

/// Whether something can be received (or the peer has left).
pub fn readable(fd: RawFd) -> bool {
    wait_for(fd, libc::POLLIN, 0).unwrap_or(false)
}

/// Whether the peer of a connection has closed it, or the half on which it sends: over TCP both look the same. Reads and
/// sends nothing.
pub fn has_left(fd: RawFd) -> bool {
    wait_for(fd, libc::POLLRDHUP, 0).unwrap_or(false)
}

/// Bytes that the kernel holds and the peer has not acknowledged (SIOCOUTQ).
pub fn unsent(fd: RawFd) -> u64 {
    let mut bytes: libc::c_int = 0;
    // SAFETY: bytes lives across the call.
    let r = unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &mut bytes) };
    if r < 0 { 0 } else { bytes.max(0) as u64 }
}

/// Close what a descriptor refers to while its number stays taken (a number that other threads know must
/// not come to mean another file).
pub fn replace_by_nothing(fd: RawFd) {
    if let Ok(nothing) = std::fs::File::open("/dev/null") {
        // SAFETY: no pointers; fd is open and ours.
        unsafe { libc::dup3(nothing.as_raw_fd(), fd, libc::O_CLOEXEC) };
    }
}
