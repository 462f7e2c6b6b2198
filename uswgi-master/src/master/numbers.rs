//! The numbers of the workers, for the supervisor's decisions and for who asks. It must never decide.
#![forbid(unsafe_code)]

use super::Master;
use crate::events::Woken;
use crate::supervisor::{ChildId, Event, Footprint, Numbers, Phase, Stage};
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use uswgi_front::plan::FrontSpec;
use uswgi_keep::log;

/// What proc_pid_statm(5) says of a process.
fn memory_of(pid: i32) -> Option<Footprint> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = text.split_ascii_whitespace().map_while(|n| n.parse::<u64>().ok());
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??.unsigned_abs();
    Some(Footprint { vsz: pages.next()? * page, rss: pages.next()? * page })
}

impl Master<'_> {
    /// What an operator asks for: [`Event::Scale`], [`Event::SendAway`], [`Event::Retire`], [`Event::Kill`] and their like. It is
    /// carried out by the loop before it waits again.
    pub fn operate(&mut self, event: Event) {
        let scales = matches!(event, Event::Scale(_) | Event::SendAway);
        self.queue.push_back(event);
        if scales {
            self.queue.push_back(Event::Seen(self.numbers()));
        }
    }

    /// Let the supervisor see the workers, if it wants to.
    pub(crate) fn look_at_workers(&mut self) {
        if self.supervisor.wants_numbers() {
            self.queue.push_back(Event::Seen(self.numbers()));
        }
    }

    fn numbers(&self) -> Numbers {
        let ready = self.supervisor.children().iter().filter(|(_, c)| c.stage == Stage::Ready);
        let slots: Vec<(ChildId, u32)> = ready.filter_map(|(&id, c)| Some((id, c.slot()?))).collect();
        let timed = if self.supervisor.wants_running() { &slots[..] } else { &[] };
        Numbers {
            busy: slots.iter().filter(|(_, slot)| self.board.busy(*slot)).map(|&(id, _)| id).collect(),
            running: timed.iter().map(|&(id, slot)| (id, self.board.running_us(slot))).collect(),
            waiting: self.waiting(),
            requests: self.board.requests(),
            tallies: if self.supervisor.wants_tallies() { self.board.tallies() } else { BTreeMap::new() },
            memory: if self.supervisor.wants_memory() { self.memory() } else { BTreeMap::new() },
        }
    }

    /// Connections at the fullest socket.
    fn waiting(&self) -> u32 {
        let listeners = self.setup().map_or(&[][..], |setup| &setup.listeners);
        listeners.iter().filter_map(|l| l.queue()).map(|q| q.waiting).max().unwrap_or(0)
    }

    fn memory(&self) -> BTreeMap<ChildId, Footprint> {
        let workers = self.supervisor.children().iter().filter(|(_, c)| c.is_worker());
        workers.filter_map(|(&id, c)| Some((id, memory_of(c.pid?)?))).collect()
    }

    /// While there is no worker, the master sees who connects.
    pub(crate) fn watch_sockets(&mut self) {
        let wanted = self.supervisor.wants_connections().then(|| self.supervisor.current_generation());
        let mut listeners = wanted.and_then(|n| self.generations.get(&n)).map_or(Vec::new(), |s| {
            let served = s.listeners.iter().zip(&s.instance.sockets);
            let by_workers = served.filter(|(_, socket)| socket.front == FrontSpec::None);
            by_workers.map(|(l, _)| l.clone()).collect()
        });
        // What the front has taken waits there.
        listeners.extend(self.fronts.passed.clone().filter(|_| wanted.is_some()));
        self.callers.watch(wanted, &listeners, Woken::Listeners, &self.events);
    }

    /// Let the front follow the generation in force, and take nothing more once the instance stops.
    pub(super) fn look_at_front(&mut self) {
        if matches!(self.supervisor.phase(), Phase::Stopping { .. }) || self.exit.is_some() {
            return self.fronts.close();
        }
        let generation = self.supervisor.current_generation();
        if self.fronts.is_behind(generation)
            && let Some(setup) = self.generations.get(&generation)
        {
            self.fronts.follow(generation, &setup.front, &setup.listeners, self.handover[0].as_fd());
        }
    }

    /// The addresses that are listened on.
    pub(crate) fn sockets(&self) -> String {
        let Some(setup) = self.setup() else { return String::new() };
        let named = setup.listeners.iter().zip(&setup.instance.sockets).map(|(l, s)| {
            let protocol = s.spoken();
            format!("{} ({protocol})", l.shown)
        });
        named.collect::<Vec<_>>().join(", ")
    }

    /// Say who starts.
    pub(super) fn banner(&self) {
        let Some(setup) = self.setup() else { return };
        let (i, pid, version) = (&setup.instance, std::process::id(), env!("CARGO_PKG_VERSION"));
        log::line(format_args!(
            "uswgi {version}, pid {pid}: {} workers with {} {} on {}",
            i.workers,
            i.threads,
            i.lanes.kind.plural(),
            self.sockets()
        ));
    }

    /// One line about the instance.
    pub(crate) fn status(&self) -> String {
        let workers = self.supervisor.children().values().filter(|c| c.is_worker());
        let ready: Vec<_> = workers.filter(|c| c.stage == Stage::Ready).collect();
        let (wanted, generation) = (self.supervisor.workers_wanted(), self.supervisor.serving_generation());
        let does = if self.supervisor.paused() { "are paused" } else { "accept" };
        let sockets = self.sockets();
        let line =
            format!("generation {generation}, {} of {wanted} workers {does} on {sockets}", ready.len());
        match self.supervisor.no_app() {
            Some(_) => {
                let without = ready.iter().filter(|c| c.no_app).count();
                format!("{line}; {}", uswgi_proto::show::no_app_in(without, ready.len()))
            }
            None => line,
        }
    }

    /// USR1: a line about the instance and one about every process.
    pub(crate) fn report(&self) {
        log::line(self.status());
        for child in self.supervisor.children().values() {
            let pid = child.pid.map_or("no pid yet".into(), |pid| format!("pid {pid}"));
            let stage = format!("{:?}", child.stage).to_lowercase();
            let generation = child.generation;
            match child.slot() {
                Some(slot) => {
                    let done = self.board.scoreboard().totals(slot);
                    log::line(format_args!(
                        "{}: {pid}, {stage}, generation {generation}, {} requests, {} exceptions, {} harakiri, {} respawns",
                        child.kind, done.requests, done.exceptions, done.harakiri, child.respawns
                    ));
                }
                None => log::line(format_args!("{}: {pid}, {stage}, generation {generation}", child.kind)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_no_process_has_none() {
        let own = memory_of(std::process::id() as i32).unwrap();
        assert!(own.vsz >= own.rss && own.rss > 1 << 20, "{own:?}");
        assert_eq!(memory_of(i32::MAX), None);
    }
}
