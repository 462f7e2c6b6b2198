//! What the state machines of programs beside the workers want to be done, and the names of those programs.

use std::path::PathBuf;
use uswgi_keep::group::RunId;

/// Name of a daemon for its whole life.
pub type DaemonId = u64;

/// A program that is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A daemon.
    Daemon(DaemonId),
    /// The command of a job of the clock.
    Job(RunId),
    /// The steps of a file that was touched.
    Steps(PathBuf),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramOrder {
    /// Start it, and answer.
    Start(Program),
    /// Signal to the group of this process; somebody in it has not been reaped.
    Signal(i32, i32),
    /// Read the pidfile of a daemon, and answer.
    Look(DaemonId),
    /// A daemon whose end ends the instance has ended.
    StopInstance,
    /// A line for the log.
    Log(String),
}
