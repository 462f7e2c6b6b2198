//! How many workers there are, as an operator says.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, ChildId, Event, Numbers, Plan, ScaleTo, Stage};
use std::time::Duration;
use uswgi_keep::reap::Ended;

fn busy(children: &[ChildId]) -> Event {
    Event::Seen(Numbers { busy: children.iter().copied().collect(), ..Numbers::default() })
}

#[test]
fn more_workers_come_at_once_and_the_number_is_shown() {
    let mut sim = Sim::running(plan(2));
    sim.feed(Event::Scale(ScaleTo::More(3)));
    assert_eq!((sim.ready_workers(), sim.s.workers_wanted()), (5, 5));
    sim.feed(Event::Scale(ScaleTo::Workers(6)));
    assert_eq!(sim.ready_workers(), 6);
    assert!(!sim.s.wants_numbers(), "nothing is to be looked at");
}

#[test]
fn fewer_workers_leave_once_they_are_seen_idle_the_oldest_first() {
    let mut sim = Sim::running(plan(4));
    let all: Vec<ChildId> = (1..=4).map(|id| sim.worker(id)).collect();
    sim.feed(Event::Scale(ScaleTo::Fewer(2)));
    assert_eq!(sim.ready_workers(), 4, "nobody has looked whether they are busy");
    assert!(sim.s.wants_numbers());
    sim.feed(busy(&all));
    assert_eq!(sim.ready_workers(), 4, "all are busy");
    sim.feed(busy(&[all[0], all[1], all[3]]));
    assert_eq!(sim.ready_workers(), 3);
    assert_eq!(sim.count(|a| *a == Action::Retire { child: all[2], hand_over: true }), 1);
    sim.feed(busy(&[]));
    assert_eq!((sim.ready_workers(), sim.s.workers_wanted()), (2, 2));
    assert_eq!(sim.count(|a| *a == Action::Retire { child: all[0], hand_over: true }), 1);
    assert!(!sim.s.wants_numbers());
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 0);
}

#[test]
fn a_number_out_of_bounds_is_brought_within_them() {
    let mut sim = Sim::running(plan(2));
    sim.feed(Event::Scale(ScaleTo::Workers(0)));
    assert_eq!(sim.s.workers_wanted(), 1);
    sim.feed(Event::Scale(ScaleTo::Workers(1000)));
    assert_eq!(sim.s.workers_wanted(), 28, "half of 64 slots, less 8");
    assert_eq!(sim.ready_workers(), 28);
}

#[test]
fn a_worker_that_is_too_many_and_dies_is_not_replaced() {
    let mut sim = Sim::running(plan(3));
    let all: Vec<ChildId> = (1..=3).map(|id| sim.worker(id)).collect();
    sim.feed(Event::Scale(ScaleTo::Workers(2)));
    sim.feed(busy(&all));
    sim.die(all[0], Ended::Signal(9));
    assert_eq!((sim.workers_alive(), sim.s.workers_wanted()), (2, 2));
    sim.pass(Duration::from_secs(60));
    assert!(sim.of(1).is_empty());
}

#[test]
fn a_number_outlives_reloads_until_the_configuration_has_another() {
    let mut sim = Sim::running(plan(2));
    sim.feed(Event::Scale(ScaleTo::Workers(4)));
    sim.feed(Event::Reload);
    assert_eq!((sim.ready_workers(), sim.s.workers_wanted()), (4, 4));
    sim.config = Some(Ok(plan(3)));
    sim.feed(Event::Reload);
    assert_eq!((sim.ready_workers(), sim.workers_alive()), (3, 3));
    sim.feed(Event::Reload);
    assert_eq!(sim.s.workers_wanted(), 3);
    assert_eq!(sim.outcomes().len(), 3);
}

