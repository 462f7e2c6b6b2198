//! The record of one worker number, and of one aide. It must never know processes.

use std::collections::BTreeMap;
use uswgi_keep::backoff::Backoff;
use uswgi_proto::background::Aide;
use uswgi_proto::scoreboard::Restart;

/// Workers in a row that may die before they accept, at the start and on reload.
pub(super) const TRIES: u32 = 3;

/// What is known of one worker number.
#[derive(Debug, Clone, Default)]
pub(super) struct SeatRecord {
    /// It is to have a worker.
    pub(super) on: bool,
    pub(super) backoff: Backoff,
    /// Processes started for it so far.
    pub(super) starts: u32,
    /// How its last process ended where nobody asked for it: the exit code, or minus the signal.
    pub(super) ended: Option<(Restart, i32)>,
}

/// What is known of one name of an aide.
#[derive(Debug, Clone, Default)]
pub(super) struct AideRecord {
    pub(super) backoff: Backoff,
    /// Processes started for it so far.
    pub(super) starts: u32,
}

/// Of all names that there were.
pub(super) type AideRecords = BTreeMap<Aide, AideRecord>;
