//! The names in a spool folder, and tasks that are put aside.

use crate::attempts::{self, Attempts};
use crate::claim::TaskClaim;
use crate::name::TaskName;
use crate::queue::{Entry, Queue, is_priority};
use crate::write::UNFINISHED;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Folder below a spool folder for tasks that nobody runs any more.
pub const FAILED: &str = "failed";
/// How the file beside such a task is called that says why.
pub const REASON: &str = ".reason";
/// What was never finished is nobody's any more after this time, where its writer cannot be asked.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A spool folder.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    ordered: bool,
}

impl Folder {
    /// `ordered`: numeric folders below it hold tasks too.
    pub fn new(root: &Path, ordered: bool) -> Folder {
        Folder { root: root.into(), ordered }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder in which an entry lies.
    pub fn of(&self, entry: &Entry) -> PathBuf {
        entry.priority().map_or_else(|| self.root.clone(), |p| self.root.join(p))
    }

    /// The numeric folders, where they count.
    pub fn priorities(&self) -> Vec<String> {
        if !self.ordered {
            return Vec::new();
        }
        let Ok(entries) = fs::read_dir(&self.root) else { return Vec::new() };
        let folders = entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
        folders.filter_map(|e| e.file_name().into_string().ok()).filter(|name| is_priority(name)).collect()
    }

    /// Put every name into the queue. What was never finished, or belongs to a task that is gone, is removed.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self, queue: &mut Queue, now: SystemTime) -> io::Result<()> {
        list(&self.root, now, |name| queue.add(Entry::new(None, name)))?;
        for priority in self.priorities() {
            // One that has just gone holds nothing.
            let _ =
                list(&self.root.join(&priority), now, |name| queue.add(Entry::new(Some(&priority), name)));
        }
        Ok(())
    }

    /// Put a task aside, with the reason beside it; where it is.
    ///
    /// # Errors
    /// It stays where it is.
    pub fn put_aside(&self, claim: &TaskClaim, reason: &str) -> io::Result<PathBuf> {
        let failed = self.root.join(FAILED);
        match fs::create_dir(&failed) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        let to = failed.join(claim.name().as_str());
        fs::write(failed.join(format!("{}{REASON}", claim.name())), format!("{reason}\n"))?;
        fs::rename(claim.path(), &to)?;
        if let Some(folder) = claim.path().parent() {
            Attempts::forget(folder, claim.name());
        }
        Ok(to)
    }
}

fn list(folder: &Path, now: SystemTime, mut found: impl FnMut(TaskName)) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(file) = entry.file_name().into_string() else { continue };
        if let Some(name) = TaskName::of(&file) {
            found(name);
        } else if file.starts_with(UNFINISHED) && is_abandoned(&entry, &file, now) {
            let _ = fs::remove_file(entry.path());
        } else if let Some(task) = attempts::task_of(&file)
            && !folder.join(task.as_str()).exists()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// Whether nobody will finish it: its writer has ended, or, on another host, had an hour.
fn is_abandoned(entry: &fs::DirEntry, file: &str, now: SystemTime) -> bool {
    let old = || {
        let modified = entry.metadata().and_then(|m| m.modified());
        modified.is_ok_and(|m| now.duration_since(m).is_ok_and(|age| age > ABANDONED))
    };
    let ours =
        file.strip_prefix(UNFINISHED).and_then(|f| f.strip_prefix(&format!("{}_", crate::write::host())));
    let pid = ours.and_then(|rest| rest.split('_').next()?.parse::<i32>().ok());
    match pid.map(|pid| nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None)) {
        Some(Err(nix::Error::ESRCH)) => true,
        _ => old(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::Claimed;
    use crate::task::SpoolTask;
    use crate::write::Writer;

    #[test]
    fn a_folder_is_listed_and_cleaned() {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::new(dir.path(), false);
        let path = writer.spool(&SpoolTask::default(), None).unwrap();
        writer.spool(&SpoolTask::default(), Some("3")).unwrap();
        writer.spool(&SpoolTask::default(), Some("x")).unwrap();
        let host = crate::write::host();
        // Pid 0 is nobody's file; the pid of this process is somebody's.
        let dead = dir.path().join(format!("{UNFINISHED}{host}_2147483646_1_1"));
        let alive = dir.path().join(format!("{UNFINISHED}{host}_{}_1_1", std::process::id()));
        let tries = dir.path().join(format!("{}uwsgi_spoolfile_on_gone_1_1_1_1_1", attempts::PREFIX));
        [&dead, &alive, &tries].iter().for_each(|p| fs::write(p, "").unwrap());
        let count = |ordered| {
            let mut queue = Queue::default();
            Folder::new(dir.path(), ordered).list(&mut queue, SystemTime::now()).unwrap();
            queue.len()
        };
        assert_eq!((count(false), count(true)), (1, 2));
        assert!(!dead.exists() && alive.exists() && !tries.exists() && path.exists());
        let later = SystemTime::now() + Duration::from_secs(7200);
        Folder::new(dir.path(), false).list(&mut Queue::default(), later).unwrap();
        assert!(!alive.exists());
    }

    #[test]
    fn a_task_is_put_aside_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = Writer::new(dir.path(), false).spool(&SpoolTask::default(), None).unwrap();
        let name = TaskName::of(path.file_name().unwrap().to_str().unwrap()).unwrap();
        Attempts { kills: 3, ..Attempts::default() }.write(dir.path(), &name).unwrap();
        let now = SystemTime::now() + Duration::from_secs(1);
        let Claimed::Yes(claim) = TaskClaim::take(dir.path(), &name, now).unwrap() else { panic!() };
        let to = Folder::new(dir.path(), false).put_aside(&claim, "it ended 3 processes").unwrap();
        assert!(to.exists() && !path.exists());
        assert_eq!(
            fs::read_to_string(format!("{}{REASON}", to.display())).unwrap(),
            "it ended 3 processes\n"
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing but the folder is left");
    }
}
