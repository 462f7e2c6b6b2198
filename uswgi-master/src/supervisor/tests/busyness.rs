//! Every rule of the algorithm `busyness`, a cycle at a time.

use crate::supervisor::cheaper::{Advice, Algorithm, Cheaper, Cycle, Gauge};

const RULES: Busyness = Busyness {
    max: 50,
    min: 25,
    multiplier: 3,
    penalty: 2,
    verbose: true,
    alert: 33,
    backlog_multiplier: 2,
    backlog_step: 2,
    nonzero: 4,
};
use uswgi_conf::instance::Busyness;

/// Workers that come and go as the verdicts say.
struct Sim {
    c: Cheaper,
    gauge: Gauge,
    max: u32,
    workers: u32,
    waiting: u32,
    rss: u64,
    said: Vec<String>,
}

impl Sim {
    fn new(workers: u32, overload: u32, rules: Busyness) -> Sim {
        let c = Cheaper {
            min: 1,
            initial: 1,
            step: 1,
            overload,
            algorithm: Algorithm::Busyness(rules),
            rss_soft: 100,
            rss_hard: 0,
        };
        let gauge = Gauge::default();
        Sim { c, gauge, max: 9, workers, waiting: 0, rss: 0, said: Vec::new() }
    }

    /// One cycle for each load in per cent; how many workers there are after each.
    fn cycles(&mut self, loads: &[u32]) -> Vec<u32> {
        let one = |&load: &u32| {
            let seen = Cycle {
                active: self.workers,
                waiting: self.waiting,
                rss: self.rss,
                load: load * 10,
                room: self.max - self.workers,
                spare: self.workers - self.c.min,
                ..Cycle::default()
            };
            let verdict = self.gauge.judge(&self.c, seen);
            self.said.extend(self.gauge.said());
            match verdict {
                Advice::Stay => {}
                Advice::More(n) => self.workers += n,
                Advice::OneFewer => self.workers -= 1,
            }
            assert!((self.c.min..=self.max).contains(&self.workers), "beyond the bounds");
            self.workers
        };
        loads.iter().map(one).collect()
    }

    fn heard(&self, part: &str) -> usize {
        self.said.iter().filter(|s| s.contains(part)).count()
    }
}

#[test]
fn a_period_is_overload_cycles_and_its_average_decides() {
    let mut s = Sim::new(1, 4, RULES);
    assert_eq!(s.cycles(&[100, 0, 0, 0]), [1; 4], "a short spike");
    assert_eq!(s.cycles(&[100, 50, 50, 0]), [1; 4], "50 % is not above 50 %");
    assert_eq!(s.cycles(&[100, 100, 4, 0]), [1, 1, 1, 2]);
    s.c.step = 3;
    assert_eq!(s.cycles(&[100; 12]), [2, 2, 2, 5, 5, 5, 5, 8, 8, 8, 8, 9], "by steps, up to workers");
    // A cycle of no length is one look.
    assert_eq!(Sim::new(1, 0, RULES).cycles(&[100, 100]), [2, 3]);
}

#[test]
fn idle_periods_in_a_row_take_one_down_and_the_count_begins_again() {
    let mut s = Sim::new(3, 1, RULES);
    assert_eq!(s.cycles(&[24; 8]), [3, 3, 2, 2, 2, 1, 1, 1], "never below cheaper");
    s.workers = 2;
    assert_eq!(s.cycles(&[0; 3]), [2, 2, 1], "an operator's worker stays as long");
    let mut s = Sim::new(3, 2, RULES);
    assert_eq!(s.cycles(&[0; 7]), [3, 3, 3, 3, 3, 2, 2], "periods, not cycles");
    assert_eq!(Sim::new(3, 1, RULES).cycles(&[25; 20]), [3; 20], "25 % is not below 25 %");
}

#[test]
fn a_load_between_the_bounds_stops_the_count_and_the_third_resets_it() {
    let mut s = Sim::new(3, 1, RULES);
    assert_eq!(s.cycles(&[0, 0, 40, 40, 0]), [3, 3, 3, 3, 2], "two more periods");
    assert_eq!(s.cycles(&[0, 0, 40, 40, 40, 0, 0, 0]), [2, 2, 2, 2, 2, 2, 2, 1], "from the beginning");
    // Not in a row: an idle one between them.
    let mut s = Sim::new(3, 1, RULES);
    assert_eq!(s.cycles(&[0, 40, 40, 0, 40, 0]), [3, 3, 3, 3, 3, 2]);
}

#[test]
fn a_load_above_the_bound_resets_the_count_with_room_or_without() {
    let mut s = Sim::new(2, 1, RULES);
    s.max = 3;
    assert_eq!(s.cycles(&[0, 0, 90, 0, 0, 90, 0, 0, 0]), [2, 2, 3, 3, 3, 3, 3, 3, 2]);
    assert_eq!(s.heard("no more workers are possible"), 1);
}

