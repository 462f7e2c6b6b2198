//! What an operator, or a developer's editor, asks for beyond signals: workers replaced without a new configuration, replaced
//! without mercy, one of them replaced or killed. It must never replace a worker in another way than `replace` and `reload` do.

use super::action::Action;
use super::child::{ChildId, NO_MERCY, Stage};
use super::machine::{Phase, Supervisor};
use uswgi_proto::scoreboard::Restart;

/// Source files that are remembered.
const MOST_SOURCES: usize = 10_000;

impl Supervisor {
    /// The source of a module has changed: a reload, once for each change, as every worker sees it.
    pub(super) fn source_changed(&mut self, child: ChildId, path: String, modified_us: u64) {
        let current = self.children.get(&child).map(|c| c.generation) == Some(self.current.number);
        if !current || self.sources.get(&path) == Some(&modified_us) {
            return;
        }
        if self.sources.len() >= MOST_SOURCES {
            self.sources.clear();
        }
        self.log(format!("{path} has changed"));
        self.sources.insert(path, modified_us);
        self.ask_reload();
    }

    /// Replace every worker. With lazy-apps that imports the application again, so it is a reload with the
    /// configuration in force: what does not load changes nothing, and the outcome is recorded. Otherwise
    /// the template forks successors of the application as it is.
    pub(super) fn renew(&mut self, why: Restart) {
        if self.phase != Phase::Running {
            return;
        }
        if self.target().plan.lazy {
            return match self.reload {
                None => self.begin_reload(false),
                Some(_) => self.reload_again = true,
            };
        }
        self.log("replacing the workers; the application is not imported again (a reload does that)");
        let ready: Vec<ChildId> = self.workers(Stage::Ready).collect();
        for child in ready {
            if let Some(c) = self.children.get_mut(&child) {
                c.replace.get_or_insert(why);
            }
        }
    }

    /// Who is there now gets no mercy when its successor accepts, and who leaves already none any more.
    pub(super) fn hurry_replaced(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        let now = self.now;
        for c in self.children.values_mut().filter(|c| c.is_worker()) {
            c.no_mercy = true;
            if c.stage == Stage::Retiring {
                c.kill_at = c.kill_at.map(|at| at.min(now + NO_MERCY));
            }
        }
    }

    /// An operator wants this worker replaced.
    pub(super) fn retire_asked(&mut self, worker_id: u32) {
        let ready = self.at(worker_id).find(|(_, c)| c.stage == Stage::Ready).map(|(id, _)| id);
        match ready {
            Some(child) => self.mark_for_replacement(child, Restart::Operator),
            None => self.log(format!("there is no worker {worker_id} that serves; nothing to retire")),
        }
    }

    /// An operator wants this worker killed: its oldest process, as that is the one which hangs.
    pub(super) fn kill_asked(&mut self, worker_id: u32) {
        let mut of_seat = self.children.iter().filter(|(_, c)| c.worker_id() == Some(worker_id));
        match of_seat.find(|(_, c)| c.stage != Stage::Killed && c.pid.is_some()).map(|(&id, _)| id) {
            Some(child) => {
                if let Some(c) = self.children.get_mut(&child) {
                    c.asked = true;
                    let line = format!("{} is killed: the operator asked for it", c.name());
                    self.log(line);
                }
                self.kill(child);
            }
            None => self.log(format!("there is no worker {worker_id}; nothing to kill")),
        }
    }

    /// TSTP, or an operator: workers accept, or not.
    pub(super) fn pause(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        self.paused = !self.paused;
        let on = !self.paused;
        self.log(if on { "accepting again" } else { "paused: workers do not accept" });
        // Who starts was told what held when it was asked for; it hears this before it accepts.
        let told: Vec<ChildId> = self.workers(Stage::Starting).chain(self.workers(Stage::Ready)).collect();
        self.out.extend(told.into_iter().map(|child| Action::Accept { child, on }));
    }
}
