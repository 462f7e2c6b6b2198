//! What stays true, whatever happens in whatever order.

use super::plans::plans;
use super::sim::Sim;
use crate::supervisor::{Action, ChildId, Event, Numbers, Plan, ScaleTo, Sleep, Stage};
use proptest::prelude::*;
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::scoreboard::Restart;

/// Something that happens; numbers choose among what is there.
#[derive(Debug, Clone)]
enum Step {
    Ready(usize),
    Die(usize, bool),
    EndRetired(usize),
    LoadFailed(usize),
    WithoutApp(usize),
    Replace(usize),
    Close(usize),
    Reload,
    BadReload,
    Pause,
    Scale(ScaleTo),
    /// Bits choose who is busy, how many wait, and whether there was a request.
    Seen(u64),
    Connection,
    SendAway,
    Retire(u32),
    Kill(u32),
    Renew,
    Rollback,
    Hurry,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any::<usize>().prop_map(Step::Ready),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(i, s)| Step::Die(i, s)),
        4 => any::<usize>().prop_map(Step::EndRetired),
        1 => any::<usize>().prop_map(Step::LoadFailed),
        2 => any::<usize>().prop_map(Step::WithoutApp),
        2 => any::<usize>().prop_map(Step::Replace),
        1 => any::<usize>().prop_map(Step::Close),
        2 => Just(Step::Reload),
        1 => Just(Step::BadReload),
        1 => Just(Step::Pause),
        2 => scale_to().prop_map(Step::Scale),
        6 => any::<u64>().prop_map(Step::Seen),
        1 => Just(Step::Connection),
        1 => Just(Step::SendAway),
        1 => (0u32..8).prop_map(Step::Retire),
        1 => (0u32..8).prop_map(Step::Kill),
        1 => Just(Step::Renew),
        1 => Just(Step::Rollback),
        1 => Just(Step::Hurry),
        6 => (0u64..20_000).prop_map(Step::Pass),
    ]
}

fn scale_to() -> impl Strategy<Value = ScaleTo> {
    prop_oneof![
        (0u32..8).prop_map(ScaleTo::Workers),
        (0u32..4).prop_map(ScaleTo::More),
        (0u32..4).prop_map(ScaleTo::Fewer),
    ]
}

fn pick(all: Vec<ChildId>, i: usize) -> Option<ChildId> {
    (!all.is_empty()).then(|| all[i % all.len()])
}

impl Sim {
    fn staged(&self, wanted: Stage) -> Vec<ChildId> {
        let is = |c: &&ChildId| self.s.children().get(c).is_some_and(|c| c.stage == wanted);
        self.procs.keys().filter(is).copied().collect()
    }

    fn take(&mut self, step: &Step, good: &Plan) {
        match *step {
            Step::Ready(i) => {
                if let Some(child) = pick(self.staged(Stage::Starting), i) {
                    self.ready(child);
                }
            }
            Step::Die(i, signal) => {
                if let Some(child) = pick(self.procs.keys().copied().collect(), i) {
                    self.die(child, if signal { Ended::Signal(11) } else { Ended::Code(1) });
                }
            }
            Step::EndRetired(i) => {
                if let Some(child) = pick(self.staged(Stage::Retiring), i) {
                    self.die(child, Ended::Code(0));
                }
            }
            Step::LoadFailed(i) => {
                if let Some(child) = pick(self.staged(Stage::Starting), i) {
                    self.feed(Event::LoadFailed { child, message: "no".into() });
                }
            }
            Step::WithoutApp(i) => {
                if let Some(child) = pick(self.staged(Stage::Starting), i) {
                    self.without_app(child);
                }
            }
            Step::Replace(i) => {
                if let Some(child) = pick(self.staged(Stage::Ready), i) {
                    self.feed(Event::Replace { child, reason: Restart::Asked });
                }
            }
            Step::Close(i) => {
                let known = self.procs.iter().filter(|(_, p)| p.hello.is_none());
                if let Some(child) = pick(known.map(|(&c, _)| c).collect(), i) {
                    self.feed(Event::Closed { child });
                }
            }
            Step::Reload => {
                self.config = Some(Ok(good.clone()));
                self.feed(Event::Reload);
            }
            Step::BadReload => {
                self.config = Some(Err("bad".into()));
                self.feed(Event::Reload);
                self.config = Some(Ok(good.clone()));
            }
            Step::Pause => self.feed(Event::Pause),
            Step::Scale(to) => self.feed(Event::Scale(to)),
            Step::Seen(bits) => self.look(bits),
            Step::Connection => self.feed(Event::Connection),
            Step::SendAway => self.feed(Event::SendAway),
            Step::Retire(worker_id) => self.feed(Event::Retire { worker_id }),
            Step::Kill(worker_id) => self.feed(Event::Kill { worker_id }),
            Step::Renew => self.feed(Event::Renew(Restart::Operator)),
            Step::Rollback => self.feed(Event::Rollback),
            Step::Hurry => self.feed(Event::Hurry),
            Step::Pass(ms) => self.pass(Duration::from_millis(ms)),
        }
    }

