//! The folders of an instance, to write tasks into: a task says itself which one, and which priority.

use crate::task::{PRIORITY, SPOOLER, SpoolTask};
use crate::write::{SpoolError, Writer};
use std::path::{Path, PathBuf};

/// Why a task was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum NotSpooled {
    /// It names a folder that is none of the instance's.
    #[error("{0} is none of the spool folders")]
    NoFolder(String),
    /// Its priority is no text.
    #[error("its priority is no text")]
    Priority,
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] SpoolError),
}

/// One writer for each folder, in the order of the configuration.
#[derive(Debug)]
pub struct Writers(Vec<Writer>);

impl Writers {
    /// For folders that are there. `fsync`: a task is on disk before it counts as accepted.
    pub fn new<'a>(folders: impl Iterator<Item = &'a Path>, fsync: bool) -> Writers {
        Writers(folders.map(|root| Writer::new(root, fsync)).collect())
    }

    /// Write a task where its keys `spooler` and `priority` say, by default into the first folder; where it is.
    ///
    /// # Errors
    /// The task is nowhere then.
    pub fn spool(&self, task: &SpoolTask) -> Result<PathBuf, NotSpooled> {
        let named = task.get(SPOOLER);
        let writer =
            self.0.iter().find(|w| named.is_none_or(|n| w.root().as_os_str().as_encoded_bytes() == n));
        let name = || String::from_utf8_lossy(named.unwrap_or_default()).into_owned();
        let writer = writer.ok_or_else(|| NotSpooled::NoFolder(name()))?;
        let priority = task.get(PRIORITY).map(std::str::from_utf8).transpose();
        Ok(writer.spool(task, priority.map_err(|_| NotSpooled::Priority)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_chooses_its_folder() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let writers = Writers::new([first.path(), second.path()].into_iter(), false);
        let spool = |key: &[u8], value: &[u8]| {
            let pairs = vec![(key.to_vec(), value.to_vec())];
            writers.spool(&SpoolTask { pairs, body: Vec::new() })
        };
        assert!(spool(b"k", b"v").unwrap().starts_with(first.path()));
        let named = spool(b"spooler", second.path().as_os_str().as_encoded_bytes()).unwrap();
        assert!(named.starts_with(second.path()));
        assert!(spool(b"priority", b"3").unwrap().starts_with(first.path().join("3")));
        assert!(matches!(spool(b"spooler", b"/nowhere"), Err(NotSpooled::NoFolder(_))));
        assert!(matches!(spool(b"priority", b"\xff"), Err(NotSpooled::Priority)));
        assert!(matches!(spool(b"priority", b"../x"), Err(NotSpooled::Write(_))));
    }
}
