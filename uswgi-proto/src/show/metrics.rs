//! A snapshot in the OpenMetrics text format, which Prometheus and its kin read.
//!
//! First the families that uwsgi_exporter makes of uWSGI's statistics, with its names and labels, so that
//! dashboards go on; then ours. Counters of the instance never fall while it runs. Those of a worker with the label
//! `slot` are of one process and start from zero with each, as a counter of a process should.
#![forbid(unsafe_code)]

use super::families::{family, histogram, seconds};
use super::names::{outcome_name, state_name};
use super::snapshot::{Snapshot, SocketSnapshot, Worker};
use super::uwsgi::{Facts, WorkerRow, rows};
use crate::scoreboard::{InstanceState, Outcome, Restart, WorkerState};
use std::fmt::Write;

/// All families, with their final `# EOF`.
pub fn openmetrics(s: &Snapshot, facts: &Facts) -> String {
    let mut out = String::with_capacity(16 * 1024);
    exporter(&mut out, s, facts);
    ours(&mut out, s);
    super::aides::openmetrics(&mut out, &s.aides);
    super::uwsgi::application(&mut out, facts);
    out.push_str("# EOF\n");
    out
}

/// A family of uwsgi_exporter: name without `_total`, kind, help.
fn theirs(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# TYPE uwsgi_{name} {kind}\n# HELP uwsgi_{name} {help}.");
}

fn exporter(out: &mut String, s: &Snapshot, facts: &Facts) {
    let rows = rows(s);
    let queue = s.sockets.iter().map(|x| x.queue).max().unwrap_or(0);
    let full = s.sockets.iter().fold(0u64, |sum, x| sum.wrapping_add(x.full));
    for (name, help, value) in [
        ("up", "Whether the server is up", 1),
        ("listen_queue_length", "Length of listen queue", u64::from(queue)),
        ("listen_queue_errors", "Number of listen queue errors", full),
        ("signal_queue_length", "Length of signal queue", 0),
        ("workers", "Number of workers", rows.len() as u64),
    ] {
        theirs(out, name, "gauge", help);
        let _ = writeln!(out, "uwsgi_{name} {value}");
    }
    type OfSocket = fn(&SocketSnapshot) -> u32;
    let families: [(&str, &str, OfSocket); 4] = [
        ("queue_length", "Length of socket queue", |x| x.queue),
        ("max_queue_length", "Max length of socket queue", |x| x.max_queue),
        ("shared", "Is shared socket", |_| 0),
        ("can_offload", "Can socket offload", |_| 0),
    ];
    for (name, help, get) in families {
        theirs(out, &format!("socket_{name}"), "gauge", help);
        let mut seen = std::collections::HashSet::new();
        for x in s.sockets.iter().filter(|x| seen.insert((&x.name, x.protocol))) {
            let (socket, proto) = (label(&x.name), x.protocol);
            let _ = writeln!(out, "uwsgi_socket_{name}{{name=\"{socket}\",proto=\"{proto}\"}} {}", get(x));
        }
    }
    exporter_workers(out, &rows, facts);
}

