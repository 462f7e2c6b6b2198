//! A spooler without Python: which task is next, and what becomes of it.
//!
//! The folder is read at the start and every so often, some names at a time and tasks in between; beside that the kernel
//! says which names are new (`watched`), so that an idle spooler does nothing and a full folder keeps no task waiting. Where
//! priorities decide, no task begins before the first look has come to its end. It must never run a task.

#![forbid(unsafe_code)]

mod news;
#[cfg(test)]
mod tests;
mod watched;

use crate::aide::Link;
use crate::say;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use uswgi_proto::background::SpoolRules;
use uswgi_proto::control::ToMaster;
use uswgi_proto::scoreboard::Restart;
use uswgi_proto::scoreboard::layout::add;
use uswgi_spool::attempts::Attempts;
use uswgi_spool::queue::Entry;
use uswgi_spool::{Claimed, Folder, Queue, Scan, TaskClaim, TaskName};
use watched::Watched;

/// Names that are looked at without a look at whether this process is to leave.
const AT_A_TIME: u32 = 256;
/// When a task is looked at again that somebody may still write, seconds.
const SOON: u64 = 10;

/// What a spooler does next.
pub enum NextTask {
    /// Run this task, then [`Spooler::finish`].
    Task(Box<TaskClaim>),
    /// Run the handler of this signal of the application.
    Signal(u8),
    /// The system has interrupted the wait: there may be a handler to run.
    Interrupted,
    /// End.
    Leave,
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskOutcome {
    /// It is done.
    Done,
    /// It is to run again.
    Again,
    /// An exception got out of it: it is to run again.
    Failed(String),
}

/// The tasks of one folder, for one process.
pub struct Spooler {
    link: Arc<Link>,
    rules: SpoolRules,
    folder: Folder,
    queue: Queue,
    watch: Option<Watched>,
    /// The look at the folder that goes on.
    scan: Option<Scan>,
    /// When the next one begins.
    scan_at: Instant,
    /// Names may be there of which nobody has told: the next look is due, and where priorities decide, no task begins before
    /// its end.
    missed: bool,
    /// Names that were read so far.
    names_read: u64,
    /// Other processes take tasks of this folder, too.
    contended: bool,
    current: Option<Entry>,
    in_a_row: u32,
    done: u32,
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Spooler {
    /// For a folder that is there.
    pub fn new(link: &Arc<Link>, root: &std::path::Path, rules: &SpoolRules) -> Spooler {
        let mut spooler = Spooler {
            link: link.clone(),
            rules: rules.clone(),
            folder: Folder::new(root, rules.ordered),
            queue: Queue::default(),
            watch: None,
            scan: None,
            scan_at: Instant::now(),
            missed: true,
            names_read: 0,
            contended: rules.processes != 1,
            current: None,
            in_a_row: 0,
            done: 0,
        };
        spooler.settle_death();
        spooler
    }

    /// Where its tasks are.
    pub fn root(&self) -> &std::path::Path {
        self.folder.root()
    }

    /// The process before this one ended in a task: that counts, and the task is put aside when it was too often.
    fn settle_death(&mut self) {
        let link = self.link.clone();
        let Some(slot) = link.slot() else { return };
        let text = slot.current.read().unwrap_or_default();
        slot.current.write(b"");
        if text.is_empty() || slot.died.load(Relaxed) == 0 {
            return;
        }
        let (priority, name) =
            text.rsplit_once('/').map_or((None, text.as_str()), |(p, name)| (Some(p), name));
        let Some(name) = TaskName::of(name) else { return };
        let entry = Entry::new(priority, name);
        let folder = self.folder.of(&entry);
        let end = slot.last_end.load(Relaxed);
        let why = if end < 0 { format!("signal {}", -end) } else { format!("exit code {end}") };
        if !folder.join(entry.name().as_str()).exists() {
            return;
        }
        let mut attempts = Attempts::read(&folder, entry.name());
        attempts.kills += 1;
        attempts.why = format!("its process ended with {why}");
        self.queue.mark_tried(entry.name().clone());
        if let Err(e) = attempts.write(&folder, entry.name()) {
            say!("{}: cannot note that task {} has ended its process: {e}", link.aide, entry.name());
        }
    }

    /// The next task, waiting for it. No task begins once this process is to leave.
    pub fn next_task(&mut self) -> NextTask {
        loop {
            if let Some(signal) = self.link.next_signal() {
                return NextTask::Signal(signal.number);
            }
            if self.link.is_leaving() {
                return NextTask::Leave;
            }
            if self.rules.max_tasks > 0 && self.done >= self.rules.max_tasks {
                self.link.send(&ToMaster::Replace { reason: Restart::MaxRequests });
                return NextTask::Leave;
            }
            self.look();
            if self.rules.ordered && self.missed {
                continue;
            }
            match self.take() {
                Some(claim) => return NextTask::Task(Box::new(claim)),
                None if self.scan.is_none() && !self.queue_has_more() && self.wait() => {
                    return NextTask::Interrupted;
                }
                None => {}
            }
        }
    }

    /// Whether there are names that were not looked at yet.
    fn queue_has_more(&self) -> bool {
        self.queue.is_due(seconds(SystemTime::now()))
    }

    /// The first task that is to be had.
    fn take(&mut self) -> Option<TaskClaim> {
        let now = SystemTime::now();
        for _ in 0..AT_A_TIME {
            let entry = self.queue.next(seconds(now))?;
            let folder = self.folder.of(&entry);
            match TaskClaim::take(&folder, entry.name(), now, self.contended) {
                Ok(Claimed::Yes(claim)) => {
                    if let Some(claim) = self.tried_too_often(&folder, claim) {
                        self.begin(entry);
                        return Some(claim);
                    }
                }
                Ok(Claimed::NotYet(at)) => self.queue.wait(entry, at),
                Ok(Claimed::Unfinished) => self.queue.wait(entry, seconds(now) + SOON),
                // Who has it may die in it: the next listing finds it again.
                Ok(Claimed::Busy) => self.contended = true,
                Ok(Claimed::Gone) => {}
                Ok(Claimed::Bad(claim, e)) => self.put_aside(claim, &e.to_string()),
                Err(e) => say!("{}: cannot read task {}: {e}", self.link.aide, entry.name()),
            }
        }
        None
    }

    /// The task, unless it has ended too many processes: then it is put aside.
    fn tried_too_often(&mut self, folder: &std::path::Path, claim: TaskClaim) -> Option<TaskClaim> {
        let most = self.rules.max_attempts;
        // Where it died in another process, a file says so; it is there only then. Of those that were there before this
        // process the look at the folder has told.
        let is_tried =
            |name| self.queue.is_tried(name) || (self.contended && Attempts::is_there(folder, name));
        if most == 0 || !is_tried(claim.name()) {
            return Some(claim);
        }
        let attempts = Attempts::read(folder, claim.name());
        self.queue.mark_tried(claim.name().clone());
        if attempts.kills < most {
            return Some(claim);
        }
        let reason =
            format!("it has ended {} spooler processes; the last time {}", attempts.kills, attempts.why);
        self.put_aside(claim, &reason);
        None
    }

    fn put_aside(&mut self, claim: TaskClaim, reason: &str) {
        self.queue.forget_tried(claim.name());
        match self.folder.put_aside(&claim, reason) {
            Ok(to) => {
                say!("{}: task {} was moved to {}: {reason}", self.link.aide, claim.name(), to.display());
                if let Some(slot) = self.link.slot() {
                    add(&slot.put_aside, 1);
                }
            }
            Err(e) => say!("{}: cannot move task {} to failed/: {e}", self.link.aide, claim.name()),
        }
    }

    fn begin(&mut self, entry: Entry) {
        if let Some(slot) = self.link.slot() {
            let text = entry.priority().map_or(entry.name().to_string(), |p| format!("{p}/{}", entry.name()));
            slot.current.write(text.as_bytes());
        }
        self.current = Some(entry);
        self.link.begin(Duration::from_secs(self.rules.harakiri.into()));
    }

    /// A task that [`Spooler::next_task`] gave has come to its end.
    pub fn finish(&mut self, claim: TaskClaim, outcome: TaskOutcome) {
        self.link.end();
        self.done += 1;
        let link = self.link.clone();
        let slot = link.slot();
        if let Some(slot) = slot {
            match &outcome {
                TaskOutcome::Done => add(&slot.done, 1),
                TaskOutcome::Again => add(&slot.retried, 1),
                TaskOutcome::Failed(_) => {
                    add(&slot.failed, 1);
                    add(&slot.retried, 1);
                }
            }
        }
        let entry = self.current.take();
        match outcome {
            TaskOutcome::Done => {
                let (name, folder) = (claim.name().clone(), claim.path().parent().map(PathBuf::from));
                if let Err(e) = claim.done() {
                    say!(
                        "{}: task {name} is done and cannot be removed, so it will run again: {e}",
                        link.aide
                    );
                }
                if self.queue.forget_tried(&name)
                    && let Some(folder) = folder
                {
                    Attempts::forget(&folder, &name);
                }
            }
            TaskOutcome::Again => self.again(claim, entry, "it asked for another try"),
            TaskOutcome::Failed(why) => self.again(claim, entry, &why),
        }
        if let Some(slot) = slot {
            slot.current.write(b"");
            self.show();
        }
    }

    /// It runs again: at the next look, or after its delay.
    fn again(&mut self, claim: TaskClaim, entry: Option<Entry>, why: &str) {
        let now = SystemTime::now();
        let mut at = seconds(now + self.frequency());
        if self.rules.retry_delay > 0
            && let Some(folder) = claim.path().parent().map(PathBuf::from)
        {
            let name = claim.name().clone();
            let mut attempts = Attempts::read(&folder, &name);
            attempts.retries += 1;
            attempts.why = why.into();
            let wait = attempts.wait(Duration::from_secs(self.rules.retry_delay.into()));
            self.queue.mark_tried(name.clone());
            at = seconds(now + wait);
            let kept = attempts
                .write(&folder, &name)
                .and_then(|()| claim.later(UNIX_EPOCH + Duration::from_secs(at)));
            if let Err(e) = kept {
                say!("{}: cannot note when task {name} is to run again: {e}", self.link.aide);
            }
        }
        if let Some(entry) = entry {
            self.queue.wait(entry, at);
        }
    }

    fn show(&self) {
        if let Some(slot) = self.link.slot() {
            slot.waiting.store(self.queue.len() as u64, Relaxed);
            slot.oldest.store(self.queue.oldest().unwrap_or(0), Relaxed);
        }
    }

    /// Wait until something may be to do; whether a signal of the system came.
    fn wait(&mut self) -> bool {
        if self.queue.take_left_out() {
            self.missed = true;
            return false;
        }
        self.show();
        let listing = self.scan_at.saturating_duration_since(Instant::now());
        let due = self.queue.due().map(|at| {
            let at = UNIX_EPOCH + Duration::from_secs(at);
            at.duration_since(SystemTime::now()).unwrap_or_default()
        });
        let wait = due.map_or(listing, |due| due.min(listing)) + Duration::from_millis(1);
        let watch = self.watch.iter().map(Watched::as_fd);
        let mut fds: Vec<PollFd<'_>> =
            self.link.signal_fds().chain(watch).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
        poll(&mut fds, timeout) == Err(nix::Error::EINTR)
    }
}
