//! Memory that the workers of an instance share: locks (`uwsgi.lock`) and caches (`uwsgi.cache_*`).
//!
//! The master makes one sealed memfd at its start; every worker inherits it, so that it outlives workers and
//! reloads. Any process may be killed at any moment: locks are robust, and a cache whose user died in the
//! middle of a change is put in order by the next one.
//!
//! * [`layout`]: where everything stands, from the numbers of [`SharedSpec`] alone.
//! * `map`: the mapping; `mutex`: robust mutexes. The only unsafe code.
//! * [`cache`]: what a cache does, under its mutex.
//! * [`locks`]: the locks of an application.
//!
//! It must never believe an index or a length that it finds in the memory without looking at its bounds, and never
//! allocate by one.

pub mod cache;
mod error;
pub mod layout;
pub mod locks;
mod map;
mod mutex;

use cache::Cache;
pub use error::SharedError;
use layout::Layout;
use locks::Locks;
use map::Region;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
pub use uswgi_proto::shared::{CacheSpec, SharedSpec};

/// The memory, mapped.
pub struct Shared {
    locks: Locks,
    caches: Vec<Cache>,
}

impl Shared {
    /// Make the memory. The descriptor is sealed and close-on-exec; whoever inherits it calls [`Shared::adopt`].
    pub fn create(spec: &SharedSpec) -> Result<(Shared, OwnedFd), SharedError> {
        let layout = Layout::of(spec)?;
        let (region, fd) = Region::create(layout.size)?;
        layout.describe(&region, spec)?;
        let shared = Shared::over(Arc::new(region), &layout, spec);
        shared.locks.initialise()?;
        for cache in &shared.caches {
            cache.initialise()?;
        }
        Ok((shared, fd))
    }

    /// Map an inherited descriptor, which may be closed afterwards.
    pub fn adopt(fd: BorrowedFd<'_>) -> Result<Shared, SharedError> {
        let region = Region::open(fd)?;
        let spec = layout::described(&region)?;
        let layout = Layout::of(&spec)?;
        if layout.size != region.len() {
            return Err(SharedError::NotUsable("its size does not fit its description"));
        }
        Ok(Shared::over(Arc::new(region), &layout, &spec))
    }

    fn over(region: Arc<Region>, layout: &Layout, spec: &SharedSpec) -> Shared {
        let caches = layout.caches.iter().zip(&spec.caches);
        Shared {
            locks: Locks::new(region.clone(), layout.locks, spec.locks + 1),
            caches: caches.map(|(l, s)| Cache::new(region.clone(), *l, s.clone())).collect(),
        }
    }

    /// The locks.
    pub fn locks(&self) -> &Locks {
        &self.locks
    }

    /// The caches, the default one first.
    pub fn caches(&self) -> &[Cache] {
        &self.caches
    }

    /// The cache of that name; an empty name means the default one.
    pub fn cache(&self, name: &[u8]) -> Option<&Cache> {
        if name.is_empty() {
            return self.caches.first();
        }
        self.caches.iter().find(|c| c.spec().name.as_bytes() == name)
    }
}
