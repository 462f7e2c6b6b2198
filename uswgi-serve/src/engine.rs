//! What the threads of one worker share: the ready epoll with everything a Python thread can take from
//! it, the queues to and from the native thread, and the worker's way to its end.
//!
//! Whoever holds a [`Conn`] owns it; a connection is in exactly one place: with a thread, parked here, in
//! the `whole` queue, in a [`Job`], or with the native thread. Nothing here takes the GIL.

mod app_signals;
mod leave_wake;
mod limits;
mod listening;
mod long_lived;

pub use app_signals::SignalInbox;
use leave_wake::LeaveWake;
pub use listening::ListenSocket;

use crate::connection::Conn;
use crate::contract::Inherited;
use crate::control::Control;
use crate::event_loop::EventLoop;
use crate::lane::Lane;
use crate::mounts::Mounts;
use crate::parking::Parking;
use crate::sync::lock;
use crate::sys::{Epoll, Event, WakeEvent};
use crate::token::Token;
use crate::{routing::Routing, spool_door::SpoolDoor, static_files::StaticFiles};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use uswgi_proto::logs::format::LogFormat;
use uswgi_proto::scoreboard::{Scoreboard, ThreadSlot, WorkerSlot, monotonic_us};
use uswgi_proto::settings::WorkerSettings;
use uswgi_proto::trust::Trust;
use uswgi_shared::Shared;

/// Runs the function that the first text names with the others; None: there is none, or it gave nothing.
pub type RunFunction = fn(&[&[u8]]) -> Option<Vec<u8>>;

/// Why the worker leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
#[repr(u8)]
pub enum Leaving {
    /// It does not.
    No = 0,
    /// Others serve on: they get our connections.
    HandOver = 1,
    /// The instance stops.
    Stop = 2,
    /// The master is gone.
    Orphaned = 3,
}

impl Leaving {
    /// Of its number.
    pub(crate) fn of(number: u8) -> Leaving {
        let before = [Leaving::No, Leaving::HandOver, Leaving::Stop];
        before.get(usize::from(number)).copied().unwrap_or(Leaving::Orphaned)
    }
}

/// Work for the native thread.
pub(crate) enum Job {
    /// Read until the request is whole.
    Read(Conn),
    /// Half-closed: swallow what the peer still sends, so that a reset does not eat our answer.
    Linger(Conn),
}

/// Shared state of a worker.
pub struct Engine {
    /// What the configuration says.
    pub settings: WorkerSettings,
    pub(crate) log_format: Option<LogFormat>,
    /// Whose `X-Forwarded-*` is believed.
    pub trust: Trust,
    pub(crate) spool_door: Option<SpoolDoor>,
    /// None: no file is served without the application.
    pub files: Option<StaticFiles>,
    /// None: there are no rules.
    pub(crate) routing: Option<Routing>,
    /// Where applications are mounted.
    pub(crate) mounts: Mounts,
    /// Caches and numbers of the instance, for its rules.
    pub(crate) shared: Option<Arc<Shared>>,
    /// What runs functions that the application has registered, for its rules; it may wait for the interpreter's lock.
    pub functions: OnceLock<RunFunction>,
    /// Sockets that are listened on.
    pub listeners: Vec<ListenSocket>,
    /// The way to the master; None: the worker is alone.
    pub control: Option<Control>,
    pub(crate) board: Option<Arc<Scoreboard>>,
    pub(crate) ready: Arc<Epoll>,
    stop: WakeEvent,
    whole: Mutex<VecDeque<Conn>>,
    whole_wake: WakeEvent,
    jobs: Mutex<Vec<Job>>,
    pub(crate) jobs_wake: WakeEvent,
    parking: Parking,
    /// Events that the only Python thread has fetched and not looked at.
    fetched: Mutex<VecDeque<Token>>,
    /// One thread runs all lanes, so that it may fetch several events at a time.
    one_thread: bool,
    /// The loop in which they run, where they share a thread.
    pub event_loop: Option<EventLoop>,
    /// Signals of the application.
    pub signals: SignalInbox,
    /// Sending and receiving end.
    pub handover: Option<(OwnedFd, OwnedFd)>,
    /// One for each thread that runs requests.
    pub lanes: Vec<Lane>,
    leaving: AtomicU8,
    accepting: AtomicBool,
    /// While the warm-up lasts: whether to accept afterwards.
    held: Mutex<Option<bool>>,
    /// When listeners may be taken up again after the descriptors ran out, `monotonic_us`; 0: they are in use.
    accept_again_us: AtomicU64,
    /// The native thread watches the threads' progress.
    pub watched: AtomicBool,
    /// The native thread looks what the threads have lent.
    pub lending: AtomicBool,
    /// Every Python thread has left its loop.
    pub all_left: AtomicBool,
    requests: AtomicU64,
    replace_asked: AtomicBool,
    /// Some request has, or had, a deadline of its own.
    own_deadlines: AtomicBool,
    leave_wake: LeaveWake,
    started_us: u64,
}

