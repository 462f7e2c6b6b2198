//! `keep-previous` and the way back.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, Event, Plan, ProcessKind, Stage};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::Outcome;

fn kept(workers: u32) -> Plan {
    Plan { keep_previous: Duration::from_secs(300), ..plan(workers) }
}

fn reloaded(workers: u32) -> Sim {
    let mut sim = Sim::running(kept(workers));
    sim.feed(Event::Reload);
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
    sim
}

fn templates(sim: &Sim) -> Vec<u64> {
    let is = |p: &&super::sim::Proc| p.kind == ProcessKind::Template && !p.closed;
    sim.procs.values().filter(is).map(|p| p.generation).collect()
}

fn ready(sim: &Sim) -> Vec<u64> {
    sim.s.workers(Stage::Ready).map(|id| sim.s.children()[&id].generation).collect()
}

#[test]
fn the_template_of_before_sleeps_and_goes_in_its_time() {
    let mut sim = reloaded(2);
    assert_eq!(templates(&sim), [1, 2]);
    assert_eq!(sim.s.kept().unwrap().generation, 1);
    sim.pass(Duration::from_secs(299));
    assert_eq!(templates(&sim), [1, 2]);
    sim.pass(Duration::from_secs(2));
    assert_eq!(templates(&sim), [2]);
    assert!(sim.s.kept().unwrap_err().contains("keep-previous"));
    // Only the last one is kept.
    sim.feed(Event::Reload);
    sim.feed(Event::Reload);
    assert_eq!(templates(&sim), [3, 4]);
}

#[test]
fn without_it_nothing_is_kept() {
    let mut sim = Sim::running(plan(1));
    sim.feed(Event::Reload);
    assert_eq!(templates(&sim), [2]);
    sim.feed(Event::Rollback);
    assert_eq!(sim.count(|a| *a == Action::ReloadStarted), 1);
}

#[test]
fn a_rollback_forks_and_imports_nothing_and_leads_forward_again() {
    let mut sim = reloaded(3);
    let launched = sim.count(|a| matches!(a, Action::Launch(_)));
    sim.pass(Duration::from_secs(100));
    for (number, from) in [(3, 1), (4, 2)] {
        sim.feed(Event::Rollback);
        assert_eq!(sim.count(|a| *a == Action::BringBack { from, generation: number }), 1);
        assert_eq!((ready(&sim), sim.s.current_generation()), (vec![number; 3], number));
    }
    assert_eq!(sim.count(|a| matches!(a, Action::Launch(_))), launched);
    assert_eq!(sim.outcomes().len(), 3);
}

#[test]
fn a_kept_template_that_dies_is_missed_by_nobody_and_started_by_nobody() {
    let mut sim = reloaded(1);
    let template = sim.s.kept().unwrap().template;
    sim.die(template, Ended::Signal(9));
    assert!(sim.s.kept().is_err());
    assert_eq!(templates(&sim), [2]);
    assert_eq!(ready(&sim), [2]);
}

#[test]
fn one_that_dies_in_the_middle_ends_the_rollback_and_what_serves_stays() {
    let mut sim = reloaded(2);
    sim.good = false;
    let template = sim.s.kept().unwrap().template;
    sim.feed(Event::Rollback);
    sim.die(template, Ended::Signal(9));
    let (outcome, reason) = sim.outcomes().pop().unwrap();
    assert_eq!(outcome, Outcome::AppFailed);
    assert!(reason.contains("in the middle of the rollback"), "{reason}");
    assert_eq!(templates(&sim), [2], "what is on disk by now is not imported in its place");
    assert_eq!(ready(&sim), [2, 2]);
}

#[test]
fn it_waits_for_no_reload_and_stops_with_the_rest() {
    let mut sim = reloaded(1);
    sim.config = None;
    sim.feed(Event::Reload);
    assert!(sim.s.kept().unwrap_err().contains("a reload is under way"));
    sim.feed(Event::Rollback);
    sim.feed(Event::ConfigFailed { message: "no".into() });
    assert_eq!(sim.s.kept().unwrap().generation, 1, "a reload that fails leaves it asleep");
    sim.feed(Event::Stop);
    assert_eq!(sim.exit, Some(Exit::Ok));
}

#[test]
fn settings_that_are_gone_leave_it_asleep() {
    let mut sim = reloaded(1);
    sim.config = Some(Err("the settings in force are gone".into()));
    sim.feed(Event::Rollback);
    assert_eq!(sim.outcomes().pop().unwrap().0, Outcome::BadConfig);
    assert_eq!((sim.s.kept().unwrap().generation, ready(&sim)), (1, vec![2]));
}

#[test]
fn a_template_that_hangs_or_has_no_application_is_not_kept() {
    let mut sim = Sim::running(kept(2));
    sim.slow_hello = true;
    let worker = sim.worker(1);
    sim.die(worker, Ended::Signal(9));
    sim.slow_hello = false;
    sim.feed(Event::Reload);
    assert_eq!((templates(&sim), sim.s.kept().is_err()), (vec![2], true));
    let mut sim = Sim::new(Plan { need_app: false, ..kept(1) });
    sim.feed(Event::Tick);
    let template = sim.template();
    sim.without_app(template);
    sim.good = true;
    sim.feed(Event::Ready { child: template });
    sim.feed(Event::Reload);
    assert_eq!((templates(&sim), sim.s.kept().is_err()), (vec![2], true));
}
