use super::*;
use crate::request::Body;
use crate::response::AppHead;
use crate::testing::{Counting, PATIENCE, Parts, Pinned, packets, settings};
use std::convert::Infallible;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::JoinHandle;
use uswgi_proto::control::{ToWorker, encode};
use uswgi_proto::settings::{Protocol, StaticMap, WorkerSettings};

/// Answers with the method, the path and the length of what it was asked for; `/fail` with nothing.
struct Echo;

impl Gateway for Echo {
    type Error = Infallible;
    type Held = Pinned;

    fn start(&mut self) -> Result<u64, Infallible> {
        Ok(7)
    }

    fn run(&mut self, exchange: &mut Exchange<'_>, mut response: Box<Response<Pinned>>) -> Ran<Pinned> {
        assert_eq!(exchange.engine.lanes[0].ident(), 7);
        let whole = !matches!(exchange.request.body, Some(Body::Stream(_) | Body::StreamChunks));
        let method = String::from_utf8_lossy(exchange.method()).into_owned();
        let path = String::from_utf8_lossy(exchange.path()).into_owned();
        response.head = Some(Arc::new(AppHead {
            status: 200,
            status_text: b"200 OK".to_vec(),
            has_date: true,
            ..AppHead::default()
        }));
        response.stage(format!("{method} {path} {}", exchange.request.content_length).as_bytes());
        Ran { response, app: Some(0), whole, leftover: Vec::new(), spare: Vec::new(), switches: 1 }
    }

    fn signal(&mut self) {}

    fn app_signal(&mut self, _number: u8) {}

    fn unlocked<T: Send>(&mut self, f: impl FnOnce() -> T + Send) -> T {
        f()
    }
}

/// A worker with one lane, on a socket in a folder.
struct Worker {
    folder: tempfile::TempDir,
    master: OwnedFd,
    threads: [JoinHandle<()>; 2],
}

impl Worker {
    fn new(protocol: Protocol, change: impl FnOnce(&mut WorkerSettings, &std::path::Path)) -> Worker {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings();
        change(&mut settings, folder.path());
        let (master, own) = packets();
        let mut parts = Parts::new(settings);
        parts.listener = Some((UnixListener::bind(folder.path().join("socket")).unwrap(), protocol));
        parts.control = Some(own);
        let outbox = Outbox::new(&parts.engine());
        let native = crate::native::start(&outbox, Counting::default()).unwrap();
        let lane = std::thread::spawn(move || {
            let Ok(()) = run_lane(&outbox, 0, &mut Echo);
            outbox.engine.lanes_left();
        });
        Worker { folder, master, threads: [lane, native] }
    }

    fn connect(&self) -> UnixStream {
        let client = UnixStream::connect(self.folder.path().join("socket")).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    /// The answer to one request on a connection of its own.
    fn ask(&self, bytes: &[u8]) -> String {
        let mut client = self.connect();
        client.write_all(bytes).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    fn stop(self) {
        use std::os::fd::AsRawFd;
        let message = encode(&ToWorker::Retire { hand_over: false });
        nix::sys::socket::send(self.master.as_raw_fd(), &message, nix::sys::socket::MsgFlags::empty())
            .unwrap();
        self.threads.into_iter().for_each(|t| t.join().unwrap());
    }
}

fn read_until(client: &mut UnixStream, end: &str) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with(end) {
        client.read_exact(&mut byte).unwrap_or_else(|e| panic!("{e} after {text:?}"));
        text.push(byte[0] as char);
    }
    text
}

#[test]
fn a_kept_connection_brings_one_request_after_another() {
    let worker = Worker::new(Protocol::Http, |_, _| {});
    let mut client = worker.connect();
    for i in 0..3 {
        client.write_all(format!("GET /{i} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).unwrap();
        let text = read_until(&mut client, &format!("GET /{i} 0"));
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    }
    // Two at once, and a body that comes later.
    client
        .write_all(
            b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nx",
        )
        .unwrap();
    read_until(&mut client, "GET /a 0");
    client.write_all(b"yz").unwrap();
    read_until(&mut client, "POST /b 3");
    drop(client);
    worker.stop();
}

#[test]
fn a_packet_is_answered_and_its_connection_closed() {
    let worker = Worker::new(Protocol::Uwsgi, |_, _| {});
    let packet = crate::testing::packet(0, &[("REQUEST_METHOD", "GET"), ("PATH_INFO", "/p")]);
    assert!(worker.ask(&packet).ends_with("GET /p 0"));
    assert_eq!(worker.ask(&crate::testing::packet(100, &[])).as_bytes(), crate::answer::PONG);
    worker.stop();
}

#[test]
fn an_unread_body_ends_its_connection() {
    let worker = Worker::new(Protocol::Http, |_, _| {});
    let head = b"POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n";
    let text = worker.ask(head);
    assert!(text.ends_with("POST /big 100000"), "{text}");
    worker.stop();
}

#[test]
fn files_come_without_the_gateway() {
    let worker = Worker::new(Protocol::Http, |settings, folder| {
        std::fs::write(folder.join("a.txt"), "0123456789").unwrap();
        let target = folder.to_str().unwrap().to_string();
        settings.static_files.maps = vec![StaticMap { prefix: "/static".into(), target, keep_prefix: false }];
    });
    let get = |path: &str, more: &str| {
        worker.ask(format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{more}\r\n").as_bytes())
    };
    let text = get("/static/a.txt", "");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n0123456789"), "{text}");
    assert!(
        get("/static/none", "").ends_with("GET /static/none 0"),
        "what is not there is the application's"
    );
    assert!(get("/static/../socket", "").ends_with("GET /socket 0"));
    worker.stop();
}