impl Engine {
    /// For what was inherited; `startup_ms` is how long the application took to load, `mounts` where it is mounted.
    pub fn new(inherited: Inherited, startup_ms: u64, mounts: &Mounts) -> io::Result<Arc<Engine>> {
        let Inherited { settings, listeners, control, board, shared: memory, handover, signals, .. } =
            inherited;
        let ready = Arc::new(Epoll::new()?);
        let shared = settings.lanes.kind.share_a_thread();
        let engine = Engine {
            lanes: (0..settings.threads.max(1)).map(|_| Lane::default()).collect(),
            log_format: settings.request_log.format.as_deref().map(LogFormat::compile),
            spool_door: SpoolDoor::new(&settings.background),
            trust: Trust::parse(&settings.headers.trusted).unwrap_or_default(),
            files: StaticFiles::new(&settings),
            routing: Routing::new(&settings),
            functions: OnceLock::new(),
            mounts: mounts.clone(),
            shared: memory,
            listeners: ListenSocket::all(listeners, &settings),
            control,
            board,
            ready: ready.clone(),
            stop: WakeEvent::new(false)?,
            whole: Mutex::default(),
            whole_wake: WakeEvent::new(true)?,
            jobs: Mutex::default(),
            jobs_wake: WakeEvent::new(false)?,
            parking: Parking::new(ready),
            fetched: Mutex::default(),
            one_thread: settings.threads <= 1 || shared,
            event_loop: shared.then(EventLoop::new).transpose()?,
            handover,
            signals: SignalInbox::new(signals)?,
            leaving: AtomicU8::new(0),
            accepting: AtomicBool::new(false),
            held: Mutex::new(None),
            accept_again_us: AtomicU64::new(0),
            watched: AtomicBool::new(false),
            lending: AtomicBool::new(false),
            all_left: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            replace_asked: AtomicBool::new(false),
            own_deadlines: AtomicBool::new(false),
            leave_wake: LeaveWake::default(),
            started_us: monotonic_us(),
            settings,
        };
        engine.ready.add(engine.stop.as_raw_fd(), libc::EPOLLIN, Token::Stop.encode())?;
        engine.ready.add(engine.whole_wake.as_raw_fd(), libc::EPOLLIN, Token::Whole.encode())?;
        engine.listen_for_signals()?;
        if engine.settings.warmup.paths.is_empty() {
            if !engine.settings.paused {
                engine.accept_on()?;
            }
        } else {
            engine.hold();
        }
        if let Some(slot) = engine.slot() {
            slot.threads.store(engine.lanes.len() as u32, Ordering::Relaxed);
            slot.lanes.store(engine.settings.lanes.kind as u32, Ordering::Relaxed);
            slot.startup_ms.store(startup_ms, Ordering::Relaxed);
        }
        let engine = Arc::new(engine);
        crate::log::count_for(engine.board.as_ref());
        Ok(engine)
    }

    /// Our slot in the scoreboard.
    pub fn slot(&self) -> Option<&WorkerSlot> {
        self.board.as_ref()?.worker(self.settings.slot)
    }

    /// A thread's slot in the scoreboard.
    pub fn lane_slot(&self, thread: usize) -> Option<&ThreadSlot> {
        if cfg!(feature = "bench-without-scoreboard") {
            return None;
        }
        self.board.as_ref()?.thread(self.settings.slot, thread as u32)
    }

    /// Let a connection wait in the ready epoll for its next byte. Gives it back when the worker leaves
    /// or the epoll refuses it.
    pub fn park(&self, mut conn: Conn, now_us: u64) -> Option<Conn> {
        let seconds = if conn.served > 0 {
            self.settings.timeouts.keepalive
        } else {
            self.settings.patience(conn.protocol)
        };
        conn.deadline_us = now_us + u64::from(seconds) * 1_000_000;
        let data = self.parking.place(&mut conn);
        let (fd, registered) = (conn.raw(), conn.registered);
        let key = Token::decode(data);
        conn.registered = true;
        self.parking.put(conn);
        // With one Python thread nobody else takes an event, so that the registration can stay as it is.
        let once = if self.lanes.len() > 1 { libc::EPOLLONESHOT } else { 0 };
        let events = libc::EPOLLIN | libc::EPOLLRDHUP | once;
        let armed = match registered {
            false => self.ready.add(fd, events, data),
            true if once != 0 => self.ready.modify(fd, events, data),
            true => Ok(()),
        };
        if armed.is_err() || self.is_leaving() {
            return match key {
                Token::Conn { key, stamp } => self.unpark(key, stamp),
                _ => None,
            };
        }
        self.watch();
        None
    }

