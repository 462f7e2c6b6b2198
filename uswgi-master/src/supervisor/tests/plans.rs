//! Configurations at random, for the properties.

use super::sim::plan;
use crate::supervisor::{Algorithm, Cheaper, Plan, Sleep};
use proptest::prelude::*;
use std::time::Duration;
use uswgi_conf::instance::Busyness;

pub(super) fn plans() -> impl Strategy<Value = Plan> {
    let first = (1u32..6, any::<bool>(), 1u32..3, any::<bool>(), any::<bool>());
    (first, cheaper(), sleep(), watch(), any::<bool>()).prop_map(
        |(first, cheaper, sleep, (reload_watch, reload_waits, kept), exclusive)| {
            let (workers, lazy, surplus, aging, need_app) = first;
            Plan {
                lazy,
                exclusive,
                need_app,
                surplus,
                max_lifetime: aging.then(|| Duration::from_secs(45)),
                cheaper: cheaper.filter(|c| c.initial <= workers && c.min < workers),
                sleep,
                reload_watch,
                reload_waits,
                keep_previous: kept,
                ..plan(workers)
            }
        },
    )
}

/// Watched or not, with a wait or without, and a generation of before that sleeps for as long as a test.
fn watch() -> impl Strategy<Value = (Duration, bool, Duration)> {
    let seconds = Duration::from_secs;
    (0u64..2, any::<bool>(), 0u64..3)
        .prop_map(move |(on, waits, kept)| (seconds(10 * on), waits, seconds(60 * kept)))
}

fn cheaper() -> impl Strategy<Value = Option<Cheaper>> {
    let algorithm = prop_oneof![Just(Algorithm::Spare), Just(Algorithm::Backlog), busyness()];
    let some =
        (1u32..4, 0u32..3, 1u32..4, 0u32..3, algorithm).prop_map(|(min, more, step, overload, algorithm)| {
            Cheaper { min, initial: min + more, step, overload, algorithm, rss_soft: 0, rss_hard: 0 }
        });
    prop::option::of(some)
}

/// Bounds that contradict themselves too.
fn busyness() -> impl Strategy<Value = Algorithm> {
    let numbers = (1u32..100, 1u32..100, 1u32..4, 1u32..3, 1u32..3, 1u32..3);
    numbers.prop_map(|(max, min, multiplier, penalty, alert, nonzero)| {
        Algorithm::Busyness(Busyness {
            max,
            min,
            multiplier,
            penalty,
            verbose: true,
            alert,
            backlog_multiplier: 1,
            backlog_step: penalty,
            nonzero,
        })
    })
}

fn sleep() -> impl Strategy<Value = Sleep> {
    let idle = prop::option::of((10u64..40).prop_map(Duration::from_secs));
    prop_oneof![
        2 => Just(Sleep::default()),
        1 => (any::<bool>(), idle).prop_map(|(cheap, idle)| Sleep { cheap, idle, die: false }),
    ]
}
