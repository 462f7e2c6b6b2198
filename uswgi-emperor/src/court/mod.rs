//! Every decision of the Emperor, as a pure state machine: (vassals, event, now) -> actions.
//!
//! * here: what happens to all of them, and who may start.
//! * `instances`: what becomes of their instances.
//! * `vassal`: one of them.
//!
//! A touched vassal reloads by itself, in place: it is told by HUP, and what does not load changes nothing there. One that failed is
//! waited for by itself, and a touch tries at once; nobody waits for another one but for a place among those that start. It must never
//! know a descriptor, nor signal a process that is not a vassal's.
#![forbid(unsafe_code)]

mod instances;
mod vassal;

#[cfg(test)]
mod tests;

pub use vassal::{Stage, Times, Vassal};

use crate::files::Found;
use crate::name::shown;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a vassal that starts keeps others from it.
const START_HOLD: Duration = Duration::from_secs(30);

/// What the configuration says about all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CourtRules {
    /// Vassals that start at a time, at least 1.
    pub concurrency: usize,
    /// Wait after the first failure.
    pub throttle: Duration,
    /// Longest wait.
    pub max_throttle: Duration,
    /// In which time a vassal that has said that it lives has to say so again.
    pub heartbeat: Duration,
}

/// The time, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For waits.
    pub at: Instant,
    /// Seconds since the epoch, for people.
    pub wall: i64,
}

/// What an instance shows of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// It serves, be it while it reloads.
    pub serves: bool,
    /// A reload is under way.
    pub reloads: bool,
    /// Reloads that have ended.
    pub done: u64,
    /// Whether the last one has replaced what serves.
    pub well: bool,
    /// Why it did not.
    pub reason: String,
}

/// What happens.
#[derive(Debug)]
pub enum Event {
    /// A file counts from now on; its vassal may run already, with this pid.
    Added(Box<Found>, Option<i32>),
    /// A file was touched.
    Touched(Box<Found>),
    /// A file is gone.
    Removed(OsString),
    /// A start that was asked for has happened.
    Started(OsString, i32),
    /// It could not be tried.
    Unstarted(OsString, String),
    /// An instance shows this.
    Seen(i32, Seen),
    /// A vassal has said that it lives.
    Heartbeat(i32),
    /// Somebody has connected to the socket of a vassal that sleeps.
    Called(OsString),
    /// A process has ended; how, for people, and whether with exit code 0.
    Ended(i32, String, bool),
    /// One is to reload, as by a touch of its file.
    Reload(OsString),
    /// One is to end, and to stay so until its file is touched.
    Hold(OsString),
    /// All are to reload.
    ReloadAll,
    /// All are to end.
    Stop,
    /// Time has passed.
    Tick,
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a vassal.
    Start(OsString),
    /// Wait for somebody who connects to it.
    Listen(OsString),
    /// Nobody is waited for any more.
    Deaf(OsString),
    /// Send this signal to a vassal's instance.
    Signal(i32, i32),
    /// A vassal has ended: what runs afterwards, in its directory.
    Ended(OsString, Option<PathBuf>),
    /// A line in the log.
    Say(String),
}

/// All vassals.
#[derive(Debug)]
pub struct Court {
    rules: CourtRules,
    all: BTreeMap<OsString, Vassal>,
    /// Who waits for a place, first come first.
    queue: Vec<OsString>,
    stopping: bool,
}

impl Court {
    /// Without vassals.
    pub fn new(rules: CourtRules) -> Court {
        Court { rules, all: BTreeMap::new(), queue: Vec::new(), stopping: false }
    }

    /// Others hold from now on.
    pub fn set_rules(&mut self, rules: CourtRules) {
        self.rules = rules;
    }

    /// The vassals, by name.
    pub fn vassals(&self) -> &BTreeMap<OsString, Vassal> {
        &self.all
    }

    /// The vassal of this name.
    pub fn get(&self, id: &OsString) -> Option<&Vassal> {
        self.all.get(id)
    }

    /// Whether everybody has ended who was to.
    pub fn is_gone(&self) -> bool {
        self.stopping && self.all.is_empty()
    }

    /// Whether all are to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Pids of instances whose state is about to change: those are worth a look.
    pub fn changing(&self) -> Vec<i32> {
        let changing =
            |v: &&Vassal| v.asked || matches!(v.stage, Stage::Starting(_) | Stage::Reloading { .. });
        self.all.values().filter(changing).filter_map(|v| v.pid).collect()
    }

