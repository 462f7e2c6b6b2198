//! The arithmetic of a canary, and how often it is wrong: simulated with a seed of its own.

use crate::supervisor::judge::{ALPHA, Judge, Judgement};
use uswgi_proto::canary::Terms;
use uswgi_proto::scoreboard::canary::Tally;
use uswgi_proto::scoreboard::layout::bucket_of;

/// Numbers from 0 to 1 (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// How a version behaves.
#[derive(Clone, Copy)]
struct Version {
    /// Share of requests that fail.
    fails: f64,
    /// Factor of every duration.
    slower: f64,
    /// One route of ten takes this much longer.
    route: f64,
}

const GOOD: Version = Version { fails: 0.0, slower: 1.0, route: 1.0 };

fn answer(dice: &mut Dice, v: Version, to: &mut Tally) {
    // From 2 to 40 ms, most of them short.
    let u = dice.roll();
    let route = if dice.roll() < 0.1 { v.route } else { 1.0 };
    let us = 2_000.0 * 20f64.powf(u * u) * v.slower * route;
    to.histogram[bucket_of(us as u64)] += 1;
    to.errors += u64::from(dice.roll() < v.fails);
}

/// A canary with `requests` in all, looked at every `step` of them: what came of it, and after how many of its own.
fn canary(
    dice: &mut Dice,
    terms: &Terms,
    share: f64,
    requests: u32,
    old: Version,
    new: Version,
) -> Option<(String, u64)> {
    let (mut judge, mut a, mut b) = (Judge::default(), Tally::default(), Tally::default());
    for i in 1..=requests {
        if dice.roll() < share {
            answer(dice, new, &mut b)
        } else {
            answer(dice, old, &mut a)
        }
        if (i % 37 == 0 || i == requests)
            && let Judgement::Worse(why) = judge.look(terms, &a, &b, i == requests)
        {
            return Some((why, b.requests()));
        }
    }
    None
}

#[test]
fn equal_versions_are_called_worse_no_more_often_than_stated() {
    let mut dice = Dice(88_172_645_463_325_252);
    // Without any margin nothing but the arithmetic keeps an equal version from being taken back.
    let bare = Terms { max_5xx: 0, max_slower: 100, ..Terms::default() };
    for (terms, fails) in [(Terms::default(), 0.0), (Terms::default(), 0.05), (bare, 0.02), (bare, 0.5)] {
        let v = Version { fails, ..GOOD };
        let runs = 200;
        let wrong = (0..runs).filter(|_| canary(&mut dice, &terms, 0.25, 1_000, v, v).is_some()).count();
        assert!((wrong as f64) <= ALPHA * f64::from(runs), "{wrong} of {runs} with {terms:?}");
    }
}

#[test]
fn what_is_as_bad_as_is_allowed_is_not_called_worse() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let limit = Version { fails: 0.01, slower: 1.5, route: 1.0 };
    let wrong =
        (0..200).filter(|_| canary(&mut dice, &Terms::default(), 0.25, 1_000, GOOD, limit).is_some()).count();
    assert!(wrong <= 2, "{wrong}");
}

#[test]
fn what_is_worse_is_found_after_so_many_requests() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for (name, new, within, said) in [
        ("always 500", Version { fails: 1.0, ..GOOD }, 110, "more requests fail"),
        ("one route of ten", Version { fails: 0.1, ..GOOD }, 900, "more requests fail"),
        ("3 %", Version { fails: 0.03, ..GOOD }, 7_000, "more requests fail"),
        ("three times slower", Version { slower: 3.0, ..GOOD }, 900, "requests take longer"),
        ("one slow route", Version { route: 20.0, ..GOOD }, 7_000, "requests take longer"),
    ] {
        let mut most = 0;
        for _ in 0..5 {
            let found = canary(&mut dice, &Terms::default(), 0.25, 40_000, GOOD, new);
            let (why, requests) = found.unwrap_or_else(|| panic!("{name} is not found"));
            assert!(why.contains(said), "{name}: {why}");
            most = most.max(requests);
        }
        assert!(most <= within, "{name}: found after {most} requests");
    }
}

#[test]
fn twice_as_slow_is_found_where_all_requests_are_alike() {
    let (mut old, mut new) = (Tally::default(), Tally::default());
    old.histogram[bucket_of(10_000)] = 150;
    new.histogram[bucket_of(20_000)] = 50;
    let verdict = Judge::default().look(&Terms::default(), &old, &new, false);
    assert!(matches!(verdict, Judgement::Worse(ref why) if why.contains("1.5x is allowed")), "{verdict:?}");
    // What a scheduler does is no slowness.
    let (mut old, mut new) = (Tally::default(), Tally::default());
    old.histogram[bucket_of(100)] = 15_000;
    new.histogram[bucket_of(900)] = 5_000;
    assert_eq!(Judge::default().look(&Terms::default(), &old, &new, true), Judgement::Wait);
}

#[test]
fn few_requests_decide_nothing() {
    let terms = Terms::default();
    let (mut old, mut new) = (Tally::default(), Tally::default());
    old.histogram[30] = 1_000;
    (new.histogram[30], new.errors) = (49, 49);
    assert_eq!(Judge::default().look(&terms, &old, &new, true), Judgement::Wait, "below min-requests");
    let few = Terms { min_requests: 1, ..terms };
    (new.histogram[30], new.errors) = (1, 1);
    assert_eq!(Judge::default().look(&few, &old, &new, true), Judgement::Wait, "one request proves nothing");
    // Nobody to compare with.
    (new.histogram[30], new.errors) = (500, 500);
    assert_eq!(Judge::default().look(&terms, &Tally::default(), &new, true), Judgement::Wait);
    old.errors = 990;
    assert_eq!(Judge::default().look(&terms, &old, &new, true), Judgement::Wait, "the old one fails as well");
    assert!(Judge::default().look(&terms, &Tally::default(), &Tally::default(), true) == Judgement::Wait);
}

#[test]
fn a_look_waits_for_twice_as_much_but_for_the_last() {
    let terms = Terms { min_requests: 10, ..Terms::default() };
    let (mut old, mut new, mut judge) = (Tally::default(), Tally::default(), Judge::default());
    (old.histogram[40], new.histogram[40]) = (1_000, 10);
    assert_eq!(judge.look(&terms, &old, &new, false), Judgement::Wait);
    (new.histogram[40], new.errors) = (19, 9);
    assert_eq!(judge.look(&terms, &old, &new, false), Judgement::Wait, "not now");
    assert!(matches!(judge.look(&terms, &old, &new, true), Judgement::Worse(_)), "now");
}
