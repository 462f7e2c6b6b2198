//! Numbers of workers that change by themselves: cheaper, cheap, idle; and workers that grow too far.

use super::sim::{Sim, plan};
use crate::supervisor::{
    Action, Algorithm, Cheaper, ChildId, Ended, Event, Memory, Numbers, Phase, Plan, ScaleTo, Sleep, Stage,
};
use std::collections::BTreeMap;
use std::time::Duration;
use uswgi_conf::instance::Busyness;
use uswgi_proto::scoreboard::InstanceState;

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

fn sleeps(workers: u32, sleep: Sleep) -> Plan {
    Plan { sleep, ..plan(workers) }
}

fn idle(seconds: u64) -> Sleep {
    Sleep { idle: Some(Duration::from_secs(seconds)), ..Sleep::default() }
}

impl Sim {
    /// So many looks, a second apart, in which the first `busy` workers are busy.
    fn looks(&mut self, cycles: u32, busy: usize) {
        for _ in 0..cycles {
            self.pass(Duration::from_secs(1));
            let busy = self.s.workers(Stage::Ready).take(busy).collect();
            self.feed(Event::Seen(Numbers { busy, ..Numbers::default() }));
        }
    }

    /// So many looks, a second apart, after each of which so many requests had been.
    fn requests(&mut self, cycles: u32, requests: u64) {
        for _ in 0..cycles {
            self.pass(Duration::from_secs(1));
            self.feed(Event::Seen(Numbers { requests, ..Numbers::default() }));
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
    sim.feed(Event::Scale(ScaleTo::Workers(9)));
    assert_eq!(sim.ready_workers(), 4);
    sim.looks(30, 0);
    assert_eq!(sim.ready_workers(), 4);
    sim.feed(Event::Scale(ScaleTo::Fewer(3)));
    sim.looks(1, 0);
    assert_eq!((sim.ready_workers(), sim.s.workers_wanted()), (2, 2));
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
fn cheap_loads_the_app_and_starts_workers_with_the_first_connection() {
    let cheap = Sleep { cheap: true, ..Sleep::default() };
    let mut sim = Sim::running(sleeps(2, cheap.clone()));
    assert_eq!((sim.workers_alive(), sim.procs.len()), (0, 1), "the template");
    assert_eq!(sim.s.state(), InstanceState::Running);
    assert!(sim.s.wants_connections() && !sim.s.wants_numbers());
    sim.feed(Event::Pause);
    assert!(!sim.s.wants_connections(), "paused");
    sim.feed(Event::Pause);
    sim.feed(Event::Connection);
    assert_eq!(sim.ready_workers(), 2);
    assert!(!sim.s.wants_connections());
    // A broken app fails the start all the same.
    let mut sim = Sim::new(sleeps(2, cheap));
    sim.feed(Event::Tick);
    assert_eq!(sim.served(), 0);
    let template = sim.template();
    sim.feed(Event::LoadFailed { child: template, message: "no".into() });
    sim.die(template, Ended::Code(22));
    assert_eq!(sim.exit, Some(22));
}

#[test]
fn workers_that_were_sent_away_come_back_with_a_connection() {
    let mut sim = Sim::running(plan(3));
    sim.good = false;
    let busy: Vec<ChildId> = sim.s.workers(Stage::Ready).take(1).collect();
    sim.feed(Event::SendAway);
    let numbers = Numbers { busy: busy.iter().copied().collect(), ..Numbers::default() };
    sim.feed(Event::Seen(numbers));
    let left: Vec<ChildId> = sim.s.workers(Stage::Retiring).collect();
    assert_eq!((left.len(), sim.s.workers_wanted()), (2, 0), "the busy one goes on");
    assert!(sim.s.wants_numbers() && !sim.s.wants_connections());
    sim.feed(Event::Seen(Numbers::default()));
    for child in sim.s.workers(Stage::Retiring).collect::<Vec<_>>() {
        sim.die(child, Ended::Code(0));
    }
    sim.good = true;
    assert!(sim.s.wants_connections() && !sim.s.wants_numbers());
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 0);
    // A reload imports, and wakes nobody.
    sim.feed(Event::Reload);
    assert_eq!((sim.outcomes().len(), sim.workers_alive()), (1, 0));
    sim.feed(Event::Connection);
    assert_eq!((sim.ready_workers(), sim.s.workers_wanted()), (3, 3));
    // From then on it is as before.
    sim.feed(Event::Reload);
    assert_eq!(sim.ready_workers(), 3);
}

#[test]
fn workers_are_not_sent_away_in_a_reload_or_a_start() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    sim.feed(Event::Reload);
    sim.feed(Event::SendAway);
    sim.feed(Event::Seen(Numbers::default()));
    assert_eq!(sim.s.workers_wanted(), 2);
    assert_eq!(sim.count(|a| matches!(a, Action::Log(l) if l.contains("a reload is under way"))), 1);
    let mut sim = Sim::new(plan(2));
    sim.feed(Event::Tick);
    sim.feed(Event::SendAway);
    assert_eq!(sim.count(|a| matches!(a, Action::Log(l) if l.contains("still starting"))), 1);
    assert_eq!(sim.s.workers_wanted(), 2);
    // An operator's number wakes them too.
    let mut sim = Sim::running(plan(2));
    sim.feed(Event::SendAway);
    sim.feed(Event::Seen(Numbers::default()));
    assert_eq!(sim.workers_alive(), 0);
    sim.feed(Event::Scale(ScaleTo::More(1)));
    assert_eq!((sim.ready_workers(), sim.s.workers_wanted()), (1, 1));
}

#[test]
fn idle_ends_the_workers_and_a_connection_brings_them_back() {
    let mut sim = Sim::running(sleeps(3, idle(5)));
    sim.requests(4, 7);
    sim.requests(4, 8);
    assert_eq!(sim.ready_workers(), 3, "there was a request");
    sim.requests(3, 8);
    assert_eq!((sim.workers_alive(), sim.s.workers_wanted()), (0, 0));
    assert_eq!(sim.count(|a| matches!(a, Action::Retire { hand_over: false, .. })), 3);
    assert!(sim.s.wants_connections() && !sim.s.wants_numbers());
    sim.pass(Duration::from_secs(3600));
    sim.feed(Event::Connection);
    assert_eq!(sim.ready_workers(), 3);
    sim.requests(4, 8);
    assert_eq!(sim.ready_workers(), 3, "it counts from the connection on");
}

#[test]
fn a_long_request_keeps_everybody_awake() {
    let mut sim = Sim::running(sleeps(2, idle(3)));
    sim.looks(30, 1);
    assert_eq!(sim.ready_workers(), 2);
    sim.looks(4, 0);
    assert_eq!(sim.ready_workers(), 0);
}

#[test]
fn a_connection_while_the_last_workers_leave_starts_new_ones() {
    let mut sim = Sim::running(sleeps(2, idle(3)));
    sim.good = false;
    sim.requests(3, 1);
    let first: ChildId = sim.worker(1);
    sim.requests(1, 1);
    assert!(sim.procs[&first].retired.is_some());
    assert!(sim.s.wants_connections());
    sim.feed(Event::Connection);
    assert_eq!(sim.s.workers_wanted(), 2);
}

#[test]
fn an_instance_that_sleeps_reloads_and_sleeps_on() {
    let mut sim = Sim::running(sleeps(2, idle(3)));
    sim.requests(5, 0);
    assert_eq!(sim.workers_alive(), 0);
    sim.feed(Event::Reload);
    assert_eq!(sim.outcomes().len(), 1);
    assert_eq!((sim.workers_alive(), sim.s.current_generation()), (0, 2));
    assert!(sim.s.wants_connections());
    sim.feed(Event::Connection);
    assert_eq!(sim.ready_workers(), 2);
    assert!(sim.procs.values().all(|p| p.generation == 2));
}

#[test]
fn die_on_idle_stops_the_instance() {
    let mut sim = Sim::running(sleeps(2, Sleep { die: true, ..idle(3) }));
    sim.requests(2, 0);
    assert_eq!(sim.s.phase(), Phase::Running);
    sim.requests(2, 0);
    assert_eq!(sim.exit, Some(0));
}

#[test]
fn a_worker_that_has_grown_too_far_is_killed_and_comes_back() {
    let mut sim = Sim::running(Plan { evil_rss: 100, evil_as: 1000, ..plan(3) });
    assert!(sim.s.wants_numbers() && sim.s.wants_memory());
    sim.pass(Duration::from_secs(20));
    let all: Vec<ChildId> = (1..=3).map(|id| sim.worker(id)).collect();
    let sizes = [(100, 1000), (101, 10), (10, 1001)];
    let memory = all.iter().zip(sizes).map(|(&c, (rss, vsz))| (c, Memory { rss, vsz })).collect();
    sim.feed(Event::Seen(Numbers { memory, ..Numbers::default() }));
    assert_eq!(sim.worker(1), all[0]);
    assert!(!sim.procs.contains_key(&all[1]) && !sim.procs.contains_key(&all[2]));
    assert_eq!(sim.ready_workers(), 3);
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 2);
}
