//! What a spooler or mule has beside its work: the control socket, and the clock of its deadline.
//!
//! A thread of its own, which never takes the interpreter's lock: so an aide is told to leave, asked where it stands, and
//! killed when a task takes too long, whatever it does. It must never decide what becomes of the work at hand.

#![forbid(unsafe_code)]

use crate::control::{Control, FromMaster};
use crate::engine::Leaving;
use crate::interpreter::Interpreter;
use crate::messages::take_signal;
use crate::native::ORPHAN_SECONDS;
use crate::say;
use crate::stack_requests::StackRequests;
use crate::sync::lock;
use crate::sys::{self, WakeEvent};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uswgi_proto::app_signals::{RaisedSignal, SignalMessage};
use uswgi_proto::background::Aide;
use uswgi_proto::control::{ToMaster, ToWorker};
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::{AideSlot, Scoreboard, monotonic_us};

/// A wait is this much longer than it has to be, so that what is due then is over.
const SLACK: Duration = Duration::from_millis(2);
/// Microseconds between two looks at the memory of an aide that works.
const MEASURE_US: u64 = 1_000_000;

/// An aide's place in its instance.
pub struct Link {
    /// Who it is.
    pub aide: Aide,
    control: Control,
    board: Option<Arc<Scoreboard>>,
    slot: u32,
    leaving: AtomicU8,
    /// Readable while there is a signal, or this process is to leave.
    wake: WakeEvent,
    signals: Mutex<VecDeque<RaisedSignal>>,
    /// Queues of signals that it shares with others.
    shared: Vec<OwnedFd>,
    /// When the work at hand has taken too long, `monotonic_us`; 0: never.
    deadline_us: AtomicU64,
    /// When its memory was looked at last, `monotonic_us`.
    measured_us: AtomicU64,
    /// Wakes the thread.
    deadline_wake: WakeEvent,
}

/// What the thread does when something is due; called in it.
pub trait Watch: Send + 'static {
    /// The aide is to leave.
    fn leave(&self, link: &Link);
    /// The work at hand takes too long: its process is killed when this returns.
    fn late(&self, link: &Link);
}

impl Link {
    /// For the aide in this slot of the scoreboard; `shared`: queues of signals that it shares with others.
    ///
    /// # Errors
    /// The descriptors ran out.
    pub fn new(
        aide: Aide,
        slot: u32,
        control: Control,
        board: Option<Arc<Scoreboard>>,
        shared: Vec<OwnedFd>,
    ) -> io::Result<Arc<Link>> {
        Ok(Arc::new(Link {
            aide,
            control,
            board,
            slot,
            leaving: AtomicU8::new(0),
            wake: WakeEvent::new(false)?,
            signals: Mutex::default(),
            shared,
            deadline_us: AtomicU64::new(0),
            measured_us: AtomicU64::new(0),
            deadline_wake: WakeEvent::new(false)?,
        }))
    }

