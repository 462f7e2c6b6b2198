use super::*;
use crate::exchange::Exchange;
use crate::gateway::Ran;
use crate::response::{AppHead, Response};
use crate::testing::{Counting, Parts, Pinned, settings};
use std::convert::Infallible;
use std::os::unix::net::UnixListener;

/// Answers with the path as the status; notes what it was asked.
#[derive(Default)]
struct Noting {
    asked: Vec<String>,
    body: usize,
}

impl Gateway for Noting {
    type Error = Infallible;
    type Held = Pinned;

    fn start(&mut self) -> Result<u64, Infallible> {
        Ok(7)
    }

    fn run(&mut self, x: &mut Exchange<'_>, mut response: Box<Response<Pinned>>) -> Ran<Pinned> {
        let text = |name: &[u8]| String::from_utf8_lossy(x.variable(name).unwrap_or(b"-")).into_owned();
        let path = text(b"PATH_INFO");
        let (host, address) = (text(b"HTTP_HOST"), text(b"REMOTE_ADDR"));
        self.asked.push(format!("{path}?{} {host} {address} {}", text(b"QUERY_STRING"), text(b"HTTP_X_A")));
        let status = path[1..].parse().unwrap_or(200);
        let head = AppHead { status, status_text: b"999 X".to_vec(), ..AppHead::default() };
        response.head = Some(Arc::new(head));
        response.body(&vec![b'x'; self.body], false, None);
        response.body(b"\nlast line", true, None);
        response.end();
        Ran { response, app: Some(0), whole: true, leftover: Vec::new(), spare: Vec::new(), switches: 1 }
    }

    fn signal(&mut self) {}

    fn app_signal(&mut self, _number: u8) {}

    fn unlocked<T: Send>(&mut self, f: impl FnOnce() -> T + Send) -> T {
        f()
    }
}

fn asked(protocol: Protocol, warmup: Warmup, body: usize) -> (Result<(), Failed>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.warmup = warmup;
    let mut parts = Parts::new(settings);
    parts.listener = Some((UnixListener::bind(folder.path().join("socket")).unwrap(), protocol));
    let outbox = Outbox::new(&parts.engine());
    let engine = outbox.engine.clone();
    let native = crate::native::start(&outbox, Counting::default()).unwrap();
    assert!(!engine.is_accepting(), "not before it is over");
    engine.accept_on().unwrap();
    assert!(!engine.is_accepting(), "whoever asks for it");
    let mut gateway = Noting { asked: Vec::new(), body };
    let result = run(&outbox, 0, &mut gateway, &Counting::default(), || "Traceback".into());
    engine.warmed_up().unwrap();
    assert!(engine.is_accepting());
    engine.leave(crate::engine::Leaving::Stop);
    engine.lanes_left();
    native.join().unwrap();
    (result, gateway.asked)
}

fn paths(all: &[&str]) -> Warmup {
    Warmup { paths: all.iter().map(|p| p.to_string()).collect(), ..Warmup::default() }
}

#[test]
fn every_path_is_asked_over_what_is_listened_on() {
    for protocol in [Protocol::Http, Protocol::Uwsgi] {
        let headers = vec!["X-A: b".to_string(), "Host: example.org".to_string()];
        let warmup = Warmup { headers, ..paths(&["/204", "/a%20b?q=1"]) };
        let (result, asked) = asked(protocol, warmup, 0);
        assert_eq!(result, Ok(()), "{protocol:?}");
        assert_eq!(
            asked,
            ["/204? example.org 127.0.0.1 b", "/a b?q=1 example.org 127.0.0.1 b"],
            "{protocol:?}"
        );
    }
}

#[test]
fn what_is_not_expected_is_told_and_nothing_more_is_asked() {
    let (result, asked) = asked(Protocol::Http, paths(&["/200", "/500", "/201"]), 3);
    assert_eq!(asked.len(), 2);
    let Failed(text) = result.unwrap_err();
    assert_eq!(text, "warm-up: GET /500: 500, expected is 200-399\n  | xxx\n  | last line\nTraceback");
    let warmup = Warmup { expect: vec![(204, 204), (300, 399)], ..paths(&["/301", "/204", "/200"]) };
    let Failed(text) = self::asked(Protocol::Http, warmup, 0).0.unwrap_err();
    assert!(text.starts_with("warm-up: GET /200: 200, expected is 204,300-399"), "{text}");
}

#[test]
fn an_answer_that_no_socket_holds_at_once_is_whole_and_only_its_beginning_kept() {
    let (result, asked) = asked(Protocol::Http, paths(&["/200", "/200"]), 8 << 20);
    assert_eq!((result, asked.len()), (Ok(()), 2));
}

#[test]
fn a_request_that_is_refused_is_a_failure() {
    let warmup = paths(&[&format!("/{}", "x".repeat(70_000))]);
    let Failed(text) = asked(Protocol::Http, warmup, 0).0.unwrap_err();
    assert!(text.contains("414") && text.len() < 600, "{text}");
}
