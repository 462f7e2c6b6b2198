//! Deaths, and what follows them.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, ChildId, Event, Stage};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::scoreboard::Restart;

#[test]
fn a_worker_that_served_is_replaced_at_once() {
    let mut sim = Sim::running(plan(2));
    sim.pass(Duration::from_secs(5));
    let old = sim.worker(1);
    sim.die(old, Ended::Signal(9));
    assert_eq!(sim.ready_workers(), 2);
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 1);
    assert_eq!(sim.s.children()[&sim.worker(1)].respawns, 1);
}

#[test]
fn when_a_worker_was_killed_the_others_look_for_the_connection_that_it_was_woken_for() {
    let mut sim = Sim::running(plan(3));
    sim.pass(Duration::from_secs(5));
    sim.good = false;
    let (dead, a, b) = (sim.worker(1), sim.worker(2), sim.worker(3));
    let looks = |sim: &Sim, child| sim.count(|a| *a == Action::Accept { child, on: true });
    // The master's own kill: the successor comes before the death, and may accept before it is known to.
    sim.feed(Event::Stuck { child: dead, lost: false });
    let successor = sim.worker(1);
    assert_ne!(successor, dead);
    assert_eq!((looks(&sim, a), looks(&sim, b), looks(&sim, successor)), (1, 1, 0));
    sim.feed(Event::Ready { child: successor });
    assert_eq!(looks(&sim, successor), 1);
    // One that comes afterwards looks when it begins.
    sim.die(a, Ended::Code(1));
    let later = sim.worker(2);
    sim.feed(Event::Ready { child: later });
    assert_eq!((looks(&sim, b), looks(&sim, successor), looks(&sim, later)), (2, 2, 0));
    // Who leaves when told to has passed on what it knew; while the instance pauses nobody looks.
    sim.feed(Event::Retire { worker_id: 3 });
    sim.feed(Event::Ready { child: sim.worker(3) });
    sim.die(b, Ended::Code(0));
    assert_eq!(looks(&sim, later), 0);
    sim.feed(Event::Pause);
    sim.die(successor, Ended::Signal(9));
    assert_eq!(looks(&sim, later), 0);
    sim.feed(Event::Pause);
    assert_eq!(looks(&sim, later), 1);
}

#[test]
fn the_reason_of_one_that_dies_soon_after_it_was_ready_is_kept() {
    let mut sim = Sim::running(plan(1));
    let reasons = |sim: &Sim| -> Vec<String> {
        let one = |a: &Action| match a {
            Action::Reason(reason) => Some(reason.clone()),
            _ => None,
        };
        sim.done.iter().filter_map(|(_, a)| one(a)).collect()
    };
    sim.pass(Duration::from_millis(300));
    let child = sim.worker(1);
    let pid = sim.s.children()[&child].pid.unwrap();
    sim.die(child, Ended::Code(9));
    assert_eq!(reasons(&sim), [format!("worker 1 (pid {pid}) exited with code 9, 0.3 s after it was ready")]);
    // One that has served for a while is one of many.
    sim.pass(Duration::from_secs(10));
    let child = sim.worker(1);
    sim.die(child, Ended::Signal(11));
    assert_eq!(reasons(&sim).len(), 1);
}

