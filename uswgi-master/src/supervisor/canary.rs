//! A canary: a reload whose generation first serves beside the one in force, on some of the seats, until it is known whether
//! it is worse ([`super::judge`]).
//!
//! Seats: the last ones that are wanted, as many as make the share, at least one and at most half; with one worker a second
//! seat. While it is under way the number of workers stays as it is. It must never retire a worker of another seat, nor
//! be judged by what its workers answered before all of them accepted.

use super::canary_run::CanaryRun;
use super::child::{ChildId, Stage};
use super::event::Numbers;
use super::generation::Generation;
use super::judge::{Judge, Judgement};
use super::machine::{Phase, Supervisor};
use std::collections::BTreeMap;
use std::time::Duration;
use uswgi_proto::canary::{CanaryRequest, Terms};
use uswgi_proto::scoreboard::Outcome;
use uswgi_proto::scoreboard::canary::{CanaryState, TRACEBACKS};
use uswgi_proto::show::canary::{Arm, Canary};

/// Workers whose deaths are no accident any more.
const DEATHS: u64 = 2;
/// Where too little was seen, a canary takes up to so many times as long.
const PATIENCE: u32 = 2;
/// Different tracebacks that are remembered.
const MOST_TRACEBACKS: usize = 32;

impl Supervisor {
    /// Why there can be no canary now, if there cannot.
    pub fn no_canary(&self) -> Option<&'static str> {
        match self.phase {
            Phase::Starting => Some("the instance is still starting"),
            _ if self.is_leaving() => Some("the instance stops in a moment"),
            _ if self.reload.is_some() => Some("a reload is under way; ask again after it"),
            _ if self.current.plan.lazy => {
                Some("with lazy-apps no template has the code of before, so nothing could be taken back")
            }
            _ if self.paused => Some("the instance is paused, nobody could be compared"),
            _ if self.asleep() => Some("no worker runs now (cheap, idle), there is nobody to compare with"),
            _ => None,
        }
    }

    /// Whether one is under way.
    pub fn has_canary(&self) -> bool {
        self.reload.as_ref().is_some_and(|r| r.canary.is_some())
    }

    /// The canary that is under way, or was the last one; and a number that changes with it.
    pub fn canary_seen(&self) -> (u64, Option<&Canary>) {
        (self.canary_changes, self.canary_seen.as_ref())
    }

    fn run(&mut self) -> Option<&mut CanaryRun> {
        self.reload.as_mut()?.canary.as_mut()
    }

    /// An operator wants a reload that proves itself first.
    pub(super) fn ask_canary(&mut self, request: CanaryRequest) {
        if let Some(why) = self.no_canary() {
            return self.log(format!("no canary: {why}"));
        }
        self.begin_reload(true);
        let terms = request.over(Terms::default());
        let old = self.current.number;
        let Some(reload) = self.reload.as_mut() else { return };
        reload.canary = Some(CanaryRun {
            request,
            terms,
            seats: Vec::new(),
            beside: false,
            wish_after: 0,
            base: None,
            judge: Judge::default(),
            tracebacks: BTreeMap::new(),
        });
        let arms = [old, reload.number].map(|generation| Arm { generation, ..Arm::default() });
        self.canary_changes += 1;
        self.canary_seen = Some(Canary {
            state: CanaryState::Starting,
            terms,
            compared_ms: 0,
            written_at: 0,
            arms,
            tracebacks: Vec::new(),
            verdict: "the new application is loaded".into(),
        });
    }

    fn show(&mut self, change: impl FnOnce(&mut Canary)) {
        if let Some(seen) = self.canary_seen.as_mut() {
            change(seen);
            self.canary_changes += 1;
        }
    }

    /// The application is loaded: which seats it gets.
    pub(super) fn begin_canary(&mut self) {
        let (wish, lazy) = (self.wished.workers, self.newest_plan().lazy);
        let terms = self.newest_plan().canary;
        if self.run().is_none() {
            return;
        }
        let why = match (lazy, wish) {
            (true, _) => "no canary: the new configuration has lazy-apps, so nothing could be taken back",
            (_, 0) => "no canary: no worker runs now (cheap, idle), there is nobody to compare with",
            _ => "",
        };
        if !why.is_empty() {
            return self.reload_failed(Outcome::Aborted, why.into());
        }
        let Some(reload) = self.reload.as_mut() else { return };
        let wish_after = std::mem::replace(&mut reload.wish, wish);
        let seats = match wish {
            1 => vec![self.one_more_seat()],
            _ => {
                let share = self.run().map_or(terms.share, |run| run.request.over(terms).share);
                let rounded = (u64::from(wish) * u64::from(share) + 5_000) / 10_000;
                let count = rounded.clamp(1, u64::from(wish / 2)) as usize;
                let wanted = self.wanted();
                wanted[wanted.len().saturating_sub(count)..].to_vec()
            }
        };
        let Some(run) = self.run() else { return };
        run.terms = run.request.over(terms);
        (run.beside, run.wish_after, run.seats) = (wish == 1, wish_after, seats.clone());
        let (terms, number) = (run.terms, self.target().number);
        let names = seats.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        self.log(format!(
            "canary: generation {number} serves as worker {names} of {} first; it is compared for {} s",
            self.wish(),
            terms.seconds
        ));
        self.show(|seen| (seen.terms, seen.verdict) = (terms, "its workers start".into()));
    }

    /// A seat beside the only one.
    fn one_more_seat(&mut self) -> u32 {
        if let Some(reload) = self.reload.as_mut() {
            reload.wish = 2;
        }
        let free = self.seats.iter().position(|s| !s.on);
        let place = free.unwrap_or_else(|| {
            self.seats.push(super::seat::SeatRecord::default());
            self.seats.len() - 1
        });
        self.seats[place].on = true;
        place as u32 + 1
    }

    /// Whether the worker of this seat is to be of the generation to come.
    pub(super) fn is_renewed(&self, worker_id: u32) -> bool {
        match self.reload.as_ref() {
            Some(r) if r.replacing => r.canary.as_ref().is_none_or(|run| run.seats.contains(&worker_id)),
            _ => false,
        }
    }

    /// The generation from which the worker of this seat is started now.
    pub(super) fn source_of(&self, worker_id: u32) -> &Generation {
        if self.is_renewed(worker_id) { self.target() } else { &self.current }
    }

    /// Whether the looks at the workers are to tell what each generation has answered.
    pub fn wants_tallies(&self) -> bool {
        self.reload.as_ref().is_some_and(|r| r.replacing && r.canary.is_some())
    }

    /// A worker has told of a traceback.
    pub(super) fn note_traceback(&mut self, child: ChildId, text: String, count: u64) {
        let number = self.children.get(&child).map(|c| c.generation);
        if number.is_none() || number != self.coming_generation() {
            return;
        }
        let Some(run) = self.run() else { return };
        if run.tracebacks.len() < MOST_TRACEBACKS || run.tracebacks.contains_key(&text) {
            run.tracebacks.entry(text).or_default().insert(child, count);
        }
        let mut all: Vec<(u64, String)> =
            run.tracebacks.iter().map(|(text, of)| (of.values().sum(), text.clone())).collect();
        all.sort_by_key(|told| std::cmp::Reverse(told.0));
        all.truncate(TRACEBACKS);
        self.show(|seen| seen.tracebacks = all);
    }

    /// A worker that served has died.
    pub(super) fn canary_death(&mut self, generation: u64, what: &str) {
        let (new, old) = (self.coming_generation(), self.current.number);
        let Some(seats) = self.run().map(|run| run.seats.len() as u64) else { return };
        if Some(generation) != new && generation != old {
            return;
        }
        self.show(|seen| seen.arms[usize::from(Some(generation) == new)].deaths += 1);
        let Some(seen) = &self.canary_seen else { return };
        let [before, after] = seen.arms.map(|a| a.deaths);
        let others = (u64::from(self.wish()).saturating_sub(seats)).max(1);
        // For each seat, twice as many as of the old one at least.
        if after >= DEATHS && after * others >= 2 * before * seats.max(1) {
            let reason = format!(
                "{after} workers of generation {generation} died, {before} of the old one; the last: {what}"
            );
            self.reload_failed(Outcome::TakenBack, reason);
        }
    }

    /// The workers were looked at: whether it is known by now.
    pub(super) fn compare(&mut self, seen: &Numbers) {
        let now = self.now;
        let Some(number) = self.coming_generation().filter(|_| self.wants_tallies()) else { return };
        let old = self.current.number;
        let serving =
            |g: u64| self.workers(Stage::Ready).filter(|id| self.children[id].generation == g).count() as u64;
        let workers = [old, number].map(serving);
        let tallies = [old, number].map(|g| seen.tallies.get(&g).copied().unwrap_or_default());
        let accepts = |id: u32| self.at(id).any(|(_, c)| c.stage == Stage::Ready && c.generation == number);
        let all = self
            .reload
            .as_ref()
            .and_then(|r| r.canary.as_ref())
            .is_some_and(|run| run.seats.iter().all(|&id| accepts(id)));
        let Some(run) = self.run() else { return };
        let (base, since) = match run.base {
            Some(base) => base,
            None if all => *run.base.insert((tallies, now)),
            None => return,
        };
        let terms = run.terms;
        let counted = [0, 1].map(|i| tallies[i].since(&base[i]));
        let time = Duration::from_secs(terms.seconds.into());
        let passed = now.saturating_duration_since(since);
        let over = passed >= time;
        let verdict = run.judge.look(&terms, &counted[0], &counted[1], over);
        let enough = counted[1].requests() >= u64::from(terms.min_requests);
        let waits = if !over {
            "both are compared".to_string()
        } else if !enough {
            format!(
                "its time is over, but it has answered {} requests of {} (canary-min-requests)",
                counted[1].requests(),
                terms.min_requests
            )
        } else {
            String::new()
        };
        self.show(|seen| {
            seen.state = CanaryState::Comparing;
            seen.compared_ms = passed.as_millis() as u64;
            for i in 0..2 {
                (seen.arms[i].workers, seen.arms[i].tally) = (workers[i], counted[i]);
            }
            seen.verdict = waits;
        });
        match verdict {
            Judgement::Worse(why) => self.reload_failed(Outcome::TakenBack, why),
            Judgement::Wait if over && enough => {
                let n = counted[1].requests();
                self.promote(format!("not worse in {n} requests and {} s", passed.as_secs()));
            }
            Judgement::Wait if passed >= time * PATIENCE => {
                let n = counted[1].requests();
                self.promote(format!(
                    "too little was seen to judge it: {n} requests of {} in {} s, and none of its workers is known to be worse",
                    terms.min_requests,
                    passed.as_secs()
                ));
            }
            Judgement::Wait => {}
        }
    }

    /// It goes on to all.
    fn promote(&mut self, why: String) {
        let Some(reload) = self.reload.as_mut() else { return };
        let Some(run) = reload.canary.take() else { return };
        if reload.replacing {
            reload.wish = run.wish_after;
        }
        let number = reload.number;
        self.log(format!("canary: generation {number} goes on to all workers: {why}"));
        self.show(|seen| (seen.state, seen.verdict) = (CanaryState::Promoted, why));
    }

    /// An operator ends it.
    pub(super) fn end_canary(&mut self, promote: bool) {
        if !self.has_canary() {
            return self.log("no canary is under way");
        }
        if promote {
            self.promote("an operator wants it".into());
        } else {
            self.reload_failed(Outcome::Aborted, "an operator has ended the canary".into());
        }
    }

    /// Its reload has failed, or the instance stops.
    pub(super) fn canary_over(&mut self, run: Option<CanaryRun>, outcome: Outcome, reason: &str) {
        let Some(run) = run else { return };
        let state = match outcome {
            Outcome::Aborted | Outcome::Stopped => CanaryState::Aborted,
            _ => CanaryState::TakenBack,
        };
        let reason = reason.trim_end().to_string();
        self.show(|seen| (seen.state, seen.verdict) = (state, reason));
        if run.beside {
            run.seats.into_iter().for_each(|worker_id| self.turn_off(worker_id));
        }
    }
}
