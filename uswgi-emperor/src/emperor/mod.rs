//! The running Emperor: one loop from events to the court to actions.
//!
//! * here: the loop, and what wakes it.
//! * `act`: what the court asks for, done.
//! * `addresses`: programs that know at which address a vassal is waited for.
//! * `door`: questions of `uswgi-ctl`.
//! * `doors`: sockets of vassals that sleep.
//! * `look`: the vassals' files, looked at.
//!
//! It must never wait for a vassal, nor for anything that a vassal can hold up.
#![forbid(unsafe_code)]

mod act;
mod addresses;
pub(crate) mod door;
mod doors;
mod files_seen;

use crate::court::{Court, CourtRules, Event, Now};
use crate::events::Woken;
use crate::files::Files;
use crate::instances;
use crate::scan::Monitor;
use crate::start::Started;
use crate::stats;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use uswgi_conf::emperor::EmperorSettings as Settings;
use uswgi_keep::directories::Directories;
use uswgi_keep::guard::Guard;
use uswgi_keep::reap::Ended;
use uswgi_keep::{log, notify, reap, sys};
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::{pidfd_open, start_time};

/// How often a vassal that starts or reloads is looked at, beside what it says by itself.
const CHANGING: Duration = Duration::from_secs(1);

/// How long vassals that end with a killed Emperor may take.
const DYING: Duration = Duration::from_secs(60);

/// Reads the configuration of the Emperor again.
pub type Load<'a> = &'a dyn Fn() -> Result<Settings, String>;

/// The Emperor while it runs.
pub struct Emperor<'a> {
    load: Load<'a>,
    settings: Settings,
    monitors: Vec<Monitor>,
    started: Started,
    court: Court,
    files: Files,
    directories: Directories<Woken>,
    places: BTreeSet<PathBuf>,
    last_scan: Option<Instant>,
    /// Processes of vassals.
    processes: BTreeMap<i32, OwnedFd>,
    /// They are others than those that are written down.
    unwritten: bool,
    /// Sockets of vassals that start when somebody connects.
    doors: doors::Doors,
    /// Programs that are asked for such sockets' addresses.
    addresses: addresses::Addresses,
    /// Ends the vassals of an Emperor that is killed, where that is wanted.
    guard: Option<Guard>,
    /// Vassals that run already, and whose files have not been seen to count yet.
    inherited: BTreeMap<PathBuf, i32>,
    /// What was said about odd files.
    odd: BTreeMap<PathBuf, String>,
    /// When vassals that change are looked at next.
    next_look: Instant,
    /// What the service manager was told last.
    status: String,
}

/// What the configuration says about all vassals.
fn rules(settings: &Settings) -> CourtRules {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let concurrency = match settings.start_concurrency {
        0 => cpus * 2,
        n => n as usize,
    };
    let millis = |n: u32| Duration::from_millis(n.into());
    let (throttle, max_throttle) = match settings.no_blacklist || settings.throttle == 0 {
        // As often as uWSGI looks at its vassals: nobody starts one in an endless loop.
        true => (
            Duration::from_secs(settings.freq.max(if settings.freq == 0 { 3 } else { 1 }).into()),
            Duration::ZERO,
        ),
        false => (millis(settings.throttle), millis(settings.max_throttle)),
    };
    CourtRules {
        concurrency,
        throttle,
        max_throttle,
        heartbeat: Duration::from_secs(settings.required_heartbeat.max(1).into()),
    }
}

/// The time.
fn now() -> Now {
    Now { at: Instant::now(), wall: sys::realtime().0 }
}

