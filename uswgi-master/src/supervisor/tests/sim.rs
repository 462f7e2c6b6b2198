//! Pretended processes that do what the supervisor says, or what a test makes them do.

use crate::supervisor::{Action, Birth, ChildId, Event, Plan, ProcessKind, Sleep, Stage, Supervisor};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use uswgi_keep::reap::Ended;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::Outcome;

/// A pretended process that has not been reaped.
#[derive(Debug, Clone)]
pub(super) struct Proc {
    pub(super) kind: ProcessKind,
    pub(super) generation: u64,
    pub(super) retired: Option<Instant>,
    pub(super) closed: bool,
    pub(super) max_requests: u64,
    /// It ends when the app does not load, or goes on without; None: it was forked and loads nothing.
    pub(super) need_app: Option<bool>,
    /// It accepts nothing once it is ready.
    pub(super) paused: bool,
    /// Nobody knows its pid before.
    pub(super) hello: Option<i32>,
    /// Who was asked to fork it.
    pub(super) template: Option<ChildId>,
}

pub(super) struct Sim {
    pub(super) s: Supervisor,
    pub(super) now: Instant,
    pub(super) procs: BTreeMap<ChildId, Proc>,
    /// Everything that was ever done.
    pub(super) done: Vec<(Instant, Action)>,
    /// Answer to ReadConfig; None: the test answers.
    pub(super) config: Option<Result<Plan, String>>,
    /// Processes become ready, retire and end as good ones do, at once.
    pub(super) good: bool,
    /// Forked workers say hello only when a test makes them.
    pub(super) slow_hello: bool,
    pub(super) exit: Option<Exit>,
    /// Most workers that were ever wanted.
    pub(super) highest_wish: u32,
    /// An operator has chosen their number.
    pub(super) scaled: bool,
    /// An operator sent the workers away.
    pub(super) sent_away: bool,
    /// A worker number, or an aide's name, was given to a process while another one had it.
    pub(super) twice: bool,
    next_pid: i32,
}

pub(super) fn plan(workers: u32) -> Plan {
    Plan {
        workers,
        lazy: false,
        aides: Vec::new(),
        signals: Vec::new(),
        signals_pile_up: false,
        aide_mercy: Duration::from_secs(20),
        mercy: Duration::from_secs(10),
        surplus: (workers / 4).max(1),
        exclusive: false,
        max_requests: 0,
        max_requests_delta: 0,
        max_lifetime: None,
        max_lifetime_delta: Duration::ZERO,
        need_app: true,
        exit_on_reload: false,
        term_reloads: false,
        shutdown_delay: Duration::ZERO,
        keep_previous: Duration::ZERO,
        reload_watch: Duration::ZERO,
        reload_waits: false,
        canary: uswgi_proto::canary::Terms::default(),
        load_timeout: Duration::from_secs(300),
        cheaper: None,
        sleep: Sleep::default(),
        evil_rss: 0,
        evil_as: 0,
    }
}

impl Sim {
    /// A world in which nothing happens by itself.
    pub(super) fn new(plan: Plan) -> Sim {
        let now = Instant::now();
        Sim {
            s: Supervisor::new(plan.clone(), 64, 1, now),
            now,
            procs: BTreeMap::new(),
            done: Vec::new(),
            config: Some(Ok(plan)),
            good: false,
            slow_hello: false,
            exit: None,
            highest_wish: 0,
            scaled: false,
            sent_away: false,
            twice: false,
            next_pid: 1000,
        }
    }

    /// A world of good processes, started.
    pub(super) fn running(plan: Plan) -> Sim {
        let mut sim = Sim::new(plan);
        sim.good = true;
        sim.feed(Event::Tick);
        assert_eq!(sim.served(), 1);
        sim
    }

