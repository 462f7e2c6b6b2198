//! A cache in shared memory: names to values, with expiry and, where asked for, the least recently used going first.
//!
//! Everything happens under one robust mutex. A process may die at any instruction: its heir gets the mutex with a
//! note, throws away every link and list, and makes them anew from the items alone ([`recover`]). An item counts
//! only while its state says LIVE; it says WRITING while its value changes, and is discarded: nobody sees half a value.
//!
//! * [`index`]: finding, linking. * [`room`]: free items and blocks, what goes when there is no room.
//! * [`recover`]: order after a death, and the check of it. * here: the operations.
#![forbid(unsafe_code)]

mod index;
mod recover;
mod room;
#[cfg(test)]
mod tests;

use crate::error::SharedError;
use crate::layout::CacheLayout;
use crate::map::Region;
use crate::mutex::{Attempt, Mutex};
pub use index::Found;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::Release, compiler_fence};
use std::time::Duration;
use uswgi_proto::shared::CacheSpec;

/// Offsets in the header of a cache; the mutex is at 0.
mod at {
    pub(super) const SEED: usize = 128;
    /// Items ever used: those above have never been touched.
    pub(super) const FRESH: usize = 136;
    /// First free item, plus one.
    pub(super) const FREE: usize = 140;
    /// Most and least recently used item, plus one.
    pub(super) const NEWEST: usize = 144;
    pub(super) const OLDEST: usize = 148;
    /// Grows with every use.
    pub(super) const TICK: usize = 152;
    /// When expired items were last looked for, milliseconds.
    pub(super) const SWEPT: usize = 160;
    /// Where the search for free blocks goes on.
    pub(super) const NEXT_BLOCK: usize = 168;
    pub(super) const ITEMS: usize = 192;
    pub(super) const HITS: usize = 200;
    pub(super) const MISSES: usize = 208;
    pub(super) const FULL: usize = 216;
    pub(super) const MODIFIED: usize = 224;
    pub(super) const RECOVERED: usize = 232;
    pub(super) const DISCARDED: usize = 240;
}

/// States of an item.
const LIVE: u32 = 1;
const WRITING: u32 = 2;

/// Bytes of a number.
const NUMBER: usize = 8;

/// What people want to know of a cache. Read without its mutex: it answers whoever holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Items, expired ones that nobody met yet included.
    pub items: u64,
    /// Gets that found something.
    pub hits: u64,
    /// Gets that found nothing.
    pub misses: u64,
    /// Times that there was no room.
    pub full: u64,
    /// When something was changed last, seconds since the epoch.
    pub last_modified: u64,
    /// Times that it was put in order after its user had died.
    pub recovered: u64,
    /// Items that were discarded then.
    pub discarded: u64,
}

/// Why something was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// An empty key or value, a key longer than `keysize`.
    Unfit,
    /// A value larger than a block (or all blocks, with a bitmap).
    TooLarge,
    /// There is an item of that key already.
    Exists,
    /// There is no room.
    Full,
}

/// How an item is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Only a new one.
    Add,
    /// A new one, or over the old one.
    Replace,
}

/// A calculation on a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Math {
    /// Plus.
    Add,
    /// Minus.
    Sub,
    /// Times.
    Mul,
    /// Divided by, toward zero; by zero gives zero.
    Div,
}

impl Math {
    fn apply(self, a: i64, b: i64) -> i64 {
        match self {
            Math::Add => a.wrapping_add(b),
            Math::Sub => a.wrapping_sub(b),
            Math::Mul => a.wrapping_mul(b),
            Math::Div if b == 0 => 0,
            Math::Div => a.wrapping_div(b),
        }
    }
}

/// One cache.
pub struct Cache {
    region: Arc<Region>,
    layout: CacheLayout,
    spec: CacheSpec,
}

/// A cache whose mutex is held; dropping it lets the mutex go. Not to be kept: everybody waits.
pub struct Locked<'a> {
    cache: &'a Cache,
    now_ms: u64,
    seed: u64,
    recovered: bool,
}

impl Cache {
    pub(crate) fn new(region: Arc<Region>, layout: CacheLayout, spec: CacheSpec) -> Cache {
        Cache { region, layout, spec }
    }

    pub(crate) fn initialise(&self) -> Result<(), SharedError> {
        let mut seed = [0; 8];
        // Keys often come from the network: nobody outside may know which ones share a bucket.
        std::io::Read::read_exact(
            &mut std::fs::File::open("/dev/urandom")
                .map_err(|source| SharedError::Io { what: "/dev/urandom", source })?,
            &mut seed,
        )
        .map_err(|source| SharedError::Io { what: "/dev/urandom", source })?;
        self.word64(at::SEED).store(u64::from_le_bytes(seed), Relaxed);
        self.mutex().initialise()
    }