impl<'a> Emperor<'a> {
    /// Everything is ready: the files are not looked at yet.
    pub fn new(settings: Settings, monitors: Vec<Monitor>, started: Started, load: Load<'a>) -> Emperor<'a> {
        let inherited = started
            .claims
            .iter()
            .flat_map(|claim| instances::running(&claim.key, &claim.recorded()))
            .collect();
        Emperor {
            load,
            court: Court::new(rules(&settings)),
            settings,
            monitors,
            started,
            files: Files::default(),
            directories: Directories::with_removals(Woken::Files),
            places: BTreeSet::new(),
            last_scan: None,
            processes: BTreeMap::new(),
            unwritten: false,
            doors: doors::Doors::default(),
            addresses: addresses::Addresses::default(),
            guard: None,
            inherited,
            odd: BTreeMap::new(),
            next_look: Instant::now(),
            status: String::new(),
        }
    }

    /// Until the end; returns how it ended.
    pub fn run(mut self) -> Exit {
        let names: Vec<&str> = self.monitors.iter().map(|m| m.name.as_str()).collect();
        let (pid, version) = (std::process::id(), env!("CARGO_PKG_VERSION"));
        log::line(format_args!("uswgi {version}, pid {pid}: emperor of {}", names.join(", ")));
        for (number, claim) in self.started.claims.iter().enumerate() {
            let _ = self.started.events.watch(claim.as_fd(), Woken::Heard(number as u64), false);
        }
        self.started.stats.watch(&self.started.events);
        self.started.door.watch(&self.started.events);
        if self.settings.die_with {
            self.renew_guard();
        }
        self.scan();
        while !self.court.is_gone() {
            self.report();
            self.write_down();
            if let Some(detached) = self.started.detached.take() {
                detached.release(Exit::Ok, "");
            }
            self.wait();
            self.look_at_instances();
            if self.scan_is_due() {
                self.scan();
            }
            self.on(Event::Tick);
        }
        log::line("stopped");
        self.doors.remove_all();
        self.started.leave();
        Exit::Ok
    }

    fn wait(&mut self) {
        let changing = (!self.court.changing().is_empty()).then_some(self.next_look);
        let stats = self.started.stats.deadline();
        let door = self.started.door.deadline();
        let address = self.addresses.deadline();
        let deadlines = [self.court.deadline(), self.scan_deadline(), changing, stats, door, address];
        let woken = match self.started.events.wait(deadlines.into_iter().flatten().min()) {
            Ok(woken) => woken,
            Err(e) => {
                log::line(format_args!("cannot wait for events: {e}; stopping"));
                self.on(Event::Stop);
                return;
            }
        };
        let mut signalled = false;
        for w in woken {
            match w {
                Woken::Signals => signalled = true,
                Woken::Heard(number) => self.hear(number),
                Woken::Files => self.directories.noticed(&self.started.events),
                Woken::Ended(pid) => self.lost(pid),
                Woken::Called(number) => self.called(number),
                Woken::Addressed(number) => self.addressed(number),
                Woken::Stats(number) => self.serve_stats(number),
                Woken::Asked(number) => self.asked(number),
            }
        }
        self.started.stats.expire(&self.started.events);
        self.started.door.expire(&self.started.events);
        self.expire_addresses();
        if signalled {
            for signal in self.started.events.signals() {
                self.signal(signal);
            }
        }
    }

    fn signal(&mut self, signal: i32) {
        match signal {
            libc::SIGCHLD => {
                while let Some(zombie) = reap::next() {
                    let pid = zombie.pid();
                    let Some(reaped) = zombie.reap() else { continue };
                    if self.guard.as_ref().is_some_and(|g| g.pid() == pid) {
                        self.guard.iter_mut().for_each(Guard::reaped);
                        self.renew_guard();
                        continue;
                    }
                    self.release(pid);
                    let well = reaped.how == Ended::Code(0);
                    self.on(Event::Ended(pid, reaped.how.to_string(), well));
                }
            }
            libc::SIGTERM | libc::SIGINT | libc::SIGQUIT => {
                if !self.court.is_stopping() {
                    log::line("stopping all vassals gracefully");
                    notify::stopping();
                }
                self.on(Event::Stop);
            }
            libc::SIGHUP => self.reload(),
            libc::SIGUSR1 => {
                for (id, v) in self.court.vassals() {
                    log::line(crate::report::line(id, v));
                }
            }
            _ => {}
        }
    }

    /// Vassals are to have what their files and the Emperor's configuration say now.
    fn reload(&mut self) {
        match (self.load)() {
            Ok(settings) => {
                if settings.monitors != self.settings.monitors {
                    log::line("other folders of vassals count from the next start on");
                }
                self.settings = Settings { monitors: self.settings.monitors.clone(), ..settings };
                self.court.set_rules(rules(&self.settings));
            }
            Err(why) => {
                why.lines().for_each(log::line);
                log::line("the configuration of before stays in force");
            }
        }
        self.scan();
        self.on(Event::ReloadAll);
    }

    /// A vassal that is nobody's child of ours has ended.
    fn lost(&mut self, pid: i32) {
        if self.release(pid) {
            // Nobody knows its exit code; one that was on demand has most likely gone to sleep.
            self.on(Event::Ended(pid, "ended, it was no child of this emperor".into(), true));
        }
    }

    fn hear(&mut self, number: u64) {
        let mut spoken = BTreeSet::new();
        while let Some((pid, text)) = self.started.claims.get(number as usize).and_then(|claim| claim.hear())
        {
            if !self.processes.contains_key(&pid) {
                continue;
            }
            match text.split(|&b| b == b'\n').any(|line| line == b"WATCHDOG=1") {
                true => self.on(Event::Heartbeat(pid)),
                false => drop(spoken.insert(pid)),
            }
        }
        spoken.into_iter().for_each(|pid| self.look_at(pid));
    }

    /// What a vassal's instance shows now.
    fn look_at(&mut self, pid: i32) {
        if let Some(seen) = instances::seen(pid) {
            self.on(Event::Seen(pid, seen));
        }
    }

    fn look_at_instances(&mut self) {
        if self.next_look <= Instant::now() {
            self.next_look = Instant::now() + CHANGING;
            self.court.changing().into_iter().for_each(|pid| self.look_at(pid));
        }
    }

    /// Hold a process of a vassal, so that its pid cannot become a stranger's. False: it is gone.
    fn hold(&mut self, pid: i32, child: bool) -> bool {
        let Ok(pidfd) = pidfd_open(pid) else { return false };
        if !child {
            let _ = self.started.events.watch(pidfd.as_fd(), Woken::Ended(pid), false);
        }
        self.processes.insert(pid, pidfd);
        self.unwritten = true;
        if let Some(guard) = &self.guard
            && let Err(e) = guard.add(pid, libc::SIGINT, DYING)
        {
            log::line(format_args!(
                "the guard does not hear of pid {pid} ({e}): it may outlive a killed emperor"
            ));
        }
        true
    }

    /// A process of a vassal is gone. False: it was none.
    fn release(&mut self, pid: i32) -> bool {
        self.guard.iter().for_each(|guard| guard.forget(pid));
        let was = self.processes.remove(&pid).is_some();
        self.unwritten |= was;
        was
    }

    /// Write down which vassals run, for the Emperor after this one.
    fn write_down(&mut self) {
        if !std::mem::take(&mut self.unwritten) {
            return;
        }
        for (number, claim) in self.started.claims.iter().enumerate() {
            let ours = self.court.vassals().values().filter(|v| v.file.monitor == number);
            let all = ours.filter_map(|v| {
                let pid = v.pid?;
                Some((v.file.path.to_string_lossy().into_owned(), (pid, start_time(pid)?)))
            });
            claim.record(&all.collect());
        }
    }

    /// Somebody who ends all vassals when this process is killed.
    fn renew_guard(&mut self) {
        let all = || self.processes.keys();
        let guard = Guard::start().and_then(|guard| {
            all().try_for_each(|&pid| guard.add(pid, libc::SIGINT, DYING))?;
            Ok(guard)
        });
        match guard {
            Ok(guard) => self.guard = Some(guard),
            Err(e) => {
                self.guard = None;
                log::line(format_args!("there is no guard ({e}): vassals may outlive a killed emperor"));
            }
        }
    }

    fn serve_stats(&mut self, number: u64) {
        let monitors = self.monitors.iter().map(|m| m.name.as_str()).collect();
        let about = stats::StatsHead { monitors, tyrant: self.settings.tyrant };
        let court = &self.court;
        let text = || format!("{:#}\n", stats::json(court, &about, Instant::now())).into_bytes();
        self.started.stats.serve(number, text, &self.started.events);
    }

    /// Tell the service manager how many vassals serve.
    fn report(&mut self) {
        let status = crate::report::status(&self.court);
        if status != self.status && !self.court.is_stopping() {
            notify::ready(&status);
            self.status = status;
        }
    }
}
