//! A queue in shared memory (`queue`): a ring of blocks, in which a message is pushed at one place, pulled at another, and
//! popped where it was pushed last. What it does when it is full, and where its places stand afterwards, is uWSGI's.
//!
//! A block begins with the length of its message, written last: one whose writer died is empty.
#![forbid(unsafe_code)]

use crate::error::SharedError;
use crate::map::Region;
use crate::mutex::{Attempt, Mutex};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use uswgi_proto::shared::QueueSpec;

/// Bytes of a block that are no message, as on uWSGI.
pub const BLOCK_HEAD: usize = 16;
/// Offsets in the head of the queue, behind its mutex.
const PUSH: usize = 104;
const PULL: usize = 112;

/// A queue.
pub struct SharedQueue {
    region: Arc<Region>,
    head: usize,
    blocks: usize,
    spec: QueueSpec,
}

/// Its mutex is held.
pub struct LockedQueue<'a>(&'a SharedQueue);

impl SharedQueue {
    pub(crate) fn new(region: Arc<Region>, head: usize, blocks: usize, spec: QueueSpec) -> SharedQueue {
        SharedQueue { region, head, blocks, spec }
    }

    pub(crate) fn initialise(&self) -> Result<(), SharedError> {
        self.mutex().initialise()
    }

    fn mutex(&self) -> Mutex<'_> {
        Mutex::at(&self.region, self.head)
    }

    /// Number of its blocks.
    pub fn slots(&self) -> u32 {
        self.spec.slots
    }

    /// Bytes of the longest message.
    pub fn longest(&self) -> usize {
        (self.spec.blocksize as usize).saturating_sub(BLOCK_HEAD)
    }

    /// Wait for its mutex, at most so long. The GIL must not be held where that is not short.
    pub fn lock_within(&self, time: Duration) -> Option<LockedQueue<'_>> {
        let attempt = match self.mutex().try_lock() {
            Attempt::Busy if !time.is_zero() => self.mutex().lock_within(time),
            attempt => attempt,
        };
        match attempt {
            Attempt::Busy | Attempt::Own => None,
            Attempt::Locked => Some(LockedQueue(self)),
            Attempt::Inherited => {
                self.mutex().make_consistent();
                Some(LockedQueue(self))
            }
        }
    }
}

impl Drop for LockedQueue<'_> {
    fn drop(&mut self) {
        self.0.mutex().unlock();
    }
}

