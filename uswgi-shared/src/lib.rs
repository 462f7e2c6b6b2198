//! Memory that the workers of an instance share: locks (`uwsgi.lock`), caches (`uwsgi.cache_*`), a queue, areas of bytes, numbers.
//!
//! The master makes one sealed memfd at its start; every worker inherits it, so that it outlives workers and
//! reloads. Any process may be killed at any moment: locks are robust, and a cache whose user died in the
//! middle of a change is put in order by the next one.
//!
//! * [`layout`]: where everything stands, from the numbers of [`SharedSpec`] alone.
//! * `map`: the mapping; `mutex`: robust mutexes. The only unsafe code.
//! * [`cache`]: what a cache does, under its mutex.
//! * [`locks`]: the locks of an application. * [`queue`], [`area`], [`metrics`]: its messages, bytes and numbers.
//!
//! It must never believe an index or a length that it finds in the memory without looking at its bounds, and never
//! allocate by one.

pub mod area;
pub mod cache;
mod error;
pub mod layout;
pub mod locks;
mod map;
pub mod metrics;
mod mutex;
pub mod queue;

use area::Area;
use cache::Cache;
pub use error::SharedError;
use layout::Layout;
use locks::Locks;
use map::Region;
use metrics::Metrics;
use queue::SharedQueue;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
pub use uswgi_proto::shared::{CacheSpec, SharedSpec};

/// The memory, mapped.
pub struct Shared {
    locks: Locks,
    caches: Vec<Cache>,
    queue: Option<SharedQueue>,
    areas: Vec<Area>,
    metrics: Metrics,
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
        if let Some(queue) = &shared.queue {
            queue.initialise()?;
        }
        for area in &shared.areas {
            area.initialise()?;
        }
        shared.metrics.initialise();
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
        let areas = layout.areas.iter().zip(&spec.areas);
        Shared {
            locks: Locks::new(region.clone(), layout.locks, spec.locks + 1),
            caches: caches.map(|(l, s)| Cache::new(region.clone(), *l, s.clone())).collect(),
            queue: layout
                .queue
                .map(|(head, data)| SharedQueue::new(region.clone(), head, data, spec.queue.clone())),
            areas: areas.map(|(l, size)| Area::new(region.clone(), l.0, l.1, *size as usize)).collect(),
            metrics: Metrics::new(region.clone(), layout.metrics, spec.metrics.clone()),
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

    /// The queue; None: there is none.
    pub fn queue(&self) -> Option<&SharedQueue> {
        self.queue.as_ref()
    }

    /// The areas, by their numbers.
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// The numbers of the application.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The cache of that name; an empty name means the default one.
    pub fn cache(&self, name: &[u8]) -> Option<&Cache> {
        if name.is_empty() {
            return self.caches.first();
        }
        self.caches.iter().find(|c| c.spec().name.as_bytes() == name)
    }
}
