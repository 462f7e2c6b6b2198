//! Replacing one worker: its successor first.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, Event, Plan};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::scoreboard::Restart::{self, MaxRequests, Operator, Reload};

#[test]
fn a_worker_is_retired_when_its_successor_accepts_not_before() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    let old = sim.worker(1);
    sim.feed(Event::Replace { child: old, reason: MaxRequests });
    let new = sim.worker(1);
    assert_ne!(old, new);
    assert!(sim.procs[&old].retired.is_none());
    sim.feed(Event::Ready { child: new });
    assert!(sim.procs[&old].retired.is_some());
    assert_eq!(sim.count(|a| *a == Action::Retire { child: old, hand_over: true }), 1);
    let (a, b) = (sim.s.children()[&old].slot(), sim.s.children()[&new].slot());
    assert_ne!(a, b, "another slot");
}

#[test]
fn several_are_replaced_one_after_another_within_the_surplus() {
    let mut sim = Sim::running(plan(4));
    sim.good = false;
    for id in 1..=4 {
        let child = sim.worker(id);
        sim.feed(Event::Replace { child, reason: MaxRequests });
    }
    for id in 1..=4 {
        assert_eq!(sim.workers_alive(), 5, "one successor");
        let (old, new) = (sim.of(id)[0], sim.worker(id));
        sim.feed(Event::Ready { child: new });
        assert_eq!(sim.workers_alive(), 5, "the drainer counts");
        sim.die(old, uswgi_keep::reap::Ended::Code(0));
    }
    assert_eq!(sim.workers_alive(), 4);
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 0);
}

#[test]
fn a_reload_starts_as_many_at_once_as_there_is_room_for_when_the_first_accepts() {
    for (lazy, at_once) in [(false, 3), (true, 1)] {
        let mut sim = Sim::running(Plan { surplus: 3, lazy, ..plan(8) });
        sim.good = false;
        let old: Vec<_> = (1..=8).map(|id| sim.worker(id)).collect();
        sim.feed(Event::Reload);
        if !lazy {
            let template = sim.template();
            sim.feed(Event::Ready { child: template });
        }
        assert_eq!(sim.workers_alive(), 9, "the first is alone");
        let first = sim.worker(1);
        sim.feed(Event::Ready { child: first });
        // The one that drains is above the workers, too.
        assert_eq!(sim.workers_alive(), if lazy { 10 } else { 11 });
        sim.die(old[0], Ended::Code(0));
        assert_eq!(sim.workers_alive(), 8 + at_once, "lazy: {lazy}");
        assert_eq!(
            sim.count(|a| matches!(a, Action::Retire { .. })),
            1,
            "nobody leaves before a successor accepts"
        );
    }
}

#[test]
fn who_is_waited_for_is_preferred_and_who_serves_is_not() {
    let mut sim = Sim::running(plan(1));
    sim.good = false;
    let old = sim.worker(1);
    sim.feed(Event::Replace { child: old, reason: MaxRequests });
    let new = sim.worker(1);
    let said = |sim: &Sim, child, on| sim.count(|a| *a == Action::Prefer { child, on });
    assert_eq!((said(&sim, new, true), said(&sim, new, false)), (1, 0));
    sim.feed(Event::Ready { child: new });
    assert_eq!((said(&sim, new, true), said(&sim, new, false)), (1, 1));
    assert_eq!(said(&sim, old, true), 1, "as it came");
    sim.feed(Event::Finished { child: old });
    assert_eq!(said(&sim, old, true), 2);
}

#[test]
fn a_drainer_beyond_its_mercy_is_killed() {
    let mut sim = Sim::running(plan(1));
    sim.good = false;
    let old = sim.worker(1);
    sim.feed(Event::Replace { child: old, reason: MaxRequests });
    let new = sim.worker(1);
    sim.feed(Event::Ready { child: new });
    sim.pass(Duration::from_millis(9_900));
    assert!(sim.procs.contains_key(&old));
    sim.pass(Duration::from_millis(200));
    assert!(!sim.procs.contains_key(&old));
    assert_eq!(sim.count(|a| *a == Action::Kill { child: old }), 1);
}

