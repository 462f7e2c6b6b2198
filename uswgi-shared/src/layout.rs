//! Where everything stands in the shared memory: pure arithmetic on [`SharedSpec`].
//!
//! Memory: a head (magic, version, kind of libc, length of the description), the description as JSON, the locks,
//! then each cache on pages of its own: its header, buckets, items, bitmap, blocks; the queue, areas, numbers. Everything begins as zero and
//! zero means "empty", so that memory that nobody uses is never touched.

use crate::error::SharedError;
use crate::map::Region;
use std::sync::atomic::Ordering;
use uswgi_proto::shared::{CacheSpec, QueueSpec, SharedSpec};

/// First eight bytes ("USWGISM\n" in little endian).
const MAGIC: u64 = u64::from_le_bytes(*b"USWGISM\n");
/// Version of the layout in this file, and of the meaning of every field in [`crate::cache`].
pub const SHARED_LAYOUT_VERSION: u32 = 2;
/// Bytes before the description.
const HEAD: usize = 64;
/// Longest description.
const MAX_DESCRIPTION: usize = 256 * 1024;
/// Bytes of a lock: the mutex, then the pid of its last holder.
pub(crate) const LOCK_SIZE: usize = 128;
/// Offset of the pid in it.
pub(crate) const LOCK_HOLDER: usize = 96;
/// Bytes of the header of a cache.
const CACHE_HEADER: usize = 512;
/// Bytes of an item before its key.
pub(crate) const ITEM_HEAD: usize = 64;
/// Most locks.
pub const MAX_LOCKS: u32 = 65_536;
/// Most bytes of one instance: a bound for the arithmetic, far above any machine's memory.
const MAX_BYTES: u64 = 1 << 46;
const PAGE: u64 = 4096;

/// Offsets of one cache. Bytes from the start of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheLayout {
    pub(crate) header: usize,
    pub(crate) buckets: usize,
    pub(crate) items: usize,
    pub(crate) item_size: usize,
    pub(crate) bitmap: usize,
    /// 64-bit words of the bitmap; 0 without one.
    pub(crate) bitmap_words: usize,
    pub(crate) data: usize,
    /// Bytes from one block to the next.
    pub(crate) block: usize,
}

/// Offsets of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) locks: usize,
    pub(crate) caches: Vec<CacheLayout>,
    /// Head and blocks of the queue.
    pub(crate) queue: Option<(usize, usize)>,
    /// Head and bytes of each area.
    pub(crate) areas: Vec<(usize, usize)>,
    pub(crate) metrics: usize,
    /// Bytes of the whole, a multiple of the page.
    pub(crate) size: usize,
}

/// Give out memory piece by piece.
struct Cursor(u64);

impl Cursor {
    fn take(&mut self, align: u64, count: u64, each: u64) -> Option<u64> {
        let start = self.0.checked_next_multiple_of(align)?;
        self.0 = start.checked_add(count.checked_mul(each)?).filter(|end| *end <= MAX_BYTES)?;
        Some(start)
    }
}

impl Layout {
    /// The layout for these numbers.
    pub(crate) fn of(spec: &SharedSpec) -> Result<Layout, SharedError> {
        let large = |what: String| SharedError::TooLarge(what);
        if spec.locks >= MAX_LOCKS {
            return Err(large(format!("locks = {} is more than {}", spec.locks, MAX_LOCKS - 1)));
        }
        let description = description(spec);
        if description.len() > MAX_DESCRIPTION {
            return Err(large("there are too many caches".into()));
        }
        let mut cursor = Cursor(0);
        let no_locks = || large("the locks do not fit".into());
        cursor.take(1, 1, HEAD as u64 + description.len() as u64).ok_or_else(no_locks)?;
        let locks =
            cursor.take(128, u64::from(spec.locks) + 1, LOCK_SIZE as u64).ok_or_else(no_locks)? as usize;
        let mut caches = Vec::with_capacity(spec.caches.len());
        for c in &spec.caches {
            let layout = cache(&mut cursor, c).ok_or_else(|| {
                large(format!(
                    "cache {:?} is too large: {} items with keys of {} bytes, {} blocks of {} bytes",
                    c.name, c.items, c.keysize, c.blocks, c.blocksize
                ))
            })?;
            caches.push(layout);
        }
        let queue = (spec.queue.slots > 0).then(|| queue(&mut cursor, &spec.queue));
        let queue = match queue {
            Some(None) => {
                let QueueSpec { slots, blocksize } = spec.queue;
                return Err(large(format!("queue = {slots} blocks of {blocksize} bytes does not fit")));
            }
            found => found.flatten(),
        };
        let mut areas = Vec::with_capacity(spec.areas.len());
        for bytes in &spec.areas {
            let area = area(&mut cursor, *bytes);
            areas.push(area.ok_or_else(|| large(format!("a sharedarea of {bytes} bytes does not fit")))?);
        }
        let metrics = cursor
            .take(64, spec.metrics.len() as u64, 8)
            .ok_or_else(|| large("there are too many metrics".into()))? as usize;
        let size = cursor.0.next_multiple_of(PAGE) as usize;
        Ok(Layout { locks, caches, queue, areas, metrics, size })
    }

    /// Write head and description into new memory; the magic number last.
    pub(crate) fn describe(&self, region: &Region, spec: &SharedSpec) -> Result<(), SharedError> {
        let text = description(spec);
        region.write(HEAD, &text);
        region.word32(8).store(SHARED_LAYOUT_VERSION, Ordering::Relaxed);
        region.word32(12).store(crate::mutex::KIND, Ordering::Relaxed);
        region.word64(16).store(text.len() as u64, Ordering::Relaxed);
        region.word64(0).store(MAGIC, Ordering::Release);
        Ok(())
    }
}

