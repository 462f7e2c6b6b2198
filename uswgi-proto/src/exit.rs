//! Exit codes of every tool, in one table. 1, 22 and the codes below 126 that uWSGI 2.0.31 uses
//! keep its meaning where ours is the same.

/// Why a tool ended. The number is stable: scripts depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was asked for happened.
    Ok = 0,
    /// It failed: bad configuration, a socket that cannot be bound, a step, a reload that was refused.
    Failed = 1,
    /// The command line makes no sense, or an input cannot be read.
    Usage = 2,
    /// `uswgi-ctl`: it did not happen within `--timeout`.
    TimedOut = 3,
    /// `uswgi-ctl`: no such instance: the pidfile is missing, empty, stale or names a stranger.
    NotRunning = 4,
    /// `uswgi-ctl`: the instance belongs to somebody else.
    NotPermitted = 5,
    /// `uswgi-ctl`: the instance runs another layout version of the scoreboard.
    VersionMismatch = 6,
    /// The application does not load (the same number as on uWSGI 2.0.31 with `need-app`).
    AppFailed = 22,
    /// No usable Python interpreter: missing, too old, no CPython, free-threaded, no permission.
    NoInterpreter = 23,
    /// A worker whose master went away.
    MasterGone = 24,
}

impl Exit {
    /// All codes, for the man pages.
    pub const ALL: [Exit; 10] = [
        Exit::Ok,
        Exit::Failed,
        Exit::Usage,
        Exit::TimedOut,
        Exit::NotRunning,
        Exit::NotPermitted,
        Exit::VersionMismatch,
        Exit::AppFailed,
        Exit::NoInterpreter,
        Exit::MasterGone,
    ];

    /// The number the process ends with.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The reason that this number stands for; None: it is not of the table.
    pub fn from_code(code: i32) -> Option<Exit> {
        Exit::ALL.into_iter().find(|exit| exit.code() == code)
    }

    /// One sentence for the man pages.
    pub const fn meaning(self) -> &'static str {
        match self {
            Exit::Ok => "What was asked for happened.",
            Exit::Failed => {
                "It failed: the configuration, a socket, a step, or the reload; stderr has the reason."
            }
            Exit::Usage => "The command line makes no sense, or an input cannot be read.",
            Exit::TimedOut => "It did not happen within the timeout.",
            Exit::NotRunning => {
                "No such instance: the pidfile is missing, empty, stale or names another program."
            }
            Exit::NotPermitted => "The instance belongs to another user.",
            Exit::VersionMismatch => "The instance runs another version of the scoreboard.",
            Exit::AppFailed => "The application does not load, or does not answer its warm-up.",
            Exit::NoInterpreter => "There is no usable Python interpreter.",
            Exit::MasterGone => "The master of this worker went away.",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(e: Exit) -> Self {
        std::process::ExitCode::from(e as u8)
    }
}

/// How a tool ends that reads a configuration: that may say with which number (`exit = 7`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitWith {
    /// For a reason of the table.
    Reason(Exit),
    /// With a number that stands in the configuration.
    Number(u8),
}

impl ExitWith {
    /// The number the process ends with.
    pub const fn code(self) -> i32 {
        match self {
            ExitWith::Reason(exit) => exit.code(),
            ExitWith::Number(n) => n as i32,
        }
    }
}

impl std::fmt::Display for ExitWith {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.code().fmt(f)
    }
}

impl From<Exit> for ExitWith {
    fn from(exit: Exit) -> ExitWith {
        ExitWith::Reason(exit)
    }
}

impl From<ExitWith> for std::process::ExitCode {
    fn from(exit: ExitWith) -> Self {
        match exit {
            ExitWith::Reason(exit) => exit.into(),
            ExitWith::Number(n) => n.into(),
        }
    }
}
