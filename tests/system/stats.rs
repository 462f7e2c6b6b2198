//! The scoreboard and the stats server, as monitoring reads them.

use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use uswgi_proto::exit::Exit;
use uswgi_tests::pty::Terminal;
use uswgi_tests::request::Address;
use uswgi_tests::wait::{PATIENCE, until};
use uswgi_tests::{Request, Server, Site, http, packet, paths, process};

fn status(server: &Server) -> Value {
    let out = server.ctl(&["status", "--json"]);
    assert_eq!(out.status.code(), Some(Exit::Ok.code()), "{out:?}");
    serde_json::from_slice(&out.stdout).unwrap()
}

fn read_all(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// A server with statistics over HTTP, and where.
fn with_http(site: Site) -> (Server, Address) {
    let port = paths::free_port();
    let site = site.option("stats", format!("127.0.0.1:{port}")).option("stats-http", "true");
    (site.start(), Address::Port(port))
}

fn page(at: &Address, target: &str) -> uswgi_tests::Reply {
    http::ask(at, &Request::get(target)).unwrap_or_else(|e| panic!("{target}: {e}"))
}

#[test]
fn an_answer_that_nobody_takes_is_a_write_error() {
    let server = Site::probe().option("socket-timeout", 1).start();
    let is = |n: u64| {
        until("the write error", || (status(&server)["totals"]["write_errors"] == n).then_some(()));
    };
    let ask = || {
        let mut stream = server.http.as_ref().unwrap().connect().unwrap();
        stream.write_all(b"GET /big?mb=30 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 100]).unwrap();
        stream
    };
    // The thread of the request is long free: one client leaves, one takes nothing.
    drop(ask());
    is(1);
    let _silent = ask();
    is(2);
}

#[test]
fn the_backlog_of_a_unix_socket_is_seen_without_the_master_and_warned_of() {
    let server = Site::probe().option("listen", 10).start();
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    let path = server.dir.join("uwsgi.sock");
    let mut waiting: Vec<UnixStream> = (0..9).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let packet = packet::packet(&packet::vars(&Request::get("/hello")));
    waiting.iter_mut().for_each(|s| s.write_all(&packet).unwrap());
    server.signal(Signal::SIGSTOP);
    let seen = status(&server);
    server.signal(Signal::SIGCONT);
    let socket = &seen["sockets"][0];
    assert_eq!((&socket["protocol"], &socket["max_queue"]), (&"uwsgi".into(), &10.into()), "{seen}");
    // The kernel's queue of a unix socket holds what nobody has accepted: all of them.
    assert_eq!(socket["queue"], 9, "{seen}");
    server.wait_log("the queue of ");
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
    for stream in waiting {
        assert!(read_all(stream).contains("200 OK"));
    }
    let after = status(&server);
    assert_eq!(
        (&after["sockets"][0]["queue"], &after["sockets"][0]["highest"]),
        (&0.into(), &9.into()),
        "{after}"
    );
}

#[test]
fn the_backlog_of_a_port_is_seen() {
    let server = Site::probe().option("listen", 50).start();
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    let Some(Address::Port(port)) = server.http else { panic!("no port") };
    let mut waiting: Vec<TcpStream> =
        (0..5).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    waiting.iter_mut().for_each(|s| s.write_all(b"GET /hello HTTP/1.0\r\n\r\n").unwrap());
    until("five waiting connections", || {
        let seen = status(&server);
        let of = |protocol: &str| {
            let all = seen["sockets"].as_array().unwrap();
            all.iter().find(|s| s["protocol"] == protocol).map(|s| s["queue"].as_u64().unwrap())
        };
        (of("http") == Some(5) && of("uwsgi") == Some(0)).then_some(())
    });
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
    waiting.into_iter().for_each(|s| drop(read_all(s)));
}

#[test]
fn a_live_request_is_shown_with_its_age_and_restarts_with_their_reasons() {
    let server = Site::probe().option("workers", 2).start();
    let held = server.door().ask_later(Request::post("/hold?name=a", "12345"));
    let pid = server.held("a");
    let seen = status(&server);
    let worker = seen["workers"].as_array().unwrap().iter().find(|w| w["pid"] == pid).unwrap();
    let thread = &worker["threads"][0];
    assert_eq!(
        (&thread["request"]["method"], &thread["request"]["uri"]),
        (&"POST".into(), &"/hold?name=a".into())
    );
    assert_eq!(thread["request"]["body_in"], 5);
    assert!(thread["busy_us"].as_u64().unwrap() > 0 && worker["rss"].as_u64().unwrap() > 1 << 20, "{worker}");
    assert!(worker["cpu_user_us"].is_u64() && worker["vsz"].as_u64() > worker["rss"].as_u64(), "{worker}");
    server.let_go("a");
    held.join().unwrap().unwrap().expect(200);
    assert_eq!(server.ctl(&["kill", "1"]).status.code(), Some(0));
    until("the restart of worker 1", || {
        let seen = status(&server);
        let first =
            seen["workers"].as_array()?.iter().find(|w| w["id"] == 1 && w["state"] == "ready")?.clone();
        (first["last_restart"] == "signal" && first["last_end"] == "signal 9").then_some(())
    });
    server.reload();
    let seen = status(&server);
    assert_eq!((&seen["restarts"]["signal"], &seen["restarts"]["reload"]), (&1.into(), &2.into()), "{seen}");
    // What the gone ones did is still counted.
    assert_eq!(seen["totals"]["by_class"]["2xx"], 1, "{seen}");
    assert!(seen["latency_us"]["p99"].is_u64(), "{seen}");
}

#[test]
fn one_port_has_statistics_metrics_and_health() {
    let (server, at) = with_http(Site::probe().option("threads", 2));
    server.get("/hello").expect(200);
    server.get("/raise_before").expect(500);
    // The books are closed a moment after the answer.
    let json = until("the second request in the statistics", || {
        let json = page(&at, "/").expect(200);
        (json.json()["uswgi"]["totals"]["by_class"]["5xx"] == 1).then_some(json)
    });
    assert_eq!(json.header("Content-Type"), Some("application/json"));
    let v = json.json();
    assert_eq!(v["pid"], server.pid());
    assert_eq!((&v["workers"][0]["requests"], &v["workers"][0]["exceptions"]), (&2.into(), &1.into()), "{v}");
    assert_eq!(v["workers"][0]["apps"][0]["requests"], 2);
    page(&at, "/healthz").expect(200);
    page(&at, "/readyz").expect(200);
    http::ask(&at, &Request::post("/", "x")).unwrap().expect(405);
    assert_eq!(server.ctl(&["pause"]).status.code(), Some(0));
    page(&at, "/healthz").expect(200);
    let not = page(&at, "/readyz").expect(503);
    assert_eq!(not.text(), "paused: workers do not accept\n");
    assert_eq!(server.ctl(&["resume"]).status.code(), Some(0));
    page(&at, "/readyz").expect(200);
}

/// Answers by status class, 1xx to 5xx, as `status` counts them.
fn classes(server: &Server) -> Vec<u64> {
    let seen = status(server);
    let by_class = &seen["totals"]["by_class"];
    ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().map(|class| by_class[class].as_u64().unwrap()).collect()
}

#[test]
fn the_sum_of_the_classes_is_the_number_of_answers() {
    let site = Site::probe().option("workers", 2).option("socket-timeout", 1).option("limit-post", 1000);
    let site = site.option("harakiri", 2).option("harakiri-graceful-timeout", 1).option("reload-mercy", 1);
    let files = site.dir.join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("a.txt"), "hello").unwrap();
    let server = site.option("static-map", format!("/s={}", files.display())).start();
    let at = server.http.clone().unwrap();
    let reply = |text: &str| {
        let mut c = http::Connection::open(&at).unwrap();
        c.send(text.as_bytes()).unwrap();
        c.reply("GET").unwrap()
    };
    let is = |expected: [u64; 5]| until("the counts", || (classes(&server) == expected).then_some(()));
    server.get("/hello").expect(200);
    server.get("/raise_before").expect(500);
    is([0, 1, 0, 0, 1]);
    // Files that no application gives.
    let file = page(&at, "/s/a.txt").expect(200);
    let unchanged =
        Request::get("/s/a.txt").header("If-Modified-Since", file.header("Last-Modified").unwrap());
    http::ask(&at, &unchanged).unwrap().expect(304);
    is([0, 2, 1, 0, 1]);
    // Refusals, by the thread that reads and by the native one.
    for (text, code) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("GET /hello HTTP/1.1\r\nHo", 408),
    ] {
        assert_eq!(reply(text).status, code, "{text:?}");
    }
    is([0, 2, 1, 3, 2]);
    assert_eq!(status(&server)["totals"]["read_errors"], 4);
    // A ping is no answer.
    let uwsgi = server.uwsgi.clone().unwrap();
    assert_eq!(packet::raw(&uwsgi, &packet::with_header(100, b"")).unwrap(), [100, 0, 0, 1]);
    // A request that comes out of its harakiri, and one that does not and costs its worker.
    server.get("/sleep?s=300").expect(504);
    is([0, 2, 1, 3, 3]);
    let before = server.worker_pids();
    server.get("/stuck").expect(504);
    is([0, 2, 1, 3, 4]);
    until("another worker", || {
        let now = server.worker_pids();
        (now.len() == 2 && now != before).then_some(())
    });
    // What the gone ones answered is counted still.
    server.reload();
    until("the end of the old workers", || before.iter().all(|p| !process::alive(*p)).then_some(()));
    is([0, 2, 1, 3, 4]);
    let text = |args: &[&str]| String::from_utf8(server.ctl(args).stdout).unwrap();
    assert!(text(&["status"]).contains("2 2xx, 1 3xx, 3 4xx, 4 5xx"), "{}", text(&["status"]));
    let metrics = text(&["metrics"]);
    assert!(metrics.contains("uswgi_responses_total{class=\"4xx\"} 3\n"), "{metrics}");
}

