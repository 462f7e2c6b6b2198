//! A snapshot as text for carbon (Graphite): lines `KEY VALUE SECONDS`, with uWSGI's keys (as observed on 2.0.31).
#![forbid(unsafe_code)]

use super::snapshot::Snapshot;
use super::uwsgi::rows;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Which mean duration is told of a time without requests (`carbon-idle-avg`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdleAverage {
    /// That of before.
    #[default]
    Last,
    /// 0.
    Zero,
    /// None: the line is left out.
    None,
}

impl IdleAverage {
    /// As an option says it.
    pub fn name(self) -> &'static str {
        match self {
            IdleAverage::Last => "last",
            IdleAverage::Zero => "zero",
            IdleAverage::None => "none",
        }
    }
}

/// How it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarbonTerms {
    /// What each key begins with, its last dot included.
    pub prefix: String,
    /// Lines for each worker too.
    pub workers: bool,
    /// Of a time without requests.
    pub idle: IdleAverage,
    /// There may be fewer workers than numbers: those that are not there are counted.
    pub fewer: bool,
}

/// What was told last: requests and microseconds in them, by worker number; 0: all together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CarbonBefore(BTreeMap<u32, (u64, u64)>);

/// What each key of an instance begins with: root, host and name, as uWSGI puts them together. A dot in the host is replaced
/// where `dots` says by what; one in the name of a socket always is.
pub fn prefix(root: &str, host: &str, dots: Option<&str>, id: Option<&str>, socket: &str) -> String {
    let root = root.trim_end_matches('.');
    let root = if root.is_empty() { String::new() } else { format!("{root}.") };
    let host = dots.map_or(host.to_string(), |by| host.replace('.', by));
    let id = id.map_or(socket.replace('.', "_"), str::to_string);
    format!("{root}{host}.{id}.")
}

/// The text, and what is to be known the next time. `seconds`: since the last one; `now`: since the epoch.
pub fn text(
    s: &Snapshot,
    terms: &CarbonTerms,
    before: &CarbonBefore,
    seconds: f64,
    now: u64,
) -> (String, CarbonBefore) {
    let mut out = String::new();
    let mut after = CarbonBefore::default();
    let mut put = |key: &str, value: u64| {
        let _ = writeln!(out, "{}{key} {value} {now}", terms.prefix);
    };
    // Of a time without requests; None: the line is left out.
    let average = |number: u32, requests: u64, running_us: u64| {
        let idle = before.0.get(&number).map_or(requests == 0, |(last, _)| requests <= *last);
        match (idle, terms.idle) {
            (true, IdleAverage::Zero) => Some(0),
            (true, IdleAverage::None) => None,
            _ => Some(running_us.checked_div(requests).unwrap_or(0)),
        }
    };
    put("requests", s.total.requests);
    let (mut busy, mut active, mut away) = (0, 0, 0);
    for row in rows(s) {
        let total = row.total();
        let was = before.0.get(&row.id).map_or(total.running_us, |(_, us)| *us);
        let ran = total.running_us.saturating_sub(was) as f64;
        let busyness = if seconds > 0.0 { (ran / seconds / 10_000.0) as u64 } else { 0 };
        after.0.insert(row.id, (total.requests, total.running_us));
        if row.status == "cheap" {
            away += 1;
        } else {
            active += 1;
            busy += busyness;
        }
        if terms.workers {
            let name = format!("worker{}", row.id);
            put(&format!("{name}.requests"), total.requests);
            if let Some(us) = average(row.id, total.requests, total.running_us) {
                put(&format!("{name}.avg_rt"), us);
            }
            put(&format!("{name}.tx"), total.tx);
            put(&format!("{name}.busyness"), busyness);
            put(&format!("{name}.harakiri"), total.harakiri);
        }
    }
    if let Some(us) = average(0, s.total.requests, s.total.running_us) {
        put("avg_rt", us);
    }
    put("tx", s.total.tx);
    put("busyness", u64::checked_div(busy, active).unwrap_or(0));
    put("active_workers", active);
    if terms.fewer {
        put("cheaped_workers", away);
    }
    put("harakiri", s.total.harakiri);
    after.0.insert(0, (s.total.requests, s.total.running_us));
    (out, after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::{Reader, Scoreboard, WorkerState};
    use std::os::fd::AsFd;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn keys_begin_as_those_of_uwsgi() {
        // Each observed on 2.0.31, where the host is `vm`.
        let of = |root, dots, id, socket| prefix(root, "vm", dots, id, socket);
        assert_eq!(of("uwsgi", None, None, "127.0.0.1:9916"), "uwsgi.vm.127_0_0_1:9916.");
        assert_eq!(of("uwsgi", None, None, "/tmp/al/x.y.sock"), "uwsgi.vm./tmp/al/x_y_sock.");
        assert_eq!(of("x.", None, Some("a.b"), ""), "x.vm.a.b.");
        assert_eq!(of("", Some("_"), Some("i"), ""), "vm.i.");
        assert_eq!(prefix("my.root", "a.b.c", Some("_"), Some("i"), ""), "my.root.a_b_c.i.");
    }

    #[test]
    fn lines_are_those_of_uwsgi() {
        let (board, fd) = Scoreboard::create(3, 1).unwrap();
        board.header().workers_target.store(2, Relaxed);
        let w = board.worker(0).unwrap();
        w.worker_id.store(1, Relaxed);
        w.state.store(WorkerState::Ready as u32, Relaxed);
        w.threads.store(1, Relaxed);
        let thread = board.thread(0, 0).unwrap();
        let snapshot = || Snapshot::read(7, &Reader::open(fd.as_fd()).unwrap());
        let mut terms =
            CarbonTerms { prefix: "p.".into(), workers: true, idle: IdleAverage::Zero, fewer: true };
        let (_, before) = text(&snapshot(), &terms, &CarbonBefore::default(), 0.0, 5);
        thread.requests.store(3, Relaxed);
        thread.running_us.store(30_000, Relaxed);
        thread.tx.store(135, Relaxed);
        let (told, before) = text(&snapshot(), &terms, &before, 2.0, 1796020743);
        let lines: Vec<String> = told
            .lines()
            .map(|l| l.strip_suffix(" 1796020743").unwrap().strip_prefix("p.").unwrap().into())
            .collect();
        assert_eq!(
            lines,
            [
                "requests 3",
                "worker1.requests 3",
                "worker1.avg_rt 10000",
                "worker1.tx 135",
                "worker1.busyness 1",
                "worker1.harakiri 0",
                "worker2.requests 0",
                "worker2.avg_rt 0",
                "worker2.tx 0",
                "worker2.busyness 0",
                "worker2.harakiri 0",
                "avg_rt 10000",
                "tx 135",
                "busyness 1",
                "active_workers 1",
                "cheaped_workers 1",
                "harakiri 0",
            ]
        );
        let of = |terms: &CarbonTerms| text(&snapshot(), terms, &before, 2.0, 1).0;
        assert!(of(&terms).contains("p.avg_rt 0 1\n"), "nothing since");
        terms = CarbonTerms { workers: false, idle: IdleAverage::None, fewer: false, ..terms };
        let told = of(&terms);
        assert!(!told.contains("avg_rt") && !told.contains("worker1") && !told.contains("cheaped"), "{told}");
        terms.idle = IdleAverage::Last;
        assert!(of(&terms).contains("p.avg_rt 10000 1\n"));
    }
}
