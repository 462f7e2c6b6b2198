//! kill -9 of a worker, of the template, of the master: what is lost, and what goes on.

use nix::sys::signal::Signal;
use std::fs;
use uswgi_tests::process::{alive, send};
use uswgi_tests::{Load, Site, until};

#[test]
fn kill_9_of_workers_under_load_loses_only_what_was_inside() {
    let server = Site::probe().option("workers", 3).start();
    let load = Load::start(&server.doors(), 2, "/pid");
    let mut kills = 0;
    // Who dies soon after its start comes back ever more slowly, so a few kills are enough.
    for _ in 0..4 {
        load.wait_more(50);
        let Some(&pid) = server.worker_pids().first() else { continue };
        send(pid, Signal::SIGKILL);
        kills += 1;
        until("the dead to be replaced", || (!server.worker_pids().contains(&pid)).then_some(()));
        until("three workers", || (server.worker_pids().len() == 3).then_some(()));
    }
    let seen = load.stop();
    // A worker with one thread holds one request, and the kept connections that were parked in it.
    let most = kills * 3;
    assert!(
        seen.failures.len() <= most,
        "{} lost by {kills} kills: {:?}",
        seen.failures.len(),
        seen.failures
    );
    assert!(kills > 0 && seen.good() > 150);
}

#[test]
fn kill_9_of_the_template_stops_neither_respawns_nor_reloads() {
    let server = Site::probe().option("workers", 2).start();
    let template = server.template().expect("a template");
    send(template, Signal::SIGKILL);
    until("its end", || (!alive(template)).then_some(()));
    let dead = server.worker_pids()[0];
    send(dead, Signal::SIGKILL);
    until("a new worker", || {
        let now = server.worker_pids();
        (now.len() == 2 && !now.contains(&dead)).then_some(())
    });
    server.get("/hello").expect(200);
    if let Some(template) = server.template() {
        send(template, Signal::SIGKILL);
    }
    assert_eq!(server.ctl(&["reload", "--wait"]).status.code(), Some(0));
    server.get("/hello").expect(200);
}

/// 30 s later the master would find out by itself that the template hangs.
#[test]
fn a_reload_helps_at_once_where_the_template_hangs() {
    let server = Site::probe().option("workers", 2).start();
    let template = server.template().expect("a template");
    send(template, Signal::SIGSTOP);
    send(server.worker_pids()[0], Signal::SIGKILL);
    server.wait_log("a new one starts");
    let output = server.ctl(&["reload", "--wait", "--timeout", "20"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}\n{}", server.log());
    assert_eq!(server.worker_pids().len(), 2);
    until("the end of the old template", || (!alive(template)).then_some(()));
    server.get("/hello").expect(200);
}

#[test]
fn kill_9_of_the_master_ends_all_and_the_next_start_binds() {
    let mut server = Site::probe().option("workers", 2).option("vacuum", "true").start();
    let (http, socket) = (server.http.clone().unwrap(), server.dir.join("uwsgi.sock"));
    let family = server.family();
    assert!(family.len() >= 4, "master, template, two workers: {family:?}");
    server.signal(Signal::SIGKILL);
    server.wait_gone();
    assert!(http.connect().is_err(), "the port is free");
    assert!(socket.exists() && server.dir.join("uwsgi.pid").exists(), "what a kill -9 leaves");
    // The same configuration again: the dead socket and the stale pidfile are replaced.
    let text = fs::read_to_string(server.dir.join("uwsgi.ini")).unwrap();
    let mut again = Site::new().without("pidfile");
    for line in text.lines().filter_map(|l| l.split_once(" = ")) {
        again = again.option(line.0, line.1);
    }
    let mut again = again.at_http(http).start();
    again.get("/hello").expect(200);
    assert_eq!(fs::read_to_string(server.dir.join("uwsgi.pid")).unwrap(), format!("{}\n", again.pid()));
    again.stop(Signal::SIGTERM);
    assert!(!socket.exists() && !server.dir.join("uwsgi.pid").exists());
}

#[test]
fn an_idle_instance_uses_no_cpu() {
    let server = Site::probe().option("workers", 2).option("threads", 4).start();
    server.get("/hello").expect(200);
    let ticks = || -> u64 { server.family().iter().map(|&pid| uswgi_tests::process::ticks(pid)).sum() };
    let before = ticks();
    uswgi_tests::wait::stays(std::time::Duration::from_secs(5), || true);
    let used = ticks() - before;
    assert!(used <= 3, "{used} ticks of CPU in five idle seconds");
}
