//! Lines on stderr, log files and detaching. Printing must never panic: stderr may be a closed pipe.
#![forbid(unsafe_code)]

use crate::logs::file::{FileSpec, LogFile};
use crate::sys;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uswgi_proto::logs::LogLines;
use uswgi_proto::logs::record;
use uswgi_proto::logs::sink::{Kind, Sink};

/// How long the master may wait for a reader that is stuck; once, until it reads again.
const PATIENCE: Duration = Duration::from_millis(50);

/// Where lines go, and what they look like.
struct Output {
    style: LogLines,
    /// None: stderr.
    fd: Option<OwnedFd>,
    /// The log process reads it.
    records: bool,
    /// Made with the first line.
    sink: Option<Sink>,
    serial: u32,
}

static OUTPUT: Mutex<Output> = Mutex::new(Output {
    style: LogLines { date: None, strftime: false, json: false },
    fd: None,
    records: false,
    sink: None,
    serial: 0,
});

fn output() -> MutexGuard<'static, Output> {
    OUTPUT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What lines look like from now on.
pub fn set_style(lines: &LogLines) {
    output().style = lines.clone();
}

/// Lines go there from now on: to a description of our own of stderr, or as records to the log process. None: to stderr
/// as it is now.
pub fn send_to(fd: Option<OwnedFd>, records: bool) {
    let mut output = output();
    output.sink = fd.is_some().then(|| Sink::new(Kind::Own, PATIENCE));
    output.fd = fd;
    output.records = records;
}

/// Lines that this process has lost since its output was chosen.
pub fn lost() -> u64 {
    output().sink.as_ref().map_or(0, Sink::lost)
}

/// A line of this program, as it stands in a log: with the date, if that is wanted.
pub fn dated(style: &LogLines, seconds: i64, name: &str, text: &str) -> String {
    let date = style.date.as_deref().map(|format| sys::strftime(seconds, format) + " - ");
    format!("{}{name}: {text}\n", date.unwrap_or_default())
}

/// One line in the log. It waits a moment at most, and nobody hears of an error.
pub fn line(text: impl std::fmt::Display) {
    write(record::Kind::Master, text.to_string().as_bytes());
}

/// Whole lines of programs that the master runs, as they are.
pub fn programs(lines: &[u8]) {
    lines.split_inclusive(|b| *b == b'\n').for_each(|line| write(record::Kind::Program, line));
}

fn write(kind: record::Kind, text: &[u8]) {
    let mut guard = output();
    let Output { style, fd, records, sink, serial } = &mut *guard;
    let stderr = std::io::stderr();
    let fd = fd.as_ref().map_or(stderr.as_fd(), |fd| fd.as_fd());
    let sink = sink.get_or_insert_with(|| Sink::new(Kind::of(fd), PATIENCE));
    let ours = |text: &str| dated(style, sys::realtime().0, "uswgi-master", text).into_bytes();
    let lost = |n| format!("{n} log lines were lost here: the reader of the log was stuck, or its disk full");
    *serial = serial.wrapping_add(2);
    if *records {
        let pid = std::process::id();
        let told = |n: u64| {
            record::encode(record::Kind::Master, 0, pid, serial.wrapping_add(1), lost(n).as_bytes()).concat()
        };
        for part in record::encode(kind, 0, pid, *serial, text) {
            sink.write(fd, &part, told);
        }
    } else if kind == record::Kind::Master {
        sink.write(fd, &ours(&String::from_utf8_lossy(text)), |n| ours(&lost(n)));
    } else {
        sink.write(fd, text, |n| ours(&lost(n)));
    }
}