    /// Its numbers.
    pub fn spec(&self) -> &CacheSpec {
        &self.spec
    }

    fn mutex(&self) -> Mutex<'_> {
        Mutex::at(&self.region, self.layout.header)
    }

    fn word32(&self, field: usize) -> &AtomicU32 {
        self.region.word32(self.layout.header + field)
    }

    fn word64(&self, field: usize) -> &AtomicU64 {
        self.region.word64(self.layout.header + field)
    }

    fn enter(&self, attempt: Attempt) -> Option<Locked<'_>> {
        if matches!(attempt, Attempt::Busy | Attempt::Own) {
            return None;
        }
        let seed = self.word64(at::SEED).load(Relaxed);
        let mut locked = Locked { cache: self, now_ms: now_ms(), seed, recovered: false };
        if attempt == Attempt::Inherited {
            locked.recover();
            locked.recovered = true;
            self.mutex().make_consistent();
        }
        Some(locked)
    }

    /// Take its mutex if it is free.
    pub fn try_lock(&self) -> Option<Locked<'_>> {
        self.enter(self.mutex().try_lock())
    }

    /// Wait for its mutex, at most so long. The GIL must not be held.
    pub fn lock_within(&self, time: Duration) -> Option<Locked<'_>> {
        self.enter(self.mutex().lock_within(time))
    }

    /// Its numbers now.
    pub fn counters(&self) -> Counters {
        let n = |field| self.word64(field).load(Relaxed);
        Counters {
            items: n(at::ITEMS),
            hits: n(at::HITS),
            misses: n(at::MISSES),
            full: n(at::FULL),
            last_modified: n(at::MODIFIED),
            recovered: n(at::RECOVERED),
            discarded: n(at::DISCARDED),
        }
    }
}

/// Milliseconds of a clock that nobody sets.
fn now_ms() -> u64 {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC_COARSE)
        .map(|t| t.tv_sec() as u64 * 1000 + t.tv_nsec() as u64 / 1_000_000)
        .unwrap_or(0)
}

/// Add to a counter under the mutex.
fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.cache.mutex().unlock();
    }
}

