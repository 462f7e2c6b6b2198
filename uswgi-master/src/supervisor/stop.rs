//! Leaving, and a start that fails. It must never leave a process behind.

use super::action::Action;
use super::child::{ChildId, ProcessKind, Stage};
use super::generation::TEMPLATE_MERCY;
use super::machine::{Phase, Supervisor};
use std::time::{Duration, Instant};
use uswgi_keep::group::UNKILLABLE;
use uswgi_keep::reap::Ended;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::Outcome;

/// A second stop signal counts only when it comes this long after the first: GNU timeout, systemd and
/// group kills send several at once.
pub(super) const SECOND_SIGNAL: Duration = Duration::from_secs(1);
/// What a process that has not served yet gets, at most.
const NEVER_SERVED: Duration = Duration::from_secs(2);

impl Supervisor {
    /// A stop signal.
    pub(super) fn stop(&mut self) {
        match self.phase {
            Phase::Starting | Phase::Running => {
                self.log("stopping: workers finish what they have");
                self.begin_stop(Exit::Ok);
            }
            Phase::Stopping { exit, since, at_once: false }
                if self.now.saturating_duration_since(since) >= SECOND_SIGNAL =>
            {
                self.log("stopping at once: second signal");
                self.kill_all(exit, since);
            }
            Phase::Stopping { .. } | Phase::Over => {}
        }
    }

    /// Leave without waiting for anybody.
    pub(super) fn stop_at_once(&mut self) {
        if matches!(self.phase, Phase::Starting | Phase::Running) {
            self.begin_stop(Exit::Ok);
        }
        if let Phase::Stopping { exit, since, at_once: false } = self.phase {
            self.log("stopping at once");
            self.kill_all(exit, since);
        }
    }

    fn kill_all(&mut self, exit: Exit, since: Instant) {
        self.phase = Phase::Stopping { exit, since, at_once: true };
        let all: Vec<ChildId> = self.children.keys().copied().collect();
        for child in all {
            self.kill(child);
        }
    }

    fn begin_stop(&mut self, exit: Exit) {
        self.out.push(Action::Stopping);
        self.leaves = None;
        self.previous = None;
        if let Some(mut reload) = self.reload.take() {
            self.out.push(Action::Abandon { generation: reload.number });
            let reason = "the instance was told to stop".to_string();
            self.canary_over(reload.canary.take(), Outcome::Stopped, &reason);
            self.out.push(Action::ReloadEnded { outcome: Outcome::Stopped, reason });
        }
        self.reload_again = false;
        self.phase = Phase::Stopping { exit, since: self.now, at_once: false };
        let all: Vec<ChildId> = self.children.keys().copied().collect();
        for child in all {
            let (kind, stage) = match self.children.get(&child) {
                Some(c) => (c.kind, c.stage),
                None => continue,
            };
            match (kind, stage) {
                (_, Stage::Killed) => {
                    let end = self.now + UNKILLABLE;
                    if let Some(c) = self.children.get_mut(&child) {
                        c.kill_at = Some(end);
                    }
                }
                (ProcessKind::Template, _) => {
                    self.drop_template(Some(child));
                    self.hurry(child, if stage == Stage::Ready { TEMPLATE_MERCY } else { NEVER_SERVED });
                }
                // It was told already, and keeps what is left of its mercy.
                (ProcessKind::Worker(_) | ProcessKind::Aide(_), Stage::Retiring) => {}
                (ProcessKind::Worker(_) | ProcessKind::Aide(_), Stage::Ready) => self.retire(child, false),
                (ProcessKind::Worker(_) | ProcessKind::Aide(_), Stage::Starting) => {
                    self.retire(child, false);
                    self.hurry(child, NEVER_SERVED);
                }
            }
        }
    }

    fn hurry(&mut self, child: ChildId, most: Duration) {
        let end = self.now + most;
        if let Some(c) = self.children.get_mut(&child) {
            c.kill_at = c.kill_at.map(|at| at.min(end));
        }
    }

    /// SIGKILL, or for a process that nobody knows the pid of: its control socket ends, so it ends.
    pub(super) fn kill(&mut self, child: ChildId) {
        let leaving = matches!(self.phase, Phase::Stopping { .. });
        let end = leaving.then(|| self.now + UNKILLABLE);
        let Some(c) = self.children.get_mut(&child) else { return };
        if c.pid.is_none() {
            if self.waits_for(child, Some(self.now + UNKILLABLE)) {
                return;
            }
            self.out.push(Action::CloseControl { child });
            self.forget(child);
        } else if c.stage != Stage::Killed {
            c.stage = Stage::Killed;
            c.kill_at = end;
            self.out.push(Action::Kill { child });
        }
    }

    /// The start has failed: say why, and end.
    pub(super) fn start_failed(&mut self, how: Option<Ended>, app: bool, message: String) {
        let exit = match (how, how.and_then(Ended::exit)) {
            (_, Some(Exit::NoInterpreter)) => Exit::NoInterpreter,
            _ if app => Exit::AppFailed,
            (None, _) | (_, Some(Exit::Failed | Exit::Usage)) => Exit::Failed,
            _ => Exit::AppFailed,
        };
        self.out.push(Action::StartFailed { message });
        self.begin_stop(exit);
    }

    pub(super) fn leave_when_empty(&mut self, exit: Exit) {
        if self.children.is_empty() {
            self.phase = Phase::Over;
            self.out.push(Action::Exit(exit));
        }
    }
}
