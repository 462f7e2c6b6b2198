//! A snapshot as text for people. Pure: no clock but the one it is given.

pub(crate) mod aides;

use std::fmt::Write;
use uswgi_proto::scoreboard::{Outcome, Restart, WorkerState};
use uswgi_proto::show::canary::Canary;
use uswgi_proto::show::json::ended;
use uswgi_proto::show::lag::LoopLag;
use uswgi_proto::show::latency::quantile;
use uswgi_proto::show::names::{outcome_name, state_name, worker_state_name};
use uswgi_proto::show::snapshot::{Snapshot, Worker};

/// The instance in one line.
pub fn line(s: &Snapshot) -> String {
    let ready = s.count(WorkerState::Ready);
    format!(
        "pid {}: {}, {ready} of {} workers ready, generation {}{}{}",
        s.pid,
        state_name(s.state),
        s.workers_target,
        s.generation,
        no_app(s),
        stands_still(s)
    )
}

/// That there is no application; empty where there is one.
pub fn no_app(s: &Snapshot) -> String {
    uswgi_proto::show::no_app(s).map(|told| format!("; {told}")).unwrap_or_default()
}

/// Why nothing that is said to the master comes to anything now; empty where it listens.
pub fn stands_still(s: &Snapshot) -> String {
    match s.stands_still {
        true => format!("; the master is stopped by a signal or a debugger (kill -CONT {} wakes it)", s.pid),
        false => String::new(),
    }
}

/// The instance on a page; `now` in seconds since the epoch.
pub fn page(s: &Snapshot, now: u64) -> String {
    let mut out = String::new();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<12} {value}");
    };
    row("instance", format!("uswgi {}, pid {}, uid {}", s.version, s.pid, s.uid));
    let up = duration(now.saturating_sub(s.started_at));
    row("state", format!("{}, up {up}{}", state_name(s.state), stands_still(s)));
    let others: String = [WorkerState::Starting, WorkerState::Retiring, WorkerState::Killed]
        .into_iter()
        .filter(|state| s.count(*state) > 0)
        .map(|state| format!(", {} {}", s.count(state), worker_state_name(state)))
        .collect();
    let ready = s.count(WorkerState::Ready);
    let (each, lanes) = (s.threads, if s.threads == 1 { s.lanes.singular() } else { s.lanes.plural() });
    row("workers", format!("{ready} of {} ready{others}, {each} {lanes} each", s.workers_target));
    row("generation", s.generation.to_string());
    if !s.python.is_empty() {
        row("interpreter", s.python.clone());
    }
    if let Some(told) = uswgi_proto::show::no_app(s) {
        row("application", format!("{told} (need-app = false)"));
    }
    if s.reloads_done > 0 {
        let (ago, took) = (duration(now.saturating_sub(s.last_reload_at)), milliseconds(s.last_reload_us));
        row("last reload", format!("{}, {ago} ago, took {took} ms", outcome_name(s.outcome)));
    }
    // One of another generation's time is history: `canary show` has it.
    let counts = |c: &&Canary| c.state.under_way() || c.arms.iter().any(|a| a.generation == s.generation);
    if let Some(c) = s.canary.as_ref().filter(counts) {
        row("canary", c.line().trim_start_matches("canary ").to_string());
    }
    if let Some(p) = &s.previous {
        let left = duration(p.until.saturating_sub(now));
        let memory = match p.usage {
            Some(u) => match u.pss {
                Some(pss) => format!(
                    ", {} of memory (its share of what it has in common with workers counted)",
                    bytes(pss)
                ),
                None => format!(", {}", bytes(u.rss)),
            },
            None => String::new(),
        };
        row("previous", format!("generation {} sleeps for {left}{memory}: uswgi-ctl rollback", p.generation));
    }
    let t = &s.total;
    let files = match t.static_requests {
        0 => String::new(),
        n => format!(", {n} static files"),
    };
    let waiting = match s.waiting() {
        None | Some(0) => String::new(),
        Some(n) => format!(", {n} waiting"),
    };
    let sockets = match s.websockets() {
        0 => String::new(),
        n => format!(", {n} of them WebSockets"),
    };
    let busy = s.busy_threads();
    row("requests", format!("{} ({busy} under way{waiting}{sockets}){files}", t.requests));
    if let Some(lag) = LoopLag::of_all(&s.workers) {
        row("loop lag", loop_lag(&lag));
    }
    row(
        "trouble",
        format!("{} exceptions, {} harakiri, {} worker deaths", t.exceptions, t.harakiri, s.worker_deaths),
    );
    if s.log_lines_lost > 0 {
        row("log", format!("{} lines lost: its reader is stuck or its disk full", s.log_lines_lost));
    }
    if t.by_class.iter().any(|n| *n > 0) {
        let classes =
            (1..).zip(t.by_class).filter(|(_, n)| *n > 0).map(|(class, n)| format!("{n} {class}xx"));
        row("answers", classes.collect::<Vec<_>>().join(", "));
    }
    let told: Vec<String> = Restart::ALL
        .into_iter()
        .filter(|r| *r != Restart::None && s.restarts[*r as usize] > 0)
        .map(|r| format!("{} {}", s.restarts[r as usize], r.name()))
        .collect();
    if !told.is_empty() {
        row("restarts", told.join(", "));
    }
    row("sent", bytes(t.tx));
    let histogram = s.histogram();
    if let [Some(half), Some(most), Some(nearly_all)] =
        [0.5, 0.95, 0.99].map(|q| quantile(&histogram, q).map(milliseconds))
    {
        row("latency", format!("p50 {half} ms, p95 {most} ms, p99 {nearly_all} ms"));
    }
    let rss: u64 = s.workers.iter().map(|w| w.rss).fold(0, u64::wrapping_add);
    if rss > 0 {
        row("memory", format!("{} in workers (shared pages counted in each)", bytes(rss)));
    }
    let cpu = s.workers.iter().filter_map(|w| w.usage).fold(0, |sum, u| sum + u.user_us + u.system_us);
    if cpu > 0 {
        row("processor", format!("{:.1} s in the workers that run", cpu as f64 / 1e6));
    }
    for (name, value) in aides::rows(&s.aides, now) {
        row(name, value);
    }
    for socket in &s.sockets {
        let full =
            if socket.full > 0 { format!(", found full {} times", socket.full) } else { String::new() };
        let queue =
            format!("queue {} of {}, highest {}{full}", socket.queue, socket.max_queue, socket.highest);
        let gone = if socket.missing { "; ITS FILE IS GONE: uswgi-ctl reload binds it anew" } else { "" };
        row("socket", format!("{} ({}), {queue}{gone}", socket.name, socket.protocol));
    }
    if let Some(c) = s.canary.as_ref().filter(|c| c.state.under_way()) {
        let _ = writeln!(out, "\n{}end it: uswgi-ctl canary promote, or uswgi-ctl canary abort", c.screen());
    }
    if !s.no_app.is_empty() {
        let _ = writeln!(out, "\nno application:\n{}", s.no_app.trim_end());
    }
    if !s.reason.is_empty() && s.outcome != Outcome::Ok {
        let _ = writeln!(out, "\nlast failure:\n{}", s.reason.trim_end());
    } else if !s.reason.is_empty() {
        let _ = writeln!(out, "\nto know:\n{}", s.reason.trim_end());
    }
    out
}

