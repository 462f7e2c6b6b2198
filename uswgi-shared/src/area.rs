//! Bytes that all processes of an instance share (`sharedarea`), each area with a robust mutex.
#![forbid(unsafe_code)]

use crate::error::SharedError;
use crate::map::Region;
use crate::mutex::{Attempt, Mutex};
use std::sync::Arc;
use std::time::Duration;

/// An area.
pub struct Area {
    region: Arc<Region>,
    head: usize,
    data: usize,
    size: usize,
}

/// Its mutex is held, by this value or by the calling thread before it.
pub struct LockedArea<'a> {
    area: &'a Area,
    ours: bool,
}

impl Area {
    pub(crate) fn new(region: Arc<Region>, head: usize, data: usize, size: usize) -> Area {
        Area { region, head, data, size }
    }

    pub(crate) fn initialise(&self) -> Result<(), SharedError> {
        self.mutex().initialise()
    }

    fn mutex(&self) -> Mutex<'_> {
        Mutex::at(&self.region, self.head)
    }

    /// Its bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Wait for its mutex, at most so long. A thread that has it already goes on.
    pub fn lock_within(&self, time: Duration) -> Option<LockedArea<'_>> {
        let attempt = match self.mutex().try_lock() {
            Attempt::Busy if !time.is_zero() => self.mutex().lock_within(time),
            attempt => attempt,
        };
        match attempt {
            Attempt::Busy => None,
            Attempt::Own => Some(LockedArea { area: self, ours: false }),
            Attempt::Locked => Some(LockedArea { area: self, ours: true }),
            Attempt::Inherited => {
                // What its holder left half done only the application knows.
                self.mutex().make_consistent();
                Some(LockedArea { area: self, ours: true })
            }
        }
    }

    /// Let go what [`LockedArea::keep`] has kept; false: the calling thread does not hold it.
    pub fn release(&self) -> bool {
        self.mutex().unlock()
    }

    fn at(&self, position: usize, length: usize) -> Option<usize> {
        position
            .checked_add(length)
            .filter(|end| *end <= self.size && length > 0)
            .map(|_| self.data + position)
    }
}

impl Drop for LockedArea<'_> {
    fn drop(&mut self) {
        if self.ours {
            self.area.mutex().unlock();
        }
    }
}

impl LockedArea<'_> {
    /// The calling thread keeps the mutex, until [`Area::release`].
    pub fn keep(mut self) {
        self.ours = false;
    }

    /// Copy bytes out; false: they are beyond the end.
    pub fn read(&self, position: usize, bytes: &mut [u8]) -> bool {
        let Some(at) = self.area.at(position, bytes.len()) else { return false };
        self.area.region.read(at, bytes);
        true
    }

    /// Copy bytes in; false: they would be beyond the end.
    pub fn write(&mut self, position: usize, bytes: &[u8]) -> bool {
        let Some(at) = self.area.at(position, bytes.len()) else { return false };
        self.area.region.write(at, bytes);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shared, SharedSpec};

    #[test]
    fn an_area_has_bounds_and_one_holder() {
        let (shared, fd) =
            Shared::create(&SharedSpec { areas: vec![4096, 8192], ..SharedSpec::default() }).unwrap();
        let long = Duration::from_secs(5);
        let area = &shared.areas()[1];
        assert_eq!((shared.areas().len(), area.size()), (2, 8192));
        let mut locked = area.lock_within(long).unwrap();
        assert!(locked.write(8190, b"ab") && !locked.write(8191, b"ab") && !locked.write(usize::MAX, b"ab"));
        let mut back = [0; 2];
        assert!(locked.read(8190, &mut back) && &back == b"ab" && !locked.read(8192, &mut back));
        locked.keep();
        // The same thread goes on, and does not let it go.
        assert!(area.lock_within(Duration::ZERO).unwrap().write(0, b"x"));
        let other = Shared::adopt(std::os::fd::AsFd::as_fd(&fd)).unwrap();
        std::thread::scope(|s| {
            s.spawn(|| assert!(other.areas()[1].lock_within(Duration::from_millis(1)).is_none()));
        });
        assert!(area.release() && !area.release());
        let locked = other.areas()[1].lock_within(long).unwrap();
        let mut first = [0; 1];
        assert!(locked.read(0, &mut first) && &first == b"x");
        let locked = shared.areas()[0].lock_within(long).unwrap();
        assert!(locked.read(0, &mut first) && first == [0], "each has bytes of its own");
    }
}
