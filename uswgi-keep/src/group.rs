//! The end of a process group as a state machine: told, told again, its mercy, SIGKILL, given up; with its leader, or headless.
//!
//! Whoever leads a group may end before the others in it (a shell that does not exec what it runs). The group is
//! *headless* then, and lasts until nobody of it is left.
//!
//! Pure: it says which signal is due, and somebody else sends it. It must never ask for a signal to a group that has no
//! number yet, nor for a second SIGKILL, nor name a deadline at which nothing is due.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long somebody who was sent SIGKILL is waited for.
pub const UNKILLABLE: Duration = Duration::from_secs(5);
/// When a signal that has not helped is sent again.
const AGAIN: Duration = Duration::from_secs(1);

/// A signal to the whole group that is due now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueSignal {
    /// The signal by which it was told to end.
    Tell(i32),
    /// SIGKILL: its time is over.
    Kill,
}

impl DueSignal {
    /// Its number.
    pub fn signal(self) -> i32 {
        match self {
            DueSignal::Tell(signal) => signal,
            DueSignal::Kill => libc::SIGKILL,
        }
    }
}

/// How far the end of a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nobody asks for it.
    Open,
    /// SIGKILL is due then.
    By(Instant),
    /// SIGKILL was due then, or has taken its leader then.
    Killed(Instant),
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The process that leads it, or has led it; None: it was asked for and has not started.
    number: Option<i32>,
    headless: bool,
    /// By which signal it is told to end, and when that is due next.
    told: Option<(i32, Instant)>,
    end: End,
}

impl Group {
    /// One that was asked for; `limit` is when SIGKILL is due.
    pub fn asked(limit: Option<Instant>) -> Group {
        Group { number: None, headless: false, told: None, end: limit.map_or(End::Open, End::By) }
    }

    /// One that runs and has no limit.
    pub fn led_by(pid: i32) -> Group {
        Group { number: Some(pid), ..Group::asked(None) }
    }

    /// It has started.
    pub fn started(&mut self, pid: i32) {
        self.number = Some(pid);
    }

    /// Its number, as long as anybody is in it; None before its start.
    pub fn number(&self) -> Option<i32> {
        self.number
    }

    /// The process that leads it, while that is there.
    pub fn leader(&self) -> Option<i32> {
        self.number.filter(|_| !self.headless)
    }

    /// The process that has led it, once that has ended.
    pub fn headless(&self) -> Option<i32> {
        self.number.filter(|_| self.headless)
    }

    /// Whether it is headless and somebody waits for its end.
    pub fn is_awaited(&self) -> bool {
        self.headless && self.end != End::Open
    }

    /// It is to end: told now, and again each second while its leader is there and once without, and killed after the mercy.
    pub fn tell(&mut self, signal: i32, mercy: Duration, now: Instant) {
        self.told = Some((signal, now));
        self.kill_by(now + mercy);
    }

    /// SIGKILL is due then at the latest, where it was not sent yet.
    pub fn kill_by(&mut self, at: Instant) {
        self.end = match self.end {
            End::Open => End::By(at),
            End::By(before) => End::By(before.min(at)),
            killed => killed,
        };
    }

    /// Its leader has ended, others have not.
    pub fn lose_leader(&mut self, now: Instant) {
        self.headless = true;
        // They were told together with it, but for those that it has started since: celery puts new processes into its pool
        // for those that its signal has ended. All are told once more.
        self.told = self.told.map(|(signal, _)| (signal, now + AGAIN));
        if let End::Killed(at) = &mut self.end {
            // What was sent SIGKILL with it needs a moment.
            *at = now;
        }
    }

    /// Which signal is due. It counts as sent.
    pub fn due(&mut self, now: Instant) -> Option<DueSignal> {
        self.number?;
        match (self.end, &self.told) {
            (End::By(at), _) if at <= now => {
                (self.end, self.told) = (End::Killed(now), None);
                Some(DueSignal::Kill)
            }
            (End::By(_), &Some((signal, at))) if at <= now => {
                self.told = (!self.headless).then_some((signal, now + AGAIN));
                Some(DueSignal::Tell(signal))
            }
            _ => None,
        }
    }

    /// Whether it was sent SIGKILL and is not waited for any more. A leader is: it is somebody's child, and its end is heard of.
    pub fn is_given_up(&self, now: Instant) -> bool {
        matches!(self.end, End::Killed(at) if self.headless && at + UNKILLABLE <= now)
    }

    /// When [`Group::due`] or [`Group::is_given_up`] has news; None: not before something else happens.
    pub fn deadline(&self) -> Option<Instant> {
        self.number?;
        match self.end {
            End::Open => None,
            End::By(at) => Some(self.told.map_or(at, |(_, again)| again.min(at))),
            End::Killed(at) => self.headless.then_some(at + UNKILLABLE),
        }
    }
}

