//! The logs of an instance. There are two ways from a process to its log, and the configuration decides.
//!
//! **Direct**, when there is one log: stderr, or a file (`logto`, `daemonize`, one `logger = file:`). Master,
//! template, workers and what the application starts append to one description with O_APPEND: the kernel keeps every write whole, at the price of one write(2) a line and
//! of no other process. Rotation renames the file, opens a new one and gives its descriptor to every process
//! over its control socket; each puts it in place of 1 and 2 with one dup2(2). A line that is written meanwhile
//! lands in the renamed file: none is lost, none is written twice. Programs that the application started
//! before keep writing to the old file.
//!
//! **Through the log process**, when lines have to be looked at (several loggers, routes, encoders, `log-json`,
//! datagrams) or `log-master` asks for it: a child of the master that alone has the outputs open. Lines of ours are
//! records in one pipe, written whole by one write(2) each; stdout and stderr of every worker are a pipe of its
//! own, so that pieces of lines of two workers never meet. One writer can neither lose nor double a line when it
//! rotates, and a stuck disk holds up it alone: when the pipe of records is full, lines are dropped at once and
//! counted. (An application that prints on meanwhile waits once its own pipe is full.) The master keeps the reading ends, so that a log process that dies is followed by one that goes on where
//! it stopped.
//!
//! Why not the log process always: the default must stay one write(2) a line and no other process; and a
//! container or systemd that reads stderr does the collecting already.
//!
//! * [`file`]: one log file.
//! * [`process`]: the log process; [`lines`], [`chain`], [`encode`], [`output`]: the way of a line in it.
//! * [`collector`]: the master's end of it.
//! * `succession`: other logs after a reload.
//! * here: what the master holds and does.
#![forbid(unsafe_code)]

pub mod chain;
pub mod collector;
pub mod encode;
pub mod file;
pub mod lines;
pub mod output;
pub mod process;
mod succession;

use crate::log::{self, LogError};
use crate::master::Master;
use crate::privs::Target;
use crate::supervisor::ChildId;
use crate::sys;
use crate::touch::Touch;
use collector::{Collector, OpenFile};
use file::{FileSpec, LogFile};
use output::Output;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use uswgi_conf::instance::Instance;
use uswgi_proto::control::ToWorker;
use uswgi_proto::logs::sink;
use uswgi_proto::scoreboard::Scoreboard;

/// What the master holds of its logs.
pub struct Logs {
    /// The log file, when there is one.
    file: Option<LogFile>,
    /// A description of our own for a stderr that may be stuck.
    own: Option<OwnedFd>,
    touch_reopen: Touch,
    touch_rotate: Touch,
    /// A process could not be given the new file yet.
    pending: bool,
    /// The log process; None: everybody writes directly.
    collector: Option<Collector>,
    /// The first generation that writes here.
    since: u64,
    /// stderr of the start.
    stderr: Option<OwnedFd>,
    /// The file of a detached master, for ever.
    detached: Option<PathBuf>,
    /// The master writes here.
    ours: bool,
    /// Those of a generation that comes.
    coming: Option<Box<Logs>>,
    /// Log processes that others took the place of.
    leaving: Vec<Collector>,
}

/// `target`: who gets the file where it belongs to the user that we become.
fn spec(i: &Instance, path: &Path, target: Option<&Target>) -> FileSpec {
    FileSpec {
        path: path.into(),
        max_size: i.log.max_size,
        backup: i.log.backup.clone(),
        mode: i.log.mode,
        owner: target.filter(|_| i.log.chown).map(|target| (target.uid, target.gid)),
    }
}

/// Log files that are open before they are written to.
#[derive(Default)]
pub struct Files {
    log: Option<LogFile>,
    /// `logto2` is among them.
    second: bool,
}

impl Files {
    /// Open `logto`, or that of a detached master; `second`: `logto2` too, as the target.
    pub fn open(i: &Instance, detached: bool, second: bool, target: &Target) -> Result<Files, LogError> {
        let first = if detached { i.daemonize.as_ref().or(i.daemonize2.as_ref()) } else { i.logto.as_ref() };
        let log = first.map(|path| open(i, path, target)).transpose()?;
        let mut files = Files { log, second: false };
        if second {
            files.open_second(i, target)?;
        }
        Ok(files)
    }

    fn open_second(&mut self, i: &Instance, target: &Target) -> Result<(), LogError> {
        if let (Some(path), false) = (&i.logto2, std::mem::replace(&mut self.second, true)) {
            self.log = Some(target.for_a_moment(|| open(i, path, target))?);
        }
        Ok(())
    }

