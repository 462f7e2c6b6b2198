//! The schedule against a naive model; what a run may and may not do.

use crate::supervisor::cron::{Civil, Crons, due, next};
use crate::supervisor::order::{Program, ProgramOrder};
use proptest::prelude::*;
use std::time::{Duration, Instant};
use uswgi_conf::tasks::{Job, Schedule};
use uswgi_keep::group::Group;
use uswgi_keep::reap::Ended;

/// Local time where it is UTC all year, by counting days from the epoch, a Thursday.
fn utc(minute: i64) -> Civil {
    let (mut days, of_day) = (minute.div_euclid(1440), minute.rem_euclid(1440));
    let weekday = ((days + 4) % 7) as i32;
    let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let mut year = 1970;
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let mut month = 0;
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    Civil {
        minute: (of_day % 60) as i32,
        hour: (of_day / 60) as i32,
        day: days as i32 + 1,
        month: month as i32 + 1,
        weekday,
    }
}

#[test]
fn the_model_knows_the_calendar() {
    // date -u -d @1709210640: Thu Feb 29 12:44:00 2024.
    let t = utc(1_709_210_640 / 60);
    assert_eq!(t, Civil { minute: 44, hour: 12, day: 29, month: 2, weekday: 4 });
}

/// Every value that a number stands for, written out.
fn values(wanted: i32, from: i32, to: i32) -> Vec<i32> {
    (from..=to)
        .filter(|v| match wanted {
            -1 => true,
            n if n < 0 => v.rem_euclid(-n) == 0,
            n => n == *v,
        })
        .collect()
}

fn naive(s: &Schedule, t: Civil) -> bool {
    let days = values(s.day, 1, 31).contains(&t.day);
    let mut weekdays = values(s.week, 0, 6);
    if s.week == 7 {
        weekdays = vec![0];
    }
    let weekday = weekdays.contains(&t.weekday);
    let both = s.day >= 0 && s.week >= 0;
    values(s.minute, 0, 59).contains(&t.minute)
        && values(s.hour, 0, 23).contains(&t.hour)
        && values(s.month, 1, 12).contains(&t.month)
        && if both { days || weekday } else { days && weekday }
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let number = |from: i32, to: i32| prop_oneof![3 => Just(-1), 2 => -31..=-2, 3 => from..=to];
    (number(0, 59), number(0, 23), number(1, 31), number(1, 12), number(0, 7))
        .prop_map(|(minute, hour, day, month, week)| Schedule { minute, hour, day, month, week })
}

fn job(schedule: Schedule) -> Job {
    Job { command: "x".into(), schedule, unique: false, harakiri: 0 }
}

const ALWAYS: Schedule = Schedule { minute: -1, hour: -1, day: -1, month: -1, week: -1 };

proptest! {
    #[test]
    fn a_schedule_has_the_minutes_of_the_naive_model(s in schedule(), minute in 0i64..60_000_000) {
        prop_assert_eq!(due(&s, utc(minute)), naive(&s, utc(minute)), "{:?} {:?}", s, utc(minute));
    }

    #[test]
    fn nobody_is_woken_before_a_job_is_due_and_none_is_missed(
        s in prop::collection::vec(schedule(), 1..4),
        minute in 0i64..60_000_000,
    ) {
        let at = next(s.iter(), minute, &utc);
        prop_assert!(at > minute && at <= minute + 1440);
        for m in minute + 1..at {
            prop_assert!(!s.iter().any(|s| naive(s, utc(m))), "missed {m}");
        }
        prop_assert!(at == minute + 1440 || s.iter().any(|s| naive(s, utc(at))), "for nothing");
    }

    #[test]
    fn driven_by_its_own_timer_a_job_runs_in_each_of_its_minutes_once(
        s in schedule(),
        first in 0i64..60_000_000,
        twice in any::<bool>(),
    ) {
        let mut crons = Crons::default();
        crons.replace(&[job(s)]);
        let (now, mut ran, mut minute) = (Instant::now(), Vec::new(), first);
        while minute < first + 3 * 1440 {
            for _ in 0..=usize::from(twice) {
                for order in crons.clock(minute, now, &utc) {
                    if let ProgramOrder::Start(Program::Job(id)) = order {
                        ran.push(minute);
                        crons.started(id, 7);
                        crons.ended(7, Ended::Code(0), false, now);
                    }
                }
                crons.replace(&[job(s)]);
            }
            minute = crons.next_minute(minute, &utc).unwrap();
        }
        let wanted: Vec<i64> = (first..minute.min(first + 3 * 1440)).filter(|m| naive(&s, utc(*m))).collect();
        prop_assert_eq!(ran, wanted);
    }
}

fn headless(crons: &Crons) -> impl Iterator<Item = i32> {
    crons.groups().filter_map(Group::headless)
}

