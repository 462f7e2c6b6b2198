//! ASGI 3: scopes and messages as the specification has them, over HTTP and over uwsgi; frameworks; deadlines, reloads.

use std::io::{Read, Write};
use std::time::{Duration, Instant};
use uswgi_tests::load::Load;
use uswgi_tests::process::alive;
use uswgi_tests::server::wait_file;
use uswgi_tests::{Request, Site, paths, until};

const APP: &str = r#"
import asyncio, hashlib, json, os, time

DIR = os.environ["HOLD_DIR"]

def note(name, text):
    with open(os.path.join(DIR, name + ".tmp"), "w") as f:
        f.write(text)
    os.rename(os.path.join(DIR, name + ".tmp"), os.path.join(DIR, name))

async def hold(name):
    note(name + ".started", str(os.getpid()))
    end = time.monotonic() + 60
    while not os.path.exists(os.path.join(DIR, name + ".go")) and time.monotonic() < end:
        await asyncio.sleep(0.01)

async def lifespan(scope, receive, send):
    while True:
        kind = (await receive())["type"]
        if kind == "lifespan.startup":
            if os.path.exists(os.path.join(DIR, "refuse")):
                await send({"type": "lifespan.startup.failed", "message": "no database"})
                return
            scope["state"]["pool"] = "open"
        else:
            note("shutdown", str(os.getpid()))
        await send({"type": kind + ".complete"})
        if kind == "lifespan.shutdown":
            return

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(scope, receive, send)
    path, query = scope["path"], scope["query_string"].decode()
    body = b"hello"
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
    if path.endswith("/scope"):
        body = json.dumps({k: repr(v) for k, v in scope.items()}).encode()
        scope["state"]["pool"] = "changed"
    elif path == "/pid":
        body = str(os.getpid()).encode()
    elif path == "/loop":
        body = type(asyncio.get_running_loop()).__module__.encode()
    elif path == "/hold":
        await hold(query)
    elif path == "/sleep":
        await asyncio.sleep(float(query))
        body = b"slept"
    elif path == "/blocks":
        end = time.monotonic() + float(query)
        while time.monotonic() < end:
            pass
    elif path == "/read":
        digest, messages = hashlib.sha256(), 0
        while True:
            message = await receive()
            digest.update(message.get("body", b""))
            messages += 1
            if not message.get("more_body"):
                break
        body = ("%s %s %d" % (message["type"], digest.hexdigest(), messages)).encode()
    elif path == "/large":
        await send(start)
        for i in range(int(query)):
            await send({"type": "http.response.body", "body": bytes([i]) * (256 * 1024), "more_body": True})
        await send({"type": "http.response.body"})
        return
    elif path == "/gone":
        await send(start)
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        note(query + ".begun", "yes")
        begun = time.monotonic()
        kinds = [(await receive())["type"], (await receive())["type"]]
        note(query + ".over", "%s after %s" % (kinds, "a moment" if time.monotonic() - begun < 20 else "long"))
        await send({"type": "http.response.body", "body": b"to nobody"})
        return
    elif path == "/leaves":
        note(query + ".begun", "yes")
        while (await receive())["type"] != "http.disconnect":
            pass
        note(query + ".over", "yes")
        return
    elif path == "/made":
        headers = iter([[b"x-a", b"1"], (b"x-b", b"2")])
        await send({"type": "http.response.start", "status": int(query), "headers": headers})
        await send({"type": "http.response.body"})
        return
    elif path == "/wrong":
        said = []
        async def wrong(message):
            try:
                await send(message)
                said.append("taken")
            except Exception as e:
                said.append(type(e).__name__)
        await wrong({"type": "http.response.body", "body": b"before"})
        await wrong({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b\r\nc: d")]})
        await wrong({"type": "http.response.start", "status": 200, "headers": [("a", "b")]})
        await wrong({"type": "http.response.start", "status": 99, "headers": []})
        await wrong({"type": "nonsense"})
        await wrong(start)
        await wrong(start)
        await wrong({"type": "http.response.body", "body": 7, "more_body": True})
        await wrong({"type": "http.response.body", "body": bytearray(b"x"), "more_body": True})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})
        await wrong({"type": "http.response.body", "body": b"after"})
        note("after", said[-1])
        return
    elif path == "/raise":
        raise ValueError("on purpose")
    elif path == "/half":
        await send(start)
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("in the middle")
    elif path == "/nothing":
        return
    await send(start)
    await send({"type": "http.response.body", "body": body})
"#;

fn site() -> Site {
    let site = Site::probe().home(&paths::engines()).without("module").source("tasks.py", APP);
    site.option("module", "tasks").option("asgi", true)
}

