//! Creating, sealing, mapping and checking the memory of a scoreboard.
//!
//! The only unsafe code of the scoreboard. It hands out references to structs of atomics inside the
//! mapping; bounds are checked against the capacities that were checked against the file's size.

use super::aide::{AIDE_SIZE, AIDES, AideSlot};
use super::layout::{
    HEADER_SIZE, Header, SOCKET_SIZE, SOCKETS, SocketSlot, THREAD_SIZE, ThreadSlot, Totals, WORKER_SIZE,
    WorkerSlot,
};
use super::slow::{SLOW_BOARD_SIZE, SlowBoard};
use super::{LAYOUT_VERSION, MAGIC};
use memmap2::{MmapOptions, MmapRaw};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

/// Why a scoreboard cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScoreboardError {
    /// The system refused.
    #[error("scoreboard: {what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no scoreboard, or a truncated or scribbled-over one.
    #[error("this is no scoreboard: {0}")]
    NotAScoreboard(&'static str),
    /// It has another layout.
    #[error(
        "the scoreboard has layout version {found}, this program reads version {expected}; use the uswgi-ctl of the running version"
    )]
    Version {
        /// In the file.
        found: u32,
        /// Ours.
        expected: u32,
    },
}

fn io(what: &'static str) -> impl Fn(std::io::Error) -> ScoreboardError {
    move |source| ScoreboardError::Io { what, source }
}

fn size_for(workers: u32, threads: u32) -> Option<usize> {
    let per_worker = (threads as usize).checked_mul(THREAD_SIZE)?.checked_add(WORKER_SIZE)?;
    (workers as usize).checked_mul(per_worker)?.checked_add(WORKERS_OFFSET)
}

/// Where the slots of aides begin.
const AIDES_OFFSET: usize = HEADER_SIZE + SOCKETS * SOCKET_SIZE;
/// Where slow requests do.
const SLOW_OFFSET: usize = AIDES_OFFSET + AIDES * AIDE_SIZE;
/// Where the slots of workers begin, in bytes.
pub const WORKERS_OFFSET: usize = SLOW_OFFSET + SLOW_BOARD_SIZE;

/// Base address and capacities of a checked mapping.
struct View {
    map: MmapRaw,
    workers: u32,
    threads: u32,
}

impl View {
    fn header(&self) -> &Header {
        // SAFETY: the mapping is at least HEADER_SIZE bytes (checked when the View was made), page
        // aligned, lives as long as self, and Header is made of atomics for which all bits are valid.
        unsafe { &*self.map.as_mut_ptr().cast::<Header>() }
    }

    fn socket(&self, i: usize) -> Option<&SocketSlot> {
        if i >= SOCKETS {
            return None;
        }
        // SAFETY: as for header; the table of SOCKETS slots follows the header within the checked size.
        Some(unsafe { &*self.map.as_mut_ptr().add(HEADER_SIZE + i * SOCKET_SIZE).cast::<SocketSlot>() })
    }

    fn aide(&self, slot: u32) -> Option<&AideSlot> {
        if slot as usize >= AIDES {
            return None;
        }
        let offset = AIDES_OFFSET + slot as usize * AIDE_SIZE;
        // SAFETY: as for header; the table of AIDES slots follows the sockets within the checked size.
        Some(unsafe { &*self.map.as_mut_ptr().add(offset).cast::<AideSlot>() })
    }

    fn slow(&self) -> &SlowBoard {
        // SAFETY: as for header; it follows the aides within the checked size, at a multiple of its alignment.
        unsafe { &*self.map.as_mut_ptr().add(SLOW_OFFSET).cast::<SlowBoard>() }
    }

    fn worker_offset(&self, slot: u32) -> usize {
        let per_worker = WORKER_SIZE + self.threads as usize * THREAD_SIZE;
        WORKERS_OFFSET + slot as usize * per_worker
    }

    fn worker(&self, slot: u32) -> Option<&WorkerSlot> {
        if slot >= self.workers {
            return None;
        }
        // SAFETY: as for header; slot < workers and size_for(workers, threads) <= mapped size; offsets
        // are multiples of 128, as the alignment is.
        Some(unsafe { &*self.map.as_mut_ptr().add(self.worker_offset(slot)).cast::<WorkerSlot>() })
    }

