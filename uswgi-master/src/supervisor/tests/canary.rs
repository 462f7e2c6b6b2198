//! A canary: which seats it gets, when it goes on, when it is taken back, and what happens to it meanwhile.

use super::sim::{Sim, plan};
use crate::supervisor::{Action, Event, Numbers, Plan, Stage};
use std::collections::BTreeMap;
use std::time::Duration;
use uswgi_keep::reap::Ended;
use uswgi_proto::canary::{CanaryRequest, Terms};
use uswgi_proto::scoreboard::canary::{CanaryState, Tally};
use uswgi_proto::scoreboard::{InstanceState, Outcome};

fn canary(plan: Plan) -> Sim {
    let mut sim = Sim::running(plan);
    sim.feed(Event::Canary(CanaryRequest::default()));
    sim
}

/// Generations of the ready workers, by worker number.
fn generations(sim: &Sim) -> Vec<(u32, u64)> {
    let mut all: Vec<_> = sim
        .s
        .workers(Stage::Ready)
        .map(|id| (sim.s.children()[&id].worker_id().unwrap(), sim.s.children()[&id].generation))
        .collect();
    all.sort_unstable();
    all
}

/// Both generations have answered so much in all; failures are of the new one.
fn looked(sim: &mut Sim, old: u64, new: u64, failed: u64) {
    let tally = |n: u64, errors| {
        let mut t = Tally { errors, ..Tally::default() };
        t.histogram[40] = n;
        t
    };
    let tallies = BTreeMap::from([(1, tally(old, 0)), (2, tally(new, failed))]);
    sim.feed(Event::Seen(Numbers { tallies, ..Numbers::default() }));
}

fn state(sim: &Sim) -> (CanaryState, String) {
    let seen = sim.s.canary_seen().1.unwrap();
    (seen.state, seen.verdict.clone())
}

#[test]
fn it_gets_the_last_seats_and_then_all() {
    let mut sim = canary(plan(4));
    assert_eq!(generations(&sim), [(1, 1), (2, 1), (3, 1), (4, 2)]);
    assert!(sim.s.wants_numbers() && sim.s.wants_tallies());
    assert_eq!((sim.s.state(), state(&sim).0), (InstanceState::Reloading, CanaryState::Starting));
    looked(&mut sim, 1_000, 500, 500);
    assert_eq!(state(&sim).0, CanaryState::Comparing, "what was before counts for nothing");
    sim.pass(Duration::from_secs(59));
    looked(&mut sim, 4_000, 1_500, 500);
    assert!(sim.outcomes().is_empty());
    sim.pass(Duration::from_secs(2));
    looked(&mut sim, 4_100, 1_600, 500);
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
    assert_eq!(generations(&sim), [(1, 2), (2, 2), (3, 2), (4, 2)]);
    let (state, verdict) = state(&sim);
    assert!(state == CanaryState::Promoted && verdict.contains("not worse in 1100 requests"), "{verdict}");
}

