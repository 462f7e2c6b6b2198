//! Reading the configuration again: what it needs is bound, what cannot change is said.
//!
//! It must change nothing that the generation which serves depends on.
#![forbid(unsafe_code)]

use crate::board;
use crate::pidfile::Pidfile;
use crate::sockets::{self, Listener};
use crate::stats;
use crate::supervisor::{Algorithm, Cheaper, Plan, Rules, Sleep};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use uswgi_conf::instance::{Address, Busyness, CheaperAlgorithm, Dynamic, Instance, OnTerm};
use uswgi_conf::jail::Jail;
use uswgi_proto::scoreboard::Scoreboard;

/// How long a reload waits for a process to become ready.
const LOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// One configuration and its listeners, in the order of its sockets.
#[derive(Clone)]
pub struct Setup {
    /// Settings.
    pub instance: Instance,
    /// Listeners, shared with other generations.
    pub listeners: Vec<Rc<Listener>>,
    /// Listeners of the stats server, shared with other generations.
    pub stats: Vec<Rc<Listener>>,
}

impl Setup {
    /// Remove what nobody else has.
    pub fn vacuum(self) {
        let all = self.listeners.iter().chain(&self.stats);
        all.filter(|l| Rc::strong_count(l) == 1).for_each(|l| l.vacuum());
    }
}

/// What the supervisor has to know.
pub fn plan(i: &Instance) -> Plan {
    let seconds = |n: u32| Duration::from_secs(n.into());
    Plan {
        workers: i.workers.max(1),
        lazy: i.lazy_apps,
        mercy: seconds(i.mercy),
        surplus: i.max_surplus.unwrap_or(i.workers / 4).max(1),
        max_requests: i.max_requests,
        max_requests_delta: i.max_requests_delta,
        max_lifetime: (i.max_worker_lifetime != 0).then(|| seconds(i.max_worker_lifetime)),
        max_lifetime_delta: seconds(i.max_worker_lifetime_delta),
        term_reloads: i.on_term == OnTerm::Reload,
        load_timeout: LOAD_TIMEOUT,
        cheaper: cheaper(&i.dynamic, i.workers.max(1)),
        sleep: Sleep {
            cheap: i.dynamic.cheap,
            idle: (i.dynamic.idle != 0).then(|| seconds(i.dynamic.idle)),
            die: i.dynamic.die_on_idle,
        },
        evil_rss: i.evil_reload_on_rss,
        evil_as: i.evil_reload_on_as,
    }
}

/// None where all workers stay.
fn cheaper(d: &Dynamic, workers: u32) -> Option<Cheaper> {
    (d.cheaper != 0 && d.cheaper < workers).then(|| Cheaper {
        min: d.cheaper,
        initial: if d.initial == 0 { d.cheaper } else { d.initial.clamp(d.cheaper, workers) },
        step: d.step.max(1),
        overload: d.overload,
        algorithm: match d.algorithm {
            CheaperAlgorithm::Spare => Algorithm::Spare,
            CheaperAlgorithm::Backlog => Algorithm::Backlog,
            CheaperAlgorithm::Busyness => Algorithm::Busyness(rules(&d.busyness)),
            CheaperAlgorithm::Manual => Algorithm::Manual,
        },
        rss_soft: d.rss_soft,
        rss_hard: d.rss_hard,
    })
}

fn rules(b: &Busyness) -> Rules {
    Rules {
        max: b.max,
        min: b.min,
        multiplier: b.multiplier,
        penalty: b.penalty,
        verbose: b.verbose,
        alert: b.alert,
        backlog_multiplier: b.backlog_multiplier,
        backlog_step: b.backlog_step,
        nonzero: b.nonzero,
    }
}

/// Settings of a running instance that a reload does not change, by name.
pub fn unchanged(old: &Instance, new: &Instance) -> Vec<&'static str> {
    let differs = [
        ("uid", old.uid != new.uid),
        ("gid", old.gid != new.gid),
        ("add-gid", old.add_gid != new.add_gid),
        ("umask", old.umask != new.umask),
        ("max-fd", old.max_fd != new.max_fd),
        ("no-new-privs", old.no_new_privs != new.no_new_privs),
        ("daemonize", (&old.daemonize, &old.daemonize2) != (&new.daemonize, &new.daemonize2)),
        ("chroot", old.chroot != new.chroot),
        ("locks", old.shared.locks != new.shared.locks),
        ("cache2", old.shared.caches != new.shared.caches),
    ];
    differs.into_iter().filter(|&(_, d)| d).map(|(name, _)| name).collect()
}

/// Why an instance in a jail cannot read its configuration again, if it cannot.
pub fn out_of_reach(jail: &Jail, i: &Instance) -> Option<String> {
    let file = i.files.iter().find(|file| jail.inside(file).is_none())?;
    Some(format!(
        "the configuration stays as it is: {} lies outside of the jail {}; the application is loaded again (a restart reads it, or keep it in the jail)",
        file.display(),
        jail.written.display()
    ))
}

/// Bind what the new settings need and no generation has yet. Nothing is left of a refused one.
pub fn prepare(instance: Instance, board: &Scoreboard, held: &[Setup]) -> Result<Setup, String> {
    let (workers, threads) = (board.worker_capacity(), board.threads_capacity());
    if board::worker_capacity(instance.workers) > workers {
        return Err(format!(
            "{} workers are more than this instance has room for ({}); restart it",
            instance.workers,
            (workers - 8) / 2
        ));
    }
    if instance.threads > threads {
        let asked = instance.threads;
        return Err(format!(
            "{asked} threads are more than this instance has room for ({threads}); restart it"
        ));
    }
    for path in pidfiles(&instance) {
        Pidfile::check(path).map_err(|e| e.to_string())?;
    }
    let mut setup = Setup { instance, listeners: Vec::new(), stats: Vec::new() };
    match bind(&mut setup, held) {
        Ok(()) => Ok(setup),
        Err(e) => {
            setup.vacuum();
            Err(e)
        }
    }
}

fn bind(setup: &mut Setup, held: &[Setup]) -> Result<(), String> {
    for socket in &setup.instance.sockets {
        let all = held.iter().flat_map(|s| &s.listeners).chain(&setup.listeners);
        let listener = match same(all, &socket.address) {
            Some(listener) => {
                listener.listen(setup.instance.listen);
                listener
            }
            None => sockets::bind(socket, &setup.instance).map(Rc::new).map_err(|e| e.to_string())?,
        };
        setup.listeners.push(listener);
    }
    for address in &setup.instance.stats {
        let all = held.iter().flat_map(|s| &s.stats).chain(&setup.stats);
        let listener = match same(all, address) {
            Some(listener) => listener,
            None => stats::bind(address, &setup.instance).map(Rc::new).map_err(|e| e.to_string())?,
        };
        setup.stats.push(listener);
    }
    Ok(())
}

fn same<'a>(mut all: impl Iterator<Item = &'a Rc<Listener>>, address: &Address) -> Option<Rc<Listener>> {
    all.find(|l| l.address == *address && l.reachable()).cloned()
}

/// The files that are to hold the master's pid.
pub fn pidfiles(i: &Instance) -> impl Iterator<Item = &PathBuf> {
    [&i.pidfile, &i.pidfile2, &i.safe_pidfile, &i.safe_pidfile2].into_iter().flatten()
}
