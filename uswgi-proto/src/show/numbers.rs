//! A snapshot as the numbers of uWSGI's metrics subsystem: its names, their order, types and units (as observed on 2.0.31),
//! with those of the application behind them. What uWSGI names and never counts is 0 here, too.
#![forbid(unsafe_code)]

use super::snapshot::Snapshot;
use super::uwsgi::{WorkerRow, rows};
use crate::scoreboard::layout::Totals;
use crate::shared::MetricSpec;

/// Types of numbers, as uWSGI numbers them.
const COUNTER: u32 = 0;
const GAUGE: u32 = 1;
const ABSOLUTE: u32 = 2;
const ALIAS: u32 = 3;

/// One number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedNumber {
    /// Its name.
    pub name: String,
    /// Its type, as uWSGI numbers them; 0: a counter.
    pub kind: u32,
    /// Its value.
    pub value: i64,
}

impl NamedNumber {
    /// Whether it only grows.
    pub fn is_counter(&self) -> bool {
        self.kind == COUNTER
    }

    /// As `stats-push` sends it.
    pub fn datagram(&self, prefix: &str) -> String {
        format!("{prefix}.{} {} {}", self.name, self.kind, self.value)
    }
}

/// All of them, those of the application (`metric`) last; `threads`: those of each thread too.
pub fn numbers(s: &Snapshot, application: &[(MetricSpec, i64)], threads: bool) -> Vec<NamedNumber> {
    let rows = rows(s);
    let mut all = Vec::new();
    let mut put = |name: String, kind: u32, value: u64| {
        all.push(NamedNumber { name, kind, value: i64::try_from(value).unwrap_or(i64::MAX) });
    };
    let is = |status: &str| rows.iter().filter(|row| row.status == status).count() as u64;
    put("core.routed_signals".into(), COUNTER, 0);
    put("core.unrouted_signals".into(), COUNTER, 0);
    put("core.busy_workers".into(), GAUGE, is("busy"));
    put("core.idle_workers".into(), GAUGE, is("idle"));
    put("core.overloaded".into(), COUNTER, 0);
    worker(&mut put, 0, &Totals { requests: s.total.requests, ..Totals::default() }, None);
    for row in &rows {
        worker(&mut put, row.id, &row.total(), Some(row));
        for index in (0..s.threads as usize).filter(|_| threads) {
            let seen = row.worker.and_then(|w| w.threads.get(index));
            thread(&mut put, row.id, index, &seen.map_or(Totals::default(), |t| t.total));
        }
    }
    let sum = |of: fn(&WorkerRow<'_>) -> u64| rows.iter().fold(0u64, |sum, row| sum.wrapping_add(of(row)));
    put("core.total_tx".into(), COUNTER, s.total.tx);
    put("core.total_rss".into(), GAUGE, sum(|row| row.worker.map_or(0, |w| w.rss)));
    put("core.total_vsz".into(), GAUGE, sum(|row| row.worker.map_or(0, |w| w.vsz)));
    // The mean of the workers' means.
    let mean = sum(|row| row.average_us()).checked_div(rows.len() as u64).unwrap_or(0);
    put("core.avg_response_time".into(), GAUGE, mean);
    put("core.total_running_time".into(), COUNTER, s.total.running_us);
    for (index, socket) in s.sockets.iter().enumerate() {
        put(format!("socket.{index}.listen_queue"), GAUGE, socket.queue.into());
    }
    put("rss_size".into(), ALIAS, 0);
    put("vsz_size".into(), ALIAS, 0);
    let own = |(m, value): &(MetricSpec, i64)| NamedNumber {
        name: m.name.clone(),
        kind: m.kind.number(),
        value: *value,
    };
    all.extend(application.iter().map(own));
    all
}

fn worker(put: &mut impl FnMut(String, u32, u64), id: u32, total: &Totals, row: Option<&WorkerRow<'_>>) {
    let seen = row.and_then(|row| row.worker);
    let mut put = |name: &str, kind: u32, value: u64| put(format!("worker.{id}.{name}"), kind, value);
    put("requests", COUNTER, total.requests);
    put("delta_requests", ABSOLUTE, seen.map_or(0, |w| w.own.requests));
    put("failed_requests", COUNTER, total.exceptions);
    put("respawns", COUNTER, row.map_or(0, WorkerRow::spawned).into());
    put("avg_response_time", GAUGE, row.map_or(0, WorkerRow::average_us));
    put("total_tx", COUNTER, total.tx);
    put("rss_size", GAUGE, seen.map_or(0, |w| w.rss));
    put("vsz_size", GAUGE, seen.map_or(0, |w| w.vsz));
    put("running_time", COUNTER, total.running_us);
}

fn thread(put: &mut impl FnMut(String, u32, u64), id: u32, index: usize, total: &Totals) {
    let mut put = |name: &str, value: u64| put(format!("worker.{id}.core.{index}.{name}"), COUNTER, value);
    put("requests", total.requests);
    put("write_errors", total.write_errors);
    put("routed_requests", 0);
    put("static_requests", total.static_requests);
    put("offloaded_requests", 0);
    put("exceptions", total.exceptions);
    put("read_errors", total.read_errors);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::MetricKind;

    #[test]
    fn names_and_types_are_uwsgis() {
        let spec =
            MetricSpec { name: "mine".into(), kind: MetricKind::Gauge, initial: 0, oid: String::new() };
        let s = Snapshot::of_sample(|board| {
            use std::sync::atomic::Ordering::Relaxed;
            board.header().sockets.store(1, Relaxed);
            board.header().threads.store(1, Relaxed);
            let w = board.worker(0).unwrap();
            w.state.store(crate::scoreboard::WorkerState::Ready as u32, Relaxed);
            w.worker_id.store(1, Relaxed);
            w.threads.store(1, Relaxed);
            let t = board.thread(0, 0).unwrap();
            t.requests.store(4, Relaxed);
            t.running_us.store(400, Relaxed);
        });
        let all = numbers(&s, &[(spec, -5)], true);
        // Observed on 2.0.31 with one worker of one thread, one socket and one metric: 39 numbers.
        assert_eq!(all.len(), 39);
        let text: Vec<String> = all.iter().map(|n| n.datagram("uwsgi")).collect();
        for line in [
            "uwsgi.core.idle_workers 1 1",
            "uwsgi.worker.0.requests 0 4",
            "uwsgi.worker.0.running_time 0 0",
            "uwsgi.worker.1.delta_requests 2 4",
            "uwsgi.worker.1.avg_response_time 1 100",
            "uwsgi.worker.1.core.0.requests 0 4",
            "uwsgi.core.total_running_time 0 400",
            "uwsgi.rss_size 3 0",
            "uwsgi.mine 1 -5",
        ] {
            assert!(text.iter().any(|t| t == line), "{line}: {text:?}");
        }
        assert_eq!(text.last().unwrap(), "uwsgi.mine 1 -5");
        assert_eq!(numbers(&s, &[], false).len(), 31, "without those of threads");
    }
}