impl LockedQueue<'_> {
    fn place(&self, offset: usize) -> u32 {
        // Never believed: another process may have written anything.
        (self.0.region.word64(self.0.head + offset).load(Relaxed) % u64::from(self.0.spec.slots)) as u32
    }

    fn go(&self, offset: usize, to: u32) {
        self.0.region.word64(self.0.head + offset).store(u64::from(to), Relaxed);
    }

    fn block(&self, slot: u32) -> usize {
        self.0.blocks + slot as usize * self.0.spec.blocksize.next_multiple_of(8) as usize
    }

    fn read(&self, slot: u32) -> Option<Vec<u8>> {
        let block = self.block(slot);
        let length = self.0.region.word64(block).load(Relaxed);
        let length = usize::try_from(length).ok().filter(|n| (1..=self.0.longest()).contains(n))?;
        let mut message = vec![0; length];
        self.0.region.read(block + BLOCK_HEAD, &mut message);
        Some(message)
    }

    fn write(&self, slot: u32, message: &[u8]) {
        let block = self.block(slot);
        self.0.region.word64(block).store(0, Relaxed);
        self.0.region.write(block + BLOCK_HEAD, message);
        self.0.region.word64(block).store(message.len() as u64, Relaxed);
    }

    fn empty(&self, slot: u32) {
        self.0.region.word64(self.block(slot)).store(0, Relaxed);
    }

    fn fits(&self, message: &[u8]) -> bool {
        (1..=self.0.longest()).contains(&message.len())
    }

    fn next(&self, slot: u32) -> u32 {
        (slot + 1) % self.0.spec.slots
    }

    fn before(&self, slot: u32) -> u32 {
        slot.checked_sub(1).unwrap_or(self.0.spec.slots - 1)
    }

    /// Where the next message is pushed.
    pub fn push_place(&self) -> u32 {
        self.place(PUSH)
    }

    /// Where the next message is pulled.
    pub fn pull_place(&self) -> u32 {
        self.place(PULL)
    }

    /// Add a message, in the place of what was there; false: it is empty or too long.
    pub fn push(&mut self, message: &[u8]) -> bool {
        if !self.fits(message) {
            return false;
        }
        let slot = self.push_place();
        self.write(slot, message);
        self.go(PUSH, self.next(slot));
        true
    }

    /// Take the message at the place of pulling.
    pub fn pull(&mut self) -> Option<Vec<u8>> {
        let slot = self.pull_place();
        let message = self.read(slot)?;
        self.empty(slot);
        self.go(PULL, self.next(slot));
        Some(message)
    }

    /// Take the message that was pushed last; the place of pushing goes back also where there is none.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        let slot = self.before(self.push_place());
        let message = self.read(slot);
        self.empty(slot);
        self.go(PUSH, slot);
        message
    }

    /// The message of a block.
    pub fn get(&self, slot: u32) -> Option<Vec<u8>> {
        (slot < self.0.spec.slots).then(|| self.read(slot)).flatten()
    }

    /// Put a message into a block; false: it is empty or too long, or there is no such block.
    pub fn set(&mut self, slot: u32, message: &[u8]) -> bool {
        let good = slot < self.0.spec.slots && self.fits(message);
        if good {
            self.write(slot, message);
        }
        good
    }

    /// The blocks before the place of pushing, the last one first, at most so many.
    pub fn last(&self, most: u32) -> Vec<Option<Vec<u8>>> {
        let mut slot = self.push_place();
        let back = |_| {
            slot = self.before(slot);
            self.read(slot)
        };
        (0..most.min(self.0.spec.slots)).map(back).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shared, SharedSpec};

    fn shared() -> Shared {
        let queue = QueueSpec { slots: 4, blocksize: 1024 };
        Shared::create(&SharedSpec { queue, ..SharedSpec::default() }).unwrap().0
    }

    /// Observed on uWSGI 2.0.31.
    #[test]
    fn places_move_as_on_uwsgi() {
        let shared = shared();
        let mut q = shared.queue().unwrap().lock_within(Duration::from_secs(5)).unwrap();
        assert!(q.push(b"one") && q.push(b"two"));
        assert!(!q.push(b"") && !q.push(&[b'x'; 1009]));
        assert_eq!((q.push_place(), q.pull_place()), (2, 0));
        let two = |m: Option<Vec<u8>>| m.map(|m| String::from_utf8(m).unwrap());
        assert_eq!(
            q.last(10).into_iter().map(two).collect::<Vec<_>>()[..2],
            [Some("two".into()), Some("one".into())]
        );
        assert_eq!(
            (two(q.pop()), two(q.pull()), two(q.pull())),
            (Some("two".into()), Some("one".into()), None)
        );
        assert_eq!((q.push_place(), q.pull_place()), (1, 1));
        assert!(q.set(0, b"set") && !q.set(4, b"x") && q.get(9).is_none());
        assert_eq!((two(q.pop()), two(q.pop()), q.push_place()), (Some("set".into()), None, 3));
        // Full: what was not pulled is overwritten, and what is pulled next is younger than what follows.
        for m in ["a", "b", "c", "d", "e", "f", "g"] {
            assert!(q.push(m.as_bytes()));
        }
        let pulled: Vec<Option<String>> = (0..5).map(|_| two(q.pull())).collect();
        let expected = ["g", "d", "e", "f"].map(|m| Some(m.to_string()));
        assert_eq!((&pulled[..4], &pulled[4], q.push_place(), q.pull_place()), (&expected[..], &None, 2, 1));
        assert!(q.push(&[b'x'; 1008]));
    }

    #[test]
    fn a_queue_that_was_scribbled_on_is_met_with_order() {
        let shared = shared();
        let queue = shared.queue().unwrap();
        queue.region.word64(queue.head + PUSH).store(u64::MAX, Relaxed);
        queue.region.word64(queue.blocks).store(u64::MAX, Relaxed);
        let mut q = queue.lock_within(Duration::from_secs(5)).unwrap();
        assert_eq!((q.push_place(), q.get(0)), (3, None));
        assert!(q.push(b"m") && q.pop().is_some());
    }
}
