//! Room for items and values: free items, blocks, and what goes when there is none left.
#![forbid(unsafe_code)]

use super::index::{BLOCK, EXPIRES, KEY_LENGTH, LENGTH, NEXT, STATE};
use super::{Locked, add, at};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Milliseconds between two searches for expired items by somebody who needs room.
const SWEEP_MS: u64 = 1000;

impl Locked<'_> {
    /// Largest value in bytes.
    pub(super) fn largest(&self) -> u64 {
        let spec = self.spec();
        if spec.bitmap { self.cache.layout.block as u64 * u64::from(spec.blocks) } else { spec.blocksize }
    }

    /// Blocks that so many bytes take.
    pub(super) fn blocks_for(&self, bytes: u64) -> u32 {
        if !self.spec().bitmap {
            return 1;
        }
        // No more than `largest`, so it fits.
        bytes.div_ceil(self.cache.layout.block as u64).max(1).min(u64::from(u32::MAX)) as u32
    }

    /// Blocks that an item has.
    pub(super) fn blocks_of(&self, item: u32) -> u32 {
        self.blocks_for(self.item64(item, LENGTH).load(Relaxed))
    }

    /// Where a block begins.
    pub(super) fn data(&self, block: u64) -> usize {
        self.cache.layout.data + block as usize * self.cache.layout.block
    }

    /// Whether the numbers of an item keep within the memory.
    pub(super) fn is_sound(&self, item: u32) -> bool {
        let key = self.item32(item, KEY_LENGTH).load(Relaxed);
        let (block, length) =
            (self.item64(item, BLOCK).load(Relaxed), self.item64(item, LENGTH).load(Relaxed));
        let blocks = u64::from(self.spec().blocks);
        let place = if self.spec().bitmap {
            block < blocks && u64::from(self.blocks_for(length)) <= blocks - block
        } else {
            block == u64::from(item)
        };
        key > 0 && key <= self.spec().keysize && length > 0 && length <= self.largest() && place
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        self.region().word64(self.cache.layout.bitmap + index * 8)
    }

    /// Note blocks as taken or free.
    pub(super) fn mark_blocks(&mut self, block: u64, count: u32, taken: bool) {
        if !self.spec().bitmap {
            return;
        }
        let (mut at, end) = (block, block + u64::from(count));
        while at < end {
            let bit = at % 64;
            let n = (64 - bit).min(end - at);
            let mask = if n == 64 { u64::MAX } else { ((1 << n) - 1) << bit };
            let word = self.word((at / 64) as usize);
            let before = word.load(Relaxed);
            word.store(if taken { before | mask } else { before & !mask }, Relaxed);
            at += n;
        }
    }

    pub(super) fn is_taken(&self, block: u64) -> bool {
        self.word((block / 64) as usize).load(Relaxed) >> (block % 64) & 1 == 1
    }

    /// So many free blocks in a row, from `from` on up to `to`.
    fn free_run(&self, from: u64, to: u64, count: u32) -> Option<u64> {
        let (mut at, mut start) = (from, from);
        while at < to {
            let word = self.word((at / 64) as usize).load(Relaxed) >> (at % 64);
            let left = (64 - at % 64).min(to - at);
            if word & 1 == 1 {
                at += u64::from(word.trailing_ones()).min(left);
                start = at;
            } else {
                at += u64::from(word.trailing_zeros()).min(left);
                if at - start >= u64::from(count) {
                    return Some(start);
                }
            }
        }
        None
    }

    fn free_blocks(&mut self, count: u32) -> Option<u64> {
        let blocks = u64::from(self.spec().blocks);
        let next = self.cache.word64(at::NEXT_BLOCK);
        let from = next.load(Relaxed).min(blocks);
        let found = self.free_run(from, blocks, count).or_else(|| self.free_run(0, blocks, count))?;
        next.store(found + u64::from(count), Relaxed);
        Some(found)
    }

    /// Blocks for an item that is about to get them; others than `keep` may have to go.
    pub(super) fn find_blocks(&mut self, item: u32, count: u32, keep: Option<u32>) -> Option<u64> {
        if !self.spec().bitmap {
            return Some(u64::from(item));
        }
        loop {
            match self.free_blocks(count) {
                Some(block) => return Some(block),
                None if self.give_up_something(keep) => {}
                None => return None,
            }
        }
    }

    /// A free item, and blocks for it.
    pub(super) fn make_room(&mut self, count: u32) -> Option<(u32, u64)> {
        loop {
            if let Some(item) = self.free_item() {
                let block = if self.spec().bitmap { self.free_blocks(count) } else { Some(u64::from(item)) };
                if let Some(block) = block {
                    return Some((item, block));
                }
                self.give_back(item);
            }
            if !self.give_up_something(None) {
                return None;
            }
        }
    }

    fn free_item(&mut self) -> Option<u32> {
        let free = self.cache.word32(at::FREE);
        if let Some(item) = self.target(free.load(Relaxed)) {
            free.store(self.item32(item, NEXT).load(Relaxed), Relaxed);
            return Some(item);
        }
        let fresh = self.fresh();
        if fresh < self.spec().items {
            self.cache.word32(at::FRESH).store(fresh + 1, Relaxed);
            return Some(fresh);
        }
        None
    }

    /// Put an item among the free ones.
    pub(super) fn give_back(&mut self, item: u32) {
        let free = self.cache.word32(at::FREE);
        self.item32(item, NEXT).store(free.load(Relaxed), Relaxed);
        free.store(item + 1, Relaxed);
    }

    /// Remove a live item.
    pub(super) fn discard(&mut self, item: u32) {
        self.item32(item, STATE).store(0, Relaxed);
        self.unlink(item);
        let (block, count) = (self.item64(item, BLOCK).load(Relaxed), self.blocks_of(item));
        if self.is_sound(item) {
            self.mark_blocks(block, count, false);
        }
        self.give_back(item);
        let items = self.cache.word64(at::ITEMS);
        items.store(items.load(Relaxed).saturating_sub(1), Relaxed);
    }

    /// Remove an item whose time is over.
    pub(super) fn drop_if_expired(&mut self, item: u32) -> bool {
        let expires = self.item64(item, EXPIRES).load(Relaxed);
        let over = expires != 0 && self.now_ms >= expires;
        if over {
            self.discard(item);
        }
        over
    }

    /// There is no room: something goes, as the cache's rules say. False: nothing may.
    fn give_up_something(&mut self, keep: Option<u32>) -> bool {
        if self.sweep(keep) {
            return true;
        }
        if self.spec().purge_lru {
            let oldest = self.target(self.cache.word32(at::OLDEST).load(Relaxed));
            return match oldest.filter(|item| self.is_live(*item) && Some(*item) != keep) {
                Some(item) => {
                    self.discard(item);
                    true
                }
                None => false,
            };
        }
        if self.spec().clear_on_full && self.cache.word64(at::ITEMS).load(Relaxed) > u64::from(keep.is_some())
        {
            add(self.cache.word64(at::FULL), 1);
            for item in 0..self.fresh() {
                if self.is_live(item) && Some(item) != keep {
                    self.discard(item);
                }
            }
            return true;
        }
        false
    }

    /// Remove all that has expired, at most once a second; whether anything was.
    fn sweep(&mut self, keep: Option<u32>) -> bool {
        let swept = self.cache.word64(at::SWEPT);
        if self.now_ms.saturating_sub(swept.load(Relaxed)) < SWEEP_MS {
            return false;
        }
        swept.store(self.now_ms, Relaxed);
        let mut any = false;
        for item in 0..self.fresh() {
            if self.is_live(item) && Some(item) != keep {
                any |= self.drop_if_expired(item);
            }
        }
        any
    }
}
