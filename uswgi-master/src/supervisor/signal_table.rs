//! The table of signals of one generation: who has registered which, what raises them, and what waits to be taken. It must
//! know no process but by its name.

use super::child::ChildId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use uswgi_conf::tasks::Schedule;
use uswgi_proto::app_signals::{RaisedSignal, SignalGroup, SignalSource, SignalTarget};

/// Clocks and files of one application: one that adds them in each request must not fill the memory.
const MOST_SOURCES: usize = 1024;

/// Where a signal goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignalPlace {
    /// To a process.
    Child(ChildId),
    /// Into a queue of the generation with this number, for whoever is free first.
    Queue(u64, SignalGroup),
}

/// Raises a signal every so often.
#[derive(Debug, Clone)]
pub(super) struct SignalTimer {
    number: u8,
    period: Duration,
    /// How often still; None: for ever.
    left: Option<u64>,
    /// None before its generation is in force.
    next: Option<Instant>,
}

/// Signals of the application of one generation.
#[derive(Debug, Clone)]
pub(super) struct SignalTable {
    /// Number of the generation whose queues its processes have. One that is brought back keeps them.
    pub(super) queues: u64,
    pub(super) targets: BTreeMap<u8, SignalTarget>,
    pub(super) timers: Vec<SignalTimer>,
    pub(super) crons: Vec<(u8, Schedule)>,
    pub(super) files: Vec<(u8, PathBuf)>,
    /// The last minute that was looked at.
    pub(super) minute: Option<i64>,
    /// What waits to be taken, of what clocks and files have raised.
    pub(super) waiting: BTreeSet<(SignalPlace, u8)>,
    /// What waits for a process to be there.
    pub(super) held: Vec<RaisedSignal>,
    /// Numbers of which it was said that they get nowhere.
    pub(super) said: BTreeSet<u8>,
}

impl SignalTable {
    pub(super) fn new(generation: u64, sources: &[(u8, SignalSource)]) -> SignalTable {
        let mut table = SignalTable {
            queues: generation,
            targets: BTreeMap::new(),
            timers: Vec::new(),
            crons: Vec::new(),
            files: Vec::new(),
            minute: None,
            waiting: BTreeSet::new(),
            held: Vec::new(),
            said: BTreeSet::new(),
        };
        for (number, source) in sources {
            table.add(*number, source.clone());
        }
        table
    }

    /// With lazy-apps each worker says the same: it counts once. Whether something is new.
    pub(super) fn add(&mut self, number: u8, source: SignalSource) -> bool {
        if self.timers.len() + self.crons.len() + self.files.len() >= MOST_SOURCES {
            return false;
        }
        match source {
            SignalSource::Timer { milliseconds, times } => {
                let period = Duration::from_millis(milliseconds.max(1));
                let left = Some(times).filter(|n| *n > 0);
                let same = |t: &SignalTimer| t.number == number && t.period == period;
                let new = left.is_some() || !self.timers.iter().any(same);
                if new {
                    self.timers.push(SignalTimer { number, period, left, next: None });
                }
                new
            }
            SignalSource::Cron([minute, hour, day, month, week]) => {
                let one = (number, Schedule { minute, hour, day, month, week });
                let new = !self.crons.contains(&one);
                self.crons.extend(new.then_some(one));
                new
            }
            SignalSource::File(path) => {
                let one = (number, path);
                let new = !self.files.contains(&one);
                self.files.extend(new.then_some(one));
                new
            }
        }
    }

    /// Nothing that it was told of is under way any more.
    pub(super) fn begin_again(&mut self) {
        self.waiting.clear();
        self.timers.iter_mut().for_each(|t| t.next = None);
    }

    /// When a timer is due next; in the past where one was never looked at.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.timers.iter().filter_map(|t| t.next).min()
    }

    /// The numbers that are due. What was missed is not made up for.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<u8> {
        let mut all = Vec::new();
        for timer in &mut self.timers {
            let Some(next) = timer.next else {
                timer.next = Some(now + timer.period);
                continue;
            };
            if next > now {
                continue;
            }
            all.push(timer.number);
            let late = now.saturating_duration_since(next).as_nanos() / timer.period.as_nanos().max(1);
            timer.next = Some(next + timer.period * u32::try_from(late + 1).unwrap_or(u32::MAX));
            if let Some(left) = &mut timer.left {
                *left -= 1;
            }
        }
        self.timers.retain(|t| t.left != Some(0));
        all
    }
}
