//! Defects that a review found, one test each: what a client, an application or a moment can do to a worker.

use nix::sys::signal::Signal;
use nix::sys::socket::{setsockopt, sockopt};
use std::fs;
use std::io::{Read, Write};
use std::time::Duration;
use uswgi_tests::http::Connection;
use uswgi_tests::process::{alive, ticks};
use uswgi_tests::request::{Address, Stream};
use uswgi_tests::wait::stays;
use uswgi_tests::{Request, Server, Site, packet, until};

/// One application with a path for everything that is tried here.
const APP: &str = r#"
import gzip, io, os, signal, sys, tempfile, threading, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)

class Late:
    def __init__(self, write):
        self.write, self.parts = write, [b'early']
    def __iter__(self):
        return iter(self.parts)
    def close(self):
        try:
            self.write(b'late')
        except Exception:
            pass

def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/lend':
        begun = threading.Event()
        def read():
            begun.set()
            environ['wsgi.input'].read()
        threading.Thread(target=read, daemon=True).start()
        begun.wait()
        time.sleep(0.2)
    if path == '/gzip':
        name = tempfile.mktemp()
        with gzip.open(name, 'wb') as f:
            f.write(b'plain text')
        start_response('200 OK', [])
        f = gzip.open(name)
        os.unlink(name)
        return environ['wsgi.file_wrapper'](f)
    if path == '/yielded':
        start_response('200 OK', [])
        wrap = environ['wsgi.file_wrapper']
        name = tempfile.mktemp()
        with open(name, 'wb') as f:
            f.write(b'file' * 5000)
        f = open(name, 'rb')
        os.unlink(name)
        def pieces():
            yield b'before '
            yield wrap(f, 8192)
            yield b' open' if not f.closed else b' closed'
            yield wrap(io.BytesIO(b' memory'), 2)
        return [wrap(f)] if environ['QUERY_STRING'] == 'list' else pieces()
    if path == '/forkexit':
        pid = os.fork()
        if pid == 0:
            sys.exit(3)
    if path == '/fork':
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
    if path == '/big':
        start_response('200 OK', [])
        return [b'x' * 20_000_000]
    if path == '/middle':
        start_response('200 OK', [])
        return [b'x' * 200_000]
    if path == '/late':
        return Late(start_response('200 OK', []))
    start_response('200 OK', [])
    return [str(os.getpid()).encode()]
"#;

fn site() -> Site {
    Site::probe().without("module").source("edges.py", APP).option("module", "edges")
}

fn open(server: &Server) -> Connection {
    Connection::open(&address(server)).unwrap()
}

fn address(server: &Server) -> Address {
    server.http.clone().unwrap()
}