/// Name of a group of [`Runs`] for its whole life and never again.
pub type RunId = u64;

/// Groups that run once and end, each with what it is for.
#[derive(Debug)]
pub struct Runs<T> {
    all: BTreeMap<RunId, (T, Group)>,
    last: RunId,
    stopping: bool,
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Runs { all: BTreeMap::new(), last: 0, stopping: false }
    }
}

impl<T: Clone> Runs<T> {
    /// One is asked for.
    pub fn ask(&mut self, what: T, limit: Option<Instant>) -> RunId {
        self.last += 1;
        self.all.insert(self.last, (what, Group::asked(limit)));
        self.last
    }

    /// It has started.
    pub fn started(&mut self, id: RunId, pid: i32) -> Option<&T> {
        let (what, group) = self.all.get_mut(&id)?;
        group.started(pid);
        Some(what)
    }

    /// It could not be started.
    pub fn failed(&mut self, id: RunId) -> Option<T> {
        self.all.remove(&id).map(|(what, _)| what)
    }

    /// What one is for.
    pub fn get(&self, id: RunId) -> Option<&T> {
        self.all.get(&id).map(|(what, _)| what)
    }

    /// What one is for, to change it.
    pub fn get_mut(&mut self, id: RunId) -> Option<&mut T> {
        self.all.get_mut(&id).map(|(what, _)| what)
    }

    /// A process was reaped that may lead one; `others` of its group live. What it was for.
    pub fn ended(&mut self, pid: i32, others: bool, now: Instant) -> Option<T> {
        let (&id, (what, group)) = self.all.iter_mut().find(|(_, (_, g))| g.leader() == Some(pid))?;
        let what = what.clone();
        if others {
            group.lose_leader(now);
        } else {
            self.all.remove(&id);
        }
        Some(what)
    }

    /// Nobody of the group that this process led is there any more.
    pub fn gone(&mut self, pid: i32) {
        self.all.retain(|_, (_, g)| g.headless() != Some(pid));
    }

    /// All are to end, and are killed after the mercy. The groups that are to be told so: all, the first time.
    pub fn stop(&mut self, mercy: Duration, now: Instant) -> Vec<i32> {
        self.all.values_mut().for_each(|(_, group)| group.kill_by(now + mercy));
        let told = std::mem::replace(&mut self.stopping, true);
        self.groups().filter_map(Group::number).filter(|_| !told).collect()
    }

    /// Whether [`Runs::stop`] was called: nobody is to ask for one any more.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Those that SIGKILL is due to: their numbers, and what they were for. What SIGKILL did not end is left.
    pub fn expire(&mut self, now: Instant) -> Vec<(i32, T)> {
        let due = |(what, g): &mut (T, Group)| match g.due(now) {
            Some(DueSignal::Kill) => Some((g.number()?, what.clone())),
            _ => None,
        };
        let killed = self.all.values_mut().filter_map(due).collect();
        self.all.retain(|_, (_, g)| !g.is_given_up(now));
        killed
    }

    /// When [`Runs::expire`] is wanted.
    pub fn deadline(&self) -> Option<Instant> {
        self.groups().filter_map(Group::deadline).min()
    }

    /// Those whose leader is there, or is still to come: what each is for, and its pid.
    pub fn led(&self) -> impl Iterator<Item = (RunId, &T, Option<i32>)> {
        let led = self.all.iter().filter(|(_, (_, g))| g.headless().is_none());
        led.map(|(&id, (what, g))| (id, what, g.leader()))
    }

    /// All groups.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.all.values().map(|(_, group)| group)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Every signal until nothing is due any more, and how many seconds after `now` each.
    fn to_the_end(group: &mut Group, now: Instant) -> Vec<(u64, DueSignal)> {
        let mut all = Vec::new();
        while let Some(at) = group.deadline().filter(|&at| !group.is_given_up(at)) {
            let due = group.due(at).expect("a deadline without a signal");
            all.push(((at - now).as_secs(), due));
        }
        all
    }

    #[test]
    fn told_each_second_then_killed_and_a_leader_is_waited_for() {
        let (mut g, now) = (Group::led_by(7), Instant::now());
        assert_eq!((g.deadline(), g.due(now)), (None, None), "nobody asks for its end");
        g.tell(15, 3 * SECOND, now);
        let tell = DueSignal::Tell(15);
        assert_eq!(to_the_end(&mut g, now), [(0, tell), (1, tell), (2, tell), (3, DueSignal::Kill)]);
        assert!(!g.is_given_up(now + 600 * SECOND));
        // It does end, and leaves somebody who was killed with it.
        g.lose_leader(now + 10 * SECOND);
        assert_eq!(g.deadline(), Some(now + 15 * SECOND));
        assert!(!g.is_given_up(now + 14 * SECOND) && g.is_given_up(now + 15 * SECOND));
    }

