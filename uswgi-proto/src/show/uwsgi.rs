//! A snapshot as uWSGI's statistics: its keys, their order, their types (as observed on 2.0.31); ours
//! stand behind them under the key `uswgi`.
#![forbid(unsafe_code)]

use super::json;
use super::snapshot::{Snapshot, Thread, Worker};
use crate::scoreboard::layout::Totals;
use crate::scoreboard::{InstanceState, WorkerState, epoch_seconds};
use crate::shared::{CacheSpec, MetricSpec};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write;

/// What the scoreboard does not say and the master knows.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Group of the master.
    pub gid: u32,
    /// Its working directory.
    pub cwd: String,
    /// Applications, in the order of their numbers.
    pub apps: Vec<AppFacts>,
    /// Pids of the holders of the application's locks, 0 where there is none.
    pub locks: Vec<u32>,
    /// Caches.
    pub caches: Vec<CacheFacts>,
    /// Numbers of the application, with their values.
    pub metrics: Vec<(MetricSpec, i64)>,
    /// Leave the threads out (`stats-no-cores`).
    pub no_cores: bool,
    /// Command and pid of each daemon that runs.
    pub daemons: Vec<(String, i32)>,
    /// Jobs of the clock.
    pub crons: Vec<Cron>,
    /// Folder of each spooler, in the order of their numbers.
    pub spoolers: Vec<String>,
}

/// A job of the clock.
#[derive(Debug, Clone, Default)]
pub struct Cron {
    /// Its command.
    pub command: String,
    /// Minute, hour, day, month, week.
    pub schedule: [i32; 5],
    /// It does not run twice at a time.
    pub unique: bool,
    /// Pid of a run, 0: none.
    pub pid: i32,
}

/// An application.
#[derive(Debug, Clone, Default)]
pub struct AppFacts {
    /// Where it is mounted.
    pub mountpoint: String,
    /// Its directory.
    pub chdir: String,
}

/// A cache.
#[derive(Debug, Clone)]
pub struct CacheFacts {
    /// What it is.
    pub spec: CacheSpec,
    /// Items in it.
    pub items: u64,
    /// Gets that found something.
    pub hits: u64,
    /// Gets that found nothing.
    pub misses: u64,
    /// Times that there was no room.
    pub full: u64,
    /// When it was changed last, seconds since the epoch.
    pub last_modified: u64,
}

/// One worker number as uWSGI shows it: a process, or none.
#[derive(Debug)]
pub struct WorkerRow<'a> {
    /// Worker number.
    pub id: u32,
    /// The process that stands for it: one that accepts, or the one on its way.
    pub worker: Option<&'a Worker>,
    /// `idle`, `busy`, `pause` or `cheap`.
    pub status: &'static str,
}

impl WorkerRow<'_> {
    /// Sums with its predecessors.
    pub fn total(&self) -> Totals {
        self.worker.map_or(Totals::default(), |w| w.total)
    }

    /// What it has loaded.
    pub fn apps<'f>(&self, facts: &'f Facts) -> &'f [AppFacts] {
        if self.worker.is_some_and(|w| !w.no_app) { &facts.apps } else { &[] }
    }

    /// Processes of this number so far.
    pub fn spawned(&self) -> u32 {
        self.worker.map_or(0, |w| w.respawns.saturating_add(1))
    }

    /// Mean duration of a request in microseconds.
    pub fn average_us(&self) -> u64 {
        let total = self.total();
        total.running_us.checked_div(total.requests).unwrap_or(0)
    }
}