#[test]
fn prometheus_reads_the_metrics() {
    let (server, at) = with_http(Site::probe().option("workers", 2).option("threads", 2));
    (0..5).for_each(|_| drop(server.get("/hello").expect(200)));
    until("the end of the fifth request", || {
        (status(&server)["totals"]["by_class"]["2xx"] == 5).then_some(())
    });
    let reply = page(&at, "/metrics").expect(200);
    assert!(reply.header("Content-Type").unwrap().starts_with("application/openmetrics-text"));
    // The same from the command, without the master.
    let out = server.ctl(&["metrics"]);
    let script = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
found = {s.name: s for f in families(sys.stdin.read()) for s in f.samples}
assert found['uwsgi_workers'].value == 2, found['uwsgi_workers']
assert found['uwsgi_worker_requests_total'].labels.keys() == {'worker_id'}
assert found['uwsgi_worker_core_busy'].labels.keys() == {'worker_id', 'core_id'}
assert found['uwsgi_socket_queue_length'].labels.keys() == {'name', 'proto'}
assert found['uswgi_requests_total'].value == 5
assert found['uswgi_request_seconds_count'].value == 5
assert found['uswgi_worker_cpu_seconds_total'].value >= 0
print('read', len(found))
";
    for text in [reply.text().into_bytes(), out.stdout] {
        let mut python = process::command(paths::venv().join("bin/python"));
        python.args(["-c", script]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = python.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&text).unwrap();
        let said = read_all(child.stdout.take().unwrap());
        assert!(
            child.wait().unwrap().success() && said.starts_with("read "),
            "{}",
            String::from_utf8_lossy(&text)
        );
    }
}

