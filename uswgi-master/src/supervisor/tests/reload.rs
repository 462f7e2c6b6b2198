//! From HUP to the outcome.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, Event, Plan, Stage};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::{InstanceState, Outcome, Restart};

#[test]
fn the_new_template_loads_then_worker_by_worker() {
    let mut sim = Sim::running(plan(3));
    sim.good = false;
    let old: Vec<_> = (1..=3).map(|id| sim.worker(id)).collect();
    let old_template = sim.template();
    sim.feed(Event::Reload);
    assert_eq!(sim.s.state(), InstanceState::Reloading);
    let template = sim.template();
    assert_ne!(template, old_template);
    assert_eq!(sim.workers_alive(), 3, "nothing changes before the app is loaded");
    sim.feed(Event::Ready { child: template });
    for (id, old) in (1..=3).zip(old) {
        assert!(sim.outcomes().is_empty());
        assert_eq!(sim.workers_alive(), 4);
        assert!(sim.procs[&old].retired.is_none());
        let new = sim.worker(id);
        sim.feed(Event::Ready { child: new });
        assert!(sim.procs[&old].retired.is_some());
        assert_eq!(sim.ready_workers(), 3);
        sim.die(old, Ended::Code(0));
    }
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
    assert!(sim.procs[&old_template].closed);
    assert_eq!(sim.s.current_generation(), 2);
    assert_eq!(sim.s.state(), InstanceState::Running);
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 0);
}

#[test]
fn a_bad_configuration_changes_nothing() {
    let mut sim = Sim::running(plan(2));
    sim.config = Some(Err("uwsgi.ini:3: no such option".into()));
    let before: Vec<_> = sim.procs.keys().copied().collect();
    sim.feed(Event::Reload);
    assert_eq!(sim.procs.keys().copied().collect::<Vec<_>>(), before);
    assert_eq!(sim.outcomes(), [(Outcome::BadConfig, "uwsgi.ini:3: no such option".to_string())]);
    assert_eq!(sim.s.state(), InstanceState::Running);
}

#[test]
fn an_app_that_does_not_load_changes_nothing() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    let workers = [sim.worker(1), sim.worker(2)];
    let old = sim.template();
    sim.feed(Event::Reload);
    let template = sim.template();
    sim.feed(Event::LoadFailed { child: template, message: "ImportError: y".into() });
    assert_eq!(sim.outcomes(), [(Outcome::AppFailed, "ImportError: y".to_string())]);
    sim.die(template, Ended::Code(22));
    assert_eq!([sim.worker(1), sim.worker(2)], workers);
    assert_eq!(sim.template(), old);
    assert_eq!(sim.s.current_generation(), 1);
    // And the old generation still replaces its dead.
    sim.good = true;
    sim.pass(Duration::from_secs(20));
    sim.die(workers[0], Ended::Signal(9));
    assert_eq!(sim.procs[&sim.worker(1)].generation, 1);
}

#[test]
fn a_template_that_crashes_or_hangs_while_it_loads_changes_nothing() {
    let mut sim = Sim::running(plan(1));
    sim.good = false;
    sim.feed(Event::Reload);
    let template = sim.template();
    sim.die(template, Ended::Signal(11));
    assert_eq!(sim.outcomes()[0].0, Outcome::AppFailed);
    assert!(sim.outcomes()[0].1.contains("SIGSEGV"), "{:?}", sim.outcomes());
    sim.feed(Event::Reload);
    sim.pass(Duration::from_secs(301));
    assert_eq!(sim.outcomes()[1].0, Outcome::AppFailed);
    assert!(sim.outcomes()[1].1.contains("not ready after 300 s"), "{:?}", sim.outcomes());
    assert_eq!(sim.ready_workers(), 1);
}

