//! The log process: loggers, routes, encoders, log-json; and that it is never in anybody's way.

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use serde_json::Value;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};
use uswgi_tests::{Request, Server, Site, packet, paths, process, until};

const APP: &str = r#"
import logging, os, subprocess, sys
def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/print":
        print("printed one\nprinted \"two\"")
        sys.stdout.write("in ")
        sys.stdout.flush()
        sys.stdout.write("pieces\n")
        os.write(2, b"raw \xff\x1b bytes\n")
        subprocess.run(["sh", "-c", "echo from a child"])
    if path == "/raise":
        raise ValueError("on purpose")
    if path == "/flood":
        for n in range(4000):
            print("flood", n, "x" * 100)
    start_response("404 Not Found" if path == "/none" else "200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"#;

fn site() -> Site {
    let site = Site::new();
    let app = site.dir.join("app").display().to_string();
    site.home(&paths::pythons()[0].1)
        .source("speaks.py", APP)
        .option("chdir", app)
        .option("module", "speaks")
        .both()
}

fn file(path: &Path, part: &str) -> String {
    until(&format!("{part:?} in {}", path.display()), || {
        fs::read(path).ok().map(|t| String::from_utf8_lossy(&t).into_owned()).filter(|t| t.contains(part))
    })
}

/// Pid of the log process: the child of the master that is no worker and no template.
fn log_process(server: &Server) -> Option<i32> {
    let name = |pid: i32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    server.family().into_iter().find(|&pid| name(pid).trim() == "uswgi-log")
}

#[test]
fn loggers_routes_and_encoders() {
    let site = site();
    let path = |name: &str| site.dir.join(name);
    let (all, errors, requests, slow) =
        (path("all.log"), path("errors.log"), path("requests.log"), path("none.log"));
    let mut server = site
        .option("logger", format!("file:{}", all.display()))
        .option("logger", format!("errors file:{}", errors.display()))
        .option("log-route", "errors ValueError|^printed .two")
        .option("log-drain", "noise")
        .option("log-encoder", "prefix:errors E:")
        .option("req-logger", format!("file:{}", requests.display()))
        .option("req-logger", format!("missing file:{}", slow.display()))
        .option("log-req-route", "missing GET /none")
        .option("log-req-encoder", "format ${unix} <${msg}>")
        .option("log-format", "%(method) %(uri) %(status)")
        .start();
    server.get("/print").expect(200);
    server.get("/none").expect(404);
    server.get("/raise").expect(500);
    let text = file(&errors, "ValueError: on purpose");
    assert!(text.contains("E:printed \"two\"\n"), "{text}");
    assert!(text.contains("E:Traceback (most recent call last):\n"), "a traceback is one text: {text}");
    let text = file(&requests, "GET /raise 500>");
    assert!(text.lines().next().unwrap().ends_with(" <GET /print 200>"), "{text}");
    assert!(!text.contains("/none"), "{text}");
    assert!(file(&slow, "GET /none 404").lines().count() == 1);
    let text = file(&all, "printed one");
    assert!(text.contains("\nin pieces\n") && text.contains("\nfrom a child\n"), "{text}");
    assert!(
        text.contains("uswgi-master: ready") && !text.contains("Traceback") && !text.contains("GET /"),
        "{text}"
    );
    server.stop(Signal::SIGTERM);
    assert!(file(&all, "uswgi-master: stopped").ends_with("stopped\n"));
}

#[test]
fn datagrams_reach_syslogs_and_sockets() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let site = site();
    let path = site.dir.join("datagrams");
    let unix = UnixDatagram::bind(&path).unwrap();
    unix.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let server = site
        .option("req-logger", format!("rsyslog:{},web,34", udp.local_addr().unwrap()))
        .option("req-logger", format!("socket:{},pre:", path.display()))
        .option("log-format", "%(method) %(uri)")
        .start();
    server.get("/none").expect(404);
    let mut buffer = [0; 2000];
    let n = udp.recv(&mut buffer).unwrap();
    let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
    assert!(text.starts_with("<34>") && text.ends_with(" web: GET /none"), "{text:?}");
    let n = unix.recv(&mut buffer).unwrap();
    assert_eq!(String::from_utf8_lossy(&buffer[..n]), "pre:GET /none\n");
}

#[test]
fn every_line_of_log_json_is_an_object() {
    let mut server = site().option("log-json", "true").start();
    server.get("/print").expect(200);
    server.get("/raise").expect(500);
    let hostile = b"a\"b\\\n{\"source\":\"forged\"}\x00\xff";
    let vars = [
        ("REQUEST_METHOD", b"GET".as_slice()),
        ("REQUEST_URI", hostile),
        ("PATH_INFO", b"/x"),
        ("HTTP_USER_AGENT", hostile),
    ];
    let vars: Vec<_> = vars.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.to_vec())).collect();
    packet::raw(server.uwsgi.as_ref().unwrap(), &packet::packet(&vars)).unwrap();
    server.wait_log("forged");
    server.stop(Signal::SIGTERM);
    let log = server.log();
    let lines: Vec<Value> =
        log.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect();
    let of = |source: &str| lines.iter().filter(|v| v["source"] == source).collect::<Vec<_>>();
    assert!(of("forged").is_empty());
    let requests = of("request");
    assert_eq!(requests.len(), 3, "{log}");
    assert_eq!((&requests[0]["uri"], &requests[0]["status"]), (&"/print".into(), &200.into()));
    assert_eq!(requests[0]["worker"], 1);
    assert!(requests[2]["agent"].as_str().unwrap().contains("\n{\"source\":\"forged\"}"), "{log}");
    let said: Vec<&str> = of("app").iter().map(|v| v["text"].as_str().unwrap()).collect();
    for line in ["printed one", "printed \"two\"", "in pieces", "from a child"] {
        assert!(said.contains(&line), "{line}: {said:?}");
    }
    let traceback = said.iter().find(|t| t.starts_with("Traceback")).unwrap();
    assert!(traceback.ends_with("ValueError: on purpose"), "{traceback}");
    assert!(of("master").iter().any(|v| v["text"].as_str().unwrap().starts_with("ready: ")));
    assert!(lines.iter().all(|v| v["time"].as_str().is_some_and(|t| t.len() == 27 && t.ends_with('Z'))));
}

