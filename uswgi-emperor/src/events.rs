//! What wakes the Emperor, for the event loop of `uswgi_keep`.
#![forbid(unsafe_code)]

use nix::sys::signal::{SigSet, Signal};
use uswgi_keep::events::Wake;

/// The event loop.
pub type Events = uswgi_keep::events::Events<Woken>;

/// What wakes the Emperor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// A signal.
    Signals,
    /// A vassal has said something, at the claim of this number.
    Heard(u64),
    /// Something changes where the vassals' files are.
    Files,
    /// A process that is no child of ours has ended.
    Ended(i32),
    /// Somebody has connected to the sleeping vassal of this number.
    Called(u64),
    /// The program that knows the address of a vassal has said something: the one of this number.
    Addressed(u64),
    /// The stats server: a listener or a client.
    Stats(u64),
    /// The socket for questions: its listener or a client.
    Asked(u64),
}

impl Wake for Woken {
    const SIGNALS: Woken = Woken::Signals;

    fn signals() -> SigSet {
        use Signal::*;
        [SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGTSTP, SIGPIPE].into_iter().collect()
    }

    fn token(self) -> (u8, u64) {
        match self {
            Woken::Heard(number) => (0, number),
            Woken::Files => (1, 0),
            Woken::Ended(pid) => (2, pid.unsigned_abs().into()),
            Woken::Called(number) => (3, number),
            Woken::Stats(number) => (4, number),
            Woken::Asked(number) => (5, number),
            Woken::Addressed(number) => (6, number),
            Woken::Signals => (15, 0),
        }
    }

    fn from_token(kind: u8, number: u64) -> Woken {
        match kind {
            0 => Woken::Heard(number),
            1 => Woken::Files,
            2 => Woken::Ended(i32::try_from(number).unwrap_or(0)),
            3 => Woken::Called(number),
            4 => Woken::Stats(number),
            5 => Woken::Asked(number),
            6 => Woken::Addressed(number),
            _ => Woken::Signals,
        }
    }
}
