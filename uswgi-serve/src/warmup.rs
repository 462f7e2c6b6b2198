//! The warm-up of a worker: requests that it asks itself before it accepts, and what may come of them.
//!
//! They take the way of any other request through parser, gateway and answer; only the client is a thread of this process
//! at the other end of a pair of sockets, so that no listener has to be reached and nobody else's connection is met. They
//! are in no count, and their lines in the log are their own. It must never outlast its time: what hangs ends the process.

#![forbid(unsafe_code)]

use crate::connection::Conn;
use crate::dispatcher::Warm;
use crate::gateway::Gateway;
use crate::interpreter::Interpreter;
use crate::outbox::Outbox;
use crate::request::{Need, Request, examine};
use crate::sys::{self, Peer};
use crate::{log, say};
use std::fmt::Write as _;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uswgi_proto::control::{ToMaster, fitting};
use uswgi_proto::exit::Exit;
use uswgi_proto::packet::{PacketHeader, push_var};
use uswgi_proto::settings::{Protocol, Warmup};

/// Bytes of an answer that are kept to be shown.
const KEPT: usize = 4096;
/// Lines of an answer that are shown.
const LINES: usize = 5;

/// Why the worker is not ready, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed(pub String);

/// Ask everything in this lane, with the gateway's lock held; nobody else's request may be in it. `tracebacks` gives what
/// the application has let out since the last call.
pub fn run<G: Gateway, I: Interpreter<Held = G::Held>>(
    outbox: &Arc<Outbox<G::Held>>,
    lane: usize,
    gateway: &mut G,
    interpreter: &I,
    tracebacks: impl Fn() -> String,
) -> Result<(), Failed> {
    let engine = &outbox.engine;
    let warmup = &engine.settings.warmup;
    for path in &warmup.paths {
        if engine.is_leaving() {
            return Ok(());
        }
        tracebacks();
        let began = Instant::now();
        let answer = ask(outbox, lane, gateway, interpreter, path);
        let took = began.elapsed().as_millis();
        match answer {
            Ok(answer) if warmup.expects(answer.status) => {
                say!("warm-up: GET {path}: {} in {took} ms", answer.status);
            }
            Ok(answer) => return Err(Failed(answer.unexpected(path, warmup, &tracebacks()))),
            Err(why) => {
                let path = log::shown(path.as_bytes(), 256);
                return Err(Failed(format!("warm-up: GET {path}: {why}")));
            }
        }
    }
    Ok(())
}

/// What came back.
struct WarmupAnswer {
    status: u16,
    body: Vec<u8>,
}

impl WarmupAnswer {
    /// A status that is not expected, and what is known of it.
    fn unexpected(&self, path: &str, warmup: &Warmup, traceback: &str) -> String {
        let expected = warmup.expected();
        let mut text = format!("warm-up: GET {path}: {}, expected is {expected}", self.status);
        let body = String::from_utf8_lossy(&self.body);
        for line in body.lines().filter(|l| !l.trim().is_empty()).take(LINES) {
            let _ = write!(text, "\n  | {}", log::shown(line.as_bytes(), 200));
        }
        if !traceback.is_empty() {
            let _ = write!(text, "\n{}", traceback.trim_end());
        }
        text
    }
}