    /// The master goes into a jail: where paths lead from inside.
    pub fn enter(&mut self, inside: impl Fn(&Path) -> Option<PathBuf>) {
        if let Some(log) = &mut self.log {
            log.enter(inside);
        }
    }
}

fn open(i: &Instance, path: &Path, target: &Target) -> Result<LogFile, LogError> {
    let failed = |source| LogError::Open { path: path.into(), source };
    let file = LogFile::open(spec(i, path, Some(target))).map_err(failed)?;
    if i.log.truncate {
        file.truncate().map_err(failed)?;
    }
    Ok(file)
}

impl Logs {
    /// Open the log that is not open yet, as root where the configuration says so, and write to it from now on. Gives
    /// the stderr of before when a file took its place, for a start that fails yet.
    pub fn open(
        i: &Instance,
        mut files: Files,
        detached: bool,
        target: &Target,
    ) -> Result<(Logs, Option<OwnedFd>), LogError> {
        let stderr = std::io::stderr().as_fd().try_clone_to_owned().ok();
        files.open_second(i, target)?;
        let elsewhere = files.log.is_some() || !i.log.messages.loggers.is_empty();
        let terminal = stderr.as_ref().filter(|_| elsewhere && !detached).and_then(|fd| fd.try_clone().ok());
        let detached = i.daemonize.clone().or(i.daemonize2.clone()).filter(|_| detached);
        let mut logs = Logs::new(stderr, detached, 1);
        logs.fill(i, files.log, &|path, max_size, backup| {
            let spec = FileSpec { max_size, backup, ..spec(i, path, Some(target)) };
            LogFile::open(spec).map_err(|source| LogError::Open { path: path.into(), source })
        })?;
        logs.take_over()?;
        logs.configure(i);
        Ok((logs, terminal))
    }

    fn new(stderr: Option<OwnedFd>, detached: Option<PathBuf>, since: u64) -> Logs {
        Logs {
            file: None,
            own: None,
            touch_reopen: Touch::new(&[]),
            touch_rotate: Touch::new(&[]),
            pending: false,
            collector: None,
            since,
            stderr,
            detached,
            ours: false,
            coming: None,
            leaving: Vec::new(),
        }
    }

    /// Open the outputs, with the rights of the moment. Nobody writes to them yet.
    fn fill(&mut self, i: &Instance, file: Option<LogFile>, open: OpenFile<'_>) -> Result<(), LogError> {
        let failed = |source| LogError::Logger { what: "stderr".into(), source };
        let copy = |fd: &OwnedFd| fd.try_clone().map_err(failed);
        if let (true, Some(stderr)) = (i.log.needs_process(), &self.stderr) {
            let default = match file {
                Some(file) => Output::file(file),
                None => Output::descriptor(copy(stderr)?),
            };
            self.collector = Some(Collector::open(&i.log, default, copy(stderr)?, open)?);
        } else {
            self.file = file;
            self.own = self.direct().and_then(sink::own);
        }
        Ok(())
    }

    /// Where everybody writes without a log process.
    fn direct(&self) -> Option<BorrowedFd<'_>> {
        let stderr = self.stderr.as_ref().map(|fd| fd.as_fd());
        self.file.as_ref().map(|file| file.file().as_fd()).or(stderr)
    }

    /// The master writes here from now on; to a log process only what it prints, until that is started.
    fn take_over(&mut self) -> Result<(), LogError> {
        self.ours = true;
        if let Some(collector) = &mut self.collector {
            return collector.redirect();
        }
        let redirected = self.direct().map_or(Ok(()), log::redirect_to);
        log::send_to(self.own.as_ref().and_then(|fd| fd.try_clone().ok()), false);
        redirected
    }

    /// Start the log process, if there is one, with the rights that the instance keeps.
    pub fn start(&mut self, board: &Scoreboard) -> Result<(), LogError> {
        let failed = |source| LogError::Detach { what: "starting the log process", source };
        let Some(collector) = &mut self.collector else { return Ok(()) };
        collector.start(board).and_then(|()| collector.listen()).map_err(failed)
    }

    /// stdout and stderr of a new child (worker 0: the template), when they are not ours.
    pub fn output_for(&mut self, child: ChildId, worker: u32) -> Result<Option<OwnedFd>, String> {
        let failed = |e: std::io::Error| format!("its output cannot be collected: {e}");
        match &mut self.collector {
            Some(c) => c.pipe_for(child, worker).map(Some).map_err(|e| failed(e.into())),
            // Ours are those of the generation before.
            None if !self.ours => self.direct().map(|fd| fd.try_clone_to_owned()).transpose().map_err(failed),
            None => Ok(None),
        }
    }

    /// Follow a configuration that was read again, as far as the log can.
    pub fn configure(&mut self, i: &Instance) {
        log::set_style(&i.log.lines);
        self.touch_reopen = Touch::new(&i.log.touch_reopen);
        self.touch_rotate = Touch::new(&i.log.touch_rotate);
        if let Some(file) = &mut self.file {
            file.limit(i.log.max_size, i.log.backup.clone());
        }
    }

    /// How a new process gets its log: the word of the contract, and the descriptor. None: by its stderr.
    pub fn for_child(&self) -> Option<(&'static str, BorrowedFd<'_>)> {
        match &self.collector {
            Some(collector) => collector.records().map(|fd| ("records", fd)),
            None => self.own.as_ref().map(|fd| ("own", fd.as_fd())),
        }
    }

    /// Whether something has to be looked at every second.
    pub fn needs_looks(&self) -> bool {
        let touches = !self.touch_reopen.is_empty() || !self.touch_rotate.is_empty();
        let missing = self.collector.iter().chain(&self.leaving).any(Collector::is_missing);
        touches || missing || self.pending || self.file.as_ref().is_some_and(LogFile::is_limited)
    }
}