#[test]
fn old_age_replaces_too_the_higher_numbers_later() {
    let sim_plan = Plan {
        max_lifetime: Some(Duration::from_secs(60)),
        max_lifetime_delta: Duration::from_secs(5),
        ..plan(3)
    };
    let mut sim = Sim::running(sim_plan);
    let old: Vec<_> = (1..=3).map(|id| sim.worker(id)).collect();
    sim.pass(Duration::from_secs(59));
    assert_eq!(sim.worker(1), old[0]);
    let said = |sim: &Sim| {
        let is = |a: &Action| matches!(a, Action::Log(l) if l.contains("is to be replaced: it is older than max-worker-lifetime"));
        sim.count(is)
    };
    assert_eq!(said(&sim), 0);
    sim.pass(Duration::from_secs(2));
    assert_eq!(said(&sim), 1);
    assert_ne!(sim.worker(1), old[0]);
    assert_eq!(sim.worker(2), old[1]);
    sim.pass(Duration::from_secs(5));
    assert_ne!(sim.worker(2), old[1]);
    assert_eq!(sim.worker(3), old[2]);
}

#[test]
fn a_successor_that_dies_leaves_the_incumbent_and_is_tried_again() {
    let mut sim = Sim::running(plan(1));
    sim.good = false;
    let old = sim.worker(1);
    sim.feed(Event::Replace { child: old, reason: MaxRequests });
    let new = sim.worker(1);
    sim.die(new, uswgi_keep::reap::Ended::Signal(11));
    assert_eq!(sim.of(1), [old]);
    assert_eq!(sim.ready_workers(), 1);
    sim.good = true;
    sim.pass(Duration::from_secs(2));
    assert_ne!(sim.worker(1), old);
    assert_eq!(sim.workers_alive(), 1);
}

#[test]
fn max_requests_has_its_random_part() {
    let sim = Sim::running(Plan { max_requests: 100, max_requests_delta: 50, ..plan(8) });
    let all: Vec<u64> = sim.procs.values().filter(|p| p.max_requests != 0).map(|p| p.max_requests).collect();
    assert_eq!(all.len(), 8);
    assert!(all.iter().all(|n| (100..=150).contains(n)), "{all:?}");
    assert!(all.iter().any(|n| *n != all[0]), "{all:?}");
}

#[test]
fn every_successor_is_counted_with_its_reason() {
    use uswgi_keep::reap::Ended;
    let mut sim = Sim::running(plan(2));
    let reasons = |sim: &Sim| -> Vec<(u32, Restart, i32)> {
        let one = |a: &Action| match *a {
            Action::Restarted { seat, why, end } => Some((seat.worker_id, why, end)),
            _ => None,
        };
        sim.done.iter().filter_map(|(_, a)| one(a)).collect()
    };
    assert_eq!(reasons(&sim), [], "the first ones take nobody's place");
    let child = sim.worker(1);
    sim.die(child, Ended::Signal(11));
    let child = sim.worker(1);
    sim.die(child, Ended::Code(3));
    let child = sim.worker(2);
    sim.feed(Event::Replace { child, reason: MaxRequests });
    let died = [(1, Restart::Signal, -11), (1, Restart::Exited, 3), (2, Restart::MaxRequests, 0)];
    assert_eq!(reasons(&sim), died);
    sim.feed(Event::Reload);
    assert_eq!(reasons(&sim)[3..], [(1, Restart::Reload, 0), (2, Restart::Reload, 0)]);
    sim.feed(Event::Renew(Reload));
    assert_eq!(
        reasons(&sim)[5..],
        [(1, Restart::Reload, 0), (2, Restart::Reload, 0)],
        "nobody asked for these"
    );
    sim.feed(Event::Renew(Operator));
    assert_eq!(reasons(&sim)[7..], [(1, Restart::Operator, 0), (2, Restart::Operator, 0)]);
}
