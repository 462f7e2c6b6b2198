//! How many workers are wanted, and why: the number that `scale`, `idle` and a reload change.

use super::cheaper::{Gauge, Meter};
use super::child::ChildId;
use super::plan::Plan;
use std::time::Instant;

/// How many workers are wanted, and why.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// Workers wanted outside a reload.
    pub(super) workers: u32,
    /// An operator chose the number.
    pub(super) by_hand: bool,
    /// An operator sent the workers away until somebody connects.
    pub(super) sent_away: bool,
    /// Nobody asks for a worker, and there is no template: the one that is wanted loads the application once, so that a start
    /// or a reload knows whether it does, and leaves.
    pub(super) probe: bool,
    pub(super) gauge: Gauge,
    pub(super) meter: Meter<ChildId>,
    pub(super) last_cycle: Instant,
}

impl Wish {
    /// What a configuration asks for at the start.
    pub(super) fn of(plan: &Plan, now: Instant) -> Wish {
        let (wish, probe) = probed(plan.at_start(), plan);
        Wish {
            workers: wish,
            by_hand: false,
            sent_away: false,
            probe,
            gauge: Gauge::default(),
            meter: Meter::default(),
            last_cycle: now,
        }
    }
}

/// The wish while a plan is tried, and whether it is for a probe only: an instance that sleeps without a template has nobody
/// else who loads the application.
pub(super) fn probed(wish: u32, plan: &Plan) -> (u32, bool) {
    let probe = wish == 0 && plan.lazy;
    (if probe { 1 } else { wish }, probe)
}