    #[test]
    fn who_has_lost_its_leader_is_told_once_more_and_keeps_the_mercy() {
        let (mut g, now) = (Group::led_by(7), Instant::now());
        g.tell(15, 3 * SECOND, now);
        assert_eq!(g.due(now), Some(DueSignal::Tell(15)));
        assert_eq!((g.leader(), g.headless()), (Some(7), None));
        g.lose_leader(now + SECOND / 2);
        assert_eq!((g.leader(), g.headless(), g.number()), (None, Some(7), Some(7)));
        assert!(g.is_awaited());
        assert_eq!(to_the_end(&mut g, now), [(1, DueSignal::Tell(15)), (3, DueSignal::Kill)]);
        assert!(g.is_given_up(now + 8 * SECOND));
    }

    #[test]
    fn a_limit_holds_for_who_is_left_too_and_without_one_nobody_waits() {
        let now = Instant::now();
        let mut g = Group::asked(Some(now + 5 * SECOND));
        assert_eq!((g.deadline(), g.due(now + 9 * SECOND)), (None, None), "it has no number");
        g.started(7);
        g.lose_leader(now + SECOND);
        assert!(g.is_awaited());
        assert_eq!(to_the_end(&mut g, now), [(5, DueSignal::Kill)]);
        let mut g = Group::asked(None);
        g.started(7);
        g.lose_leader(now);
        assert!(!g.is_awaited() && g.deadline().is_none());
        g.kill_by(now + SECOND);
        g.kill_by(now + 2 * SECOND);
        assert!(g.is_awaited() && g.deadline() == Some(now + SECOND), "the sooner one");
    }

    #[test]
    fn runs_stop_together_and_what_sigkill_leaves_is_left() {
        let (mut runs, now) = (Runs::default(), Instant::now());
        let ids = ["a", "b", "c"].map(|what| runs.ask(what, None));
        for (id, pid) in ids.into_iter().zip([7, 8]) {
            runs.started(id, pid);
        }
        assert_eq!(runs.ended(7, true, now), Some("a"));
        assert_eq!(runs.ended(7, true, now), None, "it has ended once");
        assert!(runs.led().map(|(_, what, pid)| (*what, pid)).eq([("b", Some(8)), ("c", None)]));
        assert_eq!(runs.failed(ids[2]), Some("c"));
        assert_eq!(runs.stop(3 * SECOND, now), [7, 8]);
        assert!(runs.stop(4 * SECOND, now).is_empty(), "told once");
        assert_eq!(runs.expire(now + 3 * SECOND), [(7, "a"), (8, "b")]);
        assert_eq!(runs.deadline(), Some(now + 8 * SECOND));
        assert_eq!(runs.expire(now + 8 * SECOND), []);
        assert!(runs.groups().map(Group::number).eq([Some(8)]), "its leader will be heard of");
        runs.gone(8);
        assert!(!runs.is_empty(), "it is led");
        assert_eq!(runs.ended(8, false, now), Some("b"));
        assert!(runs.is_empty());
    }

    proptest! {
        /// Whatever is asked for: SIGKILL comes once, when it is due and nothing after it; no deadline is one at which
        /// nothing happens.
        #[test]
        fn sigkill_comes_once_in_time_and_last(
            steps in prop::collection::vec((0u8..5, 0u32..8), 0..40),
        ) {
            let start = Instant::now();
            let (mut now, mut kill_by, mut killed) = (start, None::<Instant>, false);
            let mut g = Group::led_by(7);
            for (what, seconds) in steps {
                let time = seconds * SECOND;
                match what {
                    0 | 1 => {
                        if what == 0 { g.tell(15, time, now) } else { g.kill_by(now + time) }
                        kill_by = Some(kill_by.map_or(now + time, |at| at.min(now + time)));
                    }
                    2 => g.lose_leader(now),
                    _ => now += time,
                }
                while let Some(due) = g.due(now) {
                    prop_assert!(!killed, "{:?} after SIGKILL", due);
                    killed = due == DueSignal::Kill;
                    prop_assert!(!killed || kill_by.is_some_and(|at| at <= now), "too early");
                }
                prop_assert_eq!(killed, kill_by.is_some_and(|at| at <= now), "too late");
                if let Some(at) = g.deadline() {
                    prop_assert!(at > now || g.is_given_up(now), "a deadline that has passed is a spin");
                    let mut then = g.clone();
                    prop_assert!(then.due(at).is_some() || then.is_given_up(at));
                }
            }
        }
    }
}
