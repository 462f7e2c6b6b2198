//! What runs when a file was touched (`touch-exec`, `hook-touch`): all steps of a file one after the other, in a
//! process of their own.
//!
//! Pure, as `cron`: it says what to start and to signal. It must never run the steps of a file twice at a time,
//! nor lose a touch: one that comes while they run makes them run once more afterwards.

use super::Ended;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TouchOrder {
    /// Run the steps of this file, and answer with [`Touched::started`] or [`Touched::failed`].
    Start(PathBuf),
    /// Signal to the group of this process; it has not been reaped.
    Signal(i32, i32),
    /// A line for the log.
    Log(String),
}

#[derive(Debug)]
struct Run {
    path: PathBuf,
    pid: Option<i32>,
    /// The file was touched again.
    again: bool,
    kill_at: Option<Instant>,
}

/// The runs of an instance.
#[derive(Debug, Default)]
pub struct Touched {
    runs: Vec<Run>,
    stopping: bool,
}

impl Touched {
    /// A file was touched that has steps.
    pub fn touch(&mut self, path: &Path) -> Vec<TouchOrder> {
        if self.stopping {
            return Vec::new();
        }
        if let Some(run) = self.runs.iter_mut().find(|r| r.path == path) {
            run.again = true;
            let path = path.display();
            return vec![TouchOrder::Log(format!("what {path} starts still runs; it runs again afterwards"))];
        }
        self.runs.push(Run { path: path.into(), pid: None, again: false, kill_at: None });
        vec![TouchOrder::Start(path.into())]
    }

    /// The steps run in this process.
    pub fn started(&mut self, path: &Path, pid: i32) {
        if let Some(run) = self.runs.iter_mut().find(|r| r.path == path) {
            run.pid = Some(pid);
        }
    }

    /// They could not be started, or the file has none any more.
    pub fn failed(&mut self, path: &Path, why: &str) -> Vec<TouchOrder> {
        self.runs.retain(|r| r.path != path);
        vec![TouchOrder::Log(format!("what {} starts cannot run: {why}", path.display()))]
    }

    /// A process was reaped that may be a run. None: it is not.
    pub fn ended(&mut self, pid: i32, how: Ended) -> Option<Vec<TouchOrder>> {
        let at = self.runs.iter().position(|r| r.pid == Some(pid))?;
        let run = self.runs.remove(at);
        let mut out = Vec::new();
        // A step that fails is told by the process itself.
        if how != Ended::Code(0) && !self.stopping {
            let path = run.path.display();
            out.push(TouchOrder::Log(format!("what {path} starts (pid {pid}) {how} before it was done")));
        }
        if run.again {
            out.extend(self.touch(&run.path));
        }
        Some(out)
    }

    /// The instance stops: what runs is told to end, and killed after the mercy.
    pub fn stop(&mut self, mercy: Duration, now: Instant) -> Vec<TouchOrder> {
        let first = !std::mem::replace(&mut self.stopping, true);
        let mut out = Vec::new();
        for run in &mut self.runs {
            let end = now + mercy;
            run.kill_at = Some(run.kill_at.map_or(end, |at| at.min(end)));
            if let Some(pid) = run.pid.filter(|_| first) {
                out.push(TouchOrder::Signal(pid, nix::libc::SIGTERM));
            }
        }
        out
    }

    /// Who is beyond the mercy.
    pub fn expire(&mut self, now: Instant) -> Vec<TouchOrder> {
        let due = self.runs.iter_mut().filter(|r| r.kill_at.is_some_and(|at| at <= now));
        let killed = due.filter_map(|r| {
            r.kill_at = None;
            Some(TouchOrder::Signal(r.pid?, nix::libc::SIGKILL))
        });
        killed.collect()
    }

    /// When [`Touched::expire`] is wanted.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.runs.iter().filter_map(|r| r.kill_at).min()
    }

    /// Whether nothing runs.
    pub fn is_gone(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether a process that has ended and is not reaped yet leaves a group behind that is to end too.
    pub fn leaves_a_group(&self, pid: i32) -> bool {
        self.stopping && self.runs.iter().any(|r| r.pid == Some(pid))
    }
}
