//! Daemons: start, back-off, reload, stop, pidfiles.

use super::daemon_world::{World, smart, spec};
use crate::supervisor::daemons::Heard;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;
use uswgi_conf::tasks::Daemon;

#[test]
fn it_starts_with_the_first_worker_and_once() {
    let mut w = World::new(&[spec("a"), spec("b")]);
    w.pass(5);
    assert!(w.starts.is_empty());
    let orders = w.daemons.begin(w.now);
    w.obey(orders);
    let orders = w.daemons.begin(w.now);
    w.obey(orders);
    assert_eq!(w.starts.iter().map(|s| s.0.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(w.daemons.next_deadline(), None, "a daemon that runs needs no timer");
}

#[test]
fn one_that_lived_is_started_at_once_and_one_that_dies_ever_more_slowly() {
    let mut w = World::begun(&[spec("a")]);
    w.pass(60);
    w.end(w.pid());
    assert_eq!(w.starts.len(), 2, "at once");
    for n in 1..=5u64 {
        w.end(w.pid());
        assert_eq!(w.starts.len() as u64, n + 1);
        w.pass(n);
        let [.., before, after] = &w.starts[..] else { panic!() };
        assert_eq!(after.1 - before.1, Duration::from_secs(n));
    }
    // And at most as the configuration says.
    let mut w = World::begun(&[Daemon { max_throttle: 2, ..spec("a") }]);
    for _ in 0..10 {
        w.end(w.pid());
        w.pass(2);
    }
    assert_eq!(w.starts.len(), 11);
}

#[test]
fn a_reload_restarts_plain_ones_and_keeps_smart_ones() {
    let mut w = World::begun(&[spec("a"), smart("s")]);
    let (plain, launcher) = (101, 102);
    w.pidfiles.insert("s".into(), 500);
    w.end(launcher);
    w.pass(2);
    assert!(w.log.iter().any(|l| l.contains("is pid 500")), "{:?}", w.log);
    let new = [Daemon { reload_signal: Some(1), ..spec("a2") }, smart("s"), smart("t")];
    let orders = w.daemons.replace(&new, Duration::from_secs(3), w.now);
    w.obey(orders);
    assert_eq!(w.signals, [(plain, 15)]);
    assert_eq!(w.starts.len(), 2, "the new ones wait for the old one's end");
    w.end(plain);
    let commands: Vec<&str> = w.starts[2..].iter().map(|s| s.0.as_str()).collect();
    assert_eq!(commands, ["a2", "t"]);
    // The next one leaves by its signal for reloads; smart ones that are not named any more go their own way.
    let plain =
        *w.alive.iter().find(|(_, id)| w.daemons.spec(**id).is_some_and(|s| s.command == "a2")).unwrap().0;
    w.signals.clear();
    let orders = w.daemons.replace(&[], Duration::from_secs(3), w.now);
    w.obey(orders);
    assert_eq!(w.signals, [(plain, 1)]);
    w.end(plain);
    assert!(w.daemons.is_gone());
}

#[test]
fn stop_is_the_signal_each_second_and_sigkill_after_the_mercy() {
    let mut w = World::begun(&[Daemon { stop_signal: 2, ..spec("a") }]);
    let orders = w.daemons.stop(w.now);
    w.obey(orders);
    w.pass(10);
    assert_eq!(w.signals, [(101, 2), (101, 2), (101, 2), (101, 9)]);
    assert!(!w.daemons.is_gone());
    w.end(101);
    assert!(w.daemons.is_gone());
    w.pass(600);
    assert_eq!(w.starts.len(), 1, "nothing starts while the instance stops");
}

#[test]
fn what_a_shell_has_started_keeps_the_mercy_after_the_shell() {
    let mut w = World::begun(&[spec("a"), spec("b")]);
    let orders = w.daemons.stop(w.now);
    w.obey(orders);
    w.end_alone(101);
    w.end_alone(102);
    w.pass(2);
    assert_eq!(
        w.signals,
        [(101, 15), (102, 15), (101, 15), (102, 15)],
        "told with its leader, and a second later once more"
    );
    assert!(!w.daemons.is_gone() && w.daemons.running().next().is_none());
    w.end_group(101);
    assert!(!w.daemons.is_gone());
    w.pass(1);
    assert_eq!(w.signals[4..], [(102, 9)], "the mercy is over");
    w.pass(4);
    assert!(!w.daemons.is_gone());
    w.pass(1);
    assert!(w.daemons.is_gone(), "what SIGKILL does not end is left");
    assert!(w.log.iter().any(|l| l.contains("cannot be killed")), "{:?}", w.log);
}

#[test]
fn a_guard_knows_all_but_smart_ones_and_the_signal_of_each() {
    let own = Daemon { stop_signal: 12, reload_signal: Some(10), ..spec("own") };
    let kept = Daemon { daemonize: true, ..smart("kept") };
    let mut w = World::begun(&[own, spec("shell"), kept]);
    w.pass(5);
    assert_eq!(w.daemons.running().count(), 3);
    let bound = |w: &World| w.daemons.bound().collect::<Vec<_>>();
    assert_eq!(bound(&w), [(101, 12), (102, 15)]);
    // One on its way out, and what another has left, are known as before.
    w.end_alone(102);
    let orders = w.daemons.replace(&[], Duration::from_secs(60), w.now);
    w.obey(orders);
    assert_eq!(bound(&w), [(101, 12), (102, 15)]);
    w.end(101);
    w.end_group(102);
    assert_eq!(bound(&w), []);
}

#[test]
fn nothing_starts_beside_what_is_left_of_the_one_before() {
    let mut w = World::begun(&[spec("a")]);
    w.pass(60);
    w.end_alone(101);
    assert_eq!(w.signals, [(101, 15)]);
    w.pass(2);
    assert_eq!(w.starts.len(), 1);
    w.end_group(101);
    assert_eq!(w.starts.len(), 2, "now");
    // Touched: told once. It does not end: killed after the mercy, and its successor starts then.
    w.signals.clear();
    w.hear(Heard::Touched(w.alive[&102]));
    w.end_alone(102);
    assert_eq!(w.signals, [(102, 15)]);
    w.pass(3);
    assert_eq!(w.signals[1..], [(102, 9)]);
    assert_eq!(w.starts.len(), 2);
    w.end_group(102);
    assert_eq!(w.starts.len(), 3);
    // A reload meanwhile: the one of its configuration starts, and no other.
    w.end_alone(103);
    let orders = w.daemons.replace(&[spec("new")], Duration::from_secs(3), w.now);
    w.obey(orders);
    assert_eq!(w.starts.len(), 3);
    w.end_group(103);
    w.pass(600);
    assert_eq!(w.starts[3..].iter().map(|s| s.0.as_str()).collect::<Vec<_>>(), ["new"]);
}

#[test]
fn a_second_stop_signal_kills_at_once_and_waiting_ones_never_start() {
    let mut w = World::begun(&[spec("a"), spec("b")]);
    w.end(102);
    let orders = w.daemons.stop_at_once(w.now);
    w.obey(orders);
    assert!(w.signals.contains(&(101, 9)), "{:?}", w.signals);
    w.end(101);
    w.pass(10);
    assert!(w.daemons.is_gone());
    assert_eq!(w.starts.len(), 2);
}

#[test]
fn a_living_smart_daemon_is_adopted_and_survives_the_stop() {
    let mut w = World::new(&[smart("s"), Daemon { notify: true, ..smart("n") }]);
    w.pidfiles.insert("s".into(), 500);
    w.pidfiles.insert("n".into(), 501);
    let orders = w.daemons.begin(w.now);
    w.obey(orders);
    assert!(w.starts.is_empty());
    assert_eq!(w.daemons.running().map(|(_, pid)| pid).collect::<Vec<_>>(), [500, 501]);
    let orders =
        w.daemons.replace(&[smart("s"), Daemon { notify: true, ..smart("n") }], Duration::ZERO, w.now);
    w.obey(orders);
    assert_eq!(w.signals, [(501, 1)], "who wants to hear of reloads does");
    // It dies: noticed by the next look, and started.
    w.pidfiles.remove("s");
    w.pass(2);
    assert_eq!(w.starts.len(), 1);
    let orders = w.daemons.stop(w.now);
    w.obey(orders);
    assert_eq!(w.signals, [(501, 1), (501, 15)]);
    assert!(w.daemons.is_gone(), "nobody waits for smart ones");
}

#[test]
fn a_smart_daemon_has_its_time_to_write_its_pidfile() {
    let mut w = World::begun(&[Daemon { freq: 4, ..smart("s") }]);
    w.end(w.pid());
    w.pass(3);
    assert_eq!(w.starts.len(), 1, "its launcher has ended; it has 4 s");
    w.pass(2);
    assert_eq!(w.starts.len(), 2);
    // A launcher that stays and writes nothing is said, not multiplied.
    w.pass(60);
    assert_eq!(w.starts.len(), 2);
    assert!(w.log.iter().any(|l| l.contains("has written no pidfile")), "{:?}", w.log);
}

#[test]
fn a_smart_daemon_that_the_master_keeps_in_the_foreground() {
    let mut w = World::begun(&[Daemon { daemonize: true, ..smart("s") }]);
    w.pass(60);
    w.end(w.pid());
    assert_eq!(w.starts.len(), 2, "its end is known at once");
    // Somebody removes its pidfile: it still runs.
    w.pidfiles.clear();
    w.pass(60);
    assert_eq!(w.starts.len(), 2);
    let orders = w.daemons.stop(w.now);
    w.obey(orders);
    assert!(w.signals.is_empty());
}

#[test]
fn a_touched_one_is_restarted_at_once_and_a_control_one_ends_the_instance() {
    let mut w = World::begun(&[spec("a")]);
    let id = w.alive[&101];
    w.hear(Heard::Touched(id));
    assert_eq!(w.signals, [(101, 15)]);
    w.end(101);
    assert_eq!(w.starts.len(), 2);
    let mut w = World::begun(&[Daemon { control: true, ..spec("a") }]);
    w.end(101);
    assert_eq!(w.stops, 1);
}

proptest! {
    /// Whatever happens: no daemon runs twice, no signal goes to a pid that is gone (the world asserts
    /// it), no deadline has passed, a daemon is never started twice in the same second after it died at
    /// once, and a stop leaves nothing but smart ones.
    #[test]
    fn books_balance(steps in prop::collection::vec((0u8..8, 0usize..8, 0u64..8), 0..80)) {
        let specs = || vec![spec("a"), smart("s"), Daemon { daemonize: true, ..smart("f") }];
        let mut w = World::begun(&specs());
        for (what, which, seconds) in steps {
            let pid = w.alive.keys().nth(which % w.alive.len().max(1)).copied();
            match (what, pid) {
                (0, Some(pid)) => w.end(pid),
                (1, Some(pid)) => {
                    let id = w.alive[&pid];
                    if w.daemons.spec(id).is_some() {
                        w.hear(Heard::Touched(id));
                    }
                }
                (2, _) => {
                    let orders = w.daemons.replace(&specs(), Duration::from_secs(3), w.now);
                    w.obey(orders);
                }
                (3, _) => drop(w.pidfiles.insert("s".into(), 900 + seconds as i32)),
                (4, _) => drop(w.pidfiles.remove("s")),
                (5, Some(pid)) => w.end_alone(pid),
                (6, _) => {
                    let group = w.headless().next();
                    group.into_iter().for_each(|group| w.end_group(group));
                }
                _ => w.pass(seconds),
            }
            let plain: Vec<i32> = w.daemons.running().filter(|(c, _)| *c == "a").map(|(_, p)| p).collect();
            let distinct: BTreeSet<i32> = plain.iter().copied().collect();
            prop_assert_eq!(plain.len(), distinct.len());
            prop_assert!(plain.len() + w.headless().count() <= 1);
        }
        let orders = w.daemons.stop(w.now);
        w.obey(orders);
        w.pass(10);
        let left: Vec<i32> = w.daemons.running().map(|(_, pid)| pid).collect();
        for pid in left {
            w.end(pid);
        }
        prop_assert!(w.daemons.is_gone());
    }
}
