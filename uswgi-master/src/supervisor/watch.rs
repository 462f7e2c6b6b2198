//! Whether a new generation lives (`reload-watch`), and how one that does not is taken back.
//!
//! Two workers that die in that time are a crash loop: the workers of before come back as forks of the application that was
//! never gone. Where the option stands in the configuration, the reload is not over when every new worker accepts but that
//! time later; until then the configuration and the template of before stay in force beside the new ones. Where it does not
//! stand there, the reload is over at once, and what comes back is the generation that `keep-previous` has kept. Nobody has
//! asked for that one, so a worker that somebody else has killed does not count in it. It must never retire a new worker
//! before one of before serves in its place, and never take back what an operator has brought back.

use super::child::{ChildId, Stage};
use super::machine::Supervisor;
use nix::sys::signal::Signal;
use std::time::Instant;
use uswgi_keep::reap::Ended;
use uswgi_proto::scoreboard::{Outcome, Restart};

/// Workers of a new generation whose deaths are no accident any more.
const DEATHS: u32 = 2;

/// What is seen of the workers of a generation that is to come.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// When they have lived for long enough; None: not all of them accept yet.
    pub(super) until: Option<Instant>,
    deaths: u32,
}

impl Watch {
    /// Of its workers, so far.
    pub(super) fn deaths(&self) -> u32 {
        self.deaths
    }
}

/// A generation in force whose reload is over.
#[derive(Debug, Clone)]
pub(super) struct Aside {
    generation: u64,
    until: Instant,
    deaths: u32,
}

/// Nobody but an operator or the kernel ends a process so: the OOM killer too, for whatever reason of the machine's.
const BY_OTHERS: Ended = Ended::Signal(Signal::SIGKILL as i32);

impl Supervisor {
    /// Every new worker accepts: whether they have been watched for long enough too.
    pub(super) fn watched_enough(&mut self) -> bool {
        let (now, wish) = (self.now, self.wish());
        let Some(reload) = self.reload.as_mut() else { return true };
        let Some(next) = reload.next.as_ref() else { return true };
        let time = next.plan.reload_watch;
        if !next.plan.reload_waits || time.is_zero() || wish == 0 || next.plan.lazy || self.current.plan.lazy
        {
            return true;
        }
        if let Some(until) = reload.watch.until {
            return until <= now;
        }
        reload.watch.until = Some(now + time);
        let line = format!(
            "every worker of generation {} accepts; they are watched for {} s (reload-watch)",
            next.number,
            time.as_secs()
        );
        self.log(line);
        false
    }

    /// A reload is over, and the generation before sleeps: that is watched from now on.
    pub(super) fn watch_aside(&mut self, deaths: u32) {
        let plan = &self.current.plan;
        if !plan.reload_waits && !plan.reload_watch.is_zero() && self.previous.is_some() {
            let until = self.now + plan.reload_watch;
            self.aside = Some(Aside { generation: self.current.number, until, deaths });
        }
    }

    /// A worker has died soon after it accepted.
    pub(super) fn died_watched(&mut self, generation: u64, how: Option<Ended>, what: String) {
        let by_others = how == Some(BY_OTHERS);
        let deaths = if let Some(reload) = self.reload.as_mut() {
            let Some(next) = reload.next.as_ref().filter(|n| n.number == generation) else { return };
            let plan = &next.plan;
            let watched = !plan.reload_watch.is_zero() && !plan.lazy && !self.current.plan.lazy;
            if !watched || !plan.reload_waits && (by_others || reload.back.is_some()) {
                return;
            }
            reload.watch.deaths += 1;
            reload.watch.deaths
        } else {
            let now = self.now;
            let watched = |a: &&mut Aside| a.generation == generation && now <= a.until && !by_others;
            let Some(aside) = self.aside.as_mut().filter(watched) else { return };
            aside.deaths += 1;
            aside.deaths
        };
        if deaths < DEATHS {
            return;
        }
        let reason =
            format!("{deaths} workers of generation {generation} died (reload-watch); the last: {what}");
        if self.reload.is_some() {
            self.reload_failed(Outcome::TakenBack, reason);
        } else {
            self.roll_back(Some(reason));
        }
    }

    /// The workers of this generation that serve make room for those of the one in force. False: there are some, and nothing
    /// is left of what served before that they could make room for.
    pub(super) fn take_back(&mut self, generation: u64, lazy: bool) -> bool {
        let new: Vec<ChildId> =
            self.workers(Stage::Ready).filter(|id| self.children[id].generation == generation).collect();
        if new.is_empty() || lazy {
            return new.is_empty();
        }
        for child in new {
            if let Some(c) = self.children.get_mut(&child) {
                c.replace = Some(Restart::TakenBack);
            }
        }
        true
    }
}
