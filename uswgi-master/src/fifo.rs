//! `master-fifo`: a FIFO in which each byte is a command, with the letters of uWSGI. Every letter is
//! carried out or refused by a line in the log; what is no letter of a command (a newline) is passed over.
//!
//! Of several FIFOs one is open at a time, the first at the start; the digits choose another. One that is
//! deleted is made again. It must never take the FIFO of another instance that reads it.
#![forbid(unsafe_code)]

use crate::events::{Events, Woken};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{mkfifo, read};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use uswgi_keep::log;
use uswgi_proto::scale::ScaleTo;
use uswgi_proto::steer::{Reload, SteerRequest};

/// A FIFO that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum FifoError {
    /// Something else has its name.
    #[error("master-fifo {0}: this is no FIFO; remove it or choose another path")]
    NoFifo(PathBuf),
    /// Somebody reads it.
    #[error("master-fifo {0}: another process reads it; stop that instance or choose another path")]
    Taken(PathBuf),
    /// The system refused.
    #[error(
        "cannot make master-fifo {path}: {source}; choose a path in a directory that this user can write"
    )]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What a letter asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FifoCommand {
    /// Read the FIFO with this number instead.
    Slot(usize),
    /// Carry this out.
    Order(SteerRequest),
    /// No workers until somebody connects.
    SendAway,
    /// There is no such thing here; why, and what to do.
    Refused(&'static str),
}

/// The letters of uWSGI 2.0.31. None: no letter, passed over.
pub fn command(letter: u8) -> Option<FifoCommand> {
    use FifoCommand::{Order, Refused, Slot};
    let reload = |what, at_once| Order(SteerRequest::Reload { what, at_once });
    Some(match letter {
        b'0'..=b'9' => Slot(usize::from(letter - b'0')),
        b'+' => Order(SteerRequest::Scale { to: ScaleTo::More(1) }),
        b'-' => Order(SteerRequest::Scale { to: ScaleTo::Fewer(1) }),
        b'c' => reload(Reload::Workers, false),
        b'l' => Order(SteerRequest::ReopenLogs),
        b'L' => Order(SteerRequest::RotateLogs),
        b'p' => Order(SteerRequest::Pause { on: None }),
        b'P' => Order(SteerRequest::Pidfiles),
        b'q' => Order(SteerRequest::Stop { at_once: false }),
        b'Q' => Order(SteerRequest::Stop { at_once: true }),
        b'r' => reload(Reload::All, false),
        b'R' => reload(Reload::All, true),
        b's' => Order(SteerRequest::Report),
        b'w' => reload(Reload::Workers, false),
        b'W' => reload(Reload::Workers, true),
        b'C' => FifoCommand::SendAway,
        b'B' | b'E' => Refused("there is no Emperor here; the service manager starts instances"),
        b'f' => {
            Refused("the master is not forked again here; a reload (r) replaces everything but the master")
        }
        b'S' => Refused("there are no subscriptions here"),
        _ => return None,
    })
}

struct Open {
    path: PathBuf,
    fd: OwnedFd,
    inode: (u64, u64),
}

/// The FIFOs of an instance.
#[derive(Default)]
pub struct Fifo {
    paths: Vec<PathBuf>,
    active: usize,
    open: Option<Open>,
    /// The same complaint is made once.
    complained: bool,
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

fn make(path: &Path) -> Result<Open, FifoError> {
    let io = |source: io::Error| FifoError::Io { path: path.into(), source };
    let nonblock = OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    match fs::symlink_metadata(path) {
        Ok(m) if !m.file_type().is_fifo() => return Err(FifoError::NoFifo(path.into())),
        Ok(_) => {
            // Opening for writing without waiting succeeds only where somebody reads.
            if nix::fcntl::open(path, OFlag::O_WRONLY | nonblock, Mode::empty()).is_ok() {
                return Err(FifoError::Taken(path.into()));
            }
            // Of a run before this one; its owner and mode may be wrong.
            fs::remove_file(path).map_err(io)?;
        }
        Err(_) => {}
    }
    mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|e| io(e.into()))?;
    // For writing too: without a writer the end of file would wake the loop for ever.
    let fd = nix::fcntl::open(path, OFlag::O_RDWR | nonblock, Mode::empty()).map_err(|e| io(e.into()))?;
    let meta = fs::symlink_metadata(path).map_err(io)?;
    Ok(Open { path: path.into(), fd, inode: (meta.dev(), meta.ino()) })
}

impl Fifo {
    /// Make and open the first one, as the user that the master becomes.
    pub fn open(paths: &[PathBuf]) -> Result<Fifo, FifoError> {
        let open = paths.first().map(|p| make(p)).transpose()?;
        Ok(Fifo { paths: paths.to_vec(), active: 0, open, complained: false })
    }

    /// Whether there is one to look after.
    pub fn is_open(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Wake up for letters.
    pub fn watch(&self, events: &Events) {
        if let Some(open) = &self.open
            && let Err(e) = events.watch(open.fd.as_fd(), Woken::Fifo, false)
        {
            log::line(format_args!("master-fifo {}: {e}", open.path.display()));
        }
    }

    /// Make it again when it was deleted.
    pub fn mend(&mut self, events: &Events) {
        let Some(path) = self.paths.get(self.active).cloned() else { return };
        if self.open.as_ref().is_some_and(|o| inode(&o.path) == Some(o.inode)) {
            self.complained = false;
            return;
        }
        match make(&path) {
            Ok(open) => {
                // The old one may still hold letters of somebody who wrote before the deletion: lost, as
                // with any deleted FIFO.
                self.open = Some(open);
                self.watch(events);
                self.complained = false;
                log::line(format_args!("master-fifo {} was made again", path.display()));
            }
            Err(e) if !self.complained => {
                self.complained = true;
                log::line(e);
            }
            Err(_) => {}
        }
    }

    /// Read another one from now on.
    pub(crate) fn choose(&mut self, slot: usize, events: &Events) {
        let Some(path) = self.paths.get(slot) else {
            return log::line(format_args!(
                "master-fifo {slot} refused: only {} are named",
                self.paths.len()
            ));
        };
        if slot == self.active && self.open.is_some() {
            return;
        }
        match make(path) {
            Ok(open) => {
                log::line(format_args!("reading master-fifo {slot}: {}", path.display()));
                self.vacuum();
                (self.active, self.open) = (slot, Some(open));
                self.watch(events);
            }
            Err(e) => log::line(e),
        }
    }

    /// The settings have changed: keep what is named still, open what is first now.
    pub fn rename(&mut self, paths: &[PathBuf], events: &Events) {
        if paths == self.paths {
            return;
        }
        self.paths = paths.to_vec();
        let kept = self.open.as_ref().and_then(|o| paths.iter().position(|p| *p == o.path));
        self.active = kept.unwrap_or(0);
        if kept.is_none() {
            self.vacuum();
            self.open = None;
            self.mend(events);
        }
    }

    /// Remove its name, if it is ours.
    pub fn vacuum(&self) {
        if let Some(open) = &self.open
            && inode(&open.path) == Some(open.inode)
        {
            let _ = fs::remove_file(&open.path);
        }
    }

    /// Some of the letters that are there; more of them wake the loop again.
    pub(crate) fn letters(&self) -> Vec<u8> {
        let Some(open) = &self.open else { return Vec::new() };
        let mut buffer = [0; 512];
        let n = read(&open.fd, &mut buffer).unwrap_or(0);
        buffer[..n].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn every_letter_of_uwsgi_is_known_and_nothing_else() {
        let known: String = (0..=255u8).filter(|&b| command(b).is_some()).map(char::from).collect();
        assert_eq!(known, "+-0123456789BCELPQRSWcflpqrsw");
        assert_eq!(
            command(b'r'),
            Some(FifoCommand::Order(SteerRequest::Reload { what: Reload::All, at_once: false }))
        );
        assert_eq!(command(b'Q'), Some(FifoCommand::Order(SteerRequest::Stop { at_once: true })));
        assert_eq!(command(b'C'), Some(FifoCommand::SendAway));
        assert_eq!(command(b'\n'), None);
    }

    #[test]
    fn it_is_private_replaces_a_dead_one_and_never_a_live_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        mkfifo(&path, Mode::from_bits_truncate(0o666)).unwrap();
        let fifo = Fifo::open(std::slice::from_ref(&path)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(Fifo::open(std::slice::from_ref(&path)), Err(FifoError::Taken(_))));
        fs::OpenOptions::new().write(true).open(&path).unwrap().write_all(b"rq\n").unwrap();
        assert_eq!(fifo.letters(), b"rq\n");
        assert_eq!(fifo.letters(), b"");
        fifo.vacuum();
        assert!(!path.exists());
    }

    #[test]
    fn a_file_in_its_place_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::write(&path, "precious").unwrap();
        let error = Fifo::open(std::slice::from_ref(&path)).err().unwrap().to_string();
        assert!(error.contains("no FIFO"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_deleted_one_is_made_again_and_digits_choose() {
        let dir = tempfile::tempdir().unwrap();
        let paths = [dir.path().join("a"), dir.path().join("b")];
        let events = Events::new().unwrap();
        let mut fifo = Fifo::open(&paths).unwrap();
        assert!(!paths[1].exists(), "only the active one is there");
        fs::remove_file(&paths[0]).unwrap();
        fifo.mend(&events);
        assert!(paths[0].exists());
        fifo.choose(1, &events);
        assert!(paths[1].exists() && !paths[0].exists());
        fifo.choose(7, &events);
        assert_eq!(fifo.active, 1);
        fifo.rename(&[dir.path().join("c")], &events);
        assert!(dir.path().join("c").exists() && !paths[1].exists());
    }
}