#[test]
fn a_worker_that_is_needed_again_at_once_makes_the_next_one_stay_longer() {
    let mut s = Sim::new(2, 1, RULES);
    assert_eq!(s.cycles(&[0, 0, 0]), [2, 2, 1]);
    // In less than the three periods that it takes: from now on five.
    assert_eq!(s.cycles(&[40, 90]), [1, 2]);
    assert_eq!(s.heard("from now on after 5 idle periods"), 1);
    assert_eq!(s.cycles(&[0; 5]), [2, 2, 2, 2, 1]);
    // Four periods later is too early as well, now.
    assert_eq!(s.cycles(&[40, 40, 40, 90]), [1, 1, 1, 2]);
    assert_eq!(s.heard("from now on after 7 idle periods"), 1);
    // Seven are not, and the wait becomes shorter again.
    assert_eq!(s.cycles(&[0; 7]), [2, 2, 2, 2, 2, 2, 1]);
    assert_eq!(s.cycles(&[40, 40, 40, 40, 40, 40, 90]), [1, 1, 1, 1, 1, 1, 2]);
    assert_eq!(s.cycles(&[0; 5]), [2, 2, 2, 2, 1]);
    s.cycles(&[40; 9]);
    s.cycles(&[90, 0, 0, 0, 0]);
    assert_eq!(s.workers, 1, "after three again");
    // One that is needed again counts once, however much more is needed.
    s.cycles(&[90, 90, 90]);
    assert_eq!(s.heard("from now on"), 3);
}

#[test]
fn emergency_workers_come_at_once_and_go_after_fewer_periods() {
    let mut s = Sim::new(2, 10, RULES);
    s.waiting = 33;
    assert_eq!(s.cycles(&[0]), [2], "not above the alert");
    s.waiting = 34;
    assert_eq!(s.cycles(&[0, 0]), [4, 6], "a step in each cycle");
    s.waiting = 0;
    // The first period ends; two idle ones for each emergency worker, three for the others.
    let mut later = Vec::new();
    for _ in 0..13 {
        later.push(*s.cycles(&[0; 10]).last().unwrap());
    }
    assert_eq!(later, [6, 5, 5, 4, 4, 3, 3, 2, 2, 2, 1, 1, 1]);
    assert_eq!(s.heard(": an emergency worker goes"), 4);
    let mut s = Sim::new(8, 10, RULES);
    s.waiting = 99;
    assert_eq!(s.cycles(&[0, 0, 0]), [9, 9, 9], "never beyond workers");
}

#[test]
fn somebody_who_waits_for_long_brings_an_emergency_worker() {
    let mut s = Sim::new(1, 30, RULES);
    s.waiting = 1;
    assert_eq!(s.cycles(&[100; 4]), [1; 4]);
    s.waiting = 0;
    assert_eq!(s.cycles(&[100]), [1], "the queue was empty: from the beginning");
    s.waiting = 1;
    assert_eq!(s.cycles(&[100; 6]), [1, 1, 1, 1, 3, 3]);
    assert_eq!(s.cycles(&[100; 4]), [3, 3, 3, 5], "and again as long as it goes on");
}

#[test]
fn an_alarm_at_the_end_of_a_busy_period_brings_the_larger_number() {
    let mut s = Sim::new(1, 1, RULES);
    s.waiting = 40;
    assert_eq!(s.cycles(&[100]), [3]);
    s.c.step = 4;
    assert_eq!(s.cycles(&[100]), [7]);
    // An alarm in an idle period: more come, none goes.
    let mut s = Sim::new(3, 1, Busyness { multiplier: 1, ..RULES });
    s.waiting = 40;
    assert_eq!(s.cycles(&[0]), [5]);
}

#[test]
fn memory_stops_both_ways_to_more_workers() {
    let mut s = Sim::new(2, 1, RULES);
    (s.rss, s.waiting) = (101, 99);
    assert_eq!(s.cycles(&[100; 3]), [2; 3]);
    s.rss = 100;
    assert_eq!(s.cycles(&[100]), [4]);
}

#[test]
fn it_speaks_only_when_asked_and_forgets_with_other_rules() {
    let mut s = Sim::new(2, 1, Busyness { verbose: false, ..RULES });
    s.cycles(&[0, 0, 0, 90, 90, 40]);
    assert!(s.said.is_empty(), "{:?}", s.said);
    let mut s = Sim::new(2, 1, RULES);
    s.cycles(&[0, 0]);
    s.c.algorithm = Algorithm::Busyness(Busyness { max: 60, ..RULES });
    assert_eq!(s.cycles(&[0, 0, 0]), [2, 2, 1], "another configuration counts anew");
}
