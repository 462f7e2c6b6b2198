//! The parent's end of the log process: starts it, starts it again, hands it pipes, ends it.
//!
//! The reading ends of all pipes stay open here too, so that a log process that dies takes no line with it but
//! those that it had read, and its successor goes on where it stopped.
#![forbid(unsafe_code)]

use super::alarms::{AlarmPipe, AlarmRules, LineAlarms};
use super::chain::Routes;
use super::file::LogFile;
use super::output::{Frame, Output, Peer};
use super::process::{self, Order, PipeSource, Work};
use crate::log;
use crate::sys;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{self as so, AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use uswgi_proto::exit::Exit;
use uswgi_proto::logs::routing::{LogRouting, Logger, LoggerTarget, RSYSLOG_PACKET};

/// Bytes that fit the pipe of records: thousands of lines.
const RECORDS_SIZE: i32 = 1 << 20;
/// Bytes that fit the pipe of one process's output.
const OUTPUT_SIZE: i32 = 256 << 10;
/// How long the log process may take to write what is left, at the end.
const END: Duration = Duration::from_secs(3);
/// How long a log process must live to be started again at once.
const AGAIN: Duration = Duration::from_secs(1);
/// Largest datagram; rsyslog's own default is shorter.
const DATAGRAM: usize = 65_000;

/// Opens a log file: path, size at which it is rotated (0: never), name of the rotated file.
pub type OpenFile<'a> = &'a dyn Fn(&Path, u64, Option<String>) -> Result<LogFile, log::LogError>;

struct ChildPipe {
    child: Option<u64>,
    source: PipeSource,
    reader: OwnedFd,
}

/// The log process, as its parent sees it. It owns the reading ends of all pipes and every output; dropping it lets the log process
/// write what is left, and waits a few seconds for that.
pub struct Collector {
    logs: LogRouting,
    control: Option<OwnedFd>,
    pid: Option<Pid>,
    started: Instant,
    /// None at the writing end: others took our place.
    records: (OwnedFd, Option<OwnedFd>),
    /// For stdout and stderr of the parent.
    writer: Option<OwnedFd>,
    /// The parent writes to it.
    ours: bool,
    pipes: Vec<ChildPipe>,
    /// Kept for a log process that has to be started again.
    outputs: Vec<Output>,
    /// stderr of before.
    stderr: OwnedFd,
    /// Where lines go that raise alarms.
    alarms: Option<Rc<AlarmPipe>>,
}

fn pipe(size: i32) -> nix::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    // A smaller one works too: lines are dropped earlier when the log process is held up.
    let _ = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(size));
    Ok((reader, writer))
}

/// Open what a logger names.
fn output(
    logger: &Logger,
    logs: &LogRouting,
    stderr: BorrowedFd<'_>,
    file: OpenFile<'_>,
) -> Result<Output, log::LogError> {
    let failed = |what: String| move |source: io::Error| log::LogError::Logger { what, source };
    let limit = logs.rsyslog_packet.unwrap_or(RSYSLOG_PACKET) as usize;
    match &logger.target {
        LoggerTarget::Stdio => {
            stderr.try_clone_to_owned().map(Output::descriptor).map_err(failed("stderr".into()))
        }
        LoggerTarget::File { path, max_size, backup } => {
            file(path, *max_size, backup.clone()).map(Output::file)
        }
        LoggerTarget::Fd(number) => {
            sys::adopt(*number).map(Output::descriptor).map_err(failed(format!("the descriptor {number}")))
        }
        LoggerTarget::Socket { address, prefix } => Peer::open(address, None)
            .map(|peer| Output::datagrams(peer, Frame::Prefix(prefix.clone()), DATAGRAM))
            .map_err(failed(address.clone())),
        LoggerTarget::Syslog { ident, priority } => Peer::open("/dev/log", None)
            .map(|peer| Output::datagrams(peer, Frame::Syslog(*priority, Some(ident.clone())), DATAGRAM))
            .map_err(failed("/dev/log".into())),
        LoggerTarget::Rsyslog { address, tag, priority } => Peer::open(address, Some(514))
            .map(|peer| Output::datagrams(peer, Frame::Syslog(*priority, tag.clone()), limit))
            .map_err(failed(address.clone())),
    }
}

