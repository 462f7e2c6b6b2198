//! The claim of an Emperor on a monitor: nobody else has it at the same time, and vassals find who has it now.
//!
//! A claim is a locked file, and beside it a datagram socket to which vassals write as to a service manager (sd_notify). Its name
//! follows from the monitor, so that vassals that outlive an Emperor are heard by the next one. It must never believe what is said: it
//! says only who has spoken, as the kernel knows it.
#![forbid(unsafe_code)]

use crate::scan::Monitor;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, setsockopt, sockopt};
use nix::unistd::Uid;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, IoSliceMut, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use uswgi_proto::emperor::{FolderOwner, folders, owner};

/// Most bytes of one message.
const LONGEST: usize = 4096;

/// A claim that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Somebody has it.
    #[error("an emperor with pid {pid} watches over {monitor} already; stop it first")]
    Taken {
        /// Who.
        pid: i32,
        /// Which.
        monitor: String,
    },
    /// There is no place for it.
    #[error("cannot keep {path}: {source}; an emperor needs a place for its lock and socket")]
    Place {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Vassals that run: pid and start time (field 22 of proc_pid_stat(5)) by file.
pub type ClaimRecord = BTreeMap<String, (i32, u64)>;

/// A claim; it lasts as long as this lives.
pub struct Claim {
    lock: Flock<File>,
    lock_path: PathBuf,
    socket: UnixDatagram,
    /// Where vassals write to.
    pub address: PathBuf,
    /// What the monitor is known by: its absolute path.
    pub key: PathBuf,
}

/// A folder that is ours and that others cannot write to.
fn make(folder: &Path) -> io::Result<()> {
    let mode = if Uid::effective().is_root() { 0o755 } else { 0o700 };
    match DirBuilder::new().mode(mode).create(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    let m = fs::symlink_metadata(folder)?;
    if !m.is_dir() || m.uid() != Uid::effective().as_raw() || m.mode() & 0o022 != 0 {
        return Err(io::Error::other("it is not this user's alone"));
    }
    Ok(())
}

/// Letters for a path: FNV-1a, which stays the same from version to version.
fn letters(key: &Path) -> String {
    let hash = key
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// Open and lock the file. None: it was removed meanwhile.
fn lock(path: &Path, monitor: &str) -> Result<Option<Flock<File>>, ClaimError> {
    let place = |source| ClaimError::Place { path: path.into(), source };
    let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o644).open(path);
    match Flock::lock(file.map_err(place)?, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => {
            let held = lock.metadata().map_err(place)?;
            let named = fs::symlink_metadata(path);
            Ok(named.is_ok_and(|n| (n.dev(), n.ino()) == (held.dev(), held.ino())).then_some(lock))
        }
        Err((_, nix::Error::EWOULDBLOCK)) => {
            let pid = owner(path).map_or(0, |o| o.pid);
            Err(ClaimError::Taken { pid, monitor: monitor.into() })
        }
        Err((_, e)) => Err(place(e.into())),
    }
}

/// Remove what Emperors have left that were killed, and whose folders are gone too: nobody will take these claims again.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "lock") {
            continue;
        }
        let gone = owner(&path).is_none_or(|o| fs::symlink_metadata(&o.monitor).is_err());
        if gone && let Ok(Some(_held)) = lock(&path, "") {
            let _ = fs::remove_file(path.with_extension("notify"));
            let _ = fs::remove_file(path.with_extension("vassals"));
            let _ = fs::remove_file(path);
        }
    }
}

impl Claim {
    /// Take the claim on a monitor.
    pub fn take(monitor: &Monitor) -> Result<Claim, ClaimError> {
        let mut last = None;
        for folder in folders() {
            let place = |source| ClaimError::Place { path: folder.clone(), source };
            match make(&folder).map_err(place).and_then(|()| Claim::take_in(&folder, monitor)) {
                Err(e @ ClaimError::Place { .. }) => last = last.or(Some(e)),
                done => return done,
            }
        }
        Err(last.unwrap_or(ClaimError::Place { path: "/run".into(), source: io::ErrorKind::NotFound.into() }))
    }

