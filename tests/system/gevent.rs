//! Requests in greenlets of gevent: their waits cost the others nothing, deadlines spare the others, reloads lose nothing.
//!
//! Observed on uWSGI 2.0.31 (pip, CPython 3.11, gevent 26.9) and held here: `uwsgi.loop` is b"gevent", `uwsgi.core` of a first
//! request is the highest number, wsgi.multithread is False, each request has a `gevent.Greenlet` of its own whose parent is
//! the hub; gevent-monkey-patch patches in the worker after the application was imported, gevent-early-monkey-patch before;
//! without either time.sleep() keeps the others waiting; request N + 1 waits for its turn.

use std::io::{Read, Write};
use std::time::{Duration, Instant};
use uswgi_tests::load::Load;
use uswgi_tests::process::alive;
use uswgi_tests::{Request, Server, Site, paths, until};

const APP: &str = r#"
import hashlib, os, sys, time
import gevent, gevent.local, gevent.monkey
import uwsgi

DIR = os.environ["HOLD_DIR"]
AT_IMPORT = "sleep of " + type(time.sleep).__name__ + ", patched " + str(gevent.monkey.is_module_patched("time"))
LOCAL = gevent.local.local()

def note(name, text):
    with open(os.path.join(DIR, name + ".tmp"), "w") as f:
        f.write(text)
    os.rename(os.path.join(DIR, name + ".tmp"), os.path.join(DIR, name))

def hold(name):
    note(name + ".started", str(os.getpid()))
    end = time.monotonic() + 60
    while not os.path.exists(os.path.join(DIR, name + ".go")) and time.monotonic() < end:
        gevent.sleep(0.01)

def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    headers = [("Content-Type", "text/plain")]
    body = b"hello"
    if path == "/facts":
        me = gevent.getcurrent()
        fresh = not hasattr(LOCAL, "seen")
        LOCAL.seen = True
        body = "|".join(map(str, (uwsgi.loop, environ["uwsgi.core"], uwsgi.cores, environ["wsgi.multithread"],
            type(me) is gevent.Greenlet, me.parent is gevent.get_hub(), fresh))).encode()
    elif path == "/import":
        body = (AT_IMPORT + ", now " + str(gevent.monkey.is_module_patched("time"))).encode()
    elif path == "/hold":
        hold(query)
    elif path == "/sleep":
        gevent.sleep(float(query))
        body = b"slept"
    elif path == "/blocks":
        end = time.monotonic() + float(query)
        while time.monotonic() < end:
            pass
    elif path == "/swallow":
        end = time.monotonic() + float(query)
        while time.monotonic() < end:
            try:
                gevent.sleep(end - time.monotonic())
            except BaseException:
                pass
    elif path == "/read":
        body = hashlib.sha256(environ["wsgi.input"].read()).hexdigest().encode()
    elif path == "/large":
        start_response("200 OK", headers)
        return (bytes([i]) * (256 * 1024) for i in range(int(query)))
    elif path == "/write":
        write = start_response("200 OK", headers)
        for i in range(int(query)):
            write(bytes([i]) * (256 * 1024))
        return []
    elif path == "/sent":
        write = start_response("200 OK", headers)
        for i in range(int(query)):
            write(bytes([i]) * (256 * 1024))
        uwsgi.disconnect()
        return [b"never"]
    elif path == "/logvar":
        uwsgi.set_logvar("name", query)
        gevent.sleep(0.2)
        inner = gevent.spawn(lambda: uwsgi.get_logvar("name")).get()
        body = repr((uwsgi.get_logvar("name"), inner, environ["uwsgi.core"])).encode()
    elif path == "/lock":
        uwsgi.lock()
        gevent.sleep(0.2)
        uwsgi.unlock()
    elif path == "/pid":
        body = str(os.getpid()).encode()
    start_response("200 OK", headers + [("Content-Length", str(len(body)))])
    return [body]
"#;

fn site(greenlets: u32) -> Site {
    let site = Site::probe().home(&paths::engines()).without("module").source("green.py", APP);
    site.option("module", "green").option("gevent", greenlets)
}

/// A stream of a request that was sent, whose answer nobody reads yet.
fn asked(server: &Server, target: &str) -> Vec<Box<dyn uswgi_tests::request::Stream>> {
    server.doors().iter().map(|door| door.sent(&Request::get(target))).collect()
}

/// What `/large` and `/write` send, in bytes.
fn pieces(count: u8) -> Vec<u8> {
    (0..count).flat_map(|i| std::iter::repeat_n(i, 256 * 1024)).collect()
}

#[test]
fn a_request_finds_what_it_finds_on_uwsgi() {
    let server = site(5).start();
    for door in server.doors() {
        for _ in 0..3 {
            let facts = door.get("/facts").expect(200).text();
            assert_eq!(facts, "b'gevent'|4|5|False|True|True|True");
        }
    }
    assert!(server.log().contains("1 workers with 5 greenlets"), "{}", server.log());
}

