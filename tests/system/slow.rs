//! `slow-request` and `uswgi-ctl slow`: where the time of slow requests went; `uswgi-ctl advise` on a load that is made.

use serde_json::Value;
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};
use uswgi_proto::exit::Exit;
use uswgi_tests::server::Door;
use uswgi_tests::{Request, Server, Site, paths, until};

const APP: &str = r#"
import time

def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass

def pieces():
    for _ in range(200):
        yield b"x" * 65536

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/wait"):
        time.sleep(0.8)
    elif path.startswith("/spin"):
        spin(0.8)
    elif path.startswith("/short"):
        spin(0.01)
    elif path == "/body":
        environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return pieces() if path == "/large" else [b"ok"]
"#;

fn site() -> Site {
    let mut site = Site::new().source("app.py", APP).home(&paths::pythons()[0].1).http();
    let chdir = site.dir.join("app");
    site = site.option("chdir", chdir.display());
    site.option("module", "app")
}

#[track_caller]
fn json(server: &Server, args: &[&str]) -> Value {
    let out = server.ctl(&[&["--json"], args].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// The request to this URI, once it is written down.
#[track_caller]
fn slow(server: &Server, uri: &str) -> Value {
    until(uri, || {
        let all = json(server, &["slow", "--count", "100"]);
        all["requests"].as_array().unwrap().iter().find(|r| r["uri"] == uri).cloned()
    })
}

/// Most of its time is of that phase.
#[track_caller]
fn mostly(r: &Value, phase: &str) {
    let (total, of) = (r["total_us"].as_u64().unwrap(), r["phases"][format!("{phase}_us")].as_u64());
    assert!(of.is_some_and(|us| us * 2 > total && us <= total), "{phase}: {r}");
    let sum: u64 = r["phases"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(n, _)| *n != "queue_us")
        .filter_map(|(_, us)| us.as_u64())
        .sum();
    assert!(sum <= total + 10, "{r}");
}

#[test]
fn the_phases_of_slow_requests_are_those_that_they_had() {
    if paths::original().is_some() {
        return;
    }
    let server = site().option("threads", 4).option("slow-request", 400).start();
    assert!(
        String::from_utf8_lossy(&server.ctl(&["slow"]).stdout)
            .contains("no request of at least 400 ms (slow-request) ended")
    );
    let door = server.door();
    door.get("/quick").expect(200);
    door.get("/wait/17?x=1").expect(200);
    let waited = slow(&server, "/wait/17?x=1");
    mostly(&waited, "waiting");
    assert_eq!(
        (&waited["status"], &waited["method"], &waited["worker"]),
        (&200.into(), &"GET".into(), &1.into())
    );
    // A client that sends its body late, and one that reads its answer late.
    let Door::Http(address) = server.door() else { panic!("no HTTP") };
    let mut body = address.connect().unwrap();
    body.write_all(b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegin").unwrap();
    let mut large = server.door().sent(&Request::get("/large"));
    let begun = Instant::now();
    until("both are in the application for long enough", || {
        let s = json(&server, &["workers"]);
        let threads = s[0]["threads"].as_array().unwrap();
        let long = threads.iter().filter(|t| t["busy_us"].as_u64() > Some(900_000)).count();
        (long == 2).then_some(())
    });
    body.write_all(&vec![0; 1_000_000 - 5]).unwrap();
    let mut answer = Vec::new();
    large.read_to_end(&mut answer).unwrap();
    mostly(&slow(&server, "/body"), "input");
    let sent = slow(&server, "/large");
    assert!(sent["phases"]["sending_us"].as_u64() > Some(300_000), "{sent} after {:?}", begun.elapsed());
    // Nothing else is slow, and all are counted.
    let all = json(&server, &["slow"]);
    assert_eq!((all["found"].as_u64(), all["slow_request_ms"].as_u64()), (Some(3), Some(400)), "{all}");
    let numbers = String::from_utf8(server.ctl(&["metrics"]).stdout).unwrap();
    assert!(numbers.contains("\nuswgi_slow_requests_total 3\n"), "{numbers}");
    assert!(numbers.contains("\nuswgi_slow_request_phase_seconds_count{phase=\"input\"} "), "{numbers}");
    let text = String::from_utf8(server.ctl(&["slow"]).stdout).unwrap();
    assert!(text.contains("3 requests of at least 400 ms") && text.contains("GET /wait/17?x=1"), "{text}");
    assert!(text.contains("in all  GET /wait/*, mostly waiting ("), "{text}");
    let last = json(&server, &["slow", "--since", "0"]);
    assert_eq!(last["found"], 0);
}

#[test]
fn threads_that_compute_wait_for_the_gil_and_the_last_time_is_kept_by_the_instance() {
    if paths::original().is_some() {
        return;
    }
    let mut server = site().option("threads", 4).start();
    let mut follow = server
        .ctl_command(&["--json", "slow", "--follow", "--count", "4"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let all: Vec<_> = (0..4).map(|i| server.door().ask_later(Request::get(&format!("/spin/{i}")))).collect();
    all.into_iter().for_each(|a| drop(a.join().unwrap().unwrap().expect(200)));
    let seen: Vec<Value> = (0..4).map(|i| slow(&server, &format!("/spin/{i}"))).collect();
    let sum = |phase: &str| seen.iter().filter_map(|r| r["phases"][phase].as_u64()).sum::<u64>();
    let total: u64 = seen.iter().filter_map(|r| r["total_us"].as_u64()).sum();
    assert!(sum("gil_us") * 4 > total, "{seen:?}");
    assert!(sum("waiting_us") * 4 < total, "{seen:?}");
    let mut text = String::new();
    follow.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(follow.wait().unwrap().success());
    let lines: Vec<Value> = text.lines().map_while(|l| serde_json::from_str(l).ok()).collect();
    assert!(
        lines.len() >= 4 && lines[..4].iter().all(|r| r["uri"].as_str().unwrap().starts_with("/spin/")),
        "{text}"
    );
    // The worker that wrote them has gone.
    server.reload();
    assert_eq!(json(&server, &["slow"])["found"], 4);
    server.stop(nix::sys::signal::Signal::SIGTERM);
}

#[test]
fn zero_writes_nothing_down_and_greenlets_are_seen_too() {
    if paths::original().is_some() {
        return;
    }
    let server = site().option("slow-request", 0).start();
    server.get("/wait").expect(200);
    let text = String::from_utf8(server.ctl(&["slow"]).stdout).unwrap();
    assert_eq!(text, "nothing is written down: slow-request is 0\n");
    let green = "import gevent\ndef application(environ, start_response):\n    gevent.sleep(0.8)\n    start_response('200 OK', [])\n    return [b'ok']\n";
    let server = site().home(&paths::engines()).source("app.py", green).option("gevent", 4).start();
    let both = [server.door().ask_later(Request::get("/1")), server.door().ask_later(Request::get("/2"))];
    both.into_iter().for_each(|a| drop(a.join().unwrap().unwrap().expect(200)));
    mostly(&slow(&server, "/1"), "waiting");
    mostly(&slow(&server, "/2"), "waiting");
}

#[test]
fn advice_follows_from_the_load_that_is_there_and_none_from_silence() {
    if paths::original().is_some() {
        return;
    }
    let server = site().option("threads", 4).start();
    let silent = json(&server, &["advise", "--seconds", "1"]);
    assert_eq!((&silent["enough"], &silent["advice"]), (&false.into(), &serde_json::json!([])), "{silent}");
    let text = String::from_utf8(server.ctl(&["advise", "--seconds", "0.2"]).stdout).unwrap();
    assert!(text.contains("no advice: 0 requests are too few"), "{text}");
    // Threads that compute wait for each other.
    let stop = std::sync::atomic::AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    server.get("/short").expect(200);
                }
            });
        }
        let begun = Instant::now();
        let found = loop {
            let seen = json(&server, &["advise", "--seconds", "4"]);
            let rules: Vec<String> = seen["advice"]
                .as_array()
                .unwrap()
                .iter()
                .map(|a| a["rule"].as_str().unwrap().into())
                .collect();
            if rules.iter().any(|r| r == "gil") || begun.elapsed() > Duration::from_secs(60) {
                break seen;
            }
        };
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        found
    });
    let advice = seen["advice"].as_array().unwrap();
    let of = |rule: &str| advice.iter().find(|a| a["rule"] == rule);
    assert!(of("gil").is_some_and(|a| a["change"].as_str().unwrap().starts_with("threads = 2")), "{seen}");
    assert!(
        of("no-harakiri").is_some_and(|a| a["change"].as_str().unwrap().starts_with("harakiri = ")),
        "{seen}"
    );
    assert!(of("memory-grows").is_none() && of("too-many").is_none(), "{seen}");
    let nobody = server.ctl(&["advise", "--seconds", "x"]);
    assert_eq!(nobody.status.code(), Some(Exit::Usage.code()));
}
