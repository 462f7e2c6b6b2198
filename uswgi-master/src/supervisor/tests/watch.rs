//! `reload-watch`, a warm-up that fails, and how a generation is taken back.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, Event, Plan};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::scoreboard::{InstanceState, Outcome, Restart};

fn watched(workers: u32) -> Plan {
    Plan { reload_watch: Duration::from_secs(10), reload_waits: true, ..plan(workers) }
}

/// Nobody has asked for it.
fn aside(workers: u32) -> Plan {
    let seconds = Duration::from_secs;
    Plan { reload_watch: seconds(10), keep_previous: seconds(300), ..plan(workers) }
}

fn die_of(sim: &mut Sim, id: u32, how: Ended) {
    let child = sim.worker(id);
    sim.die(child, how);
}

fn generations(sim: &Sim) -> Vec<u64> {
    let ready = sim.s.workers(crate::supervisor::Stage::Ready);
    let mut all: Vec<u64> = ready.map(|id| sim.s.children()[&id].generation).collect();
    all.sort_unstable();
    all
}

#[test]
fn a_reload_is_over_when_its_workers_have_lived_for_that_long() {
    let mut sim = Sim::running(watched(2));
    let old = sim.template();
    sim.feed(Event::Reload);
    assert_eq!((generations(&sim), sim.outcomes().len()), (vec![2, 2], 0));
    assert!(sim.s.state() == InstanceState::Reloading && sim.procs.contains_key(&old));
    sim.pass(Duration::from_millis(9_900));
    assert!(sim.outcomes().is_empty());
    sim.pass(Duration::from_millis(200));
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
    assert!(!sim.procs.contains_key(&old), "its template is not needed any more");
    assert_eq!(sim.s.current_generation(), 2);
}

#[test]
fn two_deaths_take_it_back_to_forks_of_what_was_never_gone() {
    let mut sim = Sim::running(watched(3));
    let old = sim.template();
    sim.feed(Event::Reload);
    let new = sim.template();
    sim.pass(Duration::from_secs(5));
    let child = sim.worker(1);
    sim.die(child, Ended::Signal(11));
    assert!(sim.outcomes().is_empty(), "one may be an accident");
    let child = sim.worker(2);
    sim.die(child, Ended::Signal(11));
    let outcomes = sim.outcomes();
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].0, Outcome::TakenBack);
    assert!(outcomes[0].1.contains("SIGSEGV") || outcomes[0].1.contains("signal"), "{outcomes:?}");
    assert_eq!(generations(&sim), [1, 1, 1]);
    assert!(sim.procs.contains_key(&old) && !sim.procs.contains_key(&new));
    let back = |a: &Action| matches!(a, Action::Restarted { why: Restart::TakenBack, .. });
    assert_eq!(sim.count(back), 2, "the third seat was filled because its worker had died");
    assert_eq!((sim.s.current_generation(), sim.s.state()), (1, InstanceState::Running));
    // And the next one is a reload like any other.
    sim.feed(Event::Reload);
    sim.pass(Duration::from_secs(11));
    assert_eq!((generations(&sim), sim.s.current_generation()), (vec![3, 3, 3], 3));
}

#[test]
fn a_reload_that_is_over_is_watched_too_and_what_sleeps_comes_back() {
    let mut sim = Sim::running(aside(3));
    sim.feed(Event::Reload);
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())], "nobody waits for it");
    sim.pass(Duration::from_secs(4));
    die_of(&mut sim, 1, Ended::Signal(11));
    assert_eq!(generations(&sim), [2, 2, 2], "one may be an accident");
    die_of(&mut sim, 2, Ended::Code(3));
    assert_eq!(sim.count(|a| *a == Action::BringBack { from: 1, generation: 3 }), 1);
    assert_eq!((generations(&sim), sim.s.current_generation()), (vec![3, 3, 3], 3));
    let (outcome, reason) = sim.outcomes().pop().unwrap();
    assert_eq!(outcome, Outcome::TakenBack);
    assert!(reason.contains("2 workers of generation 2 died (reload-watch); the last: worker 2"), "{reason}");
    // What was brought back is not watched, or the two would alternate for ever.
    for _ in 0..3 {
        die_of(&mut sim, 1, Ended::Signal(11));
    }
    assert_eq!((generations(&sim), sim.outcomes().len()), (vec![3, 3, 3], 2));
}

#[test]
fn nothing_comes_back_late_or_for_what_others_have_killed_or_to_nothing() {
    let stays = |plan: Plan, after: u64, how: Ended| {
        let mut sim = Sim::running(plan);
        sim.feed(Event::Reload);
        sim.pass(Duration::from_secs(after));
        for id in 1..=2 {
            die_of(&mut sim, id, how);
        }
        (sim.s.current_generation(), sim.outcomes().len()) == (2, 1)
    };
    assert!(stays(aside(2), 11, Ended::Signal(11)));
    assert!(stays(aside(2), 1, Ended::Signal(9)));
    assert!(stays(Plan { keep_previous: Duration::ZERO, ..aside(2) }, 1, Ended::Signal(11)));
    assert!(stays(Plan { reload_watch: Duration::ZERO, ..aside(2) }, 1, Ended::Signal(11)));
    assert!(stays(Plan { lazy: true, ..aside(2) }, 1, Ended::Signal(11)));
}

