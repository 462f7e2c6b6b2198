//! Numbers of workers that change while it runs: cheaper, cheap, idle.

use nix::sys::signal::Signal;
use std::time::Duration;
use uswgi_tests::authority::Authority;
use uswgi_tests::http::Connection;
use uswgi_tests::process::alive;
use uswgi_tests::request::Address;
use uswgi_tests::server::Door;
use uswgi_tests::wait::stays;
use uswgi_tests::{Load, Request, Server, Site, paths, until};

fn cheaper(workers: u32, min: u32) -> Site {
    Site::probe()
        .option("workers", workers)
        .option("cheaper", min)
        .option("cheaper-overload", 1)
        .option("reload-mercy", 20)
        .option("http-keepalive", 120)
}

fn ready(server: &Server, n: usize) -> Vec<i32> {
    until(&format!("{n} workers"), || Some(server.worker_pids()).filter(|pids| pids.len() == n))
}

/// Nobody is left, and the master knows.
fn asleep(server: &Server) {
    until("the end of the last worker", || server.workers().is_empty().then_some(()));
}

fn good(load: Load) {
    let seen = load.stop();
    assert!(seen.failures.is_empty(), "{:?}", &seen.failures[..seen.failures.len().min(5)]);
    assert!(seen.good() > 0);
}

#[test]
fn cheaper_follows_the_load_and_takes_no_busy_worker_down() {
    let server = cheaper(3, 1).start();
    let first = ready(&server, 1)[0];
    let address = server.http.clone().unwrap();
    let mut kept = Connection::open(&address).unwrap();
    kept.ask(&Request::get("/hello")).unwrap().expect(200);
    let mut replies = vec![server.door().ask_later(Request::get("/hold?name=a"))];
    assert_eq!(server.held("a"), first);
    // Up, one by one, while every worker is busy.
    for (name, n) in [("b", 2), ("c", 3)] {
        ready(&server, n);
        replies.push(server.door().ask_later(Request::get(&format!("/hold?name={name}"))));
        server.held(name);
    }
    assert!(stays(Duration::from_secs(3), || server.workers().len() == 3), "never more than workers");
    // The kept connection belongs to a busy worker: it is served elsewhere once somebody has time.
    for name in ["b", "c"] {
        server.let_go(name);
    }
    kept.ask(&Request::get("/hello")).unwrap().expect(200);
    // Down to two (one of them idle), and the busy one stays.
    ready(&server, 2);
    assert!(stays(Duration::from_secs(3), || server.worker_pids().len() == 2 && alive(first)));
    server.let_go("a");
    for reply in replies {
        reply.join().unwrap().unwrap().expect(200);
    }
    ready(&server, 1);
    kept.ask(&Request::get("/hello")).expect("a kept connection outlives its worker").expect(200);
    let log = server.log();
    assert!(log.contains("cheaper: 3 workers wanted, 2 before"), "{log}");
    assert!(!log.contains("killed"), "{log}");
}

fn load_and_reload(site: Site) {
    let server = site.start();
    for _ in 0..2 {
        let load = Load::start(&server.doors(), 3, "/sleep?s=0.02");
        until("more workers", || (server.worker_pids().len() > 1).then_some(()));
        assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
        load.wait_more(50);
        good(load);
        ready(&server, 1);
        assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
        assert_eq!(server.worker_pids().len(), 1, "a reload does not bring them back");
    }
}

#[test]
fn cheaper_under_load_with_reloads_loses_nothing() {
    load_and_reload(cheaper(3, 1));
}

#[test]
fn cheaper_with_lazy_apps_under_load_with_reloads_loses_nothing() {
    load_and_reload(cheaper(3, 1).option("lazy-apps", "true"));
}

/// The only worker is busy: four connections bring a second one, which serves them.
fn one_comes_for_those_who_wait(server: &Server) {
    let waiting: Vec<_> = (0..4).map(|_| server.door().ask_later(Request::get("/hello"))).collect();
    ready(server, 2);
    for reply in waiting {
        reply.join().unwrap().unwrap().expect(200);
    }
}

#[test]
fn the_backlog_algorithm_sees_who_waits() {
    let server = cheaper(2, 1).option("cheaper-algo", "backlog").start();
    ready(&server, 1);
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    assert!(stays(Duration::from_secs(3), || server.worker_pids().len() == 1), "nobody waits");
    one_comes_for_those_who_wait(&server);
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
    ready(&server, 1);
}