/// A log file, or a detached process, that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A logger has nowhere to write.
    #[error("a logger cannot write to {what}: {source}")]
    Logger {
        /// File, address or descriptor.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A pattern of a route or filter.
    #[error("a pattern for the log: {0}")]
    Pattern(#[from] regex::Error),
    /// The user whose file it is to be.
    #[error(transparent)]
    Privs(#[from] crate::privs::PrivsError),
    /// The file cannot be opened.
    #[error("cannot open the log file {path}: {source}; create its directory or choose another path")]
    Open {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system refused.
    #[error("cannot detach: {what}: {source}")]
    Detach {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

fn open(path: &Path) -> Result<LogFile, LogError> {
    let spec = FileSpec { path: path.into(), ..FileSpec::default() };
    LogFile::open(spec).map_err(|source| LogError::Open { path: path.into(), source })
}

/// stdout and stderr go to the file from now on.
pub fn redirect(file: &File) -> Result<(), LogError> {
    redirect_to(file.as_fd())
}

/// stdout and stderr go there from now on.
pub fn redirect_to(fd: BorrowedFd<'_>) -> Result<(), LogError> {
    for number in [1, 2] {
        sys::place_standard(fd, number)
            .map_err(|source| LogError::Detach { what: "redirecting output", source })?;
    }
    Ok(())
}

/// The end of the pipe to the launching command that a detached master holds.
pub struct Launcher(File);

impl Launcher {
    /// The start has succeeded (0) or failed, with the reason.
    pub fn release(mut self, code: i32, reason: &str) {
        let _ = self.0.write_all(&[code as u8]);
        let _ = self.0.write_all(reason.as_bytes());
    }
}

/// What [`daemonize`] returns to whom.
pub enum Detached {
    /// The launching command: it ends with this code.
    Launching(i32),
    /// The master: detached, its output in the file.
    Master(Launcher),
}

/// Detach: a new session, output to the file, stdin from /dev/null. The launching command waits for
/// [`Launcher::release`], and shows what was logged meanwhile when the start failed.
pub fn daemonize(path: &Path) -> Result<Detached, LogError> {
    let detach = |what| move |source: std::io::Error| LogError::Detach { what, source };
    let log = open(path)?;
    let before =
        log.file().metadata().map(|m| if m.is_file() { Some(m.len()) } else { None }).unwrap_or(None);
    let (reader, writer) =
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(|e| detach("pipe")(e.into()))?;
    match sys::fork_single_threaded().map_err(detach("fork"))? {
        sys::Side::Parent(child) => {
            drop(writer);
            // The intermediate process; the master is not our child.
            let _ = nix::sys::wait::waitpid(child, None);
            Ok(Detached::Launching(wait_for_start(File::from(reader), path, before)))
        }
        sys::Side::Child => {
            drop(reader);
            nix::unistd::setsid().map_err(|e| detach("setsid")(e.into()))?;
            match sys::fork_single_threaded().map_err(detach("fork"))? {
                sys::Side::Parent(_) => std::process::exit(0),
                sys::Side::Child => {}
            }
            let null = File::open("/dev/null").map_err(detach("opening /dev/null"))?;
            sys::place_standard(null.as_fd(), 0).map_err(detach("redirecting input"))?;
            redirect(log.file())?;
            Ok(Detached::Master(Launcher(File::from(writer))))
        }
    }
}

/// In the launching command: the exit code, after the reason of a failure was shown.
fn wait_for_start(mut pipe: File, path: &Path, before: Option<u64>) -> i32 {
    let mut said = Vec::new();
    let _ = pipe.read_to_end(&mut said);
    let (code, reason) = match said.split_first() {
        Some((0, _)) => return 0,
        Some((&code, reason)) => (i32::from(code), String::from_utf8_lossy(reason).into_owned()),
        None => (1, "the master ended while it started".to_string()),
    };
    let logged = before.and_then(|from| tail(path, from)).filter(|text| !text.is_empty());
    let text = logged.unwrap_or_else(|| format!("uswgi-master: {reason}\n").into_bytes());
    let _ = std::io::stderr().write_all(&text);
    code
}

/// What was added to a file since, at most its last 64 KiB.
fn tail(path: &Path, from: u64) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let end = file.metadata().ok()?.len();
    let from = from.max(end.saturating_sub(64 * 1024));
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut text = Vec::new();
    file.take(64 * 1024).read_to_end(&mut text).ok()?;
    Some(text)
}
