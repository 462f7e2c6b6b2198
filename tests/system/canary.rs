//! A canary: a new version beside the old one, that goes on to all or is taken back, under load.

use std::fs;
use uswgi_tests::server::Door;
use uswgi_tests::{Load, Server, Site, paths, process, until};

/// Each request takes some milliseconds and does what `version` says.
const APP: &str = r#"
import os, sys
sys.path.insert(0, os.path.dirname(__file__))
import version

def application(environ, start_response):
    status = version.answer(environ)
    start_response(status, [("Content-Type", "text/plain")])
    return [version.NAME.encode()]
"#;

/// The version that is there: 5 ms for each request.
const ONE: &str =
    "import time\nNAME = 'one'\ndef answer(environ):\n    time.sleep(0.005)\n    return '200 OK'\n";
/// Another one that is as good.
const TWO: &str =
    "import time\nNAME = 'two'\ndef answer(environ):\n    time.sleep(0.005)\n    return '200 OK'\n";

/// One that fails.
const BAD: &str =
    "import time\nNAME = 'bad'\ndef answer(environ):\n    time.sleep(0.005)\n    return '500 Oops'\n";

fn site() -> Site {
    let site = Site::new()
        .source("app.py", APP)
        .source("version.py", ONE)
        .home(&paths::pythons()[0].1)
        .unix()
        .http();
    let chdir = site.dir.join("app").display().to_string();
    let site = site.option("chdir", chdir).option("module", "app").option("env", "PYTHONDONTWRITEBYTECODE=1");
    site.option("workers", 4).option("reload-mercy", 5).option("canary-min-requests", 30)
}

fn version(server: &Server, text: &str) {
    fs::write(server.dir.join("app/version.py"), text).unwrap();
}

fn ctl(server: &Server, words: &str) -> (Option<i32>, String) {
    let words: Vec<&str> = words.split(' ').collect();
    let out = server.ctl(&words);
    (out.status.code(), String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned())
}

/// Clients with a connection for each request: each worker gets its part.
fn load(server: &Server) -> Load {
    let doors: Vec<Door> = server.doors().into_iter().filter(|d| matches!(d, Door::Uwsgi(_))).collect();
    let load = Load::start(&doors, 6, "/");
    load.wait_more(50);
    load
}

/// Everybody is of this generation.
fn wait_all(server: &Server, generation: u64, workers: usize) {
    until(&format!("generation {generation} alone"), || {
        let all = server.workers();
        (all.len() == workers && all.iter().all(|w| w.generation == generation)).then_some(())
    });
}

fn canary(server: &Server) -> serde_json::Value {
    let out = server.ctl(&["status", "--json"]);
    serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap()["canary"].clone()
}

/// A version that is worse: it comes back, with the reason, and only what the new one failed has failed.
fn taken_back(site: Site, bad: &str, words: &str, said: &[&str]) {
    let server = site.start();
    let load = load(&server);
    version(&server, bad);
    let (code, told) = ctl(&server, &format!("reload --canary {words}"));
    assert_eq!(code, Some(1), "{told}");
    for part in said {
        assert!(told.contains(part), "{part:?} is not in:\n{told}");
    }
    wait_all(&server, 1, 4);
    load.wait_more(50);
    let seen = load.stop();
    let others: Vec<_> = seen.failures.iter().filter(|f| !f.contains("bad")).collect();
    assert!(others.is_empty(), "lost: {:?}\n{told}", &others[..others.len().min(5)]);
    assert!(seen.bodies.contains_key("one"), "{:?}", seen.bodies);
}

#[test]
fn one_that_does_not_load_answers_nobody() {
    taken_back(site(), "import a_module_that_is_not_there\n", "--for 2s", &["a_module_that_is_not_there"]);
}