#[test]
fn one_that_is_worse_is_taken_back_to_forks_of_what_was_never_gone() {
    let mut sim = canary(plan(4));
    let old = sim.procs.iter().find(|(_, p)| p.generation == 1).map(|(&id, _)| id).unwrap();
    looked(&mut sim, 0, 0, 0);
    sim.pass(Duration::from_secs(1));
    looked(&mut sim, 300, 100, 90);
    let (outcome, reason) = sim.outcomes().remove(0);
    assert!(outcome == Outcome::TakenBack && reason.contains("more requests fail: 90 of 100"), "{reason}");
    assert_eq!(generations(&sim), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(state(&sim).0, CanaryState::TakenBack);
    assert!(sim.procs.contains_key(&old), "the template that was there");
    assert!(!sim.s.has_canary() && sim.s.state() == InstanceState::Running);
    // The next one begins anew.
    sim.feed(Event::Canary(CanaryRequest::default()));
    assert_eq!((generations(&sim)[3], state(&sim).0), ((4, 3), CanaryState::Starting));
}

#[test]
fn shares_become_whole_workers() {
    for (workers, share, new) in
        [(2, 1000, 1), (2, 1, 1), (3, 5000, 1), (4, 5000, 2), (10, 1000, 1), (10, 2500, 3), (10, 4000, 4)]
    {
        let mut sim = Sim::running(plan(workers));
        sim.feed(Event::Canary(CanaryRequest { share: Some(share), ..CanaryRequest::default() }));
        let of_new = generations(&sim).iter().filter(|(_, g)| *g == 2).count();
        assert_eq!((of_new, generations(&sim).len()), (new, workers as usize), "{workers} {share}");
    }
}

#[test]
fn with_one_worker_it_runs_beside_it() {
    for (promote, left) in [(true, 2), (false, 1)] {
        let mut sim = canary(plan(1));
        assert_eq!(generations(&sim), [(1, 1), (2, 2)]);
        sim.feed(Event::EndCanary { promote });
        for _ in 0..3 {
            sim.pass(Duration::from_secs(1));
            sim.feed(Event::Seen(Numbers::default()));
        }
        let all = generations(&sim);
        assert_eq!((all.len(), all[0].1), (1, left), "{all:?}");
        assert_eq!(sim.s.workers_wanted(), 1);
        let expected = if promote { Outcome::Ok } else { Outcome::Aborted };
        assert_eq!(sim.outcomes()[0].0, expected);
    }
}

#[test]
fn an_operator_ends_it_at_any_moment() {
    // While the configuration is read, while the template loads, while workers start.
    for moment in 0..3 {
        for promote in [false, true] {
            let mut sim = Sim::running(plan(4));
            sim.good = false;
            let answer = sim.config.clone();
            if moment == 0 {
                sim.config = None;
            }
            sim.feed(Event::Canary(CanaryRequest::default()));
            if moment == 2 {
                let template = sim.template();
                sim.ready(template);
            }
            sim.feed(Event::EndCanary { promote });
            sim.good = true;
            if !promote {
                assert_eq!(sim.outcomes()[0].0, Outcome::Aborted, "{moment}");
                assert_eq!(state(&sim).0, CanaryState::Aborted);
                assert!(!sim.s.has_canary());
            } else {
                assert_eq!(state(&sim).0, CanaryState::Promoted);
                if moment == 0 {
                    sim.feed(Event::Configured(Box::new(answer.unwrap().unwrap())));
                }
                for child in sim.procs.keys().copied().collect::<Vec<_>>() {
                    sim.ready(child);
                }
                sim.pass(Duration::from_secs(1));
                assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())], "{moment}");
                assert!(generations(&sim).iter().all(|(_, g)| *g == 2));
            }
        }
    }
    let mut sim = Sim::running(plan(2));
    sim.feed(Event::EndCanary { promote: true });
    assert_eq!(sim.count(|a| matches!(a, Action::Log(l) if l == "no canary is under way")), 1);
}

#[test]
fn two_deaths_end_it_unless_the_old_ones_die_as_well() {
    let mut sim = canary(plan(4));
    looked(&mut sim, 0, 0, 0);
    for _ in 0..2 {
        assert!(sim.outcomes().is_empty());
        sim.pass(Duration::from_secs(20));
        let child = sim.worker(4);
        sim.die(child, Ended::Signal(11));
    }
    assert!(
        sim.outcomes()[0].1.contains("2 workers of generation 2 died, 0 of the old one"),
        "{:?}",
        sim.outcomes()
    );
    let mut sim = canary(plan(4));
    looked(&mut sim, 0, 0, 0);
    for _ in 0..4 {
        for id in 1..=4 {
            sim.pass(Duration::from_secs(3));
            let child = sim.worker(id);
            sim.die(child, Ended::Signal(11));
        }
    }
    assert!(sim.outcomes().is_empty(), "{:?}", sim.outcomes());
    assert_eq!(sim.s.canary_seen().1.unwrap().arms.map(|a| a.deaths), [12, 4]);
    assert_eq!(generations(&sim).last(), Some(&(4, 2)), "each comes back as what it was");
}

#[test]
fn a_worker_of_another_seat_stays_what_it_is() {
    let mut sim = canary(plan(4));
    looked(&mut sim, 0, 0, 0);
    for id in [1, 2] {
        let child = sim.worker(id);
        sim.feed(Event::Replace { child, reason: uswgi_proto::scoreboard::Restart::MaxRequests });
    }
    assert_eq!(generations(&sim), [(1, 1), (2, 1), (3, 1), (4, 2)]);
    assert_ne!(sim.worker(1), 2);
}

#[test]
fn where_little_is_seen_it_takes_twice_as_long_and_goes_on() {
    let mut sim = canary(plan(2));
    looked(&mut sim, 0, 0, 0);
    sim.pass(Duration::from_secs(61));
    looked(&mut sim, 40, 30, 30);
    let (canary, verdict) = state(&sim);
    assert!(canary == CanaryState::Comparing && verdict.contains("30 requests of 50"), "{verdict}");
    sim.pass(Duration::from_secs(60));
    looked(&mut sim, 40, 30, 30);
    assert_eq!(sim.outcomes(), [(Outcome::Ok, String::new())]);
    assert!(state(&sim).1.contains("too little was seen"), "{:?}", state(&sim));
}

