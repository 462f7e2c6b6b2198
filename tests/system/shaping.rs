//! What rules make of bodies, and how long and by whom they let requests run: where it differs from the original on purpose, and
//! with every engine. Beside the original: routing.rs.

use flate2::read::GzDecoder;
use std::fs;
use std::io::Read;
use uswgi_tests::http::Connection;
use uswgi_tests::request::Address;
use uswgi_tests::{Reply, Request, Server, Site, paths, until};

const APP: &str = r#"
import os
import time

BODIES = {
    "/text": [b"text " * 100],
    "/pieces": [b"one ", b"", b"two ", b"three"],
    "/none": [],
    "/large": [b"0123456789abcdef" * 65536] * 3,
}


def waits(path):
    yield b"first"
    ends = time.monotonic() + 60
    while not os.path.exists(path) and time.monotonic() < ends:
        time.sleep(0.01)
    yield b"second"


def application(environ, start_response):
    path, more = environ["PATH_INFO"], []
    body = BODIES.get(path, [path.encode()])
    for name in ("CONTENT_LENGTH", "CONTENT_ENCODING", "CONTENT_RANGE", "CACHE_CONTROL", "ETAG", "VARY"):
        if "HTTP_X_" + name in environ:
            more.append((name.replace("_", "-"), environ["HTTP_X_" + name]))
    start_response(environ.get("HTTP_X_STATUS", "200 OK"), [("Content-Type", "text/plain")] + more)
    if path == "/title":
        with open("/proc/self/cmdline", "rb") as f:
            return [f.read().strip(b"\0")]
    if path == "/sleep":
        time.sleep(300)
    return waits(environ["QUERY_STRING"]) if path == "/waits" else body
"#;

const TASKS: &str = r#"
async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    body = [b"text " * 100] if scope["path"] == "/text" else [b"one ", b"", b"two ", b"three"]
    for piece in body:
        await send({"type": "http.response.body", "body": piece, "more_body": piece is not body[-1]})
"#;

fn site(source: &str) -> Site {
    let site = Site::new().source("shaped.py", source).http();
    let chdir = site.dir.join("app").display().to_string();
    site.option("chdir", chdir).option("module", "shaped").option("cache2", "name=c,items=9,blocksize=4096")
}

fn packed(target: &str) -> Request {
    Request::get(target).header("Accept-Encoding", "gzip")
}

/// The body of a compressed answer as text.
fn unpacked(reply: &Reply) -> String {
    assert_eq!(reply.all("Content-Encoding"), ["gzip"], "{reply:?}");
    let mut text = String::new();
    GzDecoder::new(&reply.body[..]).read_to_string(&mut text).expect("a whole gzip stream");
    text
}

