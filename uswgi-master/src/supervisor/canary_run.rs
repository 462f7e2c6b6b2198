//! What is known of a canary that is under way. Data only: `canary` decides.

use super::child::ChildId;
use super::judge::Judge;
use std::collections::BTreeMap;
use std::time::Instant;
use uswgi_proto::canary::{CanaryRequest, Terms};
use uswgi_proto::scoreboard::canary::Tally;

/// One that is under way.
#[derive(Debug, Clone)]
pub(super) struct CanaryRun {
    pub(super) request: CanaryRequest,
    pub(super) terms: Terms,
    /// Its seats; empty until its application is loaded.
    pub(super) seats: Vec<u32>,
    /// Its only seat is one more than there were.
    pub(super) beside: bool,
    /// Workers wanted when it goes on to all.
    pub(super) wish_after: u32,
    /// What both had answered when all its workers accepted, and when that was.
    pub(super) base: Option<([Tally; 2], Instant)>,
    pub(super) judge: Judge,
    pub(super) tracebacks: BTreeMap<String, BTreeMap<ChildId, u64>>,
}
