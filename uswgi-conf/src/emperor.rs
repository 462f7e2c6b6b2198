//! What a configuration says about an Emperor, which runs one instance for each of its vassals' files.
//!
//! Types only: `uswgi-emperor` obeys them. What a value means is measured on uWSGI 2.0.31.

#![forbid(unsafe_code)]

use crate::instance::Address;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use uswgi_proto::step::Step;

/// An Emperor. One without monitors is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmperorSettings {
    /// Where the vassals' files are, as written: a folder, `dir://`, a pattern, `glob://`, a file.
    pub monitors: Vec<String>,
    /// The time of a link counts, and not that of the file that it leads to (`emperor-nofollow`).
    pub nofollow: bool,
    /// Seconds between two scans at most; 0: as seldom as notices of the kernel allow.
    pub freq: u32,
    /// Endings of names beside the usual ones; such a file is given to `--config`.
    pub extra_extensions: Vec<String>,
    /// `vassals-include`, as the vassal reads it: relative to its directory.
    pub include: Vec<String>,
    /// `vassals-include-before`.
    pub include_before: Vec<String>,
    /// `vassals-inherit`.
    pub inherit: Vec<String>,
    /// `vassals-inherit-before`.
    pub inherit_before: Vec<String>,
    /// `vassal-set`, `vassals-set`: NAME=VALUE.
    pub set: Vec<String>,
    /// Program that runs before a vassal starts, with its name as the only argument.
    pub start_hook: Option<String>,
    /// Program that runs after a vassal has ended.
    pub stop_hook: Option<String>,
    /// Programs that are tried in the place of `uswgi-master`, in this order (`emperor-wrapper-override`).
    pub wrapper_override: Vec<String>,
    /// The program in the place of `uswgi-master` (`emperor-wrapper`).
    pub wrapper: Option<String>,
    /// Programs that are tried where that one cannot be run (`emperor-wrapper-fallback`).
    pub wrapper_fallback: Vec<String>,
    /// Steps in the Emperor before it looks at its vassals.
    pub at_start: Vec<Step>,
    /// Steps in a vassal's process before it is one, after `start_hook`.
    pub as_vassal: Vec<Step>,
    /// Steps beside the Emperor when a vassal starts.
    pub as_emperor: Vec<Step>,
    /// A vassal that fails is tried again and again, without longer waits.
    pub no_blacklist: bool,
    /// Milliseconds before a vassal that failed is tried again, at first.
    pub throttle: u32,
    /// Milliseconds before one that fails again and again is tried, at most.
    pub max_throttle: u32,
    /// Vassals become the owner of their file.
    pub tyrant: bool,
    /// The owner of a link counts, and not that of the file (`emperor-tyrant-nofollow`).
    pub tyrant_nofollow: bool,
    /// What is put behind a vassal's name for the file that holds the address at which it is waited for.
    pub on_demand_extension: Option<String>,
    /// Directory of the sockets at which vassals are waited for.
    pub on_demand_directory: Option<PathBuf>,
    /// Command that prints the address at which a vassal is waited for, with the vassal's name as its last argument.
    pub on_demand_exec: Option<String>,
    /// File for the Emperor's pid.
    pub pidfile: Option<PathBuf>,
    /// Addresses of its stats server.
    pub stats: Vec<Address>,
    /// Vassals that start at a time; 0: twice the CPUs.
    pub start_concurrency: u32,
    /// Vassals end with an Emperor that is killed (`emperor-die-with = stop`).
    pub die_with: bool,
    /// Seconds in which a vassal with `heartbeat` has to be heard.
    pub required_heartbeat: u32,
}

impl Default for EmperorSettings {
    fn default() -> Self {
        EmperorSettings {
            monitors: Vec::new(),
            nofollow: false,
            freq: 0,
            extra_extensions: Vec::new(),
            include: Vec::new(),
            include_before: Vec::new(),
            inherit: Vec::new(),
            inherit_before: Vec::new(),
            set: Vec::new(),
            start_hook: None,
            stop_hook: None,
            wrapper_override: Vec::new(),
            wrapper: None,
            wrapper_fallback: Vec::new(),
            at_start: Vec::new(),
            as_vassal: Vec::new(),
            as_emperor: Vec::new(),
            no_blacklist: false,
            throttle: 1000,
            max_throttle: 180_000,
            tyrant: false,
            tyrant_nofollow: false,
            on_demand_extension: None,
            on_demand_directory: None,
            on_demand_exec: None,
            pidfile: None,
            stats: Vec::new(),
            start_concurrency: 0,
            die_with: false,
            required_heartbeat: 30,
        }
    }
}

impl EmperorSettings {
    /// Whether the configuration asks for one.
    pub fn is_wanted(&self) -> bool {
        !self.monitors.is_empty()
    }
}