    pub(super) fn feed(&mut self, event: Event) {
        let mut queue = VecDeque::from([event]);
        while let Some(event) = queue.pop_front() {
            if let Event::Exited { child, .. } = &event {
                assert!(self.procs.remove(child).is_some(), "{child} ended twice");
                // What it was asked for and has not forked never will be, which the ends of their sockets show.
                let asked = |p: &Proc| p.hello.is_some() && p.template == Some(*child);
                let never: Vec<ChildId> =
                    self.procs.iter().filter(|(_, p)| asked(p)).map(|(&id, _)| id).collect();
                queue.extend(never.into_iter().map(|child| Event::Closed { child }));
            }
            if let Event::Closed { child } = &event
                && self.procs.get(child).is_some_and(|p| p.hello.is_some())
            {
                self.procs.remove(child);
            }
            self.scaled |= matches!(event, Event::Scale(_));
            self.sent_away |= event == Event::SendAway;
            let actions = self.s.handle(event, self.now);
            self.highest_wish = self.highest_wish.max(self.s.workers_wanted());
            for action in actions {
                self.carry_out(&action, &mut queue);
                self.done.push((self.now, action));
            }
            if let Some(at) = self.s.next_deadline() {
                assert!(at > self.now, "a deadline in the past would make the loop spin");
            }
        }
    }

    fn start(&mut self, birth: &Birth) -> i32 {
        let &Birth { child, kind, generation, max_requests, paused, .. } = birth;
        let (retired, closed, need_app, hello, template) = (None, false, None, None, None);
        let p = Proc { kind, generation, retired, closed, max_requests, need_app, paused, hello, template };
        let same = |p: &Proc| {
            kind.seat().map(|s| s.worker_id) == p.kind.seat().map(|s| s.worker_id)
                && kind.aide().map(|s| s.aide) == p.kind.aide().map(|s| s.aide)
        };
        let twice = self.procs.values().any(same);
        self.twice |= twice && kind != ProcessKind::Template;
        assert!(self.procs.insert(child, p).is_none(), "{child} started twice");
        self.next_pid += 1;
        self.next_pid
    }

