//! Which Python the processes run, as they say it: told once, and again where another one comes.

use super::action::Action;
use super::child::{ChildId, Stage};
use super::machine::Supervisor;

impl Supervisor {
    /// A process has said which Python it runs; a forked one says nothing.
    pub(super) fn runs_python(&mut self, child: ChildId, python: String) {
        let Some(number) = self.children.get(&child).map(|c| c.generation) else { return };
        let current = self.current.number == number;
        let generation = match self.reload.as_mut().and_then(|r| r.next.as_mut()) {
            Some(next) if next.number == number => next,
            _ if current => &mut self.current,
            _ => return,
        };
        if python.is_empty() || generation.python == python {
            return;
        }
        generation.python.clone_from(&python);
        self.log(format!("generation {number} runs on {python}"));
        if current {
            self.out.push(Action::Python(python));
        }
    }

    /// The launcher has found no interpreter: what it says is the reason of the end that follows.
    pub(super) fn no_interpreter(&mut self, child: ChildId, message: &str) {
        if let Some(c) = self.children.get_mut(&child).filter(|c| c.stage == Stage::Starting) {
            c.load_failed = Some(format!("there is no usable Python interpreter: {message}"));
        }
    }
}
