//! Signals of the application: who gets them, when a clock raises them, and what a reload does to them.

use super::sim::{Sim, plan};
use crate::supervisor::cron::Civil;
use crate::supervisor::{Action, ChildId, Event, Plan, SignalPlace};
use std::time::Duration;
use uswgi_proto::app_signals::{RaisedSignal, SignalGroup, SignalMessage, SignalSource, SignalTarget};
use uswgi_proto::background::{Aide, AideKind};

fn aides() -> Plan {
    let aide = |kind, number| Aide { kind, number };
    let aides = vec![aide(AideKind::Spooler, 1), aide(AideKind::Mule, 1), aide(AideKind::Mule, 2)];
    Plan { aides, ..plan(2) }
}

fn say(sim: &mut Sim, child: ChildId, said: SignalMessage) {
    sim.feed(Event::AppSignal { child, said });
}

fn register(sim: &mut Sim, number: u8, target: &str) {
    let template = sim.template();
    say(sim, template, SignalMessage::Register { number, target: SignalTarget::parse(target) });
}

fn timer(sim: &mut Sim, child: ChildId, number: u8, milliseconds: u64, times: u64) {
    say(sim, child, SignalMessage::Source { number, source: SignalSource::Timer { milliseconds, times } });
}

/// Where signals went since the last call.
fn went(sim: &mut Sim) -> Vec<(SignalPlace, u8)> {
    let one = |(_, a): (_, Action)| match a {
        Action::Signal { to, signal } => Some((to, signal.number)),
        _ => None,
    };
    std::mem::take(&mut sim.done).into_iter().filter_map(one).collect()
}

fn names(sim: &mut Sim) -> Vec<String> {
    let went = went(sim);
    let name = |to: &SignalPlace| match to {
        SignalPlace::Child(child) => sim.procs[child].kind.to_string(),
        SignalPlace::Queue(generation, group) => format!("{generation} {group:?}"),
    };
    went.iter().map(|(to, _)| name(to)).collect()
}

#[test]
fn a_signal_goes_to_its_target_alone() {
    let mut sim = Sim::running(aides());
    let template = sim.template();
    for (target, to) in [
        ("", vec!["1 Workers"]),
        ("workers", vec!["worker 1", "worker 2"]),
        ("active-workers", vec!["worker 1", "worker 2"]),
        ("worker2", vec!["worker 2"]),
        ("mule", vec!["1 Mules"]),
        ("mules", vec!["mule 1", "mule 2"]),
        ("mule2", vec!["mule 2"]),
        ("farm_f", vec!["1 Farm(\"f\")"]),
        ("spooler", vec!["1 Spoolers"]),
        ("worker9", vec![]),
        ("nonsense", vec![]),
    ] {
        register(&mut sim, 7, target);
        went(&mut sim);
        say(&mut sim, template, SignalMessage::Raise { number: 7 });
        let mut names = names(&mut sim);
        names.sort();
        assert_eq!(names, to, "{target}");
    }
    say(&mut sim, template, SignalMessage::Raise { number: 8 });
    assert!(went(&mut sim).is_empty(), "nobody has registered it");
}

#[test]
fn a_timer_does_not_pile_up_behind_busy_workers_unless_that_is_wanted() {
    for (pile_up, want) in [(false, 1), (true, 5)] {
        let mut sim = Sim::running(Plan { signals_pile_up: pile_up, ..aides() });
        register(&mut sim, 1, "");
        let of = sim.template();
        timer(&mut sim, of, 1, 1000, 0);
        timer(&mut sim, of, 1, 1000, 0);
        sim.feed(Event::Tick);
        for _ in 0..5 {
            sim.pass(Duration::from_secs(1));
        }
        assert_eq!(went(&mut sim).len(), want, "pile up: {pile_up}");
        if !pile_up {
            let worker = *sim.procs.iter().find(|(_, p)| p.kind.is_worker()).unwrap().0;
            say(&mut sim, worker, SignalMessage::Taken { number: 1, shared: true });
            sim.pass(Duration::from_secs(1));
            assert_eq!(went(&mut sim).len(), 1);
        }
    }
}

