//! Reload: a new generation, from HUP to its outcome.
//!
//! Configuration read again -> template loads the app -> seat by seat a new worker accepts and the old
//! one retires -> commit. A failure before the first new worker changes nothing; one later leaves what
//! serves and is reported as mixed. It must never end the old generation before the new one serves.

use super::action::Action;
use super::child::{Child, ChildId, Fault, ProcessKind, Stage, last_line};
use super::generation::{Changeover, Generation, TEMPLATE_MERCY};
use super::machine::{Phase, Supervisor};
use super::plan::Plan;
use super::seat::TRIES;
use super::watch::Watch;
use super::wish::probed;
use uswgi_keep::backoff::Backoff;
use uswgi_keep::reap::Ended;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::Outcome;

impl Supervisor {
    /// HUP or its like. Any number of them during a start or a reload is one more reload after it.
    pub(super) fn ask_reload(&mut self) {
        match self.phase {
            _ if self.is_leaving() => self.log("no reload begins: the instance stops in a moment"),
            Phase::Running | Phase::Starting if self.newest_plan().exit_on_reload => {
                self.log("exit-on-reload: the instance ends in the place of a reload");
                self.stop();
            }
            Phase::Running if self.reload.is_none() => self.begin_reload(true),
            Phase::Running | Phase::Starting => self.reload_again = true,
            Phase::Stopping { .. } | Phase::Over => {}
        }
    }

    /// One begins, to a new generation or back to a kept one. Gives the number of its generation.
    pub(super) fn begin_changeover(&mut self, back: Option<Generation>) -> u64 {
        self.last_generation += 1;
        let number = self.last_generation;
        self.reload = Some(Changeover {
            started: self.now,
            number,
            next: None,
            replacing: false,
            wish: 0,
            failures: 0,
            watch: Watch::default(),
            canary: None,
            back,
            taken_back: None,
        });
        self.aside = None;
        self.out.push(Action::ReloadStarted);
        number
    }

    /// `read`: the configuration is read again; otherwise the one in force stays.
    pub(super) fn begin_reload(&mut self, read: bool) {
        let number = self.begin_changeover(None);
        if read {
            self.log(format!("reload: reading the configuration for generation {number}"));
            self.out.push(Action::ReadConfig { generation: number });
        } else {
            self.log(format!("reload: workers of generation {number} import the application again"));
            self.out.push(Action::KeepConfig { generation: number });
        }
    }

    pub(super) fn next_reload(&mut self) {
        if std::mem::take(&mut self.reload_again) && !self.is_leaving() {
            self.begin_reload(true);
        }
    }

    /// The generation to come has its settings.
    pub(super) fn configured(&mut self, plan: Plan) {
        let now = self.now;
        if self.reload.as_ref().is_none_or(|r| r.next.is_some()) {
            return;
        }
        if self.brought_back(&plan) {
            return self.begin_replacing();
        }
        let Some(reload) = self.reload.as_mut() else { return };
        // One whose place is taken before its successor loads: a template, which serves nobody, tries it first.
        let lazy = plan.lazy && !plan.exclusive;
        let number = reload.number;
        let python = self.current.python.clone();
        reload.next = Some(Generation { python, ..Generation::new(number, plan) });
        reload.started = reload.started.min(now);
        if lazy {
            return self.begin_replacing();
        }
        // The template is started as of the generation to come.
        let timeout = self.next_plan().load_timeout;
        let birth = self.bear(ProcessKind::Template, number, 0, 0);
        let child = birth.child;
        if let Some(c) = self.children.get_mut(&child) {
            c.kill_at = Some(now + timeout);
        }
        if let Some(next) = self.reload.as_mut().and_then(|r| r.next.as_mut()) {
            next.template = Some(child);
        }
        self.out.push(Action::Launch(birth));
    }

    /// There are none, or what runs after them has failed.
    pub(super) fn not_configured(&mut self, outcome: Outcome, message: String) {
        if self.reload.as_ref().is_some_and(|r| r.next.is_none()) {
            self.reload_failed(outcome, message);
        }
    }

    fn next_plan(&self) -> &Plan {
        self.reload.as_ref().and_then(|r| r.next.as_ref()).map_or(&self.current.plan, |n| &n.plan)
    }

