//! A spool folder: where its tasks lie, and those that are put aside.

use crate::attempts::Attempts;
use crate::claim::TaskClaim;
use crate::queue::Entry;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folder below a spool folder for tasks that nobody runs any more.
pub const FAILED: &str = "failed";
/// How the file beside such a task is called that says why.
pub const REASON: &str = ".reason";

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

    /// Whether numeric folders below it hold tasks too.
    pub fn is_ordered(&self) -> bool {
        self.ordered
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::Claimed;
    use crate::name::TaskName;
    use crate::task::SpoolTask;
    use crate::write::Writer;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_task_is_put_aside_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = Writer::new(dir.path(), false).spool(&SpoolTask::default(), None).unwrap();
        let name = TaskName::of(path.file_name().unwrap().to_str().unwrap()).unwrap();
        Attempts { kills: 3, ..Attempts::default() }.write(dir.path(), &name).unwrap();
        let now = SystemTime::now() + Duration::from_secs(1);
        let Claimed::Yes(claim) = TaskClaim::take(dir.path(), &name, now, true).unwrap() else { panic!() };
        let to = Folder::new(dir.path(), false).put_aside(&claim, "it ended 3 processes").unwrap();
        assert!(to.exists() && !path.exists());
        assert_eq!(
            fs::read_to_string(format!("{}{REASON}", to.display())).unwrap(),
            "it ended 3 processes\n"
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing but the folder is left");
    }
}
