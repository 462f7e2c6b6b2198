//! Spoolers and mules: which are to be there, and when one is started, replaced and given up.
//!
//! A name ("mule 2") belongs to one process at a time: the next one starts when the one before has ended. Nothing is lost
//! meanwhile, as tasks wait in their folder and messages in their queue. It must never hold a reload up: aides change
//! hands after it, and one that does not start is tried again as any process.

use super::action::Action;
use super::child::{AideSeat, Birth, Child, ChildId, FORK_TIMEOUT, ProcessKind, Stage, last_line};

use super::machine::Supervisor;
use uswgi_keep::reap::Ended;
use uswgi_proto::background::{Aide, AideKind};

impl Supervisor {
    /// Bring aides towards what is wanted. Called after every event while the instance is to be there.
    pub(super) fn reconcile_aides(&mut self) {
        let wanted = &self.current.plan.aides;
        if wanted.is_empty() && self.aides.is_empty() {
            return;
        }
        let (wanted, generation) = (wanted.clone(), self.current.number);
        let old = |c: &Child| c.aide().is_some_and(|a| c.generation != generation || !wanted.contains(&a));
        let old: Vec<ChildId> = self
            .children
            .iter()
            .filter(|(_, c)| old(c) && c.stage <= Stage::Ready)
            .map(|(&id, _)| id)
            .collect();
        for child in old {
            self.retire(child, true);
        }
        for aide in wanted {
            let there = self.children.values().any(|c| c.aide() == Some(aide));
            let may = self.aides.get(&aide).is_none_or(|r| r.backoff.over(self.now));
            if !there && may {
                self.start_aide(aide);
            }
        }
    }

    fn start_aide(&mut self, aide: Aide) {
        let (generation, lazy, template) =
            (self.current.number, self.current.plan.lazy, self.current.template);
        if !lazy {
            match template.and_then(|t| self.children.get(&t)) {
                Some(t) if t.stage == Stage::Ready => {}
                Some(_) => return,
                // Workers may come from another generation at this moment; then its template is not ours to start.
                None if self.target().number == generation => return self.start_template(),
                None => return,
            }
        }
        let taken = |slot| self.children.values().any(|c| c.aide_slot() == Some(slot));
        let place = self.current.plan.aides.iter().position(|&a| a == aide).map(|p| p as u32);
        let most = uswgi_proto::background::MOST_AIDES as u32;
        let Some(slot) = place.filter(|&p| !taken(p)).or_else(|| (0..most).find(|&s| !taken(s))) else {
            return;
        };
        let record = self.aides.entry(aide).or_default();
        let respawns = record.starts;
        record.starts += 1;
        let seat = AideSeat { aide, slot };
        let birth = self.bear(ProcessKind::Aide(seat), generation, respawns, 0);
        match template.filter(|_| !lazy) {
            Some(template) => self.fork_aide(template, birth),
            None => self.out.push(Action::Launch(birth)),
        }
    }

    fn fork_aide(&mut self, template: ChildId, birth: Birth) {
        let end = self.now + FORK_TIMEOUT;
        self.children.entry(birth.child).and_modify(|c| (c.forked, c.kill_at) = (true, Some(end)));
        self.out.push(Action::Fork { template, birth });
    }

    /// An aide is gone, or never came.
    pub(super) fn aide_ended(&mut self, gone: &Child, what: &str, how: Option<Ended>) {
        let Some(ProcessKind::Aide(seat)) = Some(gone.kind) else { return };
        let end = match how {
            Some(Ended::Code(code)) => code,
            Some(Ended::Signal(signal)) => -signal,
            None => 0,
        };
        if how.is_some() {
            self.out.push(Action::AideEnded { seat, died: !gone.asked, end });
        }
        if gone.asked || self.is_stopping() {
            return;
        }
        let now = self.now;
        let served = gone.ready.map(|ready| now.saturating_duration_since(ready));
        let wait = self.aides.entry(seat.aide).or_default().backoff.ended(served, now).as_secs();
        let next = if wait == 0 { "a new one starts".into() } else { format!("next try in {wait} s") };
        let why = gone.load_failed.as_deref().map(|l| format!(": {}", last_line(l)));
        self.log(format!("{} {what}{}; {next}", gone.name(), why.unwrap_or_default()));
    }

    /// Replace the aides of one kind.
    pub(super) fn renew_aides(&mut self, kind: AideKind) {
        let of_kind = |c: &Child| c.aide().is_some_and(|a| a.kind == kind) && c.stage <= Stage::Ready;
        let all: Vec<ChildId> = self.children.iter().filter(|(_, c)| of_kind(c)).map(|(&id, _)| id).collect();
        for child in all {
            self.retire(child, true);
        }
    }

    /// An aide makes room for the next process of its name, and ends by itself.
    pub(super) fn aide_leaves(&mut self, child: ChildId) {
        if let Some(c) = self.children.get_mut(&child).filter(|c| c.aide().is_some()) {
            c.asked = true;
        }
    }
}
