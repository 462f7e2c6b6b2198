//! A pretended system below the daemons: it starts what it is told to, and remembers.

use crate::supervisor::daemons::{Daemons, Heard};
use crate::supervisor::order::{DaemonId, Program, ProgramOrder};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use uswgi_conf::instance::Origin;
use uswgi_conf::tasks::Daemon;
use uswgi_keep::group::Group;
use uswgi_keep::reap::Ended;

pub(super) fn spec(command: &str) -> Daemon {
    Daemon::plain(command.into(), Origin::default())
}

pub(super) fn smart(command: &str) -> Daemon {
    Daemon { pidfile: Some(format!("{command}.pid").into()), ..spec(command) }
}

/// The system below: starts what it is told to, and remembers.
pub(super) struct World {
    pub(super) daemons: Daemons,
    pub(super) now: Instant,
    pub(super) next_pid: i32,
    pub(super) alive: BTreeMap<i32, DaemonId>,
    /// Groups that others than their leader live in.
    pub(super) groups: BTreeSet<i32>,
    /// What the pidfile of each command names.
    pub(super) pidfiles: BTreeMap<String, i32>,
    pub(super) signals: Vec<(i32, i32)>,
    pub(super) starts: Vec<(String, Instant)>,
    pub(super) log: Vec<String>,
    pub(super) stops: u32,
}

impl World {
    pub(super) fn new(specs: &[Daemon]) -> World {
        let now = Instant::now();
        World {
            daemons: Daemons::new(specs, Duration::from_secs(3), now),
            now,
            next_pid: 100,
            alive: BTreeMap::new(),
            groups: BTreeSet::new(),
            pidfiles: BTreeMap::new(),
            signals: Vec::new(),
            starts: Vec::new(),
            log: Vec::new(),
            stops: 0,
        }
    }

    pub(super) fn begun(specs: &[Daemon]) -> World {
        let mut w = World::new(specs);
        let orders = w.daemons.begin(w.now);
        w.obey(orders);
        w
    }

    pub(super) fn obey(&mut self, orders: Vec<ProgramOrder>) {
        let mut answers = Vec::new();
        for order in orders {
            match order {
                ProgramOrder::Start(Program::Daemon(id)) => {
                    self.next_pid += 1;
                    let spec = self.daemons.spec(id).expect("a daemon that exists").clone();
                    self.alive.insert(self.next_pid, id);
                    self.starts.push((spec.command.clone(), self.now));
                    if spec.daemonize {
                        self.pidfiles.insert(spec.command, self.next_pid);
                    }
                    answers.push(Heard::Started(id, self.next_pid));
                }
                ProgramOrder::Signal(pid, signal) => {
                    let known = self.alive.contains_key(&pid)
                        || self.groups.contains(&pid)
                        || self.pidfiles.values().any(|p| *p == pid);
                    assert!(known, "signal {signal} to {pid}, which is gone");
                    self.signals.push((pid, signal));
                }
                ProgramOrder::Look(id) => {
                    let command = &self.daemons.spec(id).expect("a daemon that exists").command;
                    answers.push(Heard::Pidfile(id, self.pidfiles.get(command).copied()));
                }
                ProgramOrder::Start(other) => panic!("{other:?} is no daemon"),
                ProgramOrder::StopInstance => self.stops += 1,
                ProgramOrder::Log(line) => self.log.push(line),
            }
        }
        for heard in answers {
            self.hear(heard);
        }
    }

    pub(super) fn hear(&mut self, heard: Heard) {
        let orders = self.daemons.hear(heard, self.now);
        self.obey(orders);
    }

    pub(super) fn end(&mut self, pid: i32) {
        self.alive.remove(&pid);
        self.pidfiles.retain(|_, p| *p != pid);
        self.hear(Heard::Ended(pid, Ended::Code(0), self.groups.contains(&pid)));
    }

    /// The shell ends, what it has started does not.
    pub(super) fn end_alone(&mut self, pid: i32) {
        self.groups.insert(pid);
        self.end(pid);
    }

    pub(super) fn end_group(&mut self, pid: i32) {
        assert!(self.headless().any(|group| group == pid), "nobody waits for {pid}");
        self.groups.remove(&pid);
        self.hear(Heard::Gone(pid));
    }

    /// Let time pass, waking up exactly when it is wanted.
    pub(super) fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.daemons.next_deadline().filter(|at| *at <= end) {
            assert!(at > self.now, "a deadline that has passed is a spin");
            self.now = at;
            self.hear(Heard::Tick);
        }
        self.now = end;
        self.hear(Heard::Tick);
    }

    pub(super) fn headless(&self) -> impl Iterator<Item = i32> {
        self.daemons.groups().filter_map(Group::headless)
    }

    pub(super) fn pid(&self) -> i32 {
        self.next_pid
    }
}
