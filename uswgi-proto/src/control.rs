//! Messages on the control socket: one SOCK_SEQPACKET pair for each worker and one for the template,
//! made by the master. A message is one JSON text in one packet of at most [`MAX_MESSAGE`] bytes.
//!
//! End of file tells a worker that its master is gone (it closes its listeners at once and ends),
//! and the master that a process which never said hello failed to start.

use crate::app_signals::{RaisedSignal, SignalMessage};
use crate::background::Aide;
use crate::scoreboard::Restart;
use crate::settings::Role;
use serde::{Deserialize, Serialize};

/// Version of the messages; the hello carries it.
pub const CONTROL_VERSION: u32 = 11;

/// Largest message in bytes. Longer texts (tracebacks) are cut at the front: the end tells more.
pub const MAX_MESSAGE: usize = 48 * 1024;

/// Most bytes of an alarm's message: as a list of numbers it fits a packet in any case.
pub const MOST_ALARM_BYTES: u32 = 8192;

/// From a worker or template to its master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum ToMaster {
    /// First message. A worker forked by the template sends it only once its parent is the master.
    Hello {
        /// Must equal [`CONTROL_VERSION`].
        version: u32,
        /// What the process is.
        role: Role,
        /// Its pid, as it sees itself (the master trusts SCM_CREDENTIALS or its own fork instead).
        pid: i32,
        /// `Python 3.11.2 of DIR (home)`: what runs in it, and why that one; empty of a process that a template forked.
        #[serde(default)]
        python: String,
    },
    /// The launcher: it finds no interpreter that can be used, and ends with [`crate::exit::Exit::NoInterpreter`].
    NoInterpreter {
        /// Why, for people.
        message: String,
    },
    /// Template: the app is imported. Worker: it accepts connections, unless it was started paused.
    Ready,
    /// The application does not load, and this process ends.
    LoadFailed {
        /// Traceback or message, for people.
        message: String,
    },
    /// There is no application, and this process goes on without one (`need-app = false`): [`ToMaster::Ready`] follows.
    /// A worker that the template forks does not say so, as it has what the template has.
    NoApp {
        /// Traceback or message, for people.
        message: String,
    },
    /// The application does not answer the warm-up as it has to; the process ends.
    WarmupFailed {
        /// Which request, and what came of it, for people.
        message: String,
    },
    /// A step around the application (`exec-*`, `hook-*`) has failed; the process ends.
    StepFailed {
        /// Which one and why, for people.
        message: String,
    },
    /// Answer to [`ToWorker::Ping`], from the worker's native thread.
    Alive,
    /// The worker wants a successor and serves on until it is retired.
    Replace {
        /// Why; one that is a wish ([`Restart::wish`]).
        reason: Restart,
    },
    /// The worker's last request is answered: it runs what its application has for the end (threads, atexit), and ends.
    Finished,
    /// The application wants the instance to be reloaded (`uwsgi.reload()`).
    Reload,
    /// The application wants the instance to be stopped (`uwsgi.stop()`).
    Stop,
    /// Of a worker that was forked to be watched: the application let this traceback out, or its framework caught it, for the
    /// first, second, fourth, eighth... time.
    Traceback {
        /// Its end.
        text: String,
        /// How often by now.
        count: u64,
    },
    /// The source of a loaded module has changed (`py-autoreload`).
    SourceChanged {
        /// Which file.
        path: String,
        /// Its modification time, microseconds since the epoch.
        modified_us: u64,
    },
    /// About signals of the application.
    AppSignal {
        /// What.
        said: SignalMessage,
    },
    /// The application raises an alarm (`uwsgi.alarm()`).
    Alarm {
        /// Which.
        name: String,
        /// At most [`MOST_ALARM_BYTES`].
        message: Vec<u8>,
    },
    /// Template: it could not fork the worker with this id, or this aide.
    ForkFailed {
        /// Id from [`ToWorker::Fork`].
        worker_id: u32,
        /// The aide from [`ToWorker::Fork`].
        aide: Option<Aide>,
        /// errno as text.
        message: String,
    },
}

/// From the master to a worker or template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum ToWorker {
    /// Template only: fork a worker or an aide. Carries the worker's control socket as SCM_RIGHTS, and behind it its
    /// stdout and stderr when it has its own.
    Fork {
        /// Slot in the scoreboard.
        slot: u32,
        /// Worker number, from 1; 0 for an aide.
        worker_id: u32,
        /// Which aide it is to be, where it is to be one.
        aide: Option<Aide>,
        /// `max-requests` of this worker, jitter included; 0: none.
        max_requests: u64,
        /// It accepts nothing until it is told to ([`ToWorker::Accept`]).
        paused: bool,
        /// It tells of tracebacks ([`ToMaster::Traceback`]): it is of a canary.
        watched: bool,
    },
    /// Stop accepting, finish what is there, end. The master kills after its mercy.
    Retire {
        /// Idle persistent connections go to other workers (reload) instead of being closed (stop).
        hand_over: bool,
    },
    /// Stop (false) or start again (true) to accept. One that accepts already looks whether a connection waits of
    /// which only a worker knew that was killed.
    Accept {
        /// Whether to accept.
        on: bool,
    },
    /// Run the handler of a signal of the application.
    AppSignal {
        /// Which.
        signal: RaisedSignal,
    },
    /// The worker's native thread answers with [`ToMaster::Alive`].
    Ping,
    /// stdout and stderr are the file that comes as SCM_RIGHTS from now on.
    ReopenLogs,
}

/// A message that is no message.
#[derive(Debug, thiserror::Error)]
#[error("bad control message: {0}")]
pub struct BadMessage(#[from] serde_json::Error);

/// The packet for a message. Texts too long for one packet lose their beginning.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}

/// The message in a packet.
pub fn decode<'a, T: Deserialize<'a>>(packet: &'a [u8]) -> Result<T, BadMessage> {
    Ok(serde_json::from_slice(packet)?)
}

/// The last part of a text that surely fits a message.
pub fn fitting(text: &str) -> &str {
    // JSON escapes can make a character six bytes long.
    let limit = MAX_MESSAGE / 6 - 256;
    if text.len() <= limit {
        return text;
    }
    let mut start = text.len() - limit;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire() {
        let m = ToWorker::Fork {
            slot: 3,
            worker_id: 4,
            aide: None,
            max_requests: 100,
            paused: true,
            watched: false,
        };
        assert_eq!(decode::<ToWorker>(&encode(&m)).unwrap(), m);
        let m = ToMaster::LoadFailed { message: "Traceback\n \u{e9}".into() };
        assert_eq!(decode::<ToMaster>(&encode(&m)).unwrap(), m);
        assert!(decode::<ToMaster>(b"{").is_err());
    }

    #[test]
    fn a_long_text_is_cut_to_fit() {
        let message = vec![255; MOST_ALARM_BYTES as usize];
        assert!(encode(&ToMaster::Alarm { name: "n".repeat(255), message }).len() <= MAX_MESSAGE);
        let text = "\u{1}\u{e9}".repeat(MAX_MESSAGE);
        let m = ToMaster::LoadFailed { message: fitting(&text).into() };
        assert!(encode(&m).len() <= MAX_MESSAGE);
    }
}