    /// Look at workers of which some are busy: none of those is told to leave for it.
    fn look(&mut self, bits: u64) {
        let busy = |(n, child): (usize, ChildId)| (bits >> (n % 64) & 1 == 1).then_some(child);
        let busy: std::collections::BTreeSet<ChildId> =
            self.staged(Stage::Ready).into_iter().enumerate().filter_map(busy).collect();
        let (begin, reloads) = (self.done.len(), self.outcomes().len());
        let (waiting, requests) = ((bits >> 60) as u32 / 4, bits >> 62);
        // The load differs from look to look, and may seem to go back.
        let running = |(n, child): (usize, ChildId)| (child, (bits.rotate_left(n as u32) >> 40) * 7);
        let running = self.staged(Stage::Ready).into_iter().enumerate().map(running).collect();
        self.feed(Event::Seen(Numbers {
            busy: busy.clone(),
            waiting,
            requests,
            running,
            ..Numbers::default()
        }));
        if self.outcomes().len() == reloads {
            let told = self.done[begin..].iter().filter_map(|(_, a)| match a {
                Action::Retire { child, .. } => Some(child),
                _ => None,
            });
            // Who is replaced in its place leaves busy too; its seat stays on.
            let exclusive = self.s.exclusive();
            let on = |c: &&ChildId| self.s.on().into_iter().any(|id| self.of(id).contains(c));
            let cut: Vec<_> =
                told.filter(|child| busy.contains(child)).filter(|c| !(exclusive && on(c))).collect();
            assert!(cut.is_empty(), "busy and taken down: {cut:?}");
        }
    }

    fn check(&self, plan: &Plan) {
        let alive = self.workers_alive();
        let most = plan.workers.max(self.highest_wish) + plan.surplus;
        assert!(alive <= most as usize, "{alive} workers, {most} at most");
        for (child, p) in &self.procs {
            if let Some(at) = p.retired {
                assert!(self.now < at + plan.mercy, "{child} outlived its mercy");
            }
        }
        let least = plan.cheaper.as_ref().map_or(1, |c| c.min);
        let wanted = self.s.workers_wanted();
        let may_sleep = self.sent_away || plan.sleep != Sleep::default();
        let probe = u32::from(self.s.wished.probe);
        assert!(wanted >= least || (wanted == probe && may_sleep), "{wanted} wanted");
        let mut serving = self.staged(Stage::Starting).into_iter().chain(self.staged(Stage::Ready));
        let of_template = |child: &ChildId| !self.s.children()[child].is_worker();
        assert!(
            serving.all(|child| of_template(&child) || self.procs[&child].paused == self.s.paused()),
            "somebody does not know of the pause, or of its end"
        );
        assert!(!plan.exclusive || !self.twice, "two processes with one number");
        let mut slots: Vec<u32> = self.s.children().values().filter_map(|c| c.slot()).collect();
        slots.sort_unstable();
        assert!(slots.windows(2).all(|w| w[0] != w[1]), "two in one slot: {slots:?}");
    }

