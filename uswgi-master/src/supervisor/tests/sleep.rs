//! Instances without workers: cheap, idle, an operator who sends them away; and what wakes them.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, ChildId, Event, Numbers, Phase, Plan, ScaleTo, Sleep, Stage};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::{InstanceState, Outcome};

fn sleeps(workers: u32, sleep: Sleep) -> Plan {
    Plan { sleep, ..plan(workers) }
}

fn idle(seconds: u64) -> Sleep {
    Sleep { idle: Some(Duration::from_secs(seconds)), ..Sleep::default() }
}

impl Sim {
    /// So many looks, a second apart, after each of which so many requests had been.
    fn requests(&mut self, cycles: u32, requests: u64) {
        for _ in 0..cycles {
            self.pass(Duration::from_secs(1));
            self.feed(Event::Seen(Numbers { requests, ..Numbers::default() }));
        }
    }
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
    assert_eq!(sim.exit, Some(Exit::AppFailed));
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
fn a_lazy_instance_that_sleeps_loads_the_app_once_before_a_reload_is_done() {
    let lazy = Plan { lazy: true, ..sleeps(3, idle(3)) };
    let mut sim = Sim::running(lazy);
    sim.requests(5, 0);
    assert_eq!(sim.workers_alive(), 0);
    sim.good = false;
    sim.feed(Event::Reload);
    assert_eq!((sim.workers_alive(), sim.outcomes().len()), (1, 0), "one worker, whose readiness decides");
    let probe = sim.worker(1);
    sim.ready(probe);
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
    assert_eq!((sim.s.workers_wanted(), sim.s.current_generation()), (0, 2));
    assert_eq!(sim.s.workers(Stage::Retiring).collect::<Vec<_>>(), [probe], "it sleeps on");
    assert!(sim.s.wants_connections());
    sim.die(probe, Ended::Code(0));
    sim.good = true;
    sim.feed(Event::Connection);
    assert_eq!(sim.ready_workers(), 3);
}

#[test]
fn a_lazy_instance_that_sleeps_refuses_an_app_that_does_not_load() {
    let mut sim = Sim::running(Plan { lazy: true, ..sleeps(3, idle(3)) });
    sim.requests(5, 0);
    sim.good = false;
    sim.feed(Event::Reload);
    let probe = sim.worker(1);
    sim.feed(Event::LoadFailed { child: probe, message: "no".into() });
    assert_eq!(sim.outcomes(), [(Outcome::AppFailed, "no".into())]);
    sim.die(probe, Ended::Code(22));
    assert_eq!((sim.workers_alive(), sim.s.workers_wanted(), sim.s.current_generation()), (0, 0, 1));
    assert!(sim.s.wants_connections(), "it sleeps on");
    // Who asks for workers meanwhile gets them: the first one shows whether the application loads.
    sim.feed(Event::Reload);
    sim.feed(Event::Scale(ScaleTo::Workers(2)));
    for id in 1..=2 {
        let worker = sim.worker(id);
        sim.ready(worker);
    }
    assert_eq!((sim.ready_workers(), sim.outcomes().len(), sim.s.workers_wanted()), (2, 2, 2));
}

#[test]
fn a_cheap_and_lazy_start_loads_the_app_once() {
    let plan = Plan { lazy: true, ..sleeps(2, Sleep { cheap: true, ..Sleep::default() }) };
    let mut sim = Sim::running(plan.clone());
    assert_eq!((sim.workers_alive(), sim.s.workers_wanted()), (0, 0));
    assert_eq!(sim.starts_of(1).len(), 1);
    sim.feed(Event::Connection);
    assert_eq!(sim.ready_workers(), 2);
    let mut sim = Sim::new(plan);
    sim.feed(Event::Tick);
    assert_eq!(sim.served(), 0);
    let probe = sim.worker(1);
    sim.feed(Event::LoadFailed { child: probe, message: "no".into() });
    sim.die(probe, Ended::Code(22));
    assert_eq!(sim.exit, Some(Exit::AppFailed));
}

#[test]
fn die_on_idle_stops_the_instance() {
    let mut sim = Sim::running(sleeps(2, Sleep { die: true, ..idle(3) }));
    sim.requests(2, 0);
    assert_eq!(sim.s.phase(), Phase::Running);
    sim.requests(2, 0);
    assert_eq!(sim.exit, Some(Exit::Ok));
}