/// How late the loops are, in a line: now, and so far.
pub(crate) fn loop_lag(lag: &LoopLag) -> String {
    let so_far = match [0.5, 0.99].map(|share| lag.quantile(share).map(milliseconds)) {
        [Some(half), Some(nearly_all)] => {
            format!("{} ms now, p50 {half} ms, p99 {nearly_all} ms", milliseconds(lag.now_us()))
        }
        _ => "not known yet".into(),
    };
    match lag.stands_us {
        0..100_000 => so_far,
        us => format!("{so_far}; one has not turned for {} ms (uswgi-ctl stack shows why)", milliseconds(us)),
    }
}

/// A line for every worker, and one for every request under way.
pub fn workers(s: &Snapshot, now: u64) -> String {
    let mut out = String::new();
    let loops = s.workers.iter().any(|w| w.lag.is_some());
    let _ = writeln!(
        out,
        "{:>6} {:>8} {:<9} {:>4} {:>9} {:>6} {:>6} {:>5} {:>5} {:>5} {:>10} {:>10} {:>8} {:>8} {}{:>8}  LAST RESTART",
        "WORKER",
        "PID",
        "STATE",
        "GEN",
        "REQUESTS",
        "5XX",
        "BUSY",
        "WAIT",
        "CONNS",
        "SPAWN",
        "RSS",
        "PSS",
        "CPU",
        "P99",
        if loops { format!("{:>8} ", "LAG") } else { String::new() },
        "UP"
    );
    // Slots are taken as they come free; people look for a number.
    let mut sorted: Vec<&Worker> = s.workers.iter().collect();
    sorted.sort_by_key(|w| (w.id, w.generation));
    for w in sorted {
        let busy = w.threads.iter().filter(|t| t.busy).count();
        let up = duration(now.saturating_sub(w.last_spawn));
        let lag = match w.lag {
            _ if !loops => String::new(),
            None => format!("{:>8} ", "-"),
            Some(lag) => format!("{:>8} ", format!("{}ms", milliseconds(lag.now_us()))),
        };
        let size = |n: Option<u64>| n.filter(|n| *n > 0).map_or("-".into(), bytes);
        let _ = writeln!(
            out,
            "{:>6} {:>8} {:<9} {:>4} {:>9} {:>6} {:>6} {:>5} {:>5} {:>5} {:>10} {:>10} {:>8} {:>8} {lag}{up:>8}  {}",
            w.id,
            w.pid,
            worker_state_name(w.state),
            w.generation,
            w.total.requests,
            w.total.by_class[4],
            format!("{busy}/{}", w.threads.len()),
            w.waiting.map_or("-".into(), |n| n.to_string()),
            w.connections,
            w.respawns,
            size(Some(w.rss)),
            size(w.usage.and_then(|u| u.pss)),
            w.usage.map_or("-".into(), |u| format!("{:.1}s", (u.user_us + u.system_us) as f64 / 1e6)),
            quantile(&w.histogram, 0.99).map_or("-".into(), |us| format!("{}ms", milliseconds(us))),
            last_restart(w),
        );
        for (i, thread) in w.threads.iter().enumerate().filter(|(_, t)| t.busy) {
            let request = thread.request.as_ref();
            let line = request.map_or("?".into(), |r| format!("{} {} from {}", r.method, r.uri, r.remote));
            let limit = thread
                .harakiri_us
                .map_or(String::new(), |us| format!(" (harakiri in {} ms)", milliseconds(us)));
            let moved = format!("{} in, {} out", bytes(thread.body_in), bytes(thread.body_out));
            let age = milliseconds(thread.busy_us);
            let lane = w.lanes.singular();
            let socket = if thread.websocket { " WebSocket" } else { "" };
            let _ = writeln!(out, "         {lane} {i}: {age} ms{limit}{socket} {line}, {moved}");
        }
    }
    aides::table(&mut out, &s.aides, now);
    out
}

