//! Who may go on without an application (`need-app = false`).
//!
//! The start may. It must never let a process without one take the place of one that works: neither by a reload nor
//! when a process comes in the place of one that has ended.

use super::child::last_line;
use super::child::{ChildId, Fault, Stage};
use super::generation::Generation;
use super::machine::{Phase, Supervisor};

impl Supervisor {
    /// Why there is no application; None where every process that serves, or that workers come from, has one.
    pub fn no_app(&self) -> Option<&str> {
        let without = self.children.values().any(|c| c.no_app && c.stage <= Stage::Ready);
        without.then_some(self.no_app.as_str())
    }

    /// Whether a process of this generation is to end when the app does not load.
    pub(super) fn needs_app(&self, generation: u64) -> bool {
        self.generation(generation).is_none_or(|g| {
            // What a reload brings, and what comes after an app that worked, has one or does not come.
            g.plan.need_app || g.number > 1 || self.was_there(g)
        })
    }

    /// The start is over and the app was there. During the start nobody's place is taken.
    fn was_there(&self, generation: &Generation) -> bool {
        generation.had_app && self.phase != Phase::Starting
    }

    fn generation(&self, number: u64) -> Option<&Generation> {
        let next = self.reload.as_ref().and_then(|r| r.next.as_ref());
        [Some(&self.current), next].into_iter().flatten().find(|g| g.number == number)
    }

    /// A process that is ready now has the app, or none.
    pub(super) fn note_app(&mut self, child: ChildId) {
        let Some(number) = self.children.get(&child).filter(|c| !c.no_app).map(|c| c.generation) else {
            return;
        };
        let next = self.reload.as_mut().and_then(|r| r.next.as_mut());
        for g in [Some(&mut self.current), next].into_iter().flatten().filter(|g| g.number == number) {
            g.had_app = true;
        }
    }

    /// A process has no app and would go on without one ([`super::Event::NoApp`]).
    pub(super) fn goes_on_without(&mut self, child: ChildId, message: String) {
        let Some(c) = self.children.get(&child).filter(|c| c.stage == Stage::Starting) else { return };
        let name = c.name();
        if self.generation(c.generation).is_some_and(|g| self.was_there(g)) {
            // It was started when there was none, or its configuration names none and a module gave one before.
            self.load_failed(child, message, Fault::App);
            return self.kill(child);
        }
        if let Some(c) = self.children.get_mut(&child) {
            c.no_app = true;
        }
        let line = if self.no_app == message {
            format!("{name} has no application either: {}", last_line(&message))
        } else {
            format!("no application is loaded, requests are answered 500 (need-app = false): {message}")
        };
        self.no_app = message;
        self.log(line);
    }
}
