//! A *smart* daemon: known by its pidfile, adopted where it lives already, and outliving the instance.
//!
//! It is often nobody's child, so what is known of it is what its pidfile says. It must never be believed dead while it may
//! still have to write that file.

use std::time::{Duration, Instant};

/// How often pidfiles are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What is known of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Smart {
    /// The process that was started, while it runs: the daemon itself or its launcher.
    launcher: Option<i32>,
    /// The process that the pidfile names.
    pid: Option<i32>,
    /// Its end was seen: it has no more time to write its pidfile.
    died: bool,
    /// When to look again.
    look_at: Instant,
}

/// What a process was that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Was {
    /// The daemon.
    Daemon,
    /// What has started it.
    Launcher,
}

/// What it means that the pidfile names no process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It has still time to write it, or was started by us and runs.
    Nothing,
    /// This process was started, runs, and has not written it in its time.
    Silent(i32),
    /// It is gone.
    Gone,
}

impl Smart {
    /// One that may run already.
    pub(super) fn unknown(now: Instant) -> Smart {
        Smart { launcher: None, pid: None, died: false, look_at: now }
    }

    /// One that was started; `itself`: this process is the daemon, and we write its pidfile.
    pub(super) fn started(pid: i32, itself: bool, now: Instant) -> Smart {
        Smart { launcher: Some(pid), pid: itself.then_some(pid), died: false, look_at: now + LOOK }
    }

    /// The daemon.
    pub(super) fn pid(&self) -> Option<i32> {
        self.pid
    }

    /// When to look at its pidfile.
    pub(super) fn look_at(&self) -> Instant {
        self.look_at
    }

    /// Whether to look at its pidfile now; it counts as done then.
    pub(super) fn take_look(&mut self, now: Instant) -> bool {
        let due = self.look_at <= now;
        if due {
            self.look_at = now + LOOK;
        }
        due
    }

    /// Somebody wants to know.
    pub(super) fn look_now(&mut self, now: Instant) {
        self.look_at = now;
    }

    /// A process was reaped that may be the daemon, its launcher, or both.
    pub(super) fn ended(&mut self, pid: i32, now: Instant) -> Option<Was> {
        let launcher = self.launcher.take_if(|l| *l == pid).map(|_| Was::Launcher);
        if self.pid.take_if(|p| *p == pid).is_none() {
            return launcher;
        }
        (self.died, self.look_at) = (true, now);
        Some(Was::Daemon)
    }

    /// Its pidfile names a living process. What is new about it, for the log; `adopted`: we have never started it.
    pub(super) fn found(&mut self, pid: i32, adopted: bool) -> Option<String> {
        self.died = false;
        match self.pid.replace(pid) {
            Some(old) if old == pid => None,
            None if adopted => Some(format!("runs already (pid {pid})")),
            None => Some(format!("is pid {pid}")),
            Some(old) => Some(format!("is pid {pid} now, no more {old}")),
        }
    }

    /// Its pidfile names none. `young`: it was started a short time ago; `itself` as for [`Smart::started`].
    pub(super) fn missing(&mut self, young: bool, itself: bool) -> Missing {
        let young = young && !self.died;
        match (self.launcher, self.pid.take()) {
            // It was there and is gone without our hearing of it, or was never there.
            (_, None) if young => Missing::Nothing,
            (Some(launched), None) => Missing::Silent(launched),
            (Some(launched), Some(_)) if itself => {
                self.pid = Some(launched);
                Missing::Nothing
            }
            _ => Missing::Gone,
        }
    }
}