/// A row for every worker number that there is a place for.
pub fn rows(s: &Snapshot) -> Vec<WorkerRow<'_>> {
    let last = s.workers.iter().map(|w| w.id).max().unwrap_or(0).max(s.workers_target).max(s.workers_highest);
    let rank = |w: &Worker| match w.state {
        WorkerState::Ready => 0,
        WorkerState::Starting => 1,
        _ => 2,
    };
    (1..=last)
        .map(|id| {
            let worker = s.workers.iter().filter(|w| w.id == id).min_by_key(|w| rank(w));
            let status = match worker {
                None => "cheap",
                Some(w) if w.threads.iter().any(|t| t.busy) => "busy",
                Some(_) if s.state == InstanceState::Paused => "pause",
                Some(_) => "idle",
            };
            WorkerRow { id, worker, status }
        })
        .collect()
}

/// Numbers of the application (`metric`), which may go anywhere.
pub(super) fn application(out: &mut String, facts: &Facts) {
    super::families::family(out, "application", "gauge", "Number of the application (metric)");
    for (metric, value) in &facts.metrics {
        let _ =
            writeln!(out, "uswgi_application{{metric=\"{}\"}} {value}", super::metrics::label(&metric.name));
    }
}

/// The whole document.
pub fn document(s: &Snapshot, facts: &Facts) -> Value {
    let queue = s.sockets.iter().map(|x| x.queue).max().unwrap_or(0);
    let full: u64 = s.sockets.iter().fold(0, |sum, x| sum.wrapping_add(x.full));
    let mut document = json!({
        "version": s.version,
        "listen_queue": queue,
        "listen_queue_errors": full,
        "signal_queue": 0,
        "load": queue,
        "pid": s.pid,
        "uid": s.uid,
        "gid": facts.gid,
        "cwd": facts.cwd,
        "locks": facts.locks.iter().enumerate().map(|(i, pid)| lock(i, *pid)).collect::<Vec<_>>(),
        "sockets": s.sockets.iter().map(|x| json!({
            "name": x.name, "proto": x.protocol, "queue": x.queue, "max_queue": x.max_queue, "shared": 0,
            "can_offload": 0,
        })).collect::<Vec<_>>(),
        "workers": rows(s).iter().map(|row| worker(row, facts)).collect::<Vec<_>>(),
        "uswgi": json::json(s),
    });
    // As in uWSGI these keys are there only where there is something.
    if let Some(keys) = document.as_object_mut() {
        if let Some(at) = keys.keys().position(|k| k == "sockets").filter(|_| !facts.metrics.is_empty()) {
            let one = |(m, value): &(MetricSpec, i64)| {
                (m.name.clone(), json!({"type": m.kind.number(), "oid": m.oid, "value": value}))
            };
            keys.shift_insert(at, "metrics".into(), Value::Object(facts.metrics.iter().map(one).collect()));
        }
        let mut insert = |before: &str, key: &str, rows: Vec<Value>| {
            if let Some(at) = keys.keys().position(|k| k == before).filter(|_| !rows.is_empty()) {
                keys.shift_insert(at, key.to_string(), rows.into());
            }
        };
        let daemon = |(cmd, pid): &(String, i32)| json!({"cmd": cmd, "pid": pid, "respawns": 0});
        insert("locks", "daemons", facts.daemons.iter().map(daemon).collect());
        let cron = |c: &Cron| {
            let [minute, hour, day, month, week] = c.schedule;
            json!({
                "minute": minute, "hour": hour, "day": day, "month": month, "week": week, "command": c.command,
                "unique": u8::from(c.unique), "pid": c.pid,
            })
        };
        let folder = |n: u32| facts.spoolers.get((n as usize).wrapping_sub(1)).cloned().unwrap_or_default();
        insert("uswgi", "spoolers", super::aides::uwsgi_spoolers(&s.aides, folder));
        insert("uswgi", "crons", facts.crons.iter().map(cron).collect());
        insert("sockets", "caches", facts.caches.iter().map(cache).collect());
    }
    document
}

fn lock(index: usize, pid: u32) -> Value {
    let mut value = json!({});
    value[format!("user {index}")] = pid.into();
    value
}

