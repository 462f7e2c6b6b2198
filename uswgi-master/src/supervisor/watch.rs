//! Whether a new generation lives (`reload-watch`), and how one that does not is taken back.
//!
//! With it a reload is not over when every new worker accepts but that time later; until then the configuration and the
//! template of before stay in force beside the new ones. Two workers that die in it are a crash loop: the workers of before
//! come back as forks of the application that was never gone. It must never retire a new worker before that.

use super::child::{ChildId, Stage};
use super::machine::Supervisor;
use std::time::Instant;
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

impl Supervisor {
    /// Every new worker accepts: whether they have been watched for long enough too.
    pub(super) fn watched_enough(&mut self) -> bool {
        let (now, wish) = (self.now, self.wish());
        let Some(reload) = self.reload.as_mut() else { return true };
        let Some(next) = reload.next.as_ref() else { return true };
        let time = next.plan.reload_watch;
        if time.is_zero() || wish == 0 || next.plan.lazy || self.current.plan.lazy {
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

    /// A worker has died soon after it accepted.
    pub(super) fn died_watched(&mut self, generation: u64, what: String) {
        let Some(reload) = self.reload.as_mut() else { return };
        let Some(next) = reload.next.as_ref().filter(|n| n.number == generation) else { return };
        if next.plan.reload_watch.is_zero() || next.plan.lazy || self.current.plan.lazy {
            return;
        }
        reload.watch.deaths += 1;
        let deaths = reload.watch.deaths;
        if deaths >= DEATHS {
            let reason =
                format!("{deaths} workers of generation {generation} died (reload-watch); the last: {what}");
            self.reload_failed(Outcome::TakenBack, reason);
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
