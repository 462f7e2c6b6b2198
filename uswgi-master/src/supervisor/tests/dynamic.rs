//! Numbers of workers that change by themselves: cheaper; and workers that grow too far.

use super::sim::{Sim, plan};
use crate::supervisor::{
    Action, Algorithm, Cheaper, ChildId, Event, Footprint, Numbers, Plan, ScaleTo, Stage,
};
use std::collections::BTreeMap;
use std::time::Duration;
use uswgi_conf::instance::Busyness;

fn cheaper(workers: u32, min: u32) -> Plan {
    let c = Cheaper {
        min,
        initial: min,
        step: 1,
        overload: 3,
        algorithm: Algorithm::Spare,
        rss_soft: 0,
        rss_hard: 0,
    };
    Plan { cheaper: Some(c), ..plan(workers) }
}

impl Sim {
    /// So many looks, a second apart, in which the first `busy` workers are busy.
    pub(super) fn looks(&mut self, cycles: u32, busy: usize) {
        for _ in 0..cycles {
            self.pass(Duration::from_secs(1));
            let busy = self.s.workers(Stage::Ready).take(busy).collect();
            self.feed(Event::Seen(Numbers { busy, ..Numbers::default() }));
        }
    }
}

#[test]
fn cheaper_starts_few_and_adds_some_when_all_are_busy() {
    let mut sim = Sim::running(cheaper(4, 1));
    assert_eq!((sim.ready_workers(), sim.s.workers_wanted()), (1, 1));
    assert!(sim.s.wants_numbers());
    sim.looks(3, 1);
    assert_eq!(sim.ready_workers(), 1);
    sim.looks(1, 1);
    assert_eq!(sim.ready_workers(), 2);
    sim.looks(40, 4);
    assert_eq!((sim.ready_workers(), sim.s.workers_wanted()), (4, 4), "never more than workers");
    sim.looks(40, 0);
    assert_eq!((sim.workers_alive(), sim.s.workers_wanted()), (1, 1), "never fewer than cheaper");
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 0);
}

#[test]
fn cheaper_initial_is_the_number_at_the_start() {
    let mut p = cheaper(4, 1);
    if let Some(c) = &mut p.cheaper {
        c.initial = 3;
    }
    let mut sim = Sim::running(p);
    assert_eq!(sim.ready_workers(), 3);
    sim.looks(2, 0);
    assert_eq!(sim.ready_workers(), 3);
    sim.looks(1, 0);
    assert_eq!(sim.ready_workers(), 2);
}

#[test]
fn looks_that_follow_at_once_are_one_cycle() {
    let mut sim = Sim::running(cheaper(4, 1));
    for _ in 0..20 {
        sim.pass(Duration::from_millis(10));
        let busy = sim.s.workers(Stage::Ready).collect();
        sim.feed(Event::Seen(Numbers { busy, ..Numbers::default() }));
    }
    assert_eq!(sim.ready_workers(), 1);
}

#[test]
fn a_worker_on_its_way_is_no_reason_for_another_one() {
    let mut sim = Sim::running(cheaper(4, 1));
    sim.good = false;
    sim.looks(20, 1);
    assert_eq!(sim.workers_alive(), 2, "the second one is not ready yet");
}

fn busyness(workers: u32, min: u32) -> Plan {
    let rules = Busyness {
        max: 50,
        min: 25,
        multiplier: 2,
        penalty: 1,
        verbose: false,
        alert: 10,
        backlog_multiplier: 1,
        backlog_step: 1,
        nonzero: 60,
    };
    let mut p = cheaper(workers, min);
    if let Some(c) = &mut p.cheaper {
        c.algorithm = Algorithm::Busyness(rules);
    }
    p
}

/// So many looks, a second apart; in each every ready worker spends so many milliseconds in requests.
fn loads(sim: &mut Sim, cycles: u32, ms: u64, counted: &mut BTreeMap<ChildId, u64>) {
    for _ in 0..cycles {
        sim.pass(Duration::from_secs(1));
        for child in sim.s.workers(Stage::Ready) {
            *counted.entry(child).or_default() += ms * 1000;
        }
        sim.feed(Event::Seen(Numbers { running: counted.clone(), ..Numbers::default() }));
    }
}

#[test]
fn busyness_follows_the_time_in_requests() {
    let mut sim = Sim::running(busyness(3, 1));
    assert!(sim.s.wants_running() && sim.s.wants_numbers());
    let mut counted = BTreeMap::new();
    // A worker has no past at its first look: 0, 90 and 90 of three.
    loads(&mut sim, 3, 900, &mut counted);
    assert_eq!(sim.ready_workers(), 2);
    loads(&mut sim, 3, 900, &mut counted);
    assert_eq!(sim.ready_workers(), 3);
    loads(&mut sim, 12, 900, &mut counted);
    assert_eq!((sim.ready_workers(), sim.s.workers_wanted()), (3, 3), "never more than workers");
    loads(&mut sim, 12, 400, &mut counted);
    assert_eq!(sim.ready_workers(), 3, "between the bounds");
    loads(&mut sim, 6, 200, &mut counted);
    assert_eq!(sim.ready_workers(), 2);
    loads(&mut sim, 30, 0, &mut counted);
    assert_eq!((sim.workers_alive(), sim.s.workers_wanted()), (1, 1), "never fewer than cheaper");
    assert!(!Sim::running(cheaper(3, 1)).s.wants_running());
}

