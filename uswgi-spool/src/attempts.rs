//! How often a task has ended its process, or has asked for another try: a small file beside the task, there only when it
//! has happened.

use crate::name::TaskName;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the file is called; the name of the task follows. uWSGI takes no notice of it.
pub const PREFIX: &str = ".uswgi-tries-";

/// What has happened to a task so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attempts {
    /// Processes that ended in it.
    pub kills: u32,
    /// Times it asked for another try, or raised an exception.
    pub retries: u32,
    /// What happened last.
    pub why: String,
}

fn path(folder: &Path, name: &TaskName) -> PathBuf {
    folder.join(format!("{PREFIX}{name}"))
}

/// The task that such a file is about.
pub fn task_of(file: &str) -> Option<TaskName> {
    TaskName::of(file.strip_prefix(PREFIX)?)
}

impl Attempts {
    /// What is known of a task; nothing, where the file is not there or not readable: then it has its tries again.
    pub fn read(folder: &Path, name: &TaskName) -> Attempts {
        let text = std::fs::read(path(folder, name)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Whether something is known.
    pub fn is_there(folder: &Path, name: &TaskName) -> bool {
        path(folder, name).exists()
    }

    /// Keep it.
    ///
    /// # Errors
    /// The task counts as one that has not been tried.
    pub fn write(&self, folder: &Path, name: &TaskName) -> std::io::Result<()> {
        std::fs::write(path(folder, name), serde_json::to_vec(self)?)
    }

    /// The task has come to its end.
    pub fn forget(folder: &Path, name: &TaskName) {
        let _ = std::fs::remove_file(path(folder, name));
    }

    /// How long to wait before the next try: `first`, doubled with each, an hour at most.
    pub fn wait(&self, first: Duration) -> Duration {
        first
            .saturating_mul(1 << self.retries.saturating_sub(1).min(12))
            .min(Duration::from_secs(3600).max(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_kept_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let name = TaskName::of("uwsgi_spoolfile_on_x_1_1_1_1_1").unwrap();
        assert_eq!(Attempts::read(dir.path(), &name), Attempts::default());
        let two = Attempts { kills: 2, retries: 0, why: "SIGSEGV".into() };
        two.write(dir.path(), &name).unwrap();
        assert_eq!(Attempts::read(dir.path(), &name), two);
        assert_eq!(task_of(".uswgi-tries-uwsgi_spoolfile_on_x_1_1_1_1_1"), Some(name.clone()));
        Attempts::forget(dir.path(), &name);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn waits_double_up_to_an_hour() {
        let wait = |retries, first| {
            Attempts { retries, ..Attempts::default() }.wait(Duration::from_secs(first)).as_secs()
        };
        assert_eq!((wait(1, 5), wait(2, 5), wait(3, 5)), (5, 10, 20));
        assert_eq!((wait(40, 5), wait(1, 9000), wait(3, 0)), (3600, 9000, 0));
    }
}
