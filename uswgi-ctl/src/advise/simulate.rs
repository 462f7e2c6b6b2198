//! A load that is known, in steps of a millisecond: requests come at random, wait for a lane, compute under the GIL of their
//! worker on a processor, and wait for a database. What is seen of it is what [`super`] sees of an instance.

use super::observed::{Observed, SeenQueue, SeenWorker};
use super::rules::{Advice, advise};
use std::collections::{BTreeMap, VecDeque};

/// A kind of request.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    /// Mean number in a second.
    rate: f64,
    compute_ms: u32,
    wait_ms: u32,
}

struct Load {
    workers: u32,
    threads: u32,
    cpus: u32,
    listen: usize,
    kinds: Vec<Kind>,
    /// Bytes that a request leaves behind, and up to which total a cache grows.
    leak: u64,
    cache: u64,
    seconds: u32,
}

impl Default for Load {
    fn default() -> Load {
        let kinds = vec![
            Kind { name: "GET /a", rate: 15.0, compute_ms: 8, wait_ms: 10 },
            Kind { name: "GET /b", rate: 10.0, compute_ms: 5, wait_ms: 20 },
        ];
        Load { workers: 2, threads: 2, cpus: 4, listen: 100, kinds, leak: 0, cache: 0, seconds: 60 }
    }
}

struct Job {
    kind: usize,
    compute: u32,
    wait: u32,
    begun: u32,
}

/// A generator of numbers that is the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn simulate(load: &Load) -> Observed {
    let (mut dice, mut queue) = (Dice(0x2545_f491_4f6c_dd1d), VecDeque::<usize>::new());
    let mut lanes: Vec<Vec<Option<Job>>> =
        (0..load.workers).map(|_| (0..load.threads).map(|_| None).collect()).collect();
    let mut o = Observed {
        seconds: f64::from(load.seconds),
        workers: load.workers,
        threads: load.threads,
        lanes_are_threads: true,
        cpus: load.cpus,
        somaxconn: 4096,
        harakiri_s: 60,
        memory_available: 8 << 30,
        queues: vec![SeenQueue {
            name: "127.0.0.1:80".into(),
            limit: load.listen as u32,
            ..SeenQueue::default()
        }],
        ..Observed::default()
    };
    let mut rss: Vec<(u64, u64)> = vec![(0, 60 << 20); load.workers as usize];
    let mut seen = vec![Vec::new(); load.workers as usize];
    let (mut gil, mut running, mut waiting, mut cpu_ms) = (0u64, 0u64, 0u64, 0u64);
    let (mut routes, mut durations) = (BTreeMap::<&str, u64>::new(), Vec::new());
    for now in 0..load.seconds * 1000 {
        for (i, kind) in load.kinds.iter().enumerate() {
            if dice.share() < kind.rate / 1000.0 && queue.len() < load.listen {
                queue.push_back(i);
            }
        }
        // The kernel wakes whoever waits: any worker with a free lane.
        for turn in 0..load.threads {
            for worker in &mut lanes {
                let lane = &mut worker[turn as usize];
                if lane.is_none()
                    && let Some(kind) = queue.pop_front()
                {
                    let k = load.kinds[kind];
                    *lane = Some(Job { kind, compute: k.compute_ms, wait: k.wait_ms, begun: now });
                }
            }
        }
        let mut processors = load.cpus;
        for (w, worker) in lanes.iter_mut().enumerate() {
            let mut held = false;
            // Who has the GIL keeps it for 5 ms: the one that is first changes.
            let first = (now / 5) as usize % worker.len();
            for i in 0..worker.len() {
                let at = (first + i) % worker.len();
                let lane = &mut worker[at];
                let Some(job) = lane else { continue };
                *routes.entry(load.kinds[job.kind].name).or_default() += 1;
                if job.compute > 0 && held {
                    gil += 1;
                } else if job.compute > 0 {
                    held = true;
                    running += 1;
                    if processors > 0 {
                        processors -= 1;
                        job.compute -= 1;
                        cpu_ms += 1;
                    }
                } else if job.wait > 0 {
                    waiting += 1;
                    job.wait -= 1;
                }
                if job.compute == 0 && job.wait == 0 {
                    durations.push(u64::from(now - job.begun + 1) * 1000);
                    *lane = None;
                    o.requests += 1;
                    rss[w].0 += 1;
                    let grown = rss[w].1 - (60 << 20);
                    rss[w].1 += load.leak + if grown < load.cache { 64 << 10 } else { 0 };
                }
            }
        }
        let q = &mut o.queues[0];
        q.highest = q.highest.max(queue.len() as u32);
        if now % 1000 == 999 {
            q.full += u64::from(queue.len() >= load.listen);
            o.waiting.push(queue.len() as u32);
            o.busy.push(lanes.iter().flatten().filter(|lane| lane.is_some()).count() as u32);
            seen.iter_mut().zip(&rss).for_each(|(seen, rss)| seen.push(*rss));
        }
    }
    o.cpu_us = Some(cpu_ms * 1000);
    let whole = (gil + running + waiting).max(1) as f64;
    let share = |name: &str, n: u64| (name.to_string(), n as f64 / whole);
    o.shares = vec![share("running", running), share("gil", gil), share("waiting", waiting)];
    o.routes = routes.into_iter().map(|(name, n)| share(name, n)).collect();
    o.routes.sort_by(|a, b| b.1.total_cmp(&a.1));
    durations.sort_unstable();
    o.p99_us = durations.get(durations.len() * 99 / 100).copied();
    o.longest_us = durations.last().copied().unwrap_or(0);
    o.workers_seen =
        seen.into_iter().zip(1..).map(|(rss, id)| SeenWorker { id, rss, pss: 40 << 20 }).collect();
    o
}

