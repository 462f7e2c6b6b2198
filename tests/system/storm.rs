//! Reloads in a row and all at once: nothing is lost, nothing is left behind, and the last one counts.

use nix::sys::signal::Signal;
use std::fs;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use uswgi_proto::scoreboard::{InstanceState, Outcome};
use uswgi_tests::{Load, Server, Site, until};

/// As little as an application can be: what is reloaded here is the server.
const APP: &str = "VERSION = b'one'\ndef application(e, s):\n\
    \x20   s('200 OK', [('Content-Length', str(len(VERSION)))])\n    return [VERSION]\n";

fn site() -> Site {
    Site::probe()
        .source("small.py", APP)
        .without("module")
        .option("module", "small")
        .option("workers", 2)
        .option("reload-mercy", 20)
        .option("disable-logging", "true")
}

fn version(server: &Server, version: &str) {
    // Renamed into place: a reload never meets half a file.
    let text = APP.replace("'one'", &format!("'{version}'"));
    fs::write(server.dir.join("app/small.new"), text).unwrap();
    let _ = fs::remove_dir_all(server.dir.join("app/__pycache__"));
    fs::rename(server.dir.join("app/small.new"), server.dir.join("app/small.py")).unwrap();
}

fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.pid())).map_or(0, Iterator::count)
}

fn quiet(server: &Server) {
    until("the end of every reload and of every old worker", || {
        let h = server.instance()?;
        let h = h.board.header();
        let over = h.reloads_started.load(Relaxed) == h.reloads_done.load(Relaxed);
        let running = h.state.load(Relaxed) == InstanceState::Running as u32;
        (over && running && server.workers().len() == 2 && server.worker_pids().len() == 2).then_some(())
    });
}

fn many_reloads(site: Site, reloads: u64, processes: usize) {
    let server = site.start();
    let before = descriptors(&server);
    let load = Load::start(&server.doors(), 1, "/");
    load.wait_more(20);
    for n in 1..=reloads {
        server.reload();
        let instance = server.instance().unwrap();
        let h = instance.board.header();
        assert_eq!(h.reloads_done.load(Relaxed), n);
        assert_eq!(h.last_outcome.load(Relaxed), Outcome::Ok as u32, "reload {n}");
    }
    load.wait_more(20);
    let seen = load.stop();
    let failures = &seen.failures;
    assert!(failures.is_empty(), "{} of {}: {:?}", failures.len(), seen.good(), failures.first());
    assert_eq!(seen.cut, 0, "kept connections were cut");
    quiet(&server);
    assert!(server.workers().iter().all(|w| w.generation == reloads + 1), "{:?}", server.workers());
    until("the end of all others", || (server.family().len() == processes).then_some(()));
    assert!(
        descriptors(&server) <= before + 2,
        "{before} descriptors before, {} after",
        descriptors(&server)
    );
}

#[test]
fn two_hundred_reloads_in_a_row_lose_nothing() {
    // The master, its template, two workers.
    many_reloads(site(), 200, 4);
}

#[test]
fn forty_reloads_in_a_row_with_lazy_apps_lose_nothing() {
    many_reloads(site().option("lazy-apps", "true"), 40, 3);
}

#[test]
fn a_hundred_hups_in_a_second_are_a_few_reloads_and_the_last_one_counts() {
    for lazy in ["false", "true"] {
        let server = site().option("lazy-apps", lazy).start();
        let load = Load::start(&server.doors(), 1, "/");
        load.wait_more(20);
        let begin = Instant::now();
        for n in 1..=100u32 {
            version(&server, &format!("v{n}"));
            server.signal(Signal::SIGHUP);
            let next = begin + n * Duration::from_millis(10);
            std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
        }
        // The last signal may not have been read yet.
        until("the last version", || {
            quiet(&server);
            server.doors().iter().all(|door| door.get("/").expect(200).text() == "v100").then_some(())
        });
        let seen = load.stop();
        assert!(seen.failures.is_empty(), "{:?}", seen.failures.first());
        let done = server.reloads_done();
        assert!((2..60).contains(&done), "{done} reloads for 100 signals");
        for _ in 0..10 {
            assert_eq!(server.get("/").expect(200).text(), "v100");
        }
    }
}
