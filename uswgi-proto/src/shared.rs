//! What the memory shared by the workers of an instance holds: locks and caches, as numbers.
//!
//! `uswgi-conf` makes it of `locks`, `cache` and `cache2`; `uswgi-shared` makes the memory of it. It must hold no
//! configuration syntax.

use serde::{Deserialize, Serialize};

/// One cache (`cache2`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheSpec {
    /// Name by which applications ask for it; the first of an instance is the default one.
    pub name: String,
    /// Most items.
    pub items: u32,
    /// Bytes of a block.
    pub blocksize: u64,
    /// Number of blocks; at least `items`.
    pub blocks: u32,
    /// Buckets of the hash table.
    pub hashsize: u32,
    /// Longest key in bytes.
    pub keysize: u32,
    /// A value may take several blocks in a row; otherwise one.
    pub bitmap: bool,
    /// When there is no room, the item that was used least recently goes.
    pub purge_lru: bool,
    /// When there is no room, all items go.
    pub clear_on_full: bool,
    /// Items never expire.
    pub no_expire: bool,
    /// Says nothing in the log when there is no room.
    pub ignore_full: bool,
    /// Value of a number that is counted for the first time, before it is counted.
    pub math_initial: i64,
}

impl CacheSpec {
    /// A cache with uWSGI's defaults.
    pub fn new(name: &str, items: u32) -> CacheSpec {
        CacheSpec {
            name: name.into(),
            items,
            blocksize: 65536,
            blocks: items,
            hashsize: 65536,
            keysize: 2048,
            bitmap: false,
            purge_lru: false,
            clear_on_full: false,
            no_expire: false,
            ignore_full: false,
            math_initial: 0,
        }
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SharedSpec {
    /// Locks beside lock 0, which is always there (`locks`).
    pub locks: u32,
    /// Caches, in the order of the configuration.
    pub caches: Vec<CacheSpec>,
}
