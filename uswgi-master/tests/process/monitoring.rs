//! Stats, service manager.

use crate::harness::{Master, PATIENCE, config};
use std::io::Read;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::atomic::Ordering::Relaxed;

#[test]
fn stats_are_uwsgis_keys_and_a_slow_client_delays_nobody() {
    let m = Master::serving(&config("stats = stats"));
    let _silent: Vec<UnixStream> = (0..40).map(|_| UnixStream::connect(m.path("stats")).unwrap()).collect();
    m.answer();
    drop(_silent);
    let mut text = String::new();
    let mut s = UnixStream::connect(m.path("stats")).unwrap();
    s.set_read_timeout(Some(PATIENCE)).unwrap();
    s.read_to_string(&mut text).unwrap();
    let v: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(v["pid"], m.pid());
    assert_eq!(v["workers"].as_array().unwrap().len(), 2);
    assert_eq!(v["workers"][1]["id"], 2);
    assert_eq!(v["sockets"][0]["name"], "s");
    assert!(text.contains("\n\t\"listen_queue\""), "indented with tabs");
    drop(s);
    m.stop();
}

/// What the service manager is told next.
fn heard(socket: &UnixDatagram) -> String {
    let mut b = [0; 4096];
    let n = socket.recv(&mut b).unwrap();
    String::from_utf8_lossy(&b[..n]).into_owned()
}

#[test]
fn the_watchdog_is_fed_only_while_a_worker_answers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = || heard(&socket);
    let until = |text: &str| while !hear().contains(text) {};
    let mut m = Master::with(&config(""), |c| {
        c.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    });
    until("READY=1");
    (0..5).for_each(|_| until("WATCHDOG=1"));
    // All workers are stopped: the loop turns, and nobody serves.
    let board = m.instance().board;
    let slots = (0..board.worker_capacity()).filter_map(|s| board.worker(s));
    let workers: Vec<i32> = slots.map(|w| w.pid.load(Relaxed)).filter(|p| *p > 0).collect();
    assert_eq!(workers.len(), 2);
    workers.iter().for_each(|&pid| crate::harness::kill(pid, libc::SIGSTOP));
    until("STATUS=no worker answers");
    m.line("no worker answers");
    // Not a word for longer than the period.
    socket.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
    assert!(socket.recv(&mut [0; 64]).is_err());
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // One is enough.
    crate::harness::kill(workers[1], libc::SIGCONT);
    until("WATCHDOG=1");
    m.line("a worker answers again");
    crate::harness::kill(workers[0], libc::SIGCONT);
    m.signal(libc::SIGTERM);
    until("STOPPING=1");
    assert_eq!(m.end().code(), Some(0));
}

#[test]
fn the_service_manager_hears_what_happens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = || heard(&socket);
    let mut m = Master::with(&config(""), |c| {
        c.env("NOTIFY_SOCKET", &path);
    });
    let ready = hear();
    assert!(ready.contains("READY=1") && ready.contains(&format!("MAINPID={}", m.pid())), "{ready}");
    m.signal(libc::SIGHUP);
    let reloading = hear();
    assert!(reloading.contains("RELOADING=1") && reloading.contains("MONOTONIC_USEC="), "{reloading}");
    assert!(hear().contains("READY=1"));
    m.signal(libc::SIGTERM);
    assert!(hear().contains("STOPPING=1"));
    assert_eq!(m.end().code(), Some(0));
}
