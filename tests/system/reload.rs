//! Reload: nothing is lost, and what does not load changes nothing.

use nix::sys::signal::Signal;
use std::fs;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use uswgi_proto::scoreboard::WorkerSlot;
use uswgi_tests::http::Connection;
use uswgi_tests::load::Seen;
use uswgi_tests::server::WorkerSeen;
use uswgi_tests::{Load, Need, Request, Server, Site, lacks, paths, until};

const APP: &str = "from probe import application as probe\nVERSION = 'one'\n\
    def application(e, s):\n    if e['PATH_INFO'] != '/version':\n        return probe(e, s)\n\
    \x20   s('200 OK', [('Content-Length', str(len(VERSION)))])\n    return [VERSION.encode()]\n";

/// A site whose answer to /version is written in its source.
fn site() -> Site {
    Site::probe()
        .source("site_app.py", APP)
        .without("module")
        .option("module", "site_app")
        .option("reload-mercy", 20)
}

/// New code on disk.
fn write(server: &Server, text: &str) {
    fs::write(server.dir.join("app/site_app.py"), text).unwrap();
    let _ = fs::remove_dir_all(server.dir.join("app/__pycache__"));
}

fn version(server: &Server, version: &str) {
    write(server, &APP.replace("'one'", &format!("'{version}'")));
}

fn nothing_lost(seen: &Seen) {
    assert!(
        seen.failures.is_empty(),
        "{} of {} failed: {:?}",
        seen.failures.len(),
        seen.good(),
        &seen.failures[..seen.failures.len().min(5)]
    );
}

#[test]
fn hup_serves_the_new_code() {
    let server = site().option("workers", 2).start();
    assert_eq!(server.get("/version").expect(200).text(), "one");
    version(&server, "two");
    assert_eq!(server.get("/version").text(), "one", "not before the reload");
    server.reload();
    for door in server.doors() {
        for _ in 0..10 {
            assert_eq!(door.get("/version").expect(200).text(), "two");
        }
    }
}

#[test]
fn ten_reloads_under_load_lose_nothing() {
    let server = site().option("workers", 2).option("threads", 2).start();
    let load = Load::start(&server.doors(), 3, "/version");
    load.wait_more(50);
    for n in 0..10 {
        version(&server, &format!("v{n}"));
        let out = server.ctl(&["reload", "--wait"]);
        assert_eq!(out.status.code(), Some(0), "{out:?}");
        // What `reload --wait` promises: from here on no worker of an older generation accepts.
        assert_eq!(server.doors()[1].get("/version").expect(200).text(), format!("v{n}"));
        load.wait_more(20);
    }
    let seen = load.stop();
    nothing_lost(&seen);
    assert!(seen.bodies.contains_key("one") && seen.bodies.contains_key("v9"), "{:?}", seen.bodies);
}

#[test]
fn a_reload_cuts_no_kept_connection() {
    let server = site().option("workers", 2).start();
    let address = server.http.clone().unwrap();
    let mut connections: Vec<_> =
        (0..8).map(|_| uswgi_tests::http::Connection::open(&address).unwrap()).collect();
    for c in &mut connections {
        c.ask(&Request::get("/version")).unwrap().expect(200);
    }
    version(&server, "two");
    server.reload();
    until("the old workers to be gone", || (server.workers().len() == 2).then_some(()));
    for c in &mut connections {
        assert_eq!(c.ask(&Request::get("/version")).expect("an idle connection survives").text(), "two");
    }
}

#[test]
fn half_a_chunk_holds_up_neither_a_reload_nor_the_connections_behind_it() {
    let server = site().option("workers", 1).option("socket-timeout", 5).start();
    let address = server.http.clone().unwrap();
    let board = |of: fn(&WorkerSlot) -> &AtomicU64| -> u64 {
        let board = server.instance().expect("an instance").board;
        (0..board.worker_capacity()).filter_map(|i| board.worker(i)).map(|w| of(w).load(Relaxed)).sum()
    };
    let mut stuck = Connection::open(&address).unwrap();
    stuck.send(b"POST /digest HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab").unwrap();
    let begin = Instant::now();
    until("the worker to wait for the chunk", || (board(|w| &w.bound) == 1).then_some(()));
    let mut behind = Connection::open(&address).unwrap();
    behind.send(b"GET /version HTTP/1.1\r\nHo").unwrap();
    // Accepted and answered after the one behind: the worker has that one too.
    assert_eq!(server.get("/version").expect(200).text(), "one");
    version(&server, "two");
    server.reload();
    until("the connection behind to be passed on", || (board(|w| &w.handed_over) > 0).then_some(()));
    behind.send(b"st: a\r\n\r\n").unwrap();
    assert_eq!(behind.reply("GET").unwrap().expect(200).text(), "two");
    // Without the bytes that are still to come: after socket-timeout, not after the minute that a whole request may take.
    assert_eq!(stuck.reply("POST").unwrap().status, 408);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(18), "{took:?}");
    until("the end of the old worker", || (server.workers().len() == 1).then_some(()));
}