/// What brought the process: `signal (signal 11)`; a dash for a first one.
pub fn last_restart(w: &Worker) -> String {
    match (w.last_restart, ended(w.last_end)) {
        (Restart::None, _) => "-".into(),
        (reason, None) => reason.name().into(),
        (_, Some(end)) => end,
    }
}

/// With one digit behind the point.
pub(crate) fn milliseconds(us: u64) -> String {
    format!("{:.1}", us as f64 / 1000.0)
}

/// A time in words: `59s`, `1h01m`.
pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86400, seconds / 3600 % 24),
    }
}

/// A size in words.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} B"),
        1024..1_048_576 => format!("{:.1} KiB", n as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", n as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", n as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_proto::scoreboard::InstanceState;
    use uswgi_proto::settings::LaneKind;
    use uswgi_proto::show::json::json;

    #[test]
    fn lanes_have_the_name_of_their_engine_and_its_loop_a_lag() {
        let mut s = Snapshot::sample();
        let threads = page(&s, 0);
        assert!(threads.contains(" threads each") && !threads.contains("loop lag"), "{threads}");
        assert!(!workers(&s, 0).contains("LAG"));
        (s.lanes, s.threads) = (LaneKind::Tasks, 256);
        s.workers = vec![Snapshot::sample_worker(WorkerState::Ready, 1)];
        let w = &mut s.workers[0];
        let lag = LoopLag { last_us: 1_500, stands_us: 250_000, ..LoopLag::default() };
        (w.lanes, w.lag) = (LaneKind::Tasks, Some(lag));
        (w.threads[0].busy, w.threads[0].websocket, w.threads[0].busy_us) = (true, true, 9_000);
        let text = page(&s, 0);
        assert!(text.contains("256 tasks each") && text.contains("1 of them WebSockets)"), "{text}");
        assert!(text.contains("loop lag     not known yet; one has not turned for 250.0 ms"), "{text}");
        let table = workers(&s, 0);
        assert!(table.contains("LAG") && table.contains("250.0ms"), "{table}");
        assert!(table.contains("         task 0: 9.0 ms WebSocket ?"), "{table}");
        s.workers[0].lag.as_mut().unwrap().histogram[3] = 7;
        assert!(page(&s, 0).contains("loop lag     250.0 ms now, p50 0.5 ms, p99 0.5 ms; one"));
    }

    #[test]
    fn a_page_and_its_json_say_the_same() {
        let mut s = Snapshot::sample();
        s.workers = vec![
            Snapshot::sample_worker(WorkerState::Ready, 3),
            Snapshot::sample_worker(WorkerState::Retiring, 2),
        ];
        (s.state, s.generation, s.workers_target, s.started_at) = (InstanceState::Reloading, 3, 2, 1000);
        s.total.requests = 41;
        s.total.static_requests = 5;
        s.workers[0].total.by_class[4] = 77;
        let text = page(&s, 1000 + 3700);
        assert!(text.contains("reloading, up 1h01m"), "{text}");
        assert!(text.contains("1 of 2 ready, 1 retiring"), "{text}");
        assert!(text.contains("41 (0 under way), 5 static files\n"), "{text}");
        // Numbers stand under the end of their heading.
        let table = workers(&s, 0);
        let end = |line: usize, word: &str| table.lines().nth(line).unwrap().find(word).unwrap() + word.len();
        assert_eq!(end(0, "5XX"), end(2, "77"), "{table}");
        let value = json(&s);
        assert_eq!((value["state"].as_str(), value["workers_ready"].as_u64()), (Some("reloading"), Some(1)));
        assert_eq!(value["totals"]["requests"], 41);
        assert!(value["latency_us"]["p50"].is_null());
        assert_eq!(workers(&s, 0).lines().count(), 3);
    }
}
