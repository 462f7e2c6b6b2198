//! `uswgi-ctl profile`: what lanes do is told apart, by route, on every CPython; what cannot be drawn is refused.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use uswgi_proto::exit::Exit;
use uswgi_tests::request::Stream;
use uswgi_tests::server::Door;
use uswgi_tests::{Request, Server, Site, paths, until};

const APP: &str = r#"
import os, threading

DIR = os.environ["HOLD_DIR"]
GO = threading.Event()

def note(name):
    with open(os.path.join(DIR, name + ".new"), "w") as f:
        f.write("x")
    os.rename(os.path.join(DIR, name + ".new"), os.path.join(DIR, name))

class View:
    def spin(self):
        while not GO.is_set():
            self.turn()

    def turn(self):
        return sum(range(200))

    def wait_h\u00e9re(self):
        GO.wait(120)

def pieces():
    for _ in range(200):
        yield b"x" * 65536

def application(environ, start_response):
    path = environ["PATH_INFO"]
    name = path.strip("/").replace("/", "-")
    if path == "/go":
        GO.set()
    elif path != "/quick":
        note(name)
    if path.startswith("/spin"):
        View().spin()
    elif path.startswith("/wait"):
        getattr(View(), "wait_h\u00e9re")()
    elif path == "/body":
        environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return pieces() if path == "/large" else [b"ok"]
"#;

fn site(python: &Path, app: &str) -> Site {
    let app = app.replace("\\u00e9", "\u{e9}");
    let mut site = Site::new().source("app.py", &app).home(python).http();
    let (chdir, hold) = (site.dir.join("app"), site.dir.join("hold"));
    site = site.option("chdir", chdir.display()).option("env", format!("HOLD_DIR={}", hold.display()));
    site.option("module", "app")
}

fn noted(server: &Server, name: &str) {
    until(name, || fs::metadata(server.dir.join("hold").join(name)).ok());
}