/// The rules that speak, and what they want written.
fn said(load: &Load) -> Vec<(&'static str, Option<String>)> {
    advise(&simulate(load)).into_iter().map(|Advice { rule, change, .. }| (rule, change)).collect()
}

fn rules(load: &Load) -> Vec<&'static str> {
    said(load).into_iter().map(|(rule, _)| rule).collect()
}

#[test]
fn a_load_that_fits_gets_no_advice() {
    assert_eq!(said(&Load::default()), []);
}

#[test]
fn too_few_workers_are_seen_by_those_who_wait() {
    let few = Load {
        workers: 2,
        threads: 1,
        kinds: vec![
            Kind { name: "GET /a", rate: 30.0, compute_ms: 20, wait_ms: 20 },
            Kind { name: "GET /b", rate: 25.0, compute_ms: 20, wait_ms: 20 },
        ],
        ..Load::default()
    };
    let text = said(&few);
    assert!(text.contains(&("too-few", Some("workers = 3".into()))), "{text:?}");
    for not in ["gil", "too-many", "memory-grows", "one-route"] {
        assert!(!rules(&few).contains(&not), "{not}");
    }
    // With as many as it says, and once more, nobody waits.
    assert!(!rules(&Load { workers: 5, ..few }).contains(&"too-few"));
}

#[test]
fn a_machine_without_a_free_processor_gets_no_more_workers() {
    let full = Load {
        workers: 4,
        threads: 1,
        cpus: 2,
        kinds: vec![Kind { name: "GET /a", rate: 120.0, compute_ms: 20, wait_ms: 0 }],
        ..Load::default()
    };
    let text = said(&full);
    assert!(text.contains(&("machine-full", None)), "{text:?}");
    assert!(!rules(&full).contains(&"too-few"));
}

#[test]
fn threads_that_wait_for_a_database_get_more_threads_and_no_workers() {
    let waits = Load {
        workers: 2,
        threads: 4,
        kinds: vec![
            Kind { name: "GET /a", rate: 35.0, compute_ms: 2, wait_ms: 150 },
            Kind { name: "GET /b", rate: 35.0, compute_ms: 2, wait_ms: 140 },
        ],
        ..Load::default()
    };
    let text = said(&waits);
    assert!(text.contains(&("too-few", Some("threads = 6".into()))), "{text:?}");
    assert!(!rules(&waits).contains(&"gil"));
}

#[test]
fn too_many_threads_for_the_gil_are_seen_by_its_waiters() {
    let many = Load {
        workers: 1,
        threads: 8,
        kinds: vec![
            Kind { name: "GET /a", rate: 25.0, compute_ms: 18, wait_ms: 2 },
            Kind { name: "GET /b", rate: 25.0, compute_ms: 18, wait_ms: 2 },
        ],
        ..Load::default()
    };
    let text = said(&many);
    assert!(text.contains(&("gil", Some("threads = 4\nworkers = 2".into()))), "{text:?}");
    for not in ["too-many", "one-route", "memory-grows"] {
        assert!(!rules(&many).contains(&not), "{not}: {text:?}");
    }
    // The same work by processes of one thread.
    assert!(!rules(&Load { workers: 4, threads: 1, ..many }).contains(&"gil"));
}

#[test]
fn one_slow_route_is_named_and_equal_ones_are_not() {
    let one = Load {
        kinds: vec![
            Kind { name: "GET /report", rate: 4.0, compute_ms: 50, wait_ms: 400 },
            Kind { name: "GET /a", rate: 20.0, compute_ms: 4, wait_ms: 5 },
        ],
        ..Load::default()
    };
    let seen = advise(&simulate(&one));
    let found = seen.iter().find(|a| a.rule == "one-route").unwrap_or_else(|| panic!("{seen:?}"));
    assert!(found.seen.contains("of GET /report") && found.change.is_none(), "{found:?}");
    assert!(!rules(&Load::default()).contains(&"one-route"));
}

#[test]
fn memory_that_grows_with_requests_gets_a_limit_and_a_cache_that_fills_does_not() {
    let leaks = Load { leak: 30 << 10, ..Load::default() };
    let text = said(&leaks);
    let limit = text.iter().find(|(rule, _)| *rule == "memory-grows").and_then(|(_, change)| change.clone());
    assert!(limit.is_some_and(|line| line.starts_with("reload-on-rss = ")), "{text:?}");
    assert_eq!(said(&Load { cache: 12 << 20, ..Load::default() }), []);
    let mut bounded = simulate(&leaks);
    bounded.max_requests = 1000;
    assert_eq!(advise(&bounded), [], "it is bounded already");
}

#[test]
fn workers_that_nobody_needs_may_sleep_and_a_full_queue_gets_longer() {
    let idle = Load { workers: 16, ..Load::default() };
    assert_eq!(rules(&idle), ["too-many"]);
    let short = Load {
        workers: 1,
        threads: 1,
        listen: 5,
        kinds: vec![Kind { name: "GET /a", rate: 60.0, compute_ms: 10, wait_ms: 10 }],
        ..Load::default()
    };
    let text = said(&short);
    assert!(text.contains(&("listen", Some("listen = 16".into()))), "{text:?}");
}

#[test]
fn without_data_nothing_is_said() {
    assert_eq!(said(&Load { seconds: 1, ..Load::default() }), []);
    let mut o = simulate(&Load { workers: 1, threads: 8, ..Load::default() });
    o.shares.clear();
    o.routes.clear();
    assert!(advise(&o).iter().all(|a| a.rule != "gil" && a.rule != "one-route"));
    o.harakiri_s = 0;
    o.p99_us = None;
    assert!(advise(&o).iter().all(|a| a.rule != "no-harakiri"));
}
