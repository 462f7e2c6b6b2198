//! States in words, as they are shown everywhere.
#![forbid(unsafe_code)]

use crate::scoreboard::{InstanceState, Outcome, WorkerState};

/// Name of a state, in text and JSON.
pub fn state_name(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Starting => "starting",
        InstanceState::Running => "running",
        InstanceState::Reloading => "reloading",
        InstanceState::Stopping => "stopping",
        InstanceState::Paused => "paused",
        InstanceState::Leaving => "leaving",
    }
}

/// Name of a worker's state, in text and JSON.
pub fn worker_state_name(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Free => "free",
        WorkerState::Starting => "starting",
        WorkerState::Ready => "ready",
        WorkerState::Retiring => "retiring",
        WorkerState::Killed => "killed",
    }
}

/// Name of an outcome, in text and JSON.
pub fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::None => "none",
        Outcome::Ok => "ok",
        Outcome::BadConfig => "bad-config",
        Outcome::AppFailed => "app-failed",
        Outcome::StepFailed => "step-failed",
        Outcome::WarmupFailed => "warmup-failed",
        Outcome::TakenBack => "taken-back",
        Outcome::Aborted => "aborted",
        Outcome::Mixed => "mixed",
        Outcome::Stopped => "stopped",
    }
}