fn cache(c: &CacheFacts) -> Value {
    json!({
        "name": c.spec.name, "hashsize": c.spec.hashsize, "keysize": c.spec.keysize, "max_items": c.spec.items,
        "blocks": c.spec.blocks, "blocksize": c.spec.blocksize, "items": c.items, "hits": c.hits,
        "miss": c.misses, "full": c.full, "last_modified_at": c.last_modified,
    })
}

/// As text, indented with tabs or in one line.
pub fn text(document: &Value, minified: bool) -> String {
    let mut out = Vec::new();
    // Writing JSON of our own to memory does not fail; an empty text is what is left if it does.
    if minified {
        let _ = serde_json::to_writer(&mut out, document);
    } else {
        let tabs = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let _ = document.serialize(&mut serde_json::Serializer::with_formatter(&mut out, tabs));
    }
    out.push(b'\n');
    String::from_utf8(out).unwrap_or_default()
}

fn worker(row: &WorkerRow<'_>, facts: &Facts) -> Value {
    let (all, w) = (row.total(), row.worker);
    let own = w.map_or(Totals::default(), |w| w.own);
    let mut value = json!({
        "id": row.id,
        "pid": w.map_or(0, |w| w.pid),
        "accepting": u32::from(w.is_some_and(|w| w.accepting)),
        "requests": all.requests,
        "delta_requests": own.requests,
        "exceptions": all.exceptions,
        "harakiri_count": all.harakiri,
        "signals": all.signals,
        "signal_queue": 0,
        "status": row.status,
        "rss": w.map_or(0, |w| w.rss),
        "vsz": w.map_or(0, |w| w.vsz),
        "running_time": all.running_us,
        "last_spawn": w.map_or(0, |w| w.last_spawn),
        "respawn_count": row.spawned(),
        "tx": all.tx,
        "avg_rt": row.average_us(),
        "apps": row.apps(facts).iter().enumerate().map(|(i, app)| {
            // Counters are kept for each worker, not for each application: they stand at the first one.
            let (requests, exceptions) = if i == 0 { (all.requests, all.exceptions) } else { (0, 0) };
            json!({
                "id": i, "modifier1": 0, "mountpoint": app.mountpoint,
                "startup_time": w.map_or(0, |w| w.startup_ms / 1000), "requests": requests,
                "exceptions": exceptions, "chdir": app.chdir,
            })
        }).collect::<Vec<_>>(),
    });
    if !facts.no_cores {
        let threads = w.map_or(&[][..], |w| &w.threads);
        value["cores"] = threads.iter().enumerate().map(|(i, t)| core(i, t)).collect();
    }
    value
}