fn queue(cursor: &mut Cursor, q: &QueueSpec) -> Option<(usize, usize)> {
    if q.blocksize as usize <= crate::queue::BLOCK_HEAD {
        return None;
    }
    let head = cursor.take(128, 1, LOCK_SIZE as u64)? as usize;
    let block = u64::from(q.blocksize.checked_next_multiple_of(8)?);
    Some((head, cursor.take(64, u64::from(q.slots), block)? as usize))
}

fn area(cursor: &mut Cursor, bytes: u64) -> Option<(usize, usize)> {
    let head = cursor.take(128, 1, LOCK_SIZE as u64)? as usize;
    Some((head, cursor.take(PAGE, 1, bytes)? as usize))
}

fn cache(cursor: &mut Cursor, c: &CacheSpec) -> Option<CacheLayout> {
    if c.items == 0 || c.items == u32::MAX || c.keysize == 0 || c.hashsize == 0 || c.blocksize == 0 {
        return None;
    }
    if c.blocks < c.items {
        return None;
    }
    let item_size = ITEM_HEAD as u64 + u64::from(c.keysize).next_multiple_of(8);
    let bitmap_words = if c.bitmap { u64::from(c.blocks).div_ceil(64) } else { 0 };
    // Numbers are changed by one store, which needs their alignment.
    let block = c.blocksize.checked_next_multiple_of(8)?;
    Some(CacheLayout {
        header: cursor.take(PAGE, 1, CACHE_HEADER as u64)? as usize,
        buckets: cursor.take(64, u64::from(c.hashsize), 4)? as usize,
        items: cursor.take(64, u64::from(c.items), item_size)? as usize,
        item_size: item_size as usize,
        bitmap: cursor.take(64, bitmap_words, 8)? as usize,
        bitmap_words: bitmap_words as usize,
        data: cursor.take(PAGE, u64::from(c.blocks), block)? as usize,
        block: block as usize,
    })
}

fn description(spec: &SharedSpec) -> Vec<u8> {
    // Plain numbers and texts: it cannot fail.
    serde_json::to_vec(spec).unwrap_or_default()
}

/// What a memory says that it holds.
pub(crate) fn described(region: &Region) -> Result<SharedSpec, SharedError> {
    if region.len() < HEAD || region.word64(0).load(Ordering::Acquire) != MAGIC {
        return Err(SharedError::NotUsable("the magic number is missing"));
    }
    if region.word32(8).load(Ordering::Relaxed) != SHARED_LAYOUT_VERSION {
        return Err(SharedError::NotUsable("it has another version; restart the instance"));
    }
    if region.word32(12).load(Ordering::Relaxed) != crate::mutex::KIND {
        return Err(SharedError::NotUsable(
            "master and worker were built with different C libraries; install both from one release",
        ));
    }
    let length = region.word64(16).load(Ordering::Relaxed);
    if length > MAX_DESCRIPTION as u64 || HEAD as u64 + length > region.len() as u64 {
        return Err(SharedError::NotUsable("its description is too long"));
    }
    let mut text = vec![0; length as usize];
    region.read(HEAD, &mut text);
    serde_json::from_slice(&text).map_err(|_| SharedError::NotUsable("its description is unreadable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other_and_are_aligned() {
        let mut spec = SharedSpec {
            locks: 3,
            caches: vec![CacheSpec::new("a", 10), CacheSpec::new("b", 7)],
            ..SharedSpec::default()
        };
        spec.caches[1].bitmap = true;
        spec.caches[1].blocks = 1000;
        spec.caches[1].blocksize = 100;
        let l = Layout::of(&spec).unwrap();
        let (a, b) = (l.caches[0], l.caches[1]);
        assert!(l.locks.is_multiple_of(128) && l.locks + 4 * LOCK_SIZE <= a.header);
        for c in [a, b] {
            assert!(c.header < c.buckets && c.buckets < c.items && c.items < c.bitmap && c.bitmap <= c.data);
            assert!(
                c.data.is_multiple_of(4096) && c.item_size.is_multiple_of(8) && c.block.is_multiple_of(8)
            );
        }
        assert!(a.data + 10 * a.block <= b.header);
        assert_eq!((a.bitmap_words, b.bitmap_words, b.block), (0, 16, 104));
        assert!(b.data + 1000 * 104 <= l.size && l.size.is_multiple_of(4096));
    }

    #[test]
    fn what_is_too_much_is_said_and_overflows_nothing() {
        let with = |f: &dyn Fn(&mut CacheSpec)| {
            let mut c = CacheSpec::new("big", 100);
            f(&mut c);
            Layout::of(&SharedSpec { caches: vec![c], ..SharedSpec::default() })
        };
        assert!(with(&|_| ()).is_ok());
        for f in [
            &(|c: &mut CacheSpec| c.blocksize = u64::MAX) as &dyn Fn(&mut CacheSpec),
            &|c| c.blocksize = 1 << 45,
            &|c| (c.items, c.blocks, c.keysize) = (u32::MAX - 1, u32::MAX - 1, u32::MAX),
            &|c| c.items = 0,
            &|c| c.blocks = 99,
            &|c| c.hashsize = 0,
        ] {
            assert!(with(f).is_err());
        }
        assert!(Layout::of(&SharedSpec { locks: MAX_LOCKS, ..SharedSpec::default() }).is_err());
        let areas = vec![u64::MAX];
        assert!(Layout::of(&SharedSpec { areas, ..SharedSpec::default() }).is_err());
        let queue = QueueSpec { slots: u32::MAX, blocksize: u32::MAX };
        assert!(Layout::of(&SharedSpec { queue, ..SharedSpec::default() }).is_err());
    }
}