fn starts(orders: &[ProgramOrder]) -> usize {
    orders.iter().filter(|o| matches!(o, ProgramOrder::Start(..))).count()
}

#[test]
fn a_unique_job_does_not_start_while_it_runs() {
    for unique in [true, false] {
        let mut crons = Crons::default();
        crons.replace(&[Job { unique, ..job(ALWAYS) }]);
        let now = Instant::now();
        assert_eq!(starts(&crons.clock(10, now, &utc)), 1);
        crons.started(1, 70);
        let orders = crons.clock(11, now, &utc);
        assert_eq!(starts(&orders), usize::from(!unique), "{orders:?}");
        crons.ended(70, Ended::Code(0), false, now);
        assert_eq!(starts(&crons.clock(12, now, &utc)), 1);
    }
}

#[test]
fn a_clock_that_steps_back_repeats_nothing_and_one_that_was_wrong_goes_on() {
    let mut crons = Crons::default();
    crons.replace(&[job(ALWAYS)]);
    let now = Instant::now();
    assert_eq!(starts(&crons.clock(1000, now, &utc)), 1);
    for minute in [999, 1000, 970] {
        assert_eq!(starts(&crons.clock(minute, now, &utc)), 0, "{minute}");
    }
    assert_eq!(starts(&crons.clock(1001, now, &utc)), 1);
    assert_eq!(starts(&crons.clock(500, now, &utc)), 1, "the clock was set to another time");
}

#[test]
fn harakiri_and_the_stop_kill_a_run() {
    let mut crons = Crons::default();
    crons.replace(&[Job { harakiri: 5, ..job(ALWAYS) }]);
    let now = Instant::now();
    crons.clock(10, now, &utc);
    crons.started(1, 70);
    assert_eq!(crons.next_deadline(), Some(now + Duration::from_secs(5)));
    assert!(crons.expire(now + Duration::from_secs(4)).is_empty());
    assert!(crons.expire(now + Duration::from_secs(5)).contains(&ProgramOrder::Signal(70, 9)));
    assert_eq!(crons.next_deadline(), None, "once");
    crons.ended(70, Ended::Signal(9), false, now);
    crons.clock(11, now, &utc);
    crons.started(2, 71);
    assert_eq!(crons.stop(Duration::from_secs(3), now), [ProgramOrder::Signal(71, 15)]);
    assert!(crons.expire(now + Duration::from_secs(3)).contains(&ProgramOrder::Signal(71, 9)));
    assert!(!crons.is_gone());
    crons.ended(71, Ended::Signal(9), false, now);
    assert!(crons.is_gone());
    assert_eq!(starts(&crons.clock(12, now, &utc)), 0);
    assert_eq!(crons.next_minute(12, &utc), None);
}

#[test]
fn a_job_that_hangs_does_not_fill_the_machine() {
    let mut crons = Crons::default();
    crons.replace(&[job(ALWAYS)]);
    let started: usize = (0..500).map(|m| starts(&crons.clock(m, Instant::now(), &utc))).sum();
    assert_eq!(started, 64);
}

#[test]
fn what_a_command_leaves_shares_its_harakiri_and_ends_with_the_instance() {
    let (mut crons, now) = (Crons::default(), Instant::now());
    let seconds = Duration::from_secs;
    crons.replace(&[Job { unique: true, ..job(ALWAYS) }, Job { harakiri: 5, ..job(ALWAYS) }]);
    crons.clock(1, now, &utc);
    crons.started(1, 70);
    crons.started(2, 80);
    crons.ended(70, Ended::Code(0), true, now);
    crons.ended(80, Ended::Code(0), true, now);
    assert_eq!(headless(&crons).collect::<Vec<_>>(), [70, 80]);
    assert!(crons.jobs().all(|(_, pid)| pid.is_none()), "the commands have ended");
    assert_eq!(crons.next_deadline(), Some(now + seconds(5)));
    assert!(crons.expire(now + seconds(5)).contains(&ProgramOrder::Signal(80, 9)));
    crons.gone(80);
    assert!(!crons.groups().any(Group::is_awaited), "nobody waits for the other one");
    assert_eq!(starts(&crons.clock(2, now, &utc)), 2, "nor does it hold its job up");
    crons.ended(71, Ended::Code(0), false, now);
    assert_eq!(crons.stop(seconds(3), now), [ProgramOrder::Signal(70, 15)]);
    assert!(crons.groups().any(Group::is_awaited));
    assert!(crons.expire(now + seconds(3)).contains(&ProgramOrder::Signal(70, 9)));
    assert!(headless(&crons).eq([70]));
    assert_eq!(crons.next_deadline(), Some(now + seconds(8)));
    assert_eq!(crons.expire(now + seconds(8)), [], "left");
    assert!(headless(&crons).next().is_none());
}
