//! Spoolers and mules.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, ChildId, Event, Plan, Stage};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::background::{Aide, AideKind};
use uswgi_proto::scoreboard::Restart;

fn aide(kind: AideKind, number: u32) -> Aide {
    Aide { kind, number }
}

fn with_aides(lazy: bool) -> Plan {
    let aides = vec![aide(AideKind::Spooler, 1), aide(AideKind::Mule, 1), aide(AideKind::Mule, 2)];
    Plan { aides, lazy, ..plan(2) }
}

/// The process of a name; at no time are there two.
fn of(sim: &Sim, name: Aide) -> Option<ChildId> {
    let mut all = sim.s.children().iter().filter(|(_, c)| c.aide() == Some(name)).map(|(&id, _)| id);
    let found = all.next();
    assert!(all.next().is_none(), "two processes are {name}");
    found
}

#[test]
fn each_name_has_one_process_and_workers_are_not_counted_with_them() {
    for lazy in [false, true] {
        let plan = with_aides(lazy);
        let sim = Sim::running(plan.clone());
        for name in plan.aides {
            let child = of(&sim, name).unwrap();
            assert_eq!(sim.s.children()[&child].stage, Stage::Ready);
        }
        assert_eq!((sim.s.workers_wanted(), sim.ready_workers()), (2, 2));
    }
}

#[test]
fn one_that_dies_is_started_again_and_one_that_dies_at_once_waits() {
    let mut sim = Sim::running(with_aides(false));
    let mule = aide(AideKind::Mule, 2);
    sim.pass(Duration::from_secs(60));
    let before = of(&sim, mule).unwrap();
    sim.die(before, Ended::Signal(9));
    let after = of(&sim, mule).unwrap();
    assert_ne!(before, after);
    assert_eq!(sim.count(|a| matches!(a, Action::AideEnded { died: true, end: -9, .. })), 1);
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 0, "it is no worker");
    let mut starts = 0;
    while let Some(child) = of(&sim, mule) {
        sim.die(child, Ended::Code(1));
        starts += 1;
        assert!(starts < 20);
    }
    sim.pass(Duration::from_secs(2));
    assert!(of(&sim, mule).is_some());
}

#[test]
fn one_that_makes_room_is_no_death() {
    let mut sim = Sim::running(with_aides(false));
    let spooler = aide(AideKind::Spooler, 1);
    for _ in 0..30 {
        let child = of(&sim, spooler).unwrap();
        sim.feed(Event::Replace { child, reason: Restart::MaxRequests });
        sim.die(child, Ended::Code(0));
    }
    assert!(of(&sim, spooler).is_some(), "it never waits");
    assert_eq!(sim.count(|a| matches!(a, Action::AideEnded { died: true, .. })), 0);
}

#[test]
fn a_reload_changes_hands_when_the_new_generation_serves() {
    let mut sim = Sim::running(with_aides(false));
    let mule = aide(AideKind::Mule, 1);
    let before = of(&sim, mule).unwrap();
    sim.config = Some(Ok(Plan { aides: vec![mule], ..with_aides(false) }));
    sim.feed(Event::Reload);
    let after = of(&sim, mule).unwrap();
    assert_ne!(before, after);
    assert_eq!(sim.s.children()[&after].generation, 2);
    assert!(of(&sim, aide(AideKind::Mule, 2)).is_none(), "it is not wanted any more");
    let order = |wanted: &dyn Fn(&Action) -> bool| sim.done.iter().position(|(_, a)| wanted(a)).unwrap();
    let retired = order(&|a| matches!(a, Action::Retire { child, .. } if *child == before));
    assert!(order(&|a| matches!(a, Action::Commit { generation: 2 })) < retired);
}

#[test]
fn a_successor_waits_for_the_end_of_who_it_replaces_and_mercy_ends() {
    let mut sim = Sim::running(with_aides(false));
    sim.good = false;
    let mule = aide(AideKind::Mule, 1);
    let before = of(&sim, mule).unwrap();
    sim.feed(Event::RenewAides(AideKind::Mule));
    sim.pass(Duration::from_millis(19_900));
    assert_eq!(of(&sim, mule), Some(before));
    let spooler = of(&sim, aide(AideKind::Spooler, 1)).unwrap();
    assert_eq!(sim.s.children()[&spooler].stage, Stage::Ready, "spoolers are not meant");
    sim.pass(Duration::from_millis(200));
    assert_eq!(sim.count(|a| *a == Action::Kill { child: before }), 1);
    assert_ne!(of(&sim, mule), Some(before));
}

#[test]
fn the_end_waits_for_them() {
    let mut sim = Sim::running(with_aides(false));
    sim.good = false;
    let all: Vec<ChildId> = sim.s.children().keys().copied().collect();
    let mule = of(&sim, aide(AideKind::Mule, 1)).unwrap();
    sim.feed(Event::Stop);
    for child in all.into_iter().filter(|&c| c != mule) {
        sim.die(child, Ended::Code(0));
    }
    assert_eq!(sim.exit, None);
    sim.die(mule, Ended::Code(0));
    assert_eq!(sim.exit, Some(uswgi_proto::exit::Exit::Ok));
}
