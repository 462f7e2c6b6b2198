//! What runs when a file was touched (`touch-exec`, `hook-touch`): all steps of a file one after the other, in a
//! process of their own.
//!
//! Pure, as `cron`: it says what to start and to signal. It must never run the steps of a file twice at a time,
//! nor lose a touch: one that comes while they run makes them run once more afterwards. What their commands leave
//! behind in their group holds nothing up, and ends with the instance.

use super::order::{Program, ProgramOrder};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use uswgi_keep::group::{Group, RunId, Runs};
use uswgi_keep::reap::Ended;

#[derive(Debug, Clone)]
struct StepsRun {
    path: PathBuf,
    /// The file was touched again.
    again: bool,
}

/// The runs of an instance.
#[derive(Debug, Default)]
pub struct TouchExec {
    runs: Runs<StepsRun>,
}

impl TouchExec {
    /// The run whose steps are not done.
    fn running(&self, path: &Path) -> Option<RunId> {
        self.runs.led().find(|(_, run, _)| run.path == path).map(|(id, ..)| id)
    }

    /// A file was touched that has steps.
    pub fn touch(&mut self, path: &Path) -> Vec<ProgramOrder> {
        if self.runs.is_stopping() {
            return Vec::new();
        }
        if let Some(run) = self.running(path).and_then(|id| self.runs.get_mut(id)) {
            run.again = true;
            let path = path.display();
            return vec![ProgramOrder::Log(format!(
                "what {path} starts still runs; it runs again afterwards"
            ))];
        }
        self.runs.ask(StepsRun { path: path.into(), again: false }, None);
        vec![ProgramOrder::Start(Program::Steps(path.into()))]
    }

    /// The steps run in this process.
    pub fn started(&mut self, path: &Path, pid: i32) {
        if let Some(id) = self.running(path) {
            self.runs.started(id, pid);
        }
    }

    /// They could not be started, or the file has none any more.
    pub fn failed(&mut self, path: &Path, why: &str) -> Vec<ProgramOrder> {
        self.running(path).and_then(|id| self.runs.failed(id));
        vec![ProgramOrder::Log(format!("what {} starts cannot run: {why}", path.display()))]
    }

    /// A process was reaped that may be a run; `others`: of its group live. None: it is no run.
    pub fn ended(&mut self, pid: i32, how: Ended, others: bool, now: Instant) -> Option<Vec<ProgramOrder>> {
        let run = self.runs.ended(pid, others, now)?;
        let mut out = Vec::new();
        // A step that fails is told by the process itself.
        if !how.succeeded() && !self.runs.is_stopping() {
            let path = run.path.display();
            out.push(ProgramOrder::Log(format!("what {path} starts (pid {pid}) {how} before it was done")));
        }
        if run.again {
            out.extend(self.touch(&run.path));
        }
        Some(out)
    }

    /// The groups of all runs.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.runs.groups()
    }

    /// Nobody of the group that this process led is there any more.
    pub fn gone(&mut self, pid: i32) {
        self.runs.gone(pid);
    }

    /// The instance stops: what runs is told to end, once, and killed after the mercy.
    pub fn stop(&mut self, mercy: Duration, now: Instant) -> Vec<ProgramOrder> {
        let told = self.runs.stop(mercy, now).into_iter();
        told.map(|group| ProgramOrder::Signal(group, nix::libc::SIGTERM)).collect()
    }

    /// Who is beyond the mercy.
    pub fn expire(&mut self, now: Instant) -> Vec<ProgramOrder> {
        let killed = self.runs.expire(now).into_iter();
        killed.map(|(pid, _)| ProgramOrder::Signal(pid, nix::libc::SIGKILL)).collect()
    }

    /// When [`TouchExec::expire`] is wanted.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.runs.deadline()
    }

    /// Whether nothing runs.
    pub fn is_gone(&self) -> bool {
        self.runs.is_empty()
    }
}
