//! What operators ask for beyond signals.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, Event, Phase, Plan};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::scoreboard::{Outcome, Restart};

#[test]
fn renewed_workers_come_from_the_same_template_successors_first() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    let template = sim.template();
    let old = [sim.worker(1), sim.worker(2)];
    sim.feed(Event::Renew(Restart::Operator));
    assert_eq!(sim.workers_alive(), 3, "one at a time");
    for (id, old) in (1..=2).zip(old) {
        let new = sim.worker(id);
        assert_ne!(new, old);
        assert!(sim.procs[&old].retired.is_none());
        sim.feed(Event::Ready { child: new });
        assert!(sim.procs[&old].retired.is_some());
        sim.die(old, Ended::Code(0));
    }
    assert_eq!(sim.template(), template);
    assert_eq!(sim.s.current_generation(), 1);
    assert_eq!(sim.count(|a| matches!(a, Action::ReadConfig { .. } | Action::ReloadStarted)), 0);
}

#[test]
fn with_lazy_apps_renewal_is_a_reload_with_the_same_configuration() {
    let lazy = Plan { lazy: true, ..plan(2) };
    let mut sim = Sim::running(lazy.clone());
    sim.feed(Event::Renew(Restart::Operator));
    assert_eq!(sim.count(|a| matches!(a, Action::ReadConfig { .. })), 0);
    assert_eq!(sim.count(|a| *a == Action::KeepConfig { generation: 2 }), 1);
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
    assert_eq!(sim.s.current_generation(), 2);
    // An app that does not load any more changes nothing.
    sim.good = false;
    let before = [sim.worker(1), sim.worker(2)];
    sim.feed(Event::Renew(Restart::Operator));
    let new = sim.worker(1);
    sim.feed(Event::LoadFailed { child: new, message: "SyntaxError".into() });
    sim.die(new, Ended::Code(22));
    assert_eq!([sim.worker(1), sim.worker(2)], before);
    assert_eq!(sim.outcomes().last().unwrap().0, Outcome::AppFailed);
}

#[test]
fn who_is_hurried_has_a_second_once_the_successor_accepts() {
    let mut sim = Sim::running(plan(1));
    sim.good = false;
    let old = sim.worker(1);
    sim.feed(Event::Hurry);
    sim.feed(Event::Renew(Restart::Operator));
    sim.pass(Duration::from_secs(5));
    assert!(sim.procs[&old].retired.is_none(), "it serves until then");
    let new = sim.worker(1);
    sim.feed(Event::Ready { child: new });
    sim.pass(Duration::from_millis(900));
    assert!(sim.procs.contains_key(&old));
    sim.pass(Duration::from_millis(200));
    assert!(!sim.procs.contains_key(&old));
    // The successor has its mercy.
    sim.feed(Event::Renew(Restart::Operator));
    let third = sim.worker(1);
    sim.feed(Event::Ready { child: third });
    sim.pass(Duration::from_secs(5));
    assert!(sim.procs.contains_key(&new));
}

#[test]
fn a_failed_reload_gives_the_mercy_back() {
    let mut sim = Sim::running(plan(1));
    sim.config = Some(Err("uwsgi.ini:1: no".into()));
    sim.feed(Event::Hurry);
    sim.feed(Event::Reload);
    sim.good = false;
    let old = sim.worker(1);
    sim.feed(Event::Renew(Restart::Operator));
    let new = sim.worker(1);
    sim.feed(Event::Ready { child: new });
    sim.pass(Duration::from_secs(5));
    assert!(sim.procs.contains_key(&old));
}

#[test]
fn stopping_at_once_waits_for_nobody() {
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    sim.feed(Event::StopAtOnce);
    assert!(matches!(sim.s.phase(), Phase::Stopping { at_once: true, .. } | Phase::Over));
    let kills = sim.count(|a| matches!(a, Action::Kill { .. }));
    assert_eq!(kills, 3, "two workers and the template");
}

#[test]
fn a_graceful_stop_can_become_one_at_once() {
    let mut sim = Sim::running(plan(1));
    sim.good = false;
    sim.feed(Event::Stop);
    assert_eq!(sim.count(|a| matches!(a, Action::Kill { .. })), 0);
    sim.feed(Event::StopAtOnce);
    assert_eq!(sim.count(|a| matches!(a, Action::Kill { .. })), 2);
}

#[test]
fn a_changed_source_is_one_reload_however_many_workers_see_it() {
    let mut sim = Sim::running(plan(2));
    let change = |child, modified_us| Event::Source { child, path: "/app/a.py".into(), modified_us };
    let (one, two) = (sim.worker(1), sim.worker(2));
    sim.config = None;
    sim.feed(change(one, 5));
    sim.feed(change(two, 5));
    sim.config = Some(Err("no".into()));
    sim.feed(Event::ConfigFailed { message: "a.py: no".into() });
    assert_eq!(sim.outcomes().len(), 1, "a broken edit is tried once");
    // The repair is another change.
    sim.config = Some(Ok(plan(2)));
    sim.feed(change(two, 6));
    assert_eq!(sim.outcomes().len(), 2);
    assert_eq!(sim.s.current_generation(), 3);
    // Who is about to go says nothing new.
    sim.feed(change(one, 7));
    assert_eq!(sim.outcomes().len(), 2);
}
