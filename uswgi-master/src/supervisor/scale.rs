//! How many workers there are to be, and which worker numbers they have.
//!
//! A *wish* is the number of workers wanted now: that of the configuration, until an operator or an
//! algorithm says otherwise. A seat is *on* when it is to have a worker. More workers: seats are turned on
//! as room allows. Fewer: seats are turned off, those without a ready worker first, then those whose worker
//! was idle at the last look, the oldest first. It must never take down a worker that was seen busy, nor
//! leave fewer ready workers than are wished.

use super::cheaper::{Advice, Algorithm, Cheaper, Cycle};
use super::child::{ChildId, Stage};
use super::event::Numbers;
use super::machine::{Phase, Supervisor};
use super::plan::Plan;
use super::seat::SeatRecord;
use std::time::Duration;
use uswgi_proto::scale::ScaleTo;

/// Looks follow one another after this time at least; one that an operator causes is no cycle of its own.
const CYCLE: Duration = Duration::from_millis(700);

/// What somebody asks for who wants another number of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goal {
    /// Workers wanted so far.
    pub before: u32,
    /// Workers asked for.
    pub asked: u32,
    /// The fewest that are possible.
    pub least: u32,
    /// The most.
    pub most: u32,
    /// An algorithm of `cheaper` goes on from there, within these bounds.
    pub automatic: bool,
}

impl Supervisor {
    /// Workers wanted now; those of the generation to come while it takes over.
    pub(super) fn wish(&self) -> u32 {
        match &self.reload {
            Some(reload) if reload.replacing => reload.wish,
            _ => self.wished.workers,
        }
    }

    /// What is wanted once a new plan takes over: an instance without workers stays so, an algorithm's
    /// number goes on, and an operator's outlives a reload that does not change `workers`.
    pub(super) fn wish_of(&self, plan: &Plan) -> u32 {
        let sleeps = self.wished.sent_away || plan.sleep.cheap || plan.sleep.idle.is_some();
        if self.wished.workers == 0 && sleeps {
            return 0;
        }
        if let Some(c) = &plan.cheaper {
            return self.wished.workers.clamp(c.min, plan.workers);
        }
        if self.wished.by_hand && plan.workers == self.current.plan.workers {
            return self.wished.workers;
        }
        plan.workers
    }

    /// A generation is in force with this wish.
    pub(super) fn settle_wish(&mut self, wish: u32, plan_changed: bool) {
        self.wished.workers = wish;
        self.wished.by_hand &= !plan_changed;
    }

    /// The probe has shown that the application loads: it finishes what has come to it and leaves.
    pub(super) fn end_probe(&mut self) {
        if std::mem::take(&mut self.wished.probe) {
            self.wished.workers = 0;
            self.on().into_iter().for_each(|worker_id| self.turn_off(worker_id));
        }
    }

    /// Worker numbers that are to have a worker.
    pub(super) fn on(&self) -> Vec<u32> {
        (1..).zip(&self.seats).filter(|(_, s)| s.on).map(|(id, _)| id).collect()
    }

    /// The highest worker number that there may be: the configuration's, or of more workers an operator's.
    pub fn highest_worker(&self) -> u32 {
        self.newest_plan().workers.max(self.on().last().copied().unwrap_or(0))
    }

    /// Worker numbers that are wanted; beyond them only busy workers are on, which are to go.
    pub(super) fn wanted(&self) -> Vec<u32> {
        let mut on = self.on();
        on.truncate(self.wish() as usize);
        on
    }

    /// Worker processes that are there, and the most that may be.
    pub(super) fn room(&self) -> (usize, usize) {
        let plan = &self.target().plan;
        let workers = plan.workers.max(self.current.plan.workers).max(self.wish()) as usize;
        (self.workers_there(), workers.max(self.on().len()) + plan.surplus as usize)
    }

    fn workers_there(&self) -> usize {
        self.children.values().filter(|c| c.is_worker()).count()
    }