    /// From now on everybody is good: finish what is under way, then nothing is missing.
    fn recover(&mut self, plan: &Plan) {
        self.good = true;
        for _ in 0..12 {
            for child in self.staged(Stage::Starting) {
                self.ready(child);
            }
            for child in self.staged(Stage::Retiring) {
                // A worker ready above may have let it end already.
                if self.procs.contains_key(&child) {
                    self.die(child, Ended::Code(0));
                }
            }
            self.pass(Duration::from_secs(31));
            self.look(0);
        }
        let wanted = self.s.workers_wanted();
        let away = self.sent_away && wanted == 0;
        assert!(self.scaled || away || wanted == plan.workers, "{wanted} of {}", plan.workers);
        assert!(!self.s.wants_numbers(), "nothing is to be looked at any more");
        assert_eq!(self.ready_workers(), wanted as usize);
        assert_eq!(self.workers_alive(), wanted as usize);
        let (begun, ended) = (self.count(|a| *a == Action::ReloadStarted), self.outcomes().len());
        assert_eq!(begun, ended, "a reload never ended");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_running_instance_survives_anything(
        plan in plans(),
        slow in any::<bool>(),
        last in 1u32..6,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut sim = Sim::running(plan.clone());
        sim.good = false;
        sim.slow_hello = slow;
        for step in &steps {
            sim.take(step, &plan);
            sim.check(&plan);
        }
        // Ageing would keep it busy for ever; the last word is a reload without it, with all workers.
        let calm =
            Plan { max_lifetime: None, cheaper: None, sleep: Sleep::default(), workers: last, ..plan.clone() };
        sim.config = Some(Ok(calm.clone()));
        sim.good = true;
        sim.slow_hello = false;
        sim.recover_with_reload(&calm);
    }

    #[test]
    fn a_stop_ends_it_from_any_state(
        plan in plans(),
        slow in any::<bool>(),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut sim = Sim::new(plan.clone());
        sim.slow_hello = slow;
        sim.feed(Event::Tick);
        for step in &steps {
            sim.take(step, &plan);
            if sim.exit.is_some() {
                return Ok(());
            }
        }
        sim.feed(Event::Stop);
        sim.pass(plan.mercy + Duration::from_secs(6));
        prop_assert!(sim.exit.is_some());
        prop_assert!(sim.procs.is_empty(), "left behind: {:?}", sim.procs);
    }

    #[test]
    fn a_working_app_always_has_all_its_workers_during_reloads(
        plan in plans(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut sim = Sim::running(plan.clone());
        sim.good = false;
        for step in &steps {
            if matches!(step, Step::Die(..) | Step::LoadFailed(_) | Step::Close(_) | Step::Kill(_)) {
                continue;
            }
            let before = sim.ready_workers();
            sim.take(step, &plan);
            // A probe goes as soon as it has shown that the application loads.
            let wanted = if sim.s.wished.probe { 0 } else { sim.s.workers_wanted() as usize };
            // Who is replaced in its place is missed for a while.
            let wanted = wanted.saturating_sub(if plan.exclusive { plan.surplus as usize } else { 0 });
            prop_assert!(sim.ready_workers() >= before.min(wanted), "{before} before, {wanted} wanted");
        }
    }

    #[test]
    fn an_app_that_works_is_never_replaced_by_none(
        plan in plans(),
        slow in any::<bool>(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut sim = Sim::running(plan.clone());
        // With lazy-apps and cheap nobody has loaded it yet.
        prop_assume!(!sim.procs.is_empty());
        sim.good = false;
        sim.slow_hello = slow;
        for step in &steps {
            sim.take(step, &plan);
            prop_assert_eq!(sim.s.no_app(), None);
        }
    }

    #[test]
    fn who_dies_at_once_waits(plan in plans(), steps in prop::collection::vec(step(), 1..80)) {
        let mut sim = Sim::running(plan.clone());
        sim.good = false;
        for step in &steps {
            let reloads = sim.count(|a| *a == Action::ReloadStarted);
            let alive: Vec<ChildId> = sim.procs.keys().copied().collect();
            let young: Vec<u32> = match step {
                Step::Die(i, _) => pick(alive, *i)
                    .and_then(|c| sim.s.children().get(&c).cloned())
                    .filter(|c| c.stage == Stage::Starting && c.generation == sim.s.current_generation())
                    .and_then(|c| c.worker_id())
                    .into_iter()
                    .collect(),
                _ => Vec::new(),
            };
            let starts: Vec<usize> = young.iter().map(|&id| sim.starts_of(id).len()).collect();
            sim.take(step, &plan);
            if sim.count(|a| *a == Action::ReloadStarted) == reloads {
                let after: Vec<usize> = young.iter().map(|&id| sim.starts_of(id).len()).collect();
                prop_assert_eq!(starts, after, "worker {:?} was started again at once", young);
            }
        }
    }
}

impl Sim {
    fn recover_with_reload(&mut self, plan: &Plan) {
        for _ in 0..3 {
            for child in self.staged(Stage::Starting) {
                if self.procs.contains_key(&child) {
                    self.ready(child);
                }
            }
            self.pass(Duration::from_secs(31));
        }
        self.feed(Event::Reload);
        self.recover(plan);
        let newest = self.s.current_generation();
        assert!(self.procs.values().all(|p| p.generation == newest), "an old generation is left");
    }
}
