//! Order after a death: everything but the items themselves is made anew. It may be interrupted by the death of
//! whoever does it; the next one begins again.
#![forbid(unsafe_code)]

use super::index::{KEY_LENGTH, STATE, TICK};
use super::{LIVE, Locked, WRITING, add, at};
use std::sync::atomic::Ordering::Relaxed;

impl Locked<'_> {
    /// Keep the items that are whole; links, order, free items, bitmap and count are made of them.
    pub(super) fn recover(&self) {
        let mut me = Locked { cache: self.cache, now_ms: self.now_ms, seed: self.seed, recovered: true };
        me.rebuild();
        // The mutex is given back by whoever asked.
        std::mem::forget(me);
    }

    fn rebuild(&mut self) {
        add(self.cache.word64(at::RECOVERED), 1);
        let layout = self.cache.layout;
        self.region().clear(layout.buckets, self.spec().hashsize as usize * 4);
        self.region().clear(layout.bitmap, layout.bitmap_words * 8);
        for list in [at::FREE, at::NEWEST, at::OLDEST] {
            self.cache.word32(list).store(0, Relaxed);
        }
        let fresh = self.fresh();
        self.cache.word32(at::FRESH).store(fresh, Relaxed);
        let mut whole = Vec::new();
        for item in 0..fresh {
            match self.item32(item, STATE).load(Relaxed) {
                LIVE if self.is_sound(item) && self.claim_blocks(item) => {
                    whole.push((self.item64(item, TICK).load(Relaxed), item));
                }
                state => {
                    if matches!(state, LIVE | WRITING) {
                        add(self.cache.word64(at::DISCARDED), 1);
                    }
                    self.item32(item, STATE).store(0, Relaxed);
                    self.give_back(item);
                }
            }
        }
        whole.sort_unstable();
        self.cache.word64(at::ITEMS).store(whole.len() as u64, Relaxed);
        for (_, item) in whole {
            let key = self.key(item);
            self.link(item, self.hash(&key));
        }
    }

    /// The blocks of an item are its own; false: another item has one of them.
    fn claim_blocks(&mut self, item: u32) -> bool {
        if !self.spec().bitmap {
            return true;
        }
        let (first, count) = (self.item64(item, super::index::BLOCK).load(Relaxed), self.blocks_of(item));
        if (first..first + u64::from(count)).any(|b| self.is_taken(b)) {
            return false;
        }
        self.mark_blocks(first, count, true);
        true
    }

    /// Look at every rule that holds between two operations; what is broken, for tests and for people.
    pub fn inconsistency(&mut self) -> Option<String> {
        let spec = self.spec().clone();
        let fresh = self.fresh();
        let mut blocks = vec![false; spec.blocks as usize];
        let mut live = 0u64;
        for item in 0..fresh {
            match self.item32(item, STATE).load(Relaxed) {
                0 => continue,
                LIVE => live += 1,
                other => return Some(format!("item {item} has state {other}")),
            }
            if !self.is_sound(item) {
                return Some(format!("item {item} is not sound"));
            }
            let first = self.item64(item, super::index::BLOCK).load(Relaxed);
            for block in first..first + u64::from(self.blocks_of(item)) {
                if std::mem::replace(&mut blocks[block as usize], true) {
                    return Some(format!("block {block} has two owners"));
                }
                if spec.bitmap && !self.is_taken(block) {
                    return Some(format!("block {block} of item {item} is marked as free"));
                }
            }
            let length = self.item32(item, KEY_LENGTH).load(Relaxed);
            let key = self.key(item);
            let hash = self.hash(&key);
            let mut link = self.bucket(hash).load(Relaxed);
            let mut seen = 0;
            while self.target(link).is_some_and(|i| i != item) && seen <= spec.items {
                seen += 1;
                link = self.item32(link - 1, super::index::NEXT).load(Relaxed);
            }
            if link != item + 1 {
                return Some(format!("item {item} (key of {length} bytes) is not in its chain"));
            }
        }
        if spec.bitmap
            && let Some(lost) = (0..spec.blocks).find(|b| self.is_taken(u64::from(*b)) != blocks[*b as usize])
        {
            return Some(format!("block {lost} is marked as taken and nobody has it"));
        }
        let count = self.cache.word64(at::ITEMS).load(Relaxed);
        if count != live {
            return Some(format!("{count} items are counted, {live} are there"));
        }
        let free = self.length_of(at::FREE, super::index::NEXT);
        if free != Some(u64::from(fresh) - live) {
            return Some(format!("{free:?} free items are listed, {} are free", u64::from(fresh) - live));
        }
        if spec.purge_lru {
            let (down, up) = (
                self.length_of(at::NEWEST, super::index::OLDER),
                self.length_of(at::OLDEST, super::index::NEWER),
            );
            if down != Some(live) || up != Some(live) {
                return Some(format!("the order of use has {down:?} and {up:?} items of {live}"));
            }
        }
        None
    }

    fn length_of(&self, list: usize, link: usize) -> Option<u64> {
        let mut at = self.cache.word32(list).load(Relaxed);
        let mut n = 0;
        while at != 0 {
            n += 1;
            if n > u64::from(self.spec().items) {
                return None;
            }
            at = self.item32(self.target(at)?, link).load(Relaxed);
        }
        Some(n)
    }
}
