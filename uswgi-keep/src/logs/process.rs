//! The log process: reads what all others say and writes it where it belongs. It runs in a fork of its
//! parent, which goes on without it and starts another one when it dies.
//!
//! It must never hold up who writes: outputs that are stuck are given up after a moment, and what does not fit
//! the pipes is dropped by the writers, and counted. After each look it rests for a few milliseconds, so that a
//! busy instance wakes it 200 times a second and not with every line.
#![forbid(unsafe_code)]

use super::alarms::LineAlarms;
use super::chain::{DEFAULT, Routes};
use super::lines::Lines;
use super::output::Output;
use crate::sys;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde::{Deserialize, Serialize};
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use uswgi_proto::logs::LogLines;
use uswgi_proto::logs::json::Object;
use uswgi_proto::logs::record::{Record, RecordKind, RecordReader};

/// How long it rests after work.
const REST: Duration = Duration::from_millis(5);
/// How long it waits for the others once its parent is gone: they end within 5 s.
const AFTER_MASTER: Duration = Duration::from_secs(8);
/// How long a traceback may wait for its last line.
const UNFINISHED: u16 = 200;
/// Bytes read from one writer before the next has its turn.
const TURN: usize = 1 << 20;

/// Whose stdout and stderr a pipe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PipeSource {
    /// The master's, and of programs that it started.
    Master,
    /// A worker's and its children's; 0: the template's.
    Worker(u32),
}

/// What the parent tells the log process; one packet each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// A pipe comes with it.
    Read(PipeSource),
    /// Open all files again.
    Reopen,
    /// Rotate all files.
    Rotate,
    /// Others took its place: read until nobody writes to it any more, and end.
    Leave,
    /// All others have ended: write what is there, and end. (Without it, when the master has died, workers may
    /// still finish their requests.)
    End,
}

/// Everything it needs.
pub struct Work {
    /// Orders of the parent; its end is the end.
    pub control: OwnedFd,
    /// Records of all.
    pub records: OwnedFd,
    /// stdout and stderr of some.
    pub pipes: Vec<(PipeSource, OwnedFd)>,
    /// What goes where.
    pub rules: Routes,
    /// In the order that the rules name them.
    pub outputs: Vec<Output>,
    /// What lines look like.
    pub lines: LogLines,
    /// Which raise alarms, and where.
    pub alarms: Option<LineAlarms>,
}

const CONTROL: u64 = 0;
const RECORDS: u64 = 1;
const PIPES: u64 = 2;

struct Pipe {
    source: PipeSource,
    fd: OwnedFd,
    lines: Lines,
}

/// What a text is, for its form.
enum LineKind {
    Request,
    /// A message of ours.
    Message {
        master: bool,
        worker: u32,
        pid: u32,
    },
    App(PipeSource),
    /// About the log itself.
    Own,
}

struct LogProcess<'a> {
    rules: Routes,
    outputs: Vec<Output>,
    lines: LogLines,
    alarms: Option<LineAlarms>,
    lost: &'a AtomicU64,
    counted: u64,
}

fn now() -> (i64, u32) {
    sys::realtime()
}

fn micros(now: (i64, u32)) -> u64 {
    now.0 as u64 * 1_000_000 + u64::from(now.1)
}

/// The text as it goes to the rules.
fn form(lines: &LogLines, what: &LineKind, text: &[u8]) -> Vec<u8> {
    let now = now();
    let limit = usize::MAX;
    if lines.json {
        let object = |source| Object::new(micros(now), source);
        return match *what {
            // The worker has made the object.
            LineKind::Request => text.to_vec(),
            LineKind::Message { master: true, pid, .. } => {
                object("master").number("pid", pid.into()).text("text", text, limit).finish()
            }
            LineKind::Message { worker, pid, .. } => {
                let object = object("worker").number("pid", pid.into());
                object.number("worker", worker.into()).text("text", text, limit).finish()
            }
            LineKind::App(PipeSource::Worker(worker)) => {
                object("app").number("worker", worker.into()).text("text", text, limit).finish()
            }
            LineKind::App(PipeSource::Master) => object("app").text("text", text, limit).finish(),
            LineKind::Own => object("log").text("text", text, limit).finish(),
        };
    }
    let name = match *what {
        LineKind::Request | LineKind::App(_) => return text.to_vec(),
        LineKind::Message { master: true, .. } => crate::log::name().to_string(),
        LineKind::Message { worker: 0, pid, .. } => format!("uswgi-worker[{pid}]"),
        LineKind::Message { worker, pid, .. } => format!("uswgi-worker[{pid}] worker {worker}"),
        LineKind::Own => "uswgi-log".to_string(),
    };
    let mut line = crate::log::dated(lines, now.0, &name, "").into_bytes();
    line.pop();
    line.extend_from_slice(text);
    line
}