    /// Take a parked connection; None when somebody else has it.
    pub fn unpark(&self, key: u32, stamp: u32) -> Option<Conn> {
        self.parking.take(key, stamp)
    }

    /// Take the parked connections for which `which` holds.
    pub fn unpark_where(&self, which: impl Fn(&Conn) -> bool) -> Vec<Conn> {
        self.parking.take_where(which)
    }

    /// Number of parked connections.
    pub fn parked(&self) -> usize {
        self.parking.len()
    }

    /// The next ready thing, waiting for it; None when the wait was interrupted.
    pub fn wait(&self) -> Option<Token> {
        if !self.one_thread {
            let mut events = [Event { events: 0, u64: 0 }];
            return self.ready.wait(&mut events, -1).first().map(|e| Token::decode(e.u64));
        }
        self.fetch(-1)
    }

    /// The next ready thing without a wait, for lanes that share a thread; None: there is none.
    pub(crate) fn look(&self) -> Option<Token> {
        self.fetch(0)
    }

    fn fetch(&self, ms: i32) -> Option<Token> {
        let mut events = [Event { events: 0, u64: 0 }; 32];
        let ready = self.ready.wait(&mut events, ms);
        let (first, rest) = ready.split_first()?;
        if !rest.is_empty() {
            lock(&self.fetched).extend(rest.iter().map(|e| Token::decode(e.u64)));
        }
        Some(Token::decode(first.u64))
    }

    /// The next of the events that were fetched together.
    pub fn fetched(&self) -> Option<Token> {
        if !self.one_thread {
            return None;
        }
        lock(&self.fetched).pop_front()
    }

    /// The descriptor of the ready epoll, for a loop that watches it: readable when [`crate::gateway::SharedLane::poll`]
    /// finds something.
    pub fn ready_fd(&self) -> RawFd {
        self.ready.as_raw_fd()
    }

    /// Whether one thread runs all lanes: nothing that a lane does may wait but in their loop.
    pub fn shares_a_thread(&self) -> bool {
        self.event_loop.is_some()
    }

    /// Give work to the native thread.
    pub(crate) fn submit(&self, mut job: Job) {
        let (Job::Read(conn) | Job::Linger(conn)) = &mut job;
        self.unregister(conn);
        lock(&self.jobs).push(job);
        self.jobs_wake.set();
    }

    /// Its events are not the lanes' business any more.
    pub(crate) fn unregister(&self, conn: &mut Conn) {
        if std::mem::take(&mut conn.registered) {
            self.ready.delete(conn.raw());
        }
    }

    /// Have the native thread look at what is due.
    pub fn wake_native(&self) {
        self.jobs_wake.set();
    }

    /// The lanes have left their loops: the native thread may end.
    pub fn lanes_left(&self) {
        self.all_left.store(true, Ordering::SeqCst);
        self.jobs_wake.set();
    }

    /// Whether work was given that nobody has taken.
    pub fn any_jobs(&self) -> bool {
        !lock(&self.jobs).is_empty()
    }

    /// Take the work that was given.
    pub(crate) fn take_jobs(&self) -> Vec<Job> {
        std::mem::take(&mut *lock(&self.jobs))
    }

    /// Give a connection whose request is whole to the Python threads.
    pub fn deliver(&self, mut conn: Conn) {
        self.unregister(&mut conn);
        lock(&self.whole).push_back(conn);
        self.whole_wake.set();
    }

    /// Take a connection whose request is whole.
    pub fn take_whole(&self) -> Option<Conn> {
        self.whole_wake.clear();
        lock(&self.whole).pop_front()
    }

    /// Whether a whole request waits for a thread.
    pub fn any_whole(&self) -> bool {
        !lock(&self.whole).is_empty()
    }

    /// Make the native thread watch the threads' progress; cheap when it does already.
    pub fn watch(&self) {
        if !self.watched.load(Ordering::Relaxed) && !self.watched.swap(true, Ordering::AcqRel) {
            self.jobs_wake.set();
        }
    }

    /// Make the native thread send what a thread has lent; cheap when it looks already.
    pub fn send_lent(&self) {
        if !self.lending.load(Ordering::Relaxed) && !self.lending.swap(true, Ordering::AcqRel) {
            self.jobs_wake.set();
        }
    }

    /// Whether the worker leaves.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst) != Leaving::No as u8
    }

    /// Why the worker leaves.
    pub fn leaving(&self) -> Leaving {
        Leaving::of(self.leaving.load(Ordering::SeqCst))
    }

    /// Wake every Python thread, now and from now on, to leave its loop.
    pub fn finish(&self) {
        self.stop.set();
    }
}

impl Engine {
    /// Begin to leave; false when it was already leaving for as strong a reason.
    pub fn leave(&self, why: Leaving) -> bool {
        self.leaving.fetch_max(why as u8, Ordering::SeqCst) < why as u8
    }
}
