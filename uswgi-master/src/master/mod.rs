//! The running master: one loop from events to the supervisor to actions.
//!
//! Single-threaded; it sleeps until something happens, and wakes by a timer only while a feature needs
//! one (harakiri's backstop, touch files, dynamic workers, the service manager's watchdog).
//!
//! * `act`: actions of the supervisor to system calls.
//! * `handle_steer`, `handle_fifo`: what an operator asks for; `handle_stats`: what monitoring asks for; `handle_push`: what it is sent.
//! * `handle_alarms`: what is told to whom. `handle_files`: touched files; `app_signals`: signals of the application.
//! * `handle_logs`: rotation and reopening; `numbers`: what decisions about workers need.
#![forbid(unsafe_code)]

mod act;
mod app_signals;
mod handle_alarms;
mod handle_fifo;
mod handle_files;
mod handle_logs;
mod handle_push;
mod handle_stats;
mod handle_steer;
mod numbers;

use crate::board::Board;
use crate::events::{Events, Woken};
use crate::fifo::Fifo;
use crate::front::Fronts;
use crate::logs::Logs;
use crate::processes::Processes;
use crate::queues::Queues;
use crate::reading::{Load, Read, Reading};
use crate::reload::{self, Setup};
use crate::shared::Memory;
use crate::sockets::Listener;
use crate::start::Started;
use crate::supervisor::alarms::AlarmBook;
use crate::supervisor::{Event, Phase, Stage, Supervisor};
use crate::tasks::TaskExecutor;
use crate::touch_files::{self, Follows};
use crate::{stats, steer};
use handle_push::Pushes;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use uswgi_conf::instance::Instance;
use uswgi_keep::callers::Callers;
use uswgi_keep::detach::StartReport;
use uswgi_keep::log;
use uswgi_keep::notify;
use uswgi_keep::pidfile::Pidfile;
use uswgi_keep::reap::Reaped;
use uswgi_keep::watch::Watched;
use uswgi_keep::watchdog::Watchdog;
use uswgi_proto::exit::Exit;
use uswgi_proto::signals::{self, MasterAction};

/// How often the features that need a timer look.
const COARSE: Duration = Duration::from_secs(1);
/// A running instance.
pub struct Master<'a> {
    pub(crate) load: Load<'a>,
    pub(crate) supervisor: Supervisor,
    pub(crate) events: Events,
    pub(crate) processes: Processes,
    pub(crate) board: Board,
    pub(crate) generations: BTreeMap<u64, Setup>,
    pub(crate) pidfiles: Vec<Pidfile>,
    pub(crate) handover: [OwnedFd; 2],
    pub(crate) fronts: Fronts,
    pub(crate) shared: Memory,
    pub(crate) queues: Queues,
    /// Starts processes of the application.
    pub(crate) program: PathBuf,
    /// Why the configuration cannot be read again: it lies outside of the jail.
    pub(crate) out_of_reach: Option<String>,
    /// What the end of a reload that went well has to say.
    pub(crate) note: String,
    pub(crate) launcher: Option<StartReport>,
    pub(crate) terminal: Option<OwnedFd>,
    pub(crate) logs: Logs,
    pub(crate) stats: stats::StatsServer,
    pub(crate) steer: steer::Server,
    pub(crate) fifo: Fifo,
    pub(crate) touch: Watched<Follows, Woken>,
    pub(crate) reading: Option<Reading>,
    /// How often the configuration was read.
    pub(crate) reads: u64,
    pub(crate) tasks: TaskExecutor,
    pub(crate) alarms: AlarmBook,
    pub(crate) pushes: Pushes,
    /// Variables that steps of the start have set.
    pub(crate) step_env: Vec<(String, Option<String>)>,
    pub(crate) harakiri_limit: Option<Duration>,
    pub(crate) callers: Callers<Listener>,
    pub(crate) queue: VecDeque<Event>,
    pub(crate) served: bool,
    pub(crate) failure: String,
    pub(crate) reload_began: Instant,
    pub(crate) exit: Option<Exit>,
}

