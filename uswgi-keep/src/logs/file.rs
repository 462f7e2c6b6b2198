//! A log file of ours: opened for appending, opened again, rotated. It must never leave us without an open
//! file: what fails leaves the old one in place.
#![forbid(unsafe_code)]

use nix::unistd::{Gid, Uid};
use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use uswgi_proto::logs::routing::FILE_MODE;

/// How a log file is made and when it is rotated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSpec {
    /// Where.
    pub path: PathBuf,
    /// Bytes after which it is rotated; 0: never.
    pub max_size: u64,
    /// Name of the rotated file; None: its name and the time.
    pub backup: Option<String>,
    /// Mode; None: 0640 less the umask, for a new file.
    pub mode: Option<u32>,
    /// Owner to give it to.
    pub owner: Option<(Option<Uid>, Option<Gid>)>,
}

/// An open log file.
#[derive(Debug)]
pub struct LogFile {
    spec: FileSpec,
    file: File,
    /// Its path as it was configured; that of `spec` may be seen from a jail.
    name: PathBuf,
    /// Its path is out of reach: it lies outside of the jail.
    outside: bool,
}

fn open(spec: &FileSpec) -> io::Result<File> {
    let fifo = fs::metadata(&spec.path).is_ok_and(|m| m.file_type().is_fifo());
    let mut options = File::options();
    options
        // A FIFO without a reader would make us wait, or end us with the last reader.
        .read(fifo)
        .append(true)
        .create(true)
        .mode(spec.mode.unwrap_or(FILE_MODE));
    let file = crate::strangers::open(&spec.path, &options, libc::O_NOCTTY)?;
    // A file that belongs to another user already stays as it is; writing to it is what counts.
    if let Some(mode) = spec.mode {
        let _ = file.set_permissions(Permissions::from_mode(mode));
    }
    if let Some((uid, gid)) = spec.owner {
        let _ = nix::unistd::fchown(&file, uid, gid);
    }
    Ok(file)
}

fn same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

impl LogFile {
    /// Open it, and make it when it is not there.
    pub fn open(spec: FileSpec) -> io::Result<LogFile> {
        Ok(LogFile { file: open(&spec)?, name: spec.path.clone(), spec, outside: false })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.spec.path
    }

    /// Whether a configuration means it by this name.
    pub fn is_named(&self, name: &Path) -> bool {
        self.name == name
    }