impl Collector {
    /// Open all outputs, with the rights of the moment. `default` is the log without loggers; `file` opens one; `alarms` is for
    /// lines that raise some.
    pub fn open(
        logs: &LogRouting,
        default: Output,
        stderr: OwnedFd,
        file: OpenFile<'_>,
        alarms: Option<Rc<AlarmPipe>>,
    ) -> Result<Collector, log::LogError> {
        let mut outputs = vec![default];
        for logger in logs.messages.loggers.iter().chain(&logs.requests.loggers) {
            outputs.push(output(logger, logs, stderr.as_fd(), file)?);
        }
        let failed = |e: nix::Error| log::LogError::Detach { what: "a pipe for the log", source: e.into() };
        let records = pipe(RECORDS_SIZE).map_err(failed)?;
        fcntl(&records.1, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(failed)?;
        let (reader, writer) = pipe(OUTPUT_SIZE).map_err(failed)?;
        Ok(Collector {
            logs: logs.clone(),
            control: None,
            pid: None,
            started: Instant::now(),
            records: (records.0, Some(records.1)),
            writer: Some(writer),
            ours: false,
            pipes: vec![ChildPipe { child: None, source: PipeSource::Master, reader }],
            outputs,
            stderr,
            alarms,
        })
    }

    /// What the parent and programs that it starts print goes to it from now on.
    pub fn redirect(&mut self) -> Result<(), log::LogError> {
        self.ours = true;
        self.writer.as_ref().map_or(Ok(()), |writer| log::redirect_to(writer.as_fd()))
    }

    /// Lines of the parent go to it from now on.
    pub fn listen(&self) -> io::Result<()> {
        let records = self.records.1.as_ref().map(OwnedFd::try_clone).transpose()?;
        log::send_to(records, true);
        Ok(())
    }

    /// Others take its place: it goes on until nobody writes to it any more.
    pub fn leave(&mut self) {
        (self.ours, self.writer, self.records.1) = (false, None, None);
        let _ = self.order(Order::Leave, None);
    }

    /// Start the log process. `lost`: in memory that outlives both, where it counts the lines that no output took.
    /// Only for a parent with one thread.
    pub fn start(&mut self, lost: &AtomicU64) -> io::Result<()> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (ours, theirs) = so::socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        self.started = Instant::now();
        match sys::fork_single_threaded()? {
            sys::Side::Parent(pid) => {
                (self.pid, self.control) = (Some(pid), Some(ours));
                if self.records.1.is_none() {
                    self.leave();
                }
                Ok(())
            }
            sys::Side::Child => {
                drop(ours);
                self.live(theirs, lost);
                std::process::exit(Exit::Ok.code())
            }
        }
    }

    /// In the new process.
    fn live(&mut self, control: OwnedFd, lost: &AtomicU64) {
        let _ = nix::sys::prctl::set_name(c"uswgi-log");
        log::send_to(None, false);
        let copy = |fd: &OwnedFd| fd.try_clone().ok();
        let pipes: Vec<_> = self.pipes.iter().filter_map(|p| Some((p.source, copy(&p.reader)?))).collect();
        let (Some(records), Ok(rules)) = (copy(&self.records.0), Routes::new(&self.logs)) else { return };
        let alarm_rules = AlarmRules::new(&self.logs.alarms).unwrap_or_default();
        let pipe = self.alarms.as_ref().and_then(|pipe| pipe.writer().try_clone_to_owned().ok());
        // A panic here is said where the parent's were said before.
        let _ = log::redirect_to(self.stderr.as_fd());
        let outputs = std::mem::take(&mut self.outputs);
        let mut keep: Vec<i32> = vec![0, 1, 2, control.as_raw_fd(), records.as_raw_fd()];
        keep.extend(pipes.iter().map(|(_, fd)| fd.as_raw_fd()));
        keep.extend(outputs.iter().flat_map(Output::descriptors));
        keep.extend(pipe.iter().map(|fd| fd.as_raw_fd()));
        // The listeners of the parent above all: they must not stay open with us.
        sys::close_all_but(&mut keep);
        let lines = self.logs.lines.clone();
        let alarms = pipe.map(|pipe| LineAlarms::new(alarm_rules, pipe));
        process::run(Work { control, records, pipes, rules, outputs, lines, alarms }, lost);
    }

