//! Requests to the master over its steering socket, and the signals that mean the same where it does not listen.

use crate::error::CtlError;
use std::time::Duration;
use uswgi_proto::command::{Command, Sent};
use uswgi_proto::instance::{RunningInstance, stands_still};
use uswgi_proto::steer::{self, Answer, SettingInForce, SteerRequest};

/// How long the master may take for an answer. It answers at once, or it is stopped.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Ask the master; a refusal is an error.
pub fn ask(
    instance: &RunningInstance,
    request: &SteerRequest,
    timeout: Duration,
) -> Result<Answer, CtlError> {
    match steer::ask(instance, request, timeout) {
        Ok(Answer::Refused { message }) => Err(CtlError::Refused(message)),
        Ok(answer) => Ok(answer),
        Err(_) if stands_still(instance.pid) => Err(CtlError::StandsStill { pid: instance.pid }),
        Err(error) => Err(error.into()),
    }
}

/// Ask for something to be done; the master's sentence about it.
pub fn done(
    instance: &RunningInstance,
    request: &SteerRequest,
    timeout: Duration,
) -> Result<String, CtlError> {
    match ask(instance, request, timeout)? {
        Answer::Done { message } => Ok(message),
        other => Err(other_answer(&other)),
    }
}

fn other_answer(answer: &Answer) -> CtlError {
    CtlError::Refused(steer::other_answer(answer))
}

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Config {
    /// Generation that has them.
    pub generation: u64,
    /// In order.
    pub settings: Vec<SettingInForce>,
    /// What was said when they were read.
    pub warnings: Vec<String>,
}

/// Ask for the settings in force.
pub fn config(instance: &RunningInstance, timeout: Duration) -> Result<Config, CtlError> {
    match ask(instance, &SteerRequest::Config, timeout)? {
        Answer::Config { generation, settings, warnings } => Ok(Config { generation, settings, warnings }),
        other => Err(other_answer(&other)),
    }
}

/// Replace a worker, its requests finished.
pub fn retire(instance: &RunningInstance, worker: u32) -> Result<String, CtlError> {
    done(instance, &SteerRequest::Retire { worker }, PATIENCE)
}

/// Say what can be said by a signal too.
pub fn say(instance: &RunningInstance, command: Command, timeout: Duration) -> Result<Sent, CtlError> {
    Ok(command.send(instance, timeout)?)
}
