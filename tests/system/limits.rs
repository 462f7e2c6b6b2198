//! What a worker may take, and when it is replaced for it.

use std::path::Path;
use std::time::Duration;
use uswgi_tests::process::{self, Process};
use uswgi_tests::wait::{PATIENCE, stays};
use uswgi_tests::{Load, Request, Server, Site, paths, until};

/// Grows for good by so many MiB, resident or reserved only; tells limits and CPUs.
const APP: &str = "import json, mmap, os, resource\nfrom probe import application as probe\nkept = []\n\
    def application(e, s):\n    path, q = e['PATH_INFO'], e['QUERY_STRING']\n\
    \x20   if path == '/grow':\n        kept.append(bytearray(int(q) << 20))\n        body = 'grown'\n\
    \x20   elif path == '/reserve':\n        kept.append(mmap.mmap(-1, int(q) << 20))\n        body = 'grown'\n\
    \x20   elif path == '/limits':\n\
    \x20       names = ('RLIMIT_AS', 'RLIMIT_NPROC', 'RLIMIT_NOFILE')\n\
    \x20       body = json.dumps({n: resource.getrlimit(getattr(resource, n)) for n in names})\n\
    \x20   elif path == '/cpus':\n        body = json.dumps([os.getpid(), sorted(os.sched_getaffinity(0))])\n\
    \x20   else:\n        return probe(e, s)\n\
    \x20   s('200 OK', [('Content-Length', str(len(body)))])\n    return [body.encode()]\n";

fn site() -> Site {
    Site::probe().source("limited.py", APP).without("module").option("module", "limited")
}

fn other_pid(server: &Server, old: i32) -> i32 {
    until("another worker", || server.worker_pids().into_iter().find(|&pid| pid != old))
}

#[test]
fn evil_reload_on_rss_kills_who_grows_and_spares_the_others() {
    let server = site().option("workers", 2).option("evil-reload-on-rss", 150).start();
    let before = server.worker_pids();
    assert!(stays(Duration::from_millis(2500), || server.worker_pids() == before), "nobody has grown");
    let _ = server.door().try_ask(&Request::get("/grow?200"));
    server.wait_log("is above evil-reload-on-rss");
    let after =
        until("two workers again", || Some(server.worker_pids()).filter(|p| p.len() == 2 && *p != before));
    assert!(after.iter().any(|pid| before.contains(pid)), "the other one stays: {before:?} {after:?}");
    server.get("/hello").expect(200);
}

#[test]
fn evil_reload_on_as_kills_who_reserves_too_much() {
    let server = site().option("evil-reload-on-as", 3000).start();
    let pid = server.worker_pids()[0];
    let reply = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    assert!(stays(Duration::from_millis(2500), || server.worker_pids() == [pid]), "{}", server.log());
    server.let_go("a");
    reply.join().unwrap().unwrap().expect(200);
    // The look may come before the answer is out.
    let _ = server.door().try_ask(&Request::get("/reserve?3500"));
    server.wait_log("is above evil-reload-on-as");
    other_pid(&server, pid);
    server.get("/hello").expect(200);
}

/// A program that does nothing but keep a processor busy.
fn hog(processor: &str, dir: &Path) -> Process {
    let mut hog = process::command(paths::tool("taskset"));
    hog.args(["-c", processor, "nice", "-n", "-20", "sh", "-c", ": >\"$1\"; while :; do :; done", "hog"]);
    let began = dir.join("hog");
    hog.arg(&began);
    let hog = Process::start(hog, &dir.join("hog.log"));
    until("the hog", || began.exists().then_some(()));
    hog
}

#[test]
fn a_connection_for_which_a_killed_worker_was_woken_is_answered() {
    let server = site().option("workers", 2).option("evil-reload-on-as", 3000).start();
    // Once both know that connections do not stay, the kernel wakes the same one again while both are idle.
    for _ in 0..4 {
        server.get("/pid").expect(200);
    }
    let workers = server.worker_pids();
    let _ = server.door().try_ask(&Request::get("/reserve?3500"));
    // Who has reserved it, or is gone for it already.
    let is_large = |pid: &i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let size =
            status.lines().find_map(|l| l.strip_prefix("VmSize:")?.trim().strip_suffix(" kB")?.parse().ok());
        size.is_none_or(|kib: u64| kib > 3000 * 1024)
    };
    let victim = workers.into_iter().find(is_large).expect("one that has grown");
    // It is made slow to notice anything, its death too.
    let all = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap();
    let processor =
        (0..nix::sched::CpuSet::count()).find(|&i| all.is_set(i) == Ok(true)).unwrap().to_string();
    let pid = victim.to_string();
    // It may be gone already; then there is nothing to see, and nothing to fail.
    let schedule = |words: &[&str]| {
        let mut command = process::command(paths::tool(words[0]));
        command.args(&words[1..]).arg(&pid);
        process::run(command, PATIENCE);
    };
    schedule(&["taskset", "-a", "-c", "-p", &processor]);
    schedule(&["chrt", "-a", "-i", "-p", "0"]);
    let hog = hog(&processor, server.dir.path());
    // The successor does not wait for the death.
    until("a successor", || {
        let now = server.worker_pids();
        (now.len() == 2 && !now.contains(&victim)).then_some(())
    });
    let mut client = uswgi_tests::http::Connection::open(server.http.as_ref().unwrap()).unwrap();
    client.send_request(&Request::get("/hello")).unwrap();
    drop(hog);
    schedule(&["chrt", "-a", "-o", "-p", "0"]);
    client.reply("GET").expect("an answer").expect(200);
}

