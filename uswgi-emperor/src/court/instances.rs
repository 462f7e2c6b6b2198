//! What becomes of a vassal's instance: it starts, serves, reloads, falls silent, ends.
#![forbid(unsafe_code)]

use super::{Action, Court, Now, Seen, Stage};
use crate::name::shown;
use std::ffi::OsString;
use std::time::Duration;

impl Court {
    pub(super) fn seen(&mut self, pid: i32, seen: Seen, now: Now, out: &mut Vec<Action>) {
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

    pub(super) fn ended(&mut self, pid: i32, how: &str, well: bool, now: Now, out: &mut Vec<Action>) {
        let Some((id, v)) = self.all.iter_mut().find(|(_, v)| v.pid == Some(pid)) else { return };
        let id = id.clone();
        (v.pid, v.beat) = (None, None);
        out.push(Action::Ended(id.clone(), v.file.directory.clone()));
        match v.stage {
            Stage::Stopping { again: true } if !self.stopping => {
                self.enter(&id, out);
            }
            // It has gone to sleep (die-on-idle).
            Stage::Serving(_) | Stage::Reloading { .. } if v.file.demand.is_some() && well => {
                out.push(Action::Say(format!("vassal {} waits until somebody connects", shown(&id))));
                self.enter(&id, out);
            }
            Stage::Stopping { .. } if std::mem::take(&mut v.held) && !self.stopping => {
                v.stage = Stage::Stopped;
                out.push(Action::Say(format!(
                    "vassal {} has stopped, until its file is touched",
                    shown(&id)
                )));
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
    pub(super) fn failed(
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
            self.enter(id, out);
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

    /// Who has not been heard in time is killed: its instance stands still.
    pub(super) fn expire(&mut self, now: Now, out: &mut Vec<Action>) {
        for (id, v) in &mut self.all {
            if v.beat.is_none_or(|beat| now.at < beat + self.rules.heartbeat) {
                continue;
            }
            v.beat = None;
            if let (Some(pid), true) = (v.pid, v.serves()) {
                let seconds = self.rules.heartbeat.as_secs();
                out.push(Action::Say(format!("vassal {}: no heartbeat for {seconds} s: killed", shown(id))));
                out.push(Action::Signal(pid, libc::SIGKILL));
            }
        }
    }

    pub(super) fn started(&mut self, id: &OsString, pid: i32, now: Now) {
        let Some(v) = self.all.get_mut(id) else { return };
        v.pid = Some(pid);
        v.times.last_run = now.wall;
        (v.times.ready, v.done, v.asked) = (0, None, false);
    }
}