#[test]
fn hups_during_a_reload_are_one_more_reload_after_it() {
    let mut sim = Sim::running(plan(1));
    sim.good = false;
    sim.feed(Event::Reload);
    for _ in 0..5 {
        sim.feed(Event::Reload);
    }
    assert_eq!(sim.count(|a| *a == Action::ReloadStarted), 1);
    sim.good = true;
    let template = sim.template();
    sim.feed(Event::Ready { child: template });
    assert_eq!(sim.count(|a| *a == Action::ReloadStarted), 2);
    assert_eq!(sim.outcomes().len(), 2);
    assert_eq!(sim.s.current_generation(), 3);
    assert_eq!(sim.procs.len(), 2);
}

#[test]
fn a_worker_that_dies_during_the_load_comes_back_in_the_old_generation() {
    let mut sim = Sim::running(plan(2));
    sim.pass(Duration::from_secs(20));
    sim.good = false;
    sim.feed(Event::Reload);
    let child = sim.worker(1);
    sim.die(child, Ended::Signal(9));
    let new = sim.worker(1);
    assert_eq!(sim.procs[&new].generation, 1);
}

#[test]
fn more_and_fewer_workers() {
    let mut sim = Sim::running(plan(2));
    sim.config = Some(Ok(plan(5)));
    sim.feed(Event::Reload);
    assert_eq!((sim.workers_alive(), sim.ready_workers()), (5, 5));
    sim.config = Some(Ok(plan(1)));
    sim.feed(Event::Reload);
    assert_eq!((sim.workers_alive(), sim.ready_workers()), (1, 1));
    assert_eq!(sim.outcomes().iter().filter(|(o, _)| *o == Outcome::Ok).count(), 2);
    assert_eq!(sim.procs[&sim.worker(1)].generation, 3);
}

#[test]
fn from_forked_to_lazy_and_back() {
    let mut sim = Sim::running(plan(2));
    sim.config = Some(Ok(Plan { lazy: true, ..plan(2) }));
    sim.feed(Event::Reload);
    assert_eq!(sim.procs.len(), 2, "no template");
    sim.config = Some(Ok(plan(2)));
    sim.feed(Event::Reload);
    assert_eq!(sim.procs.len(), 3, "a template again");
    assert_eq!(sim.outcomes().iter().filter(|(o, _)| *o == Outcome::Ok).count(), 2);
}

#[test]
fn a_lazy_failure_midway_stops_there_and_is_mixed() {
    let mut sim = Sim::running(Plan { lazy: true, ..plan(2) });
    sim.good = false;
    let (one, two) = (sim.worker(1), sim.worker(2));
    sim.feed(Event::Reload);
    let new = sim.worker(1);
    sim.feed(Event::Ready { child: new });
    sim.die(one, Ended::Code(0));
    let bad = sim.worker(2);
    assert_ne!(bad, two);
    sim.feed(Event::LoadFailed { child: bad, message: "E".into() });
    assert_eq!(sim.outcomes(), [(Outcome::Mixed, "E".to_string())]);
    sim.die(bad, Ended::Code(22));
    assert_eq!((sim.worker(1), sim.worker(2)), (new, two));
    assert_eq!(sim.ready_workers(), 2);
    sim.pass(Duration::from_secs(60));
    assert_eq!((sim.worker(1), sim.worker(2)), (new, two), "it stays there");
    // The next reload renews everybody.
    sim.good = true;
    sim.feed(Event::Reload);
    assert_eq!(sim.outcomes()[1].0, Outcome::Ok);
    assert!(sim.procs.values().all(|p| p.generation == 3));
}

#[test]
fn a_template_killed_during_the_replacement_is_started_again() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    sim.feed(Event::Reload);
    let template = sim.template();
    sim.feed(Event::Ready { child: template });
    sim.die(template, Ended::Signal(9));
    let new = sim.worker(1);
    sim.feed(Event::Ready { child: new });
    let old = sim.of(1)[0];
    sim.die(old, Ended::Code(0));
    sim.good = true;
    sim.pass(Duration::from_secs(2));
    let template = sim.template();
    sim.feed(Event::Ready { child: template });
    sim.pass(Duration::from_secs(20));
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
}

