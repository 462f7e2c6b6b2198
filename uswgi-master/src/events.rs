//! From descriptors to what happened: epoll over signals, control sockets, the stats server, the steering
//! socket and the FIFO.
//!
//! It must never act on what it sees, and never wait without a reason to wake up.
#![forbid(unsafe_code)]

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};
use uswgi_proto::signals;

/// What woke the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// A signal is there: [`Events::signals`].
    Signals,
    /// The control socket of this child has a message or its end.
    Control(u64),
    /// Something for the stats server, by its own token.
    Stats(u64),
    /// Something for the steering socket, by its own token.
    Steer(u64),
    /// Letters in the master's FIFO.
    Fifo,
    /// The wall clock has come to a minute that matters.
    Clock,
    /// A program has written something, by its token.
    Output(u64),
    /// What the process says that reads the configuration.
    Reading,
    /// Directories of touch files.
    Touch,
    /// Somebody connects to a socket that is watched while there is no worker.
    Listeners,
}

const SIGNALS: u64 = 0;
const CONTROL: u64 = 1;
const STATS: u64 = 2;
const STEER: u64 = 3;
const FIFO: u64 = 4;
const CLOCK: u64 = 5;
const OUTPUT: u64 = 6;
const READING: u64 = 7;
const TOUCH: u64 = 8;
const LISTENERS: u64 = 9;
/// Bits of a token that say what it is.
const KIND: u32 = 4;

impl Woken {
    /// Children and tokens count from 0 and stay far below 2^60.
    fn pack(self) -> u64 {
        match self {
            Woken::Signals => SIGNALS,
            Woken::Control(child) => child << KIND | CONTROL,
            Woken::Stats(token) => token << KIND | STATS,
            Woken::Steer(token) => token << KIND | STEER,
            Woken::Fifo => FIFO,
            Woken::Clock => CLOCK,
            Woken::Output(token) => token << KIND | OUTPUT,
            Woken::Reading => READING,
            Woken::Touch => TOUCH,
            Woken::Listeners => LISTENERS,
        }
    }

    fn unpack(data: u64) -> Woken {
        match data & ((1 << KIND) - 1) {
            CONTROL => Woken::Control(data >> KIND),
            STATS => Woken::Stats(data >> KIND),
            STEER => Woken::Steer(data >> KIND),
            FIFO => Woken::Fifo,
            CLOCK => Woken::Clock,
            OUTPUT => Woken::Output(data >> KIND),
            READING => Woken::Reading,
            TOUCH => Woken::Touch,
            LISTENERS => Woken::Listeners,
            _ => Woken::Signals,
        }
    }
}

/// The signals that a master takes: those of the table, and the ends of its children.
fn taken() -> SigSet {
    let all = signals::TABLE.iter().filter_map(|row| Signal::try_from(row.signal).ok());
    all.chain([Signal::SIGCHLD]).collect()
}

/// Block the signals that a master takes: they wait for it. (The first process of a container gets none that it has
/// neither blocked nor a handler for.)
pub fn block() -> nix::Result<()> {
    let set = taken();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)?;
    crate::sys::default_disposition(set.iter().map(|s| s as i32));
    Ok(())
}

/// What has come meanwhile takes effect now.
pub fn unblock() {
    let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&taken()), None);
}

/// The place where everything that happens arrives.
pub struct Events {
    epoll: Epoll,
    signals: SignalFd,
}

impl Events {
    /// Block the signals, and take them as events from now on.
    pub fn new() -> nix::Result<Events> {
        block()?;
        let signals = SignalFd::with_flags(&taken(), SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let events = Events { epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?, signals };
        let token = EpollEvent::new(EpollFlags::EPOLLIN, Woken::Signals.pack());
        events.epoll.add(&events.signals, token)?;
        Ok(events)
    }

    /// Wake up for a descriptor. It goes away by itself when its last copy is closed.
    pub fn watch(&self, fd: BorrowedFd<'_>, woken: Woken, write: bool) -> nix::Result<()> {
        let flags = if write { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        self.epoll.add(fd, EpollEvent::new(flags, woken.pack()))
    }

    /// Do not wake up for it any more.
    pub fn forget(&self, fd: BorrowedFd<'_>) {
        let _ = self.epoll.delete(fd);
    }

    /// Wait until something happens, or the deadline.
    pub fn wait(&self, deadline: Option<Instant>) -> nix::Result<Vec<Woken>> {
        let timeout = match deadline {
            None => EpollTimeout::NONE,
            Some(at) => {
                // Rounded up: waking before the deadline would spin.
                let left = at.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
                EpollTimeout::try_from(left.as_millis().min(i32::MAX as u128) as i32)
                    .unwrap_or(EpollTimeout::MAX)
            }
        };
        let mut events = [EpollEvent::empty(); 64];
        match self.epoll.wait(&mut events, timeout) {
            Ok(n) => Ok(events[..n].iter().map(|e| Woken::unpack(e.data())).collect()),
            Err(nix::Error::EINTR) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// The signals that have arrived.
    pub fn signals(&self) -> Vec<i32> {
        let next = || self.signals.read_signal().ok().flatten();
        std::iter::from_fn(next).map(|info| info.ssi_signo as i32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive() {
        let all = [
            Woken::Signals,
            Woken::Control(0),
            Woken::Control(1 << 40),
            Woken::Stats(3),
            Woken::Steer(5),
            Woken::Fifo,
            Woken::Clock,
            Woken::Output(7),
            Woken::Reading,
            Woken::Touch,
            Woken::Listeners,
        ];
        for w in all {
            assert_eq!(Woken::unpack(w.pack()), w);
        }
    }
}