impl Master<'_> {
    /// Open the log file again: something has moved the old one away. What was done, or why nothing was.
    pub fn reopen_logs(&mut self) -> Result<String, String> {
        if let Some(collector) = &self.logs.collector {
            return collector.refresh(false).map(|()| "the log files are opened again".into());
        }
        let Some(file) = self.logs.file.as_mut().filter(|f| f.is_regular()) else {
            return Err("the log is no file of ours: there is nothing to open again".into());
        };
        let path = file.path().display().to_string();
        file.reopen().map_err(|e| format!("cannot open {path} again: {e}; logging into the old file"))?;
        self.spread();
        Ok(format!("opened the log {path} again"))
    }

    /// Move the log file away and begin a new one. What was done, or why nothing was.
    pub fn rotate_logs(&mut self) -> Result<String, String> {
        if let Some(collector) = &self.logs.collector {
            return collector.refresh(true).map(|()| "the log files are rotated".into());
        }
        let Some(file) = self.logs.file.as_mut().filter(|f| f.is_regular()) else {
            return Err("the log is no file of ours: there is nothing to rotate".into());
        };
        let path = file.path().display().to_string();
        let rotated = file
            .rotate(sys::realtime().0)
            .map_err(|e| format!("cannot rotate {path}: {e}; logging into the old file"))?;
        self.spread();
        Ok(match rotated {
            Some(backup) => format!("rotated the log {path} to {}", backup.display()),
            None => format!("opened the log {path} again: it had been moved"),
        })
    }

    /// A reload begins: `log-reopen`.
    pub(crate) fn reopen_logs_for_reload(&mut self) {
        if self.setup().is_some_and(|s| s.instance.log.reopen_on_reload) {
            log::line(self.reopen_logs().unwrap_or_else(|e| e));
        }
    }

    /// Give the file that is open to everybody.
    fn spread(&mut self) {
        let Some(file) = &self.logs.file else { return };
        if let Err(e) = log::redirect(file.file()) {
            log::line(e);
        }
        let (since, coming) = (self.logs.since, self.logs.coming.as_ref().map(|c| c.since));
        let children = self.supervisor.children().iter();
        // Those before and after have logs of their own.
        let children = children.filter(|(_, c)| c.generation >= since && Some(c.generation) != coming);
        let failed = children.filter(|&(&child, _)| {
            let sent = self.processes.send(child, &ToWorker::ReopenLogs, &[file.file().as_fd()]);
            // One whose socket is full gets it later; one that has none has ended.
            sent == Err(nix::Error::EAGAIN)
        });
        self.logs.pending = failed.count() > 0;
    }

    /// What needs a look every second.
    pub(crate) fn look_at_logs(&mut self) {
        if self.logs.pending {
            self.spread();
        }
        self.logs.revive(self.board.scoreboard());
        let reopen = self.logs.touch_reopen.changed().is_some();
        let rotate = self.logs.touch_rotate.changed().is_some();
        let large = self.logs.file.as_ref().is_some_and(LogFile::is_too_large);
        let done = match (rotate || large, reopen) {
            (true, _) => self.rotate_logs(),
            (false, true) => self.reopen_logs(),
            (false, false) => return,
        };
        if large
            && done.is_err()
            && let Some(file) = &mut self.logs.file
        {
            // Not once a second for ever.
            file.give_up();
        }
        log::line(done.unwrap_or_else(|e| e));
    }
}
