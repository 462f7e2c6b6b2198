//! Empty seats are filled at once; workers that are to be replaced get a successor, a reload's as many at once as there is room for.
//!
//! It must never retire a worker before its successor accepts, nor start a successor beyond the surplus.

use super::action::Action;
use super::child::{Child, ChildId, FORK_TIMEOUT, Fault, NO_MERCY, ProcessKind, Seat, Stage};
use super::generation::Generation;
use super::machine::{Phase, Supervisor};
use super::seat::TRIES;
use uswgi_keep::backoff::PROVEN;
use uswgi_keep::reap::Ended;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::Restart;

/// Forks that a template is asked for before the first of them has said hello: its socket holds more.
const FORKS_AT_A_TIME: usize = 32;

impl Supervisor {
    /// The generation from which workers are started now.
    pub(super) fn target(&self) -> &Generation {
        match &self.reload {
            Some(reload) if reload.replacing => reload.next.as_ref().unwrap_or(&self.current),
            _ => &self.current,
        }
    }

    pub(super) fn target_mut(&mut self) -> &mut Generation {
        match &mut self.reload {
            Some(reload) if reload.replacing => reload.next.as_mut().unwrap_or(&mut self.current),
            _ => &mut self.current,
        }
    }

    /// Bring what is towards what is wanted. Called after every event.
    pub(super) fn reconcile(&mut self) {
        match self.phase {
            Phase::Stopping { exit, .. } => return self.leave_when_empty(exit),
            Phase::Over => return,
            Phase::Starting | Phase::Running => {}
        }
        self.fit_seats();
        for worker_id in self.wanted() {
            let empty = self.at(worker_id).next().is_none() && !self.held(worker_id);
            if empty && self.may_start(worker_id) && !self.crowded() {
                self.start_worker(worker_id);
            }
        }
        if self.exclusive() {
            self.replace_in_place()
        } else {
            self.replace_some()
        }
        self.reconcile_aides();
        self.started();
        self.finish_reload();
    }

