//! What the kernel says of a TCP socket that we hold (TCP_INFO of tcp(7)). An unsafe leaf: one system call.

use crate::sock_diag::Queue;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The queue of a listening TCP socket; None for a socket of another kind.
pub(crate) fn queue(fd: BorrowedFd<'_>) -> Option<Queue> {
    // At a listening socket these two fields hold the queue and its limit.
    info(fd).map(|info| Queue { waiting: info.tcpi_unacked, limit: info.tcpi_sacked })
}

/// How long ago a connection received bytes last, microseconds (the kernel counts in milliseconds); None for a socket of
/// another kind.
pub fn last_received_us(fd: BorrowedFd<'_>) -> Option<u64> {
    info(fd).map(|info| u64::from(info.tcpi_last_data_recv) * 1_000)
}

fn info(fd: BorrowedFd<'_>) -> Option<libc::tcp_info> {
    // SAFETY: tcp_info is plain integers, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut size = size_of::<libc::tcp_info>() as libc::socklen_t;
    let fd = fd.as_raw_fd();
    // SAFETY: the pointers are to live values, and size says how long the first is.
    let result = unsafe {
        libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut info).cast(), &raw mut size)
    };
    (result == 0).then_some(info)
}
