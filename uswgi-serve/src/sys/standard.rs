//! The standard descriptors.

use std::os::fd::{AsRawFd, BorrowedFd};

/// stderr.
pub fn standard_error() -> BorrowedFd<'static> {
    // SAFETY: the master gives every process a descriptor 2, and nothing here closes it; an application that does
    // gets failed writes.
    unsafe { BorrowedFd::borrow_raw(2) }
}

/// stdout and stderr are this file from now on. Writes that are under way end in the old one.
pub fn replace_standard(file: BorrowedFd<'_>) {
    for target in [1, 2] {
        // SAFETY: dup2 takes no pointers; it replaces the descriptor at once, and nobody here owns 1 and 2.
        unsafe { libc::dup2(file.as_raw_fd(), target) };
    }
}
