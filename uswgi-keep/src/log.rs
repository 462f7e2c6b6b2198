//! Lines of a parent process in its log: on stderr, or through the log process. Printing must never panic: stderr may be a
//! closed pipe.
#![forbid(unsafe_code)]

use crate::sys;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uswgi_proto::logs::LogLines;
use uswgi_proto::logs::record;
use uswgi_proto::logs::sink::{Sink, SinkKind};

/// How long the process may wait for a reader that is stuck; once, until it reads again.
const PATIENCE: Duration = Duration::from_millis(50);

/// Where lines go, and what they look like.
struct LineStyle {
    /// Of the program.
    name: &'static str,
    style: LogLines,
    /// None: stderr.
    fd: Option<OwnedFd>,
    /// The log process reads it.
    records: bool,
    /// Made with the first line.
    sink: Option<Sink>,
    serial: u32,
}

static STATE: Mutex<LineStyle> = Mutex::new(LineStyle {
    name: "uswgi",
    style: LogLines { date: None, strftime: false, json: false },
    fd: None,
    records: false,
    sink: None,
    serial: 0,
});

fn state() -> MutexGuard<'static, LineStyle> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of this program, in front of its lines. Children that are forked keep it.
pub fn set_name(name: &'static str) {
    state().name = name;
}

/// The name of this program.
pub fn name() -> &'static str {
    state().name
}

/// The word for this process in messages: its name without the family's, `master` of `uswgi-master`.
pub fn role() -> &'static str {
    let name = name();
    name.strip_prefix("uswgi-").unwrap_or(name)
}

/// What lines look like from now on.
pub fn set_style(lines: &LogLines) {
    state().style = lines.clone();
}

/// Lines go there from now on: to a description of our own of stderr, or as records to the log process. None: to stderr
/// as it is now.
pub fn send_to(fd: Option<OwnedFd>, records: bool) {
    let mut state = state();
    state.sink = fd.is_some().then(|| Sink::new(SinkKind::Own, PATIENCE));
    state.fd = fd;
    state.records = records;
}

/// Where lines go beside stderr, for a child that closes what it does not need.
pub fn descriptor() -> Option<RawFd> {
    state().fd.as_ref().map(AsRawFd::as_raw_fd)
}

/// Lines that this process has lost since its output was chosen.
pub fn lost() -> u64 {
    state().sink.as_ref().map_or(0, Sink::lost)
}

/// A line of this program, as it stands in a log: with the date, if that is wanted.
pub fn dated(style: &LogLines, seconds: i64, name: &str, text: &str) -> String {
    let date = style.date.as_deref().map(|format| sys::strftime(seconds, format) + " - ");
    format!("{}{name}: {text}\n", date.unwrap_or_default())
}

/// One line in the log. It waits a moment at most, and nobody hears of an error.
pub fn line(text: impl std::fmt::Display) {
    write(record::RecordKind::Master, text.to_string().as_bytes());
}

/// Whole lines of programs that this process runs, as they are.
pub fn programs(lines: &[u8]) {
    lines.split_inclusive(|b| *b == b'\n').for_each(|line| write(record::RecordKind::Program, line));
}

fn write(kind: record::RecordKind, text: &[u8]) {
    let mut guard = state();
    let LineStyle { name, style, fd, records, sink, serial } = &mut *guard;
    let stderr = std::io::stderr();
    let fd = fd.as_ref().map_or(stderr.as_fd(), |fd| fd.as_fd());
    let sink = sink.get_or_insert_with(|| Sink::new(SinkKind::of(fd), PATIENCE));
    let ours = |text: &str| dated(style, sys::realtime().0, name, text).into_bytes();
    let lost = |n| format!("{n} log lines were lost here: the reader of the log was stuck, or its disk full");
    *serial = serial.wrapping_add(2);
    if *records {
        let pid = std::process::id();
        let told = |n: u64| {
            record::encode(record::RecordKind::Master, 0, pid, serial.wrapping_add(1), lost(n).as_bytes())
                .concat()
        };
        for part in record::encode(kind, 0, pid, *serial, text) {
            sink.write(fd, &part, told);
        }
    } else if kind == record::RecordKind::Master {
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