#[test]
fn a_request_inside_is_finished_by_its_own_code() {
    let server = site().start();
    let reply = server.door().ask_later(Request::get("/hold?name=a"));
    let pid = server.held("a");
    version(&server, "two");
    server.reload();
    // The new code answers while the old worker still has its request.
    assert_eq!(server.get("/version").expect(200).text(), "two");
    assert!(uswgi_tests::process::alive(pid));
    server.let_go("a");
    assert_eq!(reply.join().unwrap().unwrap().expect(200).text(), format!("held by {pid}"));
    until("the end of the old worker", || (!uswgi_tests::process::alive(pid)).then_some(()));
}

#[test]
fn reload_mercy_ends_who_does_not_finish() {
    let server = site().without("reload-mercy").option("reload-mercy", 1).start();
    let reply = server.door().ask_later(Request::get("/hold?name=a"));
    let pid = server.held("a");
    server.reload();
    until("the end of the old worker", || (!uswgi_tests::process::alive(pid)).then_some(()));
    assert!(reply.join().unwrap().is_err());
    server.get("/version").expect(200);
}

fn broken_keeps_serving(site: Site) {
    let server = site.option("workers", 2).start();
    let before = server.worker_pids();
    write(&server, "import a_module_that_does_not_exist\n");
    let load = Load::start(&server.doors(), 2, "/version");
    load.wait_more(20);
    let out = server.ctl(&["reload", "--wait"]);
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("a_module_that_does_not_exist"), "the reason is told: {said}");
    load.wait_more(20);
    let seen = load.stop();
    nothing_lost(&seen);
    assert_eq!(seen.bodies.keys().collect::<Vec<_>>(), ["one"]);
    assert_eq!(server.worker_pids(), before, "the very same workers");
    // Mended, it reloads.
    version(&server, "mended");
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    assert_eq!(server.get("/version").text(), "mended");
}

#[test]
fn a_broken_app_leaves_the_old_one_serving() {
    broken_keeps_serving(site());
}

#[test]
fn a_broken_app_leaves_the_old_one_serving_with_lazy_apps() {
    broken_keeps_serving(site().option("lazy-apps", "true"));
}

#[test]
fn a_broken_app_leaves_the_old_one_serving_without_need_app() {
    broken_keeps_serving(site().option("need-app", "false"));
    broken_keeps_serving(site().option("need-app", "false").option("lazy-apps", "true"));
}

#[test]
fn without_need_app_a_broken_start_is_mended_by_a_reload() {
    let site = site().source("site_app.py", "raise RuntimeError('not yet')\n");
    let server = site.option("need-app", "false").start();
    server.get("/version").expect(500);
    let out = server.ctl(&["reload", "--wait"]);
    assert_eq!(out.status.code(), Some(1), "{out:?}");
    assert!(String::from_utf8_lossy(&out.stderr).contains("not yet"), "{out:?}");
    server.get("/version").expect(500);
    version(&server, "mended");
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    assert_eq!(server.get("/version").expect(200).text(), "mended");
}

#[test]
fn a_broken_configuration_leaves_the_old_one_serving() {
    let server = site().start();
    let before = server.worker_pids();
    let ini = server.dir.join("uwsgi.ini");
    let text = fs::read_to_string(&ini).unwrap();
    fs::write(&ini, format!("{text}workers = nonsense\n")).unwrap();
    let out = server.ctl(&["reload", "--wait"]);
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("workers"), "{said}");
    assert_eq!(server.worker_pids(), before);
    server.get("/version").expect(200);
}

#[test]
fn a_reload_takes_the_new_configuration() {
    let server = site().start();
    let ini = server.dir.join("uwsgi.ini");
    let text = fs::read_to_string(&ini).unwrap();
    let extra = paths::free_port();
    fs::write(&ini, format!("{text}workers = 3\nhttp-socket = 127.0.0.1:{extra}\n")).unwrap();
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    assert_eq!(server.worker_pids().len(), 3);
    let added = uswgi_tests::server::Door::Http(uswgi_tests::request::Address::Port(extra));
    added.get("/version").expect(200);
    for door in server.doors() {
        door.get("/version").expect(200);
    }
    // And back: a socket that is no longer named is no longer served.
    fs::write(&ini, &text).unwrap();
    assert_eq!(server.ctl(&["reload", "--wait", "--drain"]).status.code(), Some(0));
    assert_eq!(server.workers().len(), 1);
    assert!(added.try_ask(&Request::get("/version")).is_err());
    server.get("/version").expect(200);
}

