//! One number, one process (`worker-id-exclusive`).

use super::sim::{Sim, plan};
use crate::supervisor::{Action, Event, Plan, Stage};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::background::{Aide, AideKind};
use uswgi_proto::scoreboard::Outcome;
use uswgi_proto::scoreboard::Restart::{Harakiri, MaxRequests, Operator};

fn exclusive(workers: u32) -> Plan {
    Plan { exclusive: true, ..plan(workers) }
}

fn forked(sim: &Sim, worker_id: u32) -> usize {
    sim.starts_of(worker_id).len()
}

#[test]
fn a_successor_starts_when_the_number_is_free_not_before() {
    for reason in [MaxRequests, Harakiri, Operator] {
        let mut sim = Sim::running(exclusive(2));
        sim.good = false;
        let old = sim.worker(1);
        sim.feed(Event::Replace { child: old, reason });
        assert_eq!(sim.count(|a| *a == Action::Retire { child: old, hand_over: true }), 1);
        assert_eq!((sim.of(1).as_slice(), forked(&sim, 1)), (&[old][..], 1));
        sim.die(old, Ended::Code(0));
        assert_eq!(forked(&sim, 1), 2);
        let why = |a: &Action| matches!(a, Action::Restarted { why, end: 0, .. } if *why == reason);
        assert_eq!(sim.count(why), 1, "counted with its reason");
        assert_eq!(sim.count(|a| *a == Action::CountDeath), 0);
        assert!(!sim.twice);
    }
}

#[test]
fn one_at_a_time_leaves_and_the_next_one_when_its_successor_accepts() {
    let mut sim = Sim::running(exclusive(3));
    sim.good = false;
    sim.feed(Event::Reload);
    let template = sim.template();
    assert_eq!(sim.s.workers(Stage::Retiring).count(), 0, "nobody leaves before the application is loaded");
    sim.ready(template);
    for id in 1..=3 {
        assert_eq!((sim.s.workers(Stage::Retiring).count(), sim.ready_workers()), (1, 2));
        let old = sim.worker(id);
        sim.die(old, Ended::Code(0));
        assert_eq!(sim.s.workers(Stage::Retiring).count(), 0, "the successor of {id} has to accept first");
        sim.ready(sim.worker(id));
    }
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
    assert!(!sim.twice);
}

#[test]
fn as_many_leave_at_a_time_as_the_surplus_says() {
    let mut sim = Sim::running(Plan { surplus: 3, ..exclusive(8) });
    sim.good = false;
    sim.feed(Event::Renew(Operator));
    assert_eq!((sim.s.workers(Stage::Retiring).count(), sim.ready_workers()), (3, 5));
}

#[test]
fn one_worker_alone_says_that_connections_wait() {
    for (workers, said) in [(1, 1), (2, 0)] {
        let mut sim = Sim::running(exclusive(workers));
        sim.feed(Event::Reload);
        let waits = |a: &Action| matches!(a, Action::Log(l) if l.contains("wait in the listen queue"));
        assert_eq!(sim.count(waits), said);
        assert_eq!(sim.outcomes().len(), 1);
        assert!(!sim.twice);
    }
}

#[test]
fn an_application_that_does_not_load_costs_no_worker() {
    for lazy in [false, true] {
        let mut sim = Sim::running(Plan { lazy, ..exclusive(2) });
        sim.good = false;
        sim.feed(Event::Reload);
        let child = sim.template();
        sim.feed(Event::LoadFailed { child, message: "ImportError: no".into() });
        sim.die(child, Ended::Code(22));
        assert_eq!(sim.outcomes()[0].0, Outcome::AppFailed, "lazy {lazy}");
        assert_eq!((sim.ready_workers(), sim.s.workers(Stage::Retiring).count()), (2, 0));
    }
}

#[test]
fn with_lazy_apps_who_tried_the_application_goes_when_it_is_loaded() {
    let mut sim = Sim::running(Plan { lazy: true, ..exclusive(2) });
    sim.feed(Event::Reload);
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
    assert_eq!(sim.procs.values().filter(|p| p.kind.seat().is_none()).count(), 0);
    assert!(sim.procs.values().all(|p| p.generation == 2));
    assert!(!sim.twice);
}