impl Locked<'_> {
    fn region(&self) -> &Region {
        &self.cache.region
    }

    fn spec(&self) -> &CacheSpec {
        &self.cache.spec
    }

    /// Whether the last holder of the mutex died with it, and the cache had to be put in order.
    pub fn was_recovered(&self) -> bool {
        self.recovered
    }

    /// Where the value of a key is. It stays there while the mutex is held and nothing is changed.
    pub fn get(&mut self, key: &[u8]) -> Option<Found> {
        let found = self.lookup(key);
        match found {
            Some(item) => {
                add(self.cache.word64(at::HITS), 1);
                self.touch(item);
                Some(self.value(item))
            }
            None => {
                add(self.cache.word64(at::MISSES), 1);
                None
            }
        }
    }

    /// Whether there is an item of that key. It counts as a use of it.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.get(key).is_some()
    }

    /// Copy a value that was found.
    pub fn copy(&self, found: Found, to: &mut [MaybeUninit<u8>]) {
        let length = found.length.min(to.len());
        self.region().fill(found.offset, &mut to[..length]);
    }

    /// A value that was found, as a copy.
    pub fn to_vec(&self, found: Found) -> Vec<u8> {
        let mut bytes = vec![0; found.length];
        self.region().read(found.offset, &mut bytes);
        bytes
    }

    /// The value as a number; 0 when it is none.
    pub fn number(&mut self, key: &[u8]) -> i64 {
        match self.get(key) {
            Some(found) if found.length == NUMBER => {
                i64::from_le(self.region().word64(found.offset).load(Relaxed) as i64)
            }
            _ => 0,
        }
    }

    /// Store a value for so many seconds (0: for ever; less: its time is over already, as on uWSGI).
    pub fn store(&mut self, key: &[u8], value: &[u8], expires: i64, mode: Mode) -> Result<(), Refused> {
        if key.is_empty() || key.len() > self.spec().keysize as usize || value.is_empty() {
            return Err(Refused::Unfit);
        }
        if value.len() as u64 > self.largest() {
            return Err(Refused::TooLarge);
        }
        let expires_ms = self.expiry(expires);
        match self.lookup(key) {
            Some(_) if mode == Mode::Add => return Err(Refused::Exists),
            Some(item) => {
                self.overwrite(item, value)?;
                self.item64(item, index::EXPIRES).store(expires_ms, Relaxed);
                self.touch(item);
            }
            None => self.insert(key, value, expires_ms)?,
        }
        self.modified();
        Ok(())
    }

    /// Calculate with the number of a key. A new one begins with `math_initial` and lives so many seconds; another
    /// value counts by its first eight bytes and becomes a number.
    pub fn calculate(&mut self, key: &[u8], math: Math, n: i64, expires: i64) -> Result<i64, Refused> {
        if key.is_empty() || key.len() > self.spec().keysize as usize {
            return Err(Refused::Unfit);
        }
        if self.largest() < NUMBER as u64 {
            return Err(Refused::TooLarge);
        }
        let result = match self.lookup(key) {
            Some(item) => {
                let found = self.value(item);
                let mut bytes = [0; NUMBER];
                self.region().read(found.offset, &mut bytes[..found.length.min(NUMBER)]);
                let result = math.apply(i64::from_le_bytes(bytes), n);
                if found.length == NUMBER {
                    // One store: whoever dies before or after it leaves a whole number.
                    self.region().word64(found.offset).store((result as u64).to_le(), Relaxed);
                } else {
                    self.overwrite(item, &result.to_le_bytes())?;
                }
                self.touch(item);
                result
            }
            None => {
                let result = math.apply(self.spec().math_initial, n);
                let expires_ms = self.expiry(expires);
                self.insert(key, &result.to_le_bytes(), expires_ms)?;
                result
            }
        };
        self.modified();
        Ok(result)
    }

    /// Remove an item; false: there was none.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        match self.lookup(key) {
            Some(item) => {
                self.discard(item);
                self.modified();
                true
            }
            None => false,
        }
    }

    /// Remove all items.
    pub fn clear(&mut self) {
        for item in 0..self.fresh() {
            if self.is_live(item) {
                self.discard(item);
            }
        }
        self.modified();
    }

    /// All keys, in no order.
    pub fn keys(&mut self) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        for item in 0..self.fresh() {
            if self.is_live(item) && !self.drop_if_expired(item) {
                keys.push(self.key(item));
            }
        }
        keys
    }

    fn modified(&self) {
        let now =
            nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME_COARSE).map_or(0, |t| t.tv_sec());
        self.cache.word64(at::MODIFIED).store(now as u64, Relaxed);
    }

    fn expiry(&self, seconds: i64) -> u64 {
        match seconds {
            0 => 0,
            _ if self.spec().no_expire => 0,
            // Never zero, which means never.
            s => self.now_ms.saturating_add_signed(s.saturating_mul(1000)).max(1),
        }
    }

    /// Put a value in the place of an old one.
    fn overwrite(&mut self, item: u32, value: &[u8]) -> Result<(), Refused> {
        let (old, had) = (self.item64(item, index::BLOCK).load(Relaxed), self.blocks_of(item));
        let need = self.blocks_for(value.len() as u64);
        let block = if need == had {
            old
        } else {
            // The item itself must not go to make room for it.
            self.touch(item);
            let block = self.find_blocks(item, need, Some(item)).ok_or_else(|| self.note_full())?;
            self.mark_blocks(block, need, true);
            block
        };
        self.item32(item, index::STATE).store(WRITING, Relaxed);
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        self.item64(item, index::BLOCK).store(block, Relaxed);
        self.item64(item, index::LENGTH).store(value.len() as u64, Relaxed);
        self.region().write(self.data(block), value);
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        self.item32(item, index::STATE).store(LIVE, Release);
        if block != old {
            self.mark_blocks(old, had, false);
        }
        Ok(())
    }

    /// A new item.
    fn insert(&mut self, key: &[u8], value: &[u8], expires_ms: u64) -> Result<(), Refused> {
        let need = self.blocks_for(value.len() as u64);
        let (item, block) = self.make_room(need).ok_or_else(|| self.note_full())?;
        self.mark_blocks(block, need, true);
        self.item32(item, index::KEY_LENGTH).store(key.len() as u32, Relaxed);
        self.item64(item, index::BLOCK).store(block, Relaxed);
        self.item64(item, index::LENGTH).store(value.len() as u64, Relaxed);
        self.item64(item, index::EXPIRES).store(expires_ms, Relaxed);
        self.region().write(self.key_offset(item), key);
        self.region().write(self.data(block), value);
        compiler_fence(std::sync::atomic::Ordering::SeqCst);
        self.item32(item, index::STATE).store(LIVE, Release);
        self.link(item, self.hash(key));
        add(self.cache.word64(at::ITEMS), 1);
        Ok(())
    }

    fn note_full(&self) -> Refused {
        add(self.cache.word64(at::FULL), 1);
        Refused::Full
    }
}
