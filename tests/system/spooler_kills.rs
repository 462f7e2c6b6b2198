//! A task that was accepted is run at least once, whatever is killed.

use super::spooler::{ask, lines, site, task_files, tasks};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use uswgi_tests::process::send;
use uswgi_tests::request::quote;
use uswgi_tests::{Request, Site, paths, until_within};

/// Everything is killed at random while tasks are enqueued; every one that was accepted has run.
#[test]
fn an_accepted_task_runs_at_least_once_whatever_is_killed() {
    let minutes: f64 = std::env::var("USWGI_TEST_MINUTES").ok().and_then(|m| m.parse().ok()).unwrap_or(0.25);
    let server = site()
        .option("workers", 3)
        .option("spooler-processes", 2)
        .option("spooler-max-attempts", 0)
        .option("spooler-quiet", "true")
        .option("disable-logging", "true")
        .start();
    let over = AtomicBool::new(false);
    let door = server.door();
    let enqueue = |client: usize| {
        let mut accepted = Vec::new();
        let mut n = 0;
        while !over.load(Ordering::Relaxed) {
            n += 1;
            let name = format!("c{client}-{n}");
            let question = format!("/?{}", quote(&format!("uwsgi.spool({{b'name': b'{name}'}})")));
            // An answer that did not come says nothing: the task may be there or not.
            if let Ok(reply) = door.try_ask(&Request::get(&question))
                && reply.status == 200
                && reply.text().starts_with("b'/")
            {
                accepted.push(name);
            }
        }
        accepted
    };
    let mut kills = 0;
    let accepted: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|c| scope.spawn(move || enqueue(c))).collect();
        let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
        let mut seed = 88172645463325252u64;
        while Instant::now() < end {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let family: Vec<i32> = server.family().into_iter().filter(|&p| p != server.pid()).collect();
            if let Some(&pid) = family.get(seed as usize % family.len().max(1)) {
                send(pid, Signal::SIGKILL);
                kills += 1;
            }
            std::thread::park_timeout(Duration::from_millis(50 + seed % 300));
        }
        over.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|c| c.join().unwrap()).collect()
    });
    assert!(kills > 20 && accepted.len() > 500, "{kills} kills, {} tasks", accepted.len());
    until_within(Duration::from_secs(90), "an empty folder", || {
        task_files(&tasks(&server)).is_empty().then_some(())
    });
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines(server.dir.path(), "task ") {
        *counts.entry(line.split(' ').nth(1).unwrap().into()).or_default() += 1;
    }
    let lost: Vec<&String> = accepted.iter().filter(|name| !counts.contains_key(*name)).collect();
    let again: usize = counts.values().map(|n| n - 1).sum();
    assert!(lost.is_empty(), "{} of {} were lost: {lost:?}", lost.len(), accepted.len());
    println!("{} tasks accepted, {kills} kills, {again} reruns", accepted.len());
    assert!(again <= kills * 2, "{again} reruns of {} tasks with {kills} kills", accepted.len());
}

/// The master is killed too, with everything else; the next start works the folder off.
#[test]
fn an_accepted_task_outlives_its_master() {
    let site = Site::new().app("background").home(&paths::pythons()[0].1).http().option("workers", 2);
    let keep = uswgi_tests::temp::TempDir::new();
    let folder = keep.join("tasks");
    let with = |site: Site| {
        let site = site.option("spooler", folder.display()).option("spooler-frequency", 1);
        site.option("env", format!("HOLD_DIR={}", keep.path().display()))
    };
    let mut accepted = Vec::new();
    let mut server = with(site).start();
    for round in 0..3 {
        let family = server.family();
        for n in 0..40 {
            let name = format!("r{round}-{n}");
            let sleep = if n % 10 == 0 { ", b'sleep': b'0.05'" } else { "" };
            let said = ask(&server, &format!("uwsgi.spool({{b'name': b'{name}'{sleep}}})"));
            assert!(said.starts_with("b'/"), "{said}");
            accepted.push(name);
        }
        family.into_iter().for_each(|pid| send(pid, Signal::SIGKILL));
        server.wait_gone();
        let site = Site::new().app("background").home(&paths::pythons()[0].1).http().option("workers", 2);
        server = with(site).start();
    }
    until_within(Duration::from_secs(60), "an empty folder", || task_files(&folder).is_empty().then_some(()));
    let text = fs::read_to_string(keep.join("ran")).unwrap();
    let lost: Vec<&String> = accepted
        .iter()
        .filter(|name| !text.lines().any(|l| l.starts_with(&format!("task {name} "))))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
}