fn exporter_workers(out: &mut String, rows: &[WorkerRow<'_>], facts: &Facts) {
    type OfRow = fn(&WorkerRow<'_>) -> String;
    let families: [(&str, &str, OfRow); 17] = [
        ("accepting", "Is this worker accepting requests", |r| flag(r.worker.is_some_and(|w| w.accepting))),
        ("delta_requests", "Number of delta requests", |r| {
            r.worker.map_or(0, |w| w.own.requests).to_string()
        }),
        ("signal_queue_length", "Length of signal queue", |_| "0".into()),
        ("rss_bytes", "Worker RSS bytes", |r| r.worker.map_or(0, |w| w.rss).to_string()),
        ("vsz_bytes", "Worker VSZ bytes", |r| r.worker.map_or(0, |w| w.vsz).to_string()),
        ("running_time_seconds", "Worker running time in seconds", |r| seconds(r.total().running_us)),
        ("last_spawn_time_seconds", "Last spawn time in seconds since epoch", |r| {
            r.worker.map_or(0, |w| w.last_spawn).to_string()
        }),
        ("average_response_time_seconds", "Average response time in seconds", |r| seconds(r.average_us())),
        ("busy", "Is core in busy", |r| flag(r.status == "busy")),
        ("idle", "Is core in idle", |r| flag(r.status == "idle")),
        ("cheap", "Is core in cheap mode", |r| flag(r.status == "cheap")),
        ("requests_total", "Total number of requests", |r| r.total().requests.to_string()),
        ("exceptions_total", "Total number of exceptions", |r| r.total().exceptions.to_string()),
        ("harakiri_count_total", "Total number of harakiri count", |r| r.total().harakiri.to_string()),
        ("signals_total", "Total number of signals", |r| r.total().signals.to_string()),
        ("respawn_count_total", "Total number of respawn count", |r| r.spawned().to_string()),
        ("transmitted_bytes_total", "Worker transmitted bytes", |r| r.total().tx.to_string()),
    ];
    for (name, help, get) in families {
        let family = name.strip_suffix("_total");
        let kind = if family.is_some() { "counter" } else { "gauge" };
        theirs(out, &format!("worker_{}", family.unwrap_or(name)), kind, help);
        for r in rows {
            let _ = writeln!(out, "uwsgi_worker_{name}{{worker_id=\"{}\"}} {}", r.id, get(r));
        }
    }
    type Count = fn(&WorkerRow<'_>, &Facts) -> usize;
    let counts: [(&str, &str, Count); 2] = [
        ("apps", "Number of apps", |r, f| r.apps(f).len()),
        ("cores", "Number of cores", |r, _| r.worker.map_or(0, |w| w.threads.len())),
    ];
    for (name, help, get) in counts {
        theirs(out, &format!("worker_{name}"), "gauge", help);
        for r in rows {
            let _ = writeln!(out, "uwsgi_worker_{name}{{worker_id=\"{}\"}} {}", r.id, get(r, facts));
        }
    }
    type OfApp = fn(&WorkerRow<'_>) -> u64;
    let families: [(&str, &str, OfApp); 3] = [
        ("startup_time_seconds", "How long this app took to start", |r| {
            r.worker.map_or(0, |w| w.startup_ms / 1000)
        }),
        ("requests_total", "Total number of requests", |r| r.total().requests),
        ("exceptions_total", "Total number of exceptions", |r| r.total().exceptions),
    ];
    for (name, help, get) in families {
        let family = name.strip_suffix("_total");
        let kind = if family.is_some() { "counter" } else { "gauge" };
        theirs(out, &format!("worker_app_{}", family.unwrap_or(name)), kind, help);
        for r in rows {
            for (i, app) in r.apps(facts).iter().enumerate() {
                // Counters are kept for each worker, not for each application: they stand at the first one.
                let value = if i == 0 || kind == "gauge" { get(r) } else { 0 };
                let (mountpoint, chdir) = (label(&app.mountpoint), label(&app.chdir));
                let _ = writeln!(
                    out,
                    "uwsgi_worker_app_{name}{{worker_id=\"{}\",app_id=\"{i}\",mountpoint=\"{mountpoint}\",chdir=\"{chdir}\"}} {value}",
                    r.id
                );
            }
        }
    }
    if !facts.no_cores {
        exporter_cores(out, rows);
    }
}

fn exporter_cores(out: &mut String, rows: &[WorkerRow<'_>]) {
    type OfThread = fn(&super::snapshot::Thread) -> u64;
    let families: [(&str, &str, OfThread); 7] = [
        ("busy", "Is core busy", |t| u64::from(t.busy)),
        ("requests_total", "Total number of requests", |t| t.total.requests),
        ("static_requests_total", "Total number of static requests", |t| t.total.static_requests),
        ("routed_requests_total", "Total number of routed requests", |_| 0),
        ("offloaded_requests_total", "Total number of offloaded requests", |_| 0),
        ("write_errors_total", "Total number of write errors", |t| t.total.write_errors),
        ("read_errors_total", "Total number of read errors", |t| t.total.read_errors),
    ];
    for (name, help, get) in families {
        let family = name.strip_suffix("_total");
        let kind = if family.is_some() { "counter" } else { "gauge" };
        theirs(out, &format!("worker_core_{}", family.unwrap_or(name)), kind, help);
        for r in rows {
            for (i, t) in r.worker.iter().flat_map(|w| &w.threads).enumerate() {
                let id = r.id;
                let _ = writeln!(
                    out,
                    "uwsgi_worker_core_{name}{{worker_id=\"{id}\",core_id=\"{i}\"}} {}",
                    get(t)
                );
            }
        }
    }
}

fn flag(on: bool) -> String {
    u8::from(on).to_string()
}

fn ours(out: &mut String, s: &Snapshot) {
    let t = &s.total;
    info(out, s);
    let counters = [
        ("requests", "Requests begun", t.requests),
        ("exceptions", "Exceptions that the application let out", t.exceptions),
        ("harakiri", "Requests that ran longer than harakiri", t.harakiri),
        ("sent_bytes", "Bytes sent", t.tx),
        ("write_errors", "Answers that could not be sent", t.write_errors),
        ("read_errors", "Requests that could not be read", t.read_errors),
        ("static_requests", "Static files sent", t.static_requests),
        ("worker_deaths", "Workers that ended without being asked to", s.worker_deaths),
        ("log_lines_lost", "Log lines that a stuck reader or a full disk did not take", s.log_lines_lost),
        ("reloads", "Reloads that ended, well or not", s.reloads_done),
    ];
    for (name, help, value) in counters {
        family(out, name, "counter", help);
        let _ = writeln!(out, "uswgi_{name}_total {value}");
    }
    family(out, "running_seconds", "counter", "Time spent in requests");
    let _ = writeln!(out, "uswgi_running_seconds_total {}", seconds(t.running_us));
    let gauges = [
        ("generation", "Generation that serves", s.generation),
        ("start_time_seconds", "When the instance started, since the epoch", s.started_at),
        ("workers_target", "Workers wanted", u64::from(s.workers_target)),
        ("workers_without_app", "Workers without an application: they answer 500", s.without_app().0 as u64),
        ("threads_busy", "Threads (greenlets, tasks) in a request", s.busy_threads() as u64),
        ("websockets", "Requests that are WebSockets", s.websockets() as u64),
        (
            "threads",
            "Threads (greenlets, tasks) for requests",
            s.workers.iter().map(|w| w.threads.len() as u64).sum(),
        ),
        ("last_reload_ok", "1 unless the last reload failed", {
            u64::from(matches!(s.outcome, Outcome::None | Outcome::Ok))
        }),
    ];
    for (name, help, value) in gauges {
        family(out, name, "gauge", help);
        let _ = writeln!(out, "uswgi_{name} {value}");
    }
    if let Some(waiting) = s.waiting() {
        family(
            out,
            "threads_waiting",
            "gauge",
            "Threads (greenlets, tasks) in a request that do not run: they wait",
        );
        let _ = writeln!(out, "uswgi_threads_waiting {waiting}");
    }
    family(out, "workers", "gauge", "Workers by state");
    for (state, name) in [
        (WorkerState::Starting, "starting"),
        (WorkerState::Ready, "ready"),
        (WorkerState::Retiring, "retiring"),
    ] {
        let _ = writeln!(out, "uswgi_workers{{state=\"{name}\"}} {}", s.count(state));
    }
    family(out, "responses", "counter", "Answers by status class");
    for (class, n) in (1..).zip(t.by_class) {
        let _ = writeln!(out, "uswgi_responses_total{{class=\"{class}xx\"}} {n}");
    }
    family(out, "worker_restarts", "counter", "Workers that took the place of another one, by reason");
    for reason in Restart::ALL.into_iter().filter(|r| *r != Restart::None) {
        let n = s.restarts[reason as usize];
        let _ = writeln!(out, "uswgi_worker_restarts_total{{reason=\"{}\"}} {n}", reason.name());
    }
    family(out, "request_seconds", "histogram", "Duration of requests");
    histogram(out, "request_seconds", "", &s.histogram(), t.running_us);
    s.slow.openmetrics(out);
    sockets(out, s);
    workers(out, s);
}

fn info(out: &mut String, s: &Snapshot) {
    family(out, "instance", "info", "The instance");
    let _ = writeln!(out, "uswgi_instance_info{{version=\"{}\",pid=\"{}\"}} 1", label(&s.version), s.pid);
    family(out, "state", "stateset", "What the instance does");
    for state in [
        InstanceState::Starting,
        InstanceState::Running,
        InstanceState::Reloading,
        InstanceState::Stopping,
        InstanceState::Paused,
        InstanceState::Leaving,
    ] {
        let on = u8::from(s.state == state);
        let _ = writeln!(out, "uswgi_state{{uswgi_state=\"{}\"}} {on}", state_name(state));
    }
    family(out, "last_reload_outcome", "info", "How the last reload ended");
    let _ = writeln!(out, "uswgi_last_reload_outcome_info{{outcome=\"{}\"}} 1", outcome_name(s.outcome));
}

fn sockets(out: &mut String, s: &Snapshot) {
    type OfSocket = fn(&SocketSnapshot) -> u32;
    let families: [(&str, &str, OfSocket); 3] = [
        ("listen_queue", "Connections that wait to be accepted", |x| x.queue),
        ("listen_queue_limit", "Limit of the queue", |x| x.max_queue),
        ("listen_queue_highest", "Highest queue seen", |x| x.highest),
    ];
    for (name, help, get) in families {
        family(out, name, "gauge", help);
        for x in &s.sockets {
            let socket = label(&x.name);
            let _ =
                writeln!(out, "uswgi_{name}{{socket=\"{socket}\",protocol=\"{}\"}} {}", x.protocol, get(x));
        }
    }
    family(out, "listen_queue_full", "counter", "Looks that found the queue full");
    for x in &s.sockets {
        let (socket, protocol, n) = (label(&x.name), x.protocol, x.full);
        let _ =
            writeln!(out, "uswgi_listen_queue_full_total{{socket=\"{socket}\",protocol=\"{protocol}\"}} {n}");
    }
}

fn workers(out: &mut String, s: &Snapshot) {
    type OfWorker = fn(&Worker) -> u64;
    let families: [(&str, &str, &str, OfWorker); 6] = [
        ("worker_requests", "counter", "Requests of the process", |w| w.own.requests),
        ("worker_exceptions", "counter", "Exceptions of the process", |w| w.own.exceptions),
        ("worker_handed_over", "counter", "Connections given to other workers", |w| w.handed_over),
        ("worker_resident_bytes", "gauge", "Resident memory", |w| w.rss),
        ("worker_connections", "gauge", "Connections it holds", |w| w.connections),
        ("worker_generation", "gauge", "Generation it serves", |w| w.generation),
    ];
    for (name, kind, help, get) in families {
        family(out, name, kind, help);
        let suffix = if kind == "counter" { "_total" } else { "" };
        for w in &s.workers {
            let _ =
                writeln!(out, "uswgi_{name}{suffix}{{slot=\"{}\",worker=\"{}\"}} {}", w.slot, w.id, get(w));
        }
    }
    family(out, "worker_cpu_seconds", "counter", "Processor time of the process");
    for w in &s.workers {
        let Some(usage) = w.usage else { continue };
        for (mode, us) in [("user", usage.user_us), ("system", usage.system_us)] {
            let (slot, id) = (w.slot, w.id);
            let _ = writeln!(
                out,
                "uswgi_worker_cpu_seconds_total{{slot=\"{slot}\",worker=\"{id}\",mode=\"{mode}\"}} {}",
                seconds(us)
            );
        }
    }
    family(out, "worker_responses", "counter", "Answers by status class");
    for w in &s.workers {
        for (class, n) in (1..).zip(w.own.by_class) {
            let (slot, id) = (w.slot, w.id);
            let _ = writeln!(
                out,
                "uswgi_worker_responses_total{{slot=\"{slot}\",worker=\"{id}\",class=\"{class}xx\"}} {n}"
            );
        }
    }
    super::lag::openmetrics(out, &s.workers);
    family(out, "worker_request_seconds", "histogram", "Duration of requests");
    for w in &s.workers {
        let labels = format!("slot=\"{}\",worker=\"{}\"", w.slot, w.id);
        histogram(out, "worker_request_seconds", &labels, &w.histogram, w.own.running_us);
    }
}

pub(super) fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::layout::BUCKETS;
    use crate::show::uwsgi::AppFacts;
    use std::collections::HashSet;

    #[test]
    fn every_sample_belongs_to_the_family_above_it() {
        let mut s = Snapshot::sample();
        let worker = || Snapshot::sample_worker(WorkerState::Ready, 1);
        s.workers = vec![worker(), worker()];
        s.workers[1].slot = 1;
        s.workers[0].histogram[3] = 5;
        let name = "a\"b\\".to_string();
        s.sockets = vec![SocketSnapshot {
            name,
            protocol: "http",
            queue: 1,
            max_queue: 2,
            highest: 3,
            missing: false,
            full: 0,
            inode: 0,
        }];
        s.sockets.push(s.sockets[0].clone());
        s.sockets[1].name = "other".into();
        let app = AppFacts { mountpoint: "/x\ny".into(), ..AppFacts::default() };
        let text = openmetrics(&s, &Facts { apps: vec![AppFacts::default(), app], ..Facts::default() });
        assert!(text.ends_with("# EOF\n"));
        assert!(text.contains(r#"socket="a\"b\\""#), "{text}");
        let (mut family, mut families, mut samples) = ("", HashSet::new(), HashSet::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                family = rest.split(' ').next().unwrap();
                assert!(families.insert(family), "{family} twice");
            } else if !line.starts_with('#') {
                assert!(line.starts_with(family), "{line} under {family}");
                assert!(samples.insert(line.rsplit_once(' ').unwrap().0), "{line} twice");
            }
        }
    }

    #[test]
    fn buckets_are_cumulative_and_end_with_all() {
        let mut w = Snapshot::sample_worker(WorkerState::Ready, 1);
        (w.histogram[0], w.histogram[5], w.histogram[BUCKETS - 1]) = (2, 3, 4);
        let mut out = String::new();
        histogram(&mut out, "x", "a=\"b\"", &w.histogram, 5);
        let counts: Vec<u64> = out
            .lines()
            .filter(|l| l.contains("_bucket"))
            .map(|l| l.rsplit_once(' ').unwrap().1.parse().unwrap())
            .collect();
        assert!(counts.is_sorted());
        assert_eq!((counts[0], counts[2], counts.last()), (2, 5, Some(&9)));
    }
}