/// One request.
fn ask<G: Gateway, I: Interpreter<Held = G::Held>>(
    outbox: &Arc<Outbox<G::Held>>,
    lane: usize,
    gateway: &mut G,
    interpreter: &I,
    path: &str,
) -> Result<WarmupAnswer, String> {
    let engine = &outbox.engine;
    let listener = engine.listeners.iter().position(|l| l.protocol == Protocol::Http).unwrap_or(0);
    let heard = engine.listeners.get(listener).map(|l| (l.protocol, &l.server));
    let nobody = (String::from("localhost"), String::from("80"));
    let (protocol, server) = heard.unwrap_or((Protocol::Http, &nobody));
    // Variables are variables.
    let protocol = if protocol == Protocol::Http { protocol } else { Protocol::Uwsgi };
    let (ours, theirs) = UnixStream::pair().map_err(|e| format!("no pair of sockets: {e}"))?;
    let peer = Peer::Ip(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    sys::non_blocking(ours.as_raw_fd());
    let mut conn = Conn::new(ours.into(), listener as u16, protocol, peer);
    conn.buffer = bytes(protocol, &engine.settings.warmup, path, server);
    let mut request = Request::default();
    match examine(&mut conn, &mut request, &engine.settings) {
        Need::Run => {}
        Need::Refuse(refusal) => return Err(format!("{}: {}", refusal.status, refusal.why)),
        Need::More | Need::Ping | Need::Signal(_) | Need::Spool => {
            return Err("it is no whole request".into());
        }
    }
    let seconds = engine.settings.warmup.timeout;
    let late = {
        let (engine, interpreter, path) = (engine.clone(), interpreter.clone(), path.to_string());
        move || {
            let ident = engine.lanes[lane].ident();
            let mut text = format!("warm-up: GET {path}: no answer within {seconds} s (warmup-timeout)");
            match interpreter.stacks(move |other| other == ident) {
                Some(stacks) => text += &format!("; it stands here:\n{stacks}"),
                None => text += "; something holds the GIL without a break",
            }
            give_up(&engine, &text)
        }
    };
    let reader = std::thread::Builder::new()
        .name("uswgi-warmup".into())
        .spawn(move || read(theirs, Duration::from_secs(seconds.into()), late))
        .map_err(|e| format!("no thread can be started: {e}"))?;
    let status = Warm { outbox, lane, conn, request: &mut request }.run(gateway);
    let heard = gateway.unlocked(|| reader.join());
    let body =
        heard.map_err(|_| "its reader has failed")?.map_err(|e| format!("its answer breaks off: {e}"))?;
    match status {
        Some(status) => Ok(WarmupAnswer { status, body }),
        None => Err("it has no answer".into()),
    }
}

/// Tell the master that this worker will not be, and end: the lane may never come back.
pub fn give_up(engine: &crate::engine::Engine, text: &str) {
    match &engine.control {
        Some(control) => control.send(&ToMaster::WarmupFailed { message: fitting(text).into() }),
        None => say!("{text}"),
    }
    sys::exit_now(Exit::AppFailed.code());
}

/// The beginning of the body that comes, until the end.
fn read(mut from: UnixStream, patience: Duration, late: impl FnOnce()) -> std::io::Result<Vec<u8>> {
    sys::block_signals();
    let until = Instant::now() + patience;
    let (mut kept, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            late();
            return Err(ErrorKind::TimedOut.into());
        }
        from.set_read_timeout(Some(left))?;
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => kept.extend_from_slice(&piece[..n.min(KEPT.saturating_sub(kept.len()))]),
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(e) => return Err(e),
        }
    }
    let head = kept.windows(4).position(|w| w == b"\r\n\r\n").map_or(kept.len(), |at| at + 4);
    Ok(kept.split_off(head))
}

/// The request as a client of this socket would send it.
fn bytes(protocol: Protocol, warmup: &Warmup, path: &str, server: &(String, String)) -> Vec<u8> {
    let given = warmup.headers.iter().filter_map(|line| line.split_once(':'));
    let given: Vec<(&str, &str)> = given.map(|(name, value)| (name, value.trim())).collect();
    let mut headers: Vec<(&str, &str)> = [("Host", "localhost"), ("User-Agent", "uswgi-warmup")]
        .into_iter()
        .filter(|(name, _)| !given.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)))
        .collect();
    headers.extend(given);
    if protocol == Protocol::Http {
        // Without chunks in the answer; as nginx asks, too.
        let mut text = format!("GET {path} HTTP/1.0\r\n");
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        return (text + "\r\n").into_bytes();
    }
    let (plain, query) = path.split_once('?').unwrap_or((path, ""));
    let mut decoded = Vec::new();
    if uswgi_proto::http::decode_path(plain.as_bytes(), &mut decoded).is_err() {
        decoded = plain.as_bytes().to_vec();
    }
    let mut block = Vec::new();
    let mut fits = true;
    let mut push = |name: &[u8], value: &[u8]| fits &= push_var(&mut block, name, value);
    push(b"REQUEST_METHOD", b"GET");
    push(b"REQUEST_URI", path.as_bytes());
    push(b"PATH_INFO", &decoded);
    push(b"QUERY_STRING", query.as_bytes());
    push(b"CONTENT_TYPE", b"");
    push(b"CONTENT_LENGTH", b"");
    push(b"SERVER_PROTOCOL", b"HTTP/1.1");
    push(b"SERVER_NAME", server.0.as_bytes());
    push(b"SERVER_PORT", server.1.as_bytes());
    push(b"REMOTE_ADDR", b"127.0.0.1");
    push(b"REMOTE_PORT", b"0");
    for (name, value) in headers {
        let name = name.to_ascii_uppercase().replace('-', "_");
        push(format!("HTTP_{name}").as_bytes(), value.as_bytes());
    }
    let size = if fits { u16::try_from(block.len()).unwrap_or(u16::MAX) } else { 0 };
    [&PacketHeader { modifier1: 0, size, modifier2: 0 }.encode()[..], &block].concat()
}

#[cfg(test)]
mod tests;
