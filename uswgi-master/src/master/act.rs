//! Actions to system calls. It must never decide: what goes wrong becomes an event.
#![forbid(unsafe_code)]

use super::Master;
use crate::events::Woken;
use crate::logs::OutputError;
use crate::processes::control_pair;
use crate::reading::{Read, Reading};
use crate::reload::{self, ReloadError, Setup};
use crate::spawn::{self, Inherited, SpawnError};
use crate::supervisor::{Action, Birth, ChildId, Event, Plan, ProcessKind};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;
use uswgi_conf::instance::Instance;
use uswgi_keep::pidfile::Pidfile;
use uswgi_keep::{log, notify};
use uswgi_proto::control::ToWorker;
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::Outcome;

/// Why a process of the application cannot be started.
#[derive(Debug, thiserror::Error)]
enum LaunchError {
    #[error("its control socket cannot be made: {0}")]
    Control(nix::Error),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("the template cannot be asked: {0}")]
    Ask(nix::Error),
    /// A bug of the supervisor.
    #[error("a template forks no templates")]
    NoWorker,
    /// A bug of the supervisor.
    #[error("its settings are gone")]
    NoSettings,
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// What the supervisor hears of a generation to come.
fn configured(result: Result<Plan, ReloadError>) -> Event {
    match result {
        Ok(plan) => Event::Configured(Box::new(plan)),
        Err(e) => Event::ConfigFailed { message: e.to_string() },
    }
}

