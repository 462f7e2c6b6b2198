//! Requests to the master over its steering socket, and the signals that mean the same where it does not listen.

use crate::error::CtlError;
use nix::sys::signal::Signal;
use std::time::Duration;
use uswgi_proto::instance::{Instance, stands_still};
use uswgi_proto::steer::{self, Answer, Reload, Request, Setting};

/// How long the master may take for an answer. It answers at once, or it is stopped.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Ask the master; a refusal is an error.
pub fn ask(instance: &Instance, request: &Request, timeout: Duration) -> Result<Answer, CtlError> {
    match steer::ask(instance, request, timeout) {
        Ok(Answer::Refused { message }) => Err(CtlError::Refused(message)),
        Ok(answer) => Ok(answer),
        Err(_) if stands_still(instance.pid) => Err(CtlError::StandsStill { pid: instance.pid }),
        Err(error) => Err(error.into()),
    }
}

/// Ask for something to be done; the master's sentence about it.
pub fn done(instance: &Instance, request: &Request, timeout: Duration) -> Result<String, CtlError> {
    match ask(instance, request, timeout)? {
        Answer::Done { message } => Ok(message),
        other => Err(other_answer(&other)),
    }
}

fn other_answer(answer: &Answer) -> CtlError {
    CtlError::Refused(format!("the master gave another answer than was asked for: {answer:?}"))
}

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// Generation that has them.
    pub generation: u64,
    /// In order.
    pub settings: Vec<Setting>,
    /// What was said when they were read.
    pub warnings: Vec<String>,
}

/// Ask for the settings in force.
pub fn config(instance: &Instance, timeout: Duration) -> Result<Config, CtlError> {
    match ask(instance, &Request::Config, timeout)? {
        Answer::Config { generation, settings, warnings } => Ok(Config { generation, settings, warnings }),
        other => Err(other_answer(&other)),
    }
}

/// Replace a worker, its requests finished.
pub fn retire(instance: &Instance, worker: u32) -> Result<String, CtlError> {
    done(instance, &Request::Retire { worker }, PATIENCE)
}

/// Ask for something that a signal can say too. None: the master does not listen, because it is stopped by a signal
/// or a debugger, of a version without the socket, or had no directory for it; then a signal is left, which tells nothing.
fn heard(instance: &Instance, request: &Request, timeout: Duration) -> Result<Option<String>, CtlError> {
    if stands_still(instance.pid) {
        return Ok(None);
    }
    match steer::ask(instance, request, timeout) {
        Ok(Answer::Done { message }) => Ok(Some(message)),
        Ok(Answer::Refused { message }) => Err(CtlError::Refused(message)),
        Ok(other) => Err(other_answer(&other)),
        // The signal says who is not permitted, and who has ended.
        Err(_) => Ok(None),
    }
}

fn signal(instance: &Instance, signal: Signal) -> Result<(), CtlError> {
    instance.signal(signal as i32).map_err(|source| CtlError::Signal { pid: instance.pid, source })
}

/// Reload. When this returns the master has been told; the scoreboard counts the beginning and the end.
pub fn reload(instance: &Instance, timeout: Duration) -> Result<(), CtlError> {
    match heard(instance, &Request::Reload { what: Reload::All, at_once: false }, timeout)? {
        Some(_) => Ok(()),
        None => signal(instance, Signal::SIGHUP),
    }
}

/// How a master was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// By a request, as it was asked for.
    Asked,
    /// By a signal, which means a gentle stop: a second one, a second later, ends the requests.
    Signalled,
}

/// Stop; with `at_once` without waiting for requests, where the master listens.
pub fn stop(instance: &Instance, at_once: bool, timeout: Duration) -> Result<Stop, CtlError> {
    match heard(instance, &Request::Stop { at_once }, timeout)? {
        Some(_) => Ok(Stop::Asked),
        None => stop_again(instance).map(|()| Stop::Signalled),
    }
}

/// The signal for it: the first one of a stop, or the second.
pub fn stop_again(instance: &Instance) -> Result<(), CtlError> {
    signal(instance, Signal::SIGINT)
}

/// Stop to accept, or accept again. The signal toggles, so it is sent only while `so` says that it is not so yet.
pub fn pause(
    instance: &Instance,
    on: bool,
    so: impl Fn() -> bool,
    timeout: Duration,
) -> Result<(), CtlError> {
    match heard(instance, &Request::Pause { on: Some(on) }, timeout)? {
        None if !so() => signal(instance, Signal::SIGTSTP),
        Some(_) | None => Ok(()),
    }
}