#[test]
fn one_that_always_fails_is_taken_back_with_both_distributions_and_the_traceback() {
    let bad = "import time\nNAME = 'bad'\ndef answer(environ):\n    time.sleep(0.005)\n    return lookup('bad')\ndef lookup(name):\n    return {}[name]\n";
    let server = site().start();
    let load = load(&server);
    version(&server, bad);
    let (code, told) = ctl(&server, "reload --canary --for 60s");
    assert_eq!(code, Some(1), "{told}");
    for part in [
        "more requests fail: ",
        "generation 1",
        "generation 2",
        "95 % within",
        "times or more, in generation 2:",
        "in lookup",
        "KeyError: 'bad'",
    ] {
        assert!(told.contains(part), "{part:?} is not in:\n{told}");
    }
    wait_all(&server, 1, 4);
    let seen = load.stop();
    // Our own answer to what the application lets out.
    let others: Vec<_> = seen.failures.iter().filter(|f| !f.contains("500")).collect();
    assert!(others.is_empty() && seen.good() > 50, "{others:?}");
    let json = canary(&server);
    assert_eq!(
        (json["state"].as_str(), json["old"]["failures"].as_u64()),
        (Some("taken-back"), Some(0)),
        "{json}"
    );
}

#[test]
fn one_whose_every_tenth_request_fails_is_taken_back() {
    let bad = "import time, itertools\nN = itertools.count()\nNAME = 'bad'\ndef answer(environ):\n    time.sleep(0.002)\n    return '200 OK' if next(N) % 10 else '500 Oops'\n";
    taken_back(site(), bad, "--share 50% --for 120s", &["more requests fail: "]);
}

#[test]
fn three_in_a_hundred_are_enough() {
    let good = "NAME = 'one'\ndef answer(environ):\n    return '200 OK'\n";
    let bad = "import itertools\nN = itertools.count(1)\nNAME = 'bad'\ndef answer(environ):\n    return '200 OK' if next(N) % 33 else '500 Oops'\n";
    taken_back(
        site().source("version.py", good),
        bad,
        "--share 50% --for 120s --max-5xx +0.5%",
        &["more requests fail: "],
    );
}

#[test]
fn one_that_takes_twice_as_long_is_taken_back() {
    let slow = "import time\nNAME = 'bad'\ndef answer(environ):\n    time.sleep(0.04)\n    return '200 OK'\n";
    let good = slow.replace("0.04", "0.02").replace("bad", "one");
    taken_back(
        site().source("version.py", &good),
        slow,
        "--share 50% --for 120s",
        &["requests take longer: "],
    );
}

#[test]
fn one_whose_workers_die_is_taken_back() {
    let dies = "import os, threading, time\nNAME = 'bad'\ndef end():\n    time.sleep(1.5)\n    os._exit(7)\n\
        def answer(environ):\n    time.sleep(0.005)\n    return '200 OK'\nos.register_at_fork(after_in_child=lambda: threading.Thread(target=end, daemon=True).start())\n";
    let server = site().start();
    let load = load(&server);
    version(&server, dies);
    let (code, told) = ctl(&server, "reload --canary --for 60s --min-requests 100000");
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("workers of generation 2 died, 0 of the old one")
            && told.contains("exited with code 7"),
        "{told}"
    );
    wait_all(&server, 1, 4);
    // Who was in one that died has lost its answer.
    assert!(load.stop().good() > 50);
}

#[test]
fn one_that_leaks_is_taken_back_where_memory_has_a_limit() {
    let leaks = "import time\nNAME = 'bad'\nALL = []\ndef answer(environ):\n    ALL.append(b'x' * (2 << 20))\n    time.sleep(0.005)\n    return '200 OK'\n";
    let server = site().option("evil-reload-on-rss", 200).start();
    let load = load(&server);
    version(&server, leaks);
    let (code, told) = ctl(&server, "reload --canary --for 120s --min-requests 100000");
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("died, 0 of the old one"), "{told}");
    wait_all(&server, 1, 4);
    assert!(load.stop().good() > 50);
}

#[test]
fn one_that_hangs_in_its_warm_up_is_no_canary_and_a_slow_one_is_waited_for() {
    let server = site().option("workers", 2).option("warmup", "/").option("warmup-timeout", 4).start();
    let load = load(&server);
    version(&server, "import time\nNAME = 'bad'\ndef answer(environ):\n    time.sleep(1000)\n");
    let (code, told) = ctl(&server, "reload --canary --for 2s");
    assert!(code == Some(1) && told.contains("no answer within 4 s"), "{told}");
    let slow = "import time\nNAME = 'two'\nSEEN = []\ndef answer(environ):\n    if not SEEN:\n        SEEN.append(1); time.sleep(2)\n    time.sleep(0.005)\n    return '200 OK'\n";
    version(&server, slow);
    let (code, told) = ctl(&server, "reload --canary --for 2s");
    assert!(code == Some(0) && told.contains("not worse in"), "{told}");
    let seen = load.stop();
    assert!(seen.failures.is_empty(), "{:?}", seen.failures.first());
    assert_eq!(server.get("/").expect(200).text(), "two");
}