#[test]
fn a_storm_of_hups_ends_with_the_last_code() {
    let server = site().option("workers", 2).start();
    let load = Load::start(&server.doors(), 1, "/version");
    for n in 0..10 {
        version(&server, &format!("s{n}"));
        server.signal(Signal::SIGHUP);
    }
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    assert_eq!(server.doors()[1].get("/version").text(), "s9");
    nothing_lost(&load.stop());
    until("two workers of one generation", || {
        let workers = server.workers();
        let same = |w: &WorkerSeen| w.generation == workers[0].generation;
        (workers.len() == 2 && workers.iter().all(same)).then_some(())
    });
}

#[test]
fn touch_reload_reloads() {
    let site = site();
    let touched = site.dir.join("hold/touch");
    fs::write(&touched, "").unwrap();
    let server = site.option("touch-reload", touched.display()).start();
    version(&server, "touched");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    fs::File::options().write(true).open(&touched).unwrap().set_modified(later).unwrap();
    until("the new code", || (server.get("/version").text() == "touched").then_some(()));
    // The new code serves a moment before the reload is counted.
    until("the end of the reload", || (server.reloads_done() == 1).then_some(()));
    // Its deletion is no touch.
    let done = 1;
    fs::remove_file(&touched).unwrap();
    assert!(
        uswgi_tests::wait::stays(std::time::Duration::from_millis(2500), || server.reloads_done() == done)
    );
}

#[test]
fn the_app_is_imported_once_without_lazy_apps_and_in_each_worker_with() {
    let counting = format!("{APP}\nfrom probe import note\nnote('imports', 'import')\n");
    for (lazy, expected) in [("false", 1), ("true", 3)] {
        let server =
            site().source("site_app.py", &counting).option("workers", 3).option("lazy-apps", lazy).start();
        let text = uswgi_tests::server::wait_file(&server.dir.join("hold/imports"));
        assert_eq!(text.lines().count(), expected, "lazy-apps = {lazy}");
        if lazy == "false" {
            // The hooks of os.register_at_fork ran once for each fork.
            assert_eq!(server.get("/python").json()["fork_hooks"]["child"], 1);
        }
    }
}

#[test]
fn a_lone_request_at_the_end_of_a_reload_is_not_forgotten() {
    // The kernel wakes one worker for a connection. When that one retires just then, nobody else may know of it,
    // and no later connection comes to wake them.
    let server = site().start();
    let door = server.doors()[1].clone();
    let instance = server.instance().unwrap();
    let done = || instance.board.header().reloads_done.load(std::sync::atomic::Ordering::Relaxed);
    for n in 0..100u64 {
        let before = done();
        server.signal(Signal::SIGHUP);
        // The moment matters, to microseconds: this loop looks without a pause.
        while done() == before {
            std::hint::spin_loop();
        }
        let begin = std::time::Instant::now();
        while begin.elapsed() < std::time::Duration::from_micros(n * 7) {
            std::hint::spin_loop();
        }
        door.get("/version").expect(200);
    }
}

#[test]
fn if_reload_holds_from_the_first_reload_on() {
    let server = site()
        .source("site_app.py", &APP.replace("'one'", "__import__('os').environ.get('SAID', 'nothing')"))
        .option("if-reload", "")
        .option("env", "SAID=reloaded")
        .option("endif", "")
        .start();
    assert_eq!(server.get("/version").expect(200).text(), "nothing");
    for _ in 0..2 {
        server.reload();
        assert_eq!(server.get("/version").expect(200).text(), "reloaded");
    }
}

/// Nice value of a process's first thread: field 19 (proc(5)), counted behind the name.
fn niceness(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(16)?.parse().ok()).unwrap()
}

/// The template goes before the workers, at the start and in each reload; they and what runs beside them are as nice as usual.
#[test]
fn the_template_is_less_nice_than_what_it_forks() {
    if lacks(Need::Root) {
        return;
    }
    assert_eq!(niceness(std::process::id() as i32), 0, "the tests are as nice as usual");
    let site = Site::probe().option("workers", 2).option("mules", 1).option("attach-daemon", "sleep 1000");
    let server = site.start();
    for round in 0..2 {
        let title = |pid: i32| {
            fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " ")
        };
        let of = |part: &str| server.family().into_iter().find(|&pid| title(pid).contains(part));
        let others = ["worker 1", "worker 2", "mule 1", "sleep 1000"];
        until("every process", || others.iter().all(|part| of(part).is_some()).then_some(()));
        assert_eq!(niceness(of("template").unwrap()), -10, "{round}");
        for pid in others.iter().map(|part| of(part).unwrap()) {
            assert_eq!(niceness(pid), 0, "{round}: {}", title(pid));
        }
        server.reload();
    }
}
