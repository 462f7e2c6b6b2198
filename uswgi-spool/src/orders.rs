//! What an operator does with single tasks: now, again, away. With an instance or without one.
//!
//! Whatever is changed is claimed first, as a spooler claims it, so that no order meets a task that runs.

use crate::attempts::Attempts;
use crate::claim::{Claimed, TaskClaim};
use crate::folder::{FAILED, REASON};
use crate::look::{TaskSeen, TaskState};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Why an order was not carried out; the task is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Somebody is at it.
    #[error("task {0} runs now{by}", by = by(*.1))]
    Runs(String, i32),
    /// It has gone meanwhile.
    #[error("task {0} is not there any more: it has come to its end")]
    Gone(String),
    /// It was put aside, and the order is for others.
    #[error("task {0} was put aside; `retry` brings it back")]
    Aside(String),
    /// It was not put aside, and the order is for those that were.
    #[error("task {0} was not put aside; `run` hands a task that waits to the spoolers at once")]
    NotAside(String),
    /// No spooler looks there.
    #[error(
        "task {0} lies where no spooler looks; priorities need spooler-ordered and a number as their name"
    )]
    Unseen(String),
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// What could not be changed.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn by(pid: i32) -> String {
    if pid > 0 { format!(", in process {pid}") } else { String::new() }
}

fn far() -> SystemTime {
    // Times of the future are no reason not to claim it.
    UNIX_EPOCH + Duration::from_secs(u32::MAX.into()) * 1000
}

fn claim(root: &Path, task: &TaskSeen) -> Result<TaskClaim, OrderError> {
    let path = task.path(root);
    let name = task.name.to_string();
    match TaskClaim::take(&task.folder(root), &task.name, far(), true) {
        Ok(Claimed::Yes(claim) | Claimed::Bad(claim, _)) => Ok(claim),
        Ok(Claimed::Busy) => {
            let pid = match task.state {
                TaskState::Running(pid) => pid,
                _ => crate::look::holder(&path).unwrap_or(0),
            };
            Err(OrderError::Runs(name, pid))
        }
        Ok(Claimed::Gone | Claimed::NotYet(_) | Claimed::Unfinished) => Err(OrderError::Gone(name)),
        Err(source) => Err(OrderError::Io { path, source }),
    }
}

/// Its time is now, whatever it waited for: a spooler of the folder takes it next to what else is due.
///
/// # Errors
/// It runs already, was put aside, or is gone.
pub fn run(root: &Path, task: &TaskSeen) -> Result<(), OrderError> {
    match task.state {
        TaskState::Failed(_) => return Err(OrderError::Aside(task.name.to_string())),
        TaskState::Unseen => return Err(OrderError::Unseen(task.name.to_string())),
        _ => {}
    }
    let claim = claim(root, task)?;
    let path = claim.path().to_path_buf();
    // A second ago: clocks of two machines on one folder are seldom the same.
    let now = SystemTime::now() - Duration::from_secs(1);
    claim.later(now).map_err(|source| OrderError::Io { path, source })
}

/// A task that was put aside is one of the folder again, and has all its tries; where it is.
///
/// # Errors
/// It was not put aside, or cannot be moved.
pub fn retry(root: &Path, task: &TaskSeen) -> Result<PathBuf, OrderError> {
    if !matches!(task.state, TaskState::Failed(_)) {
        return Err(OrderError::NotAside(task.name.to_string()));
    }
    let claim = claim(root, task)?;
    let to = root.join(task.name.as_str());
    let from = claim.path().to_path_buf();
    let failed = |source| OrderError::Io { path: from.clone(), source };
    Attempts::forget(root, &task.name);
    claim.later(SystemTime::now() - Duration::from_secs(1)).map_err(failed)?;
    fs::rename(&from, &to).map_err(failed)?;
    let _ = fs::remove_file(root.join(FAILED).join(format!("{}{REASON}", task.name)));
    Ok(to)
}

/// It is removed and never run.
///
/// # Errors
/// It runs, or cannot be removed.
pub fn drop(root: &Path, task: &TaskSeen) -> Result<(), OrderError> {
    let claim = claim(root, task)?;
    let path = claim.path().to_path_buf();
    claim.done().map_err(|source| OrderError::Io { path, source })?;
    Attempts::forget(&task.folder(root), &task.name);
    if matches!(task.state, TaskState::Failed(_)) {
        let _ = fs::remove_file(root.join(FAILED).join(format!("{}{REASON}", task.name)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::look::tasks;
    use crate::task::SpoolTask;
    use crate::write::Writer;

    fn only(root: &Path) -> TaskSeen {
        let mut all = tasks(root, true, SystemTime::now()).unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn spooled(root: &Path, at: &str) -> TaskSeen {
        let pairs = vec![(b"at".to_vec(), at.as_bytes().to_vec())];
        Writer::new(root, false).spool(&SpoolTask { pairs, body: b"b".to_vec() }, None).unwrap();
        only(root)
    }

    #[test]
    fn a_task_of_the_future_is_due_now() {
        let dir = tempfile::tempdir().unwrap();
        let task = spooled(dir.path(), "4000000000");
        assert_eq!(task.state, TaskState::Later(4_000_000_000));
        run(dir.path(), &task).unwrap();
        assert_eq!(only(dir.path()).state, TaskState::Waiting);
        assert!(matches!(retry(dir.path(), &task), Err(OrderError::NotAside(_))));
    }

    #[test]
    fn what_was_put_aside_comes_back_with_all_its_tries_or_goes() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for end in [|root: &Path, task: &TaskSeen| retry(root, task).map(|_| ()), drop] {
            let task = spooled(root, "1");
            let tried = Attempts { kills: 3, ..Attempts::default() };
            tried.write(root, &task.name).unwrap();
            let Claimed::Yes(claim) = TaskClaim::take(root, &task.name, far(), true).unwrap() else {
                panic!()
            };
            Folder::new(root, false).put_aside(&claim, "so").unwrap();
            std::mem::drop(claim);
            let aside = only(root);
            assert!(matches!(run(root, &aside), Err(OrderError::Aside(_))));
            end(root, &aside).unwrap();
            assert_eq!(fs::read_dir(root.join(FAILED)).unwrap().count(), 0);
            if root.join(task.name.as_str()).exists() {
                let back = only(root);
                assert_eq!((&back.state, &back.attempts), (&TaskState::Waiting, &Attempts::default()));
                super::drop(root, &back).unwrap();
            }
            assert_eq!(fs::read_dir(root).unwrap().count(), 1, "failed/ alone");
        }
    }

    #[test]
    fn what_is_gone_is_said_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let task = spooled(dir.path(), "1");
        super::drop(dir.path(), &task).unwrap();
        assert!(matches!(super::drop(dir.path(), &task), Err(OrderError::Gone(_))));
    }
}
