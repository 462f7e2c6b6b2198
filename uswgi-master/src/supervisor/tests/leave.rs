//! `shutdown-delay`.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, Event, Plan, Sleep};
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::exit::Exit;
use uswgi_proto::scale::ScaleTo;
use uswgi_proto::scoreboard::{InstanceState, Outcome};

fn delayed(workers: u32) -> Plan {
    Plan { shutdown_delay: Duration::from_secs(5), ..plan(workers) }
}

fn retired(sim: &Sim) -> usize {
    sim.count(|a| matches!(a, Action::Retire { .. }))
}

#[test]
fn term_is_put_off_and_everything_is_served_meanwhile() {
    let mut sim = Sim::running(delayed(2));
    sim.feed(Event::Term);
    assert_eq!((sim.s.state(), retired(&sim)), (InstanceState::Leaving, 0));
    // Who dies is replaced, an operator is heard, and the wish of one is carried out.
    let child = sim.worker(1);
    sim.die(child, Ended::Signal(9));
    sim.feed(Event::Scale(ScaleTo::Workers(3)));
    assert_eq!((sim.ready_workers(), sim.s.state()), (3, InstanceState::Leaving));
    sim.pass(Duration::from_millis(4_900));
    assert_eq!((sim.ready_workers(), retired(&sim)), (3, 0));
    sim.pass(Duration::from_millis(200));
    assert_eq!((retired(&sim), sim.exit), (3, Some(Exit::Ok)));
}

#[test]
fn a_second_term_counts_a_second_later_and_begins_the_gentle_stop() {
    let mut sim = Sim::running(delayed(1));
    sim.good = false;
    sim.feed(Event::Term);
    sim.pass(Duration::from_millis(900));
    sim.feed(Event::Term);
    assert_eq!(sim.s.state(), InstanceState::Leaving);
    sim.pass(Duration::from_millis(200));
    sim.feed(Event::Term);
    assert_eq!((sim.s.state(), retired(&sim)), (InstanceState::Stopping, 1));
    assert_eq!(sim.count(|a| matches!(a, Action::Kill { .. })), 0);
    // From here it is a stop like any other.
    sim.pass(Duration::from_millis(1_100));
    sim.feed(Event::Term);
    assert_eq!(sim.exit, Some(Exit::Ok));
}

#[test]
fn who_asks_for_a_stop_otherwise_does_not_wait() {
    for (event, good) in [(Event::Stop, true), (Event::StopAtOnce, false)] {
        for after_term in [false, true] {
            let mut sim = Sim::running(delayed(1));
            sim.good = good;
            if after_term {
                sim.feed(Event::Term);
            }
            sim.feed(event.clone());
            assert_eq!(sim.exit, Some(Exit::Ok), "{event:?}, {after_term}");
        }
    }
}

#[test]
fn a_start_and_a_pause_are_not_drawn_out() {
    let mut sim = Sim::new(delayed(1));
    sim.feed(Event::Tick);
    sim.feed(Event::Term);
    assert_eq!(sim.s.state(), InstanceState::Stopping);
    let mut sim = Sim::running(delayed(1));
    sim.feed(Event::Pause);
    sim.feed(Event::Term);
    assert_eq!(sim.exit, Some(Exit::Ok), "nobody is served meanwhile");
}

#[test]
fn no_reload_begins_and_one_under_way_goes_on() {
    let mut sim = Sim::running(delayed(2));
    sim.config = None;
    sim.feed(Event::Reload);
    sim.feed(Event::Reload);
    sim.feed(Event::Term);
    assert_eq!(sim.s.state(), InstanceState::Leaving);
    sim.feed(Event::Configured(Box::new(delayed(2))));
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
    sim.feed(Event::Reload);
    assert_eq!(sim.count(|a| *a == Action::ReloadStarted), 1, "neither the one after it nor a new one");
    sim.pass(Duration::from_secs(5));
    assert_eq!(sim.exit, Some(Exit::Ok));
}

#[test]
fn one_that_sleeps_is_woken_meanwhile() {
    let cheap = Sleep { cheap: true, ..Sleep::default() };
    let mut sim = Sim::running(Plan { sleep: cheap, ..delayed(1) });
    sim.feed(Event::Term);
    assert!(sim.s.wants_connections());
    sim.feed(Event::Connection);
    assert_eq!(sim.ready_workers(), 1);
    sim.pass(Duration::from_secs(5));
    assert_eq!(sim.exit, Some(Exit::Ok));
}

#[test]
fn term_that_reloads_is_no_stop() {
    let mut sim = Sim::running(Plan { term_reloads: true, ..delayed(1) });
    sim.feed(Event::Term);
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
}
