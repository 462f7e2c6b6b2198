//! Every decision of the Emperor, as a pure state machine: (vassals, event, now) -> actions.
//!
//! * here: what happens to all of them, and who may start.
//! * `vassal`: one of them.
//!
//! A touched vassal reloads by itself, in place: it is told by HUP, and what does not load changes nothing there. One that failed is
//! waited for by itself, and a touch tries at once; nobody waits for another one but for a place among those that start. It must never
//! know a descriptor, nor signal a process that is not a vassal's.
#![forbid(unsafe_code)]

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
pub struct Rules {
    /// Vassals that start at a time, at least 1.
    pub concurrency: usize,
    /// Wait after the first failure.
    pub throttle: Duration,
    /// Longest wait.
    pub max_throttle: Duration,
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
    /// A process has ended; how, for people.
    Ended(i32, String),
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
    rules: Rules,
    all: BTreeMap<OsString, Vassal>,
    /// Who waits for a place, first come first.
    queue: Vec<OsString>,
    stopping: bool,
}

impl Court {
    /// Without vassals.
    pub fn new(rules: Rules) -> Court {
        Court { rules, all: BTreeMap::new(), queue: Vec::new(), stopping: false }
    }

    /// Others hold from now on.
    pub fn set_rules(&mut self, rules: Rules) {
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
        waits.min()
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
                }
            }
            Event::Ended(pid, how) => self.ended(pid, &how, now, &mut out),
            Event::ReloadAll => self.reload_all(&mut out),
            Event::Stop => self.stop(&mut out),
            Event::Tick => {}
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
                v.stage = Stage::Stopping { again: true };
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
        } else {
            self.queue.push(id.clone());
        }
        self.all.insert(id, v);
    }

    fn touched(&mut self, found: Found, out: &mut Vec<Action>) {
        let id = found.id.clone();
        let Some(v) = self.all.get_mut(&id) else { return };
        v.file = found;
        self.reload(&id, out);
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
            (Stage::Waiting(_), _) => {
                v.stage = Stage::Queued;
                self.queue.push(id.clone());
            }
            _ => {}
        }
    }

    fn reload_all(&mut self, out: &mut Vec<Action>) {
        let ids: Vec<OsString> = self.all.keys().cloned().collect();
        ids.iter().for_each(|id| self.reload(id, out));
    }

    fn removed(&mut self, id: &OsString, out: &mut Vec<Action>) {
        let Some(v) = self.all.get_mut(id) else { return };
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
        self.all.retain(|_, v| v.leave(out));
    }

    fn forget(&mut self, id: &OsString) {
        self.all.remove(id);
        self.queue.retain(|queued| queued != id);
    }

    fn started(&mut self, id: &OsString, pid: i32, now: Now) {
        let Some(v) = self.all.get_mut(id) else { return };
        v.pid = Some(pid);
        v.times.last_run = now.wall;
        (v.times.ready, v.done, v.asked) = (0, None, false);
    }

    fn seen(&mut self, pid: i32, seen: Seen, now: Now, out: &mut Vec<Action>) {
        let Some((id, v)) = self.all.iter_mut().find(|(_, v)| v.pid == Some(pid)) else { return };
        let mut again = false;
        match v.stage {
            Stage::Starting(_) if seen.serves => {
                v.stage = Stage::Serving(now.at);
                v.times.ready = now.wall;
                v.done = Some(seen.done);
                v.problem.clear();
                again = std::mem::take(&mut v.again);
                out.push(Action::Say(format!("vassal {} serves (pid {pid})", shown(id))));
            }
            Stage::Serving(since) | Stage::Reloading { since } => {
                if v.done.is_some_and(|done| seen.done > done) {
                    v.asked = false;
                    v.times.ready = now.wall;
                    let said = match seen.well {
                        true => format!("vassal {} has reloaded", shown(id)),
                        false => format!(
                            "vassal {} was not reloaded and serves on as before: {}",
                            shown(id),
                            seen.reason
                        ),
                    };
                    v.problem = if seen.well { String::new() } else { seen.reason };
                    out.push(Action::Say(said));
                }
                v.done = Some(seen.done);
                v.stage = if seen.reloads { Stage::Reloading { since } } else { Stage::Serving(since) };
            }
            _ => {}
        }
        if again {
            let id = id.clone();
            self.reload(&id, out);
        }
    }

    fn ended(&mut self, pid: i32, how: &str, now: Now, out: &mut Vec<Action>) {
        let Some((id, v)) = self.all.iter_mut().find(|(_, v)| v.pid == Some(pid)) else { return };
        let id = id.clone();
        v.pid = None;
        out.push(Action::Ended(id.clone(), v.file.directory.clone()));
        match v.stage {
            Stage::Stopping { again: true } if !self.stopping => {
                v.stage = Stage::Queued;
                self.queue.push(id);
            }
            Stage::Stopping { .. } => {
                out.push(Action::Say(format!("vassal {} has stopped", shown(&id))));
                self.forget(&id);
            }
            Stage::Serving(since) | Stage::Reloading { since } => {
                let served = Some(now.at.duration_since(since));
                self.failed(&id, &format!("pid {pid} has ended ({how})"), served, now, out);
            }
            _ => self.failed(&id, &format!("it does not start ({how})"), None, now, out),
        }
    }

    /// One has ended, or did not begin: it is tried again, at once or later.
    fn failed(
        &mut self,
        id: &OsString,
        why: &str,
        served: Option<Duration>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let Some(v) = self.all.get_mut(id) else { return };
        v.problem = why.into();
        v.respawns += 1;
        let wait = v.backoff.ended(served, now.at);
        if wait.is_zero() || std::mem::take(&mut v.again) {
            v.stage = Stage::Queued;
            self.queue.push(id.clone());
            out.push(Action::Say(format!("vassal {}: {why}; it is started again", shown(id))));
            return;
        }
        v.stage = Stage::Waiting(now.at + wait);
        out.push(Action::Say(format!(
            "vassal {}: {why}; it is tried again in {:.1} s, or when its file is touched",
            shown(id),
            wait.as_secs_f64()
        )));
    }

    /// Who waits long enough comes into the queue, and who is next starts where there is room.
    fn fill(&mut self, now: Now, out: &mut Vec<Action>) {
        for (id, v) in &mut self.all {
            if matches!(v.stage, Stage::Waiting(until) if until <= now.at) {
                v.stage = Stage::Queued;
                self.queue.push(id.clone());
            }
        }
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