#[test]
fn one_that_dies_at_once_waits_1_2_4_seconds_and_never_more_than_30() {
    let mut sim = Sim::running(plan(1));
    // Five times it is only somebody who kills workers.
    for _ in 0..5 {
        let child = sim.worker(1);
        sim.die(child, Ended::Signal(9));
        assert_eq!(sim.ready_workers(), 1);
    }
    sim.done.clear();
    sim.good = false;
    for _ in 0..8 {
        let child = sim.worker(1);
        sim.die(child, Ended::Code(1));
        assert_eq!(sim.workers_alive(), 0);
        sim.pass(Duration::from_secs(31));
    }
    let starts = sim.starts_of(1);
    let mut died = starts[0] - Duration::from_secs(1);
    let mut waits = Vec::new();
    for at in &starts {
        waits.push((*at - died).as_secs());
        died += Duration::from_secs(31);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
}

#[test]
fn others_serve_on_while_one_seat_is_in_its_back_off() {
    let mut sim = Sim::running(plan(3));
    sim.good = false;
    let child = sim.worker(2);
    sim.die(child, Ended::Signal(11));
    let starter = sim.worker(2);
    sim.die(starter, Ended::Signal(11));
    assert_eq!(sim.ready_workers(), 2);
    assert!(sim.of(2).is_empty());
}

#[test]
fn a_dead_template_comes_back_when_it_is_needed_and_is_called_mixed() {
    let mut sim = Sim::running(plan(2));
    let template = sim.template();
    sim.pass(Duration::from_secs(20));
    sim.die(template, Ended::Signal(9));
    assert_eq!(sim.procs.len(), 2, "not needed yet");
    let child = sim.worker(1);
    sim.die(child, Ended::Signal(9));
    assert_eq!(sim.procs.len(), 3);
    assert_eq!(sim.ready_workers(), 2);
    assert_eq!(sim.count(|a| matches!(a, Action::Reason(r) if r.contains("mixed"))), 1);
}

#[test]
fn a_template_that_does_not_load_any_more_is_tried_with_back_off_while_others_serve() {
    let mut sim = Sim::running(plan(2));
    sim.pass(Duration::from_secs(20));
    sim.good = false;
    let template = sim.template();
    sim.die(template, Ended::Signal(9));
    let child = sim.worker(1);
    sim.die(child, Ended::Signal(9));
    for _ in 0..3 {
        let template = sim.template();
        sim.feed(Event::LoadFailed { child: template, message: "Traceback\nImportError: x".into() });
        sim.die(template, Ended::Code(22));
        assert_eq!(sim.procs.len(), 1);
        sim.pass(Duration::from_secs(5));
    }
    assert_eq!(sim.ready_workers(), 1);
    sim.good = true;
    let template = sim.template();
    sim.feed(Event::Ready { child: template });
    assert_eq!(sim.ready_workers(), 2);
}

#[test]
fn a_fork_that_fails_is_tried_again() {
    let mut sim = Sim::running(plan(1));
    sim.pass(Duration::from_secs(20));
    sim.good = false;
    let (template, child) = (sim.template(), sim.worker(1));
    // The world of the simulation gives pids at once; take the actions by hand here.
    sim.procs.remove(&child);
    let forks_the_first = |a: &Action| matches!(a, Action::Fork { birth, .. } if birth.kind.seat().is_some_and(|s| s.worker_id == 1));
    let actions = sim.s.handle(Event::Exited { child, how: Ended::Signal(9) }, sim.now);
    assert!(actions.iter().any(forks_the_first), "{actions:?}");
    let message = "Resource temporarily unavailable".to_string();
    let actions = sim.s.handle(Event::ForkFailed { template, worker_id: 1, aide: None, message }, sim.now);
    assert!(actions.iter().any(|a| matches!(a, Action::Forget { .. })), "{actions:?}");
    let later = sim.s.next_deadline().unwrap();
    let actions = sim.s.handle(Event::Tick, later);
    assert!(actions.iter().any(forks_the_first), "{actions:?}");
}

#[test]
fn a_process_that_ends_before_its_hello_is_a_failed_start_without_a_kill() {
    let mut sim = Sim::running(plan(1));
    sim.pass(Duration::from_secs(20));
    let child = sim.worker(1);
    sim.procs.remove(&child);
    let actions = sim.s.handle(Event::Exited { child, how: Ended::Signal(9) }, sim.now);
    let fork = actions.iter().find_map(|a| match a {
        Action::Fork { birth, .. } => Some(birth.child),
        _ => None,
    });
    let actions = sim.s.handle(Event::Closed { child: fork.unwrap() }, sim.now);
    assert!(!actions.iter().any(|a| matches!(a, Action::Kill { .. })), "{actions:?}");
    assert!(sim.s.children().values().all(|c| !c.is_worker()));
}

#[test]
fn one_that_closes_its_socket_but_stays_is_killed_after_five_seconds() {
    let mut sim = Sim::running(plan(1));
    let child = sim.worker(1);
    sim.feed(Event::Closed { child });
    sim.pass(Duration::from_secs(4));
    assert_eq!(sim.worker(1), child);
    sim.pass(Duration::from_secs(2));
    assert_ne!(sim.worker(1), child);
    assert_eq!(sim.ready_workers(), 1);
}

#[test]
fn a_stuck_worker_is_killed_and_replaced() {
    let mut sim = Sim::running(plan(2));
    sim.pass(Duration::from_secs(60));
    let child = sim.worker(2);
    sim.feed(Event::Stuck { child, lost: false });
    assert_ne!(sim.worker(2), child);
    assert_eq!(sim.ready_workers(), 2);
    assert_eq!(sim.s.workers(Stage::Killed).count(), 0);
}

#[test]
fn a_worker_that_asked_for_a_successor_is_not_stuck() {
    let mut sim = Sim::running(plan(2));
    sim.pass(Duration::from_secs(60));
    let child = sim.worker(2);
    sim.slow_hello = true;
    // What it asked for before does not hide it.
    for reason in [Restart::MaxRequests, Restart::Harakiri] {
        sim.feed(Event::Replace { child, reason });
    }
    sim.feed(Event::Stuck { child, lost: false });
    assert_eq!(sim.s.children()[&child].stage, Stage::Ready);
    sim.good = false;
    let leaving = sim.worker(1);
    sim.feed(Event::Stop);
    assert_eq!(sim.s.children()[&leaving].stage, Stage::Retiring);
    sim.feed(Event::Stuck { child: leaving, lost: false });
    assert_eq!(sim.count(|a| matches!(a, Action::Kill { .. })), 0, "the mercy ends them");
    sim.feed(Event::Stuck { child: leaving, lost: true });
    assert_eq!(sim.count(|a| *a == Action::Kill { child: leaving }), 1, "there is nothing to wait for");
}

#[test]
fn workers_in_which_nothing_can_end_do_not_wait_for_each_other() {
    let mut sim = Sim::running(plan(4));
    sim.pass(Duration::from_secs(60));
    let lost: Vec<ChildId> = (1..=4).map(|id| sim.worker(id)).collect();
    for &child in &lost {
        sim.feed(Event::Replace { child, reason: Restart::Harakiri });
    }
    for &child in &lost {
        sim.feed(Event::Stuck { child, lost: true });
    }
    assert!((1..=4).all(|id| !lost.contains(&sim.worker(id))));
    assert_eq!(sim.ready_workers(), 4);
}

#[test]
fn a_template_that_does_not_answer_is_killed_and_replaced() {
    let mut sim = Sim::running(plan(2));
    sim.pass(Duration::from_secs(20));
    sim.slow_hello = true;
    let hung = sim.template();
    let child = sim.worker(1);
    sim.die(child, Ended::Signal(9));
    sim.pass(Duration::from_secs(29));
    assert_eq!(sim.template(), hung);
    assert_eq!(sim.ready_workers(), 1);
    sim.slow_hello = false;
    sim.pass(Duration::from_secs(5));
    assert_ne!(sim.template(), hung);
    assert_eq!(sim.ready_workers(), 2);
}