    fn thread(&self, slot: u32, thread: u32) -> Option<&ThreadSlot> {
        if slot >= self.workers || thread >= self.threads {
            return None;
        }
        let offset = self.worker_offset(slot) + WORKER_SIZE + thread as usize * THREAD_SIZE;
        // SAFETY: as for worker; thread < threads.
        Some(unsafe { &*self.map.as_mut_ptr().add(offset).cast::<ThreadSlot>() })
    }

    fn totals(&self, slot: u32) -> Totals {
        (0..self.threads)
            .filter_map(|t| self.thread(slot, t))
            .map(Totals::of_thread)
            .fold(self.worker(slot).map(Totals::beside_threads).unwrap_or_default(), |a, b| a + b)
    }
}

macro_rules! accessors {
    () => {
        /// The instance.
        pub fn header(&self) -> &Header {
            self.0.header()
        }
        /// A socket slot; None beyond the table.
        pub fn socket(&self, i: usize) -> Option<&SocketSlot> {
            self.0.socket(i)
        }
        /// An aide's slot; None beyond the table.
        pub fn aide(&self, slot: u32) -> Option<&AideSlot> {
            self.0.aide(slot)
        }
        /// Slow requests.
        pub fn slow(&self) -> &SlowBoard {
            self.0.slow()
        }
        /// A worker slot; None beyond the capacity.
        pub fn worker(&self, slot: u32) -> Option<&WorkerSlot> {
            self.0.worker(slot)
        }
        /// A thread slot; None beyond the capacity.
        pub fn thread(&self, slot: u32, thread: u32) -> Option<&ThreadSlot> {
            self.0.thread(slot, thread)
        }
        /// Number of worker slots.
        pub fn worker_capacity(&self) -> u32 {
            self.0.workers
        }
        /// Number of thread slots in each worker slot.
        pub fn threads_capacity(&self) -> u32 {
            self.0.threads
        }
        /// Sums over the threads of a slot (without `carried`).
        pub fn totals(&self, slot: u32) -> Totals {
            self.0.totals(slot)
        }
    };
}

/// A writable scoreboard: of the master that made it, or of a worker that inherited it.
pub struct Scoreboard(View);

impl Scoreboard {
    /// Make one. The descriptor is sealed against growing and shrinking and is close-on-exec; the
    /// caller moves it to [`super::SCOREBOARD_FD`] and keeps it open. Magic is written last.
    pub fn create(workers: u32, threads: u32) -> Result<(Scoreboard, OwnedFd), ScoreboardError> {
        let size = size_for(workers, threads).ok_or(ScoreboardError::NotAScoreboard("too large"))?;
        let fd = memfd_create(c"uswgi-scoreboard", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)
            .map_err(|e| io("memfd_create")(e.into()))?;
        nix::unistd::ftruncate(&fd, size as i64).map_err(|e| io("ftruncate")(e.into()))?;
        fcntl(&fd, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW))
            .map_err(|e| io("F_ADD_SEALS")(e.into()))?;
        let map = MmapOptions::new().len(size).map_raw(&File::from(dup(fd.as_fd())?)).map_err(io("mmap"))?;
        let board = Scoreboard(View { map, workers, threads });
        let h = board.header();
        h.layout_version.store(LAYOUT_VERSION, Ordering::Relaxed);
        h.worker_capacity.store(workers, Ordering::Relaxed);
        h.threads_capacity.store(threads, Ordering::Relaxed);
        h.size.store(size as u64, Ordering::Relaxed);
        h.version.write(env!("CARGO_PKG_VERSION").as_bytes());
        h.magic.store(MAGIC, Ordering::Release);
        Ok((board, fd))
    }

    /// Map an inherited descriptor for writing. The descriptor may be closed afterwards.
    pub fn adopt(fd: BorrowedFd<'_>) -> Result<Scoreboard, ScoreboardError> {
        checked(fd, true).map(Scoreboard)
    }

    accessors!();
}

/// A read-only view of somebody else's scoreboard.
pub struct Reader(View);