    /// Turn seats on up to the wish, as room allows, and turn off seats beyond it that have nobody.
    pub(super) fn fit_seats(&mut self) {
        let wish = self.wish() as usize;
        loop {
            let on = self.on();
            if on.len() > wish {
                let Some(&id) = on.iter().rfind(|&&id| self.at(id).next().is_none()) else { return };
                self.seats[id as usize - 1].on = false;
                continue;
            }
            let (there, most) = self.room();
            let empty = on.iter().filter(|&&id| self.at(id).next().is_none()).count();
            if on.len() == wish || there + empty >= most {
                return;
            }
            let off = |id: &u32| !self.seats[*id as usize - 1].on;
            let mut free = (1..=self.seats.len() as u32).filter(off);
            // One whose last process still drains can have none yet.
            match free.clone().find(|&id| !self.held(id)).or_else(|| free.next()) {
                Some(id) => self.seats[id as usize - 1].on = true,
                None => self.seats.push(SeatRecord { on: true, ..SeatRecord::default() }),
            }
        }
    }

    /// Whether a look at the workers ([`super::Event::Seen`]) is wanted about once a second.
    pub fn wants_numbers(&self) -> bool {
        let plan = &self.current.plan;
        let awake = !self.on().is_empty();
        matches!(self.phase, Phase::Starting | Phase::Running)
            && (self.on().len() > self.most_wished()
                || self.wants_memory()
                || self.wants_tallies()
                || awake && (plan.cheaper.is_some() || plan.sleep.idle.is_some()))
    }

    /// Whether the look is to tell the memory of the workers.
    pub fn wants_memory(&self) -> bool {
        let plan = &self.current.plan;
        let limited = |c: &Cheaper| c.rss_soft > 0 || c.rss_hard > 0;
        plan.evil_rss > 0 || plan.evil_as > 0 || plan.cheaper.as_ref().is_some_and(limited)
    }

    /// Whether the look is to tell the time that workers have spent in requests.
    pub fn wants_running(&self) -> bool {
        let busyness = |c: &Cheaper| matches!(c.algorithm, Algorithm::Busyness(_));
        self.current.plan.cheaper.as_ref().is_some_and(busyness)
    }

    /// A reload under way may still fail: until its end both wishes are kept.
    fn most_wished(&self) -> usize {
        self.wished.workers.max(self.wish()) as usize
    }

    /// The workers were looked at.
    pub(super) fn seen(&mut self, seen: &Numbers) {
        if !matches!(self.phase, Phase::Starting | Phase::Running) {
            return;
        }
        self.kill_evil(seen);
        self.compare(seen);
        self.watch_activity(seen);
        self.run_algorithm(seen);
        self.shrink(seen);
    }

    /// One cycle of `cheaper`.
    fn run_algorithm(&mut self, seen: &Numbers) {
        let early = self.now < self.wished.last_cycle + CYCLE;
        if self.phase != Phase::Running || self.paused || self.asleep() || early || self.has_canary() {
            return;
        }
        let passed = self.now - std::mem::replace(&mut self.wished.last_cycle, self.now);
        let mut meter = std::mem::take(&mut self.wished.meter);
        let loads = meter.read(&seen.running, passed);
        self.wished.meter = meter;
        let plan = &self.current.plan;
        let Some(c) = &plan.cheaper else { return };
        let (on, before) = (self.on(), self.wish());
        // One that is on its way counts as idle, so that it is no reason for another one.
        let load_of = |&id: &u32| self.at(id).filter_map(|(child, _)| loads.get(&child)).max().copied();
        let load: u32 = on.iter().filter_map(load_of).sum();
        let of_seat = |&id: &u32| self.at(id).any(|(child, _)| seen.busy.contains(&child));
        let cycle = Cycle {
            active: on.len() as u32,
            busy: on.iter().filter(|id| of_seat(id)).count() as u32,
            waiting: seen.waiting,
            rss: seen.memory.values().map(|m| m.rss).sum(),
            load: load / (on.len() as u32).max(1),
            room: plan.workers.saturating_sub(before.max(on.len() as u32)),
            spare: before.saturating_sub(c.min),
        };
        let (min, max) = (c.min, plan.workers);
        let mut gauge = std::mem::take(&mut self.wished.gauge);
        let verdict = gauge.judge(c, cycle);
        let said = gauge.said();
        self.wished.gauge = gauge;
        if let Some(line) = said {
            self.log(line);
        }
        let wish = match verdict {
            Advice::Stay => return,
            Advice::More(n) => cycle.active.max(before).saturating_add(n),
            Advice::OneFewer => before.saturating_sub(1),
        }
        .clamp(min, max);
        if wish != before {
            self.set_wish(wish, false);
            let (busy, waiting) = (cycle.busy, cycle.waiting);
            self.log(format!(
                "cheaper: {wish} workers wanted, {before} before ({busy} busy, {waiting} waiting)"
            ));
        }
    }

