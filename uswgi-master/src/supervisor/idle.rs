//! `cheap`, `idle` and an operator who sends the workers away: an instance without workers until somebody connects,
//! and again after a time in which nobody asked for anything. It must never put an instance to sleep that has a request. (One that
//! comes at this very moment is finished by its worker, as at a stop.)

use super::event::Numbers;
use super::machine::{Phase, Supervisor};

impl Supervisor {
    /// Whether the workers are gone until somebody connects.
    pub(super) fn asleep(&self) -> bool {
        self.wish() == 0
    }

    /// Whether connections at the sockets are to be told ([`super::Event::Connection`]): nobody else sees
    /// them.
    pub fn wants_connections(&self) -> bool {
        self.phase == Phase::Running && !self.paused && self.asleep() && self.on().is_empty()
    }

    /// Somebody waits at a socket.
    pub(super) fn connection(&mut self) {
        if self.wants_connections() {
            let wish = self.newest_plan().awake();
            self.set_wish(wish, false);
            self.activity.last = self.now;
            self.log(format!("a client has connected: {wish} workers start"));
        }
    }

    /// An operator wants no workers until somebody connects. Who is busy finishes what it has.
    pub(super) fn send_away(&mut self) {
        let why_not = match self.phase {
            Phase::Running if self.reload.is_some() => "a reload is under way; ask again after it",
            Phase::Running if self.asleep() => return,
            Phase::Running => {
                self.log("the operator sends the workers away until somebody connects");
                self.set_wish(0, false);
                self.wished.sent_away = true;
                return;
            }
            Phase::Starting => "the instance is still starting",
            _ => return,
        };
        self.log(format!("the workers are not sent away: {why_not}"));
    }

    /// Go to sleep when nothing has happened for long enough, wake up when something has.
    pub(super) fn watch_activity(&mut self, seen: &Numbers) {
        let active = !seen.busy.is_empty() || seen.waiting > 0 || seen.requests != self.activity.requests;
        self.activity.requests = seen.requests;
        if active || self.paused {
            self.activity.last = self.now;
        }
        let sleep = &self.current.plan.sleep;
        let quiet = self.now.saturating_duration_since(self.activity.last);
        let Some(idle) = sleep.idle.filter(|&idle| quiet >= idle && !self.asleep()) else { return };
        if self.phase != Phase::Running || self.reload.is_some() {
            return;
        }
        let idle = idle.as_secs();
        if sleep.die {
            self.log(format!("no request for {idle} s (die-on-idle)"));
            return self.stop();
        }
        self.log(format!("no request for {idle} s: the workers leave until somebody connects"));
        self.set_wish(0, false);
    }
}