#[test]
fn nobody_leaves_while_no_template_could_fork_a_successor() {
    let mut sim = Sim::running(exclusive(2));
    sim.pass(Duration::from_secs(20));
    sim.good = false;
    sim.die(sim.template(), Ended::Signal(9));
    let old = sim.worker(1);
    sim.feed(Event::Replace { child: old, reason: MaxRequests });
    assert_eq!(sim.s.children()[&old].stage, Stage::Ready);
    sim.ready(sim.template());
    assert_eq!(sim.s.children()[&old].stage, Stage::Retiring);
}

#[test]
fn one_that_has_not_said_hello_keeps_its_number_until_it_is_heard_of() {
    // It says hello late, it never came to be, or its template hangs and is killed.
    for end in 0..3 {
        let mut sim = Sim::running(exclusive(2));
        sim.pass(Duration::from_secs(20));
        (sim.good, sim.slow_hello) = (false, true);
        sim.die(sim.worker(1), Ended::Signal(9));
        let unseen = sim.worker(1);
        sim.feed(Event::Reload);
        sim.ready(sim.template());
        assert_eq!(sim.s.children()[&unseen].stage, Stage::Retiring, "the new template is there");
        assert_eq!(forked(&sim, 1), 2);
        match end {
            0 => {
                sim.ready(unseen);
                assert_eq!(sim.count(|a| matches!(a, Action::Retire { child, .. } if *child == unseen)), 1);
                sim.die(unseen, Ended::Code(0));
            }
            1 => sim.die(unseen, Ended::Code(0)),
            _ => sim.pass(Duration::from_secs(36)),
        }
        assert_eq!(forked(&sim, 1), 3);
        assert!(!sim.twice, "end {end}");
    }
}

#[test]
fn a_reload_can_turn_it_on_and_the_default_has_two_of_a_number() {
    let mut sim = Sim::running(plan(2));
    sim.feed(Event::Reload);
    assert!(sim.twice, "the successor comes first");
    sim.twice = false;
    sim.config = Some(Ok(exclusive(2)));
    sim.feed(Event::Reload);
    assert!(!sim.twice);
    assert_eq!(sim.outcomes().len(), 2);
}

#[test]
fn more_workers_take_free_numbers_before_those_that_still_drain() {
    let mut sim = Sim::running(exclusive(3));
    sim.good = false;
    sim.feed(Event::Scale(crate::supervisor::ScaleTo::Workers(1)));
    sim.feed(Event::Seen(Default::default()));
    let drains: Vec<u32> = (1..=3).filter(|&id| !sim.s.on().contains(&id)).collect();
    sim.die(sim.worker(drains[1]), Ended::Code(0));
    sim.feed(Event::Scale(crate::supervisor::ScaleTo::Workers(2)));
    assert!(sim.s.on().contains(&drains[1]), "{:?}", sim.s.on());
    assert!(!sim.twice);
}

#[test]
fn a_name_of_an_aide_is_not_given_away_before_its_fork_is_heard_of() {
    let mule = Aide { kind: AideKind::Mule, number: 1 };
    let mut sim = Sim::running(Plan { aides: vec![mule], ..plan(1) });
    sim.pass(Duration::from_secs(20));
    (sim.good, sim.slow_hello) = (false, true);
    let of = |sim: &Sim| {
        let is = |k: crate::supervisor::ProcessKind| k.aide().is_some_and(|a| a.aide == mule);
        sim.procs.iter().filter(|(_, p)| is(p.kind)).map(|(&id, _)| id).collect::<Vec<_>>()
    };
    let first = of(&sim)[0];
    sim.die(first, Ended::Signal(9));
    let unseen = of(&sim)[0];
    sim.feed(Event::RenewAides(AideKind::Mule));
    assert_eq!(of(&sim), [unseen], "it may live");
    sim.die(unseen, Ended::Code(0));
    assert_eq!(of(&sim).len(), 1);
    assert!(!sim.twice);
}
