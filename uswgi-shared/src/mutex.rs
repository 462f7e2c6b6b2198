//! Robust mutexes between processes: pthread's, whose robust list the kernel works through when a thread dies, so
//! that nobody waits for the dead. Unsafe code; see `map` for the other half.
//!
//! It must never be used on memory that is unmapped while a mutex is held.

use crate::error::SharedError;
use crate::map::Region;
use std::time::Duration;

/// Which C library's mutexes these are: both sides must have the same.
pub(crate) const KIND: u32 =
    (size_of::<libc::pthread_mutex_t>() as u32) | if cfg!(target_env = "musl") { 1 << 16 } else { 0 };

/// How an attempt to lock ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It is ours.
    Locked,
    /// It is ours, and its last holder died with it.
    Inherited,
    /// Somebody else has it.
    Busy,
    /// This very thread has it already.
    Own,
}

/// A mutex in a region. Bytes at `offset`: a `pthread_mutex_t`.
pub(crate) struct Mutex<'a> {
    raw: *mut libc::pthread_mutex_t,
    // Holds the mapping.
    _region: &'a Region,
}

impl<'a> Mutex<'a> {
    pub(crate) fn at(region: &'a Region, offset: usize) -> Mutex<'a> {
        assert!(offset.is_multiple_of(align_of::<libc::pthread_mutex_t>()));
        Mutex { raw: region.at(offset, size_of::<libc::pthread_mutex_t>()).cast(), _region: region }
    }

    /// Make it. Once, before anybody else has the memory.
    pub(crate) fn initialise(&self) -> Result<(), SharedError> {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: `attributes` is initialised first and used until its end; `raw` is in bounds, aligned, and nobody
        // else knows it yet.
        let result = unsafe {
            libc::pthread_mutexattr_init(attributes);
            libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED);
            libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST);
            libc::pthread_mutexattr_settype(attributes, libc::PTHREAD_MUTEX_ERRORCHECK);
            let result = libc::pthread_mutex_init(self.raw, attributes);
            libc::pthread_mutexattr_destroy(attributes);
            result
        };
        match result {
            0 => Ok(()),
            e => Err(SharedError::Io { what: "mutex", source: std::io::Error::from_raw_os_error(e) }),
        }
    }

    fn attempt(result: libc::c_int) -> Attempt {
        match result {
            0 => Attempt::Locked,
            libc::EOWNERDEAD => Attempt::Inherited,
            libc::EDEADLK => Attempt::Own,
            // Also ETIMEDOUT. ENOTRECOVERABLE would mean that an heir panicked before it made it consistent.
            _ => Attempt::Busy,
        }
    }

    /// Without waiting.
    pub(crate) fn try_lock(&self) -> Attempt {
        // SAFETY: an initialised mutex in a mapping that lives longer than self.
        Mutex::attempt(unsafe { libc::pthread_mutex_trylock(self.raw) })
    }

    /// Wait for it so long. Not ended by signals: wait in slices. The GIL must not be held.
    pub(crate) fn lock_within(&self, time: Duration) -> Attempt {
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME)
            .map(Duration::from)
            .unwrap_or_default();
        let until = now + time;
        let until = libc::timespec {
            tv_sec: until.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(until.subsec_nanos() as i32),
        };
        // SAFETY: as in `try_lock`; `until` is live.
        let result = unsafe { libc::pthread_mutex_timedlock(self.raw, &raw const until) };
        if result == libc::ENOTRECOVERABLE {
            // Whoever waits in slices must not spin.
            std::thread::sleep(time);
        }
        Mutex::attempt(result)
    }

    /// After `Inherited`: what it guards is in order again.
    pub(crate) fn make_consistent(&self) {
        // SAFETY: the calling thread holds it.
        unsafe { libc::pthread_mutex_consistent(self.raw) };
    }

    /// Let it go; false: this thread does not hold it.
    pub(crate) fn unlock(&self) -> bool {
        // SAFETY: an initialised mutex of the error-checking kind: a stranger's unlock is refused.
        unsafe { libc::pthread_mutex_unlock(self.raw) == 0 }
    }
}
