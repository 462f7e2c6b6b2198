//! The generation before (`keep-previous`): its template sleeps for a while after a reload, and `uswgi-ctl rollback` makes
//! workers of it again, in the time of forks and without an import.
//!
//! It must never start a template of it: what is on disk by then is other code.

use super::action::Action;
use super::child::{Child, ChildId, Stage};
use super::generation::Generation;
use super::machine::{Phase, Supervisor};
use super::plan::Plan;
use std::time::Instant;
use uswgi_proto::scoreboard::Outcome;

/// A generation that sleeps.
#[derive(Debug, Clone)]
pub(super) struct KeptGeneration {
    pub(super) generation: Generation,
    /// When it goes.
    pub(super) until: Instant,
}

/// What there is to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Number of the generation.
    pub generation: u64,
    /// Its template.
    pub template: ChildId,
    /// When it goes.
    pub until: Instant,
}

impl Supervisor {
    /// Another generation is in force now: this one sleeps, or goes.
    pub(super) fn keep_previous(&mut self, old: Generation) {
        self.let_previous_go();
        let time = self.current.plan.keep_previous;
        let loaded = |t: ChildId| self.children.get(&t).is_some_and(|t| t.stage == Stage::Ready);
        let of_use = old.had_app && !old.hangs && old.template.is_some_and(loaded);
        if time.is_zero() || old.plan.lazy || !of_use {
            return self.drop_template(old.template);
        }
        self.log(format!(
            "the template of generation {} sleeps for {} s; `uswgi-ctl rollback` brings it back (keep-previous)",
            old.number,
            time.as_secs()
        ));
        self.previous = Some(KeptGeneration { generation: old, until: self.now + time });
    }

    /// Nothing is kept any more.
    pub(super) fn let_previous_go(&mut self) {
        if let Some(previous) = self.previous.take() {
            self.drop_template(previous.generation.template);
        }
    }

    /// Its time is over.
    pub(super) fn previous_is_due(&mut self) {
        if self.previous.as_ref().is_some_and(|p| p.until <= self.now) {
            self.let_previous_go();
        }
    }

    /// A template has ended: whether it was the one that slept.
    pub(super) fn previous_ended(&mut self, child: ChildId, gone: &Child) -> bool {
        let Some(previous) = self.previous.take_if(|p| p.generation.template == Some(child)) else {
            return false;
        };
        if !gone.asked && !matches!(self.phase, Phase::Stopping { .. }) {
            let number = previous.generation.number;
            self.log(format!("{} ended; there is no way back to generation {number} any more", gone.name()));
        }
        true
    }

    /// What there is to go back to; otherwise why nothing is.
    pub fn kept(&self) -> Result<Kept, &'static str> {
        let why = match (&self.previous, self.phase) {
            (_, Phase::Starting) => "the instance is still starting",
            _ if self.reload.is_some() => "a reload is under way; ask again after it",
            _ if self.is_leaving() => "the instance stops in a moment",
            (Some(KeptGeneration { generation, until }), Phase::Running) => match generation.template {
                Some(template) => return Ok(Kept { generation: generation.number, template, until: *until }),
                None => "its template has ended",
            },
            _ if self.current.plan.lazy => "with lazy-apps there is no template that could be kept",
            _ if self.current.plan.keep_previous.is_zero() => {
                "nothing of before is kept: set keep-previous = SECONDS"
            }
            _ => "there was no reload within keep-previous, or its template has ended",
        };
        Err(why)
    }

    /// The generation that sleeps, whatever else happens.
    pub fn sleeper(&self) -> Option<Kept> {
        let KeptGeneration { generation, until } = self.previous.as_ref()?;
        Some(Kept { generation: generation.number, template: generation.template?, until: *until })
    }

    /// An operator wants the generation before, or, for this reason, it comes back by itself.
    pub(super) fn roll_back(&mut self, taken_back: Option<String>) {
        if let Err(why) = self.kept() {
            return self.log(format!("no rollback: {why}"));
        }
        let Some(previous) = self.previous.take() else { return };
        let from = previous.generation.number;
        let number = self.begin_changeover(Some(previous.generation));
        let why = taken_back.as_ref().map_or(String::new(), |reason| format!("; {reason}"));
        self.log(format!("rollback: generation {number} is generation {from} again{why}"));
        if let Some(reload) = self.reload.as_mut() {
            reload.taken_back = taken_back;
        }
        self.out.push(Action::BringBack { from, generation: number });
    }

    /// The settings of the generation that comes back are there. False: none comes back.
    pub(super) fn brought_back(&mut self, plan: &Plan) -> bool {
        let Some(reload) = self.reload.as_mut() else { return false };
        let Some(back) = reload.back.take() else { return false };
        let (number, template) = (reload.number, back.template);
        let mut generation = Generation { number, plan: plan.clone(), ..back };
        generation.signals.begin_again();
        // What is true of it stays so: it must not be imported again.
        reload.back = Some(generation.clone());
        reload.next = Some(generation);
        if let Some(c) = template.and_then(|t| self.children.get_mut(&t)) {
            c.generation = number;
        }
        true
    }

    /// The template of a generation that comes back has ended before the others were there: what serves stays.
    pub(super) fn back_ended(&mut self, name: &str) -> bool {
        let back = self.reload.as_ref().is_some_and(|r| r.back.is_some());
        if back {
            self.reload_failed(Outcome::AppFailed, format!("{name} ended in the middle of the rollback"));
        }
        back
    }
}