#[test]
fn silent_clients_keep_nobody_from_the_statistics() {
    let (server, at) = with_http(Site::probe());
    let Address::Port(port) = at else { panic!("a port") };
    // More than are served at a time; some say half of something.
    let mut silent: Vec<TcpStream> =
        (0..60).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    silent.iter_mut().step_by(2).for_each(|s| s.write_all(b"GET / HT").unwrap());
    for _ in 0..5 {
        page(&at, "/healthz").expect(200);
    }
    server.get("/hello").expect(200);
    drop(silent);
}

#[test]
fn statistics_on_unix_and_abstract_sockets_in_one_line_without_cores() {
    let site = Site::probe();
    let path = site.dir.join("stats.sock");
    let name = format!("uswgi-stats-{}", site.dir.path().file_name().unwrap().to_string_lossy());
    let server = site
        .option("stats", path.display())
        .option("stats-server", format!("@{name}"))
        .option("stats-minified", "true")
        .option("stats-no-cores", "true")
        .start();
    let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
    for stream in [UnixStream::connect(&path).unwrap(), UnixStream::connect_addr(&abstract_name).unwrap()] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let text = read_all(stream);
        assert_eq!(text.lines().count(), 1, "{text}");
        let v: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(v["pid"], server.pid());
        assert_eq!(v["workers"][0].get("cores"), None);
    }
}

#[test]
fn pushing_statistics_is_refused_with_the_way_out() {
    let failure = Site::probe().option("stats-push", "file:/tmp/x").refused();
    assert!(failure.text.contains("stats-push") && failure.text.contains("/metrics"), "{}", failure.text);
}

#[test]
fn uwsgitop_shows_the_workers() {
    let site = Site::probe().option("workers", 2);
    let stats = site.dir.join("stats.sock");
    let server = site.option("stats", stats.display()).start();
    (0..7).for_each(|_| drop(server.get("/hello").expect(200)));
    let mut command = process::command(paths::venv().join("bin/uwsgitop"));
    command.arg(&stats);
    let mut top = Terminal::start(command);
    top.wait_for("req: 7");
    for pid in server.worker_pids() {
        top.wait_for(&pid.to_string());
    }
    // The keys that merge and list threads.
    top.type_in("a");
    top.wait_for("1:0");
    top.type_in("q");
    assert!(top.wait().success());
}

#[test]
fn uwsgitop_reads_over_http_too() {
    let (server, at) = with_http(Site::probe());
    server.get("/hello").expect(200);
    let Address::Port(port) = at else { panic!("a port") };
    let mut command = process::command(paths::venv().join("bin/uwsgitop"));
    command.arg(format!("http://127.0.0.1:{port}"));
    let mut top = Terminal::start(command);
    top.wait_for("req: 1");
    top.type_in("q");
    assert!(top.wait().success());
}