    pub(super) fn set_wish(&mut self, wish: u32, by_hand: bool) {
        self.wished.workers = wish;
        self.wished.by_hand = by_hand;
        self.wished.sent_away = false;
        self.wished.probe = false;
        if let Some(reload) = self.reload.as_mut().filter(|r| r.replacing) {
            reload.wish = wish;
        }
    }

    /// Kill workers that have grown too far.
    fn kill_evil(&mut self, seen: &Numbers) {
        let (rss, vsz) = (self.current.plan.evil_rss, self.current.plan.evil_as);
        for (&child, memory) in &seen.memory {
            let why = if rss > 0 && memory.rss > rss {
                format!("its resident memory of {} MiB is above evil-reload-on-rss", memory.rss >> 20)
            } else if vsz > 0 && memory.vsz > vsz {
                format!("its address space of {} MiB is above evil-reload-on-as", memory.vsz >> 20)
            } else {
                continue;
            };
            let Some(c) = self.children.get(&child).filter(|c| c.stage != Stage::Killed) else { continue };
            let line = format!("{} is killed: {why}", c.name());
            self.log(line);
            self.kill(child);
        }
    }

    /// Take down what is too many and idle.
    fn shrink(&mut self, seen: &Numbers) {
        loop {
            let on = self.on();
            if on.len() <= self.most_wished() {
                return;
            }
            let ready = |id: u32| self.at(id).find(|(_, c)| c.stage == Stage::Ready).map(|(child, _)| child);
            let unready = on.iter().rev().copied().find(|&id| ready(id).is_none());
            let idle = || {
                let enough = on.iter().filter(|&&id| ready(id).is_some()).count() > self.most_wished();
                let mut idle: Vec<(ChildId, u32)> = on
                    .iter()
                    .filter_map(|&id| Some((ready(id)?, id)))
                    .filter(|(child, _)| enough && !seen.busy.contains(child))
                    .collect();
                idle.sort_unstable();
                idle.first().map(|&(_, id)| id)
            };
            let Some(id) = unready.or_else(idle) else { return };
            self.turn_off(id);
        }
    }

    /// Its workers leave, whatever they do.
    pub(super) fn turn_off(&mut self, worker_id: u32) {
        self.seats[worker_id as usize - 1].on = false;
        let there: Vec<ChildId> = self.at(worker_id).map(|(child, _)| child).collect();
        for child in there {
            let line = self.children.get(&child).map(|c| format!("{} is not needed any more", c.name()));
            self.log(line.unwrap_or_default());
            // With nobody left to take them, idle connections are closed and waiting ones answered.
            self.retire(child, !self.asleep());
        }
    }

    /// What it would come to.
    pub fn goal(&self, to: ScaleTo) -> Goal {
        let before = self.wish();
        let asked = match to {
            ScaleTo::Workers(n) => n,
            ScaleTo::More(n) => before.saturating_add(n),
            ScaleTo::Fewer(n) => before.saturating_sub(n),
        };
        let plan = self.newest_plan();
        let (least, most) = match &plan.cheaper {
            Some(c) => (c.min, plan.workers),
            // Half of the slots are for successors, as at the start.
            None => (1, (self.slots.saturating_sub(8) / 2).max(plan.workers)),
        };
        let automatic = plan.cheaper.as_ref().is_some_and(|c| c.algorithm != Algorithm::Manual);
        Goal { before, asked, least, most, automatic }
    }

    /// An operator wants another number of workers.
    pub(super) fn scale_to(&mut self, to: ScaleTo) {
        if !matches!(self.phase, Phase::Starting | Phase::Running) {
            return;
        }
        let Goal { before, asked, least, most, .. } = self.goal(to);
        let wish = asked.clamp(least, most);
        if wish != asked {
            self.log(format!("scale: {asked} workers are not possible here, {least} to {most} are"));
        }
        self.set_wish(wish, true);
        self.log(format!("scale: {wish} workers wanted, {before} before"));
    }
}
