//! The warm-up: what a worker asks itself before it accepts; a reload that watches its workers; the way back.

use std::fs;
use std::time::Duration;
use uswgi_tests::{Load, Server, Site, paths, until};

/// Counts its requests in the worker, and does what `version` says.
const APP: &str = r#"
import os, sys, time
sys.path.insert(0, os.path.dirname(__file__))
import version
SEEN = []

def application(environ, start_response):
    warm = environ.get("uswgi.warmup")
    SEEN.append((environ["PATH_INFO"], warm, environ.get("HTTP_HOST"), environ["REMOTE_ADDR"], environ.get("HTTP_X_A")))
    status = version.answer(environ)
    start_response(status, [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/seen":
        return [repr(SEEN).encode()]
    return [version.NAME.encode()]
"#;

const GOOD: &str = "NAME = 'one'\ndef answer(environ):\n    return '200 OK'\n";

fn version(server: &Server, text: &str) {
    fs::write(server.dir.join("app/version.py"), text).unwrap();
}

fn site(warmup: &str) -> Site {
    let site =
        Site::new().source("app.py", APP).source("version.py", GOOD).home(&paths::pythons()[0].1).both();
    let chdir = site.dir.join("app").display().to_string();
    let site = site.option("chdir", chdir).option("module", "app").option("env", "PYTHONDONTWRITEBYTECODE=1");
    let site = site.option("workers", 2).option("reload-mercy", 5);
    if warmup.is_empty() { site } else { site.option("warmup", warmup) }
}

/// `reload --wait`: its exit code and all that it said.
fn reload(server: &Server) -> (Option<i32>, String) {
    let out = server.ctl(&["reload", "--wait"]);
    (out.status.code(), String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned())
}

#[test]
fn each_lane_is_asked_before_the_first_visitor_and_counts_nothing() {
    for (threads, lazy) in [(1, false), (2, false), (1, true)] {
        let site =
            site("/healthz").option("warmup", "/a%%20b?q=1").option("warmup-header", "Host: example.org");
        let site =
            site.option("warmup-header", "X-A: b").option("threads", threads).option("lazy-apps", lazy);
        let server = site.start();
        let log = server.log();
        assert_eq!(log.matches("warm-up: GET /healthz: 200 in ").count(), 2 * threads, "{log}");
        let ready = log.find("ready: generation 1").unwrap();
        assert!(log.rfind("warm-up: ").unwrap() < ready, "{log}");
        // No request line, no count.
        assert!(!log.contains("=> generated"), "{log}");
        let status = server.ctl(&["status", "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        assert_eq!(json["totals"]["requests"].as_u64().or(json["requests"].as_u64()), Some(0), "{json}");
        let text = server.get("/seen").expect(200).text();
        let warm = text.matches("True, 'example.org', '127.0.0.1', 'b')").count();
        assert_eq!(warm, 2 * threads, "{text}");
        assert!(text.contains("('/a b', True,") && text.contains("('/seen', None,"), "{text}");
    }
}

#[test]
fn a_new_version_that_does_not_answer_replaces_nothing_and_loses_no_request() {
    let server = site("/healthz").option("warmup-timeout", 2).start();
    let load = Load::start(&server.doors(), 2, "/");
    load.wait_more(20);
    let raises = "NAME = 'bad'\ndef answer(environ):\n    raise KeyError('the-reason')\n";
    let always = "NAME = 'sorry, broken'\ndef answer(environ):\n    return '500 Oops'\n";
    let hangs = "import time\nNAME = 'bad'\ndef answer(environ):\n    time.sleep(1000)\n";
    let exits = "import os\nNAME = 'bad'\ndef answer(environ):\n    os._exit(3)\n";
    for (text, said) in [
        (
            raises,
            &["GET /healthz: 500, expected is 200-399", "KeyError: 'the-reason'", "line 3, in answer"][..],
        ),
        (always, &["GET /healthz: 500, expected is 200-399", "| sorry, broken"]),
        (hangs, &["GET /healthz: no answer within 2 s (warmup-timeout)", "in answer"]),
        (exits, &["exited with code 3"]),
        ("import a_module_that_is_not_there\n", &["a_module_that_is_not_there"]),
    ] {
        version(&server, text);
        let (code, told) = reload(&server);
        assert_eq!(code, Some(1), "{told}");
        for part in said {
            assert!(told.contains(part), "{part:?} is not in:\n{told}");
        }
        load.wait_more(20);
    }
    // One that takes its time is waited for.
    version(
        &server,
        "import time\nNAME = 'slow start'\nbegun = []\ndef answer(environ):\n    if not begun:\n        begun.append(1); time.sleep(1)\n    return '200 OK'\n",
    );
    let (code, told) = reload(&server);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(server.get("/").expect(200).text(), "slow start");
    load.wait_more(20);
    let seen = load.stop();
    assert!(seen.failures.is_empty(), "{:?}", &seen.failures[..seen.failures.len().min(5)]);
    assert_eq!(seen.bodies.keys().collect::<Vec<_>>(), ["one", "slow start"], "no visitor met a bad one");
}

#[test]
fn greenlets_are_warmed_by_one_of_them_that_may_wait() {
    let waits =
        "import gevent\nNAME = 'green'\ndef answer(environ):\n    gevent.sleep(0.05)\n    return '200 OK'\n";
    let site = site("/healthz").source("version.py", waits).home(&paths::engines()).option("gevent", 5);
    let server = site.option("gevent-monkey-patch", true).start();
    assert_eq!(server.log().matches("warm-up: GET /healthz: 200 in ").count(), 2);
    for _ in 0..10 {
        assert_eq!(server.get("/").expect(200).text(), "green");
    }
    assert_eq!(server.get("/seen").expect(200).text().matches("True,").count(), 1);
}

#[test]
fn a_start_fails_with_the_reason() {
    let bad = "NAME = 'bad'\ndef answer(environ):\n    raise KeyError('the-reason')\n";
    let failure = site("/healthz").source("version.py", bad).refused();
    assert_eq!(failure.code, Some(22), "{}", failure.text);
    assert!(failure.text.contains("GET /healthz: 500") && failure.text.contains("KeyError: 'the-reason'"));
    // What is expected is not a failure; without an application there is nobody to ask.
    let server = site("/healthz").source("version.py", bad).option("warmup-expect", "200,500-599").start();
    assert!(server.log().contains("warm-up: GET /healthz: 500 in"));
    drop(server);
    let none = site("/healthz").source("version.py", "import nothing_there\n").option("need-app", false);
    none.start().get("/").expect(500);
}

#[test]
fn bad_values_are_told_where_they_stand() {
    for (option, value, said) in [
        ("warmup", "healthz", "begin it with a slash"),
        ("warmup", "/a b", "%20"),
        ("warmup-expect", "399-200", "status codes"),
        ("warmup-expect", "2xx", "status codes"),
        ("warmup-expect", "50", "status codes"),
        ("warmup-header", "Host", "no header of a request"),
        ("warmup-timeout", "0", "needs some time"),
    ] {
        let failure = site("/").option(option, value).refused();
        assert!(
            failure.code == Some(1) && failure.text.contains(said),
            "{option} = {value}: {}",
            failure.text
        );
    }
}

#[test]
fn one_that_sleeps_is_warm_before_its_first_visitor() {
    let server = site("/healthz").option("cheap", true).start();
    assert!(!server.log().contains("warm-up:"));
    let text = server.get("/seen").expect(200).text();
    assert!(text.contains("('/healthz', True"), "{text}");
}

#[test]
fn what_django_and_flask_catch_is_told_too() {
    let flask = "from flask import Flask\napplication = Flask(__name__)\n@application.route('/healthz')\ndef view():\n    raise KeyError('the-reason')\n";
    let django = "import django\nfrom django.conf import settings\nsettings.configure(ROOT_URLCONF=__name__, SECRET_KEY='x', ALLOWED_HOSTS=['*'])\n\
        from django.core.wsgi import get_wsgi_application\nfrom django.urls import path\n\
        def view(request):\n    raise KeyError('the-reason')\nurlpatterns = [path('healthz', view)]\napplication = get_wsgi_application()\n";
    for (name, text) in [("flask", flask), ("django", django)] {
        let failure = site("/healthz").source("app.py", text).home(&paths::venv()).refused();
        assert!(failure.text.contains("GET /healthz: 500"), "{name}: {}", failure.text);
        let last = failure.text.rsplit("the start has failed:").next().unwrap();
        assert!(
            last.contains("in view") && last.contains("KeyError: 'the-reason'"),
            "{name}: {}",
            failure.text
        );
    }
}

const DIES: &str = "import os, threading, time\nNAME = 'dies'\ndef end():\n    time.sleep(1)\n    os._exit(7)\nstarted = []\n\
    def answer(environ):\n    return '200 OK'\nos.register_at_fork(after_in_child=lambda: threading.Thread(target=end, daemon=True).start())\n";

#[test]
fn a_reload_that_nobody_watches_is_taken_back_too_and_whatever_was_before_comes_back() {
    let server = site("").option("keep-previous", 300).start();
    version(&server, DIES);
    let (code, told) = reload(&server);
    assert_eq!(code, Some(0), "it waits for nothing: {told}");
    server.wait_log("2 workers of generation 2 died (reload-watch)");
    until("the old application alone", || {
        let workers = server.workers();
        (workers.len() == 2 && workers.iter().all(|w| w.generation == 3)).then_some(())
    });
    assert_eq!(server.get("/").expect(200).text(), "one");
    let status = until("its outcome", || {
        let json: serde_json::Value =
            serde_json::from_slice(&server.ctl(&["status", "--json"]).stdout).unwrap();
        (json["reloads"]["last_outcome"] == "taken-back").then_some(json)
    });
    assert!(status.to_string().contains("exited with code 7"), "{status}");
    // After a reload that is good there is a way back again.
    version(&server, TWO);
    assert_eq!(reload(&server).0, Some(0));
    assert_eq!(server.get("/").expect(200).text(), "two");
    assert_eq!(rollback(&server).0, Some(0));
    assert_eq!(server.get("/").expect(200).text(), "one");
}

#[test]
fn a_generation_whose_workers_die_is_taken_back() {
    let server = site("").option("reload-watch", 600).start();
    let load = Load::start(&server.doors(), 2, "/");
    load.wait_more(20);
    version(&server, DIES);
    let (code, told) = reload(&server);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("taken back") && told.contains("exited with code 7"), "{told}");
    until("the old generation alone", || {
        let workers = server.workers();
        (workers.len() == 2 && workers.iter().all(|w| w.generation == 1)).then_some(())
    });
    load.wait_more(20);
    let seen = load.stop();
    // Whoever was in a worker that died has lost its answer: that is the new version's doing.
    assert!(seen.bodies.contains_key("one") && seen.good() > 20, "{seen:?}");
    assert_eq!(server.get("/").expect(200).text(), "one");
}

#[test]
fn a_watched_reload_is_over_in_its_time() {
    let server = site("").option("reload-watch", 2).start();
    version(&server, "NAME = 'two'\ndef answer(environ):\n    return '200 OK'\n");
    let begun = std::time::Instant::now();
    let (code, told) = reload(&server);
    assert_eq!(code, Some(0), "{told}");
    assert!(begun.elapsed() >= Duration::from_secs(2), "{told}");
    assert_eq!(server.get("/").expect(200).text(), "two");
    assert!(server.log().contains("they are watched for 2 s (reload-watch)"));
}

const TWO: &str = "NAME = 'two'\ndef answer(environ):\n    return '200 OK'\n";

fn rollback(server: &Server) -> (Option<i32>, String) {
    let out = server.ctl(&["rollback", "--wait", "--drain"]);
    (out.status.code(), String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned())
}

#[test]
fn a_rollback_needs_no_code_on_disk_and_loses_no_request() {
    let server = site("").option("keep-previous", 600).start();
    let first = server.template();
    let (code, told) = rollback(&server);
    assert!(code == Some(1) && told.contains("no reload within keep-previous"), "{told}");
    let load = Load::start(&server.doors(), 2, "/");
    version(&server, TWO);
    assert_eq!(reload(&server).0, Some(0));
    load.wait_more(20);
    let status = String::from_utf8(server.ctl(&["status"]).stdout).unwrap();
    assert!(status.contains("generation 1 sleeps for") && status.contains("iB of memory"), "{status}");
    let json: serde_json::Value = serde_json::from_slice(&server.ctl(&["status", "--json"]).stdout).unwrap();
    assert_eq!(json["previous"]["pid"].as_i64(), first.map(i64::from), "{json}");
    assert!(json["previous"]["rss"].as_u64() > Some(1 << 20), "{json}");
    // What it was made of is gone.
    for name in ["app.py", "version.py"] {
        fs::remove_file(server.dir.join("app").join(name)).unwrap();
    }
    let (code, told) = rollback(&server);
    assert!(code == Some(0) && told.contains("schema stay as they are"), "{told}");
    assert_eq!((server.get("/").expect(200).text().as_str(), server.template()), ("one", first));
    // A worker that dies is forked of it too; and the way leads forward again.
    server
        .worker_pids()
        .iter()
        .for_each(|&pid| uswgi_tests::process::send(pid, nix::sys::signal::Signal::SIGTERM));
    load.wait_more(20);
    assert_eq!(rollback(&server).0, Some(0));
    assert_eq!(server.get("/").expect(200).text(), "two");
    load.wait_more(20);
    let seen = load.stop();
    assert!(seen.failures.is_empty(), "{:?}", &seen.failures[..seen.failures.len().min(5)]);
    assert_eq!(seen.bodies.keys().collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn nothing_is_kept_for_longer_than_it_was_asked_for() {
    for (seconds, lazy, said) in
        [(0, false, "set keep-previous"), (600, true, "with lazy-apps"), (1, false, "no reload within")]
    {
        let server = site("").option("keep-previous", seconds).option("lazy-apps", lazy).start();
        let first = server.template();
        version(&server, TWO);
        assert_eq!(reload(&server).0, Some(0));
        if let Some(first) = first {
            until("the end of the first template", || (!server.family().contains(&first)).then_some(()));
        }
        let (code, told) = rollback(&server);
        assert!(code == Some(1) && told.contains(said), "{told}");
    }
    let server = site("").option("keep-previous", 600).start();
    let first = server.template().unwrap();
    version(&server, TWO);
    assert_eq!(reload(&server).0, Some(0));
    uswgi_tests::process::send(first, nix::sys::signal::Signal::SIGKILL);
    server.wait_log("there is no way back to generation 1 any more");
    assert_eq!(rollback(&server).0, Some(1));
    let mut server = server;
    server.stop(nix::sys::signal::Signal::SIGTERM);
}
