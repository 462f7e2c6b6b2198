//! A lane: the place in which a request runs (a thread of Python), as the rest of the worker knows it: whether it is
//! busy, the deadline of its request, and who answers it. Takes no interpreter's lock.
//!
//! Who answers is decided under [`Lane::flight`]: it is locked for the few instructions in which a lane claims its
//! answer, and by the native thread while it sends the 504. So only one of them writes, and the owner cannot close the
//! descriptor under the other's hands.

use crate::lane_times::LaneTimes;
use crate::notes::Notes;
use crate::sync::lock;
use crate::sys::{self, ThreadId};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use uswgi_proto::profile::LaneStanding;
use uswgi_proto::settings::Protocol;

thread_local! {
    /// What this thread waits for, where it is one that serves: the number of a [`LaneStanding`].
    static WAITS_FOR: Arc<AtomicU8> = Arc::new(AtomicU8::new(NOTHING));
}

/// Number of no [`LaneStanding`].
const NOTHING: u8 = u8::MAX;

/// Run `wait`, in which the calling thread waits for its client: it is seen as doing so.
pub fn waiting_for<T>(standing: LaneStanding, wait: impl FnOnce() -> T) -> T {
    let mark = |n: u8| WAITS_FOR.with(|w| w.store(n, Ordering::Relaxed));
    mark(standing as u8);
    let result = wait();
    mark(NOTHING);
    result
}

/// State of the answer of the request in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Claim {
    /// No request, or one without a deadline.
    #[default]
    Idle,
    /// Nobody has answered.
    Pending,
    /// The application answers.
    App,
    /// The native thread has answered.
    TimedOut,
}

/// Whom the 504 goes to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Client {
    /// Its connection.
    pub fd: RawFd,
    /// It asked for a head only.
    pub head_only: bool,
    /// What it speaks.
    pub protocol: Protocol,
}

#[derive(Debug, Default)]
pub(crate) struct Flight {
    pub claim: Claim,
    pub client: Client,
    pub deadline_us: u64,
    /// What `harakiri` says; 0: nothing.
    pub configured_us: u64,
    /// The application was told by `harakiri-graceful-signal` and has its grace time.
    pub announced: bool,
    /// When the worker is given up.
    pub give_up_us: u64,
    /// The interruption has not been raised yet.
    pub raise: bool,
    pub given_up: bool,
}

/// What the native thread knows of a lane.
#[derive(Default)]
#[repr(align(128))]
pub struct Lane {
    /// Odd while it holds a request; grows by one at both ends.
    pub sequence: AtomicU64,
    /// The interpreter's identifier of it (Python's threading.get_ident()).
    ident: AtomicU64,
    /// The kernel's (gettid(2)).
    id: AtomicI32,
    native: Mutex<Option<ThreadId>>,
    /// What its thread waits for ([`waiting_for`]).
    waits_for: Mutex<Option<Arc<AtomicU8>>>,
    pub(crate) flight: Mutex<Flight>,
    /// Its request has become a WebSocket.
    converses: AtomicBool,
    /// What its request says about itself.
    pub notes: Notes,
    /// Where the time of its request goes.
    pub(crate) times: LaneTimes,
}

impl Lane {
    /// The calling thread is the one of this cell.
    pub fn adopt(&self, ident: u64) {
        self.ident.store(ident, Ordering::Relaxed);
        self.id.store(nix::unistd::gettid().as_raw(), Ordering::Relaxed);
        *lock(&self.native) = Some(sys::this_thread());
        *lock(&self.waits_for) = Some(WAITS_FOR.with(Arc::clone));
    }

    /// What its thread has said that it waits for.
    pub(crate) fn waits_for(&self) -> Option<LaneStanding> {
        let number = lock(&self.waits_for).as_ref()?.load(Ordering::Relaxed);
        LaneStanding::ALL.get(usize::from(number)).copied()
    }

    /// Its request becomes a WebSocket, or was one and ends.
    pub(crate) fn converse(&self, on: bool) {
        self.converses.store(on, Ordering::Relaxed);
    }

    /// Whether its request has become a WebSocket.
    pub fn converses(&self) -> bool {
        self.converses.load(Ordering::Relaxed)
    }

    /// The thread in which it runs, once it does.
    pub fn thread(&self) -> Option<ThreadId> {
        *lock(&self.native)
    }

    /// The kernel's number of the thread; 0 before there is one.
    pub fn id(&self) -> i32 {
        self.id.load(Ordering::Relaxed)
    }

    /// A request begins, with a deadline.
    pub fn begin(&self, client: Client, deadline_us: u64) {
        *lock(&self.flight) = Flight {
            claim: Claim::Pending,
            client,
            deadline_us,
            configured_us: deadline_us,
            ..Flight::default()
        };
    }

    /// The request in flight gets another deadline; None: the configured one. The deadline in force, 0 for none.
    pub fn limit(&self, client: Client, answered: bool, deadline_us: Option<u64>) -> u64 {
        let mut flight = lock(&self.flight);
        if flight.give_up_us > 0 {
            // It is over already.
            return flight.deadline_us;
        }
        match (deadline_us, flight.claim) {
            (Some(deadline_us), Claim::Idle) => {
                let claim = if answered { Claim::App } else { Claim::Pending };
                *flight = Flight { claim, client, deadline_us, ..Flight::default() };
            }
            (Some(deadline_us), _) => flight.deadline_us = deadline_us,
            (None, _) if flight.configured_us == 0 => *flight = Flight::default(),
            (None, _) => flight.deadline_us = flight.configured_us,
        }
        flight.deadline_us
    }

    /// The first byte of an answer is about to be sent; false: the 504 was.
    pub fn claim(&self) -> bool {
        let mut flight = lock(&self.flight);
        match flight.claim {
            Claim::TimedOut => false,
            Claim::Idle => true,
            _ => {
                flight.claim = Claim::App;
                true
            }
        }
    }

    /// Do something while nobody answers; false: somebody has.
    pub(crate) fn before_its_answer(&self, f: impl FnOnce()) -> bool {
        let flight = lock(&self.flight);
        let nobody = matches!(flight.claim, Claim::Idle | Claim::Pending);
        if nobody {
            f();
        }
        nobody
    }

    /// The request is over, the descriptor may be closed; true: it had timed out.
    pub fn end(&self) -> bool {
        let mut flight = lock(&self.flight);
        let timed_out = flight.claim == Claim::TimedOut || flight.give_up_us > 0;
        *flight = Flight::default();
        timed_out
    }

    /// Its request is beyond its deadline.
    pub fn is_overdue(&self) -> bool {
        lock(&self.flight).give_up_us > 0
    }

    /// It has a request with a deadline.
    pub fn in_flight(&self) -> bool {
        lock(&self.flight).claim != Claim::Idle
    }

    /// The interpreter's identifier, as [`Lane::adopt`] was told.
    pub fn ident(&self) -> u64 {
        self.ident.load(Ordering::Relaxed)
    }

    /// When something is due, `monotonic_us`.
    pub fn due(&self) -> Option<u64> {
        let flight = lock(&self.flight);
        match flight.claim {
            Claim::Idle => None,
            _ if flight.give_up_us == 0 => Some(flight.deadline_us),
            _ if flight.given_up => None,
            _ => Some(flight.give_up_us),
        }
    }

    /// Whether this thread is to be interrupted now; says so once. Call with the GIL held.
    pub fn take_interruption(&self) -> bool {
        std::mem::take(&mut lock(&self.flight).raise)
    }
}
