//! Reloads under everything at once (short and long requests, uploads, streams, WebSockets) where one thread runs all lanes:
//! nothing is lost but conversations, which are told so. `USWGI_TEST_RELOADS` says how many; a few are part of the tests.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use uswgi_tests::server::Door;
use uswgi_tests::websocket::WebSocket;
use uswgi_tests::{Load, Request, Site, paths, until};

const TASKS: &str = r#"
import asyncio
from ws_echo import tasks as echo

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("not here")
    if scope["type"] == "websocket":
        return await echo(scope, receive, send)
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message["body"]), message["more_body"]
    if scope["path"] == "/wait":
        await asyncio.sleep(0.05)
    await send({"type": "http.response.start", "status": 200})
    for n in range(10 if scope["path"] == "/stream" else 0):
        await send({"type": "http.response.body", "body": b"%d" % n, "more_body": True})
        await asyncio.sleep(0.005)
    await send({"type": "http.response.body", "body": b"%s %d" % (scope["path"].encode(), size)})
"#;

const GREENLETS: &str = r#"
import gevent, uwsgi

def stream():
    for n in range(10):
        yield b"%d" % n
        gevent.sleep(0.005)
    yield b"/stream 0"

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/echo":
        uwsgi.websocket_handshake()
        while True:
            uwsgi.websocket_send(uwsgi.websocket_recv())
    size = len(environ["wsgi.input"].read())
    if path == "/wait":
        gevent.sleep(0.05)
    start_response("200 OK", [])
    return stream() if path == "/stream" else [b"%s %d" % (path.encode(), size)]
"#;

/// Ends the clients, also where the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Talk on one WebSocket after the other until told to stop. A conversation ends with 1001 and in no other way; gives how
/// many were told so.
fn talk(door: &Door, stop: &AtomicBool, said: &AtomicU64) -> u64 {
    let mut told = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut socket = WebSocket::open(door, "/echo");
        for n in 0.. {
            if stop.load(Ordering::Relaxed) {
                socket.close(1000);
                socket.closed();
                break;
            }
            socket.text(&n.to_string());
            match socket.frame() {
                Some((0x81, text)) => assert_eq!(text, n.to_string().as_bytes()),
                Some((0x88, code)) => {
                    assert_eq!(code, [3, 233]);
                    told += 1;
                    break;
                }
                other => panic!("{other:?} in the place of an echo or a close"),
            }
            said.fetch_add(1, Ordering::Relaxed);
        }
    }
    told
}

fn reloads_lose_nothing(site: Site) {
    let reloads = std::env::var("USWGI_TEST_RELOADS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let server = site
        .option("module", "mixed")
        .option("workers", 2)
        .option("max-surplus", 2)
        .option("disable-logging", true)
        .start();
    let doors = server.doors();
    let upload = |door: &Door| door.ask(&Request::post_pattern("/post", 200_000)).expect(200).text();
    let (stop, said, uploads) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let at_the_end = Stop(&stop);
        let talks: Vec<_> = doors.iter().map(|door| scope.spawn(|| talk(door, &stop, &said))).collect();
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                doors.iter().for_each(|door| assert_eq!(upload(door), "/post 200000"));
                uploads.fetch_add(1, Ordering::Relaxed);
            }
        });
        let loads = ["/", "/wait", "/stream"].map(|target| Load::start(&doors, 1, target));
        for _ in 0..reloads {
            let (words, sent) = (said.load(Ordering::Relaxed), uploads.load(Ordering::Relaxed));
            loads.iter().for_each(|load| load.wait_more(2));
            until("words and uploads between two reloads", || {
                let on = said.load(Ordering::Relaxed) > words && uploads.load(Ordering::Relaxed) > sent;
                on.then_some(())
            });
            server.reload();
        }
        for (load, body) in loads.into_iter().zip(["/ 0", "/wait 0", "0123456789/stream 0"]) {
            let seen = load.stop();
            assert!(seen.failures.is_empty() && seen.cut == 0, "{seen:?}");
            assert!(seen.bodies.keys().all(|b| b == body), "{:?}", seen.bodies);
        }
        drop(at_the_end);
        let told: u64 = talks.into_iter().map(|t| t.join().unwrap()).sum();
        assert!(told >= 1, "nobody was told of {reloads} reloads");
    });
    assert!(!server.log().contains("Traceback"), "{}", server.log());
}

fn site(text: &str) -> Site {
    Site::probe().home(&paths::engines()).without("module").source("mixed.py", text)
}

#[test]
fn reloads_under_mixed_load_lose_nothing_in_tasks() {
    reloads_lose_nothing(site(TASKS).file("ws_echo").option("asgi", true));
}

#[test]
fn reloads_under_mixed_load_lose_nothing_in_greenlets() {
    reloads_lose_nothing(site(GREENLETS).option("gevent", 50));
}
