//! What wakes the master, for the event loop of `uswgi_keep`.
#![forbid(unsafe_code)]

use nix::sys::signal::{SigSet, Signal};
use uswgi_keep::events::Wake;
use uswgi_proto::signals;

/// The event loop of the master.
pub type Events = uswgi_keep::events::Events<Woken>;

/// What woke the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// A signal is there: `Events::signals`.
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
    /// Lines of the log that raise alarms.
    LogAlarms,
    /// Somebody connects to a socket that is watched while there is no worker.
    Listeners,
}

impl Wake for Woken {
    const SIGNALS: Woken = Woken::Signals;

    /// Those of the table, and the ends of its children.
    fn signals() -> SigSet {
        let all = signals::TABLE.iter().filter_map(|row| Signal::try_from(row.signal).ok());
        all.chain([Signal::SIGCHLD]).collect()
    }

    fn token(self) -> (u8, u64) {
        match self {
            Woken::Signals => (0, 0),
            Woken::Control(child) => (1, child),
            Woken::Stats(token) => (2, token),
            Woken::Steer(token) => (3, token),
            Woken::Fifo => (4, 0),
            Woken::Clock => (5, 0),
            Woken::Output(token) => (6, token),
            Woken::Reading => (7, 0),
            Woken::Touch => (8, 0),
            Woken::Listeners => (9, 0),
            Woken::LogAlarms => (10, 0),
        }
    }

    fn from_token(kind: u8, number: u64) -> Woken {
        match kind {
            1 => Woken::Control(number),
            2 => Woken::Stats(number),
            3 => Woken::Steer(number),
            4 => Woken::Fifo,
            5 => Woken::Clock,
            6 => Woken::Output(number),
            7 => Woken::Reading,
            8 => Woken::Touch,
            9 => Woken::Listeners,
            10 => Woken::LogAlarms,
            _ => Woken::Signals,
        }
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
            Woken::LogAlarms,
        ];
        for w in all {
            let (kind, number) = w.token();
            assert!(kind < 16, "{w:?}");
            assert_eq!(Woken::from_token(kind, number), w);
        }
    }
}
