//! Caches and numbers of the instance, as rules use them. Who holds a cache's mutex is waited for a moment only: a lane
//! waits here without the interpreter's lock, and a rule is not worth more.

use crate::engine::Engine;
use crate::log::{self, Fault};
use crate::{limited_say, sys};
use std::time::Duration;
use uswgi_proto::routing::{CachedItem, RouteEffect, RouteFlow, RouteMath};
use uswgi_shared::cache::{Cache, Locked, Math, Mode, Refused};

/// How long is waited for a cache.
const PATIENCE: Duration = Duration::from_secs(1);

fn cache<'e>(engine: &'e Engine, name: &[u8]) -> Option<&'e Cache> {
    let found = engine.shared.as_ref().and_then(|shared| shared.cache(name));
    if found.is_none() {
        let name = log::shown(name, 100);
        limited_say!(Fault::Ours, engine, "a rule names the cache {name:?}, which does not exist (cache2)");
    }
    found
}

fn locked<'c>(engine: &Engine, cache: &'c Cache) -> Option<Locked<'c>> {
    let locked = cache.lock_within(PATIENCE);
    match &locked {
        None => {
            limited_say!(Fault::Ours, engine, "a rule has waited in vain for the cache {}", cache.spec().name)
        }
        Some(locked) if locked.was_recovered() => {
            let (name, lost) = (&cache.spec().name, cache.counters().discarded);
            limited_say!(
                Fault::Ours,
                engine,
                "a process died while it changed cache {name:?}; it is in order again, {lost} items were discarded so far"
            );
        }
        Some(_) => {}
    }
    locked
}

/// An item.
pub(super) fn cached(engine: &Engine, name: &[u8], key: &[u8]) -> Option<CachedItem> {
    let mut locked = locked(engine, cache(engine, name)?)?;
    let found = locked.get(key)?;
    let now = (sys::realtime_us() / 1_000_000) as i64;
    let expires = locked.seconds_left(found).map(|left| now.saturating_add_unsigned(left));
    Some(CachedItem { expires, value: locked.to_vec(found) })
}

/// A number of the application.
pub(super) fn metric(engine: &Engine, name: &[u8]) -> Option<i64> {
    engine.shared.as_ref()?.metrics().get(std::str::from_utf8(name).ok()?)
}

/// Do what changes something.
pub(super) fn change(engine: &Engine, effect: &RouteEffect<'_>) -> RouteFlow {
    let done = match *effect {
        RouteEffect::CacheSet { cache: name, key, value, seconds } => {
            item(engine, name, |locked| locked.store(key, value, expires(seconds), Mode::Replace).map(drop))
        }
        RouteEffect::CacheMath { cache: name, key, math, n, seconds } => item(engine, name, |locked| {
            let math = match math {
                RouteMath::Add => Math::Add,
                RouteMath::Sub => Math::Sub,
                RouteMath::Mul => Math::Mul,
                RouteMath::Div => Math::Div,
                RouteMath::Set => return Ok(()),
            };
            locked.calculate(key, math, n, expires(seconds)).map(drop)
        }),
        RouteEffect::Metric { name, math, n } => {
            let changed = |value: i64| match math {
                RouteMath::Set => Some(n),
                RouteMath::Add => Some(value.wrapping_add(n)),
                RouteMath::Sub => Some(value.wrapping_sub(n)),
                RouteMath::Mul => Some(value.wrapping_mul(n)),
                RouteMath::Div => Some(value.checked_div(n).unwrap_or(0)),
            };
            let done = engine.shared.as_ref().is_some_and(|shared| shared.metrics().change(name, changed));
            if !done {
                limited_say!(Fault::Ours, engine, "a rule changes {name:?}, which is no metric");
            }
            done
        }
        _ => false,
    };
    if done { RouteFlow::Done } else { RouteFlow::Failed }
}

/// Do something with a cache; false: it cannot be done.
fn item(engine: &Engine, name: &[u8], f: impl FnOnce(&mut Locked<'_>) -> Result<(), Refused>) -> bool {
    let Some(cache) = cache(engine, name) else { return false };
    let Some(mut locked) = locked(engine, cache) else { return false };
    let done = f(&mut locked);
    drop(locked);
    if let Err(refused) = done {
        let why = why(refused);
        limited_say!(Fault::Ours, engine, "a rule cannot write to the cache {}: {why}", cache.spec().name);
    }
    done.is_ok()
}

fn expires(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

fn why(refused: Refused) -> &'static str {
    match refused {
        Refused::Unfit => "its key or value is empty, or its key is too long (keysize)",
        Refused::TooLarge => "its value is too long (blocksize)",
        Refused::Exists => "it is there already",
        Refused::Full => "there is no room (items, blocks)",
    }
}
