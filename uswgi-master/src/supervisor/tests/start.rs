//! From nothing to serving, or to an end with the reason.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, Birth, Event, Phase, Plan, ProcessKind};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::InstanceState;

#[test]
fn the_template_loads_first_then_all_workers_at_once() {
    let mut sim = Sim::new(plan(3));
    sim.feed(Event::Tick);
    assert_eq!(sim.procs.len(), 1, "only the template");
    let template = sim.template();
    sim.feed(Event::Ready { child: template });
    assert_eq!(sim.workers_alive(), 3);
    assert_eq!(sim.served(), 0);
    for id in 1..=3 {
        assert_eq!(sim.s.state(), InstanceState::Starting);
        let child = sim.worker(id);
        sim.feed(Event::Ready { child });
    }
    assert_eq!(sim.served(), 1);
    assert_eq!(sim.s.state(), InstanceState::Running);
}

#[test]
fn lazy_workers_are_launched_without_a_template() {
    let sim = Sim::running(Plan { lazy: true, ..plan(2) });
    assert_eq!(sim.procs.len(), 2);
    assert!(sim.procs.values().all(|p| p.kind != ProcessKind::Template));
}

#[test]
fn slots_and_worker_numbers_are_different_for_everybody() {
    let sim = Sim::running(plan(8));
    let mut seen: Vec<_> =
        sim.s.children().values().filter_map(|c| Some((c.slot()?, c.worker_id()?))).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..8).map(|i| (i, i + 1)).collect::<Vec<_>>());
}

#[test]
fn an_app_that_does_not_load_ends_the_start_with_22_and_the_traceback() {
    let mut sim = Sim::new(plan(2));
    sim.feed(Event::Tick);
    let template = sim.template();
    sim.feed(Event::LoadFailed { child: template, message: "ImportError: no".into() });
    assert_eq!(sim.count(|a| *a == Action::StartFailed { message: "ImportError: no".into() }), 1);
    assert_eq!(sim.exit, None, "the template is still there");
    sim.die(template, Ended::Code(22));
    assert_eq!(sim.exit, Some(Exit::AppFailed));
}

/// The reason stood in the launcher's own line only, which is elsewhere with `logto`.
#[test]
fn without_an_interpreter_the_start_ends_with_23_and_what_the_launcher_says() {
    for lazy in [false, true] {
        let mut sim = Sim::new(Plan { lazy, ..plan(1) });
        sim.feed(Event::Tick);
        let child = if lazy { sim.worker(1) } else { sim.template() };
        sim.feed(Event::NoInterpreter { child, message: "home = /x: gone".into() });
        assert_eq!(sim.exit, None);
        sim.die(child, Ended::Code(23));
        let message = "there is no usable Python interpreter: home = /x: gone".to_string();
        assert_eq!(sim.count(|a| *a == Action::StartFailed { message: message.clone() }), 1, "{lazy}");
        assert_eq!(sim.exit, Some(Exit::NoInterpreter), "{lazy}");
    }
}

#[test]
fn a_python_is_told_once_and_recorded_for_what_serves() {
    let mut sim = Sim::new(plan(1));
    sim.feed(Event::Tick);
    let hello = |child, python: &str| Event::Hello { child, pid: 7, python: python.into() };
    let template = sim.template();
    for python in ["Python 3.9.1 of /a", "Python 3.9.1 of /a", ""] {
        sim.feed(hello(template, python));
    }
    let recorded = |sim: &Sim, which: &str| sim.count(|a| *a == Action::Python(which.into()));
    let told = |sim: &Sim| sim.count(|a| matches!(a, Action::Log(line) if line.contains("runs on Python")));
    assert_eq!((recorded(&sim, "Python 3.9.1 of /a"), told(&sim)), (1, 1));
    sim.feed(Event::Ready { child: template });
    sim.ready(sim.worker(1));
    // A reload onto another one: said when it is tried, recorded when it serves.
    sim.feed(Event::Reload);
    let next = sim.template();
    assert_ne!(next, template);
    sim.feed(hello(next, "Python 3.14.0 of /b"));
    assert_eq!((recorded(&sim, "Python 3.14.0 of /b"), told(&sim)), (0, 2));
    sim.feed(Event::Ready { child: next });
    sim.ready(sim.worker(1));
    assert_eq!(recorded(&sim, "Python 3.14.0 of /b"), 1);
}

#[test]
fn a_step_that_fails_ends_the_start_with_1() {
    for lazy in [false, true] {
        let mut sim = Sim::new(Plan { lazy, ..plan(1) });
        sim.feed(Event::Tick);
        let child = if lazy { sim.worker(1) } else { sim.template() };
        let message = || "exec-pre-app: exit status: 4".to_string();
        sim.feed(Event::StepFailed { child, message: message() });
        sim.die(child, Ended::Code(1));
        assert_eq!(sim.exit, Some(Exit::Failed), "lazy {lazy}");
        assert_eq!(sim.count(|a| *a == Action::StartFailed { message: message() }), 1);
    }
}

