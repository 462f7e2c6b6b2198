//! `advise`: whether workers, threads, queues, deadlines and limits fit the load that is there.
//!
//! * this file: looks at the scoreboard for some seconds, and a profile of few looks beside it.
//! * [`observed`]: what was seen, as numbers. Pure.  * [`rules`]: what follows. Pure.  * `simulate`: known loads, for tests.

pub mod observed;
pub mod rules;
#[cfg(test)]
mod simulate;

use crate::error::CtlError;
use crate::profile::merged::MergedProfile;
use crate::profile::{self, ProfileOrder};
use crate::steer;
use observed::{Observed, SeenQueue, SeenWorker};
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::profile::LaneStanding;
use uswgi_proto::scoreboard::layout::{BUCKETS, bucket_limit};
use uswgi_proto::scoreboard::{Restart, WorkerState};
use uswgi_proto::show::Snapshot;
use uswgi_proto::show::latency::quantile;

/// Between two looks at the scoreboard.
const LOOK: Duration = Duration::from_millis(500);
/// Looks a second of the profile.
const RATE: u16 = 20;

/// Look for so long. The second value is why there is no profile, if there is none.
pub fn observe(instance: &RunningInstance, time: Duration) -> Result<(Observed, Option<String>), CtlError> {
    let settings = steer::config(instance, steer::PATIENCE)?.settings;
    let setting = |name: &str| settings.iter().find(|s| s.name == name).map(|s| s.value.as_str());
    let number = |name: &str| setting(name).and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
    let order = ProfileOrder { worker: None, time, rate: RATE };
    let (before, begun) = (Snapshot::measured(instance), Instant::now());
    let mut o = Observed {
        threads: before.threads,
        lanes_are_threads: !["gevent", "asgi"]
            .iter()
            .any(|n| setting(n).is_some_and(|v| !["0", "false"].contains(&v))),
        cheaper: number("cheaper") > 0 || setting("cheap") == Some("true"),
        cpus: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        somaxconn: read_number("/proc/sys/net/core/somaxconn").unwrap_or(4096) as u32,
        harakiri_s: number("harakiri"),
        reload_on_rss: number("reload-on-rss") << 20,
        max_requests: number("max-requests"),
        memory_available: available_memory().unwrap_or(0),
        ..Observed::default()
    };
    let mut rss: BTreeMap<i32, SeenWorker> = BTreeMap::new();
    let profile = std::thread::scope(|scope| {
        let profile = scope.spawn(|| profile::take(instance, order));
        while begun.elapsed() < time && !instance.ended() {
            look(&Snapshot::measured(instance), &mut o, &mut rss);
            std::thread::sleep(LOOK.min(time.saturating_sub(begun.elapsed())));
        }
        profile.join().unwrap_or_else(|_| Err(CtlError::Refused("the profile failed".into())))
    });
    if instance.ended() {
        return Err(CtlError::Ended { pid: instance.pid, what: "its load was seen" });
    }
    let mut after = Snapshot::take(instance);
    after.measure(true);
    o.seconds = begun.elapsed().as_secs_f64();
    between(&before, &after, &mut o);
    o.workers_seen = rss
        .into_iter()
        .filter(|(pid, _)| after.workers.iter().any(|w| w.pid == *pid))
        .map(|(pid, mut seen)| {
            let usage = after.workers.iter().find(|w| w.pid == pid).and_then(|w| w.usage);
            seen.pss = usage.and_then(|u| u.pss).unwrap_or(0);
            seen
        })
        .collect();
    let why = match profile {
        Ok(profile) => {
            shares(&profile, &mut o);
            None
        }
        Err(error) => Some(error.to_string()),
    };
    Ok((o, why))
}

fn look(s: &Snapshot, o: &mut Observed, rss: &mut BTreeMap<i32, SeenWorker>) {
    o.busy.push(s.busy_threads() as u32);
    o.waiting.push(s.sockets.iter().map(|q| q.queue).sum());
    let busy = s.workers.iter().flat_map(|w| &w.threads).map(|t| t.busy_us).max().unwrap_or(0);
    o.longest_us = o.longest_us.max(busy);
    for w in s.workers.iter().filter(|w| w.state == WorkerState::Ready && w.rss > 0) {
        let seen = rss.entry(w.pid).or_default();
        seen.id = w.id;
        seen.rss.push((w.own.requests, w.rss));
    }
    for q in &s.sockets {
        match o.queues.iter_mut().find(|seen| seen.name == q.name) {
            Some(seen) => (seen.highest, seen.limit) = (seen.highest.max(q.queue), q.max_queue),
            None => o.queues.push(SeenQueue {
                name: q.name.clone(),
                highest: q.queue,
                limit: q.max_queue,
                full: 0,
            }),
        }
    }
}

/// What counters say, from one moment to another.
fn between(before: &Snapshot, after: &Snapshot, o: &mut Observed) {
    o.workers = after.workers_target;
    o.requests = after.total.requests.saturating_sub(before.total.requests);
    o.harakiri_kills = after.total.harakiri.saturating_sub(before.total.harakiri);
    let restarts =
        |s: &Snapshot| s.restarts[Restart::Rss as usize] + s.restarts[Restart::AddressSpace as usize];
    o.replaced_for_memory = restarts(after).saturating_sub(restarts(before));
    for seen in &mut o.queues {
        let full = |s: &Snapshot| s.sockets.iter().find(|q| q.name == seen.name).map_or(0, |q| q.full);
        seen.full = full(after).saturating_sub(full(before));
    }
    let (old, new) = (before.histogram(), after.histogram());
    let durations: [u64; BUCKETS] = std::array::from_fn(|i| new[i].saturating_sub(old[i]));
    o.p99_us = quantile(&durations, 0.99);
    if let Some(slowest) = durations.iter().rposition(|n| *n > 0) {
        o.longest_us = o.longest_us.max(bucket_limit(slowest).unwrap_or(0));
    }
    // Of those that were there all the time.
    let cpu = |s: &Snapshot, pid: i32| {
        let usage = s.workers.iter().find(|w| w.pid == pid)?.usage?;
        Some(usage.user_us + usage.system_us)
    };
    let each = |pid: i32| Some(cpu(after, pid)?.saturating_sub(cpu(before, pid)?));
    let all: Vec<u64> = after.workers.iter().filter_map(|w| each(w.pid)).collect();
    o.cpu_us = (!all.is_empty()).then(|| all.iter().sum());
}

/// Where the time of requests went.
fn shares(p: &MergedProfile, o: &mut Observed) {
    let whole = p.busy();
    // Fewer looks say nothing.
    if whole < 100 {
        return;
    }
    let share = |n: u64| n as f64 / whole as f64;
    let mut routes: BTreeMap<&str, u64> = BTreeMap::new();
    let mut standings = [0; LaneStanding::ALL.len()];
    for (stack, n) in &p.stacks {
        standings[stack.standing as usize] += n;
        if let Some(route) = &stack.route {
            *routes.entry(route).or_default() += n;
        }
    }
    o.shares =
        LaneStanding::ALL.into_iter().zip(standings).map(|(s, n)| (s.name().into(), share(n))).collect();
    o.routes = routes.into_iter().map(|(route, n)| (route.to_string(), share(n))).collect();
    o.routes.sort_by(|a, b| b.1.total_cmp(&a.1));
}

fn read_number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? << 10)
}
