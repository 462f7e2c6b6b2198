//! Signals of an application (`uwsgi.register_signal`), which are numbers from 0 to 255 and have nothing to do with those
//! of the system: who runs their handlers, and what raises them by itself.
//!
//! A process says which it has registered; the master alone knows who is there, and passes them on. It must hold no handler.

use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// modifier1 of a packet that raises the signal of its modifier2 (observed on uWSGI 2.0.31, as is the answer).
pub const MODIFIER1: u8 = 110;
/// What is answered to it.
pub const TAKEN: [u8; 4] = [255, 0, 0, 1];

/// Raise a signal of the instance at the other end.
///
/// # Errors
/// It does not say that it has taken it.
pub fn deliver(mut peer: impl Read + Write, number: u8) -> io::Result<()> {
    peer.write_all(&[MODIFIER1, 0, 0, number])?;
    let mut answer = Vec::new();
    peer.take(TAKEN.len() as u64).read_to_end(&mut answer)?;
    match answer == TAKEN {
        true => Ok(()),
        false => {
            Err(io::Error::other("it does not say that it has taken the signal (is it a uwsgi socket?)"))
        }
    }
}

/// Who runs the handler of a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalTarget {
    /// Whichever worker is free first.
    AnyWorker,
    /// Each worker.
    Workers,
    /// The worker of this number.
    Worker(u32),
    /// Whichever mule is free first.
    AnyMule,
    /// Each mule.
    Mules,
    /// The mule of this number.
    Mule(u32),
    /// Whichever mule of this farm is free first.
    Farm(String),
    /// Whichever spooler is free first.
    Spooler,
    /// Nobody: this text means nothing.
    Nobody(String),
}

impl SignalTarget {
    /// What a target's text means. As in uWSGI 2.0.31 number 0 is any.
    pub fn parse(text: &str) -> SignalTarget {
        let number = |prefix: &str| text.strip_prefix(prefix)?.parse::<u32>().ok();
        match text {
            "" | "worker" | "worker0" => SignalTarget::AnyWorker,
            "workers" | "active-workers" => SignalTarget::Workers,
            "mule" | "mule0" => SignalTarget::AnyMule,
            "mules" => SignalTarget::Mules,
            "spooler" => SignalTarget::Spooler,
            _ => match (number("worker"), number("mule"), text.strip_prefix("farm_")) {
                (Some(n), ..) => SignalTarget::Worker(n),
                (_, Some(n), _) => SignalTarget::Mule(n),
                (.., Some(farm)) => SignalTarget::Farm(farm.into()),
                _ => SignalTarget::Nobody(text.into()),
            },
        }
    }
}

/// What raises a signal again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalSource {
    /// Every so many milliseconds.
    Timer {
        /// The time between two.
        milliseconds: u64,
        /// How often; 0: for ever.
        times: u64,
    },
    /// By the clock: minute, hour, day of the month, month, day of the week, as `cron` has them.
    Cron([i32; 5]),
    /// When this file or folder changes.
    File(PathBuf),
}

/// What a process says of signals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignalMessage {
    /// There is a handler for this number.
    Register {
        /// The number.
        number: u8,
        /// Who runs it.
        target: SignalTarget,
    },
    /// Something raises it from now on.
    Source {
        /// The number.
        number: u8,
        /// What.
        source: SignalSource,
    },
    /// It is raised now.
    Raise {
        /// The number.
        number: u8,
    },
    /// One that a clock or a file had raised was taken out of its queue: the next one may be put in.
    Taken {
        /// The number.
        number: u8,
        /// Whether it came through a queue that several share.
        shared: bool,
    },
}

/// Processes that share a queue of signals: the first that is free takes one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignalGroup {
    /// Workers.
    Workers,
    /// Mules.
    Mules,
    /// The mules of a farm.
    Farm(String),
    /// Spoolers.
    Spoolers,
}

/// A signal on its way to who runs its handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RaisedSignal {
    /// Its number.
    pub number: u8,
    /// Who takes it says so ([`SignalMessage::Taken`]).
    pub told: bool,
}

impl RaisedSignal {
    /// As a message in a queue.
    pub fn encode(self) -> [u8; 2] {
        [self.number, u8::from(self.told)]
    }

    /// Of a message in a queue.
    pub fn decode(message: &[u8]) -> Option<RaisedSignal> {
        match message {
            [number, told] => Some(RaisedSignal { number: *number, told: *told != 0 }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen with uWSGI 2.0.31: `farm f` and `nonsense` are registered, and nobody runs them.
    #[test]
    fn targets_mean_what_they_mean_to_uwsgi() {
        use SignalTarget::*;
        for (text, target) in [
            ("", AnyWorker),
            ("worker", AnyWorker),
            ("worker0", AnyWorker),
            ("workers", Workers),
            ("active-workers", Workers),
            ("worker12", Worker(12)),
            ("mule", AnyMule),
            ("mules", Mules),
            ("mule2", Mule(2)),
            ("farm_f", Farm("f".into())),
            ("farm f", Nobody("farm f".into())),
            ("spooler", Spooler),
            ("nonsense", Nobody("nonsense".into())),
            ("workerx", Nobody("workerx".into())),
        ] {
            assert_eq!(SignalTarget::parse(text), target, "{text}");
        }
    }

    #[test]
    fn a_signal_survives_its_queue() {
        for told in [false, true] {
            let signal = RaisedSignal { number: 255, told };
            assert_eq!(RaisedSignal::decode(&signal.encode()), Some(signal));
        }
        assert_eq!(RaisedSignal::decode(b"abc"), None);
    }
}
