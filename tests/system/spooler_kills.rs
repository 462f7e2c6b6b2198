//! A task that was accepted is run at least once, whatever is killed.

use super::spooler::{lines, task_files};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use uswgi_tests::process::send;
use uswgi_tests::request::quote;
use uswgi_tests::temp::TempDir;
use uswgi_tests::{Request, Server, Site, paths, until_within};

/// Tasks of a short run; USWGI_TEST_TASKS is another number of them (`make soak`: 10,000).
const TASKS: usize = 600;
/// Kills of a short run at least.
const KILLS: usize = 20;

/// One start of the instance whose tasks and books are in `keep`.
fn start(keep: &Path) -> Server {
    let site = Site::new().app("background").home(&paths::pythons()[0].1).http();
    let site = site.option("workers", 3).option("mules", 1).option("spooler-processes", 2);
    let site = site.option("spooler", keep.join("tasks").display()).option("spooler-frequency", 1);
    let site = site.option("spooler-max-attempts", 0).option("spooler-quiet", "true");
    let site = site.option("disable-logging", "true");
    site.option("env", format!("HOLD_DIR={}", keep.join("hold").display())).start()
}

/// Spoolers, workers, the mule, the template and the master are killed at random while workers enqueue; every task that was
/// accepted has run, and none is left.
#[test]
fn an_accepted_task_runs_at_least_once_whatever_is_killed() {
    let wanted = std::env::var("USWGI_TEST_TASKS").ok().and_then(|n| n.parse().ok()).unwrap_or(TASKS);
    let keep = TempDir::new();
    std::fs::create_dir(keep.join("hold")).unwrap();
    let mut server = start(keep.path());
    let door = Mutex::new(server.door());
    let (over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let enqueue = |client: usize| {
        let mut accepted = Vec::new();
        for n in 0.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let name = format!("c{client}-{n}");
            let question = format!("/?{}", quote(&format!("uwsgi.spool({{b'name': b'{name}'}})")));
            let there = door.lock().unwrap().clone();
            // An answer that did not come says nothing: the task may be there or not.
            if let Ok(reply) = there.try_ask(&Request::get(&question))
                && reply.status == 200
                && reply.text().starts_with("b'/")
            {
                accepted.push(name);
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        accepted
    };
    let (mut kills, mut masters) = (0, 0);
    let begun = Instant::now();
    let accepted: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|c| scope.spawn(move || enqueue(c))).collect();
        let mut seed = 88172645463325252u64;
        while count.load(Ordering::Relaxed) < wanted || kills < KILLS || masters == 0 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let family = server.family();
            let Some(&pid) = family.get(seed as usize % family.len().max(1)) else { continue };
            send(pid, Signal::SIGKILL);
            kills += 1;
            if pid == server.pid() {
                masters += 1;
                server.wait();
                server.wait_gone();
                server = start(keep.path());
                *door.lock().unwrap() = server.door();
            }
            std::thread::park_timeout(Duration::from_millis(50 + seed % 300));
        }
        over.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|c| c.join().unwrap()).collect()
    });
    let tasks = keep.join("tasks");
    until_within(Duration::from_secs(120), "an empty folder", || task_files(&tasks).is_empty().then_some(()));
    let took = begun.elapsed().as_secs();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines(keep.path(), "task ") {
        *counts.entry(line.split(' ').nth(1).unwrap().into()).or_default() += 1;
    }
    let lost: Vec<&String> = accepted.iter().filter(|name| !counts.contains_key(*name)).collect();
    let again: usize = counts.values().map(|n| n - 1).sum();
    assert!(lost.is_empty(), "{} of {} were lost: {lost:?}", lost.len(), accepted.len());
    println!(
        "{} tasks accepted, {kills} kills ({masters} of the master), {again} reruns, {took} s",
        accepted.len()
    );
    assert!(again <= kills * 2, "{again} reruns of {} tasks with {kills} kills", accepted.len());
}
