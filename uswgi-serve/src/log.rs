//! Where this process writes its lines: to the stderr that all share, or as records to the log process.
//! Whole lines, one write each, so that lines of several processes never mix; a reader that is stuck delays a
//! request once and shortly (see `uswgi_proto::logs::sink`). Text from the network goes through [`escaped`].

mod limit;

use crate::sync::lock;
use crate::sys;
use limit::{A_SECOND, AT_ONCE, Limiter};
use std::fmt::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use uswgi_proto::logs::LogLines;
use uswgi_proto::logs::escape::{Style, escape};
use uswgi_proto::logs::record;
use uswgi_proto::logs::sink::{Sink, SinkKind};
use uswgi_proto::scoreboard::{Scoreboard, monotonic_us};

/// How long a request may wait for a reader that is stuck; once, until it reads again.
const PATIENCE: Duration = Duration::from_millis(200);

static WORKER: AtomicU32 = AtomicU32::new(0);
static LINES: OnceLock<LogLines> = OnceLock::new();
static OUTPUT: OnceLock<LogOutput> = OnceLock::new();
static SERIAL: AtomicU32 = AtomicU32::new(0);
static BOARD: OnceLock<Arc<Scoreboard>> = OnceLock::new();
/// Lost lines that the scoreboard knows of.
static COUNTED: AtomicU64 = AtomicU64::new(0);

struct LogOutput {
    /// None: stderr.
    fd: Option<OwnedFd>,
    /// The log process reads it.
    records: bool,
    sink: Sink,
}

impl LogOutput {
    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_ref().map_or(sys::standard_error(), |fd| fd.as_fd())
    }
}

fn output() -> &'static LogOutput {
    OUTPUT.get_or_init(|| LogOutput {
        fd: None,
        records: false,
        sink: Sink::new(SinkKind::of(sys::standard_error()), PATIENCE),
    })
}

/// Use the descriptor that the master gave for lines: `own:N` or `records:N`.
pub fn adopt(said: &str) {
    let Some((how, number)) = said.split_once(':') else { return };
    let Some(fd) = number.parse().ok().and_then(sys::inherit) else { return };
    let sink = Sink::new(SinkKind::Own, PATIENCE);
    let _ = OUTPUT.set(LogOutput { fd: Some(fd), records: how == "records", sink });
}

/// From now on stdout and stderr are this file: the log was rotated or opened again.
pub fn reopen(file: &OwnedFd) {
    sys::replace_standard(file.as_fd());
}

/// Lost lines are counted in this scoreboard.
pub fn count_for(board: Option<&Arc<Scoreboard>>) {
    if let Some(board) = board {
        let _ = BOARD.set(board.clone());
    }
}

/// Count what was lost since the last look.
fn count(output: &LogOutput) {
    let lost = output.sink.lost();
    if lost == COUNTED.load(Ordering::Relaxed) {
        return;
    }
    let new = lost.saturating_sub(COUNTED.swap(lost, Ordering::Relaxed));
    if let Some(board) = BOARD.get() {
        board.header().log_lines_lost.fetch_add(new, Ordering::Relaxed);
    }
}

/// What messages look like.
pub fn set_style(lines: &LogLines) {
    let _ = LINES.set(lines.clone());
}

/// Name of this process in messages.
pub fn set_worker(id: u32) {
    WORKER.store(id, Ordering::Relaxed);
}

fn records(kind: record::RecordKind, text: &[u8]) -> Vec<Vec<u8>> {
    let worker = WORKER.load(Ordering::Relaxed);
    record::encode(kind, worker, std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed), text)
}