#[test]
fn all_greenlets_wait_at_the_same_time_and_one_more_waits_for_its_turn() {
    let server = site(3).start();
    let door = server.door();
    let held: Vec<_> = ["a", "b", "c"].map(|n| door.ask_later(Request::get(&format!("/hold?{n}")))).into();
    let pids = ["a", "b", "c"].map(|n| server.held(n));
    assert!(pids.iter().all(|pid| *pid == pids[0]), "one worker has them all");
    let fourth = door.ask_later(Request::get("/hold?d"));
    server.wait_log("all 3 greenlets have a request, and others wait");
    assert!(!server.dir.join("hold").join("d.started").exists());
    server.let_go("b");
    server.held("d");
    for name in ["a", "c", "d"] {
        server.let_go(name);
    }
    for answer in held.into_iter().chain([fourth]) {
        assert_eq!(answer.join().unwrap().unwrap().expect(200).text(), "hello");
    }
    for _ in 0..20 {
        door.get("/facts").expect(200);
    }
}

#[test]
fn a_monkey_patch_comes_after_the_import_and_an_early_one_before() {
    let late = site(2).option("gevent-monkey-patch", true).start();
    let early = site(2).option("gevent-early-monkey-patch", true).start();
    let none = site(2).start();
    for (server, expected) in [
        (&late, "sleep of builtin_function_or_method, patched False, now True"),
        (&early, "sleep of function, patched True, now True"),
        (&none, "sleep of builtin_function_or_method, patched False, now False"),
    ] {
        assert_eq!(server.get("/import").expect(200).text(), expected);
    }
    let lazy = site(2).option("gevent-monkey-patch", true).option("lazy-apps", true).start();
    assert!(lazy.get("/import").text().contains("patched False, now True"));
}

