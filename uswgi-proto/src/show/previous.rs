//! The generation before, whose template sleeps (`keep-previous`).
#![forbid(unsafe_code)]

use super::usage::Usage;
use crate::scoreboard::Header;
use serde_json::{Value, json};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// What there is to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Previous {
    /// Its number.
    pub generation: u64,
    /// Pid of its template.
    pub pid: i32,
    /// When it goes, seconds since the epoch.
    pub until: u64,
    /// What the kernel says of it.
    pub usage: Option<Usage>,
}

/// None: there is nothing to go back to.
pub(super) fn read(h: &Header) -> Option<Previous> {
    let generation = Some(h.previous_generation.load(Acquire)).filter(|n| *n > 0)?;
    let (pid, until) = (h.previous_pid.load(Relaxed), h.previous_until.load(Relaxed));
    Some(Previous { generation, pid, until, usage: None })
}

impl Previous {
    /// As JSON; bytes of memory are null where the kernel does not tell.
    pub(super) fn json(&self) -> Value {
        json!({
            "generation": self.generation,
            "pid": self.pid,
            "until": self.until,
            "rss": self.usage.map(|u| u.rss),
            "pss": self.usage.and_then(|u| u.pss),
        })
    }
}