#[test]
fn a_log_process_that_dies_is_started_again() {
    let mut server = site().option("log-master", "true").option("lazy-apps", "true").start();
    server.get("/print").expect(200);
    server.wait_log("GET /print");
    let first = until("the log process", || log_process(&server));
    process::send(first, Signal::SIGKILL);
    let again = until("another log process", || log_process(&server).filter(|pid| *pid != first));
    server.get("/none").expect(404);
    let log = server.wait_log("GET /none");
    assert!(log.contains("the log process had died and was started again"), "{log}");
    assert_eq!(server.workers().len(), 1);
    server.stop(Signal::SIGTERM);
    assert!(!process::alive(again));
}

#[test]
fn a_stopped_log_process_or_a_stuck_reader_stops_no_request() {
    let site = site();
    let fifo = site.dir.join("fifo");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let server = site.option("log-master", "true").option("logto", fifo.display()).start();
    let ask = |target: &str, times: u32| {
        let begin = Instant::now();
        for _ in 0..times {
            server.get(target).expect(200);
        }
        begin.elapsed()
    };
    // Half a MiB of prints each: more than FIFO and pipes take.
    let stuck = ask("/flood", 4);
    assert!(stuck < Duration::from_secs(20), "{stuck:?}");
    let pid = until("the log process", || log_process(&server));
    process::send(pid, Signal::SIGSTOP);
    let stopped = ask(&format!("/x?{}", "y".repeat(2000)), 1000);
    process::send(pid, Signal::SIGCONT);
    assert!(stopped < Duration::from_secs(20), "{stopped:?}");
    let lost = || {
        server.instance().unwrap().board.header().log_lines_lost.load(std::sync::atomic::Ordering::Relaxed)
    };
    until("the count of lost lines", || (lost() > 100).then_some(()));
}

#[test]
fn the_log_process_ends_with_a_killed_master() {
    let mut server = site().option("log-master", "true").option("processes", "2").start();
    server.get("/print").expect(200);
    server.signal(Signal::SIGKILL);
    server.wait_gone();
    server.wait_log("the master is gone");
}

#[test]
fn a_logger_that_cannot_be_stops_the_start() {
    for (option, value, want) in [
        ("logger", "file:/no/such/dir/x.log", "/no/such/dir/x.log"),
        ("req-logger", "fd:77", "the descriptor 77"),
        ("logger", "nope:1", "no kind of logger"),
        ("log-route", "ghost x", "ghost"),
    ] {
        let failure =
            site().option(option, value).option("log-master", "true").option("vacuum", "true").refused();
        assert!(failure.text.contains(want), "{option} = {value}: {}", failure.text);
        assert_ne!(failure.code, Some(0));
    }
}

#[test]
fn a_reload_changes_the_form_too() {
    let mut server = site().option("log-master", "true").start();
    let ini = server.dir.join("uwsgi.ini");
    let text = fs::read_to_string(&ini)
        .unwrap()
        .replace("log-master = true", "log-json = true\nlog-format = new %(uri)");
    fs::write(&ini, text).unwrap();
    server.reload();
    server.get("/none").expect(404);
    server.stop(Signal::SIGTERM);
    let log = server.log();
    // The master follows when the reload has succeeded.
    let (_, after) = log.split_once("reload done").expect("the end of the reload");
    let rest = after.lines().skip(1);
    let objects: Vec<Value> = rest.map(|line| serde_json::from_str(line).expect(line)).collect();
    let found = |source: &str| objects.iter().any(|o| o["source"] == source);
    assert!(found("master") && found("request"), "{log}");
}

#[test]
fn what_a_reload_says_of_the_configuration_is_in_the_log() {
    for more in ["log-master = true", "threads = 1"] {
        let mut server = site().start();
        let ini = server.dir.join("uwsgi.ini");
        let text = fs::read_to_string(&ini).unwrap() + more;
        fs::write(&ini, format!("{text}\n")).unwrap();
        server.reload();
        fs::write(&ini, format!("{text}\nprocname = x\n")).unwrap();
        server.reload();
        server.stop(Signal::SIGTERM);
        assert!(server.log().contains("procname has no effect here"), "{more}: {}", server.log());
    }
}

#[test]
fn daemonize_and_the_log_process_go_together() {
    let site = site();
    let log = site.dir.join("daemon.log");
    let server = Server::begin(site.option("log-master", "true").option("daemonize", log.display()));
    let server =
        until("the instance", || server.pidfile()).eq(&0).then_some(()).map_or(server, |()| panic!("pid 0"));
    file(&log, "uswgi-master: ready");
    let door = server.door();
    door.ask(&Request::get("/print")).expect(200);
    file(&log, "from a child");
    let pid = server.pidfile().unwrap();
    process::send(pid, Signal::SIGTERM);
    file(&log, "uswgi-master: stopped");
    until("the end", || (!process::alive(pid)).then_some(()));
}
