//! What `top` may do to an instance, and the question before it does. Pure.

use crate::process::Process;

/// What is done to the instance; carried out elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show the Python stacks of this process.
    Stacks(Process),
    /// Replace this worker, its requests finished.
    Retire(u32),
    /// Reload.
    Reload,
}

impl Action {
    /// As a question.
    pub fn question(self) -> String {
        let what = match self {
            Action::Stacks(process) => format!("show the stacks of {process}?"),
            Action::Retire(id) => format!("retire worker {id}?"),
            Action::Reload => "reload the instance?".into(),
        };
        what + " y: yes, any other key: no"
    }
}
