//! What each generation has answered, and the canary as it is shown.

use super::Board;
use crate::supervisor::Supervisor;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::{Relaxed, Release};
use uswgi_proto::scoreboard::canary::{CanaryState, Tally};
use uswgi_proto::scoreboard::{WorkerState, epoch_seconds};

impl Board {
    /// What the process of a slot has answered.
    pub(super) fn tally(&self, slot: u32) -> Tally {
        let threads = (0..self.board.threads_capacity()).filter_map(|t| self.board.thread(slot, t));
        Tally::of(&self.board.totals(slot), threads)
    }

    /// What each generation has answered, those of its workers that have gone too.
    pub fn tallies(&self) -> BTreeMap<u64, Tally> {
        let mut all = self.tallies.clone();
        for slot in 0..self.board.worker_capacity() {
            let Some(w) = self.board.worker(slot) else { continue };
            if w.state.load(Relaxed) != WorkerState::Free as u32 {
                *all.entry(w.generation.load(Relaxed)).or_default() += self.tally(slot);
            }
        }
        all
    }

    /// Nobody asks any more what other generations have answered.
    pub fn keep_tallies(&mut self, of: impl Fn(u64) -> bool) {
        self.tallies.retain(|generation, _| of(*generation));
    }

    /// The canary that is under way, or was the last one, where it has changed.
    pub(super) fn show_canary(&mut self, supervisor: &Supervisor) {
        let (change, canary) = supervisor.canary_seen();
        let Some(canary) = canary.filter(|_| change != self.canary) else { return };
        self.canary = change;
        let slot = &self.board.header().canary;
        slot.set_terms(&canary.terms);
        slot.compared_ms.store(canary.compared_ms, Relaxed);
        slot.written_at.store(epoch_seconds(), Relaxed);
        for (to, arm) in slot.arms.iter().zip(&canary.arms) {
            to.generation.store(arm.generation, Relaxed);
            to.workers.store(arm.workers, Relaxed);
            to.deaths.store(arm.deaths, Relaxed);
            to.set_tally(&arm.tally);
        }
        for (i, to) in slot.tracebacks.iter().enumerate() {
            let (count, text) = canary.tracebacks.get(i).map_or((0, ""), |(n, text)| (*n, text));
            super::write_end(&to.text, text);
            to.count.store(count, Relaxed);
        }
        super::write_end(&slot.verdict, &canary.verdict);
        debug_assert!(canary.state != CanaryState::None);
        slot.state.store(canary.state as u32, Release);
    }
}