/// Equal versions one after the other: none is called worse (one in a hundred may be).
fn equal(canaries: u32) {
    let server = site().start();
    let load = load(&server);
    let http: Vec<Door> = server.doors().into_iter().filter(|d| matches!(d, Door::Http(_))).collect();
    let kept = Load::start(&http, 2, "/");
    let mut wrong = Vec::new();
    for i in 0..canaries {
        version(&server, if i % 2 == 0 { TWO } else { ONE });
        let (code, told) = ctl(&server, "reload --canary --for 2s");
        if code != Some(0) {
            wrong.push(told);
        }
    }
    for seen in [load.stop(), kept.stop()] {
        assert!(seen.failures.is_empty(), "{:?}", seen.failures.first());
        assert!(seen.bodies.contains_key("two"));
    }
    assert!(wrong.len() as u32 <= canaries / 100, "{} of {canaries}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn equal_versions_go_on_to_all() {
    // `make soak` has the time for a hundred.
    equal(if std::env::var_os("USWGI_TEST_MINUTES").is_some() { 100 } else { 3 });
}

#[test]
fn who_loses_patience_finds_it_again_and_ends_it() {
    let server = site().start();
    let load = load(&server);
    version(&server, TWO);
    let (code, told) = ctl(&server, "reload --canary --for 600s --timeout 3");
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("it goes on: `uswgi-ctl canary show`, `promote` or `abort`"), "{told}");
    let (code, status) = ctl(&server, "status");
    assert!(
        code == Some(0) && status.contains("comparing: generation 2 beside 1, 1 of 4 workers"),
        "{status}"
    );
    assert!(status.contains("uswgi-ctl canary abort"), "{status}");
    let (_, top) = ctl(&server, "workers");
    assert!(top.contains("ready"), "{top}");
    for refused in ["scale 6", "reload --canary", "rollback"] {
        assert_eq!(ctl(&server, refused).0, Some(1), "{refused}");
    }
    let (code, told) = ctl(&server, "canary abort --wait");
    assert_eq!(code, Some(0), "{told}");
    assert!(server.workers().iter().all(|w| w.generation == 1));
    assert_eq!(ctl(&server, "canary abort"), (Some(1), "uswgi-ctl canary: no canary is under way\n".into()));
    // A lost terminal takes the program with it, not the canary. (By KILL: HUP is ignored below nohup.)
    let mut lost = server.ctl_command(&["reload", "--canary", "--for", "600s"]).spawn().unwrap();
    until("a canary", || (canary(&server)["state"] == "comparing").then_some(()));
    process::send(lost.id() as i32, nix::sys::signal::Signal::SIGKILL);
    assert!(!lost.wait().unwrap().success());
    load.wait_more(50);
    assert_eq!(canary(&server)["state"], "comparing");
    let (code, told) = ctl(&server, "canary promote --wait");
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(server.get("/").expect(200).text(), "two");
    let seen = load.stop();
    assert!(seen.failures.is_empty(), "{:?}", seen.failures.first());
    let (_, shown) = ctl(&server, "canary show");
    assert!(shown.contains("promoted: an operator wants it"), "{shown}");
}