#[test]
fn busyness_follows_the_average_load_and_loses_nothing() {
    let options = [("multiplier", "2"), ("max", "60"), ("min", "40"), ("verbose", "true")];
    let site =
        options.iter().fold(cheaper(3, 1).option("cheaper-algo", "busyness"), |site, (name, value)| {
            site.option(&format!("cheaper-busyness-{name}"), value)
        });
    let server = site.start();
    ready(&server, 1);
    // A request that does not end counts while it runs, although nobody waits.
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    let first = server.held("a");
    ready(&server, 2);
    assert!(stays(Duration::from_secs(3), || server.workers().len() == 2), "one of two is 50 %");
    let load = Load::start(&server.doors(), 6, "/sleep?s=0.05");
    ready(&server, 3);
    load.wait_more(100);
    good(load);
    // An idle one goes, and the busy one stays.
    ready(&server, 2);
    assert!(stays(Duration::from_secs(3), || server.worker_pids().len() == 2 && alive(first)));
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
    ready(&server, 1);
    let log = server.log();
    assert!(log.contains("of 2 such periods until a worker goes"), "{log}");
    assert!(log.contains("cheaper: 3 workers wanted, 2 before") && !log.contains("killed"), "{log}");
}

#[test]
fn busyness_has_emergency_workers_for_connections_that_wait() {
    let server = cheaper(2, 1)
        .option("cheaper-algo", "busyness")
        .option("cheaper-overload", 600)
        .option("cheaper-busyness-backlog-alert", 2)
        .start();
    ready(&server, 1);
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    one_comes_for_those_who_wait(&server);
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
}

#[test]
fn cheap_waits_for_the_first_connection_on_any_socket() {
    for door in 0..2 {
        let server = Site::probe().option("workers", 2).option("cheap", "true").start();
        assert!(server.workers().is_empty());
        assert!(server.template().is_some(), "the app is loaded");
        assert!(stays(Duration::from_millis(500), || server.workers().is_empty()));
        server.doors()[door].get("/hello").expect(200);
        ready(&server, 2);
    }
}

#[test]
fn idle_ends_the_workers_and_every_connection_brings_them_back() {
    let mut server = Site::probe().option("workers", 2).option("idle", 1).option("vacuum", "true").start();
    for n in 0..4 {
        asleep(&server);
        server.doors()[n % 2].get("/hello").expect(200);
    }
    asleep(&server);
    // Whoever sends requests only where it is ready must not keep it asleep for ever.
    assert_eq!(server.ctl(&["ping"]).status.code(), Some(0));
    // It reloads in its sleep.
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    assert!(server.workers().is_empty());
    assert_eq!(server.get("/hello").expect(200).status, 200);
    assert!(server.workers().iter().all(|w| w.generation == 2));
    asleep(&server);
    // And it uses nothing.
    let ticks = || -> u64 { server.family().iter().map(|&pid| uswgi_tests::process::ticks(pid)).sum() };
    let before = ticks();
    stays(Duration::from_secs(3), || true);
    assert!(ticks() - before <= 3, "{} ticks", ticks() - before);
    server.stop(Signal::SIGTERM);
    assert!(!server.dir.join("uwsgi.sock").exists());
}

/// A client of a front waits in what the front passes on, and no socket of a worker tells of it.
#[test]
fn clients_of_a_front_wake_it_after_every_sleep() {
    let ca = Authority::new();
    let ports: [u16; 2] = std::array::from_fn(|_| paths::free_port());
    let files = ca.sign("localhost");
    let server = Site::probe()
        .option("shared-socket", format!("127.0.0.1:{}", ports[1]))
        .option("workers", 2)
        .option("cheap", "true")
        .option("idle", 1)
        .option("https", format!("127.0.0.1:{},{files}", ports[0]))
        .option("https-socket", format!("=0,{files}"))
        .start();
    let doors = ports.map(|port| Door::Http(Address::Tls(ca.client(port, "localhost", None))));
    for n in 0..4 {
        asleep(&server);
        doors[n % 2].get("/hello").expect(200);
    }
    asleep(&server);
    // The next generation takes over in its sleep, and has the same front.
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    for door in &doors {
        asleep(&server);
        door.get("/hello").expect(200);
    }
}

