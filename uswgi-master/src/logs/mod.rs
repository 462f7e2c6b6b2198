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
//! * Files, the log process and the master's end of it: `uswgi_keep::logs`.
//! * `succession`: other logs after a reload.
//! * here: what the master holds and does.
#![forbid(unsafe_code)]

mod succession;

pub use succession::SuccessionError;

use crate::privs::FinalUser;
use crate::supervisor::ChildId;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use uswgi_conf::instance::Instance;
use uswgi_keep::log::{self, LogError};
use uswgi_keep::logs::alarms::AlarmPipe;
use uswgi_keep::logs::collector::{Collector, OpenFile};
use uswgi_keep::logs::file::{FileSpec, LogFile};
use uswgi_keep::logs::output::Output;
use uswgi_keep::sys;
use uswgi_keep::touch::Touch;
use uswgi_proto::logs::sink;
use uswgi_proto::scoreboard::Scoreboard;

/// Why the logs were not opened again, or not rotated. Everybody logs as before.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// What is written to is nobody's to rename.
    #[error("the log is no file of ours: there is nothing to {0}")]
    NoFile(&'static str),
    /// The path cannot be opened.
    #[error("cannot open {path} again: {source}; logging into the old file")]
    Reopen {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be renamed, or the next one not be opened.
    #[error("cannot rotate {path}: {source}; logging into the old file")]
    Rotate {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The log process does not hear.
    #[error("the log process cannot be told: {0}")]
    Deaf(nix::Error),
}

/// stdout and stderr of a process cannot go into its log.
#[derive(Debug, thiserror::Error)]
#[error("its output cannot be collected: {0}")]
pub struct OutputError(io::Error);

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
    /// Lines that raise alarms come by it; there once a configuration asks for some.
    alarms: Option<Rc<AlarmPipe>>,
    /// It is watched.
    listens: bool,
}

/// `target`: who gets the file where it belongs to the user that we become.
fn spec(i: &Instance, path: &Path, target: Option<&FinalUser>) -> FileSpec {
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
    pub fn open(i: &Instance, detached: bool, second: bool, target: &FinalUser) -> Result<Files, LogError> {
        let first = if detached { i.daemonize.as_ref().or(i.daemonize2.as_ref()) } else { i.logto.as_ref() };
        let log = first.map(|path| open(i, path, target)).transpose()?;
        let mut files = Files { log, second: false };
        if second {
            files.open_second(i, target)?;
        }
        Ok(files)
    }

    fn open_second(&mut self, i: &Instance, target: &FinalUser) -> Result<(), LogError> {
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

fn open(i: &Instance, path: &Path, target: &FinalUser) -> Result<LogFile, LogError> {
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
        target: &FinalUser,
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
            alarms: None,
            listens: false,
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
            if !i.log.alarms.is_empty() && self.alarms.is_none() {
                self.alarms = Some(Rc::new(AlarmPipe::new().map_err(|e| failed(e.into()))?));
            }
            let alarms = self.alarms.clone().filter(|_| !i.log.alarms.is_empty());
            self.collector = Some(Collector::open(&i.log, default, copy(stderr)?, open, alarms)?);
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
        collector.start(&board.header().log_lines_lost).and_then(|()| collector.listen()).map_err(failed)
    }

    /// What has to be watched from now on for [`Logs::raised`].
    pub(crate) fn listen(&mut self) -> Option<BorrowedFd<'_>> {
        let listens = std::mem::replace(&mut self.listens, self.alarms.is_some());
        self.alarms.as_ref().filter(|_| !listens).map(|pipe| pipe.reader())
    }

    /// The alarms that lines have raised.
    pub(crate) fn raised(&self) -> Vec<(String, Vec<u8>)> {
        self.alarms.as_ref().map_or(Vec::new(), |pipe| pipe.take())
    }

    /// stdout and stderr of a new child (worker 0: the template), when they are not ours.
    pub fn output_for(&mut self, child: ChildId, worker: u32) -> Result<Option<OwnedFd>, OutputError> {
        match &mut self.collector {
            Some(c) => c.pipe_for(child, worker).map(Some).map_err(|e| OutputError(e.into())),
            // Ours are those of the generation before.
            None if !self.ours => {
                self.direct().map(|fd| fd.try_clone_to_owned()).transpose().map_err(OutputError)
            }
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

    /// Open the log file again: something has moved the old one away. Says what was done; the others are to be given
    /// [`Logs::shared_file`] then.
    pub(crate) fn reopen(&mut self) -> Result<String, RefreshError> {
        if let Some(collector) = &self.collector {
            return collector
                .refresh(false)
                .map_err(RefreshError::Deaf)
                .map(|()| "the log files are opened again".into());
        }
        let Some(file) = self.file.as_mut().filter(|f| f.is_regular()) else {
            return Err(RefreshError::NoFile("open again"));
        };
        let path = file.path().display().to_string();
        match file.reopen() {
            Ok(()) => Ok(format!("opened the log {path} again")),
            Err(source) => Err(RefreshError::Reopen { path, source }),
        }
    }

    /// Move the log file away and begin a new one, as [`Logs::reopen`].
    pub(crate) fn rotate(&mut self) -> Result<String, RefreshError> {
        if let Some(collector) = &self.collector {
            return collector
                .refresh(true)
                .map_err(RefreshError::Deaf)
                .map(|()| "the log files are rotated".into());
        }
        let Some(file) = self.file.as_mut().filter(|f| f.is_regular()) else {
            return Err(RefreshError::NoFile("rotate"));
        };
        let path = file.path().display().to_string();
        match file.rotate(sys::realtime().0) {
            Ok(Some(backup)) => Ok(format!("rotated the log {path} to {}", backup.display())),
            Ok(None) => Ok(format!("opened the log {path} again: it had been moved")),
            Err(source) => Err(RefreshError::Rotate { path, source }),
        }
    }

    /// The file that everybody writes to, if it is one.
    pub(crate) fn shared_file(&self) -> Option<&File> {
        self.file.as_ref().map(LogFile::file)
    }

    /// Whether processes of this generation write to [`Logs::shared_file`]: those before and after have logs of their own.
    pub(crate) fn serves(&self, generation: u64) -> bool {
        generation >= self.since && self.coming.as_ref().is_none_or(|coming| coming.since != generation)
    }

    /// Whether a process could not be given the file yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending
    }

    /// A process could not be given the file yet; or everybody has it.
    pub(crate) fn set_pending(&mut self, pending: bool) {
        self.pending = pending;
    }

    /// A look at the touch files and at the size of the log: what has to be done about it.
    pub(crate) fn due(&mut self) -> Due {
        let reopen = self.touch_reopen.changed().is_some();
        let rotate = self.touch_rotate.changed().is_some();
        match self.file.as_ref().is_some_and(LogFile::is_too_large) {
            true => Due::RotateLarge,
            false if rotate => Due::Rotate,
            false if reopen => Due::Reopen,
            false => Due::Nothing,
        }
    }

    /// The log cannot be rotated: not once a second for ever.
    pub(crate) fn give_up_rotating(&mut self) {
        if let Some(file) = &mut self.file {
            file.give_up();
        }
    }
}

/// What a look at the logs asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// The touch file says so.
    Reopen,
    /// The touch file says so.
    Rotate,
    /// It has reached its size.
    RotateLarge,
}
