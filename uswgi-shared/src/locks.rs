//! The locks of an application (`uwsgi.lock`): a row of robust mutexes.
#![forbid(unsafe_code)]

use crate::error::SharedError;
use crate::layout::{LOCK_HOLDER, LOCK_SIZE};
use crate::map::Region;
use crate::mutex::{Attempt, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The pid of this process, which costs a system call to ask; 0: not asked yet.
static PID: AtomicU32 = AtomicU32::new(0);

fn pid() -> u32 {
    match PID.load(Ordering::Relaxed) {
        0 => {
            let pid = std::process::id();
            PID.store(pid, Ordering::Relaxed);
            pid
        }
        pid => pid,
    }
}

/// This process was forked. Without it the pid that it leaves in a lock is its parent's, which only misleads people.
pub fn forked() {
    PID.store(0, Ordering::Relaxed);
}

/// How an attempt to take a lock ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The calling thread has it now.
    Yes,
    /// The calling thread has it now; the process with this pid died while it held it (0: unknown).
    FromTheDead(u32),
    /// Somebody else has it.
    Busy,
    /// The calling thread has it already.
    Own,
}

/// The locks of an instance.
pub struct Locks {
    region: Arc<Region>,
    offset: usize,
    count: u32,
}

impl Locks {
    pub(crate) fn new(region: Arc<Region>, offset: usize, count: u32) -> Locks {
        Locks { region, offset, count }
    }

    pub(crate) fn initialise(&self) -> Result<(), SharedError> {
        (0..self.count).try_for_each(|i| self.mutex(i).initialise())
    }

    fn mutex(&self, index: u32) -> Mutex<'_> {
        Mutex::at(&self.region, self.offset + index as usize * LOCK_SIZE)
    }

    fn holder(&self, index: u32) -> &std::sync::atomic::AtomicU32 {
        self.region.word32(self.offset + index as usize * LOCK_SIZE + LOCK_HOLDER)
    }

    /// How many there are; their numbers begin with 0.
    pub fn count(&self) -> u32 {
        self.count
    }

    fn taken(&self, index: u32, attempt: Attempt) -> Taken {
        let pid = pid();
        match attempt {
            Attempt::Busy => Taken::Busy,
            Attempt::Own => Taken::Own,
            Attempt::Locked => {
                self.holder(index).store(pid, Ordering::Relaxed);
                Taken::Yes
            }
            Attempt::Inherited => {
                self.mutex(index).make_consistent();
                Taken::FromTheDead(self.holder(index).swap(pid, Ordering::Relaxed))
            }
        }
    }

    /// Take it if it is free. None: there is no such lock.
    pub fn try_lock(&self, index: u32) -> Option<Taken> {
        (index < self.count).then(|| self.taken(index, self.mutex(index).try_lock()))
    }

    /// Wait for it, at most so long. None: there is no such lock.
    pub fn lock_within(&self, index: u32, time: Duration) -> Option<Taken> {
        (index < self.count).then(|| self.taken(index, self.mutex(index).lock_within(time)))
    }

    /// Let it go; false: the calling thread does not hold it. None: there is no such lock.
    pub fn unlock(&self, index: u32) -> Option<bool> {
        if index >= self.count {
            return None;
        }
        let holder = self.holder(index);
        let before = holder.load(Ordering::Relaxed);
        if before == pid() {
            // Only a hint for messages; a wrong one does no harm.
            holder.store(0, Ordering::Relaxed);
        }
        let done = self.mutex(index).unlock();
        if !done {
            let _ = holder.compare_exchange(0, before, Ordering::Relaxed, Ordering::Relaxed);
        }
        Some(done)
    }

    /// Whether somebody has it now. None: there is no such lock.
    pub fn is_locked(&self, index: u32) -> Option<bool> {
        Some(match self.try_lock(index)? {
            Taken::Busy | Taken::Own => true,
            Taken::Yes | Taken::FromTheDead(_) => {
                self.unlock(index);
                false
            }
        })
    }

    /// Pid of its holder as far as it is known, for people.
    pub fn holder_pid(&self, index: u32) -> Option<u32> {
        (index < self.count).then(|| self.holder(index).load(Ordering::Relaxed)).filter(|p| *p != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shared, SharedSpec};

    #[test]
    fn a_lock_has_one_holder_and_strangers_cannot_open_it() {
        let (shared, fd) = Shared::create(&SharedSpec { locks: 2, ..SharedSpec::default() }).unwrap();
        let locks = shared.locks();
        assert_eq!(locks.count(), 3);
        assert_eq!(locks.try_lock(2), Some(Taken::Yes));
        assert_eq!(locks.is_locked(2), Some(true));
        assert_eq!(locks.is_locked(1), Some(false));
        assert_eq!(locks.lock_within(2, Duration::from_secs(5)), Some(Taken::Own));
        assert_eq!((locks.try_lock(3), locks.unlock(3), locks.is_locked(3)), (None, None, None));
        let other = Shared::adopt(std::os::fd::AsFd::as_fd(&fd)).unwrap();
        std::thread::scope(|s| {
            s.spawn(|| {
                let locks = other.locks();
                assert_eq!(locks.try_lock(2), Some(Taken::Busy));
                assert_eq!(locks.lock_within(2, Duration::from_millis(1)), Some(Taken::Busy));
                assert_eq!(locks.unlock(2), Some(false));
                assert_eq!(locks.holder_pid(2), Some(std::process::id()));
            });
        });
        assert_eq!(locks.unlock(2), Some(true));
        assert_eq!(locks.unlock(2), Some(false));
        assert_eq!(locks.holder_pid(2), None);
    }

    #[test]
    fn the_lock_of_a_dead_thread_is_free() {
        let (shared, _fd) = Shared::create(&SharedSpec::default()).unwrap();
        std::thread::scope(|s| {
            s.spawn(|| assert_eq!(shared.locks().try_lock(0), Some(Taken::Yes)));
        });
        // The scope ends a moment before the thread itself does.
        let taken = shared.locks().lock_within(0, Duration::from_secs(60));
        assert_eq!(taken, Some(Taken::FromTheDead(std::process::id())));
        assert_eq!(shared.locks().unlock(0), Some(true));
        assert_eq!(shared.locks().try_lock(0), Some(Taken::Yes));
    }

    #[test]
    fn a_foreign_memory_is_refused() {
        let plain = nix::sys::memfd::memfd_create(c"x", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).unwrap();
        assert!(Shared::adopt(std::os::fd::AsFd::as_fd(&plain)).is_err());
        let (region, fd) = Region::create(8192).unwrap();
        assert!(Shared::adopt(std::os::fd::AsFd::as_fd(&fd)).is_err());
        let spec = SharedSpec { locks: 5, ..SharedSpec::default() };
        let layout = crate::layout::Layout::of(&spec).unwrap();
        layout.describe(&region, &spec).unwrap();
        // Its own description asks for less than there is.
        assert!(Shared::adopt(std::os::fd::AsFd::as_fd(&fd)).is_err());
        region.word64(16).store(u64::MAX, Ordering::Relaxed);
        assert!(Shared::adopt(std::os::fd::AsFd::as_fd(&fd)).is_err());
    }
}