#[track_caller]
fn profile(server: &Server, args: &[&str]) -> Value {
    let out = server.ctl(&[&["--json", "profile"], args].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Looks by route and standing.
fn looks(json: &Value) -> BTreeMap<String, BTreeMap<String, u64>> {
    let routes = json["routes"].as_array().unwrap().iter();
    routes
        .map(|r| (r["route"].as_str().unwrap().into(), serde_json::from_value(r["looks"].clone()).unwrap()))
        .collect()
}

#[track_caller]
fn mostly(looks: &BTreeMap<String, BTreeMap<String, u64>>, route: &str, standing: &str) {
    let of = looks.get(route).unwrap_or_else(|| panic!("no {route}: {looks:?}"));
    let all: u64 = of.values().sum();
    assert!(of[standing] * 2 > all, "{route} {standing}: {looks:?}");
}

fn begin(server: &Server, path: &str) -> Box<dyn Stream> {
    server.door().sent(&Request::get(path))
}

#[test]
fn what_lanes_do_is_told_apart_by_route_on_every_cpython() {
    if paths::original().is_some() {
        return;
    }
    for (tag, venv) in paths::pythons() {
        let server = site(&venv, APP).option("workers", 1).option("threads", 7).start();
        let file = server.dir.join("out.collapsed");
        let look_for =
            |seconds: &str| profile(&server, &["--seconds", seconds, "-o", file.to_str().unwrap()]);
        // Before anybody computes: it makes many pieces until the sockets are full.
        let mut large = begin(&server, "/large");
        until("an answer that waits for its client", || {
            let seen = looks(&look_for("0.1"));
            let of = seen.get("GET /large")?;
            (of["sending"] > 0 && of["sending"] == of.values().sum::<u64>()).then_some(())
        });
        let later = |path: &str| server.door().ask_later(Request::get(path));
        let held = [later("/wait/17"), later("/wait/18"), later("/spin/1"), later("/spin/2")];
        let Door::Http(address) = server.door() else { panic!("no HTTP") };
        let mut body = address.connect().unwrap();
        body.write_all(b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegin").unwrap();
        for name in ["wait-17", "wait-18", "spin-1", "spin-2", "body"] {
            noted(&server, name);
        }
        let json = look_for("1.5");
        let seen = looks(&json);
        mostly(&seen, "GET /wait/*", "waiting");
        mostly(&seen, "POST /body", "input");
        mostly(&seen, "GET /large", "sending");
        let spin = &seen["GET /spin/*"];
        assert!(spin["running"] > 0 && spin["gil"] > 0 && spin["input"] == 0, "{tag}: {seen:?}");
        // The seventh lane is idle, and no other is all the time.
        assert!(json["idle"].as_u64() >= json["looks"].as_u64().map(|n| n / 10), "{tag}: {json}");
        assert!(tag.starts_with(json["python"].as_str().unwrap()), "{tag}: {json}");
        let text = fs::read_to_string(&file).unwrap();
        let begins = |what: &str| text.lines().any(|l| l.starts_with(what));
        let class = if tag.starts_with("3.9.") || tag.starts_with("3.10.") { "" } else { "View." };
        // Functions of the application, from its root; none of the server's.
        assert!(
            begins(&format!("GET /spin/*;application (app/app.py:27);{class}spin (app/app.py:13);")),
            "{tag}: {text}"
        );
        assert!(text.contains(&format!(";{class}wait_h\u{e9}re (app/app.py:20);")), "{tag}: {text}");
        assert!(
            begins("GET /large;pieces (app/app.py:23);[waits for the client to take the answer]")
                || begins("GET /large;[waits for the client to take the answer]"),
            "{tag}: {text}"
        );
        assert!(!text.contains("_bootstrap"), "{tag}: {text}");
        server.get("/go").expect(200);
        held.into_iter().for_each(|h| drop(h.join().unwrap().unwrap().expect(200)));
        body.write_all(&vec![0; 1_000_000 - 5]).unwrap();
        let mut answer = [0; 12];
        body.read_exact(&mut answer).unwrap();
        large.read_exact(&mut answer).unwrap();
        // Looked at while nobody asks it has no thread for it.
        assert!(!has_profiler(server.worker_pids()[0]), "{tag}");
    }
}

fn has_profiler(pid: i32) -> bool {
    let names = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let mut names = names.map(|t| fs::read_to_string(t.path().join("comm")).unwrap_or_default());
    names.any(|name| name.starts_with("uswgi-profile"))
}

#[test]
fn a_profile_has_one_asker_and_ends_with_it() {
    if paths::original().is_some() {
        return;
    }
    let server = site(&paths::pythons()[0].1, APP).option("workers", 2).start();
    let mut first = server.ctl_command(&["profile", "--seconds", "3000", "--rate", "200"]).spawn().unwrap();
    let pids = server.worker_pids();
    until("both are looked at", || pids.iter().all(|pid| has_profiler(*pid)).then_some(()));
    let second = server.ctl(&["profile", "--seconds", "1"]);
    assert_eq!(second.status.code(), Some(Exit::Failed.code()));
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("somebody else takes a profile of worker"), "{text}");
    first.kill().unwrap();
    first.wait().unwrap();
    until("nobody looks", || pids.iter().all(|pid| !has_profiler(*pid)).then_some(()));
    assert_eq!(profile(&server, &["--seconds", "0.3", "--worker", "2"])["workers"], serde_json::json!([2]));
}

#[test]
fn what_cannot_be_drawn_is_refused_before_the_time_is_spent() {
    if paths::original().is_some() {
        return;
    }
    let server = site(&paths::pythons()[0].1, APP).start();
    let out = |name: &str| server.dir.join(name).display().to_string();
    for (args, exit, part) in [
        (&["-o", "a.txt"][..], Exit::Usage, "says by its end"),
        (&["-o", "/nowhere/a.svg"], Exit::Failed, "cannot write /nowhere/a.svg"),
        (&["-o", &out("hold.svg"), "--seconds", "0.2"], Exit::Failed, "nothing to draw: no request ran"),
        (&["--worker", "9", "--seconds", "0.2"], Exit::Failed, "there is no worker 9"),
        (&["--rate", "0"], Exit::Usage, "rate"),
        (&["--seconds", "0"], Exit::Usage, "from 0.1 to 3600"),
    ] {
        let failed = server.ctl(&[&["profile"], args].concat());
        let text = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert_eq!(failed.status.code(), Some(exit.code()), "{args:?}: {text}");
        assert!(text.contains(part), "{args:?}: {text}");
    }
    assert!(!server.dir.join("hold.svg").exists());
    let idle = server.ctl(&["profile", "--seconds", "0.2"]);
    assert!(String::from_utf8_lossy(&idle.stdout).contains("idle 100.0 %"));
}

#[test]
fn greenlets_and_tasks_are_seen_through_their_loop() {
    if paths::original().is_some() {
        return;
    }
    const GREENLETS: &str = r#"
import gevent, os, time
def waits():
    gevent.sleep(60)
def spins():
    end = time.monotonic() + 4
    while time.monotonic() < end:
        pass
def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/")
    open(os.path.join(os.environ["HOLD_DIR"], name), "w").close()
    (waits if name == "waits" else spins)()
    start_response("200 OK", [])
    return [b"ok"]
"#;
    const TASKS: &str = r#"
import asyncio, os, time
async def waits():
    await asyncio.sleep(60)
async def spins():
    end = time.monotonic() + 4
    while time.monotonic() < end:
        pass
async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    name = scope["path"].strip("/")
    open(os.path.join(os.environ["HOLD_DIR"], name), "w").close()
    await (waits if name == "waits" else spins)()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})
"#;
    for (app, option) in [(GREENLETS, "gevent"), (TASKS, "asgi")] {
        let server = site(&paths::engines(), app).option(option, 4).start();
        let _waits = begin(&server, "/waits");
        noted(&server, "waits");
        let seen = looks(&profile(&server, &["--seconds", "0.5"]));
        mostly(&seen, "GET /waits", "waiting");
        let _spins = begin(&server, "/spins");
        noted(&server, "spins");
        let file = server.dir.join("a.collapsed");
        profile(&server, &["--seconds", "1", "--by", "none", "-o", file.to_str().unwrap()]);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("spins (app/app.py:5)"), "{option}: {text}");
    }
}
