//! Other logs after a reload: where they go, through whom, in which form.
//!
//! A generation keeps its logs as long as one of its processes lives. Those of a new one are opened before it is
//! started, so that a reload whose log cannot be opened changes nothing. The master follows when the reload has
//! succeeded. A log process of before reads on until nobody writes to it any more, and ends: no line is lost, and none
//! is written twice, because each is written to one place only.
#![forbid(unsafe_code)]

use super::{LogError, Logs, spec};
use crate::supervisor::ChildId;
use std::io;
use std::path::Path;
use uswgi_conf::instance::Instance;
use uswgi_keep::log;
use uswgi_keep::logs::collector::Collector;
use uswgi_keep::logs::file::{FileSpec, LogFile};
use uswgi_keep::reap::Ended;
use uswgi_proto::scoreboard::Scoreboard;

/// Whether a generation can write where another one does.
fn same(a: &Instance, b: &Instance) -> bool {
    (&a.logto, &a.logto2) == (&b.logto, &b.logto2) && a.log.same_outputs(&b.log)
}

/// A reload cannot have the logs that it wants.
#[derive(Debug, thiserror::Error)]
pub enum SuccessionError {
    /// One of them cannot be opened.
    #[error("the log cannot be changed: {0}")]
    Open(#[from] LogError),
    /// They need a log process.
    #[error("the log cannot be changed: starting the log process: {0}")]
    Process(io::Error),
}

impl Logs {
    /// The logs of a generation.
    pub fn of(&mut self, generation: u64) -> &mut Logs {
        match self.coming.as_slice().iter().position(|c| c.since == generation) {
            Some(at) => &mut self.coming.as_mut_slice()[at],
            None => self,
        }
    }

    /// Open what a coming generation needs, with the rights that we have now.
    pub fn prepare(
        &mut self,
        (old, new): (&Instance, &Instance),
        generation: u64,
        board: &Scoreboard,
    ) -> Result<(), SuccessionError> {
        if same(old, new) {
            return Ok(());
        }
        let stderr = self.stderr.as_ref().and_then(|fd| fd.try_clone().ok());
        let mut logs = Logs::new(stderr, self.detached.clone(), generation);
        (logs.alarms, logs.listens) = (self.alarms.clone(), self.listens);
        let open = |path: &Path, max_size, backup| -> Result<LogFile, LogError> {
            let spec = FileSpec { max_size, backup, ..spec(new, path, None) };
            let opened = match self.held(path) {
                Some(held) => held.again(spec),
                None => LogFile::open(spec),
            };
            opened.map_err(|source| LogError::Open { path: path.into(), source })
        };
        let first = if self.detached.is_some() { self.detached.as_ref() } else { new.logto.as_ref() };
        let default = new.logto2.as_ref().or(first);
        let file = default.map(|path| open(path, new.log.max_size, new.log.backup.clone())).transpose();
        logs.fill(new, file?, &open)?;
        if let Some(collector) = &mut logs.collector {
            collector.start(&board.header().log_lines_lost).map_err(SuccessionError::Process)?;
        }
        self.coming = Some(Box::new(logs));
        Ok(())
    }

    /// A file that is open under this name.
    fn held(&self, name: &Path) -> Option<&LogFile> {
        let file = self.file.as_ref().filter(|file| file.is_named(name));
        file.or_else(|| self.collector.as_ref()?.held(name))
    }

    /// The generation is in force: the master writes there too.
    pub fn succeed(&mut self, generation: u64) {
        let Some(mut next) = self.coming.take_if(|c| c.since == generation) else { return };
        next.leaving = std::mem::take(&mut self.leaving);
        if let Err(e) = next.take_over() {
            log::line(e);
        }
        if let Some(Err(e)) = next.collector.as_ref().map(Collector::listen) {
            log::line(e);
        }
        let old = std::mem::replace(self, *next);
        self.leave(old);
    }

    /// The generation does not come.
    pub fn abandon(&mut self, generation: u64) {
        if let Some(logs) = self.coming.take_if(|c| c.since == generation) {
            self.leave(*logs);
        }
    }

    fn leave(&mut self, logs: Logs) {
        if let Some(mut collector) = logs.collector {
            collector.leave();
            self.leaving.push(collector);
        }
    }

    fn collectors(&mut self) -> impl Iterator<Item = &mut Collector> {
        let coming = self.coming.iter_mut().filter_map(|c| c.collector.as_mut());
        self.collector.iter_mut().chain(coming).chain(&mut self.leaving)
    }

    /// A child has ended.
    pub fn forget(&mut self, child: ChildId) {
        self.collectors().for_each(|c| c.forget(child));
    }

    /// A process was reaped: whether it was a log process. One that was to leave and has done so is forgotten.
    pub fn reaped(&mut self, pid: i32, how: Ended) -> bool {
        let Some(at) = self.leaving.iter_mut().position(|c| c.reaped(pid)) else {
            return self.collectors().any(|c| c.reaped(pid));
        };
        if how.succeeded() {
            self.leaving.swap_remove(at);
        }
        true
    }

    /// Start again what has died.
    pub(crate) fn revive(&mut self, board: &Scoreboard) {
        self.collectors().for_each(|c| c.revive(&board.header().log_lines_lost));
    }
}