    /// Starters and the incumbent of a seat.
    pub(super) fn at(&self, worker_id: u32) -> impl Iterator<Item = (ChildId, &Child)> + '_ {
        let of_seat = move |c: &Child| {
            c.worker_id() == Some(worker_id) && matches!(c.stage, Stage::Starting | Stage::Ready)
        };
        self.children.iter().filter(move |(_, c)| of_seat(c)).map(|(&id, c)| (id, c))
    }

    pub(super) fn may_start(&self, worker_id: u32) -> bool {
        self.seats.get(worker_id as usize - 1).is_none_or(|s| s.backoff.over(self.now))
    }

    /// Workers that were asked for and have not said hello.
    fn unanswered(&self) -> usize {
        self.workers(Stage::Starting).filter(|id| self.children[id].pid.is_none()).count()
    }

    /// An empty seat is filled at once, whatever drains; only starters that failed and are on their
    /// way out, soon, are waited for where the room is used up.
    fn crowded(&self) -> bool {
        let (alive, most) = self.room();
        let failed = |c: &Child| c.is_worker() && c.stage >= Stage::Retiring && c.ready.is_none();
        alive >= most && self.children.values().any(failed)
    }

    /// One successor after another, until one of the generation to come accepts; what it is forked from is proven then,
    /// and others come as many at once as there is room for. One that has to import the application comes alone.
    fn replace_some(&mut self) {
        let number = self.target().number;
        let renewing = self.reload.as_ref().is_some_and(|r| r.replacing);
        let accepts = |c: &Child| c.is_worker() && c.stage == Stage::Ready && c.generation == number;
        let many = renewing && !self.target().plan.lazy && self.children.values().any(accepts);
        while self.replace_one(number, renewing, many) && many {}
    }

    /// Whether a successor was asked for. `many`: not only where no other one is under way.
    fn replace_one(&mut self, number: u64, renewing: bool, many: bool) -> bool {
        let wanted = self.wanted();
        let (alive, most) = self.room();
        // A seat that is empty for now (back-off, no template) will be filled: it counts.
        let empty = wanted.iter().filter(|&&id| self.at(id).next().is_none()).count();
        if alive + empty >= most {
            return false;
        }
        let has = |id, stage| self.at(id).any(|(_, c)| c.stage == stage);
        let mut next = None;
        for worker_id in wanted {
            if !has(worker_id, Stage::Ready) {
                continue;
            }
            if has(worker_id, Stage::Starting) {
                if many {
                    continue;
                }
                return false;
            }
            let renewed = renewing && self.is_renewed(worker_id);
            let old = |c: &Child| c.replace.is_some() || (renewed && c.generation != number);
            if next.is_none() && self.at(worker_id).any(|(_, c)| old(c)) && self.may_start(worker_id) {
                next = Some(worker_id);
            }
        }
        let before = self.children.len();
        if let Some(worker_id) = next {
            self.start_worker(worker_id);
        }
        self.children.len() > before
    }

    /// Whether there is what a worker of this number comes from. A template that is missing is started.
    pub(super) fn has_source(&mut self, worker_id: u32) -> bool {
        let target = self.source_of(worker_id);
        match target.template {
            _ if target.plan.lazy => true,
            None => {
                self.start_template_of(target.number);
                false
            }
            Some(t) if self.children.get(&t).is_none_or(|t| t.stage != Stage::Ready) => false,
            Some(_) => self.unanswered() < FORKS_AT_A_TIME,
        }
    }

    fn start_worker(&mut self, worker_id: u32) {
        if !self.has_source(worker_id) {
            return;
        }
        let target = self.source_of(worker_id);
        let (generation, lazy, template) = (target.number, target.plan.lazy, target.template);
        let (max_requests, delta) = (target.plan.max_requests, target.plan.max_requests_delta);
        // The capacity covers twice the workers, and a reload that needs more is refused; drainers of
        // several reloads in a row could still use it up, and then the seat waits for one to end.
        let taken = |slot| self.children.values().any(|c| c.slot() == Some(slot));
        let Some(slot) = (0..self.slots).find(|&slot| !taken(slot)) else { return };
        let max_requests =
            if max_requests == 0 { 0 } else { max_requests.saturating_add(self.jitter(delta)) };
        let asked = self.at(worker_id).find_map(|(_, c)| c.replace);
        let incumbent = self.at(worker_id).next().is_some();
        let record = &mut self.seats[worker_id as usize - 1];
        let (why, end) = match (record.ended.take(), incumbent) {
            (_, true) => (asked.unwrap_or(Restart::Reload), 0),
            (Some(ended), false) => ended,
            (None, false) => (Restart::None, 0),
        };
        let respawns = record.starts;
        record.starts += 1;
        let seat = Seat { slot, worker_id };
        let birth = self.bear(ProcessKind::Worker(seat), generation, respawns, max_requests);
        match template.filter(|_| !lazy) {
            Some(template) => {
                // Nothing is loaded any more: a template that does not answer soon hangs.
                let end = self.now + FORK_TIMEOUT;
                let no_app = self.children.get(&template).is_some_and(|t| t.no_app);
                self.children.entry(birth.child).and_modify(|c| {
                    (c.forked, c.kill_at, c.no_app) = (true, Some(end), no_app);
                });
                self.out.push(Action::Fork { template, birth });
            }
            None => self.out.push(Action::Launch(birth)),
        }
        if why != Restart::None {
            self.out.push(Action::Restarted { seat, why, end });
        }
    }

    /// Start the template of the generation that workers come from now.
    pub(super) fn start_template(&mut self) {
        self.start_template_of(self.target().number);
    }

    /// Start the template of this one: that one, or the one in force.
    fn start_template_of(&mut self, generation: u64) {
        let now = self.now;
        let of = if self.target().number == generation { self.target_mut() } else { &mut self.current };
        if !of.template_backoff.over(now) {
            return;
        }
        let birth = self.bear(ProcessKind::Template, generation, 0, 0);
        let of = if self.target().number == generation { self.target_mut() } else { &mut self.current };
        of.template = Some(birth.child);
        self.out.push(Action::Launch(birth));
    }

    /// A template has the app, or a worker accepts.
    pub(super) fn ready(&mut self, child: ChildId) {
        let now = self.now;
        let Some(c) = self.children.get_mut(&child) else { return };
        if c.stage != Stage::Starting {
            return;
        }
        c.stage = Stage::Ready;
        c.ready = Some(now);
        c.kill_at = None;
        let kind = c.kind;
        self.note_app(child);
        match kind {
            ProcessKind::Template => {
                self.out.push(Action::HandOn { template: child });
                self.template_ready(child);
            }
            ProcessKind::Worker(seat) => {
                self.prefer(child, false);
                self.worker_ready(child, seat.worker_id);
            }
            ProcessKind::Aide(_) => self.prefer(child, false),
        }
    }

    /// It accepts: whoever had its number before retires.
    fn worker_ready(&mut self, child: ChildId, worker_id: u32) {
        let now = self.now;
        let plan = self.plan_of(child);
        let lifetime = plan.max_lifetime.map(|l| l + plan.max_lifetime_delta * (worker_id - 1));
        if let Some(c) = self.children.get_mut(&child) {
            c.replace_at = lifetime.map(|l| now + l);
        }
        let others: Vec<ChildId> = self.at(worker_id).map(|(id, _)| id).filter(|&id| id != child).collect();
        for other in others {
            self.retire(other, true);
        }
        if !self.paused && self.missed_a_look(child) {
            self.out.push(Action::Accept { child, on: true });
        }
    }

    /// Who serves nobody yet, or no more, goes before those that do: a reload waits for it.
    pub(super) fn prefer(&mut self, child: ChildId, on: bool) {
        if self.children.get(&child).is_some_and(|c| c.kind != ProcessKind::Template) {
            self.out.push(Action::Prefer { child, on });
        }
    }

    /// Every worker that is wanted accepts for the first time.
    fn started(&mut self) {
        let wanted = self.wanted();
        let loaded = |t: ChildId| self.children.get(&t).is_some_and(|t| t.stage == Stage::Ready);
        let template = self.current.template;
        if self.phase == Phase::Starting && self.asleep() && !template.is_some_and(loaded) {
            // Nobody asks for a worker yet; the app is loaded all the same.
            if template.is_none() {
                self.start_template();
            }
            return;
        }
        if self.phase == Phase::Starting
            && wanted.len() == self.wish() as usize
            && wanted.iter().all(|&id| self.at(id).any(|(_, c)| c.stage == Stage::Ready))
        {
            self.phase = Phase::Running;
            self.end_probe();
            self.out.push(Action::Serving);
            self.next_reload();
        }
    }

    fn plan_of(&self, child: ChildId) -> &super::Plan {
        let number = self.children.get(&child).map(|c| c.generation);
        match self.reload.as_ref().and_then(|r| r.next.as_ref()) {
            Some(next) if Some(next.number) == number => &next.plan,
            _ => &self.current.plan,
        }
    }

    /// Tell a worker to leave. One that has no pid yet is left to notice that nobody wants it.
    pub(super) fn retire(&mut self, child: ChildId, hand_over: bool) {
        let plan = self.newest_plan();
        let (mercy, aide_mercy) = (plan.mercy, plan.aide_mercy);
        let now = self.now;
        let Some(c) = self.children.get_mut(&child) else { return };
        if c.pid.is_none() {
            if !self.waits_for(child, None) {
                self.out.push(Action::CloseControl { child });
                self.forget(child);
            }
            return;
        }
        let mercy = if c.aide().is_some() { aide_mercy } else { mercy };
        c.stage = Stage::Retiring;
        c.asked = true;
        c.kill_at = Some(now + if c.no_mercy { mercy.min(NO_MERCY) } else { mercy });
        self.out.push(Action::Retire { child, hand_over });
    }

    /// A worker is gone, or never came.
    pub(super) fn worker_ended(&mut self, gone: Child, what: &str, how: Option<Ended>) {
        if gone.asked || matches!(self.phase, Phase::Stopping { .. }) {
            return;
        }
        self.out.push(Action::CountDeath);
        let now = self.now;
        let served = gone.ready.map(|ready| now.saturating_duration_since(ready));
        let Some(seat) = gone.worker_id().and_then(|id| self.seats.get_mut(id as usize - 1)) else { return };
        let failed = how.and_then(Ended::exit).filter(|e| matches!(e, Exit::AppFailed | Exit::NoInterpreter));
        let failed_app = gone.load_failed.is_some() || failed.is_some();
        seat.ended = Some(match how {
            Some(Ended::Signal(n)) => (Restart::Signal, -n),
            _ if failed_app => (Restart::LoadFailed, 0),
            Some(Ended::Code(n)) => (Restart::Exited, n),
            None => (Restart::None, 0),
        });
        let wait = seat.backoff.ended(served, now).as_secs();
        let failures = seat.backoff.failures();
        let next = if wait == 0 { "a new one starts".into() } else { format!("next try in {wait} s") };
        self.log(format!("{} {what}; {next}", gone.name()));
        if let Some(served) = served {
            self.canary_death(gone.generation, &format!("{} {what}", gone.name()));
            // Whoever looks next is to see why, while it is young: later it is one of many requests, and the log has it.
            if served < PROVEN {
                let served = served.as_secs_f64();
                let text = format!("{} {what}, {served:.1} s after it was ready", gone.name());
                self.out.push(Action::Reason(text.clone()));
                self.died_watched(gone.generation, how, text);
            }
            return;
        }
        let reason = gone.load_failed.clone().unwrap_or_else(|| format!("{} {what}", gone.name()));
        if self.reload.as_ref().and_then(|r| r.next.as_ref()).is_some_and(|n| n.number == gone.generation) {
            self.reload_worker_failed(reason, failed_app, gone.fault);
        } else if self.phase == Phase::Starting {
            if failed_app || failures >= TRIES {
                self.start_failed(how, gone.load_failed.is_some() && gone.fault != Fault::Step, reason);
            }
        } else {
            self.out.push(Action::Reason(reason));
        }
    }

    /// Mark workers that are too old.
    pub(super) fn too_old(&mut self, child: ChildId) {
        if let Some(c) = self.children.get_mut(&child) {
            c.replace_at = None;
        }
        self.mark_for_replacement(child, Restart::MaxLifetime);
    }

    /// A worker that serves is to get a successor, and the log says why.
    pub(super) fn mark_for_replacement(&mut self, child: ChildId, reason: Restart) {
        let (Some(c), Some(wish)) = (self.children.get_mut(&child), reason.wish()) else { return };
        // A request that is stuck counts more than what was asked before: `stuck` leaves such a worker its mercy.
        let news = c.replace.is_none_or(|had| reason == Restart::Harakiri && had != reason);
        if c.stage != Stage::Ready || !c.is_worker() || !news {
            return;
        }
        c.replace = Some(reason);
        let line = format!("{} is to be replaced: {}", c.name(), wish);
        self.log(line);
    }
}