#[test]
fn busyness_counts_who_is_on_its_way_as_idle() {
    let mut sim = Sim::running(busyness(4, 1));
    sim.good = false;
    loads(&mut sim, 60, 1000, &mut BTreeMap::new());
    assert_eq!(sim.workers_alive(), 2, "one of two is 50 %");
}

#[test]
fn a_backlog_brings_emergency_workers_within_a_cycle() {
    let mut sim = Sim::running(busyness(4, 1));
    sim.pass(Duration::from_secs(1));
    sim.feed(Event::Seen(Numbers { waiting: 11, ..Numbers::default() }));
    assert_eq!(sim.ready_workers(), 2);
}

#[test]
fn a_reload_keeps_the_number_and_brings_new_bounds() {
    let mut sim = Sim::running(cheaper(4, 1));
    sim.looks(8, 4);
    assert_eq!(sim.ready_workers(), 3);
    sim.feed(Event::Reload);
    assert_eq!((sim.ready_workers(), sim.workers_alive()), (3, 3));
    sim.config = Some(Ok(cheaper(6, 4)));
    sim.feed(Event::Reload);
    assert_eq!(sim.ready_workers(), 4);
    sim.config = Some(Ok(plan(6)));
    sim.feed(Event::Reload);
    assert_eq!(sim.ready_workers(), 6);
    assert!(!sim.s.wants_numbers());
}

#[test]
fn an_operator_stays_within_the_bounds_and_manual_leaves_it_to_him() {
    let mut p = cheaper(4, 2);
    if let Some(c) = &mut p.cheaper {
        c.algorithm = Algorithm::Manual;
    }
    let mut sim = Sim::running(p);
    assert!(!sim.s.goal(ScaleTo::Workers(4)).automatic);
    sim.feed(Event::Scale(ScaleTo::Workers(9)));
    assert_eq!(sim.ready_workers(), 4);
    sim.looks(30, 0);
    assert_eq!(sim.ready_workers(), 4);
    sim.feed(Event::Scale(ScaleTo::Fewer(3)));
    sim.looks(1, 0);
    assert_eq!((sim.ready_workers(), sim.s.workers_wanted()), (2, 2));
}

#[test]
fn an_algorithm_goes_on_from_an_operators_number_and_that_is_said() {
    let mut sim = Sim::running(cheaper(6, 2));
    let goal = sim.s.goal(ScaleTo::Workers(4));
    assert_eq!((goal.least, goal.most, goal.automatic), (2, 6, true));
    sim.feed(Event::Scale(ScaleTo::Workers(4)));
    assert_eq!(sim.ready_workers(), 4);
    sim.looks(3, 0);
    assert_eq!(sim.ready_workers(), 3);
    // It is no bound: under load there are as many as the configuration allows.
    sim.looks(30, 6);
    assert_eq!(sim.ready_workers(), 6);
    assert!(!Sim::running(plan(2)).s.goal(ScaleTo::More(1)).automatic);
}

#[test]
fn a_pause_stops_the_algorithm() {
    let mut sim = Sim::running(cheaper(4, 1));
    sim.looks(30, 4);
    sim.feed(Event::Pause);
    sim.looks(30, 0);
    assert_eq!(sim.ready_workers(), 4);
    sim.feed(Event::Pause);
    sim.looks(30, 0);
    assert_eq!(sim.ready_workers(), 1);
}

#[test]
fn a_worker_that_has_grown_too_far_is_killed_and_comes_back() {
    let mut sim = Sim::running(Plan { evil_rss: 100, evil_as: 1000, ..plan(3) });
    assert!(sim.s.wants_numbers() && sim.s.wants_memory());
    sim.pass(Duration::from_secs(20));
    let all: Vec<ChildId> = (1..=3).map(|id| sim.worker(id)).collect();
    let sizes = [(100, 1000), (101, 10), (10, 1001)];
    let memory = all.iter().zip(sizes).map(|(&c, (rss, vsz))| (c, Footprint { rss, vsz })).collect();
    sim.feed(Event::Seen(Numbers { memory, ..Numbers::default() }));
    assert_eq!(sim.worker(1), all[0]);
    assert!(!sim.procs.contains_key(&all[1]) && !sim.procs.contains_key(&all[2]));
    assert_eq!(sim.ready_workers(), 3);
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 2);
}