#[test]
fn a_slow_upload_keeps_nobody_waiting() {
    let server = site(2).start();
    for door in server.doors() {
        let body_of = Request::post_pattern("/read", 300_000).body.unwrap();
        let mut body = Vec::new();
        body_of
            .pieces(|piece| {
                body.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
        let mut stream = door.sent(&Request::post_pattern("/read", 300_000));
        stream.write_all(&body[..100_000]).unwrap();
        for _ in 0..30 {
            assert_eq!(door.get("/pid").expect(200).text(), server.worker_pids()[0].to_string());
        }
        stream.write_all(&body[100_000..]).unwrap();
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        while !String::from_utf8_lossy(&text).contains(&body_of.sha256()) {
            let n = stream.read(&mut piece).unwrap();
            assert!(n > 0, "{}", String::from_utf8_lossy(&text));
            text.extend_from_slice(&piece[..n]);
        }
    }
}

#[test]
fn a_reader_that_stops_keeps_nobody_waiting_and_gets_everything() {
    let server = site(4).option("add-header", "Connection: close").start();
    for target in ["/large?64", "/write?64", "/sent?64"] {
        let mut streams = asked(&server, target);
        for door in server.doors() {
            for _ in 0..20 {
                door.get("/facts").expect(200);
            }
        }
        for stream in &mut streams {
            let mut all = Vec::new();
            let mut piece = vec![0; 1 << 20];
            // HTTP/1.1 keeps the connection: read until the last chunk.
            while !(all.ends_with(b"0\r\n\r\n")
                || all.len() >= 64 * 256 * 1024 + 4096 && target != "/large?64")
            {
                match stream.read(&mut piece) {
                    Ok(0) => break,
                    Ok(n) => all.extend_from_slice(&piece[..n]),
                    Err(e) => panic!("{target}: {e} after {} bytes", all.len()),
                }
            }
            let mut counts = [0u32; 256];
            all.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
            let short = (0..64).find(|value| counts[*value] < 256 * 1024);
            assert_eq!(short, None, "{target}: {} bytes in all", all.len());
        }
    }
    assert_eq!(server.get("/large?3").expect(200).body, pieces(3));
}

#[test]
fn a_greenlet_that_waits_too_long_gets_504_and_the_others_go_on() {
    let server = site(4).option("harakiri", 1).option("reload-mercy", 30).start();
    for door in server.doors() {
        let pid = door.get("/pid").text();
        let slow = door.ask_later(Request::get("/sleep?300"));
        let neighbour = door.ask_later(Request::get("/sleep?0.7"));
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1500) {
            door.get("/facts").expect(200);
        }
        assert_eq!(slow.join().unwrap().unwrap().status, 504);
        assert_eq!(neighbour.join().unwrap().unwrap().expect(200).text(), "slept");
        assert_eq!(door.get("/pid").expect(200).text(), pid, "the same process serves on");
        let log = server.wait_log("came out of its harakiri");
        assert!(log.contains("gevent.sleep(float(query))"), "where it stood is in the log: {log}");
    }
}

#[test]
fn a_greenlet_that_keeps_the_loop_gets_504_and_is_named_before() {
    let server = site(4).option("harakiri", 1).start();
    let door = server.door();
    let pid = door.get("/pid").text();
    assert_eq!(door.get("/blocks?300").status, 504);
    let log = server.wait_log("came out of its harakiri");
    assert!(log.contains("greenlets has not turned for 1"), "{log}");
    assert!(log.contains("while time.monotonic() < end"), "with its stack: {log}");
    assert_eq!(door.get("/pid").expect(200).text(), pid);
}

#[test]
fn a_greenlet_that_cannot_be_interrupted_costs_its_worker_in_the_end() {
    let server = site(4).option("harakiri", 1).option("reload-mercy", 2).start();
    let door = server.door();
    let before = server.worker_pids();
    door.get("/swallow?300").expect(504);
    until("another worker", || {
        let now = server.worker_pids();
        (now.len() == 1 && now != before).then_some(())
    });
    until("the end of the old one", || (!alive(before[0])).then_some(()));
    door.get("/facts").expect(200);
}

#[test]
fn a_reload_gives_running_greenlets_their_mercy_and_loses_nothing() {
    let server = site(8).option("workers", 2).option("max-surplus", 4).start();
    let doors = server.doors();
    let held = server.door().ask_later(Request::get("/hold?long"));
    let old = server.held("long");
    let load = Load::start(&doors, 6, "/sleep?0.02");
    for _ in 0..4 {
        load.wait_more(20);
        server.reload();
    }
    assert!(alive(old), "its request still runs");
    server.let_go("long");
    assert_eq!(held.join().unwrap().unwrap().expect(200).text(), "hello");
    until("the end of the old worker", || (!alive(old)).then_some(()));
    let seen = load.stop();
    assert!(seen.failures.is_empty() && seen.cut == 0, "{seen:?}");
    assert!(seen.good() > 80);
}

#[test]
fn the_functions_of_the_module_know_which_greenlet_calls_them() {
    let server = site(4).option("locks", 1).start();
    let door = server.door();
    let both: Vec<_> = ["one", "two"].map(|n| door.ask_later(Request::get(&format!("/logvar?{n}")))).into();
    let mut texts: Vec<String> = both.into_iter().map(|t| t.join().unwrap().unwrap().text()).collect();
    texts.sort();
    // A greenlet that the application started has no request: uWSGI raises a SystemError there.
    assert!(texts[0].starts_with("(b'one', None, ") && texts[1].starts_with("(b'two', None, "), "{texts:?}");
    // A lock that another greenlet holds is waited for, and the loop turns meanwhile.
    let begun = Instant::now();
    let all: Vec<_> = (0..3).map(|_| door.ask_later(Request::get("/lock"))).collect();
    for one in all {
        one.join().unwrap().unwrap().expect(200);
    }
    assert!(begun.elapsed() >= Duration::from_millis(600), "one after the other");
}

#[test]
fn a_hub_that_was_made_at_the_import_works_after_the_fork() {
    let app = "import gevent\nfrom green import application\nbeats = []\n\
        def beat():\n    while True:\n        beats.append(1)\n        gevent.sleep(0.01)\n\
        gevent.spawn(beat)\ngevent.sleep(0.05)\n";
    let server = site(3).source("early.py", app).without("module").option("module", "early").start();
    assert_eq!(server.get("/sleep?0.05").expect(200).text(), "slept");
    assert_eq!(server.get("/facts").expect(200).text(), "b'gevent'|2|3|False|True|True|True");
}

#[test]
fn without_gevent_the_start_is_refused_with_the_way_to_get_it() {
    let home = &paths::pythons()[0].1;
    for lazy in [false, true] {
        let failed = site(5).home(home).option("lazy-apps", lazy).option("need-app", false).refused();
        assert_eq!(failed.code, Some(22), "{}", failed.text);
        assert!(failed.text.contains("gevent = 5 cannot run: No module named 'gevent'"), "{}", failed.text);
        let command = format!("{}/bin/python3 -m pip install 'gevent>=21.12'", home.display());
        assert!(failed.text.contains(&command), "{}", failed.text);
    }
    // A package of that name which is too old.
    let old = site(5).home(home).source("gevent.py", "__version__ = '1.4.0'\n");
    let folder = old.dir.join("app").display().to_string();
    let failed = old.option("env", format!("PYTHONPATH={folder}")).refused();
    assert_eq!(failed.code, Some(22), "{}", failed.text);
    assert!(failed.text.contains("gevent 1.4 is too old"), "{}", failed.text);
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    for (option, value, said) in [
        ("gevent", "1", "there must be at least two greenlets"),
        ("gevent", "0", "there must be at least two greenlets"),
        ("threads", "2", "in threads or in greenlets"),
    ] {
        let site = if option == "gevent" { site(5).without("gevent") } else { site(5) };
        let failed = site.option(option, value).refused();
        assert_eq!(failed.code, Some(1), "{}", failed.text);
        let text = failed.text;
        assert!(text.contains(said), "{option} = {value}: {text}");
    }
}