    fn begin_replacing(&mut self) {
        let plan = self.next_plan();
        let (wish, probe) = probed(self.wish_of(plan), plan);
        self.wished.probe = probe;
        let Some(reload) = self.reload.as_mut() else { return };
        reload.replacing = true;
        reload.wish = wish;
        let number = reload.number;
        // New code deserves fresh tries.
        for seat in &mut self.seats {
            seat.backoff = Backoff::default();
        }
        // What an older template was asked for and has not brought is not waited for: the new one is there, and the old one
        // may hang.
        let unanswered = |c: &Child| c.forked && c.generation < number && c.pid.is_none();
        let given_up: Vec<ChildId> =
            self.children.iter().filter(|(_, c)| unanswered(c)).map(|(&id, _)| id).collect();
        self.current.hangs |= !given_up.is_empty();
        given_up.into_iter().for_each(|child| self.retire(child, true));
        self.begin_canary();
    }

    pub(super) fn template_ready(&mut self, child: ChildId) {
        let Some(c) = self.children.get(&child) else { return };
        if !c.no_app {
            let took = self.now.saturating_duration_since(c.started);
            self.log(format!("the application was loaded in {:.1} s", took.as_secs_f64()));
        }
        let waits = self.reload.as_ref().is_some_and(|r| !r.replacing);
        if let Some(next) = self.reload.as_mut().and_then(|r| r.next.as_mut())
            && next.template == Some(child)
        {
            next.loaded = true;
            let tried = next.plan.lazy.then(|| next.template.take()).flatten();
            if waits {
                self.begin_replacing();
            }
            return self.drop_template(tried);
        }
        if self.current.template == Some(child) && std::mem::replace(&mut self.current.loaded, true) {
            let line = format!(
                "this template of generation {} was started outside a reload: workers from now on run what is on disk (mixed)",
                self.current.number
            );
            self.log(line.clone());
            self.out.push(Action::Reason(line));
        }
    }

    pub(super) fn template_ended(&mut self, child: ChildId, gone: Child, how: Ended) {
        if self.previous_ended(child, &gone) {
            return;
        }
        let now = self.now;
        let of_next =
            self.reload.as_ref().and_then(|r| r.next.as_ref()).is_some_and(|n| n.template == Some(child));
        let of_current = self.current.template == Some(child);
        let served = gone.ready.map(|r| now.saturating_duration_since(r));
        for g in [Some(&mut self.current), self.reload.as_mut().and_then(|r| r.next.as_mut())] {
            if let Some(g) = g.filter(|g| g.template == Some(child)) {
                g.template = None;
                if !gone.asked {
                    g.template_backoff.ended(served, now);
                }
            }
        }
        if gone.asked || !(of_next || of_current) || matches!(self.phase, Phase::Stopping { .. }) {
            return;
        }
        let what = format!("{} {how}", gone.name());
        if of_next && self.back_ended(&gone.name()) {
            return;
        }
        if gone.ready.is_some() {
            return self.log(format!("{what}; a new one starts when a worker is needed"));
        }
        let reason = gone.load_failed.clone().unwrap_or_else(|| match how.exit() {
            Some(Exit::NoInterpreter) => "there is no usable Python interpreter".into(),
            _ => format!("{what} while it loaded the application"),
        });
        if of_next {
            self.reload_failed(outcome_of(gone.fault), reason);
        } else if self.phase == Phase::Starting {
            self.start_failed(Some(how), gone.load_failed.is_some(), reason);
        } else {
            self.log(format!("no worker can be started: {}", last_line(&reason)));
            self.out.push(Action::Reason(reason));
        }
    }

    /// A process said that the app does not load, or that a step has failed; it ends by itself.
    pub(super) fn load_failed(&mut self, child: ChildId, message: String, fault: Fault) {
        let end = self.now + TEMPLATE_MERCY;
        let Some(c) = self.children.get_mut(&child) else { return };
        if c.stage != Stage::Starting {
            return;
        }
        c.kill_at = Some(end);
        (c.load_failed, c.fault) = (Some(message.clone()), fault);
        let generation = c.generation;
        if self.phase == Phase::Starting {
            self.start_failed(None, fault != Fault::Step, message);
        } else if self.reload.as_ref().and_then(|r| r.next.as_ref()).is_some_and(|n| n.number == generation) {
            self.reload_failed(outcome_of(fault), message);
        } else {
            let what = match fault {
                Fault::App => "the application does not load",
                Fault::Step => "a step has failed",
                Fault::Warmup => "a worker's warm-up has failed",
            };
            let line = format!("{what}: {}", last_line(&message));
            self.log(line);
            self.out.push(Action::Reason(message));
        }
    }