#[test]
fn a_request_that_arrived_while_every_thread_was_busy_is_answered() {
    let server = Site::probe().option("workers", 1).option("socket-timeout", 1).start();
    let mut early = open(&server);
    let held = server.door().ask_later(Request::get("/hold?name=a"));
    server.held("a");
    early.send(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    // Longer than socket-timeout and the second in which time-outs are looked at.
    stays(Duration::from_millis(2500), || true);
    server.let_go("a");
    early.reply("GET").unwrap().expect(200);
    held.join().unwrap().unwrap().expect(200);
}

#[test]
fn requests_passed_on_to_a_busy_worker_are_answered_at_a_stop() {
    let mut server = Site::probe().option("workers", 2).start();
    let mut kept: Vec<_> = (0..6).map(|_| open(&server)).collect();
    for connection in &mut kept {
        connection.ask(&Request::get("/hello")).unwrap().expect(200);
    }
    let held: Vec<_> =
        ["a", "b"].map(|n| server.door().ask_later(Request::get(&format!("/hold?name={n}")))).into();
    server.held("a");
    server.held("b");
    for connection in &mut kept {
        connection.send(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    }
    stays(Duration::from_millis(300), || true);
    server.signal(Signal::SIGTERM);
    server.wait_log("stopping");
    server.let_go("a");
    server.let_go("b");
    for connection in &mut kept {
        connection.reply("GET").unwrap().expect(200);
    }
    for request in held {
        request.join().unwrap().unwrap().expect(200);
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_file_wrapper_may_be_a_piece_of_the_body() {
    let server = site().start();
    for door in server.doors() {
        let file = "file".repeat(5000);
        let whole = format!("before {file} open memory");
        assert!(door.get("/yielded").expect(200).text() == whole, "{door:?}");
        assert!(door.get("/yielded?list").expect(200).text() == file, "{door:?}");
        assert_eq!(door.ask(&Request::new("HEAD", "/yielded")).expect(200).body, b"");
    }
}

#[test]
fn the_path_of_a_unix_socket_may_be_its_host() {
    let site = site();
    let path = site.dir.join("http.sock");
    let server = site.option("http-socket", path.display()).start();
    let request = Request::get("/").header("Host", "/run/site.sock");
    Connection::open(&Address::Unix(path)).unwrap().ask(&request).unwrap().expect(200);
    open(&server).ask(&request).unwrap().expect(400);
}

#[test]
fn a_body_that_an_application_thread_still_reads_is_no_next_request() {
    let server = site().start();
    let mut client = open(&server);
    client.send(b"POST /lend HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n").unwrap();
    client.send(&vec![b'b'; 70_000]).unwrap();
    client.reply("POST").unwrap().expect(200);
    // The rest of the body, which looks like a request.
    let _ = client.send(b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    client.closed().unwrap();
}

#[test]
fn a_client_that_pipelines_without_end_holds_nobody_up() {
    let server = Site::probe().option("workers", 1).option("disable-logging", "true").start();
    let address = address(&server);
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let flood = std::thread::spawn(move || {
        let mut stream = Connection::open(&address).unwrap();
        let requests = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
        let reader = stream.stream().fd().try_clone_to_owned().unwrap();
        let reader = std::thread::spawn(move || {
            let mut socket = std::net::TcpStream::from(reader);
            let _ = std::io::copy(&mut socket, &mut std::io::sink());
        });
        while told.try_recv().is_err() && stream.send(&requests).is_ok() {}
        let _ = stream.stream().finish_sending();
        reader.join().unwrap();
    });
    for _ in 0..5 {
        let begin = std::time::Instant::now();
        server.get("/hello").expect(200);
        assert!(begin.elapsed() < Duration::from_secs(10), "waited {:?}", begin.elapsed());
    }
    tell.send(()).unwrap();
    flood.join().unwrap();
}

#[test]
fn a_forked_child_that_keeps_the_socket_costs_no_cpu() {
    let server = site().option("workers", 1).start();
    let worker = server.worker_pids()[0];
    let mut client = open(&server);
    client.ask(&Request::get("/")).unwrap().expect(200);
    client.ask(&Request::get("/fork")).unwrap().expect(200);
    drop(client);
    server.get("/").expect(200);
    let before = ticks(worker);
    stays(Duration::from_secs(1), || true);
    let used = ticks(worker) - before;
    assert!(used <= 20, "{used} ticks of CPU in an idle second");
}

#[test]
fn a_forked_child_that_exits_serves_nobody() {
    let server = site().option("workers", 1).start();
    let worker = server.worker_pids()[0].to_string();
    for _ in 0..3 {
        assert_eq!(server.get("/forkexit").expect(200).text(), worker);
    }
    for _ in 0..8 {
        assert_eq!(server.get("/").expect(200).text(), worker);
    }
}

#[test]
fn what_is_written_after_the_end_is_not_sent() {
    let server = site().start();
    let mut client = open(&server);
    for _ in 0..3 {
        assert_eq!(client.ask(&Request::get("/late")).unwrap().expect(200).text(), "early");
    }
}

#[test]
fn the_application_keeps_its_disposition_of_sigchld() {
    let server = site().option("workers", 1).start();
    let status = fs::read_to_string(format!("/proc/{}/status", server.worker_pids()[0])).unwrap();
    let ignored = status.lines().find_map(|l| l.strip_prefix("SigIgn:")).unwrap().trim();
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    assert!(ignored >> (Signal::SIGCHLD as i32 - 1) & 1 == 1, "{ignored:x}");
}

#[test]
fn an_invitation_to_send_a_body_comes_once() {
    let server = Site::probe().option("post-buffering", 4096).start();
    let mut client = open(&server);
    client
        .send(b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\nExpect: 100-continue\r\n\r\n")
        .unwrap();
    assert_eq!(client.any_reply("POST").unwrap().status, 100);
    for _ in 0..3 {
        client.send(&vec![b'b'; 100_000]).unwrap();
    }
    client.any_reply("POST").unwrap().expect(200);
}

#[test]
fn a_wrapped_file_is_what_its_read_gives() {
    for door in site().start().doors() {
        assert_eq!(door.get("/gzip").expect(200).text(), "plain text");
    }
}

#[test]
fn a_large_answer_to_a_body_that_nobody_read_is_whole() {
    let server = site().start();
    let mut client = open(&server);
    client.send(b"POST /big HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n").unwrap();
    client.send(&vec![b'b'; 300_000]).unwrap();
    let reply = client.reply("POST").unwrap().expect(200);
    assert_eq!(reply.body.len(), 20_000_000);
}

#[test]
fn a_large_answer_to_a_client_that_reads_nothing_holds_no_thread() {
    let server = site().option("workers", 1).start();
    let mut stalled = open(&server);
    stalled.stream().write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    server.wait_log("GET /big");
    let begin = std::time::Instant::now();
    server.get("/").expect(200);
    assert!(begin.elapsed() < Duration::from_secs(10), "waited {:?}", begin.elapsed());
    assert_eq!(stalled.reply("GET").unwrap().expect(200).body.len(), 20_000_000);
}

#[test]
fn an_orphan_ends_although_a_thread_of_its_application_does_not() {
    let app = "import threading, time\n\
               def loop():\n    while True: time.sleep(1)\n\
               def application(e, s):\n    threading.Thread(target=loop).start()\n    s('200 OK', [])\n    return [b'x']\n";
    let server = Site::probe().without("module").source("stay.py", app).option("module", "stay").start();
    server.get("/").expect(200);
    let worker = server.worker_pids()[0];
    server.signal(Signal::SIGKILL);
    until("the end of the worker", || (!alive(worker)).then_some(()));
}

/// Read to the end, sending `stray` after every piece: the whole answer, and whether its end was a reset.
fn read_and_send(stream: &mut dyn Stream, stray: &[u8]) -> (Vec<u8>, std::io::Result<()>) {
    let (mut all, mut piece) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        match uswgi_tests::http::read_some(stream, &mut piece) {
            Ok(0) => return (all, Ok(())),
            Ok(n) => all.extend_from_slice(&piece[..n]),
            Err(e) => return (all, Err(e)),
        }
        // The server may have closed: what it sent before counts.
        let _ = stream.write_all(stray);
    }
}

/// A socket that takes little at a time.
fn narrow(address: &Address) -> Box<dyn Stream> {
    let stream = address.connect().unwrap();
    setsockopt(&stream.fd(), sockopt::RcvBuf, &4096).unwrap();
    stream
}

#[test]
fn an_answer_is_whole_whatever_its_client_sends_meanwhile() {
    let server = site().without("socket").tcp().start();
    let close = "Host: x\r\nConnection: close\r\n\r\n";
    let packet = packet::packet(&packet::vars(&Request::get("/big")));
    let (http, uwsgi) = (address(&server), server.uwsgi.clone().unwrap());
    let next = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    for (what, at, request, stray, length) in [
        ("close", &http, format!("GET /big HTTP/1.1\r\n{close}").as_bytes(), &b"\r\n"[..], 20_000_000),
        ("HTTP/1.0", &http, b"GET /big HTTP/1.0\r\n\r\n", next, 20_000_000),
        ("uwsgi", &uwsgi, &packet, b"x", 20_000_000),
        ("taken at once", &http, format!("GET /middle HTTP/1.1\r\n{close}").as_bytes(), b"\r\n", 200_000),
    ] {
        let mut stream = if length < 1_000_000 { narrow(at) } else { at.connect().unwrap() };
        stream.write_all(request).unwrap();
        let (all, end) = read_and_send(&mut *stream, stray);
        let head = all.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
        assert_eq!(all.len() - head, length, "{what}: {end:?}");
        end.unwrap_or_else(|e| panic!("{what}: {e}"));
    }
}

#[test]
fn an_error_with_requests_behind_it_is_no_reset() {
    let server = Site::probe().start();
    let mut stream = address(&server).connect().unwrap();
    let next = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3000);
    stream.write_all(&[b"GET /raise_before HTTP/1.1\r\nHost: x\r\n\r\n", &next[..]].concat()).unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).unwrap();
    assert!(reply.starts_with(b"HTTP/1.1 500 "), "{}", String::from_utf8_lossy(&reply));
}

#[test]
fn who_takes_an_answer_late_gets_it_whole() {
    let server = site().option("socket-timeout", 30).start();
    let mut stream = narrow(&address(&server));
    stream.write_all(b"GET /middle HTTP/1.0\r\n\r\n").unwrap();
    server.wait_log("GET /middle");
    // Longer than a client has for its close once it has everything: the delay is the client's, and the matter here.
    stays(Duration::from_millis(3500), || true);
    let (all, end) = read_and_send(&mut *stream, b"\r\n");
    assert!(all.len() > 200_000, "{} bytes, {end:?}", all.len());
    end.unwrap();
}
