//! The memory of locks, caches and what else processes share: made once, given to every worker, unchanged by reloads.
//!
//! It must never take a lock in it: whoever holds one may be stopped, and the master waits for nobody.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use uswgi_shared::{Shared, SharedError, SharedSpec};

/// The memory and its descriptor.
pub struct Memory {
    shared: Shared,
    fd: OwnedFd,
}

impl Memory {
    /// Make it.
    pub fn create(spec: &SharedSpec) -> Result<Memory, SharedError> {
        let (shared, fd) = Shared::create(spec)?;
        Ok(Memory { shared, fd })
    }

    /// For a worker.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// To look at its counters.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }
}