#[test]
fn reload_on_rss_replaces_gently_after_the_minimum_age() {
    let server = site()
        .option("reload-on-rss", 150)
        .option("min-worker-lifetime", 0)
        .option("http-keepalive", 60)
        .start();
    let pid = server.worker_pids()[0];
    let address = server.http.clone().unwrap();
    let mut kept = uswgi_tests::http::Connection::open(&address).unwrap();
    kept.ask(&Request::get("/grow?200")).unwrap().expect(200);
    server.wait_log("its resident memory is above reload-on-rss");
    other_pid(&server, pid);
    kept.ask(&Request::get("/hello")).expect("the connection outlives the worker").expect(200);
    assert!(!server.log().contains("killed"), "{}", server.log());
    // Within its minimum age it stays.
    let server = site().option("reload-on-rss", 150).option("min-worker-lifetime", 3600).start();
    let pid = server.worker_pids()[0];
    server.get("/grow?200").expect(200);
    assert!(stays(Duration::from_millis(2500), || {
        server.get("/hello").expect(200);
        server.worker_pids() == [pid]
    }));
}

#[test]
fn reload_on_as_replaces_gently() {
    let server = site().option("reload-on-as", 3000).option("min-worker-lifetime", 0).start();
    let pid = server.worker_pids()[0];
    for _ in 0..5 {
        server.get("/hello").expect(200);
    }
    assert_eq!(server.worker_pids(), [pid]);
    server.get("/reserve?3500").expect(200);
    server.wait_log("its address space is above reload-on-as");
    other_pid(&server, pid);
    server.get("/hello").expect(200);
}

#[test]
fn the_limits_of_the_system_are_set_in_every_worker() {
    for lazy in ["false", "true"] {
        let server = site()
            .option("lazy-apps", lazy)
            .option("limit-as", 2000)
            .option("limit-nproc", 4321)
            .option("max-fd", 777)
            .start();
        let limits = server.get("/limits").expect(200).json();
        assert_eq!(limits["RLIMIT_AS"][0], 2000u64 << 20, "{limits}");
        assert_eq!(limits["RLIMIT_NPROC"][0], 4321, "{limits}");
        assert_eq!(limits["RLIMIT_NOFILE"][0], 777, "{limits}");
    }
}

#[test]
fn max_worker_lifetime_replaces_one_after_another_under_load() {
    let server = site()
        .option("workers", 3)
        .option("min-worker-lifetime", 0)
        .option("max-worker-lifetime", 1)
        .option("max-worker-lifetime-delta", 1)
        .start();
    let before = server.worker_pids();
    let load = Load::start(&server.doors(), 2, "/hello");
    until("three other workers", || {
        let now = server.workers();
        assert!(now.len() <= 4, "more than one above the number: {now:?}");
        let pids = server.worker_pids();
        (pids.len() == 3 && pids.iter().all(|pid| !before.contains(pid))).then_some(())
    });
    let seen = load.stop();
    assert!(seen.failures.is_empty(), "{:?}", seen.failures.first());
    let log = server.log();
    assert!(!log.contains("killed"), "{log}");
}

#[test]
fn max_requests_delta_spreads_the_replacements() {
    // 100 requests each, and up to 200 more: that all four meet in one is next to impossible.
    let server = site()
        .option("workers", 4)
        .option("min-worker-lifetime", 0)
        .option("max-requests", 50)
        .option("max-requests-delta", 400)
        .start();
    let before = server.worker_pids();
    let load = Load::start(&server.doors(), 2, "/hello");
    until("the first other worker", || {
        server.worker_pids().iter().any(|p| !before.contains(p)).then_some(())
    });
    let requests = load.done();
    until("the last of the first workers to go", || {
        (!server.workers().iter().any(|w| before.contains(&w.pid))).then_some(())
    });
    let more = load.done() - requests;
    let seen = load.stop();
    assert!(seen.failures.is_empty(), "{:?}", seen.failures.first());
    assert!(more > 50, "all were replaced at about the same time: {more} requests from first to last");
}

#[test]
fn cpu_affinity_gives_each_worker_the_next_cpus() {
    let all = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap();
    let allowed: Vec<usize> =
        (0..nix::sched::CpuSet::count()).filter(|&i| all.is_set(i) == Ok(true)).collect();
    for lazy in ["false", "true"] {
        let server = site().option("workers", 3).option("cpu-affinity", 1).option("lazy-apps", lazy).start();
        for w in server.workers() {
            let mask = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(w.pid)).unwrap();
            let has: Vec<usize> =
                (0..nix::sched::CpuSet::count()).filter(|&i| mask.is_set(i) == Ok(true)).collect();
            assert_eq!(has, [allowed[(w.id as usize - 1) % allowed.len()]], "worker {}", w.id);
        }
        let said = server.get("/cpus").expect(200).json();
        assert_eq!(said[1].as_array().map(Vec::len), Some(1), "the app sees it: {said}");
    }
}