#[test]
fn a_tick_that_was_taken_by_a_process_that_died_does_not_stop_its_timer() {
    let mut sim = Sim::running(aides());
    register(&mut sim, 1, "");
    let of = sim.template();
    timer(&mut sim, of, 1, 1000, 0);
    sim.feed(Event::Tick);
    sim.pass(Duration::from_secs(1));
    assert_eq!(went(&mut sim).len(), 1);
    sim.pass(Duration::from_secs(1));
    assert_eq!(went(&mut sim).len(), 0);
    let worker = *sim.procs.iter().find(|(_, p)| p.kind.is_worker()).unwrap().0;
    sim.die(worker, uswgi_keep::reap::Ended::Signal(9));
    sim.pass(Duration::from_secs(1));
    assert_eq!(went(&mut sim).len(), 1);
}

#[test]
fn a_timer_of_a_number_of_times_comes_to_its_end() {
    let mut sim = Sim::running(Plan { signals_pile_up: true, ..aides() });
    register(&mut sim, 1, "");
    let of = sim.template();
    timer(&mut sim, of, 1, 500, 2);
    sim.feed(Event::Tick);
    for _ in 0..9 {
        sim.pass(Duration::from_millis(500));
    }
    assert_eq!(went(&mut sim).len(), 2);
}

#[test]
fn a_reload_leaves_the_timers_of_before_behind() {
    let mut sim = Sim::running(Plan { signals_pile_up: true, ..aides() });
    register(&mut sim, 1, "");
    let of = sim.template();
    timer(&mut sim, of, 1, 1000, 0);
    sim.feed(Event::Reload);
    assert_eq!(sim.s.current_generation(), 2);
    went(&mut sim);
    sim.pass(Duration::from_secs(2));
    assert!(went(&mut sim).is_empty());
    // What the new one has said counts from when it is in force.
    register(&mut sim, 2, "");
    let of = sim.template();
    timer(&mut sim, of, 2, 1000, 0);
    sim.feed(Event::Tick);
    sim.pass(Duration::from_secs(1));
    assert_eq!(went(&mut sim), [(SignalPlace::Queue(2, SignalGroup::Workers), 2)]);
}

#[test]
fn what_is_raised_for_somebody_who_is_not_there_yet_waits() {
    let mut sim = Sim::running(aides());
    register(&mut sim, 3, "mule1");
    let mule = *sim.procs.iter().find(|(_, p)| p.kind.to_string() == "mule 1").unwrap().0;
    sim.good = false;
    sim.die(mule, uswgi_keep::reap::Ended::Signal(9));
    went(&mut sim);
    // Its successor is asked for at once; until then nobody has the name.
    let of = sim.template();
    say(&mut sim, of, SignalMessage::Raise { number: 3 });
    sim.good = true;
    sim.pass(Duration::from_secs(60));
    let went = went(&mut sim);
    assert_eq!(went.len(), 1, "{went:?}");
}

#[test]
fn a_minute_raises_what_has_it_and_none_twice() {
    let mut sim = Sim::running(Plan { signals_pile_up: true, ..aides() });
    assert!(!sim.s.wants_minutes());
    register(&mut sim, 4, "");
    let of = sim.template();
    let source = SignalSource::Cron([-2, -1, -1, -1, -1]);
    say(&mut sim, of, SignalMessage::Source { number: 4, source });
    assert!(sim.s.wants_minutes());
    let civil = |minute| Civil { minute, hour: 1, day: 1, month: 1, weekday: 1 };
    for (minute, want) in [(10, 0), (11, 0), (12, 1), (12, 0), (11, 0), (13, 0), (14, 1)] {
        went(&mut sim);
        sim.feed(Event::Minute { minute, civil: civil(minute as i32) });
        assert_eq!(went(&mut sim).len(), want, "minute {minute}");
    }
}

#[test]
fn what_does_not_get_there_is_said_once_and_may_be_raised_again() {
    let mut sim = Sim::running(aides());
    register(&mut sim, 5, "spooler");
    let to = SignalPlace::Queue(1, SignalGroup::Spoolers);
    for _ in 0..2 {
        sim.feed(Event::Raise { number: 5, told: true });
        sim.feed(Event::SignalLost { to: to.clone(), number: 5, why: "its queue is full".into() });
    }
    let said = |a: &Action| matches!(a, Action::Log(line) if line.contains("signal 5"));
    assert_eq!(sim.done.iter().filter(|(_, a)| said(a)).count(), 1);
    let raised = Action::Signal { to, signal: RaisedSignal { number: 5, told: true } };
    assert_eq!(sim.done.iter().filter(|(_, a)| *a == raised).count(), 2);
}
