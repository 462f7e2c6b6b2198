//! Bodies of answers that go into a cache (`cachestore`).

use super::stored;
use crate::engine::Engine;
use uswgi_proto::routing::RouteEffect;

/// Most bytes of a body that are gathered, however large a cache's items may be.
const MOST: u64 = 64 << 20;

/// Most bytes of an item of a cache; 0: there is no such cache.
pub(crate) fn most(engine: &Engine, cache: &[u8]) -> usize {
    let found = engine.shared.as_ref().and_then(|shared| shared.cache(cache));
    found.map_or(0, |cache| {
        let spec = cache.spec();
        let blocks = if spec.bitmap { u64::from(spec.blocks) } else { 1 };
        spec.blocksize.saturating_mul(blocks).min(MOST) as usize
    })
}

/// Keep a body. What is against it is said in the log.
pub(crate) fn keep(engine: &Engine, cache: &[u8], key: &[u8], value: &[u8], seconds: u64) {
    stored::change(engine, &RouteEffect::CacheSet { cache, key, value, seconds });
}
