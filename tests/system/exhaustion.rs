//! What a machine runs out of, and what is taken away from a running instance: a reload is refused with its reason, who serves goes on,
//! nobody spins, and what comes back is used again.

use super::privileges::as_nobody;
use nix::sys::signal::Signal;
use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;
use uswgi_tests::cgroup::MemoryGroup;
use uswgi_tests::process::{alive, send, ticks};
use uswgi_tests::request::Address;
use uswgi_tests::temp::SmallDisk;
use uswgi_tests::wait::{PATIENCE, stays};
use uswgi_tests::{Need, Realm, Request, Server, Site, lacks, paths, process, until};

/// Limit the open files of a process: the soft limit alone.
fn limit_files(pid: i32, most: usize) {
    let mut prlimit = process::command(paths::tool("prlimit"));
    prlimit.arg("--pid").arg(pid.to_string()).arg(format!("--nofile={most}:"));
    process::good(prlimit, PATIENCE);
}

/// As many as that no number below is free.
fn none_free(pid: i32) -> usize {
    (0..).find(|n| !Path::new(&format!("/proc/{pid}/fd/{n}")).exists()).unwrap()
}

fn refused(server: &Server, why: &str) {
    let out = server.ctl(&["reload", "--wait", "--timeout", "30"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{said}\n{}", server.log());
    assert!(said.contains("the old workers serve on") && said.contains(why), "{why}: {said}");
    server.get("/hello").expect(200);
}

fn reloads(server: &Server) {
    let out = server.ctl(&["reload", "--wait", "--drain", "--timeout", "60"]);
    assert_eq!(out.status.code(), Some(0), "{out:?}\n{}", server.log());
    server.get("/hello").expect(200);
}

#[test]
fn a_master_without_descriptors_serves_on_and_does_not_spin() {
    let stats = paths::free_port();
    let site = Site::probe().option("workers", 2).option("stats", format!("127.0.0.1:{stats}"));
    let server = site.option("stats-http", "true").start();
    let pid = server.pid();
    let free = none_free(pid);
    // None at all, for a steering client, for monitoring: all of them wait, nobody looks in vain.
    limit_files(pid, free);
    let mut waits = Address::Port(stats).connect().unwrap();
    waits.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let scale = server.ctl_command(&["scale", "3"]);
    let scale = process::Process::start(scale, &server.dir.join("scale.log"));
    let before = ticks(pid);
    assert!(stays(Duration::from_secs(2), || server.door().get("/hello").status == 200));
    let used = ticks(pid) - before;
    assert!(used < 20, "{used} ticks of CPU in two seconds of waiting for descriptors");
    drop(scale);
    // Some, and never enough: every step of a reload finds its own end.
    for few in [1, 2, 3, 4, 6] {
        limit_files(pid, free + few);
        refused(&server, "Too many open files");
    }
    let dead = server.worker_pids()[0];
    limit_files(pid, free);
    send(dead, Signal::SIGKILL);
    server.wait_log("its control socket cannot be made");
    server.get("/hello").expect(200);
    limit_files(pid, 1000);
    until("an answer to who has waited", || {
        let mut byte = [0];
        waits.read_exact(&mut byte).ok().filter(|()| byte == *b"H")
    });
    reloads(&server);
    assert!(stays(Duration::from_millis(100), || alive(pid)));
}

#[test]
fn a_limit_of_files_is_raised_as_far_as_it_goes_and_named_where_it_does_not() {
    let limited = |limit: &str| {
        let site = Site::probe();
        let (script, draft) = (site.dir.join("start"), site.dir.join("start.sh"));
        let master = paths::command("uswgi-master");
        let prlimit = paths::tool("prlimit");
        let text = format!(
            "#!/bin/sh\nexec '{}' --nofile={limit} '{}' \"$@\"\n",
            prlimit.display(),
            master.display()
        );
        fs::write(&draft, text).unwrap();
        process::install(&draft, &script);
        site.program(script)
    };
    let failure = limited("64:64").refused();
    assert_eq!(failure.code, Some(1));
    let why = "64 open files are too few, at least 102 have to be possible (max-fd, ulimit -n, LimitNOFILE=)";
    assert!(failure.text.contains(why), "{}", failure.text);
    reloads(&limited("64:1000").start());
}

/// The user of these processes may have so many, threads counted.
fn limit_processes(server: &Server, uid: u32, most: usize) {
    let mut prlimit = process::command(paths::tool("prlimit"));
    prlimit.uid(uid).gid(65534);
    prlimit.arg("--pid").arg(server.pid().to_string()).arg(format!("--nproc={most}:"));
    process::good(prlimit, PATIENCE);
}

#[test]
fn a_user_without_processes_keeps_what_it_has() {
    if lacks(Need::Root) {
        return;
    }
    // A user of its own: others of nobody would count.
    let uid = 2_000_000 + std::process::id();
    let site = as_nobody(Site::probe().home(&paths::public_venv())).run_as(uid, 65534);
    process::good(
        {
            let mut chown = process::command(paths::tool("chown"));
            chown.arg("-R").arg(uid.to_string()).arg(site.dir.path());
            chown
        },
        PATIENCE,
    );
    let mut server = site.option("workers", 2).start();
    limit_processes(&server, uid, 1);
    refused(&server, "Resource temporarily unavailable");
    // The template has its own limit: it can still fork. The master cannot, and a worker of the template comes.
    let dead = server.worker_pids()[0];
    send(dead, Signal::SIGKILL);
    until("two workers", || Some(server.worker_pids()).filter(|w| w.len() == 2 && !w.contains(&dead)));
    limit_processes(&server, uid, 10_000);
    reloads(&server);
    server.stop(Signal::SIGTERM);
}

#[test]
fn a_full_disk_refuses_a_pidfile_and_large_bodies_and_no_more() {
    if lacks(Need::Mounts) {
        return;
    }
    let site = Site::probe();
    let disk = site.dir.join("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = SmallDisk::new(&disk);
    let server = site.option("post-buffering", 4096).env("TMPDIR", disk.display()).start();
    let post = |bytes| server.ask(&Request::post_pattern("/digest", bytes));
    assert_eq!(post(30_000).expect(200).json()["size"], 30_000);
    post(500_000).expect(503);
    server.wait_log("cannot keep a request body on disk (post-buffering): No space left on device");
    // What was taken for it is given back.
    assert_eq!(post(30_000).expect(200).json()["size"], 30_000);
    let _ = fs::write(disk.join("filler"), vec![0; 128 * 1024]);
    post(100_000).expect(503);
    server.get("/hello").expect(200);
    let pidfile = disk.join("late.pid").display().to_string();
    let failure = Site::probe().option("safe-pidfile", &pidfile).refused();
    assert!(
        failure.text.contains("cannot write pidfile") && failure.text.contains("No space left"),
        "{failure:?}"
    );
    assert_eq!((failure.code, failure.left), (Some(1), vec![]));
    assert!(!Path::new(&pidfile).exists(), "half a pidfile is left");
    drop(server);
    drop(mounted);
}

#[test]
fn the_oom_killer_takes_a_worker_and_its_request_alone() {
    if lacks(Need::Root) || lacks(Need::MemoryGroups) {
        return;
    }
    let eat = "from probe import application as probe\nkept = []\ndef application(e, s):\n\
               \x20   while e['PATH_INFO'] == '/eat':\n        kept.append(b'x' * (1 << 20))\n    return probe(e, s)\n";
    let group = MemoryGroup::new(96 << 20).unwrap();
    let site = Site::probe().source("eats.py", eat).without("module").option("module", "eats");
    let mut server = site.option("workers", 2).start();
    let before = server.worker_pids();
    before.iter().for_each(|pid| group.add(*pid));
    assert!(server.door().try_ask(&Request::get("/eat")).is_err(), "the kernel has taken it");
    server.wait_log("was killed by SIGKILL");
    let now = until("two workers", || Some(server.worker_pids()).filter(|w| w.len() == 2 && *w != before));
    assert!(now.iter().any(|pid| before.contains(pid)), "the other one stays: {before:?} {now:?}");
    server.get("/hello").expect(200);
    server.stop(Signal::SIGTERM);
}

#[test]
fn an_emperor_without_descriptors_does_not_spin_on_who_asks_for_numbers() {
    let mut realm = Realm::new();
    let port = paths::free_port();
    realm.rule(&["--emperor-stats", &format!("127.0.0.1:{port}")]);
    realm.wait_log("emperor of");
    let mut waits = until("its statistics", || Address::Port(port).connect().ok());
    let mut text = String::new();
    waits.read_to_string(&mut text).unwrap();
    let pid = realm.pid();
    limit_files(pid, none_free(pid));
    let mut waits = Address::Port(port).connect().unwrap();
    let before = ticks(pid);
    assert!(stays(Duration::from_secs(1), || alive(pid)));
    let used = ticks(pid) - before;
    assert!(used < 15, "{used} ticks of CPU in a second of waiting for descriptors");
    limit_files(pid, 1000);
    text.clear();
    waits.read_to_string(&mut text).unwrap();
    assert!(text.contains("\"vassals\""), "{text}");
    realm.stop();
}
