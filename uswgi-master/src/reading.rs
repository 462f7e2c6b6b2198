//! The configuration read again while the instance serves: in a forked child, with a deadline.
//!
//! A configuration may fetch (`http://`) or run programs (`exec://`): that takes as long as it takes, and
//! the master has one thread that must not wait. A child and not a helper thread, because the master reaps
//! every child that ends, those of a thread too, and because a configuration that loops, crashes or eats
//! memory then costs the child only. What it has read comes back as JSON through a pipe.
//!
//! With `lazy-apps` there is no template to run the steps of the start again: this process does, after it has read.
//!
//! It must never change anything of the master: it reads, `reload` and `act` decide.
#![forbid(unsafe_code)]

use crate::events::{Events, Woken};
use crate::steps::{self, By};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe2, read};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use uswgi_conf::instance::Instance;
use uswgi_keep::log;
use uswgi_keep::sys;
use uswgi_proto::exit::{Exit, ExitWith};

/// How long it may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long the steps may take that run after it.
const STEPS: Duration = Duration::from_secs(300);
/// Largest configuration, as JSON.
const MOST: usize = 64 * 1024 * 1024;

/// A configuration that there is nothing to run for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// What a person reads: what, where, what to do. It may have several lines.
    pub message: String,
    /// How a start ends for it.
    pub exit: ExitWith,
    /// False for a text that was asked for (`--help`, `--version`).
    pub error: bool,
}

/// A configuration that was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Read {
    /// The settings.
    pub instance: Instance,
    /// What was said about them, a line each, none of it an error; the log has it already.
    pub warnings: Vec<String>,
}

/// What the process that reads says where there is nothing to go on with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum NothingRead {
    /// The configuration is wrong.
    #[error("{0}")]
    Config(String),
    /// Reading it has panicked.
    #[error("reading the configuration has failed (a bug of uswgi-conf)")]
    Panicked,
    /// It was read; a step of the start that runs again was not well.
    #[error("{0}")]
    Step(String),
}

/// Why a reload has no configuration to go on with.
#[derive(Debug, thiserror::Error)]
pub enum ReadingFailed {
    /// The process that reads has said it.
    #[error(transparent)]
    Told(#[from] NothingRead),
    /// As JSON it has more than 64 MiB.
    #[error("the configuration is too large")]
    TooLarge,
    /// Nothing can be heard of that process.
    #[error("the configuration cannot be read again: {0}")]
    Pipe(nix::Error),
    /// No answer in time.
    #[error(
        "reading the configuration took longer than {} s; what it fetches or runs must be quicker",
        DEADLINE.as_secs()
    )]
    Late,
    /// The steps were not done in time.
    #[error("the steps before the application took longer than {} s", STEPS.as_secs())]
    StepsLate,
    /// Its end came before an answer.
    #[error(
        "the process that read the configuration ended before it was done: killed, or out of memory or stack"
    )]
    Ended,
    /// Its end came while steps ran.
    #[error("the process that ran the steps before the application was killed")]
    StepsEnded,
    /// Half an answer, or one of another version.
    #[error("the configuration was read, but not understood: {0}")]
    Unknown(serde_json::Error),
}

impl ReadingFailed {
    /// Whether the configuration was read, and a step that follows was not well.
    pub fn is_of_a_step(&self) -> bool {
        use ReadingFailed::{StepsEnded, StepsLate, Told};
        matches!(self, Told(NothingRead::Step(_)) | StepsLate | StepsEnded)
    }
}

/// Reads the configuration, at the start and again for every reload; it gets how often it was read before.
pub type Load<'a> = &'a dyn Fn(u64) -> Result<Read, ConfigError>;

