//! Commands to a running master: a request over its steering socket, or where it does not listen the signal that means
//! the same. It must never send a signal behind a request that was answered, be it by a refusal.

use crate::instance::{RunningInstance, stands_still};
use crate::scoreboard::InstanceState;
use crate::steer::{self, Answer, Reload, SteerRequest};
use nix::libc::{SIGHUP, SIGINT, SIGTSTP};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What can be said by a request and by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The configuration is read again, the workers are replaced.
    Reload,
    /// The end. By a signal it is gentle: a second one, a second later, ends the requests.
    Stop {
        /// Without waiting for requests, where it goes by a request.
        at_once: bool,
    },
    /// Stop to accept.
    Pause,
    /// Accept again.
    Resume,
}

/// How it reached the master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// By a request: its answer.
    Answered(String),
    /// By a signal, which tells nothing.
    Signalled,
}

/// Why it did not.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The master refuses.
    #[error("{0}")]
    Refused(String),
    /// The signal was refused.
    #[error("cannot signal process {pid}: {source}")]
    Signal {
        /// Which.
        pid: i32,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Command {
    fn request(self) -> SteerRequest {
        match self {
            Command::Reload => SteerRequest::Reload { what: Reload::All, at_once: false },
            Command::Stop { at_once } => SteerRequest::Stop { at_once },
            Command::Pause => SteerRequest::Pause { on: Some(true) },
            Command::Resume => SteerRequest::Pause { on: Some(false) },
        }
    }

    /// Say it. The request waits for its answer at most `timeout`; a master that is stopped by a signal or a debugger, of
    /// a version without the socket, or without a directory for it, gets the signal.
    pub fn send(self, instance: &RunningInstance, timeout: Duration) -> Result<Sent, CommandError> {
        if !stands_still(instance.pid) {
            match steer::ask(instance, &self.request(), timeout) {
                Ok(Answer::Done { message }) => return Ok(Sent::Answered(message)),
                Ok(Answer::Refused { message }) => return Err(CommandError::Refused(message)),
                Ok(other) => return Err(CommandError::Refused(steer::other_answer(&other))),
                // The signal says who is not permitted, and who has ended.
                Err(_) => {}
            }
        }
        self.signal(instance).map(|()| Sent::Signalled)
    }

    /// Say it by its signal.
    pub fn signal(self, instance: &RunningInstance) -> Result<(), CommandError> {
        let paused = instance.board.header().state.load(Ordering::Relaxed) == InstanceState::Paused as u32;
        let signal = match self {
            Command::Reload => SIGHUP,
            Command::Stop { .. } => SIGINT,
            // The signal toggles: what is so already is not undone.
            Command::Pause if paused => return Ok(()),
            Command::Resume if !paused => return Ok(()),
            Command::Pause | Command::Resume => SIGTSTP,
        };
        instance.signal(signal).map_err(|source| CommandError::Signal { pid: instance.pid, source })
    }
}
