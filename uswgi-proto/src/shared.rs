//! What the memory shared by the workers of an instance holds: locks, caches, a queue, areas and numbers of the application.
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
    /// The queue of `uwsgi.queue_*`.
    pub queue: QueueSpec,
    /// Bytes of each area of `uwsgi.sharedarea_*`.
    pub areas: Vec<u64>,
    /// Numbers of `uwsgi.metric_*`.
    pub metrics: Vec<MetricSpec>,
}

/// A queue (`queue`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueSpec {
    /// Its blocks; 0: there is no queue.
    pub slots: u32,
    /// Bytes of a block, 16 of them no message (`queue-blocksize`).
    pub blocksize: u32,
}

impl Default for QueueSpec {
    fn default() -> Self {
        QueueSpec { slots: 0, blocksize: 8192 }
    }
}

/// What a number of the application counts: uWSGI's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It is set.
    Absolute,
}

impl MetricKind {
    /// Its number in uWSGI's statistics.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Its name in `type=`.
    pub fn name(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Absolute => "absolute",
        }
    }
}

/// A number of the application (`metric`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricSpec {
    /// Its name.
    pub name: String,
    /// What it counts.
    pub kind: MetricKind,
    /// Its value before anybody changes it.
    pub initial: i64,
    /// Its object identifier for SNMP, which is only shown.
    pub oid: String,
}
