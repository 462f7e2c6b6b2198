//! What a start sets once, for the whole instance: priority, kernel options of sockets, what the
//! caches hold. Data only.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Startup {
    /// Nice value of all processes (`prio`).
    pub prio: Option<i32>,
    /// The groups of the user are left alone: `gid` and `add-gid` are all (`no-initgroups`).
    pub no_initgroups: bool,
    /// Mount points may have a host (`vhost`).
    pub by_host: bool,
    /// TCP sockets may be bound to addresses that are not there yet (`freebind`).
    pub freebind: bool,
    /// Bytes of a socket's send buffer; 0: the system's (`socket-sndbuf`).
    pub sndbuf: u64,
    /// Bytes of a socket's receive buffer; 0: the system's (`socket-rcvbuf`).
    pub rcvbuf: u64,
    /// Connections of TCP sockets that may send data with their first packet; 0: none (`tcp-fast-open`).
    pub fast_open: u32,
    /// What is started in the place of an instance that ended with exit code 1 (`fallback-config`).
    pub fallback: Option<PathBuf>,
    /// What the caches hold from the start on.
    pub items: Vec<CacheItem>,
}

/// Where a value of a cache comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CacheValue {
    /// The configuration.
    Text(String),
    /// A file.
    File(PathBuf),
    /// A file, to be compressed by gzip.
    Compressed(PathBuf),
}

/// What a cache holds from the start on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheItem {
    /// As it was written, for messages.
    pub option: String,
    /// Name of its cache.
    pub cache: String,
    /// Its name there.
    pub key: String,
    /// Its value.
    pub value: CacheValue,
}