#[test]
fn where_there_can_be_none_it_says_why() {
    for (p, why) in [
        (Plan { lazy: true, ..plan(2) }, "with lazy-apps no template"),
        (
            Plan { sleep: crate::supervisor::Sleep { cheap: true, ..Default::default() }, ..plan(2) },
            "no worker runs now",
        ),
    ] {
        let mut sim = Sim::running(p);
        assert!(sim.s.no_canary().unwrap().contains(why));
        sim.feed(Event::Canary(CanaryRequest::default()));
        assert!(sim.outcomes().is_empty() && sim.s.canary_seen().1.is_none());
    }
    let mut sim = Sim::running(plan(2));
    sim.config = Some(Ok(Plan { lazy: true, ..plan(2) }));
    sim.feed(Event::Canary(CanaryRequest::default()));
    let (outcome, reason) = sim.outcomes().remove(0);
    assert!(outcome == Outcome::Aborted && reason.contains("new configuration has lazy-apps"), "{reason}");
    assert_eq!(generations(&sim), [(1, 1), (2, 1)]);
    let mut sim = canary(plan(2));
    assert!(sim.s.no_canary().unwrap().contains("a reload is under way"));
    sim.feed(Event::Canary(CanaryRequest::default()));
    assert_eq!(sim.s.coming_generation(), Some(2));
}

#[test]
fn the_number_of_workers_stays_until_it_is_over() {
    let mut sim = Sim::running(plan(2));
    sim.config = Some(Ok(Plan { workers: 5, ..plan(2) }));
    sim.feed(Event::Canary(CanaryRequest::default()));
    assert_eq!(generations(&sim), [(1, 1), (2, 2)]);
    sim.feed(Event::EndCanary { promote: true });
    assert_eq!((generations(&sim).len(), sim.outcomes()[0].0), (5, Outcome::Ok));
}

#[test]
fn a_stop_and_a_failed_load_end_it() {
    let mut sim = canary(plan(2));
    sim.feed(Event::Stop);
    assert_eq!((sim.outcomes()[0].0, state(&sim).0), (Outcome::Stopped, CanaryState::Aborted));
    assert_eq!(sim.exit, Some(uswgi_proto::exit::Exit::Ok));
    let mut sim = Sim::running(plan(2));
    sim.good = false;
    sim.feed(Event::Canary(CanaryRequest::default()));
    let template = sim.template();
    sim.feed(Event::LoadFailed { child: template, message: "Traceback\nImportError: no".into() });
    assert_eq!((sim.outcomes()[0].0, state(&sim).0), (Outcome::AppFailed, CanaryState::TakenBack));
}

#[test]
fn tracebacks_are_counted_over_its_workers_and_of_nobody_else() {
    let mut sim = Sim::running(plan(4));
    sim.feed(Event::Canary(CanaryRequest { share: Some(5000), ..CanaryRequest::default() }));
    let told = |sim: &mut Sim, id: u32, text: &str, count| {
        let child = sim.worker(id);
        sim.feed(Event::Traceback { child, text: text.into(), count });
    };
    told(&mut sim, 1, "old", 64);
    for (id, text, count) in [(3, "a", 1), (4, "b", 8), (3, "a", 2), (4, "a", 4), (4, "c", 2), (4, "d", 1)] {
        told(&mut sim, id, text, count);
    }
    let seen = &sim.s.canary_seen().1.unwrap().tracebacks;
    assert_eq!(*seen, [(8, "b".to_string()), (6, "a".to_string()), (2, "c".to_string())]);
}

#[test]
fn the_terms_are_those_of_the_new_configuration_but_for_what_was_asked() {
    let mut sim = Sim::running(plan(10));
    let configured = Terms { share: 3000, seconds: 7, ..Terms::default() };
    sim.config = Some(Ok(Plan { canary: configured, ..plan(10) }));
    sim.feed(Event::Canary(CanaryRequest { seconds: Some(9), ..CanaryRequest::default() }));
    let seen = sim.s.canary_seen().1.unwrap();
    assert_eq!(seen.terms, Terms { seconds: 9, ..configured });
    assert_eq!(generations(&sim).iter().filter(|(_, g)| *g == 2).count(), 3);
}
