//! One number, one process (`worker-id-exclusive`): a worker is replaced in its place. It drains and ends, then its successor
//! of the same number starts; the others serve meanwhile, and of one worker alone connections wait in the listen queue.
//!
//! A process that was asked of a template and has not said hello may live: nobody knows its pid. So it keeps its number too,
//! until it is heard of, or its control socket ends, which it does with the last process that has it. It must never start a
//! process of a number that another one may have.

use super::action::Action;
use super::child::{Child, ChildId, Stage};
use super::machine::{Phase, Supervisor};
use std::time::Instant;
use uswgi_proto::scoreboard::Restart;

impl Supervisor {
    /// Whether worker numbers belong to one process at a time.
    pub(super) fn exclusive(&self) -> bool {
        self.target().plan.exclusive
    }

    /// Whether a process has this number, whatever becomes of it, and nobody else may have it.
    pub(super) fn held(&self, worker_id: u32) -> bool {
        self.exclusive() && self.children.values().any(|c| c.worker_id() == Some(worker_id))
    }

    /// Workers that are to be replaced leave, as many at a time as the surplus says; who fills the seats is
    /// [`Supervisor::reconcile`]'s.
    pub(super) fn replace_in_place(&mut self) {
        let (number, most) = (self.target().number, self.target().plan.surplus as usize);
        let renewing = self.reload.as_ref().is_some_and(|r| r.replacing);
        let wanted = self.wanted();
        let ready =
            |s: &Supervisor, id: u32| s.at(id).find(|(_, c)| c.stage == Stage::Ready).map(|(child, _)| child);
        let there = wanted.iter().filter(|&&id| ready(self, id).is_some()).count();
        let mut missing = (self.wish() as usize).saturating_sub(there);
        let serving = self.workers(Stage::Ready).count();
        for worker_id in wanted {
            if missing >= most {
                return;
            }
            let Some(child) = ready(self, worker_id) else { continue };
            let c = &self.children[&child];
            let old = renewing && self.is_renewed(worker_id) && c.generation != number;
            let Some(why) = c.replace.or(old.then_some(Restart::Reload)) else { continue };
            if !self.may_start(worker_id) || !self.has_source(worker_id) {
                continue;
            }
            if serving == 1 {
                let line = format!(
                    "{} ends before its successor starts (worker-id-exclusive): connections wait in the listen queue",
                    self.children[&child].name()
                );
                self.log(line);
            }
            self.seats[worker_id as usize - 1].ended = Some((why, 0));
            self.retire(child, true);
            missing += 1;
        }
    }

    /// Nobody wants this process that has no pid. True: it is waited for, as it has a number or, of an aide, a name.
    pub(super) fn waits_for(&mut self, child: ChildId, until: Option<Instant>) -> bool {
        let exclusive = self.exclusive();
        let named = |c: &&mut Child| c.aide().is_some() || c.is_worker() && exclusive;
        let Some(c) = self.children.get_mut(&child).filter(named) else { return false };
        if matches!(self.phase, Phase::Stopping { .. }) {
            return false;
        }
        c.asked = true;
        (c.stage, c.kill_at) = match until {
            None => (Stage::Retiring, c.kill_at),
            until => (Stage::Killed, until),
        };
        true
    }

    /// The pid of one that nobody wanted any more.
    pub(super) fn found(&mut self, child: ChildId) {
        match self.children.get_mut(&child) {
            Some(c) if c.stage == Stage::Retiring => self.retire(child, true),
            Some(c) if c.stage == Stage::Killed => {
                c.kill_at = None;
                self.out.push(Action::Kill { child });
            }
            _ => {}
        }
    }
}