    /// When [`Event::Tick`] is wanted.
    pub fn deadline(&self) -> Option<Instant> {
        let waits = self.all.values().filter_map(|v| match v.stage {
            Stage::Waiting(until) => Some(until),
            Stage::Starting(since) if !self.queue.is_empty() => Some(since + START_HOLD),
            _ => None,
        });
        let beats = self.all.values().filter_map(|v| Some(v.beat? + self.rules.heartbeat));
        waits.chain(beats).min()
    }

    /// What follows from an event.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Added(found, pid) => self.added(*found, pid, now, &mut out),
            Event::Touched(found) => self.touched(*found, &mut out),
            Event::Removed(id) => self.removed(&id, &mut out),
            Event::Started(id, pid) => self.started(&id, pid, now),
            Event::Unstarted(id, why) => self.failed(&id, &why, None, now, &mut out),
            Event::Seen(pid, seen) => self.seen(pid, seen, now, &mut out),
            Event::Heartbeat(pid) => {
                if let Some(v) = self.by_pid(pid) {
                    v.times.heartbeat = now.wall;
                    v.beat = Some(now.at);
                }
            }
            Event::Called(id) => self.called(&id),
            Event::Ended(pid, how, well) => self.ended(pid, &how, well, now, &mut out),
            Event::Reload(id) => self.again(&id, &mut out),
            Event::Hold(id) => self.hold(&id, &mut out),
            Event::ReloadAll => self.reload_all(&mut out),
            Event::Stop => self.stop(&mut out),
            Event::Tick => self.expire(now, &mut out),
        }
        self.fill(now, &mut out);
        out
    }

    fn by_pid(&mut self, pid: i32) -> Option<&mut Vassal> {
        self.all.values_mut().find(|v| v.pid == Some(pid))
    }

    fn added(&mut self, found: Found, pid: Option<i32>, now: Now, out: &mut Vec<Action>) {
        let id = found.id.clone();
        if let Some(v) = self.all.get_mut(&id) {
            // It was removed and leaves still: it starts again when it has gone.
            v.file = found;
            if matches!(v.stage, Stage::Stopping { .. }) {
                (v.stage, v.held) = (Stage::Stopping { again: true }, false);
            }
            return;
        }
        let mut v = Vassal::new(found, self.rules.throttle, self.rules.max_throttle, now);
        if let Some(pid) = pid {
            out.push(Action::Say(format!(
                "vassal {} runs already (pid {pid}): it is taken over",
                shown(&id)
            )));
            (v.stage, v.pid) = (Stage::Serving(now.at), Some(pid));
            v.times.ready = now.wall;
            v.times.last_run = now.wall;
        }
        self.all.insert(id.clone(), v);
        if pid.is_none() {
            self.enter(&id, out);
        }
    }

    /// One that does not run is to: at once, when somebody connects, or not at all.
    fn enter(&mut self, id: &OsString, out: &mut Vec<Action>) {
        let Some(v) = self.all.get_mut(id) else { return };
        if let Some(why) = v.file.refusal.clone() {
            v.stage = Stage::Refused;
            out.push(Action::Say(format!("vassal {} does not start: {why}", shown(id))));
            v.problem = why;
        } else if v.file.demand.is_some() {
            v.stage = Stage::Asleep;
            out.push(Action::Listen(id.clone()));
        } else {
            v.stage = Stage::Queued;
            self.queue.push(id.clone());
        }
    }

    fn called(&mut self, id: &OsString) {
        let Some(v) = self.all.get_mut(id).filter(|v| v.stage == Stage::Asleep) else { return };
        v.stage = Stage::Queued;
        self.queue.push(id.clone());
    }

    fn touched(&mut self, found: Found, out: &mut Vec<Action>) {
        let id = found.id.clone();
        let Some(v) = self.all.get_mut(&id) else { return };
        let before = std::mem::replace(&mut v.file, found);
        let who = |file: &Found| file.owner.map(|o| (o.uid, o.gid));
        match v.stage {
            Stage::Asleep | Stage::Refused | Stage::Stopped => {
                if before.demand != v.file.demand && before.demand.is_some() {
                    out.push(Action::Deaf(id.clone()));
                }
                self.enter(&id, out);
            }
            // Not as another user, and not what strangers may have written.
            _ if v.file.refusal.is_some() && who(&before) == who(&v.file) => {
                v.problem = v.file.refusal.clone().unwrap_or_default();
                out.push(Action::Say(format!("vassal {} does not reload: {}", shown(&id), v.problem)));
            }
            _ if who(&before) != who(&v.file) && v.pid.is_some() => {
                out.push(Action::Say(format!("vassal {} stops: its file has another owner", shown(&id))));
                v.leave(out);
                v.stage = Stage::Stopping { again: true };
            }
            Stage::Stopping { .. } if v.held => (v.stage, v.held) = (Stage::Stopping { again: true }, false),
            _ => self.reload(&id, out),
        }
    }

    /// One is to have what its file says now.
    fn reload(&mut self, id: &OsString, out: &mut Vec<Action>) {
        let Some(v) = self.all.get_mut(id) else { return };
        match (v.stage, v.pid) {
            (Stage::Serving(_) | Stage::Reloading { .. }, Some(pid)) => {
                v.asked = true;
                out.push(Action::Signal(pid, libc::SIGHUP));
                out.push(Action::Say(format!("vassal {} reloads", shown(id))));
            }
            // It may have read the old file: it reloads once it serves, or is tried at once when it does not.
            (Stage::Starting(_), _) => v.again = true,
            (Stage::Waiting(_), _) => self.enter(id, out),
            _ => {}
        }
    }

    /// As a touch of its file that has changed nothing.
    fn again(&mut self, id: &OsString, out: &mut Vec<Action>) {
        match self.all.get(id).map(|v| v.stage) {
            Some(Stage::Refused | Stage::Stopped) => self.enter(id, out),
            _ => self.reload(id, out),
        }
    }

    /// One stops, although its file is there.
    fn hold(&mut self, id: &OsString, out: &mut Vec<Action>) {
        let Some(v) = self.all.get_mut(id) else { return };
        if v.file.demand.is_some() {
            out.push(Action::Deaf(id.clone()));
        }
        if v.leave(out) {
            v.held = true;
        } else {
            v.stage = Stage::Stopped;
            self.queue.retain(|queued| queued != id);
        }
    }

    fn reload_all(&mut self, out: &mut Vec<Action>) {
        let ids: Vec<OsString> = self.all.keys().cloned().collect();
        ids.iter().for_each(|id| self.reload(id, out));
    }

    fn removed(&mut self, id: &OsString, out: &mut Vec<Action>) {
        let Some(v) = self.all.get_mut(id) else { return };
        if v.file.demand.is_some() {
            out.push(Action::Deaf(id.clone()));
        }
        v.held = false;
        if !v.leave(out) {
            self.forget(id);
            out.push(Action::Say(format!("vassal {}: its file is gone", shown(id))));
            return;
        }
        out.push(Action::Say(format!("vassal {}: its file is gone, it stops gracefully", shown(id))));
    }

    fn stop(&mut self, out: &mut Vec<Action>) {
        self.stopping = true;
        self.queue.clear();
        for (id, v) in &self.all {
            if v.file.demand.is_some() {
                out.push(Action::Deaf(id.clone()));
            }
        }
        self.all.retain(|_, v| v.leave(out));
    }

    fn forget(&mut self, id: &OsString) {
        self.all.remove(id);
        self.queue.retain(|queued| queued != id);
    }

    /// Who waits long enough comes into the queue, and who is next starts where there is room.
    fn fill(&mut self, now: Now, out: &mut Vec<Action>) {
        let over =
            |(_, v): &(&OsString, &Vassal)| matches!(v.stage, Stage::Waiting(until) if until <= now.at);
        let over: Vec<OsString> = self.all.iter().filter(over).map(|(id, _)| id.clone()).collect();
        over.iter().for_each(|id| self.enter(id, out));
        let holds = |v: &&Vassal| matches!(v.stage, Stage::Starting(since) if now.at < since + START_HOLD);
        let busy = self.all.values().filter(holds).count();
        let room = self.rules.concurrency.saturating_sub(busy).min(self.queue.len());
        for id in self.queue.drain(..room) {
            let Some(v) = self.all.get_mut(&id) else { continue };
            v.stage = Stage::Starting(now.at);
            if v.times.first_run == 0 {
                v.times.first_run = now.wall;
            }
            out.push(Action::Start(id));
        }
    }
}