    /// Start the thread; from here on it answers where the threads of the interpreter stand.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn watch(self: &Arc<Link>, interpreter: impl Interpreter, watch: impl Watch) -> io::Result<()> {
        let link = self.clone();
        // Without descriptors for it the work is done all the same, and its stacks are not to be had.
        let asked = StackRequests::new(interpreter).ok();
        if let (Some(slot), Some(asked)) = (self.slot(), &asked) {
            asked.announce(&slot.stacks_pipe, &slot.stacks_memory);
        }
        let thread = std::thread::Builder::new().name("uswgi-aide".into());
        thread.spawn(move || link.run(asked.as_ref(), &watch)).map(drop)
    }

    /// Its row in the scoreboard.
    pub fn slot(&self) -> Option<&AideSlot> {
        self.board.as_ref()?.aide(self.slot)
    }

    /// Why it is to leave; [`Leaving::No`] while it is not.
    pub fn leaving(&self) -> Leaving {
        Leaving::of(self.leaving.load(Ordering::SeqCst))
    }

    /// Whether it is to leave.
    pub fn is_leaving(&self) -> bool {
        self.leaving() != Leaving::No
    }

    /// Tell the master.
    pub fn send(&self, message: &ToMaster) {
        self.control.send(message);
    }

    /// The way to the master.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Readable while there is a signal, or this process is to leave.
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// What becomes readable by a signal: for this process, then those that others may take too.
    pub fn signal_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.wake.as_fd()).chain(self.shared.iter().map(AsFd::as_fd))
    }

    /// The next signal that came for this process, or that it may take.
    pub fn next_signal(&self) -> Option<RaisedSignal> {
        let own = self.take_signal().inspect(|s| self.has_taken(*s, false));
        own.or_else(|| {
            let one = self.shared.iter().find_map(|fd| take_signal(fd.as_fd()));
            one.inspect(|s| self.has_taken(*s, true))
        })
    }

    /// The next signal that came for this process.
    fn take_signal(&self) -> Option<RaisedSignal> {
        let mut signals = lock(&self.signals);
        let signal = signals.pop_front();
        if signal.is_some() && signals.is_empty() && !self.is_leaving() {
            self.wake.clear();
        }
        signal
    }

    /// A signal was taken out of a queue; `shared`: of one that several have. Counts it, and tells who waits for that.
    fn has_taken(&self, signal: RaisedSignal, shared: bool) {
        if let Some(slot) = self.slot() {
            uswgi_proto::scoreboard::layout::add(&slot.signals, 1);
        }
        if signal.told {
            let said = SignalMessage::Taken { number: signal.number, shared };
            self.control.send(&ToMaster::AppSignal { said });
        }
    }

    /// Work begins; `limit`: how long it may take.
    pub fn begin(&self, limit: Duration) {
        let now = monotonic_us();
        if let Some(slot) = self.slot() {
            slot.started_us.store(now, Ordering::Relaxed);
        }
        if !limit.is_zero() {
            self.deadline_us.store(now + limit.as_micros() as u64, Ordering::SeqCst);
            self.deadline_wake.set();
        }
    }

    /// It has come to its end.
    pub fn end(&self) {
        // The thread looks at it again when it wakes: no need to wake it.
        self.deadline_us.store(0, Ordering::SeqCst);
        let Some(slot) = self.slot() else { return };
        let began = slot.started_us.swap(0, Ordering::Relaxed);
        let took = monotonic_us().saturating_sub(began);
        uswgi_proto::scoreboard::layout::add(&slot.running_us, took);
        let (now, measured) = (began + took, self.measured_us.load(Ordering::Relaxed));
        if now >= measured + MEASURE_US
            && let Some((vsz, rss)) = sys::memory()
        {
            self.measured_us.store(now, Ordering::Relaxed);
            slot.rss.store(rss, Ordering::Relaxed);
            slot.vsz.store(vsz, Ordering::Relaxed);
        }
    }

    fn leave(&self, why: Leaving, watch: &impl Watch) {
        if self.leaving.fetch_max(why as u8, Ordering::SeqCst) < why as u8 {
            self.wake.set();
            watch.leave(self);
        }
    }

    fn run(&self, asked: Option<&StackRequests<impl Interpreter>>, watch: &impl Watch) {
        let mut orphaned = None;
        loop {
            let now = monotonic_us();
            let deadline = self.deadline_us.load(Ordering::SeqCst);
            if deadline != 0 && deadline <= now {
                watch.late(self);
                // What does not end by itself does now; the master starts the next one.
                let _ = nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGKILL);
            }
            if orphaned.is_some_and(|at| at <= now) {
                say!("{} did not come to an end without its master", self.aide);
                sys::exit_now(Exit::MasterGone.code());
            }
            let due = [orphaned, Some(deadline).filter(|d| *d != 0)].into_iter().flatten().min();
            let wait = due.map(|at| Duration::from_micros(at.saturating_sub(now)) + SLACK);
            let wait =
                wait.map_or(PollTimeout::NONE, |w| PollTimeout::try_from(w).unwrap_or(PollTimeout::MAX));
            let (deadline, control) = (Some(self.deadline_wake.as_fd()), Some(self.control.as_fd()));
            let [deadline, control, question] =
                readable([deadline, control.filter(|_| orphaned.is_none()), asked.map(|a| a.fd())], wait);
            if deadline {
                self.deadline_wake.clear();
            }
            if question {
                asked.into_iter().for_each(|a| a.take(|_, _| {}));
            }
            while control && orphaned.is_none() {
                match self.control.receive(false) {
                    Ok(FromMaster::Message(message, files)) => self.told(message, &files, watch),
                    Ok(FromMaster::Nothing) => break,
                    Err(e) if e.kind() == io::ErrorKind::Other => {
                        say!("the master said something strange: {e}")
                    }
                    Ok(FromMaster::Gone) | Err(_) => {
                        say!("the master is gone; {} finishes what it has and ends", self.aide);
                        orphaned = Some(monotonic_us() + u64::from(ORPHAN_SECONDS) * 1_000_000);
                        self.leave(Leaving::Orphaned, watch);
                    }
                }
            }
        }
    }

    fn told(&self, message: ToWorker, files: &[std::os::fd::OwnedFd], watch: &impl Watch) {
        match message {
            ToWorker::Retire { hand_over } => {
                self.leave(if hand_over { Leaving::HandOver } else { Leaving::Stop }, watch);
            }
            ToWorker::ReopenLogs => files.first().into_iter().for_each(crate::log::reopen),
            ToWorker::Ping => self.control.send(&ToMaster::Alive),
            ToWorker::AppSignal { signal } => {
                lock(&self.signals).push_back(signal);
                self.wake.set();
            }
            ToWorker::Fork { .. } | ToWorker::Accept { .. } => {}
        }
    }
}

/// Wait until one of these is readable, or an error is to be had from it: which are. An interrupted wait has none.
fn readable<const N: usize>(fds: [Option<BorrowedFd<'_>>; N], wait: PollTimeout) -> [bool; N] {
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().flatten().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    if poll(&mut polled, wait).is_err() {
        return [false; N];
    }
    let mut polled = polled.into_iter();
    fds.map(|fd| fd.is_some() && polled.next().is_some_and(|p| p.any() == Some(true)))
}
