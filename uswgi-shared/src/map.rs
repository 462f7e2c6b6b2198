//! The mapping: whole words as atomics, bytes by copying. Unsafe code; see `mutex` for the other half.
//!
//! It must never give out a reference to bytes that others change: only to atomics. Copies of bytes are made
//! under the mutex that guards them; nothing else reads or writes them then.

use crate::error::SharedError;
use memmap2::{MmapOptions, MmapRaw};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Mapped memory. Lives as long as the process: a robust mutex in it must never be unmapped while it is held.
pub(crate) struct Region {
    map: MmapRaw,
}

fn io<E: Into<std::io::Error>>(what: &'static str) -> impl Fn(E) -> SharedError {
    move |e| SharedError::Io { what, source: e.into() }
}

impl Region {
    /// New memory of zeros, sealed against shrinking and growing.
    pub(crate) fn create(size: usize) -> Result<(Region, OwnedFd), SharedError> {
        let fd = memfd_create(c"uswgi-shared", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)
            .map_err(io("memfd_create"))?;
        nix::unistd::ftruncate(&fd, size as i64).map_err(io("ftruncate"))?;
        fcntl(&fd, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW))
            .map_err(io("F_ADD_SEALS"))?;
        let file = File::from(fd);
        let map = MmapOptions::new().len(size).map_raw(&file).map_err(io("mmap"))?;
        Ok((Region { map }, file.into()))
    }

    /// Map a file that cannot change its size.
    pub(crate) fn open(fd: BorrowedFd<'_>) -> Result<Region, SharedError> {
        let file = File::from(fd.try_clone_to_owned().map_err(io("dup"))?);
        let size = file.metadata().map_err(io("fstat"))?.len();
        let seals = fcntl(&file, FcntlArg::F_GET_SEALS)
            .map_err(|_| SharedError::NotUsable("it is no sealed memory file"))?;
        if !SealFlag::from_bits_truncate(seals).contains(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW) {
            return Err(SharedError::NotUsable("it is not sealed"));
        }
        if size == 0 {
            return Err(SharedError::NotUsable("it is empty"));
        }
        let map = MmapOptions::new().len(size as usize).map_raw(&file).map_err(io("mmap"))?;
        Ok(Region { map })
    }

    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Where `length` bytes at `offset` stand. Panics beyond the end: offsets come from the layout and from
    /// indices that were looked at.
    pub(crate) fn at(&self, offset: usize, length: usize) -> *mut u8 {
        assert!(offset.checked_add(length).is_some_and(|end| end <= self.len()), "beyond the shared memory");
        self.map.as_mut_ptr().wrapping_add(offset)
    }

    /// A word.
    pub(crate) fn word32(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4));
        // SAFETY: in bounds (`at`) and aligned (the mapping is on a page); every bit pattern is a value; words are
        // only ever used as atomics, and the mapping lives as long as self.
        unsafe { AtomicU32::from_ptr(self.at(offset, 4).cast()) }
    }

    /// A word.
    pub(crate) fn word64(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8));
        // SAFETY: as in `word32`.
        unsafe { AtomicU64::from_ptr(self.at(offset, 8).cast()) }
    }

    /// Copy bytes in. The caller holds the mutex that guards them, or nobody else has the memory yet.
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        let to = self.at(offset, bytes.len());
        // SAFETY: in bounds; `bytes` is not in the mapping (no reference into it is ever given out).
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Copy bytes out. The caller holds the mutex that guards them.
    pub(crate) fn read(&self, offset: usize, bytes: &mut [u8]) {
        let from = self.at(offset, bytes.len());
        // SAFETY: in bounds; `bytes` is not in the mapping.
        unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
    }

    /// Copy bytes out into memory that is not initialised; all of it is afterwards.
    pub(crate) fn fill(&self, offset: usize, bytes: &mut [std::mem::MaybeUninit<u8>]) {
        let from = self.at(offset, bytes.len());
        // SAFETY: in bounds; `bytes` is not in the mapping, and any byte may be written to it.
        unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr().cast(), bytes.len()) };
    }

    /// Whether these bytes stand there. The caller holds the mutex that guards them.
    pub(crate) fn equals(&self, offset: usize, bytes: &[u8]) -> bool {
        let at = self.at(offset, bytes.len());
        // SAFETY: in bounds; both are live for the call, and nobody writes them meanwhile.
        unsafe { libc::memcmp(at.cast(), bytes.as_ptr().cast(), bytes.len()) == 0 }
    }

    /// Set bytes to zero. The caller holds the mutex that guards them.
    pub(crate) fn clear(&self, offset: usize, length: usize) {
        let to = self.at(offset, length);
        // SAFETY: in bounds.
        unsafe { std::ptr::write_bytes(to, 0, length) };
    }
}
