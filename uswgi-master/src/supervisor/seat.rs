//! The record of one worker number. It must never know processes.

use uswgi_keep::backoff::Backoff;
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
