//! What the caches hold from the start on (`add-cache-item`, `load-file-in-cache`, `load-file-in-cache-gzip`).
//!
//! The memory has just been made and no other process has it, so its mutexes are free.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::{Command, Stdio};
use uswgi_conf::instance::Instance;
use uswgi_conf::startup::{CacheItem, CacheValue};
use uswgi_shared::Shared;
use uswgi_shared::cache::{Mode, Refused};

/// An item that does not get into its cache.
#[derive(Debug, thiserror::Error)]
#[error("{option}: {what}")]
pub struct CacheItemError {
    /// As it was written.
    option: String,
    /// What is wrong and what to do.
    what: String,
}

/// Store them all.
pub(crate) fn store(instance: &Instance, shared: &Shared) -> Result<(), CacheItemError> {
    for item in &instance.startup.items {
        put(item, instance, shared).map_err(|what| CacheItemError { option: item.option.clone(), what })?;
    }
    Ok(())
}

fn put(item: &CacheItem, instance: &Instance, shared: &Shared) -> Result<(), String> {
    // Relative to the directory of the application, as on uWSGI, which has changed to it.
    let at = |path: &Path| instance.app.chdir.as_ref().map_or(path.into(), |dir| dir.join(path));
    let value = match &item.value {
        CacheValue::Text(text) => text.clone().into_bytes(),
        CacheValue::File(path) => std::fs::read(at(path)).map_err(|e| format!("{}: {e}", path.display()))?,
        CacheValue::Compressed(path) => compressed(&at(path))?,
    };
    let cache = shared.cache(item.cache.as_bytes()).ok_or("there is no such cache")?;
    let mut locked = cache.try_lock().ok_or("the cache is in use")?;
    locked.store(item.key.as_bytes(), &value, 0, Mode::Add).map_err(|e| match e {
        Refused::TooLarge => {
            format!("its {} bytes are more than a block of the cache has (blocksize)", value.len())
        }
        Refused::Exists => "the cache has an item of that name already".into(),
        Refused::Full => "the cache is full (items)".into(),
        Refused::Unfit => "it is empty, or its name is too long (keysize)".into(),
    })
}

fn compressed(path: &Path) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let out = Command::new("gzip").arg("-nc").stdin(file).stderr(Stdio::inherit()).output();
    let out = out.map_err(|e| format!("cannot run gzip: {e}"))?;
    if out.status.success() { Ok(out.stdout) } else { Err(format!("gzip: {}", out.status)) }
}