    /// `said`: it gave a reason, and another try would not be better.
    pub(super) fn reload_worker_failed(&mut self, reason: String, said: bool, fault: Fault) {
        let Some(reload) = self.reload.as_mut() else { return };
        reload.failures += 1;
        if said || reload.failures >= TRIES {
            self.reload_failed(outcome_of(fault), reason);
        }
    }

    /// Keep what serves.
    pub(super) fn reload_failed(&mut self, outcome: Outcome, reason: String) {
        let Some(mut reload) = self.reload.take() else { return };
        if reload.next.is_none()
            && let Some(back) = reload.back.take()
        {
            self.keep_previous(back);
        }
        self.wished.probe = false;
        self.canary_over(reload.canary.take(), outcome, &reason);
        let mut outcome = outcome;
        if let Some(next) = &reload.next {
            let lazy = next.plan.lazy || self.current.plan.lazy;
            if !self.take_back(next.number, lazy) {
                outcome = Outcome::Mixed;
            }
            self.drop_template(next.template);
            let starters: Vec<ChildId> = self
                .workers(Stage::Starting)
                .filter(|id| self.children[id].generation == next.number)
                .collect();
            for child in starters {
                let kill_at = self.now + TEMPLATE_MERCY;
                self.retire(child, true);
                if let Some(c) = self.children.get_mut(&child) {
                    c.kill_at = c.kill_at.map(|at| at.min(kill_at));
                }
            }
            self.out.push(Action::Abandon { generation: next.number });
        } else {
            self.out.push(Action::Abandon { generation: reload.number });
        }
        let kept = match outcome {
            Outcome::Mixed => "it stops halfway, with workers of both generations".to_string(),
            _ => format!("generation {} serves on", self.current.number),
        };
        // Who serves on is not to be hurried by what asked for this reload.
        self.children.values_mut().for_each(|c| c.no_mercy = false);
        // The scoreboard first: who reads the line may look there next.
        let line = format!("reload failed, {kept}: {reason}");
        self.out.push(Action::ReloadEnded { outcome, reason });
        self.log(line);
        self.next_reload();
    }

    pub(super) fn drop_template(&mut self, template: Option<ChildId>) {
        let end = self.now + TEMPLATE_MERCY;
        let Some(child) = template else { return };
        let Some(c) = self.children.get_mut(&child) else { return };
        if c.stage == Stage::Killed {
            return;
        }
        c.stage = Stage::Retiring;
        c.asked = true;
        c.kill_at = Some(end);
        self.out.push(Action::CloseControl { child });
    }

    /// When every seat has a ready worker of the new generation, the reload has succeeded.
    pub(super) fn finish_reload(&mut self) {
        let Some(Changeover { replacing: true, next: Some(next), canary: None, .. }) = &self.reload else {
            return;
        };
        let (number, wanted, wish) = (next.number, self.wanted(), self.wish());
        let renewed = |id| self.at(id).any(|(_, c)| c.stage == Stage::Ready && c.generation == number);
        if wanted.len() < wish as usize || !wanted.iter().copied().all(renewed) || !self.watched_enough() {
            return;
        }
        for worker_id in self.on().split_off(wanted.len()) {
            if self.at(worker_id).any(|(_, c)| c.generation != number) {
                self.turn_off(worker_id);
            }
        }
        let Some(Changeover { next: Some(next), started, watch, back, taken_back, .. }) = self.reload.take()
        else {
            return;
        };
        let old = std::mem::replace(&mut self.current, next);
        self.settle_wish(wish, old.plan.workers != self.current.plan.workers);
        self.end_probe();
        if old.python != self.current.python {
            self.out.push(Action::Python(self.current.python.clone()));
        }
        self.keep_previous(old);
        if back.is_none() {
            self.watch_aside(watch.deaths());
        }
        let took = self.now.saturating_duration_since(started).as_secs_f64();
        self.out.push(Action::Commit { generation: number });
        let outcome = if taken_back.is_some() { Outcome::TakenBack } else { Outcome::Ok };
        self.out.push(Action::ReloadEnded { outcome, reason: taken_back.unwrap_or_default() });
        self.log(format!("reload done in {took:.1} s: generation {number} serves"));
        self.next_reload();
    }
}

/// How a reload ends that a process has failed.
fn outcome_of(fault: Fault) -> Outcome {
    match fault {
        Fault::App => Outcome::AppFailed,
        Fault::Step => Outcome::StepFailed,
        Fault::Warmup => Outcome::WarmupFailed,
    }
}
