//! Pidfiles: written so that a reader never sees half of one, never over that of a live instance, and
//! emptied at the end even where the dropped user may not remove them.
#![forbid(unsafe_code)]

use crate::strangers;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use uswgi_proto::instance::{RunningInstance, TargetError};

/// A pidfile that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum PidfileError {
    /// An instance with this pidfile runs.
    #[error(
        "pidfile {path}: an instance with pid {pid} runs already; stop it (uswgi-ctl --pidfile {path} stop) or use another pidfile"
    )]
    Live {
        /// Which.
        path: PathBuf,
        /// Its pid.
        pid: i32,
    },
    /// It cannot be written.
    #[error("cannot write pidfile {path}: {source}; {hint}")]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
}

/// A pidfile of this process.
#[derive(Debug)]
pub struct Pidfile {
    /// As configured.
    path: PathBuf,
    file: File,
    /// Where it is found; None: nowhere, it lies outside of the jail.
    here: Option<PathBuf>,
}

impl Pidfile {
    /// Refuse the pidfile of a live instance; a stale one is fine.
    pub fn check(path: &Path) -> Result<(), PidfileError> {
        let me = std::process::id() as i32;
        match RunningInstance::from_pidfile(path) {
            Ok(instance) if instance.pid != me => {
                Err(PidfileError::Live { path: path.into(), pid: instance.pid })
            }
            // It runs, and is somebody else's: nothing says that it is no instance.
            Err(TargetError::NotPermitted { pid }) => Err(PidfileError::Live { path: path.into(), pid }),
            _ => Ok(()),
        }
    }

    /// Write `pid\n` with mode 0644.
    pub fn write(path: &Path) -> Result<Pidfile, PidfileError> {
        let text = format!("{}\n", std::process::id());
        let error = |source: std::io::Error| {
            let hint = match source.kind() {
                ErrorKind::NotFound => "create its directory",
                ErrorKind::PermissionDenied => "choose a directory that this user can write",
                _ => "choose another path",
            };
            PidfileError::Write { path: path.into(), source, hint }
        };
        // A device or a FIFO (one without a reader is an error, and not waited for) is written in place, and so is a file in a directory that is not ours.
        let plain = fs::symlink_metadata(path).map_or(true, |m| m.is_file());
        if plain {
            match replace(path, text.as_bytes()) {
                Ok(file) => return Ok(Pidfile { path: path.into(), here: Some(path.into()), file }),
                Err(e) if e.kind() == ErrorKind::PermissionDenied => {}
                Err(e) => return Err(error(e)),
            }
        }
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o644);
        let mut file = strangers::open(path, &options, nix::libc::O_NONBLOCK).map_err(error)?;
        file.write_all(text.as_bytes()).map_err(error)?;
        Ok(Pidfile { path: path.into(), here: Some(path.into()), file })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Write it again, whatever has become of it.
    pub fn rewrite(&mut self) -> Result<(), PidfileError> {
        let path = self.path.clone();
        match self.here.clone() {
            Some(here) => *self = Pidfile { path, ..Pidfile::write(&here)? },
            None => {
                let _ = self.file.set_len(0);
                self.fill();
            }
        }
        Ok(())
    }

    /// The master goes into a jail: where the path leads from inside.
    pub fn enter(&mut self, inside: impl Fn(&Path) -> Option<PathBuf>) {
        self.here = inside(&self.path);
    }

    /// Make it, empty, while there are the rights to; [`Pidfile::fill`] follows.
    pub fn reserve(path: &Path) -> Result<Pidfile, PidfileError> {
        let made = Pidfile::write(path)?;
        let source = match made.file.set_len(0) {
            Ok(()) => return Ok(made),
            Err(source) => source,
        };
        Err(PidfileError::Write { path: path.into(), source, hint: "choose another path" })
    }

    /// Write the pid into a reserved file. One that has its text already is left alone.
    pub fn fill(&self) {
        use std::os::unix::fs::FileExt;
        if self.file.metadata().is_ok_and(|m| m.len() == 0) {
            let _ = self.file.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0);
        }
    }

    /// Remove it; where that is not permitted or possible, empty it. Another instance's file is left alone.
    pub fn remove(self) {
        let Some(here) = &self.here else {
            let _ = self.file.set_len(0);
            return;
        };
        let same = match (self.file.metadata(), fs::symlink_metadata(here)) {
            (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
            _ => false,
        };
        if same && fs::remove_file(here).is_err() {
            let _ = self.file.set_len(0);
        }
    }
}

fn replace(path: &Path, text: &[u8]) -> std::io::Result<File> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = file
        .write_all(text)
        .and_then(|()| file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644)))
        .and_then(|()| fs::rename(&temporary, path));
    if let Err(e) = written {
        let _ = fs::remove_file(&temporary);
        return Err(e);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_over_a_stale_one_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        fs::write(&path, "999999999\n").unwrap();
        Pidfile::check(&path).unwrap();
        let p = Pidfile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
        p.remove();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_reserved_one_is_empty_until_it_is_filled() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        let p = Pidfile::reserve(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        p.fill();
        p.fill();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        p.remove();
        assert!(!path.exists());
    }

    #[test]
    fn one_outside_of_the_jail_is_emptied_and_written_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        let mut p = Pidfile::write(&path).unwrap();
        p.enter(|_| None);
        fs::write(&path, "").unwrap();
        p.rewrite().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        p.remove();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        let mut p = Pidfile::write(&path).unwrap();
        let moved = dir.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        p.enter(|_| Some(moved.clone()));
        p.remove();
        assert!(!moved.exists());
    }

    #[test]
    fn somebody_elses_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        let p = Pidfile::write(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        p.remove();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn a_missing_directory_is_named_with_what_to_do() {
        let error = Pidfile::write(Path::new("no/such/dir/x.pid")).unwrap_err().to_string();
        assert!(error.contains("no/such/dir/x.pid") && error.contains("create its directory"), "{error}");
    }
}