#[test]
fn gzip_breaks_no_answer() {
    let server = site(APP).option("route-run", "gzip:").start();
    let mut connection = Connection::open(&Address::Port(server.http_port())).unwrap();
    let mut ask = |request: &Request| connection.ask(request).unwrap();
    // A length that is said is that of the other body (Django says one always), and the connection goes on.
    let reply = ask(&packed("/text")
        .header("X-Content-Length", "500")
        .header("X-ETag", "\"v\"")
        .header("X-Vary", "Cookie"));
    assert_eq!(unpacked(&reply), "text ".repeat(100));
    assert_eq!(reply.header("Content-Length"), Some(&*reply.body.len().to_string()));
    assert_eq!(
        (reply.header("ETag"), reply.all("Vary")),
        (Some("W/\"v\""), vec!["Cookie", "Accept-Encoding"])
    );
    assert_eq!(unpacked(&ask(&packed("/pieces"))), "one two three");
    assert_eq!(unpacked(&ask(&packed("/large"))), "0123456789abcdef".repeat(3 * 65536));
    let head = ask(&Request::new("HEAD", "/text")
        .header("Accept-Encoding", "gzip")
        .header("X-Content-Length", "500"));
    assert_eq!((head.header("Content-Encoding"), head.header("Content-Length")), (Some("gzip"), None));
    // Who does not take it gets the body as it is, and caches are told.
    for takes in ["br", "gzip;q=0", "identity"] {
        let reply =
            ask(&Request::get("/text").header("Accept-Encoding", takes).header("X-Vary", "accept-encoding"));
        assert_eq!((reply.text().len(), reply.all("Vary")), (500, vec!["accept-encoding"]), "{takes}");
    }
    assert_eq!(ask(&Request::get("/text")).all("Vary"), ["Accept-Encoding"]);
    // What is compressed, a part, or not to be changed stays what it is; nothing is not compressed.
    let as_it_is =
        |reply: Reply| assert_eq!((reply.text(), reply.header("Vary")), ("text ".repeat(100), None));
    let coded = ask(&packed("/text").header("X-Content-Encoding", "br"));
    assert_eq!(coded.all("Content-Encoding"), ["br"]);
    as_it_is(coded);
    as_it_is(ask(&packed("/text").header("X-Cache-Control", "private, no-transform")));
    as_it_is(ask(&packed("/text")
        .header("X-Status", "206 Partial Content")
        .header("X-Content-Range", "bytes 0-499/900")));
    let none = ask(&packed("/none"));
    assert_eq!((none.header("Content-Encoding"), none.header("Content-Length")), (None, Some("0")));
    let not_modified = ask(&packed("/none").header("X-Status", "304 Not Modified").header("X-ETag", "\"v\""));
    assert_eq!((not_modified.status, not_modified.header("ETag")), (304, Some("\"v\"")));
    // An answer that is shorter than it says is cut, as it would be without.
    let mut other = Connection::open(&Address::Port(server.http_port())).unwrap();
    other.send_request(&packed("/pieces").header("X-Content-Length", "99")).unwrap();
    let cut = String::from_utf8_lossy(&other.rest().unwrap()).into_owned();
    assert!(cut.contains("Content-Encoding: gzip") && !cut.ends_with("0\r\n\r\n"), "{cut}");
}

#[test]
fn a_compressed_piece_goes_when_it_is_made() {
    let server = site(APP).option("route-run", "gzip:").start();
    let go = server.dir.join("go");
    let mut connection = Connection::open(&Address::Port(server.http_port())).unwrap();
    connection
        .send_request(&packed(&format!("/waits?{}", go.display())).header("Connection", "close"))
        .unwrap();
    let (mut bytes, mut some) = (Vec::new(), [0; 4096]);
    let first = |bytes: &[u8]| {
        let at = bytes.windows(3).position(|w| w == b"\x1f\x8b\x08")?;
        let (mut text, mut decoder) = ([0; 5], GzDecoder::new(&bytes[at..]));
        decoder.read_exact(&mut text).ok()?;
        Some(text)
    };
    while first(&bytes).is_none() {
        let n = connection.stream().read(&mut some).unwrap();
        assert!(n > 0, "it ended before the first piece: {bytes:?}");
        bytes.extend_from_slice(&some[..n]);
    }
    assert_eq!(first(&bytes), Some(*b"first"));
    fs::write(&go, "").unwrap();
    bytes.extend(connection.rest().unwrap());
    assert!(bytes.ends_with(b"0\r\n\r\n"), "{bytes:?}");
}

#[test]
fn a_body_is_kept_only_whole_and_only_where_it_fits() {
    let server = site(APP)
        .option("route", "^/kept$ cache:key=${QUERY_STRING},name=c")
        .option("route", "^/short cachestore:key=short,name=c")
        .option("route", "^/large cachestore:key=large,name=c")
        .option("route", "^/text gzip:")
        .option("route", "^/text cachestore:key=text,name=c")
        .option("route", "^/pieces cachestore:key=pieces,name=c")
        .start();
    let kept = |key: &str| server.get(&format!("/kept?{key}")).text();
    assert_eq!(server.get("/pieces").text(), "one two three");
    assert_eq!(kept("pieces"), "one two three");
    assert_eq!(server.get("/large").body.len(), 3 << 20);
    // Kept as it is for whoever asks with gzip, it would be read wrong by the next one.
    assert_eq!(server.get("/text").text().len(), 500);
    assert_eq!(server.ask(&Request::new("HEAD", "/pieces?head")).status, 200);
    let mut cut = Connection::open(&Address::Port(server.http_port())).unwrap();
    cut.send_request(&Request::get("/short").header("X-Content-Length", "99")).unwrap();
    cut.rest().unwrap();
    for key in ["large", "text", "short"] {
        assert_eq!(kept(key), "/kept", "{key} is kept");
    }
    assert_eq!(unpacked(&server.ask(&packed("/text"))), "text ".repeat(100));
    assert!(kept("text").len() < 100);
    assert_eq!(kept("pieces"), "one two three");
}

