//! What each signal means to a master and to a worker: one table, from which handlers, messages and
//! the man page uswgi-signals(7) are made.

/// What a master does on a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterAction {
    /// Stop gracefully; the same signal again, a second or more later, stops at once.
    Stop,
    /// Reload.
    Reload,
    /// Print a line about every worker to the log.
    Report,
    /// Stop or start again to accept (toggles).
    Pause,
    /// Nothing, on purpose.
    Ignore,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct SignalRow {
    /// Number.
    pub signal: i32,
    /// Name.
    pub name: &'static str,
    /// What the master does.
    pub master: MasterAction,
    /// One sentence for the man page.
    pub help: &'static str,
}

/// The table.
pub const TABLE: [SignalRow; 7] = [
    SignalRow {
        signal: libc::SIGINT,
        name: "SIGINT",
        master: MasterAction::Stop,
        help: "Stop gracefully within reload-mercy; once more, a second or more later: stop at once.",
    },
    SignalRow { signal: libc::SIGTERM, name: "SIGTERM", master: MasterAction::Stop, help: "As SIGINT." },
    SignalRow { signal: libc::SIGQUIT, name: "SIGQUIT", master: MasterAction::Stop, help: "As SIGINT." },
    SignalRow {
        signal: libc::SIGHUP,
        name: "SIGHUP",
        master: MasterAction::Reload,
        help: "Read the configuration again and replace the workers, each when its successor accepts. Nothing is lost, and what does not load changes nothing.",
    },
    SignalRow {
        signal: libc::SIGUSR1,
        name: "SIGUSR1",
        master: MasterAction::Report,
        help: "Print a line about every worker to the log.",
    },
    SignalRow {
        signal: libc::SIGUSR2,
        name: "SIGUSR2",
        master: MasterAction::Ignore,
        help: "Nothing (it kills the master of uWSGI 2.0.31).",
    },
    SignalRow {
        signal: libc::SIGTSTP,
        name: "SIGTSTP",
        master: MasterAction::Pause,
        help: "Stop to accept connections; once more: accept again.",
    },
];

/// Signals that a worker or template takes notice of without ending, so that a group kill by systemd,
/// supervisor or a terminal cuts no request: all of the table.
pub const WORKER_NOTICE: [i32; 7] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGQUIT, libc::SIGHUP, libc::SIGTSTP, libc::SIGUSR1, libc::SIGUSR2];
