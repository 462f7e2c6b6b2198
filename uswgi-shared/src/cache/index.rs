//! Finding and linking items: a hash table of chains, and the order of use. Links hold an index plus one; 0 ends.
//!
//! A link that points beyond the items, or a chain that does not end, means that the memory was damaged by somebody
//! who does not play by the rules: the index is then made anew, as after a death.
#![forbid(unsafe_code)]

use super::{LIVE, Locked, at};
use crate::layout::ITEM_HEAD;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Offsets in an item.
pub(super) const STATE: usize = 0;
pub(super) const HASH: usize = 4;
/// Chain of its bucket; of the free items when it is free.
pub(super) const NEXT: usize = 8;
pub(super) const PREVIOUS: usize = 12;
/// Neighbours in the order of use.
pub(super) const OLDER: usize = 16;
pub(super) const NEWER: usize = 20;
pub(super) const KEY_LENGTH: usize = 24;
pub(super) const BLOCK: usize = 32;
pub(super) const LENGTH: usize = 40;
pub(super) const EXPIRES: usize = 48;
pub(super) const TICK: usize = 56;

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub(super) offset: usize,
    /// Bytes of the value.
    pub length: usize,
    expires_ms: u64,
}

impl Locked<'_> {
    fn item(&self, item: u32) -> usize {
        self.cache.layout.items + item as usize * self.cache.layout.item_size
    }

    pub(super) fn item32(&self, item: u32, field: usize) -> &AtomicU32 {
        self.region().word32(self.item(item) + field)
    }

    pub(super) fn item64(&self, item: u32, field: usize) -> &AtomicU64 {
        self.region().word64(self.item(item) + field)
    }

    pub(super) fn key_offset(&self, item: u32) -> usize {
        self.item(item) + ITEM_HEAD
    }

    pub(super) fn is_live(&self, item: u32) -> bool {
        self.item32(item, STATE).load(Relaxed) == LIVE
    }

    /// Items that were ever used.
    pub(super) fn fresh(&self) -> u32 {
        self.cache.word32(at::FRESH).load(Relaxed).min(self.spec().items)
    }

    pub(super) fn key(&self, item: u32) -> Vec<u8> {
        let length = self.item32(item, KEY_LENGTH).load(Relaxed).min(self.spec().keysize) as usize;
        let mut key = vec![0; length];
        self.region().read(self.key_offset(item), &mut key);
        key
    }

    pub(super) fn hash(&self, key: &[u8]) -> u32 {
        let mut hasher = foldhash::fast::FixedState::with_seed(self.seed).build_hasher();
        hasher.write(key);
        let hash = hasher.finish();
        (hash ^ (hash >> 32)) as u32
    }

    pub(super) fn bucket(&self, hash: u32) -> &AtomicU32 {
        // Multiplication instead of division: an even spread over any number of buckets.
        let index = (u64::from(hash) * u64::from(self.spec().hashsize)) >> 32;
        self.region().word32(self.cache.layout.buckets + index as usize * 4)
    }

    /// The item of a link.
    pub(super) fn target(&self, link: u32) -> Option<u32> {
        link.checked_sub(1).filter(|i| *i < self.spec().items)
    }

    /// Find a key; an expired item is removed and not found.
    pub(super) fn lookup(&mut self, key: &[u8]) -> Option<u32> {
        if key.is_empty() || key.len() > self.spec().keysize as usize {
            return None;
        }
        let hash = self.hash(key);
        let found = match self.walk(hash, key) {
            Ok(found) => found,
            Err(Damaged) => {
                self.recover();
                self.walk(hash, key).unwrap_or(None)
            }
        };
        found.filter(|item| !self.drop_if_expired(*item))
    }

    fn walk(&self, hash: u32, key: &[u8]) -> Result<Option<u32>, Damaged> {
        let mut link = self.bucket(hash).load(Relaxed);
        for _ in 0..=self.spec().items {
            if link == 0 {
                return Ok(None);
            }
            let item = self.target(link).ok_or(Damaged)?;
            if !self.is_live(item) {
                return Err(Damaged);
            }
            if self.item32(item, HASH).load(Relaxed) == hash
                && self.item32(item, KEY_LENGTH).load(Relaxed) as usize == key.len()
                && self.region().equals(self.key_offset(item), key)
            {
                return if self.is_sound(item) { Ok(Some(item)) } else { Err(Damaged) };
            }
            link = self.item32(item, NEXT).load(Relaxed);
        }
        Err(Damaged)
    }

    /// For how many seconds an item will be there yet; None: it stays.
    pub fn seconds_left(&self, found: Found) -> Option<u64> {
        (found.expires_ms > 0).then(|| found.expires_ms.saturating_sub(self.now_ms).div_ceil(1000))
    }

    /// Where the value of a sound item stands.
    pub(super) fn value(&self, item: u32) -> Found {
        let offset = self.data(self.item64(item, BLOCK).load(Relaxed));
        Found {
            offset,
            length: self.item64(item, LENGTH).load(Relaxed) as usize,
            expires_ms: self.item64(item, EXPIRES).load(Relaxed),
        }
    }

    /// Put an item in front of its chain and of the order of use.
    pub(super) fn link(&mut self, item: u32, hash: u32) {
        self.item32(item, HASH).store(hash, Relaxed);
        let bucket = self.bucket(hash);
        let first = bucket.load(Relaxed);
        self.item32(item, NEXT).store(first, Relaxed);
        self.item32(item, PREVIOUS).store(0, Relaxed);
        if let Some(first) = self.target(first) {
            self.item32(first, PREVIOUS).store(item + 1, Relaxed);
        }
        bucket.store(item + 1, Relaxed);
        self.make_newest(item);
    }

    /// Take an item out of its chain and of the order of use.
    pub(super) fn unlink(&mut self, item: u32) {
        let (next, previous) =
            (self.item32(item, NEXT).load(Relaxed), self.item32(item, PREVIOUS).load(Relaxed));
        match self.target(previous) {
            Some(previous) => self.item32(previous, NEXT).store(next, Relaxed),
            None => {
                let hash = self.item32(item, HASH).load(Relaxed);
                self.bucket(hash).store(next, Relaxed);
            }
        }
        if let Some(next) = self.target(next) {
            self.item32(next, PREVIOUS).store(previous, Relaxed);
        }
        self.leave_order(item);
    }

    /// An item was used.
    pub(super) fn touch(&mut self, item: u32) {
        if self.spec().purge_lru && self.cache.word32(at::NEWEST).load(Relaxed) != item + 1 {
            self.leave_order(item);
            self.make_newest(item);
        }
    }

    fn make_newest(&mut self, item: u32) {
        if !self.spec().purge_lru {
            return;
        }
        let tick = self.cache.word64(at::TICK);
        let now = tick.load(Relaxed).wrapping_add(1);
        tick.store(now, Relaxed);
        self.item64(item, TICK).store(now, Relaxed);
        let newest = self.cache.word32(at::NEWEST);
        let before = newest.load(Relaxed);
        self.item32(item, OLDER).store(before, Relaxed);
        self.item32(item, NEWER).store(0, Relaxed);
        match self.target(before) {
            Some(before) => self.item32(before, NEWER).store(item + 1, Relaxed),
            None => self.cache.word32(at::OLDEST).store(item + 1, Relaxed),
        }
        newest.store(item + 1, Relaxed);
    }

    fn leave_order(&mut self, item: u32) {
        if !self.spec().purge_lru {
            return;
        }
        let (older, newer) = (self.item32(item, OLDER).load(Relaxed), self.item32(item, NEWER).load(Relaxed));
        match self.target(newer) {
            Some(newer) => self.item32(newer, OLDER).store(older, Relaxed),
            None => self.cache.word32(at::NEWEST).store(older, Relaxed),
        }
        match self.target(older) {
            Some(older) => self.item32(older, NEWER).store(newer, Relaxed),
            None => self.cache.word32(at::OLDEST).store(newer, Relaxed),
        }
    }
}

/// The links make no sense.
#[derive(Debug)]
struct Damaged;