/// What a reload promises and what ready means, while there is nobody who has the application.
#[test]
fn a_lazy_instance_that_sleeps_does_not_reload_to_an_app_that_does_not_load() {
    let server = Site::probe().option("workers", 2).option("idle", 1).option("lazy-apps", "true").start();
    asleep(&server);
    let app = server.dir.join("app/probe.py");
    let good = std::fs::read(&app).unwrap();
    std::fs::write(&app, "import nope\n").unwrap();
    let output = server.ctl(&["reload", "--wait"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("does not load") && said.contains("nope"), "{said}");
    std::fs::write(&app, good).unwrap();
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    asleep(&server);
    assert!(server.log().contains("generation 3 serves"), "{}", server.log());
    server.get("/hello").expect(200);
    assert!(server.workers().iter().all(|w| w.generation == 3));
}

/// What watches the sockets of a sleeping instance follows them from generation to generation.
#[test]
fn a_reload_in_its_sleep_leaves_the_sockets_watched_once_and_the_master_at_rest() {
    let server = Site::probe().option("workers", 1).option("cheap", "true").start();
    // Without a process the first generation is gone the moment the second one is in force.
    let template = server.template().unwrap();
    uswgi_tests::process::send(template, Signal::SIGKILL);
    server.wait_log("a new one starts when a worker is needed");
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    let log = server.log();
    assert!(!log.contains("cannot be watched"), "{log}");
    // The only worker is busy: who comes now waits, and is not the master's business.
    let waits: Vec<_> = server.doors().iter().map(|door| door.sent(&Request::get("/hello"))).collect();
    let ticks = || uswgi_tests::process::ticks(server.pid());
    let before = ticks();
    assert!(stays(Duration::from_secs(2), || ticks() - before < 50), "the master does not rest");
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
    drop(waits);
    server.get("/hello").expect(200);
}

#[test]
fn a_cheap_and_lazy_start_with_an_app_that_does_not_load_fails() {
    let site = Site::probe().option("cheap", "true").option("lazy-apps", "true");
    let failure = site.source("probe.py", "import nope\n").refused();
    assert_eq!(failure.code, Some(22), "{}", failure.text);
    assert!(failure.text.contains("nope"), "{}", failure.text);
    let server = Site::probe().option("cheap", "true").option("lazy-apps", "true").start();
    asleep(&server);
    server.get("/hello").expect(200);
}

#[test]
fn a_request_longer_than_idle_is_finished() {
    let server = Site::probe().option("idle", 1).option("reload-mercy", 20).start();
    let reply = server.door().ask_later(Request::get("/hold?name=a"));
    let pid = server.held("a");
    assert!(stays(Duration::from_secs(4), || alive(pid)));
    server.let_go("a");
    reply.join().unwrap().unwrap().expect(200);
    asleep(&server);
}

#[test]
fn nothing_is_lost_around_the_moment_of_sleep() {
    let server = Site::probe().option("idle", 1).start();
    let pause = |ms| std::thread::park_timeout(Duration::from_millis(ms));
    for n in 0..10 {
        // The look comes each second: from before it to after it.
        pause(1500 + 120 * n);
        for door in server.doors() {
            door.get("/hello").expect(200);
        }
    }
}

#[test]
fn die_on_idle_ends_the_instance() {
    let mut server =
        Site::probe().option("idle", 1).option("die-on-idle", "true").option("vacuum", "true").start();
    server.get("/hello").expect(200);
    assert_eq!(server.wait().code(), Some(0));
    server.wait_gone();
    assert!(!server.dir.join("uwsgi.sock").exists() && !server.dir.join("uwsgi.pid").exists());
}

#[test]
fn who_scales_beside_an_algorithm_is_told_that_it_goes_on() {
    let said = |algorithm: &str| {
        let server = cheaper(4, 1).option("cheaper-algo", algorithm).start();
        let out = server.ctl(&["scale", "3", "--wait"]);
        assert_eq!(out.status.code(), Some(0), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let part = "cheaper goes on from there, between 1 and 4";
    assert!(said("spare").contains(part));
    assert!(!said("manual").contains(part));
}

#[test]
fn cheaper_options_that_make_no_sense_are_said_and_all_workers_stay() {
    let server = Site::probe().option("workers", 2).option("cheaper", 2).start();
    assert_eq!(server.worker_pids().len(), 2);
    assert!(server.log().contains("cheaper (2) must be below workers (2)"), "{}", server.log());
}