#[test]
fn a_scope_is_the_same_over_both_protocols() {
    let server = site().option("asyncio-loop", "asyncio").start();
    for door in server.doors() {
        for _ in 0..2 {
            let request = Request::get("/a%20b/%C3%A4/scope?x=%20y")
                .header("X-One", "1")
                .header("X-Forwarded-Proto", "https");
            let scope = door.ask(&request).expect(200).json();
            for (key, value) in [
                ("type", "'http'"),
                ("method", "'GET'"),
                ("http_version", "'1.1'"),
                ("scheme", "'https'"),
                ("path", "'/a b/ä/scope'"),
                ("raw_path", "b'/a%20b/%C3%A4/scope'"),
                ("query_string", "b'x=%20y'"),
                ("root_path", "''"),
                ("state", "{'pool': 'open'}"),
                ("asgi", "{'version': '3.0', 'spec_version': '2.3'}"),
            ] {
                assert_eq!(scope[key], value, "{key} of {scope}");
            }
            let headers = scope["headers"].as_str().unwrap();
            assert!(
                headers.contains("(b'host', b'test.example')") && headers.contains("(b'x-one', b'1')"),
                "{headers}"
            );
            assert!(scope["client"].as_str().unwrap().starts_with("('127.0.0.1', "), "{scope}");
        }
    }
    assert!(server.log().contains("1 workers with 256 tasks"), "{}", server.log());
    assert_eq!(server.get("/loop").text(), "asyncio.unix_events");
    let auto = site().option("asgi-tasks", 7).start();
    assert_eq!(auto.get("/loop").text(), "uvloop", "it is there");
    assert!(auto.log().contains("with 7 tasks"));
}

#[test]
fn a_mounted_application_has_its_root_path_and_the_whole_path() {
    let site =
        site().without("module").option("mount", "/at=tasks:application").option("manage-script-name", true);
    let server = site.start();
    for door in server.doors() {
        let scope = door.get("/at/scope").expect(200).json();
        assert_eq!(
            (scope["root_path"].as_str(), scope["path"].as_str()),
            (Some("'/at'"), Some("'/at/scope'"))
        );
    }
}

