//! A look at a whole spool folder, some names at a time: a folder of any size keeps nobody from a task, from a signal or
//! from leaving for longer than so many names take. What was never finished, or belongs to a task that is gone, is removed
//! on the way.

use crate::attempts;
use crate::folder::Folder;
use crate::name::TaskName;
use crate::queue::{Entry, Queue, is_priority};
use crate::write::UNFINISHED;
use std::fs::{self, ReadDir};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What was never finished is nobody's any more after this time, where its writer cannot be asked.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A look that goes on. What comes into a folder behind its back it may see or not.
#[derive(Debug)]
pub struct Scan {
    folder: Folder,
    /// The folder that is read, and which priority it is.
    open: Option<(ReadDir, PathBuf, Option<String>)>,
    /// Folders of priorities that were met in the spool folder, to be read behind it.
    priorities: Vec<String>,
}

impl Scan {
    /// From the beginning.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn begin(folder: &Folder) -> io::Result<Scan> {
        let root = folder.root().to_path_buf();
        Ok(Scan {
            folder: folder.clone(),
            open: Some((fs::read_dir(&root)?, root, None)),
            priorities: Vec::new(),
        })
    }

    /// Read the next names, so many at most, and put those of tasks into the queue; how many were read, 0 at the end.
    /// `below` hears of each folder of a priority before it is read.
    ///
    /// # Errors
    /// A name could not be read; the look is at its end then.
    pub fn step(
        &mut self,
        queue: &mut Queue,
        now: SystemTime,
        most: usize,
        mut below: impl FnMut(&str),
    ) -> io::Result<usize> {
        let mut read = 0;
        while read < most {
            let Some((names, path, priority)) = &mut self.open else { break };
            match names.next() {
                Some(Ok(entry)) => {
                    read += 1;
                    let Ok(file) = entry.file_name().into_string() else { continue };
                    if let Some(name) = TaskName::of(&file) {
                        queue.add(Entry::new(priority.as_deref(), name));
                    } else if self.folder.is_ordered() && priority.is_none() && is_priority(&file) {
                        if entry.file_type().is_ok_and(|t| t.is_dir()) {
                            self.priorities.push(file);
                        }
                    } else {
                        clean(path, &entry, &file, now, queue);
                    }
                }
                Some(Err(e)) => {
                    *self = Scan { folder: self.folder.clone(), open: None, priorities: Vec::new() };
                    return Err(e);
                }
                None => self.open = self.next_folder(&mut below),
            }
        }
        Ok(read)
    }

    /// One that has just gone holds nothing.
    fn next_folder(&mut self, below: &mut impl FnMut(&str)) -> Option<(ReadDir, PathBuf, Option<String>)> {
        while let Some(priority) = self.priorities.pop() {
            let path = self.folder.root().join(&priority);
            below(&priority);
            if let Ok(names) = fs::read_dir(&path) {
                return Some((names, path, Some(priority)));
            }
        }
        None
    }
}

/// Remove what is nobody's; the queue learns which tasks were tried.
fn clean(folder: &Path, entry: &fs::DirEntry, file: &str, now: SystemTime, queue: &mut Queue) {
    let lost = match attempts::task_of(file) {
        Some(task) if folder.join(task.as_str()).exists() => {
            queue.mark_tried(task);
            false
        }
        Some(_) => true,
        None => file.starts_with(UNFINISHED) && is_abandoned(entry, file, now),
    };
    if lost {
        let _ = fs::remove_file(entry.path());
    }
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
    use crate::task::SpoolTask;
    use crate::write::Writer;

    /// All of a folder, in pieces; the folders of priorities, and how many names each piece had.
    fn all(dir: &Path, ordered: bool, now: SystemTime, most: usize) -> (Queue, Vec<String>, Vec<usize>) {
        let (mut queue, mut below, mut pieces) = (Queue::default(), Vec::new(), Vec::new());
        let mut scan = Scan::begin(&Folder::new(dir, ordered)).unwrap();
        loop {
            match scan.step(&mut queue, now, most, |p| below.push(p.to_string())).unwrap() {
                0 => return (queue, below, pieces),
                read => pieces.push(read),
            }
        }
    }

    #[test]
    fn a_folder_is_read_and_cleaned() {
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
        let name = TaskName::of(path.file_name().unwrap().to_str().unwrap()).unwrap();
        attempts::Attempts::default().write(dir.path(), &name).unwrap();
        [&dead, &alive, &tries].iter().for_each(|p| fs::write(p, "").unwrap());
        let now = SystemTime::now();
        assert_eq!(all(dir.path(), false, now, 1024).0.len(), 1);
        let (queue, below, _) = all(dir.path(), true, now, 1024);
        assert_eq!((queue.len(), below), (2, vec!["3".to_string()]));
        assert!(queue.is_tried(&name));
        assert!(!dead.exists() && alive.exists() && !tries.exists() && path.exists());
        all(dir.path(), false, now + Duration::from_secs(7200), 1024);
        assert!(!alive.exists());
    }

    #[test]
    fn no_piece_is_larger_than_asked_and_nothing_is_missed() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["", "1", "02"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            for n in 0..500 {
                let name = format!("uwsgi_spoolfile_on_x_1_{n}_1_1_{n}");
                fs::write(dir.path().join(folder).join(name), "").unwrap();
            }
        }
        let (mut queue, mut below, pieces) = all(dir.path(), true, SystemTime::now(), 64);
        below.sort();
        assert_eq!((queue.len(), below), (1500, vec!["02".to_string(), "1".to_string()]));
        assert_eq!((pieces.iter().max(), pieces.iter().sum()), (Some(&64), 1502), "{pieces:?}");
        assert_eq!(queue.next(0).unwrap().priority(), Some("1"));
    }
}