/// A message as it stands in the log, with the date and the name of this process.
fn message(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    if let Some(format) = LINES.get().and_then(|l| l.date.as_deref()) {
        sys::strftime(sys::realtime_us() / 1_000_000, format, &mut out);
        out.extend_from_slice(b" - ");
    }
    // Writing to a String cannot fail.
    let mut name = String::with_capacity(48);
    let _ = match WORKER.load(Ordering::Relaxed) {
        0 => write!(name, "uswgi-worker[{}]: ", std::process::id()),
        id => write!(name, "uswgi-worker[{}] worker {id}: ", std::process::id()),
    };
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(text.as_bytes());
    if !text.ends_with('\n') {
        out.push(b'\n');
    }
    out
}

fn lost(n: u64) -> String {
    format!("{n} log lines were lost here: the reader of the log was stuck, or its disk full")
}

fn send(output: &LogOutput, kind: record::RecordKind, text: &[u8]) {
    let notice = |n| records(record::RecordKind::Worker, lost(n).as_bytes()).concat();
    for record in records(kind, text) {
        output.sink.write(output.fd(), &record, notice);
    }
    count(output);
}

/// Write one message.
pub fn line(text: std::fmt::Arguments<'_>) {
    let text = text.to_string();
    let output = output();
    if output.records {
        return send(output, record::RecordKind::Worker, text.as_bytes());
    }
    output.sink.write(output.fd(), &message(&text), |n| message(&lost(n)));
    count(output);
}

/// Write a line of the application's as it is, line break included.
pub fn plain(line: &[u8]) {
    let output = output();
    if output.records {
        return send(output, record::RecordKind::Program, line);
    }
    output.sink.write(output.fd(), line, |n| message(&lost(n)));
    count(output);
}

/// Write the line of a request, line break included.
pub fn request(line: &[u8]) {
    let output = output();
    if output.records {
        return send(output, record::RecordKind::Request, line);
    }
    output.sink.write(output.fd(), line, |n| message(&lost(n)));
    count(output);
}

/// Bytes from the network as text that cannot forge a line. At most `limit` bytes of input.
pub fn escaped(bytes: &[u8], limit: usize, out: &mut Vec<u8>) {
    escape(bytes, limit, Style::Text, out);
}

/// [`escaped`] as a String.
pub fn shown(bytes: &[u8], limit: usize) -> String {
    let mut out = Vec::new();
    escaped(bytes, limit, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Who is at fault when a request gets no answer of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Who sent the request.
    Client,
    /// This server or its application. What clients do never hides it.
    Ours,
}

/// The messages about each of the two, bounded.
static LIMITS: [Mutex<Limiter>; 2] = [const { Mutex::new(Limiter::new()) }; 2];
/// Some were left out, and nobody has told.
static LEFT_OUT: AtomicBool = AtomicBool::new(false);

/// Write one message about a request, unless there were too many; true: the native thread has to be woken, to tell how
/// many more there were.
pub fn limited(fault: Fault, text: std::fmt::Arguments<'_>) -> bool {
    if lock(&LIMITS[fault as usize]).allows(monotonic_us()) {
        line(text);
        return false;
    }
    !LEFT_OUT.swap(true, Ordering::AcqRel)
}

/// Whether [`tell_left_out`] has something to tell.
pub fn any_left_out() -> bool {
    LEFT_OUT.load(Ordering::Acquire)
}

/// Say how many messages were left out, if any were.
pub fn tell_left_out() {
    if LEFT_OUT.swap(false, Ordering::AcqRel) {
        let more: u64 = LIMITS.iter().map(|l| lock(l).take_left_out()).sum();
        line(format_args!(
            "{more} more lines about requests like these were left out: {AT_ONCE} come at once, then {A_SECOND} a second"
        ));
    }
}

/// Write one message about a request that somebody else is at fault for; see [`limited`].
#[macro_export]
macro_rules! limited_say {
    ($fault:expr, $engine:expr, $($arg:tt)*) => {
        if $crate::log::limited($fault, format_args!($($arg)*)) {
            $engine.wake_native();
        }
    };
}

/// Write one message.
#[macro_export]
macro_rules! say {
    ($($arg:tt)*) => { $crate::log::line(format_args!($($arg)*)) };
}
