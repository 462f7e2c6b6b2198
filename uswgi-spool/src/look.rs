//! What stands in a spool folder, for people: every task with where it lies, what it waits for and who has it.
//!
//! It changes nothing in the folder, takes no lock, and needs no instance.

use crate::attempts::Attempts;
use crate::claim;
use crate::folder::{FAILED, REASON};
use crate::name::TaskName;
use crate::queue::is_priority;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    /// A spooler.
    Waiting,
    /// Its time, seconds since the epoch.
    Later(u64),
    /// Its end: this process runs it (0: one of another pid namespace or machine).
    Running(i32),
    /// Somebody: it was put aside, for this reason.
    Failed(String),
    /// A look at this folder: no spooler looks there.
    Unseen,
}

impl TaskState {
    /// A word for it.
    pub fn name(&self) -> &'static str {
        match self {
            TaskState::Waiting => "waiting",
            TaskState::Later(_) => "later",
            TaskState::Running(_) => "running",
            TaskState::Failed(_) => "failed",
            TaskState::Unseen => "unseen",
        }
    }
}

/// A task in its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSeen {
    /// Its name.
    pub name: TaskName,
    /// Folder below the spool folder; none: it lies in the spool folder itself.
    pub below: Option<String>,
    /// What it waits for.
    pub state: TaskState,
    /// When it was written, seconds since the epoch.
    pub made: u64,
    /// Bytes of its file.
    pub size: u64,
    /// What is known of earlier tries.
    pub attempts: Attempts,
}

impl TaskSeen {
    /// The folder in which it lies.
    pub fn folder(&self, root: &Path) -> PathBuf {
        self.below.as_ref().map_or_else(|| root.to_path_buf(), |below| root.join(below))
    }

    /// Its file.
    pub fn path(&self, root: &Path) -> PathBuf {
        self.folder(root).join(self.name.as_str())
    }
}

/// Every task of a folder, the oldest first, those put aside at the end. `ordered`: whether its spoolers look into numeric
/// folders (`spooler-ordered`).
///
/// # Errors
/// The folder cannot be read.
pub fn tasks(root: &Path, ordered: bool, now: SystemTime) -> io::Result<Vec<TaskSeen>> {
    let mut all = Vec::new();
    let mut below = Vec::new();
    look_into(root, None, now, &mut all, Some(&mut below))?;
    for name in below {
        let from = all.len();
        // One that has just gone, or that is closed to us, shows nothing.
        let _ = look_into(&root.join(&name), Some(&name), now, &mut all, None);
        if name != FAILED && !(ordered && is_priority(&name)) {
            for task in all[from..].iter_mut().filter(|t| !matches!(t.state, TaskState::Running(_))) {
                task.state = TaskState::Unseen;
            }
        }
    }
    let aside = |t: &TaskSeen| matches!(t.state, TaskState::Failed(_));
    all.sort_by(|a, b| (aside(a), a.made, &a.name).cmp(&(aside(b), b.made, &b.name)));
    Ok(all)
}

fn look_into(
    folder: &Path,
    below: Option<&str>,
    now: SystemTime,
    all: &mut Vec<TaskSeen>,
    mut folders: Option<&mut Vec<String>>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(file) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type()?;
        if let Some(folders) = folders.as_mut().filter(|_| kind.is_dir()) {
            folders.push(file);
        } else if kind.is_file()
            && !file.ends_with(REASON)
            && let Some(name) = TaskName::of(&file)
            && let Some(task) = seen(folder, below, name, now)
        {
            all.push(task);
        }
    }
    Ok(())
}

/// None: it has just gone.
fn seen(folder: &Path, below: Option<&str>, name: TaskName, now: SystemTime) -> Option<TaskSeen> {
    let path = folder.join(name.as_str());
    let found = fs::symlink_metadata(&path).ok()?;
    let at = u64::try_from(found.mtime()).unwrap_or(0);
    let made = Some(name.made().0).filter(|made| *made > 0).unwrap_or(at);
    let state = if below == Some(FAILED) {
        let reason = fs::read_to_string(folder.join(format!("{name}{REASON}"))).unwrap_or_default();
        TaskState::Failed(reason.trim_end().into())
    } else if let Some(pid) = holder(&path) {
        TaskState::Running(pid)
    } else if at > now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() {
        TaskState::Later(at)
    } else {
        TaskState::Waiting
    };
    let attempts = Attempts::read(folder, &name);
    Some(TaskSeen { name, below: below.map(str::to_string), state, made, size: found.len(), attempts })
}

/// The process that runs a task, by the lock that it holds; None: nobody, or the file is not ours to read.
pub fn holder(path: &Path) -> Option<i32> {
    claim::holder(&open(path).ok()?).ok()?
}

/// The bytes of a task.
///
/// # Errors
/// It is not there, or not ours to read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

// No spooler hears of a file that was opened to be read, and a link leads nowhere.
fn open(path: &Path) -> io::Result<File> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::{Claimed, TaskClaim};
    use crate::folder::Folder;
    use crate::task::SpoolTask;
    use crate::write::Writer;
    use std::time::Duration;

    fn states(root: &Path, ordered: bool) -> Vec<(String, &'static str)> {
        let all = tasks(root, ordered, SystemTime::now()).unwrap();
        all.iter().map(|t| (t.below.clone().unwrap_or_default(), t.state.name())).collect()
    }

    #[test]
    fn each_task_stands_with_what_it_waits_for() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let writer = Writer::new(root, false);
        let first = writer.spool(&SpoolTask::default(), None).unwrap();
        let late = SpoolTask { pairs: vec![(b"at".to_vec(), b"4000000000".to_vec())], body: vec![1] };
        writer.spool(&late, None).unwrap();
        writer.spool(&SpoolTask::default(), Some("3")).unwrap();
        writer.spool(&SpoolTask::default(), Some("word")).unwrap();
        let (own, none) = ((String::new(), "waiting"), String::new());
        let of = |below: &str, state| (below.to_string(), state);
        let mut found = states(root, true);
        found.sort();
        assert_eq!(found, [(none.clone(), "later"), own.clone(), of("3", "waiting"), of("word", "unseen")]);
        let mut found = states(root, false);
        found.sort();
        assert_eq!(found, [(none, "later"), own, of("3", "unseen"), of("word", "unseen")]);
        let name = TaskName::of(first.file_name().unwrap().to_str().unwrap()).unwrap();
        let later = SystemTime::now() + Duration::from_secs(1);
        let Claimed::Yes(claim) = TaskClaim::take(root, &name, later, true).unwrap() else { panic!() };
        // Its own process sees no lock of its own: that is for the tests of processes.
        Folder::new(root, false).put_aside(&claim, "so").unwrap();
        let all = tasks(root, true, SystemTime::now()).unwrap();
        let last = all.last().unwrap();
        assert_eq!((&last.name, &last.state), (&name, &TaskState::Failed("so".into())));
        assert_eq!((last.path(root), all.len()), (root.join(FAILED).join(name.as_str()), 4));
        assert!(all.iter().all(|t| t.made > 1_700_000_000));
    }
}
