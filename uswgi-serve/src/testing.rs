//! Parts of a worker for unit tests: engines, connections and packets, without a master, an interpreter or an application.

use crate::connection::Conn;
use crate::contract::Inherited;
use crate::control::Control;
use crate::engine::Engine;
use crate::exchange::Exchange;
use crate::interpreter::Interpreter;
use crate::request::Request;
use crate::send_queue::Held;
use crate::sys::{self, Peer};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use uswgi_proto::packet::{PacketHeader, push_var};
use uswgi_proto::settings::{ListenerSettings, Protocol, RequestLog, Role, WorkerSettings};

/// How long any event may take to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Settings of a worker without request lines.
pub(crate) fn settings() -> WorkerSettings {
    WorkerSettings {
        request_log: RequestLog { disabled: true, ..RequestLog::default() },
        ..WorkerSettings::alone(Role::Worker)
    }
}

/// A worker over these parts.
pub(crate) struct Parts {
    pub(crate) settings: WorkerSettings,
    pub(crate) listener: Option<(UnixListener, Protocol)>,
    pub(crate) control: Option<OwnedFd>,
    pub(crate) handover: Option<(OwnedFd, OwnedFd)>,
}

impl Parts {
    pub(crate) fn new(settings: WorkerSettings) -> Parts {
        Parts { settings, listener: None, control: None, handover: None }
    }

    pub(crate) fn engine(self) -> Arc<Engine> {
        let Parts { mut settings, listener, control, handover } = self;
        let (mut listeners, mut named) = (Vec::new(), Vec::new());
        if let Some((fd, protocol)) = listener {
            listeners.push(OwnedFd::from(fd));
            named.push(ListenerSettings {
                name: "test".into(),
                protocol,
                workers: Vec::new(),
                proxied: false,
                front: Default::default(),
            });
        }
        settings.listeners = named;
        let control = control.map(Control::new);
        Engine::new(
            Inherited {
                settings,
                listeners,
                control,
                board: None,
                shared: None,
                queues: Default::default(),
                signals: None,
                handover,
                python_by: None,
            },
            0,
            &Default::default(),
        )
        .unwrap()
    }
}

/// A pair of packet sockets.
pub(crate) fn packets() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap()
}

/// A connection and its client.
pub(crate) fn connection(protocol: Protocol) -> (Conn, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_read_timeout(Some(PATIENCE)).unwrap();
    (Conn::new(ours.into(), 0, protocol, Peer::Unix), theirs)
}

/// A uwsgi packet of these variables.
pub(crate) fn packet(modifier1: u8, vars: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (key, value) in vars {
        assert!(push_var(&mut block, key.as_bytes(), value.as_bytes()));
    }
    let header = PacketHeader { modifier1, size: block.len() as u16, modifier2: 0 };
    [&header.encode()[..], &block].concat()
}

/// Ask a parsed request.
pub(crate) fn ask<T>(conn: &mut Conn, request: &mut Request, f: impl FnOnce(&Exchange<'_>) -> T) -> T {
    let engine = Parts::new(settings()).engine();
    f(&Exchange { engine: &engine, lane: 0, conn, request })
}

/// Wait until something comes true.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come");
        std::thread::yield_now();
    }
}

/// Everything that a client gets until its connection ends.
pub(crate) fn all_of(client: &mut UnixStream) -> Vec<u8> {
    let mut all = Vec::new();
    match client.read_to_end(&mut all) {
        Ok(_) => {}
        Err(e) => assert_eq!(e.kind(), ErrorKind::ConnectionReset, "{e}; so far {} bytes", all.len()),
    }
    all
}

/// Bytes that show by their count whether they are still held.
pub(crate) struct Pinned(pub(crate) Arc<[u8]>);

impl AsRef<[u8]> for Pinned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Held for Pinned {}

/// An interpreter that counts what is asked of it.
#[derive(Clone, Default)]
pub(crate) struct Counting {
    pub(crate) stacks: Arc<AtomicU32>,
    pub(crate) interrupted: Arc<AtomicU32>,
}

impl Interpreter for Counting {
    type Held = Pinned;

    fn stacks(&self, _: impl Fn(u64) -> bool + Send + 'static) -> Option<String> {
        sys::block_signals();
        self.stacks.fetch_add(1, Ordering::SeqCst);
        Some("here\n".into())
    }

    fn interrupt(&self, engine: &Engine) {
        for lane in &engine.lanes {
            if lane.take_interruption() {
                self.interrupted.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    fn interrupt_at_once(&self, _: &Engine) {}
}