fn notice(lines: &LogLines, n: u64) -> Vec<u8> {
    let text = format!("{n} lines were lost here: the reader was stuck, or the disk full");
    form(lines, &LineKind::Own, text.as_bytes())
}

impl LogProcess<'_> {
    fn put(&mut self, what: &LineKind, text: &[u8]) {
        let line = form(&self.lines, what, text);
        let now = now();
        // Whether it is dropped later or not.
        if let Some(alarms) = &self.alarms {
            alarms.see(matches!(what, LineKind::Message { master: true, .. }), text, &line);
        }
        let LogProcess { rules, outputs, lines, .. } = self;
        rules.deliver(matches!(what, LineKind::Request), &line, now, |output, text| {
            if let Some(output) = outputs.get_mut(output) {
                output.put(text, now.0, &|n| notice(lines, n));
            }
        });
    }

    fn record(&mut self, record: &Record) {
        let what = match record.kind {
            Some(RecordKind::Request) => LineKind::Request,
            Some(RecordKind::Worker) => {
                LineKind::Message { master: false, worker: record.worker, pid: record.pid }
            }
            Some(RecordKind::Master) => LineKind::Message { master: true, worker: 0, pid: record.pid },
            Some(RecordKind::Program) | None => LineKind::App(PipeSource::Master),
        };
        self.put(&what, &record.text);
    }

    fn flush(&mut self) {
        let lines = &self.lines;
        for output in &mut self.outputs {
            output.flush(&|n| notice(lines, n));
        }
        let lost = self.outputs.iter().map(Output::lost).sum();
        self.lost.fetch_add(lost - self.counted, Ordering::Relaxed);
        self.counted = lost;
    }

    /// Files that have reached their size.
    fn rotate_large(&mut self) {
        for i in 0..self.outputs.len() {
            if self.outputs[i].log_file().is_some_and(|f| f.is_too_large()) {
                self.rotate(i, true);
            }
        }
    }

    fn rotate(&mut self, output: usize, by_size: bool) {
        let Some(file) = self.outputs[output].log_file() else { return };
        let path = file.path().display().to_string();
        let said = match file.rotate(now().0) {
            Ok(Some(backup)) => format!("rotated the log {path} to {}", backup.display()),
            Ok(None) => format!("opened the log {path} again: it had been moved"),
            Err(e) => {
                if by_size {
                    // Not with every line from now on.
                    file.give_up();
                }
                format!("cannot rotate {path}: {e}; logging into the old file")
            }
        };
        self.put(&LineKind::Own, said.as_bytes());
    }

    fn reopen(&mut self, output: usize) {
        let Some(file) = self.outputs[output].log_file() else { return };
        let path = file.path().display().to_string();
        let said = match file.reopen() {
            Ok(()) => format!("opened the log {path} again"),
            Err(e) => format!("cannot open {path} again: {e}; logging into the old file"),
        };
        self.put(&LineKind::Own, said.as_bytes());
    }

    fn obey(&mut self, order: Order) {
        // What came before goes into the old files.
        self.flush();
        for i in 0..self.outputs.len() {
            match order {
                Order::Rotate => self.rotate(i, false),
                Order::Reopen => self.reopen(i),
                Order::Read(_) | Order::Leave | Order::End => {}
            }
        }
    }
}

/// An order and the descriptor beside it. Ok(None): nothing more now. Err: the master is gone.
fn receive(control: &OwnedFd) -> Result<Option<(Order, Option<OwnedFd>)>, ()> {
    let mut buffer = [0u8; 256];
    let mut space = nix::cmsg_space!([i32; 1]);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let (length, number) = match recvmsg::<()>(control.as_raw_fd(), &mut parts, Some(&mut space), flags) {
        Ok(message) => {
            let rights = message.cmsgs().map_err(drop)?.find_map(|c| match c {
                ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
                _ => None,
            });
            (message.bytes, rights)
        }
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
        Err(_) => return Err(()),
    };
    let fd = number.map(sys::received);
    if length == 0 {
        return Err(());
    }
    Ok(serde_json::from_slice(&buffer[..length]).ok().map(|order| (order, fd)))
}

/// Read what is there, up to a turn. False: the end.
fn drain(fd: &OwnedFd, buffer: &mut [u8], mut each: impl FnMut(&[u8])) -> bool {
    let mut total = 0;
    while total < TURN {
        match nix::unistd::read(fd, buffer) {
            Ok(0) => return false,
            Ok(n) => {
                each(&buffer[..n]);
                total += n;
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return true,
            Err(_) => return false,
        }
    }
    true
}

fn watch(epoll: &Epoll, fd: &OwnedFd, token: u64) {
    let _ = epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token));
}

