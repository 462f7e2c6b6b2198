//! Who may go on without an application.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, Event, Plan, Stage};
use std::time::Duration;
use uswgi_keep::reap::Ended;

fn tolerant(workers: u32) -> Plan {
    Plan { need_app: false, ..plan(workers) }
}

fn logged(sim: &Sim, part: &str) -> usize {
    sim.count(|a| matches!(a, Action::Log(line) if line.contains(part)))
}

/// The template and worker 1 end, and another template comes.
fn respawn(sim: &mut Sim) {
    let (template, worker) = (sim.template(), sim.worker(1));
    sim.pass(Duration::from_secs(20));
    sim.good = false;
    sim.die(template, Ended::Signal(9));
    sim.die(worker, Ended::Signal(9));
}

#[test]
fn the_start_goes_on_without_one_and_says_so() {
    let mut sim = Sim::new(tolerant(2));
    sim.feed(Event::Tick);
    let template = sim.template();
    assert_eq!(sim.procs[&template].need_app, Some(false));
    sim.without_app(template);
    sim.good = true;
    sim.feed(Event::Ready { child: template });
    assert_eq!((sim.served(), sim.ready_workers()), (1, 2));
    assert_eq!(sim.s.no_app(), Some("Traceback\nImportError: no"));
    assert_eq!((logged(&sim, "no application is loaded"), logged(&sim, "was loaded")), (1, 0));
    assert!(sim.s.children().values().all(|c| c.no_app), "who was forked has what the template has");
    // It never worked, so that its successor may do without too.
    respawn(&mut sim);
    let template = sim.template();
    assert_eq!(sim.procs[&template].need_app, Some(false));
    sim.without_app(template);
    sim.feed(Event::Ready { child: template });
    sim.feed(Event::Ready { child: sim.worker(1) });
    assert_eq!(sim.ready_workers(), 2);
    assert_eq!(logged(&sim, "template (pid 1004) has no application either: ImportError: no"), 1);
    // A successor that has it: from then on there is no way back.
    respawn(&mut sim);
    sim.feed(Event::Ready { child: sim.template() });
    let new = sim.worker(1);
    sim.feed(Event::Ready { child: new });
    assert!(!sim.s.children()[&new].no_app && sim.s.no_app().is_some(), "worker 2 has none still");
    respawn(&mut sim);
    assert_eq!(sim.procs[&sim.template()].need_app, Some(true));
}

#[test]
fn no_process_without_one_comes_after_one_that_worked() {
    let mut sim = Sim::running(tolerant(2));
    assert_eq!(sim.s.no_app(), None);
    respawn(&mut sim);
    let template = sim.template();
    assert_eq!(sim.procs[&template].need_app, Some(true));
    sim.without_app(template);
    sim.die(template, Ended::Code(22));
    assert_eq!((sim.ready_workers(), sim.s.no_app()), (1, None));
    assert_eq!(logged(&sim, "no worker can be started: ImportError: no"), 1);
    // One that would go on all the same is ended, and tried again after the back-off.
    sim.pass(Duration::from_secs(2));
    let template = sim.template();
    sim.feed(Event::NoApp { child: template, message: "none is named".into() });
    assert!(!sim.procs.contains_key(&template), "killed");
    assert_eq!((sim.ready_workers(), sim.s.no_app()), (1, None));
    sim.pass(Duration::from_secs(5));
    sim.feed(Event::Ready { child: sim.template() });
    sim.feed(Event::Ready { child: sim.worker(1) });
    assert_eq!((sim.ready_workers(), sim.s.no_app()), (2, None));
}

#[test]
fn no_reload_brings_one_that_does_not_load() {
    let mut sim = Sim::running(tolerant(1));
    sim.good = false;
    sim.feed(Event::Reload);
    assert_eq!(sim.procs[&sim.template()].need_app, Some(true));
    // A configuration that names none is another matter.
    sim.good = true;
    let template = sim.template();
    sim.feed(Event::NoApp { child: template, message: "none is named".into() });
    sim.feed(Event::Ready { child: template });
    assert_eq!((sim.s.current_generation(), sim.s.no_app()), (2, Some("none is named")));
    // And with the next reload it is forgotten.
    sim.feed(Event::Reload);
    assert_eq!((sim.s.current_generation(), sim.s.no_app()), (3, None));
}

#[test]
fn lazy_workers_differ_at_the_start_only() {
    let mut sim = Sim::new(Plan { lazy: true, ..tolerant(3) });
    sim.feed(Event::Tick);
    let [one, two, three] = [1, 2, 3].map(|id| sim.worker(id));
    sim.feed(Event::Ready { child: one });
    for child in [two, three] {
        sim.without_app(child);
        sim.feed(Event::Ready { child });
    }
    assert_eq!((sim.served(), sim.ready_workers()), (1, 3));
    assert_eq!(sim.s.children().values().filter(|c| c.no_app).count(), 2);
    sim.die(one, Ended::Signal(9));
    assert_eq!(sim.procs[&sim.worker(1)].need_app, Some(true));
}

#[test]
fn a_lazy_worker_that_was_allowed_to_is_refused_when_another_has_come_with_one() {
    let mut sim = Sim::new(Plan { lazy: true, ..tolerant(2) });
    sim.feed(Event::Tick);
    for id in [1, 2] {
        let child = sim.worker(id);
        sim.without_app(child);
        sim.feed(Event::Ready { child });
    }
    sim.pass(Duration::from_secs(20));
    for id in [1, 2] {
        sim.die(sim.worker(id), Ended::Signal(9));
    }
    let (one, two) = (sim.worker(1), sim.worker(2));
    assert_eq!(sim.procs[&two].need_app, Some(false), "none had it so far");
    sim.feed(Event::Ready { child: one });
    sim.without_app(two);
    assert!(!sim.procs.contains_key(&two), "killed");
    assert_eq!((sim.s.workers(Stage::Ready).count(), sim.s.no_app()), (1, None));
}
