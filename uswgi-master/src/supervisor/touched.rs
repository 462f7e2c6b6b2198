//! What runs when a file was touched (`touch-exec`, `hook-touch`): all steps of a file one after the other, in a
//! process of their own.
//!
//! Pure, as `cron`: it says what to start and to signal. It must never run the steps of a file twice at a time,
//! nor lose a touch: one that comes while they run makes them run once more afterwards. What their commands leave
//! behind in their group holds nothing up, and ends with the instance.

use super::Ended;
use super::stop::UNKILLABLE;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TouchOrder {
    /// Run the steps of this file, and answer with [`Touched::started`] or [`Touched::failed`].
    Start(PathBuf),
    /// Signal to the group of this process; somebody in it has not been reaped.
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
    /// When a group that was sent SIGKILL is not waited for any more.
    give_up_at: Option<Instant>,
    /// The steps are done; others of their group live.
    headless: bool,
}

impl Run {
    fn of(path: &Path) -> Run {
        Run { path: path.into(), pid: None, again: false, kill_at: None, give_up_at: None, headless: false }
    }

    /// Its steps run.
    fn runs(&self, path: &Path) -> bool {
        self.path == path && !self.headless
    }
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
        if let Some(run) = self.runs.iter_mut().find(|r| r.runs(path)) {
            run.again = true;
            let path = path.display();
            return vec![TouchOrder::Log(format!("what {path} starts still runs; it runs again afterwards"))];
        }
        self.runs.push(Run::of(path));
        vec![TouchOrder::Start(path.into())]
    }

    /// The steps run in this process.
    pub fn started(&mut self, path: &Path, pid: i32) {
        if let Some(run) = self.runs.iter_mut().find(|r| r.runs(path)) {
            run.pid = Some(pid);
        }
    }

    /// They could not be started, or the file has none any more.
    pub fn failed(&mut self, path: &Path, why: &str) -> Vec<TouchOrder> {
        self.runs.retain(|r| !r.runs(path));
        vec![TouchOrder::Log(format!("what {} starts cannot run: {why}", path.display()))]
    }

    /// A process was reaped that may be a run; `others`: of its group live. None: it is no run.
    pub fn ended(&mut self, pid: i32, how: Ended, others: bool) -> Option<Vec<TouchOrder>> {
        let at = self.runs.iter().position(|r| r.pid == Some(pid) && !r.headless)?;
        let run = self.runs.remove(at);
        if others {
            let (kill_at, give_up_at) = (run.kill_at, run.give_up_at);
            self.runs.push(Run { pid: Some(pid), kill_at, give_up_at, headless: true, ..Run::of(&run.path) });
        }
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

    /// The groups of all runs.
    pub fn groups(&self) -> impl Iterator<Item = i32> {
        self.runs.iter().filter_map(|r| r.pid)
    }

    /// Groups whose leader has ended: [`Touched::gone`] is to be told of each.
    pub fn headless(&self) -> impl Iterator<Item = i32> {
        self.runs.iter().filter(|r| r.headless).filter_map(|r| r.pid)
    }

    /// Whether something waits for the end of such a group.
    pub fn waits(&self) -> bool {
        self.runs.iter().any(|r| r.headless && (r.kill_at.is_some() || r.give_up_at.is_some()))
    }

    /// Nobody of the group that this process led is there any more.
    pub fn gone(&mut self, pid: i32) {
        self.runs.retain(|r| !(r.headless && r.pid == Some(pid)));
    }

    /// The instance stops: what runs is told to end, and killed after the mercy.
    pub fn stop(&mut self, mercy: Duration, now: Instant) -> Vec<TouchOrder> {
        let first = !std::mem::replace(&mut self.stopping, true);
        let mut out = Vec::new();
        for run in &mut self.runs {
            let end = now + mercy;
            if run.give_up_at.is_none() {
                run.kill_at = Some(run.kill_at.map_or(end, |at| at.min(end)));
            }
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
            r.give_up_at = Some(now + UNKILLABLE);
            Some(TouchOrder::Signal(r.pid?, nix::libc::SIGKILL))
        });
        let killed = killed.collect();
        self.runs.retain(|r| !(r.headless && r.give_up_at.is_some_and(|at| at <= now)));
        killed
    }

    /// When [`Touched::expire`] is wanted.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.runs.iter().filter_map(|r| r.kill_at.or(r.give_up_at.filter(|_| r.headless))).min()
    }

    /// Whether nothing runs.
    pub fn is_gone(&self) -> bool {
        self.runs.is_empty()
    }
}
