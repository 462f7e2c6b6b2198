//! What is due now, and when something is due next. It must never name a moment that has passed: the
//! event loop would spin.

use super::child::{ChildId, ProcessKind, Stage};
use super::machine::Supervisor;
use std::time::{Duration, Instant};

impl Supervisor {
    /// When [`super::Event::Tick`] is wanted; None: not before something else happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        let children = self.children.values().flat_map(|c| [c.kill_at, c.replace_at]);
        let seats = self.seats.iter().map(|s| s.backoff.until());
        let templates = [Some(&self.current), self.reload.as_ref().and_then(|r| r.next.as_ref())];
        let templates = templates.into_iter().flatten().map(|g| g.template_backoff.until());
        let leave = [
            self.leaves.map(|leave| leave.until),
            self.reload.as_ref().and_then(|r| r.watch.until),
            self.previous.as_ref().map(|p| p.until),
        ];
        let aides = self.aides.values().map(|r| r.backoff.until());
        let signals = [self.current.signals.next_deadline()].into_iter();
        let rest = templates.chain(leave).chain(aides).chain(signals);
        children.chain(seats).chain(rest).flatten().filter(|&at| at > self.now).min()
    }

    /// Everything that is due.
    pub(super) fn expire(&mut self) {
        self.leave_when_due();
        self.previous_is_due();
        self.signals_due();
        let now = self.now;
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let old: Vec<ChildId> =
            self.children.iter().filter(|(_, c)| due(c.replace_at)).map(|(&id, _)| id).collect();
        for child in old {
            self.too_old(child);
        }
        let late: Vec<ChildId> =
            self.children.iter().filter(|(_, c)| due(c.kill_at)).map(|(&id, _)| id).collect();
        for child in late {
            self.too_late(child);
        }
    }

    /// The end of a control socket.
    pub(super) fn closed(&mut self, child: ChildId) {
        let Some(c) = self.children.get_mut(&child) else { return };
        if c.pid.is_none() {
            self.never_came(child, "it ended before it said hello".into());
        } else if c.stage <= Stage::Ready {
            // It ends, or it cannot be spoken to any more.
            let end = self.now + Duration::from_secs(5);
            c.kill_at = Some(c.kill_at.map_or(end, |at| at.min(end)));
        }
    }

    /// A worker has nothing to do any more, unless its application keeps it.
    pub(super) fn finished(&mut self, child: ChildId) {
        if let Some(c) = self.children.get_mut(&child) {
            c.finished = true;
        }
        self.prefer(child, true);
    }

    /// A template did not answer: it is replaced, as one that died.
    fn template_hangs(&mut self, generation: u64) {
        let hung = self.children.iter().find(|(_, c)| {
            c.generation == generation && c.kind == ProcessKind::Template && c.stage == Stage::Ready
        });
        if let Some((&template, c)) = hung {
            let line = format!("{} does not fork: killed", c.name());
            self.log(line);
            self.kill(template);
        }
    }

    fn too_late(&mut self, child: ChildId) {
        let now = self.now;
        let Some(c) = self.children.get_mut(&child) else { return };
        let took = now.saturating_duration_since(c.started).as_secs();
        let line = match (c.stage, c.kind) {
            (Stage::Killed, _) => format!("{} does not end after SIGKILL; it is left behind", c.name()),
            (Stage::Starting, _) if c.load_failed.is_some() => {
                format!("{} did not end after its load failed: killed", c.name())
            }
            (Stage::Starting, _) => format!("{} was not ready after {took} s: killed", c.name()),
            (Stage::Ready, _) => format!("{} closed its control socket but did not end: killed", c.name()),
            (Stage::Retiring, ProcessKind::Worker(_)) if c.finished => format!(
                "{} has answered its requests, but its application did not end within the mercy (a thread that is no daemon, atexit): killed",
                c.name()
            ),
            (Stage::Retiring, ProcessKind::Worker(_)) => {
                format!("{} did not finish its requests within the mercy: killed", c.name())
            }
            (Stage::Retiring, ProcessKind::Aide(_)) => {
                format!("{} did not finish what it had within the mercy: killed", c.name())
            }
            (Stage::Retiring, ProcessKind::Template) => format!("{} did not end: killed", c.name()),
        };
        if c.stage == Stage::Starting && c.load_failed.is_none() {
            c.load_failed = Some(line.clone());
        }
        let killed = c.stage == Stage::Killed;
        self.log(line);
        if killed {
            self.forget(child);
        } else {
            let failed = self.children.get(&child).and_then(|c| c.pid.is_none().then(|| c.clone()));
            self.kill(child);
            // One without a pid is gone for us now, and that has consequences.
            if let Some(gone) = failed {
                self.template_hangs(gone.generation);
                self.came_to_nothing(child, gone, "it never said hello".into());
            }
        }
    }
}