    /// Descriptor for records.
    pub fn records(&self) -> Option<BorrowedFd<'_>> {
        self.records.1.as_ref().map(|fd| fd.as_fd())
    }

    /// A file that is open for an output under this name.
    pub fn held(&self, name: &Path) -> Option<&LogFile> {
        self.outputs.iter().filter_map(Output::names).find(|file| file.is_named(name))
    }

    fn order(&self, order: Order, fd: Option<BorrowedFd<'_>>) -> nix::Result<()> {
        let control = self.control.as_ref().ok_or(nix::Error::ENOTCONN)?;
        let packet = serde_json::to_vec(&order).map_err(|_| nix::Error::EINVAL)?;
        let fds: Vec<i32> = fd.iter().map(|f| f.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&fds)];
        let attached = if fds.is_empty() { &rights[..0] } else { &rights[..] };
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        so::sendmsg::<UnixAddr>(control.as_raw_fd(), &[IoSlice::new(&packet)], attached, flags, None)
            .map(drop)
    }

    /// Open all files again, or rotate them.
    pub fn refresh(&self, rotate: bool) -> nix::Result<()> {
        let order = if rotate { Order::Rotate } else { Order::Reopen };
        self.order(order, None)
    }

    /// A pipe for stdout and stderr of a child; returns the end that the child gets.
    pub fn pipe_for(&mut self, child: u64, worker: u32) -> nix::Result<OwnedFd> {
        let (reader, writer) = pipe(OUTPUT_SIZE)?;
        let source = PipeSource::Worker(worker);
        // A log process that is gone gets it with its successor.
        let _ = self.order(Order::Read(source), Some(reader.as_fd()));
        self.pipes.push(ChildPipe { child: Some(child), source, reader });
        Ok(writer)
    }

    /// The child has ended; the log process reads on until its children have ended too.
    pub fn forget(&mut self, child: u64) {
        self.pipes.retain(|p| p.child != Some(child));
    }

    /// Whether the log process has died and waits to be started again.
    pub fn is_missing(&self) -> bool {
        self.pid.is_none()
    }

    /// A process was reaped: whether it was the log process, which is started again with the next look.
    pub fn reaped(&mut self, pid: i32) -> bool {
        if self.pid != Some(Pid::from_raw(pid)) {
            return false;
        }
        (self.pid, self.control) = (None, None);
        true
    }

    /// Start it again, not more than once a second.
    pub fn revive(&mut self, lost: &AtomicU64) {
        if self.pid.is_some() || self.started.elapsed() < AGAIN {
            return;
        }
        for output in &mut self.outputs {
            if let Some(file) = output.log_file() {
                // It may have been rotated meanwhile.
                let _ = file.reopen();
            }
        }
        match self.start(lost).and_then(|()| if self.ours { self.listen() } else { Ok(()) }) {
            Ok(()) => log::line("the log process had died and was started again"),
            Err(_) => self.started = Instant::now(),
        }
    }

    /// Everybody else has ended: let it write what is left, and wait for it.
    fn end(&mut self) {
        if self.ours {
            log::send_to(None, false);
            // What is printed from here on goes where it would without us.
            let _ = log::redirect_to(self.stderr.as_fd());
        }
        let _ = self.order(Order::End, None);
        self.control = None;
        let Some(pid) = self.pid.take() else { return };
        if let Ok(fd) = uswgi_proto::instance::pidfd_open(pid.as_raw()) {
            let mut fds = [nix::poll::PollFd::new(fd.as_fd(), nix::poll::PollFlags::POLLIN)];
            let timeout = nix::poll::PollTimeout::try_from(END).unwrap_or(nix::poll::PollTimeout::ZERO);
            let _ = nix::poll::poll(&mut fds, timeout);
        }
        if !matches!(
            waitpid(pid, Some(WaitPidFlag::WNOHANG)),
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..))
        ) {
            // A disk hangs.
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
            let _ = waitpid(pid, None);
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.end();
    }
}