#[test]
fn the_lifespan_runs_around_the_requests_of_each_worker() {
    let mut server = site().start();
    let first = server.get("/pid").text();
    server.reload();
    assert_eq!(wait_file(&server.dir.join("hold").join("shutdown")), first, "the old worker has shut down");
    let second = server.get("/pid").text();
    assert_ne!(first, second);
    server.stop(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(wait_file(&server.dir.join("hold").join("shutdown")), second);
}

#[test]
fn an_application_that_refuses_to_begin_fails_the_start_and_replaces_nothing() {
    let refusing = site();
    std::fs::write(refusing.dir.join("hold").join("refuse"), "").unwrap();
    let failed = refusing.refused();
    assert_eq!(failed.code, Some(22), "{}", failed.text);
    assert!(
        failed.text.contains("the lifespan of the application does not start: no database"),
        "{}",
        failed.text
    );
    // Without the protocol it is served as it is.
    let plain = "async def application(scope, receive, send):\n    assert scope['type'] == 'http'\n\
        \x20   await send({'type': 'http.response.start', 'status': 200})\n\
        \x20   await send({'type': 'http.response.body', 'body': b'plain'})\n";
    let server = site().source("plain.py", plain).without("module").option("module", "plain").start();
    assert_eq!(server.get("/").expect(200).text(), "plain");
}

#[test]
fn bodies_come_as_they_are_sent_and_keep_nobody_waiting() {
    let server = site().start();
    for door in server.doors() {
        for size in [0, 1, 70_000, 3_000_000] {
            let request = Request::post_pattern("/read", size);
            let text = door.ask(&request).expect(200).text();
            let expected = format!("http.request {} ", request.body.as_ref().unwrap().sha256());
            assert!(text.starts_with(&expected), "{size}: {text}");
        }
        let whole = Request::post_pattern("/read", 300_000).body.unwrap();
        let mut body = Vec::new();
        whole
            .pieces(|piece| {
                body.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
        let mut stream = door.sent(&Request::post_pattern("/read", 300_000));
        stream.write_all(&body[..100_000]).unwrap();
        for _ in 0..20 {
            door.get("/pid").expect(200);
        }
        stream.write_all(&body[100_000..]).unwrap();
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        while !String::from_utf8_lossy(&text).contains(&whole.sha256()) {
            let n = stream.read(&mut piece).unwrap();
            assert!(n > 0, "{}", String::from_utf8_lossy(&text));
            text.extend_from_slice(&piece[..n]);
        }
    }
}

#[test]
fn a_reader_that_stops_holds_its_own_task_only_and_gets_everything() {
    let server = site().start();
    for door in server.doors() {
        let mut stream = door.sent(&Request::get("/large?64"));
        for _ in 0..20 {
            door.get("/pid").expect(200);
        }
        let mut counts = [0u32; 256];
        let mut piece = vec![0; 1 << 20];
        while counts[63] < 256 * 1024 {
            let n = stream.read(&mut piece).unwrap();
            assert!(n > 0, "the answer ends early");
            piece[..n].iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        }
        assert_eq!((0..64).find(|value| counts[*value] < 256 * 1024), None);
    }
}

#[test]
fn who_receives_hears_at_once_that_the_client_has_left() {
    let server = site().start();
    for (n, door) in server.doors().iter().enumerate() {
        let stream = door.sent(&Request::get(&format!("/gone?n{n}")));
        wait_file(&server.dir.join("hold").join(format!("n{n}.begun")));
        drop(stream);
        let over = wait_file(&server.dir.join("hold").join(format!("n{n}.over")));
        assert_eq!(over, "['http.request', 'http.disconnect'] after a moment");
    }
    server.get("/pid").expect(200);
}

/// It was told that nobody waits, and does as it should.
#[test]
fn who_leaves_without_an_answer_to_a_client_that_has_left_is_no_error() {
    let server = site().start();
    for (n, door) in server.doors().iter().enumerate() {
        let stream = door.sent(&Request::get(&format!("/leaves?l{n}")));
        wait_file(&server.dir.join("hold").join(format!("l{n}.begun")));
        drop(stream);
        wait_file(&server.dir.join("hold").join(format!("l{n}.over")));
    }
    until("both requests in the log", || (server.log().matches("GET /leaves").count() == 2).then_some(()));
    let log = server.log();
    assert!(!log.contains("returned without"), "{log}");
}

#[test]
fn headers_are_any_iterable_of_pairs_and_a_status_has_its_phrase() {
    let server = site().start();
    for (status, line) in [(204, "204 No Content"), (307, "307 Temporary Redirect"), (299, "299 ")] {
        let reply = server.get(&format!("/made?{status}"));
        assert_eq!((reply.header("x-a"), reply.header("x-b")), (Some("1"), Some("2")));
        assert_eq!(format!("{} {}", reply.status, reply.reason), line);
    }
}

#[test]
fn whatever_an_application_does_there_is_one_answer() {
    let server = site().start();
    for door in server.doors() {
        let said = door.get("/wrong").expect(200).text();
        let wanted = r#"["RuntimeError", "ValueError", "TypeError", "ValueError", "RuntimeError", "taken", "RuntimeError", "TypeError", "taken"]"#;
        assert_eq!(said, format!("x{wanted}"));
        assert_eq!(wait_file(&server.dir.join("hold").join("after")), "RuntimeError");
        std::fs::remove_file(server.dir.join("hold").join("after")).unwrap();
        door.get("/raise").expect(500);
        door.get("/nothing").expect(500);
        if let Ok(reply) = door.try_ask(&Request::get("/half")) {
            assert_eq!(reply.text(), "half");
        }
        door.get("/pid").expect(200);
    }
    let log = server.log();
    assert!(log.contains("ValueError: on purpose") && log.contains("ValueError: in the middle"), "{log}");
    assert!(
        log.contains("/nothing: the application returned without an answer (http.response.start)"),
        "{log}"
    );
}

#[test]
fn a_task_that_takes_too_long_is_cancelled_and_the_others_go_on() {
    let server = site().option("harakiri", 1).start();
    for door in server.doors() {
        let pid = door.get("/pid").text();
        for target in ["/sleep?300", "/blocks?300"] {
            let slow = door.ask_later(Request::get(target));
            let begun = Instant::now();
            while target == "/sleep?300" && begun.elapsed() < Duration::from_millis(1300) {
                door.get("/pid").expect(200);
            }
            assert_eq!(slow.join().unwrap().unwrap().status, 504, "{target}");
        }
        assert_eq!(door.get("/pid").expect(200).text(), pid, "the same process serves on");
    }
    let log = server.wait_log("/blocks?300: the request came out of its harakiri");
    assert!(log.contains("await asyncio.sleep(float(query))"), "where it stood: {log}");
    assert!(log.contains("the loop of all tasks has not turned for 1"), "who kept the loop: {log}");
}

#[test]
fn a_reload_gives_running_tasks_their_mercy_and_loses_nothing() {
    let server = site().option("workers", 2).option("max-surplus", 4).start();
    let held = server.door().ask_later(Request::get("/hold?long"));
    let old = server.held("long");
    let load = Load::start(&server.doors(), 6, "/sleep?0.02");
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
}

#[test]
fn an_application_of_the_other_kind_is_named_at_the_start() {
    let failed = site().without("asgi").refused();
    assert_eq!(failed.code, Some(22), "{}", failed.text);
    assert!(
        failed.text.contains("it is an ASGI application") && failed.text.contains("set asgi = true"),
        "{}",
        failed.text
    );
    let wsgi = "def application(environ, start_response):\n    return []\n";
    let failed = site().source("plain.py", wsgi).without("module").option("module", "plain").refused();
    assert_eq!(failed.code, Some(22), "{}", failed.text);
    assert!(failed.text.contains("it is no ASGI application"), "{}", failed.text);
    let failed = site().home(&paths::pythons()[0].1).option("asyncio-loop", "uvloop").refused();
    assert!(failed.text.contains("-m pip install uvloop"), "{}", failed.text);
    let failed = site().option("gevent", 5).refused();
    assert!(failed.text.contains("in threads, in greenlets or in tasks"), "{}", failed.text);
}
