//! The texts of the stats server: a snapshot of the own scoreboard, and what only the master knows.
//!
//! It reads the scoreboard and the configuration, and must never change a decision.
#![forbid(unsafe_code)]

use crate::master::Master;
use uswgi_proto::scoreboard::Reader;
use uswgi_proto::show::uwsgi::{App, Cache, Facts, document, text};
use uswgi_proto::show::{self, Snapshot, metrics as openmetrics};

/// The JSON text.
pub fn stats(master: &Master<'_>) -> String {
    let minified = master.setup().is_some_and(|s| s.instance.stats_minified);
    snapshot(master).map_or(String::new(), |s| text(&document(&s, &facts(master)), minified))
}

/// The OpenMetrics text.
pub fn metrics(master: &Master<'_>) -> String {
    snapshot(master).map_or(String::new(), |s| openmetrics::openmetrics(&s, &facts(master)))
}

/// Whether the instance takes requests, and what is to be known then; otherwise why not.
pub fn readiness(master: &Master<'_>) -> Result<String, String> {
    let reader = reader(master).ok_or("the scoreboard cannot be read")?;
    let s = Snapshot::read(std::process::id() as i32, &reader);
    show::readiness(&s)?;
    Ok(show::no_app(&s).map_or("ready".into(), |told| format!("ready; {told}")))
}

fn reader(master: &Master<'_>) -> Option<Reader> {
    Reader::open(master.board.fd()).ok()
}

fn snapshot(master: &Master<'_>) -> Option<Snapshot> {
    // Looks at the queues are kept: they make the highest ones.
    master.board.queues();
    let mut s = Snapshot::read(std::process::id() as i32, &reader(master)?);
    s.measure(false);
    Some(s)
}

fn facts(master: &Master<'_>) -> Facts {
    let cwd = std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default();
    let mut facts = Facts { gid: nix::unistd::getgid().as_raw(), cwd, ..Facts::default() };
    let shared = master.shared.shared();
    facts.locks = (0..shared.locks().count()).map(|i| shared.locks().holder_pid(i).unwrap_or(0)).collect();
    let cache = |c: &uswgi_shared::cache::Cache| {
        let (spec, n) = (c.spec().clone(), c.counters());
        let (hits, misses, last_modified) = (n.hits, n.misses, n.last_modified);
        Cache { spec, items: n.items, hits, misses, full: n.full, last_modified }
    };
    facts.caches = shared.caches().iter().map(cache).collect();
    if let Some(setup) = master.setup() {
        let i = &setup.instance;
        let chdir = i.chdir.as_ref().map(|d| d.display().to_string()).unwrap_or_default();
        let app =
            |a: &uswgi_proto::settings::App| App { mountpoint: a.mountpoint.clone(), chdir: chdir.clone() };
        facts.apps = i.apps.iter().map(app).collect();
        facts.no_cores = i.stats_no_cores;
        facts.daemons = master.tasks.daemons().collect();
        facts.crons = master.tasks.jobs().collect();
    }
    facts
}