impl<'a> Master<'a> {
    /// A master that has started no process yet.
    pub fn new(read: Read, started: Started, launcher: Option<StartReport>, load: Load<'a>) -> Master<'a> {
        let Read { instance, warnings } = read;
        let now = Instant::now();
        let plan = reload::plan(&instance);
        let slots = started.board.scoreboard().worker_capacity();
        let seed = uswgi_proto::scoreboard::monotonic_us() ^ u64::from(std::process::id()) << 32;
        let out_of_reach = started.jail.as_ref().and_then(|jail| reload::out_of_reach(jail, &instance));
        started.board.describe(&instance, &started.listeners);
        let stats = started.stats.listeners().to_vec();
        Master {
            load,
            supervisor: Supervisor::new(plan, slots, seed, now),
            events: started.events,
            processes: Processes::default(),
            board: started.board,
            touch: Watched::new(&touch_files::named(&instance, &[]), Woken::Touch),
            reading: None,
            reads: 1,
            tasks: TaskExecutor::new(&instance, now),
            alarms: AlarmBook::new(&instance.alarms),
            pushes: Pushes::new(&instance, started.shared.shared(), now),
            step_env: started.step_env,
            harakiri_limit: reload::harakiri_limit(&instance),
            callers: Callers::default(),
            generations: BTreeMap::from([(
                1,
                Setup {
                    instance,
                    warnings,
                    listeners: started.listeners,
                    stats,
                    front: started.front,
                    undressed: false,
                },
            )]),
            pidfiles: started.pidfiles,
            fronts: Fronts::new(&started.handover[1]),
            handover: started.handover,
            shared: started.shared,
            queues: started.queues,
            program: started.program,
            out_of_reach,
            note: String::new(),
            launcher,
            terminal: started.terminal,
            logs: started.logs,
            stats: started.stats,
            steer: started.steer,
            fifo: started.fifo,
            queue: VecDeque::from([Event::Tick]),
            served: false,
            failure: String::new(),
            reload_began: now,
            exit: None,
        }
    }

    /// Until the end; returns how it ended.
    pub fn run(mut self) -> Exit {
        self.banner();
        self.stats.watch(&self.events);
        self.steer.watch(&self.events);
        self.fifo.watch(&self.events);
        self.touch.listen(&self.events);
        self.watch_files();
        self.watch_log_alarms();
        let mut watchdog = self.watched().map(|period| Watchdog::new(period, Instant::now()));
        let mut next_look = Instant::now() + COARSE;
        loop {
            self.settle();
            self.look_at_front();
            self.watch_sockets();
            if let Some(exit) = self.exit {
                // The workers first: what runs beside them may serve them.
                self.with_tasks(|tasks, i, events| tasks.stop(false, i, events));
                if self.tasks.is_gone() && self.fronts.is_gone() {
                    return self.leave(exit);
                }
            }
            let now = Instant::now();
            if let Some(watchdog) = &mut watchdog {
                self.feed(watchdog, now);
            }
            let looks = self.logs.needs_looks()
                || self.fronts.needs_looks()
                || self.harakiri_limit.is_some()
                || self.supervisor.wants_numbers()
                || self.alarms_want_looks()
                || self.fifo.is_open();
            if looks && next_look <= now {
                self.look();
                next_look = now + COARSE;
                continue;
            }
            let deadlines = [
                self.supervisor.next_deadline(),
                self.tasks.deadline(),
                self.alarms.deadline(),
                self.pushes.deadline(),
                watchdog.as_ref().map(Watchdog::deadline),
                looks.then_some(next_look),
                self.stats.deadline(),
                self.steer.deadline(),
                self.fronts.deadline(),
                self.touch.deadline(),
                self.reading.as_ref().map(Reading::deadline),
                self.next_minute(),
            ];
            self.wait(deadlines.into_iter().flatten().min());
        }
    }

    /// Within which time somebody wants to hear that the instance is alive: the service manager, or (`heartbeat`) its Emperor.
    fn watched(&self) -> Option<Duration> {
        let heartbeat = self.setup().map_or(0, |s| s.instance.heartbeat);
        // A sign of life comes each quarter of the period.
        let period = (heartbeat > 0).then(|| Duration::from_secs(u64::from(heartbeat) * 4));
        notify::watchdog().or(period)
    }

    /// Tell the service manager whether the instance is alive, and ask the workers again.
    fn feed(&mut self, watchdog: &mut Watchdog, now: Instant) {
        if self.processes.take_answer() {
            watchdog.answer(now);
        }
        let running = self.supervisor.phase() == Phase::Running;
        let expected = running && self.supervisor.workers_wanted() > 0;
        let Some(beat) = watchdog.beat(now, expected) else { return };
        if beat.changed && beat.feed {
            log::line("a worker answers again: the service manager's watchdog is fed");
            notify::ready(&self.status());
        } else if beat.changed {
            log::line("no worker answers: the service manager's watchdog is not fed any more");
            notify::lost();
        }
        if beat.feed {
            notify::alive();
        }
        self.processes.ask_all();
    }

    /// Let the supervisor answer everything that has happened.
    fn settle(&mut self) {
        while let Some(event) = self.queue.pop_front() {
            for action in self.supervisor.handle(event, Instant::now()) {
                self.perform(action);
            }
            self.board.sync(&self.supervisor);
        }
    }

    fn wait(&mut self, deadline: Option<Instant>) {
        let woken = match self.events.wait(deadline) {
            Ok(woken) => woken,
            Err(e) => {
                log::line(format_args!("cannot wait for events: {e}; stopping"));
                self.queue.push_back(Event::Stop);
                return;
            }
        };
        let mut heard = Vec::new();
        let mut signalled = false;
        let mut raised = Vec::new();
        for w in woken {
            match w {
                Woken::Control(child) => self.processes.hear(child, &mut heard),
                Woken::Signals => signalled = true,
                Woken::Stats(token) => self.serve_stats(token),
                Woken::Steer(token) => self.serve_steer(token),
                Woken::Fifo => self.read_fifo(),
                Woken::Clock => self.with_tasks(|tasks, i, events| tasks.clock(i, events)),
                Woken::Output(token) => self.tasks.written(token, &self.events),
                Woken::Reading => self.go_on_reading(),
                Woken::Touch => self.touch.noticed(&self.events),
                Woken::Listeners => heard.push(Event::Connection),
                Woken::LogAlarms => raised = self.logs.raised(),
            }
        }
        if signalled {
            for signal in self.events.signals() {
                self.signal(signal, &mut heard);
            }
        }
        self.stats.expire(&self.events);
        self.steer.expire(&self.events);
        self.with_tasks(|tasks, i, events| tasks.tick(i, events));
        if self.tasks.take_stop() {
            heard.push(Event::Stop);
        }
        self.hear_alarms(raised, &heard);
        let orders = self.alarms.tick(Instant::now());
        self.obey_alarms(orders);
        self.push();
        self.queue.extend(heard);
        self.look_at_files();
        self.look_at_the_clock();
        // Time has passed in any case.
        self.queue.push_back(Event::Tick);
    }

    fn signal(&mut self, signal: i32, heard: &mut Vec<Event>) {
        if signal == nix::libc::SIGCHLD {
            while let Some(Reaped { pid, how, group }) = self.processes.reap_other(heard) {
                let (mut known, orders) = self.alarms.ended(pid, how);
                self.obey_alarms(orders);
                known |= self.logs.reaped(pid, how) || self.fronts.reaped(pid);
                self.with_tasks(|tasks, i, events| known |= tasks.reaped(pid, how, group, i, events));
                if !known {
                    self.board.count_orphan();
                }
            }
            if let Some(reading) = &mut self.reading
                && !self.processes.expects(reading.pid())
            {
                reading.reaped();
            }
            return;
        }
        let Some(row) = signals::TABLE.iter().find(|row| row.signal == signal) else { return };
        if self.exit.is_some() && row.master == MasterAction::Stop {
            // The workers have ended; what is left is not waited for.
            self.with_tasks(|tasks, i, events| tasks.stop(true, i, events));
        }
        match row.master {
            MasterAction::Stop if signal == nix::libc::SIGTERM => heard.push(Event::Term),
            MasterAction::Stop => heard.push(Event::Stop),
            MasterAction::Reload => heard.push(Event::Reload),
            MasterAction::Pause => heard.push(Event::Pause),
            MasterAction::Report => self.report(),
            MasterAction::Ignore => {}
        }
    }

    /// The programs beside the workers, with the generation in force.
    pub(crate) fn with_tasks(&mut self, f: impl FnOnce(&mut TaskExecutor, &Instance, &Events)) {
        if let Some(setup) = self.generations.get(&self.supervisor.current_generation()) {
            f(&mut self.tasks, &setup.instance, &self.events);
        }
    }

    /// What needs a timer: the FIFO, and requests far beyond their harakiri.
    fn look(&mut self) {
        self.fifo.mend(&self.events);
        self.look_at_workers();
        self.look_at_logs();
        self.look_for_alarms();
        let Some(limit) = self.harakiri_limit else { return };
        let stuck = self.supervisor.children().iter().filter_map(|(&child, c)| {
            let serves = matches!(c.stage, Stage::Ready | Stage::Retiring);
            let lost = self.board.overdue(c.slot().filter(|_| serves)?, limit, c.stage == Stage::Retiring)?;
            Some(Event::Stuck { child, lost })
        });
        let stuck: Vec<Event> = stuck.collect();
        self.queue.extend(stuck);
    }

    /// The generation in force.
    pub(crate) fn setup(&self) -> Option<&Setup> {
        self.generations.get(&self.supervisor.current_generation())
    }

    /// Everything is gone: clean up. A start that failed leaves nothing, with `vacuum` or without.
    fn leave(mut self, exit: Exit) -> Exit {
        self.tasks.drain();
        let at_exit = self.setup().map(|s| s.instance.clone()).filter(|_| self.served);
        if let Some(mut instance) = at_exit {
            let steps = std::mem::take(&mut instance.tasks.phases.at_exit);
            crate::steps::run_all(&steps, &mut instance, crate::steps::By::Master);
        }
        let vacuum = !self.served || self.setup().is_some_and(|s| s.instance.vacuum);
        if vacuum {
            self.generations.values().flat_map(|g| &g.listeners).for_each(|l| l.vacuum());
            std::mem::take(&mut self.pidfiles).into_iter().for_each(Pidfile::remove);
            self.stats.vacuum();
            self.fifo.vacuum();
        }
        if let Some(launcher) = self.launcher.take() {
            let reason = if self.failure.is_empty() {
                "it was stopped before it served"
            } else {
                self.failure.as_str()
            };
            // It has not served: to whoever waits for that a stop is a failure.
            let told = if exit == Exit::Ok { Exit::Failed } else { exit };
            launcher.release(told, reason);
        }
        if self.served {
            log::line("stopped");
        }
        // The log process writes what is left, and ends before us.
        drop(self.logs);
        exit
    }
}