impl Master<'_> {
    /// Do it. Answers go to the queue of events.
    pub(crate) fn perform(&mut self, action: Action) {
        match action {
            Action::Launch(birth) => {
                if birth.kind.is_worker() {
                    self.with_tasks(|tasks, i, events| tasks.begin(i, events));
                }
                let child = birth.child;
                let event = match self.launch(&birth) {
                    Ok(pid) => Event::Launched { child, pid },
                    Err(e) => Event::LaunchFailed { child, message: e.to_string() },
                };
                // Before anything else: nobody is to meet a process that runs and has no pid.
                self.queue.push_front(event);
            }
            Action::Fork { template, birth } => {
                self.with_tasks(|tasks, i, events| tasks.begin(i, events));
                if let Err(e) = self.fork(template, &birth) {
                    let message = e.to_string();
                    self.queue.push_back(Event::LaunchFailed { child: birth.child, message });
                }
            }
            // A worker that cannot be told is killed when its mercy ends.
            Action::Retire { child, hand_over } => {
                let _ = self.processes.send(child, &ToWorker::Retire { hand_over }, &[]);
            }
            Action::Accept { child, on } => {
                let _ = self.processes.send(child, &ToWorker::Accept { on }, &[]);
            }
            Action::Prefer { child, on } => {
                let boost = self.setup().map_or(0, |s| s.instance.reload_boost as i32);
                self.processes.prefer(child, if on { boost } else { 0 });
            }
            Action::HandOn { template } => self.processes.hand_on(template),
            Action::Signal { to, signal } => self.signal_app(to, signal),
            Action::WatchSignalFiles => self.watch_files(),
            Action::CloseControl { child } => self.processes.close_control(child),
            Action::Kill { child } => self.processes.kill(child),
            Action::Forget { child } => {
                self.logs.forget(child);
                match self.processes.remove(child) {
                    Some(ProcessKind::Worker(seat)) => self.board.vacate(seat.slot, seat.worker_id),
                    Some(ProcessKind::Aide(seat)) => self.board.vacate_aide(seat),
                    Some(ProcessKind::Template) | None => {}
                }
                self.drop_unused();
            }
            Action::AideEnded { seat, died, end } => self.board.aide_ended(seat, died, end),
            Action::CountDeath => self.board.count_death(),
            Action::Restarted { seat, why, end } => self.board.restarted(seat.slot, seat.worker_id, why, end),
            Action::ReloadStarted => {
                self.board.reload_started();
                self.note.clear();
                self.reload_began = Instant::now();
                self.reopen_logs_for_reload();
                notify::reloading();
            }
            Action::ReadConfig { generation } => self.read_again(generation),
            Action::KeepConfig { generation } => {
                let event = configured(self.keep(generation));
                self.queue.push_front(event);
            }
            Action::BringBack { from, generation } => {
                let event = configured(self.bring_back(from, generation));
                self.queue.push_front(event);
            }
            Action::Commit { generation } => self.commit(generation),
            Action::Abandon { generation } => {
                self.reading.take_if(|r| r.generation == generation);
                self.logs.abandon(generation);
                self.drop_unused();
            }
            Action::ReloadEnded { outcome, reason } => {
                // The slots first: who waits for the count looks at them next.
                self.board.sync(&self.supervisor);
                let reason = if reason.is_empty() { std::mem::take(&mut self.note) } else { reason };
                self.board.reload_ended(outcome, &reason, self.reload_began.elapsed());
                if outcome != Outcome::Stopped {
                    notify::ready(&self.status());
                }
            }
            Action::Reason(reason) => self.board.reason(&reason),
            Action::Python(which) => self.board.python(&which),
            Action::Serving => {
                self.last_pidfile();
                // The slots first: who hears that it is ready may look at once.
                self.board.sync(&self.supervisor);
                self.serving();
            }
            Action::StartFailed { message } => self.start_failed(message),
            Action::Stopping => notify::stopping(),
            Action::Log(line) => log::line(line),
            Action::Exit(exit) => self.exit = Some(exit),
        }
    }

    /// Make the control socket and the slot of a process; returns its end.
    fn register(&mut self, birth: &Birth) -> Result<OwnedFd, LaunchError> {
        let child = birth.child;
        let (ours, theirs) = control_pair().map_err(LaunchError::Control)?;
        self.events.watch(ours.as_fd(), Woken::Control(child), false).map_err(LaunchError::Control)?;
        self.processes.add(birth, ours);
        let respawns = self.supervisor.children().get(&child).map_or(0, |c| c.respawns);
        match birth.kind {
            ProcessKind::Worker(s) => self.board.occupy(s.slot, s.worker_id, birth.generation, respawns),
            ProcessKind::Aide(seat) => self.board.occupy_aide(seat, birth.generation, respawns),
            ProcessKind::Template => {}
        }
        Ok(theirs)
    }

    /// Ask a template for a worker or an aide.
    fn fork(&mut self, template: ChildId, birth: &Birth) -> Result<(), LaunchError> {
        let (slot, worker_id, aide) = match birth.kind {
            ProcessKind::Worker(seat) => (seat.slot, seat.worker_id, None),
            ProcessKind::Aide(seat) => (seat.slot, 0, Some(seat.aide)),
            ProcessKind::Template => return Err(LaunchError::NoWorker),
        };
        let theirs = self.register(birth)?;
        let output = self.logs.of(birth.generation).output_for(birth.child, worker_id)?;
        let fds: Vec<_> = [&theirs].into_iter().chain(&output).map(|fd| fd.as_fd()).collect();
        let (max_requests, paused, watched) = (birth.max_requests, birth.paused, birth.watched);
        let message = ToWorker::Fork { slot, worker_id, aide, max_requests, paused, watched };
        self.processes.send(template, &message, &fds).map_err(LaunchError::Ask)
    }

    /// Start a process by exec; its pid.
    fn launch(&mut self, birth: &Birth) -> Result<i32, LaunchError> {
        let theirs = self.register(birth)?;
        let &Birth { child, kind, generation, .. } = birth;
        let worker = kind.seat().map_or(0, |seat| seat.worker_id);
        let output = self.logs.of(generation).output_for(child, worker)?;
        let setup = self.generations.get(&generation).ok_or(LaunchError::NoSettings)?;
        let settings = spawn::settings_for(&setup.instance, birth);
        let inherited = Inherited {
            listeners: &setup.listeners,
            control: theirs.as_fd(),
            scoreboard: self.board.fd(),
            shared: self.shared.fd(),
            queues: self.queues.of(&setup.instance.background, self.supervisor.signal_queues(generation)),
            handover: [self.handover[0].as_fd(), self.handover[1].as_fd()],
            log: self.logs.of(generation).for_child(),
            program: &self.program,
            output: output.as_ref().map(|fd| fd.as_fd()),
        };
        let pid = spawn::launch(&setup.instance, &settings, &inherited)?;
        self.processes.set_pid(child, pid);
        Ok(pid)
    }

    /// Begin to read the configuration; the answer comes when it comes.
    fn read_again(&mut self, generation: u64) {
        if let Some(why) = self.out_of_reach.clone() {
            log::line(&why);
            self.note = why;
        }
        let kept = self.setup().filter(|_| self.out_of_reach.is_some());
        let kept = kept.map(|s| Read { instance: s.instance.clone(), warnings: s.warnings.clone() });
        let (load, n) = (self.load, self.reads);
        self.reads += 1;
        let step_env = self.step_env.clone();
        let load = move || {
            if let Some(kept) = kept {
                return Ok(kept);
            }
            let mut read = load(n)?;
            read.instance.env.splice(0..0, step_env);
            Ok(read)
        };
        match Reading::begin(generation, &self.events, load) {
            Ok(reading) => {
                self.processes.expect(reading.pid());
                self.reading = Some(reading);
            }
            Err(e) => self.queue.push_front(Event::ConfigFailed { message: e.to_string() }),
        }
    }

    /// Something came from the process that reads, or its time is over.
    pub(crate) fn go_on_reading(&mut self) {
        let Some(reading) = &mut self.reading else { return };
        let Some(result) = reading.go_on(Instant::now()) else { return };
        let generation = reading.generation;
        self.reading = None;
        let event = match result {
            Ok(read) => configured(self.take_over(generation, read)),
            Err(e) if e.is_of_a_step() => Event::StepsFailed { message: e.to_string() },
            Err(e) => Event::ConfigFailed { message: e.to_string() },
        };
        self.queue.push_back(event);
    }

    /// Make what the settings need.
    fn take_over(&mut self, generation: u64, read: Read) -> Result<Plan, ReloadError> {
        let held: Vec<Setup> = self.generations.values().cloned().collect();
        let mut setup = reload::prepare(read, self.board.scoreboard(), &held)?;
        drop(held);
        if let Err(e) = self.queues.prepare(&setup.instance.background, generation) {
            setup.vacuum();
            return Err(ReloadError::Queues(e));
        }
        if let Some(current) = self.generations.get(&self.supervisor.current_generation()) {
            let dress = |i: &Instance| (i.chmod_socket, i.chown_socket.clone());
            setup.undressed = dress(&current.instance) != dress(&setup.instance);
            for name in reload::keep(&current.instance, &mut setup.instance) {
                let said = format!("{name} has changed in the configuration; that needs a restart");
                log::line(&said);
                setup.warnings.push(said);
            }
            let instances = (&current.instance, &setup.instance);
            if let Err(e) = self.logs.prepare(instances, generation, self.board.scoreboard()) {
                setup.vacuum();
                return Err(e.into());
            }
        }
        let plan = reload::plan(&setup.instance);
        self.generations.insert(generation, setup);
        Ok(plan)
    }

    fn keep(&mut self, generation: u64) -> Result<Plan, ReloadError> {
        let mut setup = self.setup().ok_or(ReloadError::Gone)?.clone();
        setup.undressed = false;
        self.queues.prepare(&setup.instance.background, generation).map_err(ReloadError::Queues)?;
        let plan = reload::plan(&setup.instance);
        self.generations.insert(generation, setup);
        Ok(plan)
    }

    /// Settings and sockets of a generation that was kept.
    fn bring_back(&mut self, from: u64, generation: u64) -> Result<Plan, ReloadError> {
        let mut setup = self.generations.get(&from).ok_or(ReloadError::Gone)?.clone();
        setup.undressed = false;
        if let Some(current) = self.generations.get(&self.supervisor.current_generation()) {
            let instances = (&current.instance, &setup.instance);
            self.logs.prepare(instances, generation, self.board.scoreboard())?;
        }
        let plan = reload::plan(&setup.instance);
        self.generations.insert(generation, setup);
        Ok(plan)
    }

    fn commit(&mut self, generation: u64) {
        if let Some(setup) = self.generations.get_mut(&generation) {
            // Not where nothing has changed: somebody may have given it another mode by hand.
            let dressed =
                setup.listeners.iter().filter(|_| setup.undressed).map(|l| l.dress(&setup.instance));
            for error in dressed.filter_map(Result::err) {
                log::line(&error);
                setup.warnings.push(error.to_string());
            }
            self.board.describe(&setup.instance, &setup.listeners);
            self.stats.serve(&setup.stats, setup.instance.stats_http, &self.events);
            self.fifo.rename(&setup.instance.master_fifo, &self.events);
            self.logs.succeed(generation);
            self.logs.configure(&setup.instance);
            self.alarms.replace(&setup.instance.alarms);
            self.pushes.configure(&setup.instance, Instant::now());
            self.harakiri_limit = reload::harakiri_limit(&setup.instance);
            let pidfiles: Vec<PathBuf> = reload::pidfiles(&setup.instance).cloned().collect();
            self.rename_pidfiles(&pidfiles);
        }
        self.watch_files();
        self.watch_log_alarms();
        self.with_tasks(|tasks, i, events| tasks.replace(i, events));
        self.drop_unused();
    }

    /// Generations that neither serve nor come; the sockets that only they had are closed.
    pub(crate) fn drop_unused(&mut self) {
        let needed = |n: &u64| {
            *n == self.supervisor.current_generation()
                || self.supervisor.coming_generation() == Some(*n)
                || self.supervisor.sleeper().is_some_and(|kept| kept.generation == *n)
                || self.processes.any_of(*n)
        };
        let unused: Vec<u64> = self.generations.keys().copied().filter(|n| !needed(n)).collect();
        let held: Vec<u64> = self.generations.keys().copied().filter(needed).collect();
        self.board.keep_tallies(|n| held.contains(&n));
        let gone: Vec<Setup> = unused.into_iter().filter_map(|n| self.generations.remove(&n)).collect();
        let (supervisor, processes) = (&self.supervisor, &self.processes);
        self.queues.keep(|n| supervisor.needs_signal_queues(n) || processes.any_of(n));
        // What the front passes on is no generation's, and is there as long as the instance.
        let left = || self.generations.values().flat_map(|s| &s.listeners).chain(&self.fronts.passed);
        self.callers.keep(|l| left().any(|other| Rc::ptr_eq(other, l)), &self.events);
        gone.into_iter().for_each(Setup::vacuum);
    }

    /// Pidfiles that have another name now.
    fn rename_pidfiles(&mut self, wanted: &[PathBuf]) {
        let (kept, old): (Vec<Pidfile>, Vec<Pidfile>) = std::mem::take(&mut self.pidfiles)
            .into_iter()
            .partition(|p| wanted.iter().any(|w| w == p.path()));
        self.pidfiles = kept;
        for path in wanted {
            if !self.pidfiles.iter().any(|p| p.path() == path) {
                self.write_pidfile(path);
            }
        }
        old.into_iter().for_each(Pidfile::remove);
    }

    /// The pidfile that is written when everything else is done: before anybody can see that it is.
    fn last_pidfile(&mut self) {
        if let Some(path) = self.setup().and_then(|s| s.instance.safe_pidfile2.clone()) {
            self.write_pidfile(&path);
        }
    }

    fn write_pidfile(&mut self, path: &Path) {
        match Pidfile::write(path) {
            Ok(pidfile) => self.pidfiles.push(pidfile),
            Err(e) => log::line(e),
        }
    }

    fn serving(&mut self) {
        self.served = true;
        self.terminal = None;
        self.pidfiles.iter().for_each(Pidfile::fill);
        log::line(format_args!("ready: {}", self.status()));
        notify::ready(&self.status());
        if let Some(launcher) = self.launcher.take() {
            launcher.release(Exit::Ok, "");
        }
    }

    fn start_failed(&mut self, message: String) {
        let text = format!("the start has failed: {}", message.trim_end());
        log::line(&text);
        if let Some(terminal) = self.terminal.take() {
            let _ = std::fs::File::from(terminal).write_all(format!("{}: {text}\n", log::name()).as_bytes());
        }
        self.board.reason(&message);
        self.failure = text;
    }
}
