//! Opens the logs again and rotates them, and gives the new file to every process.
#![forbid(unsafe_code)]

use super::Master;
use crate::logs::{Due, RefreshError};
use std::os::fd::AsFd;
use uswgi_keep::log;
use uswgi_proto::control::ToWorker;

/// What was done, or why nothing was.
fn said(done: Result<String, RefreshError>) -> String {
    done.unwrap_or_else(|e| e.to_string())
}

impl Master<'_> {
    /// Open the log file again: something has moved the old one away. Says what was done.
    pub fn reopen_logs(&mut self) -> Result<String, RefreshError> {
        let done = self.logs.reopen()?;
        self.spread();
        Ok(done)
    }

    /// Move the log file away and begin a new one. Says what was done.
    pub fn rotate_logs(&mut self) -> Result<String, RefreshError> {
        let done = self.logs.rotate()?;
        self.spread();
        Ok(done)
    }

    /// A reload begins: `log-reopen`.
    pub(crate) fn reopen_logs_for_reload(&mut self) {
        if self.setup().is_some_and(|s| s.instance.log.reopen_on_reload) {
            log::line(said(self.reopen_logs()));
        }
    }

    /// Give the file that is open to everybody.
    fn spread(&mut self) {
        let Some(file) = self.logs.shared_file() else { return };
        if let Err(e) = log::redirect(file) {
            log::line(e);
        }
        self.fronts.reopen(file.as_fd());
        let children = self.supervisor.children().iter().filter(|(_, c)| self.logs.serves(c.generation));
        let failed = children.filter(|&(&child, _)| {
            let sent = self.processes.send(child, &ToWorker::ReopenLogs, &[file.as_fd()]);
            // One whose socket is full gets it later; one that has none has ended.
            sent == Err(nix::Error::EAGAIN)
        });
        let pending = failed.count() > 0;
        self.logs.set_pending(pending);
    }

    /// What needs a look every second.
    pub(crate) fn look_at_logs(&mut self) {
        if self.logs.is_pending() {
            self.spread();
        }
        self.logs.revive(self.board.scoreboard());
        let due = self.logs.due();
        let done = match due {
            Due::Nothing => return,
            Due::Reopen => self.reopen_logs(),
            Due::Rotate | Due::RotateLarge => self.rotate_logs(),
        };
        if due == Due::RotateLarge && done.is_err() {
            self.logs.give_up_rotating();
        }
        log::line(said(done));
    }
}