/// Work until everybody else has ended. Lines that no output took are added to `lost`.
pub fn run(work: Work, lost: &AtomicU64) {
    let Work { control, records, pipes, rules, outputs, lines, alarms } = work;
    let Ok(epoll) = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC) else { return };
    let mut state = LogProcess { rules, outputs, lines, alarms, lost, counted: 0 };
    let mut reader = RecordReader::default();
    let mut buffer = vec![0; 64 * 1024];
    let mut slots: Vec<Option<Pipe>> = Vec::new();
    let add = |slots: &mut Vec<Option<Pipe>>, source, fd: OwnedFd| {
        let free = slots.iter().position(Option::is_none).unwrap_or(slots.len());
        watch(&epoll, &fd, PIPES + free as u64);
        let pipe = Some(Pipe { source, fd, lines: Lines::default() });
        if free == slots.len() { slots.push(pipe) } else { slots[free] = pipe }
    };
    watch(&epoll, &control, CONTROL);
    watch(&epoll, &records, RECORDS);
    pipes.into_iter().for_each(|(source, fd)| add(&mut slots, source, fd));
    let mut records_open = true;
    let mut end: Option<Instant> = None;
    let mut leaving = false;
    loop {
        if leaving && !records_open && slots.iter().all(Option::is_none) {
            break;
        }
        let unfinished = slots.iter().flatten().any(|p| p.lines.is_open());
        let timeout = match end {
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                if left.is_zero() || (!records_open && slots.iter().all(Option::is_none)) {
                    break;
                }
                EpollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(EpollTimeout::ZERO)
            }
            None if unfinished => EpollTimeout::from(UNFINISHED),
            None => EpollTimeout::NONE,
        };
        let mut events = [EpollEvent::empty(); 64];
        let count = match epoll.wait(&mut events, timeout) {
            Ok(n) => n,
            Err(Errno::EINTR) => continue,
            Err(_) => break,
        };
        if count == 0 {
            for pipe in slots.iter_mut().flatten() {
                let what = LineKind::App(pipe.source);
                pipe.lines.pause(|text| state.put(&what, text));
            }
        }
        for event in &events[..count] {
            match event.data() {
                CONTROL => loop {
                    match receive(&control) {
                        Ok(Some((Order::Read(source), Some(fd)))) => add(&mut slots, source, fd),
                        Ok(Some((Order::Leave, _))) => leaving = true,
                        Ok(Some((Order::End, _))) => end = Some(Instant::now()),
                        Ok(Some((order, _))) => {
                            drain(&records, &mut buffer, |bytes| reader.feed(bytes, |r| state.record(&r)));
                            state.obey(order);
                        }
                        Ok(None) => break,
                        Err(()) => {
                            let _ = epoll.delete(&control);
                            end.get_or_insert(Instant::now() + AFTER_MASTER);
                            break;
                        }
                    }
                },
                RECORDS => {
                    records_open =
                        drain(&records, &mut buffer, |bytes| reader.feed(bytes, |r| state.record(&r)));
                    if !records_open {
                        let _ = epoll.delete(&records);
                        reader.finish(|r| state.record(&r));
                    }
                }
                token => {
                    let slot = (token - PIPES) as usize;
                    let Some(Some(pipe)) = slots.get_mut(slot) else { continue };
                    let what = LineKind::App(pipe.source);
                    let Pipe { fd, lines, .. } = pipe;
                    if !drain(fd, &mut buffer, |bytes| lines.feed(bytes, |text| state.put(&what, text))) {
                        lines.finish(|text| state.put(&what, text));
                        // The master has it open too, so that closing it would leave it in the epoll.
                        let _ = epoll.delete(&*fd);
                        slots[slot] = None;
                    }
                }
            }
        }
        state.flush();
        state.rotate_large();
        state.flush();
        if end.is_none() {
            std::thread::sleep(REST);
        }
    }
    for Pipe { source, fd, lines } in slots.iter_mut().flatten() {
        let what = LineKind::App(*source);
        drain(fd, &mut buffer, |bytes| lines.feed(bytes, |text| state.put(&what, text)));
        lines.finish(|text| state.put(&what, text));
    }
    drain(&records, &mut buffer, |bytes| reader.feed(bytes, |r| state.record(&r)));
    reader.finish(|r| state.record(&r));
    state.flush();
    debug_assert!(DEFAULT < state.outputs.len());
}
