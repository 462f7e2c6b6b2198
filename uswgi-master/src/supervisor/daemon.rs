//! One daemon: where it stands, its group while it runs, and the pause before it starts again.

use super::order::{DaemonId, Program, ProgramOrder};
use super::smart::Smart;
use std::time::{Duration, Instant};
use uswgi_conf::tasks::Daemon;
use uswgi_keep::group::{DueSignal, Group};

/// Who lives this long has not died at once.
const LIVED: Duration = Duration::from_secs(3);
/// Longest pause where the configuration names none.
const MOST: u32 = 300;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DaemonState {
    /// To be started then.
    Waiting(Instant),
    /// Asked for.
    Starting,
    /// Runs.
    Running(Group),
    /// Known by its pidfile.
    Smart(Smart),
    /// On its way out; `back`: its end was its own, and it is started again.
    Leaving { group: Group, back: bool },
}

#[derive(Debug, Clone)]
pub(super) struct DaemonEntry {
    pub(super) spec: Daemon,
    pub(super) state: DaemonState,
    /// When it was started last.
    pub(super) started: Option<Instant>,
    /// Starts in a row that did not live.
    quick: u32,
    /// Its file was touched: its end is no death.
    pub(super) touched: bool,
    /// A signal for a smart daemon, as soon as its pidfile says who it is now.
    pub(super) to_tell: Option<i32>,
}

impl DaemonEntry {
    /// One that is to be started, or may run already where it is known by its pidfile.
    pub(super) fn new(spec: Daemon, now: Instant) -> DaemonEntry {
        let state = match spec.pidfile {
            Some(_) => DaemonState::Smart(Smart::unknown(now)),
            None => DaemonState::Waiting(now),
        };
        DaemonEntry { spec, state, started: None, quick: 0, touched: false, to_tell: None }
    }

    /// Its group, while it runs or is on its way out; a smart one has none that is known.
    pub(super) fn group(&self) -> Option<&Group> {
        match &self.state {
            DaemonState::Running(group) | DaemonState::Leaving { group, .. } => Some(group),
            DaemonState::Waiting(_) | DaemonState::Starting | DaemonState::Smart(_) => None,
        }
    }

    /// Its pid, while it runs.
    pub(super) fn pid(&self) -> Option<i32> {
        match &self.state {
            DaemonState::Smart(smart) => smart.pid(),
            _ => self.group()?.leader(),
        }
    }

    /// It runs.
    pub(super) fn started(&mut self, pid: i32, now: Instant) {
        self.state = match self.spec.pidfile {
            None => DaemonState::Running(Group::led_by(pid)),
            Some(_) => DaemonState::Smart(Smart::started(pid, self.spec.daemonize, now)),
        };
    }

    /// It is started again, after a pause if it did not live; in seconds.
    pub(super) fn again(&mut self, now: Instant) -> u32 {
        let lived = self.started.is_none_or(|s| now.saturating_duration_since(s) > LIVED);
        let wanted = std::mem::take(&mut self.touched);
        self.quick = if lived || wanted { 0 } else { self.quick.saturating_add(1) };
        let most = if self.spec.max_throttle == 0 { MOST } else { self.spec.max_throttle };
        let pause = self.quick.min(most);
        self.state = DaemonState::Waiting(now + Duration::from_secs(pause.into()));
        pause
    }

    /// When [`DaemonEntry::due`] has something.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            DaemonState::Waiting(at) => Some(*at),
            DaemonState::Smart(smart) => Some(smart.look_at()),
            DaemonState::Running(group) | DaemonState::Leaving { group, .. } => group.deadline(),
            DaemonState::Starting => None,
        }
    }

    /// What is due now: its start, a look at its pidfile, a signal.
    pub(super) fn due(&mut self, id: DaemonId, now: Instant, out: &mut Vec<ProgramOrder>) {
        match &mut self.state {
            DaemonState::Waiting(at) if *at <= now => {
                self.started = Some(now);
                self.state = DaemonState::Starting;
                out.push(ProgramOrder::Start(Program::Daemon(id)));
            }
            DaemonState::Smart(smart) => out.extend(smart.take_look(now).then_some(ProgramOrder::Look(id))),
            DaemonState::Running(group) | DaemonState::Leaving { group, .. } => {
                let (Some(due), Some(pid)) = (group.due(now), group.number()) else { return };
                if due == DueSignal::Kill {
                    let rest = group.headless().map_or("", |_| "the rest of the group of ");
                    let line =
                        format!("{rest}daemon {:?} (pid {pid}) did not end: killed", self.spec.command);
                    out.push(ProgramOrder::Log(line));
                }
                out.push(ProgramOrder::Signal(pid, due.signal()));
            }
            DaemonState::Waiting(_) | DaemonState::Starting => {}
        }
    }
}