#[test]
fn busy_workers_that_are_too_many_do_not_hold_up_a_reload() {
    let mut sim = Sim::running(plan(2));
    sim.feed(Event::Scale(ScaleTo::Workers(6)));
    let all: Vec<ChildId> = (1..=6).map(|id| sim.worker(id)).collect();
    sim.feed(Event::Scale(ScaleTo::Workers(2)));
    sim.feed(busy(&all));
    sim.feed(Event::Reload);
    assert_eq!((sim.ready_workers(), sim.workers_alive()), (2, 2));
    assert_eq!(sim.outcomes().len(), 1);
}

#[test]
fn a_reload_meanwhile_replaces_as_many_as_are_wanted_then() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    sim.feed(Event::Reload);
    let template = sim.template();
    sim.feed(Event::Ready { child: template });
    sim.feed(Event::Scale(ScaleTo::Workers(3)));
    for _ in 0..8 {
        for child in sim.s.workers(Stage::Starting).collect::<Vec<_>>() {
            sim.ready(child);
        }
        for child in sim.s.workers(Stage::Retiring).collect::<Vec<_>>() {
            sim.die(child, Ended::Code(0));
        }
    }
    assert_eq!(sim.outcomes().len(), 1);
    assert_eq!((sim.ready_workers(), sim.workers_alive()), (3, 3));
    assert!(sim.procs.values().all(|p| p.generation == 2 || p.closed));
}

#[test]
fn more_workers_wait_for_those_that_leave_when_there_is_no_room() {
    let mut sim = Sim::running(plan(4));
    sim.good = false;
    sim.feed(Event::Scale(ScaleTo::Workers(1)));
    sim.feed(busy(&[]));
    assert_eq!((sim.ready_workers(), sim.workers_alive()), (1, 4));
    sim.feed(Event::Scale(ScaleTo::Workers(4)));
    assert_eq!(sim.workers_alive(), 5, "as many as during a replacement");
    let leaving = sim.s.workers(Stage::Retiring).next().unwrap();
    sim.die(leaving, Ended::Code(0));
    assert_eq!(sim.workers_alive(), 5);
    // The one that serves is not among those that wait.
    let serving = sim.s.workers(Stage::Ready).next().unwrap();
    sim.die(serving, Ended::Signal(9));
    assert_eq!(sim.workers_alive(), 5);
}

#[test]
fn retire_replaces_one_worker_and_its_successor_comes_first() {
    let mut sim = Sim::running(Plan { lazy: true, ..plan(2) });
    sim.good = false;
    let old = sim.worker(2);
    sim.feed(Event::Retire { worker_id: 2 });
    let new = sim.worker(2);
    assert!(sim.procs[&old].retired.is_none());
    sim.feed(Event::Ready { child: new });
    assert!(sim.procs[&old].retired.is_some());
    sim.feed(Event::Retire { worker_id: 9 });
    assert_eq!(sim.count(|a| matches!(a, Action::Log(l) if l.contains("no worker 9"))), 1);
}

#[test]
fn kill_ends_one_worker_now_and_it_comes_back_without_a_wait() {
    let mut sim = Sim::running(plan(2));
    let old = sim.worker(2);
    for n in 1..=10 {
        sim.feed(Event::Kill { worker_id: 2 });
        assert_eq!(sim.ready_workers(), 2, "after {n}");
    }
    assert_eq!(sim.count(|a| *a == Action::Kill { child: old }), 1);
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 0, "it was asked for");
    sim.feed(Event::Kill { worker_id: 3 });
    assert_eq!(sim.workers_alive(), 2);
}

#[test]
fn kill_takes_the_oldest_process_of_a_number() {
    let mut sim = Sim::running(plan(1));
    sim.good = false;
    let old = sim.worker(1);
    sim.feed(Event::Retire { worker_id: 1 });
    let new = sim.worker(1);
    sim.feed(Event::Ready { child: new });
    sim.feed(Event::Kill { worker_id: 1 });
    assert!(!sim.procs.contains_key(&old) && sim.procs.contains_key(&new));
}