    fn take_in(folder: &Path, monitor: &Monitor) -> Result<Claim, ClaimError> {
        sweep(folder);
        let key = monitor.key();
        let name = letters(&key);
        let (lock_path, address) =
            (folder.join(format!("{name}.lock")), folder.join(format!("{name}.notify")));
        let place = |source| ClaimError::Place { path: address.clone(), source };
        let mut lock = loop {
            if let Some(lock) = lock(&lock_path, &monitor.name)? {
                break lock;
            }
        };
        let who = FolderOwner { pid: std::process::id() as i32, monitor: key.display().to_string() };
        let text = serde_json::to_vec(&who).unwrap_or_default();
        lock.set_len(0).and_then(|()| lock.write_all(&text)).map_err(place)?;
        let _ = fs::remove_file(&address);
        let socket = UnixDatagram::bind(&address).map_err(place)?;
        // Vassals of other users write to it: who has written is what the kernel says.
        fs::set_permissions(&address, fs::Permissions::from_mode(0o666)).map_err(place)?;
        socket.set_nonblocking(true).map_err(place)?;
        setsockopt(&socket, sockopt::PassCred, &true).map_err(|e| place(e.into()))?;
        Ok(Claim { lock, lock_path, socket, address, key })
    }

    /// The next message: who has spoken, and what was said. None: nothing more.
    pub fn hear(&self) -> Option<(i32, Vec<u8>)> {
        let mut text = vec![0; LONGEST];
        let mut control = nix::cmsg_space!(UnixCredentials);
        let (n, who) = {
            let mut parts = [IoSliceMut::new(&mut text)];
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
            let got = recvmsg::<()>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), flags).ok()?;
            let who = got.cmsgs().ok().into_iter().flatten().find_map(|c| match c {
                ControlMessageOwned::ScmCredentials(c) => Some(c.pid()),
                _ => None,
            });
            (got.bytes, who)
        };
        text.truncate(n);
        Some((who.unwrap_or(0), text))
    }

    /// Write down which vassals run: pid and start time by file. Nobody but the user that keeps the claims can.
    pub fn record(&self, vassals: &ClaimRecord) {
        let path = self.lock_path.with_extension("vassals");
        let new = self.lock_path.with_extension("new");
        let text = serde_json::to_vec(vassals).unwrap_or_default();
        // Where the folder is another user's there is none, and none is needed (see `look`).
        let _ = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
    }

    /// What an Emperor before this one has written down.
    pub fn recorded(&self) -> ClaimRecord {
        let text = fs::read(self.lock_path.with_extension("vassals")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Give it back; the next Emperor finds nothing.
    pub fn release(self) {
        let _ = fs::remove_file(&self.address);
        let _ = fs::remove_file(self.lock_path.with_extension("vassals"));
        let _ = self.lock.set_len(0);
        let _ = fs::remove_file(&self.lock_path);
    }
}

impl AsFd for Claim {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_and_the_next_one_after_him() {
        let (run, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let monitor = Monitor::new(&dir.path().display().to_string());
        let claim = Claim::take_in(run.path(), &monitor).unwrap();
        let taken = Claim::take_in(run.path(), &monitor).err().unwrap().to_string();
        assert!(taken.contains(&format!("pid {} watches over", std::process::id())), "{taken}");
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to(b"READY=1\n", &claim.address).unwrap();
        let me = std::process::id() as i32;
        assert_eq!(claim.hear(), Some((me, b"READY=1\n".to_vec())));
        assert_eq!(claim.hear(), None);
        // One that is killed leaves its files.
        let address = claim.address.clone();
        let vassals = ClaimRecord::from([("/v/a.ini".to_string(), (7, 99))]);
        claim.record(&vassals);
        drop(claim);
        let claim = Claim::take_in(run.path(), &monitor).unwrap();
        assert_eq!((&claim.address, claim.recorded()), (&address, vassals));
        claim.record(&ClaimRecord::new());
        // One whose folder is gone as well leaves nothing for ever.
        let gone = dir.path().join("gone");
        fs::create_dir(&gone).unwrap();
        let other = Claim::take_in(run.path(), &Monitor::new(&gone.display().to_string())).unwrap();
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 5);
        drop(other);
        fs::remove_dir(&gone).unwrap();
        sweep(run.path());
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 3, "that of who lives stays");
        claim.release();
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_letters_of_a_path_stay_the_same() {
        assert_eq!(letters(Path::new("/etc/uwsgi/vassals")), "c34c46b2a06cba92".to_string());
    }
}