#[test]
fn bodies_of_tasks_and_of_greenlets_are_shaped_too() {
    let rules = |site: Site| {
        site.option("route", "^/kept$ cache:key=k,name=c")
            .option("route-run", "cachestore:key=k,name=c")
            .option("route-run", "gzip:")
    };
    let greenlets = site(APP).home(&paths::engines()).option("gevent", 4);
    let sites = [site(TASKS).option("asgi", "true"), greenlets];
    for site in sites {
        let server = rules(site).start();
        for (target, text) in [("/text", "text ".repeat(100)), ("/pieces", "one two three".into())] {
            assert_eq!(unpacked(&server.ask(&packed(target))), text);
            assert_eq!(server.get("/kept").text(), text);
        }
    }
}

/// Its answer and how long the request was there.
fn ends_by_rule(server: &Server, what: &str) {
    assert_eq!(server.get("/sleep").status, 504, "{what}");
    server.wait_log("GET /sleep from");
    assert!(server.log().contains("ran longer than 1 s"), "{what}: {}", server.log());
    assert_eq!(server.get("/text").status, 200, "{what}");
}

#[test]
fn a_rule_ends_requests_that_take_too_long() {
    for (configured, seconds) in [(0, 1), (300, 1), (1, 300)] {
        let server = site(APP)
            .option("harakiri", configured)
            .option("route", format!("^/sleep harakiri:{seconds}"))
            .start();
        ends_by_rule(&server, &format!("harakiri = {configured}, by the rule {seconds}"));
    }
    let server = site(APP).option("threads", 2).option("route", "^/sleep harakiri:1").start();
    ends_by_rule(&server, "two threads");
}

fn mounted(site: &Site) -> String {
    let other = site.dir.join("app/other.py");
    fs::write(&other, "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [repr(('other', environ['SCRIPT_NAME'], environ['PATH_INFO'], environ.get('UWSGI_APPID'))).encode()]\n").unwrap();
    format!("/other={}", other.display())
}

#[test]
fn a_rule_chooses_the_application() {
    let make = || {
        let site = site(APP).option("route", "^/s(.*) setapp:/other").option("route", "^/t setapp:/nope");
        let mount = mounted(&site);
        site.option("mount", mount)
    };
    let (ours, original) = (make().start(), make().original());
    for target in ["/s/x", "/t/x", "/x", "/other/x"] {
        let theirs = original.get(target).text();
        assert_eq!(ours.get(target).text(), theirs, "{target}");
        assert_eq!(theirs.contains("other"), target.starts_with("/s") || target == "/other/x", "{theirs}");
    }
}

#[test]
fn a_rule_gives_the_process_a_title() {
    let server = site(APP).option("route", "^/title setprocname:asked for ${PATH_INFO}").start();
    assert_eq!(server.get("/title").text(), "asked for /title");
    until("the title is there for others", || {
        let pid = server.worker_pids()[0];
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        line.starts_with(b"asked for /title").then_some(())
    });
}

#[test]
fn a_rule_calls_no_function_where_the_loop_would_wait() {
    for (name, value) in [("asgi", "true"), ("gevent", "4")] {
        let failure = site(APP).option(name, value).option("route-run", "rpc:f x").refused();
        assert!(failure.text.contains("a rule calls no function where requests run in"), "{}", failure.text);
    }
}