impl Reader {
    /// Map a descriptor for reading, and believe nothing before it was checked.
    pub fn open(fd: BorrowedFd<'_>) -> Result<Reader, ScoreboardError> {
        checked(fd, false).map(Reader)
    }

    accessors!();
}

fn dup(fd: BorrowedFd<'_>) -> Result<OwnedFd, ScoreboardError> {
    fd.try_clone_to_owned().map_err(io("dup"))
}

fn checked(fd: BorrowedFd<'_>, writable: bool) -> Result<View, ScoreboardError> {
    let file = File::from(dup(fd)?);
    let size = file.metadata().map_err(io("fstat"))?.len() as usize;
    if size < HEADER_SIZE {
        return Err(ScoreboardError::NotAScoreboard("it is too short"));
    }
    // A file that could shrink under the mapping would end its reader with SIGBUS.
    let seals = fcntl(&file, FcntlArg::F_GET_SEALS)
        .map_err(|_| ScoreboardError::NotAScoreboard("it is no sealed memory file"))?;
    let seals = SealFlag::from_bits_truncate(seals);
    if !seals.contains(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW) {
        return Err(ScoreboardError::NotAScoreboard("it is not sealed"));
    }
    let mut options = MmapOptions::new();
    options.len(size);
    let map = if writable { options.map_raw(&file) } else { options.map_raw_read_only(&file) }
        .map_err(io("mmap"))?;
    let mut view = View { map, workers: 0, threads: 0 };
    let h = view.header();
    if h.magic.load(Ordering::Acquire) != MAGIC {
        return Err(ScoreboardError::NotAScoreboard("the magic number is missing"));
    }
    let found = h.layout_version.load(Ordering::Relaxed);
    if found != LAYOUT_VERSION {
        return Err(ScoreboardError::Version { found, expected: LAYOUT_VERSION });
    }
    let (workers, threads) =
        (h.worker_capacity.load(Ordering::Relaxed), h.threads_capacity.load(Ordering::Relaxed));
    if size_for(workers, threads) != Some(size) || h.size.load(Ordering::Relaxed) != size as u64 {
        return Err(ScoreboardError::NotAScoreboard("its sizes do not fit each other"));
    }
    view.workers = workers;
    view.threads = threads;
    Ok(view)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_written_is_read() {
        let (board, fd) = Scoreboard::create(3, 2).unwrap();
        board.header().generation.store(7, Ordering::Relaxed);
        board.thread(2, 1).unwrap().requests.store(5, Ordering::Relaxed);
        board.thread(2, 0).unwrap().requests.store(6, Ordering::Relaxed);
        assert!(board.worker(3).is_none() && board.thread(0, 2).is_none());
        let reader = Reader::open(fd.as_fd()).unwrap();
        assert_eq!(reader.header().generation.load(Ordering::Relaxed), 7);
        assert_eq!(reader.totals(2).requests, 11);
    }

    #[test]
    fn the_file_cannot_change_its_size() {
        let (_, fd) = Scoreboard::create(1, 1).unwrap();
        assert!(nix::unistd::ftruncate(&fd, 10).is_err());
        assert!(nix::unistd::ftruncate(&fd, 1 << 20).is_err());
    }

    #[test]
    fn foreign_and_scribbled_files_are_refused() {
        let plain = memfd_create(c"x", MFdFlags::MFD_CLOEXEC).unwrap();
        assert!(Reader::open(plain.as_fd()).is_err());
        File::from(plain.try_clone().unwrap()).write_all(&[0; 100_000]).unwrap();
        assert!(Reader::open(plain.as_fd()).is_err());
        let (board, fd) = Scoreboard::create(2, 2).unwrap();
        board.header().worker_capacity.store(u32::MAX, Ordering::Relaxed);
        assert!(matches!(Reader::open(fd.as_fd()), Err(ScoreboardError::NotAScoreboard(_))));
        board.header().worker_capacity.store(2, Ordering::Relaxed);
        board.header().layout_version.store(99, Ordering::Relaxed);
        assert!(matches!(Reader::open(fd.as_fd()), Err(ScoreboardError::Version { found: 99, .. })));
    }
}
