//! One task in the hands of one process.
//!
//! The lock is a record lock of fcntl(2), as uWSGI takes it: it is gone when its holder ends, however it ends, and both
//! programs can work on one folder. It is lost as well when its holder opens the file and closes it again, so that a
//! process must never do that with a task which it has claimed.

use crate::name::TaskName;
use crate::task::{BadTask, SpoolTask};
use nix::fcntl::{FcntlArg, fcntl};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file that is no task may still become one for so long: uWSGI writes it under its final name.
const UNFINISHED: Duration = Duration::from_secs(10);

/// A task that no other process runs meanwhile.
#[derive(Debug)]
pub struct TaskClaim {
    // Holds the lock.
    file: File,
    path: PathBuf,
    name: TaskName,
    /// What is to be done.
    pub task: SpoolTask,
}

/// What became of the attempt to take a task.
#[derive(Debug)]
pub enum Claimed {
    /// It is ours.
    Yes(TaskClaim),
    /// Another process has it.
    Busy,
    /// It is not there any more.
    Gone,
    /// Its time comes then, seconds since the epoch.
    NotYet(u64),
    /// Somebody may still write it.
    Unfinished,
    /// It is ours and no task; the file can be put aside.
    Bad(TaskClaim, BadTask),
}

impl TaskClaim {
    /// Take the task in this file. `contended`: other processes take tasks of this folder, too.
    ///
    /// # Errors
    /// The system refused: rights, a disk that cannot be read.
    pub fn take(folder: &Path, name: &TaskName, now: SystemTime, contended: bool) -> io::Result<Claimed> {
        let path = folder.join(name.as_str());
        let open = |write: bool| {
            let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
            match OpenOptions::new().read(true).write(write).custom_flags(flags).open(&path) {
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => {
                    Ok(None)
                }
                opened => opened.map(Some),
            }
        };
        // Looked at for reading first: the end of a look that could write is news to every spooler of the folder, to this
        // one too, which would look again for as long as another one has the task.
        let seen = match contended {
            true => open(false)?.map(Some),
            false => Some(None),
        };
        let Some(seen) = seen else { return Ok(Claimed::Gone) };
        if let Some(seen) = &seen {
            if let Some(not) = not_now(&seen.metadata()?, now) {
                return Ok(not);
            }
            if holder(seen)?.is_some() {
                return Ok(Claimed::Busy);
            }
        }
        let Some(mut file) = open(true)? else { return Ok(Claimed::Gone) };
        // The lock of this process would go with it.
        drop(seen);
        if !lock(&file)? {
            return Ok(Claimed::Busy);
        }
        let found = file.metadata()?;
        if let Some(not) = not_now(&found, now) {
            return Ok(not);
        }
        // Who had it before may have finished it between our open and our lock.
        match std::fs::symlink_metadata(&path) {
            Ok(there) if (there.dev(), there.ino()) == (found.dev(), found.ino()) => {}
            _ => return Ok(Claimed::Gone),
        }
        let bytes = read_whole(&mut file, found.len())?;
        let name = name.clone();
        match SpoolTask::decode(&bytes) {
            Ok(task) => Ok(Claimed::Yes(TaskClaim { file, path, name, task })),
            Err(_) if found.modified()? + UNFINISHED > now => Ok(Claimed::Unfinished),
            Err(e) => Ok(Claimed::Bad(TaskClaim { file, path, name, task: SpoolTask::default() }, e)),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name.
    pub fn name(&self) -> &TaskName {
        &self.name
    }

    /// It was done.
    ///
    /// # Errors
    /// The file stays, and will be run again.
    pub fn done(self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// It is to run again, but not before this moment.
    ///
    /// # Errors
    /// It may run sooner.
    pub fn later(self, at: SystemTime) -> io::Result<()> {
        self.file.set_modified(at)
    }
}

/// Why a file is not to be taken now, by what is known of it.
fn not_now(found: &Metadata, now: SystemTime) -> Option<Claimed> {
    if !found.is_file() {
        return Some(Claimed::Gone);
    }
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    u64::try_from(found.mtime()).ok().filter(|at| *at > seconds).map(Claimed::NotYet)
}

/// All of a file. One read is enough where it has the `length` that was found.
fn read_whole(file: &mut File, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0) + 1];
    let read = file.read(&mut bytes)?;
    bytes.truncate(read);
    if read as u64 != length {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn whole() -> nix::libc::flock {
    nix::libc::flock {
        l_type: nix::libc::F_WRLCK as _,
        l_whence: nix::libc::SEEK_SET as _,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// The other process that has the lock; 0: one that has no pid here, in another pid namespace or on another machine.
pub(crate) fn holder(file: &File) -> io::Result<Option<i32>> {
    let mut asked = whole();
    fcntl(file, FcntlArg::F_GETLK(&mut asked))?;
    Ok((asked.l_type != nix::libc::F_UNLCK as nix::libc::c_short).then_some(asked.l_pid.max(0)))
}

/// True: it is ours.
fn lock(file: &File) -> io::Result<bool> {
    match fcntl(file, FcntlArg::F_SETLK(&whole())) {
        Ok(_) => Ok(true),
        Err(nix::Error::EAGAIN | nix::Error::EACCES) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Writer;

    fn spooled(dir: &Path, at: Option<&str>) -> TaskName {
        let pairs = at.map(|at| (b"at".to_vec(), at.as_bytes().to_vec())).into_iter().collect();
        let path = Writer::new(dir, false).spool(&SpoolTask { pairs, body: b"b".to_vec() }, None).unwrap();
        TaskName::of(path.file_name().unwrap().to_str().unwrap()).unwrap()
    }

    #[test]
    fn a_task_is_taken_read_and_ended() {
        for contended in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let name = spooled(dir.path(), None);
            let now = SystemTime::now() + Duration::from_secs(1);
            let Claimed::Yes(claim) = TaskClaim::take(dir.path(), &name, now, contended).unwrap() else {
                panic!()
            };
            assert_eq!((claim.task.body.as_slice(), claim.name()), (&b"b"[..], &name));
            claim.done().unwrap();
            assert!(matches!(TaskClaim::take(dir.path(), &name, now, contended).unwrap(), Claimed::Gone));
        }
    }

    #[test]
    fn a_task_waits_for_its_time() {
        for contended in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let name = spooled(dir.path(), Some("2000000000"));
            let at = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
            let early = at - Duration::from_secs(1);
            assert!(matches!(
                TaskClaim::take(dir.path(), &name, early, contended).unwrap(),
                Claimed::NotYet(2_000_000_000)
            ));
            let Claimed::Yes(claim) = TaskClaim::take(dir.path(), &name, at, contended).unwrap() else {
                panic!()
            };
            claim.later(at + Duration::from_secs(60)).unwrap();
            assert!(matches!(
                TaskClaim::take(dir.path(), &name, at, contended).unwrap(),
                Claimed::NotYet(2_000_000_060)
            ));
        }
    }

    #[test]
    fn what_is_no_task_is_left_alone_while_somebody_may_write_it() {
        for contended in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let name = TaskName::of("uwsgi_spoolfile_on_x_1_1_1_1_1").unwrap();
            let path = dir.path().join(name.as_str());
            std::fs::write(&path, b"").unwrap();
            let now = SystemTime::now();
            assert!(matches!(
                TaskClaim::take(dir.path(), &name, now, contended).unwrap(),
                Claimed::Unfinished
            ));
            let later = now + Duration::from_secs(60);
            assert!(matches!(
                TaskClaim::take(dir.path(), &name, later, contended).unwrap(),
                Claimed::Bad(_, BadTask::Short)
            ));
            std::fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink("/etc/hosts", &path).unwrap();
            assert!(TaskClaim::take(dir.path(), &name, later, contended).is_err(), "a link is not followed");
        }
    }
}
