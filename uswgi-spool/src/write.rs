//! A task becomes a file: whole under its name, or not there at all.
//!
//! Written under another name, brought to disk, renamed: whoever reads the folder meets no half of a task, also after
//! SIGKILL, a full disk or the end of the power. It must never leave anything behind when it fails.

use crate::name::TaskName;
use crate::task::{SpoolTask, TaskError};
use std::fs::{DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How a file is called until it is a task; `HOST_PID_` follows.
pub const UNFINISHED: &str = ".uswgi-new-";

/// Why a task was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It has no place in the format.
    #[error(transparent)]
    SpoolTask(#[from] TaskError),
    /// The priority is no name of a folder.
    #[error("priority {0:?} is no name of a folder: it has to be a number, or a word without `/`")]
    Priority(String),
    /// The system refused; nothing was left behind.
    #[error("{path}: {source}")]
    Io {
        /// What could not be made.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes tasks into one folder.
#[derive(Debug)]
pub struct Writer {
    root: PathBuf,
    host: String,
    fsync: bool,
    count: AtomicU64,
}

impl Writer {
    /// For a folder that is there. `fsync`: a task is on disk before it counts as accepted.
    pub fn new(root: &Path, fsync: bool) -> Writer {
        Writer { root: root.into(), host: host(), fsync, count: AtomicU64::new(0) }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Write a task; where it is. Its key `at` becomes the file's modification time, as on uWSGI: before it the task does
    /// not run. `priority` is a folder below this one, made when it is not there.
    ///
    /// # Errors
    /// The task is not there then, and nothing else is.
    pub fn spool(&self, task: &SpoolTask, priority: Option<&str>) -> Result<PathBuf, SpoolError> {
        let bytes = task.encode()?;
        let folder = match priority {
            None => self.root.clone(),
            Some(name) => self.below(name)?,
        };
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let (pid, random) = (std::process::id(), random());
        let draft = folder.join(format!("{UNFINISHED}{}_{pid}_{number}_{random}", self.host));
        let path = folder.join(TaskName::new(&self.host, pid, number, random, SystemTime::now()).as_str());
        let failed = |source| SpoolError::Io { path: path.clone(), source };
        let written = self.write(&draft, &bytes, task.at()).and_then(|()| std::fs::rename(&draft, &path));
        if let Err(e) = written {
            let _ = std::fs::remove_file(&draft);
            return Err(failed(e));
        }
        if self.fsync
            && let Err(e) = File::open(&folder).and_then(|f| f.sync_all())
        {
            // Not on disk for sure, so not accepted. Somebody may run it already: then it is gone by itself.
            let _ = std::fs::remove_file(&path);
            return Err(failed(e));
        }
        Ok(path)
    }

    fn write(&self, draft: &Path, bytes: &[u8], at: Option<u64>) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
        file.write_all(bytes)?;
        if let Some(at) = at {
            file.set_modified(UNIX_EPOCH + Duration::from_secs(at))?;
        }
        if self.fsync { file.sync_data() } else { Ok(()) }
    }

    /// The folder of a priority. uWSGI takes `../x` too, and writes outside.
    fn below(&self, name: &str) -> Result<PathBuf, SpoolError> {
        let sound = !name.is_empty()
            && !name.starts_with('.')
            && !name.contains(['/', '\0'])
            && name != crate::folder::FAILED;
        if !sound {
            return Err(SpoolError::Priority(name.into()));
        }
        let folder = self.root.join(name);
        match DirBuilder::new().mode(0o755).create(&folder) {
            Ok(()) if self.fsync => {
                // The folder has to be found again, too.
                File::open(&self.root)
                    .and_then(|f| f.sync_all())
                    .map_err(|source| SpoolError::Io { path: folder.clone(), source })?;
            }
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(SpoolError::Io { path: folder, source }),
        }
        Ok(folder)
    }
}

/// Name of this host.
pub(crate) fn host() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    name.to_string_lossy().replace(['/', '\0'], "-")
}

fn random() -> u32 {
    // Its keys come from the system's randomness once for each thread, and are another pair with each call. A forked process
    // goes on with those of its parent: what tells its tasks from theirs is the pid in the name.
    std::hash::RandomState::new().build_hasher().finish() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn task(pairs: &[(&str, &str)]) -> SpoolTask {
        let pairs = pairs.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        SpoolTask { pairs, body: b"body".to_vec() }
    }

    fn files(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_task_is_a_file_with_its_time() {
        for fsync in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let writer = Writer::new(dir.path(), fsync);
            let path = writer.spool(&task(&[("at", "2000000000")]), None).unwrap();
            let file = std::fs::metadata(&path).unwrap();
            assert_eq!(file.permissions().mode() & 0o777, 0o600);
            assert_eq!(file.modified().unwrap(), UNIX_EPOCH + Duration::from_secs(2_000_000_000));
            assert_eq!(SpoolTask::decode(&std::fs::read(&path).unwrap()).unwrap().body, b"body");
            let below = writer.spool(&task(&[]), Some("3")).unwrap();
            assert_eq!(below.parent().unwrap(), dir.path().join("3"));
            writer.spool(&task(&[]), Some("3")).unwrap();
            assert_eq!((files(dir.path()).len(), files(&dir.path().join("3")).len()), (2, 2));
        }
    }

    #[test]
    fn no_priority_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::new(dir.path(), false);
        for bad in ["", "..", "../x", "a/b", ".hidden", "failed"] {
            assert!(matches!(writer.spool(&task(&[]), Some(bad)), Err(SpoolError::Priority(_))), "{bad}");
        }
        assert!(files(dir.path()).is_empty());
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::new(&dir.path().join("gone"), true);
        let e = writer.spool(&task(&[]), None).unwrap_err().to_string();
        assert!(e.contains("gone/uwsgi_spoolfile_on_") && e.contains("No such file"), "{e}");
        let writer = Writer::new(dir.path(), true);
        assert!(writer.spool(&task(&[("k", &"x".repeat(70_000))]), None).is_err());
        assert!(files(dir.path()).is_empty());
    }
}