#[test]
fn a_lazy_app_that_does_not_load_ends_the_start_and_everybody_else() {
    let mut sim = Sim::new(Plan { lazy: true, ..plan(2) });
    sim.feed(Event::Tick);
    let (one, two) = (sim.worker(1), sim.worker(2));
    sim.feed(Event::Ready { child: two });
    sim.feed(Event::LoadFailed { child: one, message: "SyntaxError".into() });
    sim.die(one, Ended::Code(22));
    assert!(sim.procs[&two].retired.is_some());
    sim.die(two, Ended::Code(0));
    assert_eq!(sim.exit, Some(Exit::AppFailed));
    assert_eq!(sim.count(|a| matches!(a, Action::StartFailed { .. })), 1);
}

#[test]
fn the_exit_code_tells_an_interpreter_from_an_app_from_a_launcher() {
    for (how, exit) in [
        (Ended::Code(23), Exit::NoInterpreter),
        (Ended::Signal(11), Exit::AppFailed),
        (Ended::Code(22), Exit::AppFailed),
        (Ended::Code(1), Exit::Failed),
        (Ended::Code(2), Exit::Failed),
        (Ended::Code(99), Exit::AppFailed),
    ] {
        let mut sim = Sim::new(plan(1));
        sim.feed(Event::Tick);
        let template = sim.template();
        sim.die(template, how);
        assert_eq!(sim.exit, Some(exit), "{how:?}");
    }
}

#[test]
fn a_launcher_that_is_not_there_is_an_error_of_the_start() {
    let mut sim = Sim::new(plan(1));
    let actions = sim.s.handle(Event::Tick, sim.now);
    let [Action::Launch(Birth { child, .. })] = actions[..] else { panic!("{actions:?}") };
    let actions = sim.s.handle(Event::LaunchFailed { child, message: "no such file".into() }, sim.now);
    assert!(
        actions
            .iter()
            .any(|a| matches!(a, Action::StartFailed { message } if message.contains("no such file")))
    );
    assert!(
        actions.contains(&Action::Exit(Exit::AppFailed)) || actions.contains(&Action::Exit(Exit::Failed)),
        "{actions:?}"
    );
}

#[test]
fn a_forked_worker_may_fail_twice_but_not_three_times() {
    let mut sim = Sim::new(plan(1));
    sim.feed(Event::Tick);
    let template = sim.template();
    sim.feed(Event::Ready { child: template });
    for _ in 0..3 {
        assert_eq!(sim.exit, None);
        let child = sim.worker(1);
        sim.die(child, Ended::Signal(6));
        sim.pass(Duration::from_secs(4));
    }
    assert!(matches!(sim.s.phase(), Phase::Stopping { .. }));
    sim.die(template, Ended::Code(0));
    assert_eq!(sim.exit, Some(Exit::AppFailed));
}

#[test]
fn a_hup_during_the_start_is_one_reload_after_it() {
    let mut sim = Sim::new(plan(1));
    sim.feed(Event::Tick);
    sim.feed(Event::Reload);
    sim.feed(Event::Reload);
    assert_eq!(sim.count(|a| *a == Action::ReloadStarted), 0);
    sim.good = true;
    let template = sim.template();
    sim.feed(Event::Ready { child: template });
    assert_eq!(sim.outcomes().len(), 1);
    assert_eq!(sim.s.current_generation(), 2);
}

#[test]
fn a_template_is_not_asked_for_more_forks_than_its_socket_holds() {
    let mut sim = Sim::new(plan(50));
    sim.slow_hello = true;
    sim.feed(Event::Tick);
    let template = sim.template();
    sim.feed(Event::Ready { child: template });
    assert_eq!(sim.workers_alive(), 32);
    for id in 1..=50 {
        let child = sim.worker(id);
        sim.ready(child);
    }
    assert_eq!(sim.served(), 1);
}

#[test]
fn a_load_at_the_start_may_take_its_time_but_a_fork_may_not() {
    let mut sim = Sim::new(plan(1));
    sim.feed(Event::Tick);
    let template = sim.template();
    sim.pass(Duration::from_secs(3600));
    assert_eq!(sim.template(), template);
    sim.feed(Event::Ready { child: template });
    sim.pass(Duration::from_secs(301));
    assert!(matches!(sim.s.phase(), Phase::Stopping { exit: Exit::AppFailed, .. }), "{:?}", sim.s.phase());
}
