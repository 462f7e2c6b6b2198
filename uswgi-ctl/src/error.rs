//! Why a verb failed: the sentence for the user and the exit code for scripts.

use std::borrow::Cow;
use uswgi_proto::command::CommandError;
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::TargetError;
use uswgi_proto::steer::SteerError;

/// A verb that did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CtlError {
    /// There is no instance to talk to.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Nothing names an instance, and none runs.
    #[error("no instance of this user runs; name one with --pidfile, --pid or USWGI_PIDFILE")]
    NoInstance,
    /// Nothing names an instance, and several run.
    #[error("{} instances run (pids {}; `uswgi-ctl list` shows their sockets); name one with --pidfile, --pid or USWGI_PIDFILE", .0.len(), pids(.0))]
    SeveralInstances(Vec<i32>),
    /// The configuration cannot be read, or has no pidfile.
    #[error("{0}")]
    Config(String),
    /// The signal was refused.
    #[error("cannot signal process {pid}: {source}")]
    Signal {
        /// Which.
        pid: i32,
        /// What the system said.
        source: std::io::Error,
    },
    /// It did not happen in time.
    #[error("{what} did not happen within {seconds} s{state}")]
    TimedOut {
        /// What was waited for.
        what: Cow<'static, str>,
        /// The limit.
        seconds: f64,
        /// How far it came; starts with a separator where it is not empty.
        state: String,
    },
    /// The instance ended while we waited.
    #[error("the instance (pid {pid}) ended before {what}")]
    Ended {
        /// Which.
        pid: i32,
        /// What was waited for.
        what: &'static str,
    },
    /// The reload came to a bad end.
    #[error("{0}")]
    ReloadFailed(String),
    /// The master was not reached, or did not answer.
    #[error(transparent)]
    Steer(#[from] SteerError),
    /// The master was asked and hears nothing.
    #[error(
        "master {pid} does not answer: it is stopped by a signal or a debugger; kill -CONT {pid} wakes it"
    )]
    StandsStill {
        /// Its pid.
        pid: i32,
    },
    /// The instance is in a state that does not allow it.
    #[error("{0}")]
    Refused(String),
    /// An argument that names nothing.
    #[error("{0}")]
    Usage(String),
    /// The system refused something else.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

fn pids(pids: &[i32]) -> String {
    pids.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
}

impl From<CommandError> for CtlError {
    fn from(error: CommandError) -> CtlError {
        match error {
            CommandError::Refused(message) => CtlError::Refused(message),
            CommandError::Signal { pid, source } => CtlError::Signal { pid, source },
        }
    }
}

impl CtlError {
    /// Exit code of the program.
    pub fn exit(&self) -> Exit {
        match self {
            CtlError::Target(error) => error.exit(),
            CtlError::NoInstance => Exit::NotRunning,
            CtlError::SeveralInstances(_) | CtlError::Config(_) | CtlError::Usage(_) => Exit::Usage,
            CtlError::Signal { source, .. } => match source.kind() {
                std::io::ErrorKind::PermissionDenied => Exit::NotPermitted,
                _ if source.raw_os_error() == Some(nix::libc::ESRCH) => Exit::NotRunning,
                _ => Exit::Failed,
            },
            CtlError::Steer(error) => match error {
                SteerError::Connect { source, .. } | SteerError::Broken { source, .. } => match source.kind()
                {
                    std::io::ErrorKind::PermissionDenied => Exit::NotPermitted,
                    std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => Exit::TimedOut,
                    _ => Exit::Failed,
                },
                SteerError::Nonsense { .. } => Exit::VersionMismatch,
            },
            CtlError::TimedOut { .. } | CtlError::StandsStill { .. } => Exit::TimedOut,
            CtlError::Ended { .. }
            | CtlError::ReloadFailed(_)
            | CtlError::Refused(_)
            | CtlError::Io { .. } => Exit::Failed,
        }
    }

    /// Whether it means that no such instance runs.
    pub fn is_not_running(&self) -> bool {
        self.exit() == Exit::NotRunning
    }
}
