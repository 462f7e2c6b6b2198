//! What a configuration says about numbers that are sent to carbon (Graphite).

use serde::{Deserialize, Serialize};
use uswgi_proto::show::carbon::IdleAverage;

/// Where to, how often, and under which names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carbon {
    /// `HOST:PORT` of each server (`carbon`).
    pub servers: Vec<String>,
    /// Seconds between two times (`carbon-freq`).
    pub freq: u32,
    /// Seconds for a connection (`carbon-timeout`).
    pub timeout: u32,
    /// Name of the instance; None: its first socket's (`carbon-id`).
    pub id: Option<String>,
    /// What all keys begin with (`carbon-root`).
    pub root: String,
    /// What stands for a dot in the host's name (`carbon-hostname-dots`).
    pub dots: Option<String>,
    /// Lines for each worker too (`carbon-no-workers` switches them off).
    pub workers: bool,
    /// Tries after one that failed (`carbon-max-retry`).
    pub retries: u32,
    /// Seconds before each (`carbon-retry-delay`).
    pub retry_delay: u32,
    /// Mean duration in a time without requests (`carbon-idle-avg`).
    pub idle: IdleAverage,
}

/// As on uWSGI 2.0.31; its help says one retry, and it makes none.
impl Default for Carbon {
    fn default() -> Self {
        Carbon {
            servers: Vec::new(),
            freq: 60,
            timeout: 3,
            id: None,
            root: "uwsgi".into(),
            dots: None,
            workers: true,
            retries: 0,
            retry_delay: 7,
            idle: IdleAverage::Last,
        }
    }
}
