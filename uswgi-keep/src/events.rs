//! The event loop of a parent process: epoll over descriptors and signals, with events of the parent's own type.
//!
//! A parent names what can wake it in an enum that is [`Wake`]; a descriptor is watched together with such a value, which is
//! what [`Events::wait`] returns. It must never act on what it sees, and never wait without a reason to wake up.
#![forbid(unsafe_code)]

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// Bits of a token that say what kind it is.
const KIND: u32 = 4;

/// What wakes a parent: its own enum, as a kind and, where there are several of one kind, a number.
pub trait Wake: Copy {
    /// A signal is there: [`Events::signals`].
    const SIGNALS: Self;

    /// The signals that are taken as events.
    fn signals() -> SigSet;

    /// The kind, below 16 and another one for each variant; and the number, below 2^60.
    fn token(self) -> (u8, u64);

    /// The reverse of [`Wake::token`].
    fn from_token(kind: u8, number: u64) -> Self;
}

fn pack(wake: impl Wake) -> u64 {
    let (kind, number) = wake.token();
    number << KIND | u64::from(kind)
}

fn unpack<W: Wake>(data: u64) -> W {
    W::from_token((data & ((1 << KIND) - 1)) as u8, data >> KIND)
}

/// Block the signals of a parent, and give them their default disposition: they wait for it. (The first process of a container gets none that it has
/// neither blocked nor a handler for.)
pub fn block<W: Wake>() -> nix::Result<()> {
    let set = W::signals();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)?;
    crate::sys::default_disposition(set.iter().map(|s| s as i32));
    Ok(())
}

/// Do not block them any more: what has come meanwhile takes effect now.
pub fn unblock<W: Wake>() {
    let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&W::signals()), None);
}

/// The place where everything that happens arrives. It owns its epoll and signalfd, and none of the descriptors that it watches.
pub struct Events<W> {
    epoll: Epoll,
    signals: SignalFd,
    wakes: PhantomData<W>,
}

impl<W: Wake> Events<W> {
    /// Block the signals, and take them as events from now on.
    pub fn new() -> nix::Result<Events<W>> {
        block::<W>()?;
        let signals = SignalFd::with_flags(&W::signals(), SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let events = Events { epoll, signals, wakes: PhantomData };
        let token = EpollEvent::new(EpollFlags::EPOLLIN, pack(W::SIGNALS));
        events.epoll.add(&events.signals, token)?;
        Ok(events)
    }

    /// Wake up with this value when the descriptor can be read from, or, with `write`, written to: as long as it can, so whoever is
    /// woken must do so or [`Events::forget`] it. It goes away by itself when its last copy is closed.
    pub fn watch(&self, fd: BorrowedFd<'_>, wake: W, write: bool) -> nix::Result<()> {
        let flags = if write { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        self.epoll.add(fd, EpollEvent::new(flags, pack(wake)))
    }

    /// Do not wake up for it any more.
    pub fn forget(&self, fd: BorrowedFd<'_>) {
        let _ = self.epoll.delete(fd);
    }

    /// Wait until something happens, or the deadline.
    pub fn wait(&self, deadline: Option<Instant>) -> nix::Result<Vec<W>> {
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
            Ok(n) => Ok(events[..n].iter().map(|e| unpack(e.data())).collect()),
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
pub(crate) mod tests {
    use super::*;
    use nix::sys::signal::Signal;

    /// Something to be woken by.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Woken {
        Signals,
        Other(u64),
    }

    impl Wake for Woken {
        const SIGNALS: Woken = Woken::Signals;

        fn signals() -> SigSet {
            [Signal::SIGUSR2].into_iter().collect()
        }

        fn token(self) -> (u8, u64) {
            match self {
                Woken::Signals => (15, 0),
                Woken::Other(number) => (0, number),
            }
        }

        fn from_token(kind: u8, number: u64) -> Woken {
            if kind == 15 { Woken::Signals } else { Woken::Other(number) }
        }
    }

    #[test]
    fn each_descriptor_wakes_with_its_own_value_and_a_signal_with_that_of_signals() {
        let events = Events::<Woken>::new().unwrap();
        let soon = || Some(Instant::now() + Duration::from_secs(20));
        let (reader, writer) = std::io::pipe().unwrap();
        use std::os::fd::AsFd;
        let far = (1 << 60) - 1;
        events.watch(reader.as_fd(), Woken::Other(far), false).unwrap();
        assert_eq!(events.wait(Some(Instant::now())).unwrap(), []);
        drop(writer);
        assert_eq!(events.wait(soon()).unwrap(), [Woken::Other(far)]);
        events.forget(reader.as_fd());
        // To this thread alone, where it is blocked.
        nix::sys::signal::raise(Signal::SIGUSR2).unwrap();
        assert_eq!(events.wait(soon()).unwrap(), [Woken::Signals]);
        assert_eq!(events.signals(), [Signal::SIGUSR2 as i32]);
    }
}
