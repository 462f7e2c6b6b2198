//! A snapshot as JSON: what `uswgi-ctl status --json` prints, and our part of the stats server's answer.
#![forbid(unsafe_code)]

use super::aides;
use super::lag::LoopLag;
use super::latency::quantile;
use super::names::{outcome_name, state_name, worker_state_name};
use super::snapshot::{Snapshot, Thread, Worker};
use crate::scoreboard::layout::{BUCKETS, RESTARTS, Totals};
use crate::scoreboard::{Restart, WorkerState};
use serde_json::{Value, json};

/// The instance as JSON, workers and threads included.
pub fn json(s: &Snapshot) -> Value {
    json!({
        "pid": s.pid,
        "version": s.version,
        "python": s.python,
        "uid": s.uid,
        "state": state_name(s.state),
        "stands_still": s.stands_still,
        "started_at": s.started_at,
        "generation": s.generation,
        "workers_target": s.workers_target,
        "workers_ready": s.count(WorkerState::Ready),
        "threads": s.threads,
        "lanes": s.lanes.plural(),
        "busy": s.busy_threads(),
        "waiting": s.waiting(),
        "websockets": s.websockets(),
        "loop_lag_us": LoopLag::of_all(&s.workers).as_ref().map(LoopLag::json),
        "template_pid": s.template_pid,
        "previous": s.previous.as_ref().map(super::previous::Previous::json),
        "canary": s.canary.as_ref().map(super::canary::Canary::json),
        "reloads": {
            "started": s.reloads_started,
            "done": s.reloads_done,
            "last_outcome": outcome_name(s.outcome),
            "last_at": s.last_reload_at,
            "last_us": s.last_reload_us,
        },
        "reason": s.reason,
        "application": {
            "loaded": super::no_app(s).is_none(),
            "workers_without": s.without_app().0,
            "reason": s.no_app,
        },
        "worker_deaths": s.worker_deaths,
        "log_lines_lost": s.log_lines_lost,
        "orphans_reaped": s.orphans_reaped,
        "slow": s.slow.json(),
        "restarts": restarts(&s.restarts),
        "totals": totals(&s.total),
        "latency_us": latency(&s.histogram()),
        "sockets": s.sockets.iter().map(|x| json!({
            "name": x.name, "protocol": x.protocol, "queue": x.queue, "max_queue": x.max_queue, "highest": x.highest,
            "full": x.full, "missing": x.missing,
        })).collect::<Vec<_>>(),
        "workers": s.workers.iter().map(worker_json).collect::<Vec<_>>(),
        "spoolers": aides::spoolers_json(&s.aides),
        "mules": aides::mules_json(&s.aides),
    })
}

fn worker_json(w: &Worker) -> Value {
    json!({
        "id": w.id,
        "slot": w.slot,
        "pid": w.pid,
        "state": worker_state_name(w.state),
        "accepting": w.accepting,
        "application": !w.no_app,
        "generation": w.generation,
        "respawns": w.respawns,
        "last_spawn": w.last_spawn,
        "startup_ms": w.startup_ms,
        "rss": w.rss,
        "vsz": w.vsz,
        "connections": w.connections,
        "handed_over": w.handed_over,
        "pss": w.usage.and_then(|u| u.pss),
        "cpu_user_us": w.usage.map(|u| u.user_us),
        "cpu_system_us": w.usage.map(|u| u.system_us),
        "restarts": restarts(&w.restarts),
        "last_restart": w.last_restart.name(),
        "last_end": ended(w.last_end),
        "totals": totals(&w.total),
        "latency_us": latency(&w.histogram),
        "lanes": w.lanes.plural(),
        "waiting": w.waiting,
        "loop_lag_us": w.lag.as_ref().map(LoopLag::json),
        "threads": w.threads.iter().map(thread_json).collect::<Vec<_>>(),
    })
}

fn thread_json(t: &Thread) -> Value {
    json!({
        "busy": t.busy,
        "websocket": t.websocket,
        "busy_us": t.busy_us,
        "harakiri_in_us": t.harakiri_us,
        "requests": t.total.requests,
        "totals": totals(&t.total),
        "request": t.request.as_ref().map(|r| json!({
            "method": r.method, "uri": r.uri, "remote": r.remote, "body_in": t.body_in, "body_out": t.body_out,
        })),
    })
}

/// How a process ended that nobody asked to: `exit 3`, `signal 11`; nothing where it was asked to.
pub fn ended(end: i32) -> Option<String> {
    match end {
        0 => None,
        1.. => Some(format!("exit {end}")),
        _ => Some(format!("signal {}", end.unsigned_abs())),
    }
}

fn restarts(counts: &[u64; RESTARTS]) -> Value {
    let told = Restart::ALL.iter().filter(|r| **r != Restart::None);
    told.map(|r| (r.name().to_string(), json!(counts[*r as usize]))).collect::<serde_json::Map<_, _>>().into()
}

fn latency(histogram: &[u64; BUCKETS]) -> Value {
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| quantile(histogram, share));
    json!({ "p50": p50, "p95": p95, "p99": p99 })
}

fn totals(t: &Totals) -> Value {
    json!({
        "requests": t.requests,
        "exceptions": t.exceptions,
        "harakiri": t.harakiri,
        "tx": t.tx,
        "running_us": t.running_us,
        "write_errors": t.write_errors,
        "read_errors": t.read_errors,
        "static_requests": t.static_requests,
        "by_class": { "1xx": t.by_class[0], "2xx": t.by_class[1], "3xx": t.by_class[2], "4xx": t.by_class[3],
            "5xx": t.by_class[4] },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::monotonic_us;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn a_live_request_is_shown_with_its_age_and_bytes() {
        let s = Snapshot::of_sample(|board| {
            let w = board.worker(0).unwrap();
            w.state.store(WorkerState::Ready as u32, Relaxed);
            w.threads.store(2, Relaxed);
            w.last_restart.store(Restart::Signal as u32, Relaxed);
            w.last_end.store(-11, Relaxed);
            w.restarts[Restart::Signal as usize].store(2, Relaxed);
            let t = board.thread(0, 1).unwrap();
            t.request.write(b"POST", b"/up", b"::1");
            t.state.store(crate::scoreboard::ThreadState::Busy as u32, Relaxed);
            t.started_us.store(monotonic_us() - 2_000_000, Relaxed);
            t.deadline_us.store(monotonic_us() + 60_000_000, Relaxed);
            t.body_in.store(10, Relaxed);
            t.body_out.store(20, Relaxed);
            t.histogram[9].store(4, Relaxed);
            t.by_class[1].store(4, Relaxed);
        });
        let v = json(&s);
        let worker = &v["workers"][0];
        let thread = &worker["threads"][1];
        assert_eq!(
            thread["request"],
            json!({ "method": "POST", "uri": "/up", "remote": "::1", "body_in": 10, "body_out": 20 })
        );
        assert!(thread["busy_us"].as_u64().unwrap() >= 2_000_000);
        assert!(thread["harakiri_in_us"].as_u64().unwrap() > 30_000_000);
        assert_eq!((&worker["last_restart"], &worker["last_end"]), (&json!("signal"), &json!("signal 11")));
        assert_eq!(worker["restarts"]["signal"], 2);
        assert_eq!(v["totals"]["by_class"]["2xx"], 4);
        assert!(v["latency_us"]["p99"].is_u64());
        assert_eq!(worker["pss"], Value::Null);
    }
}
