//! Answers of the stats server: a snapshot of the own scoreboard, and what only the master knows.
//!
//! It reads the scoreboard and the configuration, and must never change a decision.
#![forbid(unsafe_code)]

use super::Master;
use crate::stats::{FIRST_CLIENT, http};
use uswgi_proto::scoreboard::Reader;
use uswgi_proto::show::uwsgi::{AppFacts, CacheFacts, Facts, document, text};
use uswgi_proto::show::{self, Snapshot, metrics as openmetrics};

impl Master<'_> {
    /// Something for the stats server.
    pub(crate) fn serve_stats(&mut self, token: u64) {
        if token >= FIRST_CLIENT {
            if !self.stats.is_asking(token) {
                return self.stats.go_on(token, &self.events);
            }
            if let Some(answer) = self.answer_for(token) {
                self.stats.answer(token, answer, &self.events);
            }
            return;
        }
        let Some(client) = self.stats.accept(token as usize, &self.events) else { return };
        if !self.stats.speaks_http() {
            let text = stats(self).into_bytes();
            self.stats.answer(client, text, &self.events);
        }
    }

    /// Answer to what an HTTP client asks; None as long as that is not known.
    fn answer_for(&mut self, token: u64) -> Option<Vec<u8>> {
        let (page, head_only) = match self.stats.hear(token) {
            http::PageRequest::More => return None,
            http::PageRequest::Bad(status) => return Some(http::refusal(status)),
            http::PageRequest::Page { page, head_only } => (page, head_only),
        };
        let (status, kind, body) = match page {
            http::Page::Stats => (200, http::JSON, stats(self)),
            http::Page::Metrics => (200, http::OPENMETRICS, metrics(self)),
            // Who reads this is answered by the master itself: it lives.
            http::Page::Health => (200, http::TEXT, "ok\n".into()),
            http::Page::Ready => match readiness(self) {
                Ok(told) => (200, http::TEXT, told + "\n"),
                Err(reason) => (503, http::TEXT, reason + "\n"),
            },
        };
        Some(http::answer(status, kind, &body, head_only))
    }
}

/// The JSON text.
fn stats(master: &Master<'_>) -> String {
    let minified = master.setup().is_some_and(|s| s.instance.stats_minified);
    snapshot(master).map_or(String::new(), |s| text(&document(&s, &facts(master)), minified))
}

/// The OpenMetrics text.
fn metrics(master: &Master<'_>) -> String {
    snapshot(master).map_or(String::new(), |s| openmetrics::openmetrics(&s, &facts(master)))
}

/// Whether the instance takes requests, and what is to be known then; otherwise why not.
fn readiness(master: &Master<'_>) -> Result<String, String> {
    let reader = reader(master).ok_or("the scoreboard cannot be read")?;
    let s = Snapshot::read(std::process::id() as i32, &reader);
    show::readiness(&s)?;
    Ok(show::no_app(&s).map_or("ready".into(), |told| format!("ready; {told}")))
}

fn reader(master: &Master<'_>) -> Option<Reader> {
    Reader::open(master.board.fd()).ok()
}

impl Master<'_> {
    /// The instance as it is now.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        snapshot(self)
    }
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
        CacheFacts { spec, items: n.items, hits, misses, full: n.full, last_modified }
    };
    facts.caches = shared.caches().iter().map(cache).collect();
    facts.metrics = shared.metrics().all().map(|(spec, value)| (spec.clone(), value)).collect();
    if let Some(setup) = master.setup() {
        let i = &setup.instance;
        let chdir = i.app.chdir.as_ref().map(|d| d.display().to_string()).unwrap_or_default();
        let app = |a: &uswgi_proto::settings::App| AppFacts {
            mountpoint: a.mountpoint.clone(),
            chdir: chdir.clone(),
        };
        facts.apps = i.app.apps.iter().map(app).collect();
        facts.no_cores = i.stats_no_cores;
        facts.daemons = master.tasks.daemons().collect();
        facts.crons = master.tasks.jobs().collect();
        let background = &setup.instance.background;
        let folder = |n| background.folder(n).map(|f| f.path.display().to_string());
        facts.spoolers = (1..).map_while(folder).collect();
    }
    facts
}
