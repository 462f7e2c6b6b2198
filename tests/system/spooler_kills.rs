//! A task that was accepted is run at least once, whatever is killed, and never by two processes at a time.

use super::spooler::{lines, task_files};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use uswgi_proto::background::AideKind;
use uswgi_proto::show::Snapshot;
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

/// A spooler that is in a task just now.
fn at_work(server: &Server) -> Option<i32> {
    let seen = Snapshot::take(&server.instance()?);
    seen.aides.iter().find(|a| a.aide.kind == AideKind::Spooler && a.busy_us > 0 && a.pid > 0).map(|a| a.pid)
}

/// How often each name stands in the lines that begin with this word.
fn counted(keep: &Path, word: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines(keep, &format!("{word} ")) {
        *counts.entry(line.split(' ').nth(1).unwrap().into()).or_default() += 1;
    }
    counts
}

/// Spoolers, workers, the mule, the template and the master are killed at random while workers enqueue, and every other
/// time a spooler in the middle of a task; every task that was accepted has come to its end, none is left, and none was
/// run by two processes at a time.
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
            let sleep = if n % 10 == 0 { "0.2" } else { "0.01" };
            let task = format!("{{b'name': b'{name}', b'alone': b'', b'sleep': b'{sleep}'}}");
            let question = format!("/?{}", quote(&format!("uwsgi.spool({task})")));
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
    let (mut kills, mut masters, mut aimed) = (0, 0, 0);
    let begun = Instant::now();
    let accepted: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|c| scope.spawn(move || enqueue(c))).collect();
        let mut seed = 88172645463325252u64;
        while count.load(Ordering::Relaxed) < wanted || kills < KILLS || masters == 0 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let family = server.family();
            let anybody = || family.get(seed as usize % family.len().max(1)).copied();
            let aim = at_work(&server).filter(|_| kills % 2 == 1);
            let Some(pid) = aim.or_else(anybody) else { continue };
            send(pid, Signal::SIGKILL);
            aimed += usize::from(aim.is_some());
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
    let patience = Duration::from_secs(120 + wanted as u64 / 20);
    until_within(patience, "an empty folder", || task_files(&tasks).is_empty().then_some(()));
    let took = begun.elapsed().as_secs();
    let (begun, done) = (counted(keep.path(), "task"), counted(keep.path(), "slept"));
    let lost: Vec<&String> = accepted.iter().filter(|name| !done.contains_key(*name)).collect();
    assert!(lost.is_empty(), "{} of {} were lost: {lost:?}", lost.len(), accepted.len());
    assert_eq!(lines(keep.path(), "twice"), Vec::<String>::new(), "two processes in one task");
    let unknown = begun.len() - accepted.len();
    let (again, twice) =
        (begun.values().map(|n| n - 1).sum::<usize>(), done.values().map(|n| n - 1).sum::<usize>());
    let cut = begun.values().sum::<usize>() - done.values().sum::<usize>();
    println!(
        "{} tasks accepted ({unknown} more without an answer), {kills} kills ({masters} of the master, {aimed} of a spooler in a \
         task), {cut} tasks cut, {again} reruns, {twice} of them of what had come to its end, {took} s",
        accepted.len()
    );
    // What was cut ran again, and nothing else but what was at its end when its process was killed.
    assert!(cut > 0 && again >= cut && again <= kills * 2, "{cut} cut, {again} reruns, {kills} kills");
}