    /// The same file under other settings: opened by its name where that is possible still, or else as it is open here.
    pub fn again(&self, spec: FileSpec) -> io::Result<LogFile> {
        let spec = FileSpec { path: self.spec.path.clone(), ..spec };
        let (file, name) = (self.file.try_clone()?, self.name.clone());
        let mut again = LogFile { spec, file, name, outside: self.outside };
        // The user that opened it first may have had other rights.
        let _ = again.reopen();
        Ok(again)
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Throw away what is in it.
    pub fn truncate(&self) -> io::Result<()> {
        if self.file.metadata()?.is_file() { self.file.set_len(0) } else { Ok(()) }
    }

    /// Whether its name may lead to another file one day.
    pub fn is_regular(&self) -> bool {
        self.file.metadata().is_ok_and(|m| m.is_file())
    }

    /// Rotate it from now on at this size (0: never), to this name.
    pub fn limit(&mut self, max_size: u64, backup: Option<String>) {
        (self.spec.max_size, self.spec.backup) = (max_size, backup);
    }

    /// Whether it is rotated by size.
    pub fn is_limited(&self) -> bool {
        self.spec.max_size > 0
    }

    /// Do not rotate it by size any more: it cannot be.
    pub fn give_up(&mut self) {
        self.spec.max_size = 0;
    }

    /// Whether it has reached the size at which it is rotated.
    pub fn is_too_large(&self) -> bool {
        self.spec.max_size > 0
            && self.file.metadata().is_ok_and(|m| m.is_file() && m.len() >= self.spec.max_size)
    }

    /// The master goes into a jail: where the path leads from inside.
    pub fn enter(&mut self, inside: impl Fn(&Path) -> Option<PathBuf>) {
        match inside(&self.spec.path) {
            Some(moved) => self.spec.path = moved,
            None => self.outside = true,
        }
    }

    fn reach(&self) -> io::Result<()> {
        match self.outside {
            true => Err(io::Error::other("it lies outside of the jail (logrotate can use copytruncate)")),
            false => Ok(()),
        }
    }

    /// Open what its name leads to now.
    pub fn reopen(&mut self) -> io::Result<()> {
        self.reach()?;
        self.file = open(&self.spec)?;
        Ok(())
    }

    /// Move it away and begin a new one; where the old one is now. None: its name led to another file
    /// already, which is open now.
    pub fn rotate(&mut self, now: i64) -> io::Result<Option<PathBuf>> {
        self.reach()?;
        let here =
            fs::metadata(&self.spec.path).is_ok_and(|m| self.file.metadata().is_ok_and(|f| same(&m, &f)));
        if !here {
            self.reopen()?;
            return Ok(None);
        }
        let backup = self.backup(now);
        fs::rename(&self.spec.path, &backup)?;
        if let Err(e) = self.reopen() {
            // The lines go on into the file that is open; it gets its name back.
            let _ = fs::rename(&backup, &self.spec.path);
            return Err(e);
        }
        Ok(Some(backup))
    }

    /// The name that is asked for replaces an older file; one made of the time never does.
    fn backup(&self, now: i64) -> PathBuf {
        if let Some(name) = &self.spec.backup {
            return name.into();
        }
        let base = format!("{}.{now}", self.spec.path.display());
        let free = |p: &PathBuf| fs::symlink_metadata(p).is_err();
        let numbered = (1..1000).map(|n| PathBuf::from(format!("{base}.{n}")));
        std::iter::once(PathBuf::from(&base)).chain(numbered).find(free).unwrap_or_else(|| base.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn spec(dir: &Path) -> FileSpec {
        FileSpec { path: dir.join("a.log"), ..FileSpec::default() }
    }

    #[test]
    fn rotation_moves_the_file_and_never_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(FileSpec { max_size: 3, ..spec(dir.path()) }).unwrap();
        assert!(!log.is_too_large());
        for text in ["one\n", "two\n", "three\n"] {
            log.file().write_all(text.as_bytes()).unwrap();
            assert!(log.is_too_large());
            log.rotate(77).unwrap().unwrap();
        }
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        let found = ["a.log.77", "a.log.77.1", "a.log.77.2", "a.log"].map(read);
        assert_eq!(found, ["one\n", "two\n", "three\n", ""]);
    }

    #[test]
    fn a_backup_name_keeps_one_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("old.log");
        let backup = Some(old.display().to_string());
        let mut log = LogFile::open(FileSpec { backup, ..spec(dir.path()) }).unwrap();
        for text in ["one", "two"] {
            log.file().write_all(text.as_bytes()).unwrap();
            assert_eq!(log.rotate(1).unwrap(), Some(old.clone()));
        }
        assert_eq!(fs::read_to_string(&old).unwrap(), "two");
    }

    #[test]
    fn a_file_moved_by_another_program_is_not_moved_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(spec(dir.path())).unwrap();
        let moved = dir.path().join("moved");
        fs::rename(log.path(), &moved).unwrap();
        assert_eq!(log.rotate(1).unwrap(), None);
        log.file().write_all(b"new").unwrap();
        assert_eq!((fs::read(&moved).unwrap().len(), fs::read(log.path()).unwrap().len()), (0, 3));
    }

    #[test]
    fn a_rotation_that_fails_goes_on_in_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let backup = Some(dir.path().join("no/such/dir").display().to_string());
        let mut log = LogFile::open(FileSpec { backup, mode: Some(0o604), ..spec(dir.path()) }).unwrap();
        assert!(log.rotate(1).is_err());
        log.file().write_all(b"here").unwrap();
        assert_eq!(fs::read(log.path()).unwrap(), b"here");
        assert_eq!(fs::metadata(log.path()).unwrap().mode() & 0o777, 0o604);
        log.truncate().unwrap();
        assert_eq!(fs::metadata(log.path()).unwrap().len(), 0);
    }

    #[test]
    fn one_outside_of_the_jail_is_never_looked_for_inside() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(spec(dir.path())).unwrap();
        log.enter(|_| None);
        fs::rename(log.path(), dir.path().join("old")).unwrap();
        assert!(log.rotate(1).is_err() && log.reopen().unwrap_err().to_string().contains("copytruncate"));
        assert!(!log.path().exists());
        log.file().write_all(b"on").unwrap();
        assert_eq!(fs::read(dir.path().join("old")).unwrap(), b"on");
    }

    #[test]
    fn one_that_cannot_be_opened_again_goes_on_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let log = LogFile::open(spec(dir.path())).unwrap();
        let old = dir.path().join("old");
        fs::rename(log.path(), &old).unwrap();
        let name = dir.path().join("a.log");
        let new = log.again(FileSpec { max_size: 1, ..FileSpec::default() }).unwrap();
        assert!(new.is_named(&name) && new.is_limited());
        new.file().write_all(b"new").unwrap();
        assert_eq!((fs::read(&old).unwrap().len(), fs::read(&name).unwrap().len()), (0, 3));
        fs::remove_file(&name).unwrap();
        fs::create_dir(&name).unwrap();
        log.again(FileSpec::default()).unwrap().file().write_all(b"on").unwrap();
        assert_eq!(fs::read(&old).unwrap(), b"on");
    }

    #[test]
    fn a_fifo_without_a_reader_does_not_make_us_wait() {
        let dir = tempfile::tempdir().unwrap();
        nix::unistd::mkfifo(&dir.path().join("a.log"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(!LogFile::open(spec(dir.path())).unwrap().is_regular());
    }
}
