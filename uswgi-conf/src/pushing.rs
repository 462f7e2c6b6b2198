//! What a configuration says about numbers under the names of uWSGI's metrics: where they are sent (`stats-push`), and in
//! which folder they stand as files (`metrics-dir`).

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Who gets numbers, each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pusher {
    /// A datagram for each number to this `HOST:PORT`, over UDP.
    Socket {
        /// Where to.
        address: String,
        /// What names begin with.
        prefix: String,
    },
    /// The servers of `carbon`.
    Carbon,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushing {
    /// In the order of the configuration (`stats-push`).
    pub pushers: Vec<Pusher>,
    /// Seconds between two times (`stats-pusher-default-freq`).
    pub freq: u32,
    /// Folder with a file for each number (`metrics-dir`).
    pub dir: Option<PathBuf>,
    /// Numbers begin with what the files say (`metrics-dir-restore`).
    pub restore: bool,
    /// Numbers of each thread, too (`metrics-no-cores` switches them off).
    pub threads: bool,
}

/// As on uWSGI 2.0.31.
impl Default for Pushing {
    fn default() -> Self {
        Pushing { pushers: Vec::new(), freq: 3, dir: None, restore: false, threads: true }
    }
}