#[test]
fn deaths_before_its_last_worker_accepts_count_without_a_wait_too() {
    let mut sim = Sim::running(aside(2));
    sim.good = false;
    sim.feed(Event::Reload);
    let template = sim.template();
    sim.ready(template);
    for _ in 0..2 {
        let child = sim.worker(1);
        sim.ready(child);
        sim.die(child, Ended::Code(3));
    }
    assert_eq!(sim.outcomes()[0].0, Outcome::TakenBack);
    assert_eq!(sim.s.current_generation(), 1);
}

#[test]
fn none_is_retired_before_its_successor_accepts() {
    let mut sim = Sim::running(watched(2));
    sim.feed(Event::Reload);
    sim.good = false;
    let (first, second) = (sim.worker(1), sim.worker(2));
    sim.die(first, Ended::Code(1));
    let first = sim.worker(1);
    sim.ready(first);
    sim.die(first, Ended::Code(1));
    assert_eq!(sim.outcomes()[0].0, Outcome::TakenBack);
    assert_eq!(sim.procs[&second].retired, None, "it serves until somebody else does");
    let first = sim.worker(1);
    sim.ready(first);
    let successor = sim.worker(2);
    assert!(successor != second && sim.procs[&second].retired.is_none());
    sim.ready(successor);
    assert!(sim.procs[&second].retired.is_some());
    assert_eq!(generations(&sim), [1, 1]);
}

#[test]
fn deaths_count_from_the_first_new_worker_on_and_only_of_the_new() {
    let mut sim = Sim::running(watched(4));
    sim.good = false;
    sim.feed(Event::Reload);
    let template = sim.template();
    sim.ready(template);
    let old: Vec<_> = (2..=4).map(|id| sim.of(id)[0]).collect();
    old.iter().for_each(|&child| sim.die(child, Ended::Signal(9)));
    assert!(sim.outcomes().is_empty(), "those of before do not count");
    for _ in 0..2 {
        let child = sim.worker(1);
        sim.ready(child);
        sim.die(child, Ended::Code(3));
    }
    assert_eq!(sim.outcomes()[0].0, Outcome::TakenBack);
}

#[test]
fn without_it_and_with_lazy_apps_everything_is_as_before() {
    for before in [plan(2), Plan { lazy: true, ..watched(2) }] {
        let mut sim = Sim::running(before);
        sim.feed(Event::Reload);
        assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
        for _ in 0..2 {
            let child = sim.worker(1);
            sim.die(child, Ended::Signal(9));
        }
        assert_eq!(generations(&sim), [2, 2]);
    }
}

#[test]
fn a_stop_and_a_second_reload_meet_the_watch() {
    let mut sim = Sim::running(watched(2));
    sim.feed(Event::Reload);
    sim.feed(Event::Reload);
    sim.pass(Duration::from_secs(10));
    assert_eq!(sim.outcomes().len(), 1, "the second one follows");
    sim.pass(Duration::from_secs(5));
    sim.feed(Event::Stop);
    assert_eq!(sim.outcomes()[1].0, Outcome::Stopped);
    assert_eq!(sim.exit, Some(uswgi_proto::exit::Exit::Ok));
}

#[test]
fn a_warm_up_that_fails_ends_the_start_and_is_no_reload() {
    let failed = |child| Event::WarmupFailed { child, message: "GET /healthz: 500".into() };
    let mut sim = Sim::new(plan(2));
    sim.feed(Event::Tick);
    let template = sim.template();
    sim.ready(template);
    let child = sim.worker(1);
    sim.feed(failed(child));
    let why = |a: &Action| matches!(a, Action::StartFailed { message } if message.contains("/healthz"));
    assert_eq!(sim.count(why), 1);
    // A reload, at once and halfway.
    for halfway in [false, true] {
        let mut sim = Sim::running(plan(2));
        sim.good = false;
        sim.feed(Event::Reload);
        let template = sim.template();
        sim.ready(template);
        let mut child = sim.worker(1);
        if halfway {
            sim.ready(child);
            let old = sim.of(1)[0];
            sim.die(old, Ended::Code(0));
            child = sim.worker(2);
        }
        sim.feed(failed(child));
        sim.die(child, Ended::Code(22));
        let (outcome, reason) = sim.outcomes().remove(0);
        assert_eq!(outcome, Outcome::WarmupFailed, "{halfway}");
        assert!(reason.contains("GET /healthz: 500"));
        if halfway {
            let back = sim.worker(1);
            sim.ready(back);
        }
        assert_eq!(generations(&sim), [1, 1], "{halfway}");
    }
}

#[test]
fn a_successor_whose_warm_up_fails_replaces_nobody() {
    let mut sim = Sim::running(plan(1));
    sim.good = false;
    let old = sim.worker(1);
    sim.feed(Event::Replace { child: old, reason: Restart::MaxRequests });
    let child = sim.worker(1);
    assert_ne!(child, old);
    sim.feed(Event::WarmupFailed { child, message: "GET /healthz: 500".into() });
    sim.die(child, Ended::Code(22));
    assert_eq!((generations(&sim), sim.procs[&old].retired), (vec![1], None));
    assert_eq!(sim.count(|a| matches!(a, Action::Reason(r) if r.contains("/healthz"))), 2);
    sim.pass(Duration::from_secs(2));
    assert_ne!(sim.worker(1), old, "another one tries, later");
}