    fn carry_out(&mut self, action: &Action, queue: &mut VecDeque<Event>) {
        match *action {
            Action::Launch(ref birth) => {
                let (child, pid) = (birth.child, self.start(birth));
                self.procs.entry(child).and_modify(|p| p.need_app = Some(birth.need_app));
                queue.push_front(Event::Launched { child, pid });
                if self.good {
                    queue.push_back(Event::Ready { child });
                }
            }
            Action::Fork { template, ref birth } => {
                let t = self.procs.get(&template).expect("a template that was reaped was asked to fork");
                assert_eq!(t.generation, birth.generation);
                assert!(!t.closed);
                let (child, pid) = (birth.child, self.start(birth));
                self.procs.entry(child).and_modify(|p| p.template = Some(template));
                if self.slow_hello {
                    self.procs.entry(child).and_modify(|p| p.hello = Some(pid));
                } else {
                    queue.push_front(Event::Hello { child, pid, python: String::new() });
                    if self.good {
                        queue.push_back(Event::Ready { child });
                    }
                }
            }
            Action::Retire { child, .. } => {
                let now = self.now;
                let p = self.procs.get_mut(&child).expect("a reaped process was retired");
                assert!(p.retired.replace(now).is_none(), "{child} was retired twice");
                if self.good {
                    queue.push_back(Event::Exited { child, how: Ended::Code(0) });
                }
            }
            Action::CloseControl { child } => {
                let p = self.procs.get_mut(&child).expect("the socket of a reaped process was closed");
                p.closed = true;
                if p.hello.is_some() {
                    // It sees the end of its socket and ends; nobody here ever knew its pid.
                    self.procs.remove(&child);
                } else if self.good {
                    queue.push_back(Event::Exited { child, how: Ended::Code(0) });
                }
            }
            Action::Accept { child, on } => {
                self.procs.get_mut(&child).expect("a reaped process was told to accept").paused = !on;
            }
            Action::Kill { child } => {
                assert!(self.procs.contains_key(&child), "a reaped process was killed");
                queue.push_back(Event::Exited { child, how: Ended::Signal(9) });
            }
            Action::ReadConfig { .. } | Action::KeepConfig { .. } | Action::BringBack { .. } => {
                if let Action::BringBack { from, generation } = *action {
                    let asleep =
                        |p: &&mut Proc| p.kind == ProcessKind::Template && p.generation == from && !p.closed;
                    self.procs.values_mut().filter(asleep).for_each(|p| p.generation = generation);
                }
                if let Some(answer) = self.config.clone() {
                    queue.push_front(match answer {
                        Ok(plan) => Event::Configured(Box::new(plan)),
                        Err(message) => Event::ConfigFailed { message },
                    });
                }
            }
            Action::Exit(exit) => self.exit = Some(exit),
            _ => {}
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        // As the real loop does: wake at every deadline on the way.
        let end = self.now + time;
        while let Some(at) = self.s.next_deadline().filter(|&at| at <= end) {
            self.now = at;
            self.feed(Event::Tick);
        }
        self.now = end;
        self.feed(Event::Tick);
    }

    /// It becomes ready, after a hello that is still to come.
    pub(super) fn ready(&mut self, child: ChildId) {
        if let Some(pid) = self.procs.get_mut(&child).and_then(|p| p.hello.take()) {
            self.feed(Event::Hello { child, pid, python: String::new() });
        }
        if self.procs.contains_key(&child) {
            self.feed(Event::Ready { child });
        }
    }

    /// There is no app for it: it ends or goes on without, as it was told.
    pub(super) fn without_app(&mut self, child: ChildId) {
        let message = "Traceback\nImportError: no".to_string();
        match self.procs[&child].need_app {
            Some(true) => self.feed(Event::LoadFailed { child, message }),
            Some(false) => self.feed(Event::NoApp { child, message }),
            None => {}
        }
    }

    /// It ends. Of one whose pid nobody knows only the end of its socket is seen.
    pub(super) fn die(&mut self, child: ChildId, how: Ended) {
        if self.procs.get(&child).is_some_and(|p| p.hello.is_some()) {
            self.procs.remove(&child);
            return self.feed(Event::Closed { child });
        }
        self.feed(Event::Exited { child, how });
    }

    pub(super) fn template(&self) -> ChildId {
        let is = |p: &&Proc| p.kind == ProcessKind::Template && !p.closed;
        *self.procs.iter().rfind(|(_, p)| is(p)).expect("no template").0
    }

    /// The newest process of a worker number.
    pub(super) fn worker(&self, id: u32) -> ChildId {
        *self.of(id).last().expect("nobody in the seat")
    }

    /// All processes of a worker number, oldest first.
    pub(super) fn of(&self, id: u32) -> Vec<ChildId> {
        let is = |p: &Proc| matches!(p.kind, ProcessKind::Worker(seat) if seat.worker_id == id);
        self.procs.iter().filter(|(_, p)| is(p)).map(|(&c, _)| c).collect()
    }

    pub(super) fn workers_alive(&self) -> usize {
        self.procs.values().filter(|p| p.kind != ProcessKind::Template).count()
    }

    pub(super) fn ready_workers(&self) -> usize {
        self.s.workers(Stage::Ready).count()
    }

    pub(super) fn count(&self, is: impl Fn(&Action) -> bool) -> usize {
        self.done.iter().filter(|(_, a)| is(a)).count()
    }

    pub(super) fn served(&self) -> usize {
        self.count(|a| *a == Action::Serving)
    }

    pub(super) fn outcomes(&self) -> Vec<(Outcome, String)> {
        let ended = |a: &Action| match a {
            Action::ReloadEnded { outcome, reason } => Some((*outcome, reason.clone())),
            _ => None,
        };
        self.done.iter().filter_map(|(_, a)| ended(a)).collect()
    }

    pub(super) fn starts_of(&self, id: u32) -> Vec<Instant> {
        let is = |a: &Action| match a {
            Action::Fork { birth, .. } | Action::Launch(birth) => {
                birth.kind.seat().is_some_and(|seat| seat.worker_id == id)
            }
            _ => false,
        };
        self.done.iter().filter(|(_, a)| is(a)).map(|(at, _)| *at).collect()
    }
}