#[test]
fn workers_of_the_new_generation_that_crash_end_the_reload() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    let old = [sim.worker(1), sim.worker(2)];
    sim.feed(Event::Reload);
    let template = sim.template();
    sim.feed(Event::Ready { child: template });
    for _ in 0..3 {
        let new = sim.s.workers(Stage::Starting).next().unwrap();
        sim.die(new, Ended::Signal(11));
        sim.pass(Duration::from_secs(5));
    }
    assert_eq!(sim.outcomes()[0].0, Outcome::AppFailed);
    assert_eq!([sim.worker(1), sim.worker(2)], old);
}

#[test]
fn term_reloads_where_it_was_asked_to() {
    let mut sim = Sim::running(Plan { term_reloads: true, ..plan(1) });
    sim.feed(Event::Term);
    assert_eq!(sim.outcomes().len(), 1);
    assert_eq!(sim.exit, None);
    let mut sim = Sim::running(plan(1));
    sim.feed(Event::Term);
    assert_eq!(sim.exit, Some(Exit::Ok));
}

#[test]
fn a_reload_of_a_paused_instance_stays_paused() {
    let mut sim = Sim::running(plan(1));
    sim.feed(Event::Pause);
    sim.feed(Event::Reload);
    let new = sim.worker(1);
    assert!(sim.procs[&new].paused, "it never accepts");
    assert_eq!(sim.count(|a| *a == Action::Accept { child: new, on: false }), 0);
    assert_eq!(sim.s.state(), InstanceState::Paused);
    sim.feed(Event::Pause);
    assert_eq!(sim.count(|a| *a == Action::Accept { child: new, on: true }), 1);
    assert_eq!(sim.s.state(), InstanceState::Running);
}

#[test]
fn a_reload_does_not_wait_for_what_the_old_template_was_asked_for() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    sim.slow_hello = true;
    // The template hangs: it does not answer when somebody has died.
    let (one, two) = (sim.worker(1), sim.worker(2));
    sim.pass(Duration::from_secs(20));
    sim.die(one, Ended::Signal(9));
    let never = sim.worker(1);
    sim.feed(Event::Replace { child: two, reason: Restart::Asked });
    sim.slow_hello = false;
    sim.feed(Event::Reload);
    assert_eq!(sim.of(1), [never]);
    let template = sim.template();
    sim.ready(template);
    assert!(!sim.procs.contains_key(&never), "its control socket is closed");
    let new = sim.worker(1);
    assert_eq!(sim.procs[&new].generation, 2);
    sim.ready(new);
    let new = sim.worker(2);
    sim.ready(new);
    sim.die(two, Ended::Code(0));
    assert_eq!(sim.outcomes().last(), Some(&(Outcome::Ok, String::new())));
    assert_eq!(sim.s.current_generation(), 2);
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 1, "who never came did not die");
}

#[test]
fn who_starts_hears_of_a_pause_before_it_accepts() {
    let mut sim = Sim::running(plan(1));
    sim.good = false;
    sim.feed(Event::Reload);
    let template = sim.template();
    sim.ready(template);
    let new = sim.worker(1);
    assert!(!sim.procs[&new].paused);
    sim.feed(Event::Pause);
    assert!(sim.procs[&new].paused);
    sim.ready(new);
    assert!(sim.procs[&new].paused);
}

#[test]
fn a_step_that_fails_is_told_from_an_app_that_does_not_load() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    sim.feed(Event::Reload);
    let template = sim.template();
    sim.feed(Event::StepFailed { child: template, message: "exec-pre-app: exit status: 4".into() });
    sim.die(template, Ended::Code(1));
    let mut lazy = Sim::running(Plan { lazy: true, ..plan(2) });
    // Before any of them starts.
    lazy.config = None;
    lazy.feed(Event::Reload);
    lazy.feed(Event::StepsFailed { message: "exec-asap: exit status: 4".into() });
    for (sim, step) in [(sim, "exec-pre-app"), (lazy, "exec-asap")] {
        assert_eq!(sim.outcomes(), [(Outcome::StepFailed, format!("{step}: exit status: 4"))]);
        assert_eq!(sim.s.state(), InstanceState::Running);
    }
}
