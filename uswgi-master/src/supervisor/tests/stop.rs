//! Leaving.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, Event, ProcessKind};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::{InstanceState, Outcome};

#[test]
fn workers_finish_then_the_end_is_0() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    sim.feed(Event::Stop);
    assert_eq!(sim.s.state(), InstanceState::Stopping);
    assert_eq!(sim.count(|a| matches!(a, Action::Retire { hand_over: false, .. })), 2);
    assert_eq!(sim.count(|a| *a == Action::Stopping), 1);
    for child in [sim.worker(1), sim.worker(2)] {
        assert_eq!(sim.exit, None);
        sim.die(child, Ended::Code(0));
    }
    let template = sim.template_or_any();
    sim.die(template, Ended::Code(0));
    assert_eq!(sim.exit, Some(Exit::Ok));
    assert_eq!(sim.count(|a| *a == Action::CountDeath), 0);
}

#[test]
fn mercy_ends_with_a_kill() {
    let mut sim = Sim::running(plan(1));
    sim.good = false;
    let child = sim.worker(1);
    sim.feed(Event::Stop);
    sim.pass(Duration::from_millis(9_900));
    assert!(sim.procs.contains_key(&child));
    sim.pass(Duration::from_millis(200));
    assert_eq!(sim.exit, Some(Exit::Ok), "the template was killed after five seconds, the worker after ten");
}

#[test]
fn who_has_answered_everything_is_killed_for_its_application() {
    for (finished, why) in [(true, "its application did not end"), (false, "did not finish its requests")] {
        let mut sim = Sim::running(plan(1));
        sim.good = false;
        let child = sim.worker(1);
        sim.feed(Event::Stop);
        if finished {
            sim.feed(Event::Finished { child });
        }
        sim.pass(Duration::from_secs(11));
        let said =
            |a: &Action| matches!(a, Action::Log(line) if line.contains(why) && line.contains("killed"));
        assert_eq!(sim.count(said), 1, "{why}");
        assert_eq!(sim.exit, Some(Exit::Ok));
    }
}

#[test]
fn a_second_signal_counts_only_a_second_later() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    sim.feed(Event::Stop);
    sim.feed(Event::Term);
    sim.pass(Duration::from_millis(900));
    sim.feed(Event::Stop);
    assert_eq!(sim.count(|a| matches!(a, Action::Kill { .. })), 0);
    sim.pass(Duration::from_millis(200));
    sim.feed(Event::Stop);
    assert_eq!(sim.exit, Some(Exit::Ok));
}

#[test]
fn nothing_is_started_any_more() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    sim.feed(Event::Stop);
    let before = sim.procs.len();
    let child = sim.worker(1);
    sim.die(child, Ended::Signal(9));
    sim.feed(Event::Reload);
    sim.pass(Duration::from_secs(3));
    assert_eq!(sim.procs.len(), before - 1);
    assert_eq!(sim.count(|a| *a == Action::ReloadStarted), 0);
}

#[test]
fn a_stop_during_the_load_does_not_wait_for_it() {
    let mut sim = Sim::new(plan(1));
    sim.feed(Event::Tick);
    sim.feed(Event::Stop);
    assert_eq!(sim.exit, None);
    sim.pass(Duration::from_secs(3));
    assert_eq!(sim.exit, Some(Exit::Ok));
}

#[test]
fn a_stop_during_a_reload_ends_it_as_stopped() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    sim.feed(Event::Reload);
    sim.feed(Event::Reload);
    sim.feed(Event::Stop);
    assert_eq!(sim.outcomes()[0].0, Outcome::Stopped);
    sim.pass(Duration::from_secs(11));
    assert_eq!(sim.exit, Some(Exit::Ok));
    assert_eq!(sim.outcomes().len(), 1);
}

impl Sim {
    fn template_or_any(&self) -> u64 {
        *self.procs.iter().find(|(_, p)| p.kind == ProcessKind::Template).expect("a template").0
    }
}