/// The process that reads cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    /// Its pipe.
    #[error("the configuration cannot be read again: {0}")]
    Pipe(#[from] nix::Error),
    /// The fork.
    #[error("the configuration cannot be read again: {0}")]
    Fork(#[from] std::io::Error),
}

/// One reading under way.
pub struct Reading {
    /// Generation that it becomes.
    pub generation: u64,
    pid: Pid,
    reaped: bool,
    pipe: OwnedFd,
    text: Vec<u8>,
    until: Instant,
    /// It is read, and steps run.
    steps: bool,
}

/// Read it, whatever is in it.
fn answer(load: impl FnOnce() -> Result<Read, ConfigError>) -> Result<Read, NothingRead> {
    match catch_unwind(AssertUnwindSafe(load)) {
        Ok(read) => read.map_err(|e| NothingRead::Config(e.message)),
        Err(_) => Err(NothingRead::Panicked),
    }
}

/// Run the steps of a reload that no template runs; `begins` is called before the first of them.
fn run_steps(mut read: Read, begins: impl FnOnce()) -> Result<Read, NothingRead> {
    let i = &mut read.instance;
    let steps = steps::again(i);
    if i.lazy_apps && !steps.iter().all(|(list, _)| list.is_empty()) {
        begins();
        for (list, here) in &steps {
            let ran =
                if *here { steps::run_here(list, i, By::Child) } else { steps::run(list, i, By::Child) };
            ran.map_err(|e| NothingRead::Step(e.to_string()))?;
        }
    }
    Ok(read)
}

impl Reading {
    /// Start it.
    pub fn begin(
        generation: u64,
        events: &Events,
        load: impl FnOnce() -> Result<Read, ConfigError>,
    ) -> Result<Reading, ReadingError> {
        let (pipe, writer) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let master = nix::unistd::getpid();
        match sys::fork_single_threaded()? {
            sys::Side::Child => {
                // Its records go through a descriptor that is closed next.
                log::send_to(None, false);
                // What the master closes from now on must be closed: no copies of it here.
                sys::close_all_but(&mut vec![0, 1, 2, writer.as_raw_fd()]);
                let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
                // What it runs ends with it.
                let _ = nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0));
                if nix::unistd::getppid() == master {
                    let mut pipe = File::from(writer);
                    // White space in front of JSON: it is read, now it may take longer.
                    let read = answer(load).and_then(|read| run_steps(read, || drop(pipe.write_all(b" "))));
                    say(pipe, &read);
                }
                sys::exit_now(Exit::Ok.code())
            }
            sys::Side::Parent(pid) => {
                drop(writer);
                if let Err(e) = events.watch(pipe.as_fd(), Woken::Reading, false) {
                    let _ = kill(pid, Signal::SIGKILL);
                    return Err(e.into());
                }
                let until = Instant::now() + DEADLINE;
                Ok(Reading { generation, pid, reaped: false, pipe, text: Vec::new(), until, steps: false })
            }
        }
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Its process was reaped: the number may be somebody else's from now on.
    pub fn reaped(&mut self) {
        self.reaped = true;
    }

    /// When it has taken too long.
    pub fn deadline(&self) -> Instant {
        self.until
    }

    /// Take what has come; Some: that was all of it.
    pub fn go_on(&mut self, now: Instant) -> Option<Result<Read, ReadingFailed>> {
        let mut piece = [0; 64 * 1024];
        // So much at a time: other events are waiting.
        for _ in 0..16 {
            match read(&self.pipe, &mut piece) {
                Ok(0) => return Some(self.result()),
                Ok(n) if self.text.len() + n > MOST => return Some(Err(ReadingFailed::TooLarge)),
                Ok(n) => {
                    self.text.extend_from_slice(&piece[..n]);
                    if !std::mem::replace(&mut self.steps, true) {
                        self.until = now + STEPS;
                    }
                }
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => break,
                Err(e) => return Some(Err(ReadingFailed::Pipe(e))),
            }
        }
        let late = if self.steps { ReadingFailed::StepsLate } else { ReadingFailed::Late };
        (self.until <= now).then_some(Err(late))
    }

    fn result(&self) -> Result<Read, ReadingFailed> {
        match serde_json::from_slice::<Result<Read, NothingRead>>(&self.text) {
            Ok(answer) => Ok(answer?),
            Err(_) if self.text.is_empty() => Err(ReadingFailed::Ended),
            Err(_) if self.text.trim_ascii().is_empty() => Err(ReadingFailed::StepsEnded),
            Err(e) => Err(ReadingFailed::Unknown(e)),
        }
    }
}

/// Whoever gives it up early ends its process; the master reaps it.
impl Drop for Reading {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = kill(Pid::from_raw(-self.pid.as_raw()), Signal::SIGKILL);
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }
}

fn say(mut file: File, answer: &Result<Read, NothingRead>) {
    let text = serde_json::to_vec(answer).unwrap_or_default();
    let _ = file.write_all(&text);
    let _ = std::io::stdout().flush();
}
