//! Limits of a worker's life: requests, age, deadlines of its own. It must never end the worker: the master replaces it.

use super::Engine;
use std::sync::atomic::Ordering;
use uswgi_proto::control::ToMaster;
use uswgi_proto::scoreboard::Restart;

impl Engine {
    /// Count a request; ask for a successor when a limit is reached.
    pub fn count_request(&self, now_us: u64) {
        let limit = self.settings.recycling.max_requests;
        if limit == 0 {
            return;
        }
        let n = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let lived = now_us.saturating_sub(self.started_us) / 1_000_000;
        if n >= limit && lived >= u64::from(self.settings.recycling.min_worker_lifetime) {
            self.ask_replacement(Restart::MaxRequests);
        }
    }

    /// Ask the master for a successor, once. That a thread is lost is said in any case: the master then knows that this
    /// worker watches its requests.
    pub fn ask_replacement(&self, reason: Restart) {
        let asked = self.replace_asked.swap(true, Ordering::AcqRel);
        if (!asked || reason == Restart::Harakiri)
            && let Some(control) = &self.control
        {
            control.send(&ToMaster::Replace { reason });
        }
    }

    /// Whether requests may have deadlines.
    pub fn has_deadlines(&self) -> bool {
        self.settings.harakiri.seconds > 0 || self.own_deadlines.load(Ordering::Relaxed)
    }

    /// Whether options give requests deadlines, by rules or for all.
    pub fn sets_deadlines(&self) -> bool {
        self.settings.harakiri.seconds > 0 || self.routing.as_ref().is_some_and(|r| r.table.sets_deadlines())
    }

    /// A request has changed its deadline: the native thread looks when it is.
    pub fn deadline_changed(&self) {
        self.own_deadlines.store(true, Ordering::SeqCst);
        self.jobs_wake.set();
    }

    /// Seconds since this worker began to serve.
    pub fn lived(&self, now_us: u64) -> u64 {
        now_us.saturating_sub(self.started_us) / 1_000_000
    }
}