#[test]
fn with_one_worker_it_runs_beside_it_and_leaves_one() {
    let server = site().option("workers", 1).start();
    let load = load(&server);
    for (text, code, left) in [(TWO, 0, 2), (BAD, 1, 2)] {
        version(&server, text);
        let (was, told) = ctl(&server, "reload --canary --for 2s");
        assert_eq!(was, Some(code), "{told}");
        assert!(told.contains("generation"), "{told}");
        wait_all(&server, left, 1);
    }
    load.wait_more(20);
    let seen = load.stop();
    let others: Vec<_> = seen.failures.iter().filter(|f| !f.contains("bad")).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn where_there_can_be_none_it_says_why() {
    for (option, said) in [("lazy-apps", "with lazy-apps no template"), ("cheap", "no worker runs now")] {
        let server = site().option(option, true).start();
        let (code, told) = ctl(&server, "reload --canary");
        assert!(code == Some(1) && told.contains(said), "{told}");
    }
    let server = site().option("need-app", false).start();
    version(&server, "import nothing_there\n");
    let (code, told) = ctl(&server, "reload --canary --for 1s");
    assert!(code == Some(1) && told.contains("nothing_there"), "{told}");
    for bad in
        ["--share 0", "--share 51%", "--for 0s", "--max-slower 0.5x", "--max-5xx -1%", "--min-requests 0"]
    {
        assert_eq!(ctl(&server, &format!("reload --canary {bad}")).0, Some(2), "{bad}");
    }
    assert_eq!(ctl(&server, "reload --share 10%").0, Some(2));
    for (option, value, said) in [
        ("canary-share", "60", "at most half"),
        ("canary-share", "0", "more than 0"),
        ("canary-for", "soon", "a time is needed"),
        ("canary-max-slower", "0.9", "at least 1"),
        ("canary-min-requests", "0", "from 1 on"),
    ] {
        let failure = site().option(option, value).refused();
        assert!(failure.code == Some(1) && failure.text.contains(said), "{}", failure.text);
    }
}

/// Versions of a site of Flask and of Django: what each does with a request, and what is said of it.
const OF_FRAMEWORKS: [(&str, &[&str]); 4] = [
    ("import a_module_that_is_not_there\n", &["a_module_that_is_not_there"]),
    (
        "import time\ndef answer():\n    time.sleep(0.01)\n    raise KeyError('the-reason')\n",
        &["more requests fail: ", "KeyError: 'the-reason'", "in answer"],
    ),
    (
        "import itertools, time\nN = itertools.count()\ndef answer():\n    time.sleep(0.01)\n    return {}['bad'] if next(N) % 10 == 0 else 'two'\n",
        &["more requests fail: ", "KeyError: 'bad'"],
    ),
    ("import time\ndef answer():\n    time.sleep(0.05)\n    return 'slow'\n", &["requests take longer: "]),
];

#[test]
fn versions_of_django_and_flask_are_told_apart() {
    let flask = "from flask import Flask\nimport version\napplication = Flask(__name__)\n@application.route('/')\ndef view():\n    return version.answer()\n";
    let django = "import django, version\nfrom django.conf import settings\nsettings.configure(ROOT_URLCONF=__name__, SECRET_KEY='x', ALLOWED_HOSTS=['*'])\n\
        from django.core.wsgi import get_wsgi_application\nfrom django.http import HttpResponse\nfrom django.urls import path\n\
        def view(request):\n    return HttpResponse(version.answer())\nurlpatterns = [path('', view)]\napplication = get_wsgi_application()\n";
    let good = "import time\ndef answer():\n    time.sleep(0.01)\n    return 'one'\n";
    for (name, text) in [("flask", flask), ("django", django)] {
        let site = site().source("app.py", text).source("version.py", good).option("workers", 2);
        let server = site.home(&paths::venv()).start();
        let load = load(&server);
        for (bad, said) in OF_FRAMEWORKS {
            version(&server, bad);
            let (code, told) = ctl(&server, "reload --canary --for 120s");
            assert_eq!(code, Some(1), "{name}: {told}");
            for part in said {
                assert!(told.contains(part), "{name}: {part:?} is not in:\n{told}");
            }
            wait_all(&server, 1, 2);
        }
        version(&server, &good.replace("one", "good"));
        let (code, told) = ctl(&server, "reload --canary --for 2s");
        assert_eq!(code, Some(0), "{name}: {told}");
        assert_eq!(server.get("/").expect(200).text(), "good");
        let seen = load.stop();
        let others: Vec<_> = seen.failures.iter().filter(|f| !f.contains("500")).collect();
        assert!(others.is_empty() && seen.good() > 50, "{name}: {others:?}");
    }
}
