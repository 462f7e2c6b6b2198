//! What is shown of lanes where one thread runs them all: their name, which of them are WebSockets, how late their loop is;
//! and what it costs to wait in them.

use serde_json::Value;
use std::time::Duration;
use uswgi_tests::process::good;
use uswgi_tests::websocket::WebSocket;
use uswgi_tests::{Request, Server, Site, paths, until};

const APP: &str = r#"
import asyncio, os, time

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("not here")
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if message["text"] == "block":
                time.sleep(0.5)
            await send({"type": "websocket.send", "text": message["text"]})
    if scope["path"] == "/block":
        while not os.path.exists(os.path.join(os.environ["HOLD_DIR"], "go")):
            time.sleep(0.01)
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"done"})
"#;

/// The same for greenlets of gevent, with the functions of uWSGI for WebSockets.
const WSGI: &str = r#"
import os, time
import gevent, uwsgi

def application(environ, start_response):
    if environ["PATH_INFO"] == "/echo":
        uwsgi.websocket_handshake()
        while True:
            text = uwsgi.websocket_recv()
            if text == b"block":
                time.sleep(0.5)
            uwsgi.websocket_send(text)
    if environ["PATH_INFO"] == "/block":
        while not os.path.exists(os.path.join(os.environ["HOLD_DIR"], "go")):
            time.sleep(0.01)
    start_response("200 OK", [])
    return [b"done"]
"#;

fn tasks() -> Site {
    let site = Site::probe().home(&paths::engines()).without("module").source("lanes.py", APP);
    site.option("module", "lanes").option("asgi", true).option("asgi-tasks", 8)
}

fn greenlets() -> Site {
    let site = Site::probe().home(&paths::engines()).without("module").source("lanes.py", WSGI);
    site.option("module", "lanes").option("gevent", 8).option("http-websockets", true)
}

fn status(server: &Server) -> Value {
    let out = server.ctl(&["status", "--json"]);
    serde_json::from_slice(&out.stdout).expect("JSON")
}

fn text(server: &Server, verb: &str) -> String {
    good(server.ctl_command(&[verb]), Duration::from_secs(60))
}

#[test]
fn each_engine_has_its_word_its_websockets_and_the_lag_of_its_loop() {
    for (site, lanes, one) in [(tasks(), "tasks", "task "), (greenlets(), "greenlets", "greenlet ")] {
        let server = site.option("stats", "stats.sock").option("stats-http", true).start();
        let mut sockets: Vec<WebSocket> = (0..3).map(|_| WebSocket::open(&server.door(), "/echo")).collect();
        server.get("/").expect(200);
        let page = text(&server, "status");
        assert!(page.contains(&format!(", 8 {lanes} each")), "{page}");
        // The loop runs for a moment now and then, and a page may see that.
        until("three that wait", || {
            text(&server, "status").contains("(3 under way, 3 waiting, 3 of them WebSockets)").then_some(())
        });
        // The loop was asked, and answers fast.
        let count = until("a lag", || {
            let seen = status(&server);
            let worker = &seen["workers"][0];
            assert_eq!((worker["lanes"].as_str(), seen["websockets"].as_u64()), (Some(lanes), Some(3)));
            sockets[0].text("on");
            assert_eq!(sockets[0].next_text(), "on");
            worker["loop_lag_us"]["p50"].as_u64()
        });
        assert!(count < 60_000_000);
        let table = text(&server, "workers");
        assert!(table.contains(" LAG ") && table.matches(one).count() == 3, "{table}");
        assert!(table.contains(" ms WebSocket GET /echo from "), "{table}");
        // One that stands is seen while it does.
        let blocked = server.door().ask_later(Request::get("/block"));
        until("a loop that stands", || {
            (status(&server)["loop_lag_us"]["stands"].as_u64() > Some(200_000)).then_some(())
        });
        let page = text(&server, "status");
        assert!(page.contains("one has not turned for "), "{page}");
        std::fs::write(server.dir.join("hold").join("go"), "").unwrap();
        assert_eq!(blocked.join().unwrap().unwrap().status, 200);
        until("its lag in the histogram", || {
            (status(&server)["loop_lag_us"]["p99"].as_u64() > Some(200_000)).then_some(())
        });
        until("three that wait", || {
            text(&server, "metrics").contains("\nuswgi_threads_waiting 3\n").then_some(())
        });
        let metrics = text(&server, "metrics");
        for part in [
            "uswgi_websockets 3",
            "uswgi_worker_loop_lag_seconds_bucket{slot=\"0\",worker=\"1\",le=\"+Inf\"} ",
        ] {
            assert!(metrics.contains(part), "{part}: {metrics}");
        }
        for socket in &mut sockets {
            socket.close(1000);
            assert_eq!(socket.closed(), Some(1000));
        }
        until("no WebSocket is left", || (status(&server)["websockets"] == 0).then_some(()));
    }
}

/// How often the threads of a worker have gone to sleep: each is a wake-up that cost something.
fn sleeps(pid: i32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    let of = |dir: std::io::Result<std::fs::DirEntry>| -> Option<u64> {
        let text = std::fs::read_to_string(dir.ok()?.path().join("status")).ok()?;
        let line = text.lines().find(|l| l.starts_with("voluntary_ctxt_switches"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    tasks.filter_map(of).sum()
}

/// A WebSocket without a word wakes nobody a hundred times a second; one that blocks the loop later is found all the same.
#[test]
fn a_websocket_without_a_word_costs_no_processor() {
    for (site, text) in [
        (tasks(), "the loop of all tasks has not turned"),
        (greenlets(), "the loop of all greenlets has not turned"),
    ] {
        let server = site.start();
        let mut sockets: Vec<WebSocket> = (0..4).map(|_| WebSocket::open(&server.door(), "/echo")).collect();
        let pid = server.worker_pids()[0];
        // 100 looks and 20 questions a second were 120 wake-ups of two threads.
        until("a second in which hardly anybody wakes", || {
            let before = sleeps(pid);
            std::thread::sleep(Duration::from_secs(1));
            (sleeps(pid) - before < 40).then_some(())
        });
        sockets[0].text("on");
        assert_eq!(sockets[0].next_text(), "on");
        sockets[0].text("block");
        assert_eq!(sockets[0].next_text(), "block");
        server.wait_log(text);
    }
}