fn core(id: usize, t: &Thread) -> Value {
    let vars: Vec<String> = t
        .request
        .iter()
        .flat_map(|r| {
            let (path, query) = r.uri.split_once('?').unwrap_or((&r.uri, ""));
            [
                format!("REQUEST_METHOD={}", r.method),
                format!("PATH_INFO={path}"),
                format!("REQUEST_URI={}", r.uri),
                format!("QUERY_STRING={query}"),
                format!("REMOTE_ADDR={}", r.remote),
            ]
        })
        .collect();
    let mut info = json!({});
    if t.busy {
        info["request_start"] = json!(epoch_seconds().saturating_sub(t.busy_us / 1_000_000));
    }
    json!({
        "id": id, "requests": t.total.requests, "static_requests": t.total.static_requests,
        "routed_requests": 0, "offloaded_requests": 0, "write_errors": t.total.write_errors,
        "read_errors": t.total.read_errors, "in_request": u32::from(t.busy), "vars": vars, "req_info": info,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What uWSGI 2.0.31 said with two workers of two threads, one of them in a request.
    const OBSERVED: &str = include_str!("uwsgi-2.0.31.json");

    fn facts() -> Facts {
        Facts { apps: vec![AppFacts::default()], ..Facts::default() }
    }

    fn busy() -> Snapshot {
        Snapshot::of_sample(|board| {
            use std::sync::atomic::Ordering::Relaxed;
            board.header().sockets.store(1, Relaxed);
            board.header().workers_target.store(2, Relaxed);
            let w = board.worker(0).unwrap();
            w.state.store(WorkerState::Ready as u32, Relaxed);
            w.worker_id.store(2, Relaxed);
            w.threads.store(2, Relaxed);
            let t = board.thread(0, 1).unwrap();
            t.state.store(crate::scoreboard::ThreadState::Busy as u32, Relaxed);
            t.started_us.store(1, Relaxed);
            t.requests.store(5, Relaxed);
            t.running_us.store(500, Relaxed);
            t.request.write(b"GET", b"/hold?x=1", b"127.0.0.1");
        })
    }

    /// Keys in order with the types of their values; of a list the shape of its richest entry.
    fn shape(v: &Value) -> Value {
        match v {
            Value::Object(map) => Value::Array(map.iter().map(|(k, v)| json!([k, shape(v)])).collect()),
            Value::Array(all) => {
                json!({ "list of": all.iter().map(shape).max_by_key(|s| s.to_string().len()) })
            }
            Value::String(_) => json!("text"),
            Value::Number(n) if n.is_u64() => json!("number"),
            other => json!(format!("{other}")),
        }
    }

    #[test]
    fn keys_order_and_types_are_uwsgis() {
        let mut theirs: Value = serde_json::from_str(OBSERVED).unwrap();
        let mut ours = document(&busy(), &facts());
        // Here nothing has uWSGI's locks.
        theirs["locks"] = json!([]);
        let ours = ours.as_object_mut().unwrap();
        assert_eq!(ours.keys().next_back().map(String::as_str), Some("uswgi"), "ours come last");
        ours.shift_remove("uswgi");
        assert_eq!(shape(&ours.clone().into()), shape(&theirs));
    }

    #[test]
    fn daemons_and_jobs_have_keys_where_there_are_some() {
        let mut facts = facts();
        assert!(document(&busy(), &facts)["daemons"].is_null());
        facts.daemons.push(("celery".into(), 7));
        let schedule = [0, 3, -1, -1, -1];
        facts.crons.push(Cron { command: "backup".into(), schedule, unique: true, pid: 0 });
        let v = document(&busy(), &facts);
        assert_eq!(v["daemons"], json!([{"cmd": "celery", "pid": 7, "respawns": 0}]));
        assert_eq!((&v["crons"][0]["hour"], &v["crons"][0]["unique"]), (&json!(3), &json!(1)));
        let keys: Vec<&String> = v.as_object().unwrap().keys().collect();
        let at = |key: &str| keys.iter().position(|k| *k == key).unwrap();
        assert!(at("cwd") + 1 == at("daemons") && at("workers") + 1 == at("crons"), "{keys:?}");
    }

    #[test]
    fn numbers_stand_where_readers_look() {
        let v = document(&busy(), &facts());
        assert_eq!(v["workers"][0]["status"], "cheap");
        let w = &v["workers"][1];
        assert_eq!((&w["id"], &w["status"], &w["avg_rt"]), (&json!(2), &json!("busy"), &json!(100)));
        assert_eq!(w["cores"][1]["in_request"], 1);
        assert_eq!(w["cores"][1]["vars"][1], "PATH_INFO=/hold");
        assert_eq!(w["apps"][0]["requests"], 5);
        let mut without = busy();
        without.workers[0].no_app = true;
        assert_eq!(document(&without, &facts())["workers"][1]["apps"], json!([]));
        let none = document(&busy(), &Facts { no_cores: true, ..facts() });
        assert_eq!(none["workers"][1].get("cores"), None);
    }

    #[test]
    fn text_is_indented_with_tabs_or_not_at_all() {
        let v = document(&busy(), &facts());
        assert!(text(&v, false).contains("\n\t\"listen_queue\": 0"));
        assert_eq!(text(&v, true).lines().count(), 1);
    }
}
