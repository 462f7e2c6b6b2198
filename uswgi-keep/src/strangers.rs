//! Files in folders that somebody else can write to. Root opens a log or writes a pidfile there, and whoever owns the folder chooses
//! what its name leads to. It must never follow a link that a stranger made, nor change a file that it did not make.
#![forbid(unsafe_code)]

use nix::fcntl::{AtFlags, OFlag, readlinkat};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, fchownat};
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Links behind each other that are followed, as the kernel counts them.
const LINKS: u32 = 40;

/// Open a file, or make it, by the name that is there: a link is followed where root or this user made it. Root alone is so strict:
/// whom a link of another user leads astray otherwise has no rights that its maker lacks. `flags` are those beside the options.
pub fn open(path: &Path, options: &OpenOptions, flags: i32) -> io::Result<File> {
    if !Uid::effective().is_root() {
        return options.clone().custom_flags(flags).open(path);
    }
    let mut here = path.to_path_buf();
    for _ in 0..LINKS {
        match options.clone().custom_flags(flags | libc::O_NOFOLLOW).open(&here) {
            Err(e) if e.raw_os_error() == Some(libc::ELOOP) => here = link_of_ours(&here)?,
            opened => return opened,
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// Where a link leads that root or this user made.
fn link_of_ours(path: &Path) -> io::Result<PathBuf> {
    let link = hold(path)?;
    let owner = link.metadata()?.uid();
    if owner != 0 && owner != Uid::effective().as_raw() {
        let told = format!(
            "it is a link that user {owner} made, and root does not follow that; name the file itself"
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, told));
    }
    let to = readlinkat(&link, "")?;
    Ok(path.parent().map_or_else(|| PathBuf::from(&to), |folder| folder.join(&to)))
}

/// The file of a name itself, a link too: to be looked at, and to be given a mode or an owner by [`SocketInode`].
fn hold(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::open(path, flags, Mode::empty())?.into())
}

/// The file of a socket, whatever comes to its path: to be given a mode or an owner.
#[derive(Debug)]
pub struct SocketInode(File);

impl SocketInode {
    /// The socket that this process has just bound: one of this user that has no other name.
    pub fn new(path: &Path) -> io::Result<SocketInode> {
        let held = hold(path)?;
        let meta = held.metadata()?;
        let ours =
            meta.file_type().is_socket() && meta.uid() == Uid::effective().as_raw() && meta.nlink() == 1;
        if ours { Ok(SocketInode(held)) } else { Err(replaced()) }
    }

    /// The socket with this device and inode.
    pub fn known(path: &Path, device: u64, inode: u64) -> io::Result<SocketInode> {
        let held = hold(path)?;
        let meta = held.metadata()?;
        if (meta.dev(), meta.ino()) == (device, inode) { Ok(SocketInode(held)) } else { Err(replaced()) }
    }

    /// What is known of it.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.0.metadata()
    }

    /// Give it a mode.
    pub fn chmod(&self, mode: u32) -> io::Result<()> {
        // Linux has no fchmod(2) of such a descriptor before 6.6; this is its file, and no other.
        let here = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        std::fs::set_permissions(here, Permissions::from_mode(mode))
    }

    /// Give it to somebody.
    pub fn chown(&self, uid: Option<Uid>, gid: Option<Gid>) -> io::Result<()> {
        Ok(fchownat(&self.0, "", uid, gid, AtFlags::AT_EMPTY_PATH)?)
    }
}

fn replaced() -> io::Error {
    io::Error::other("somebody has put another file in its place")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    fn write(path: &Path) -> io::Result<()> {
        open(path, File::options().append(true).create(true), 0)?.write_all(b"x")
    }

    #[test]
    fn links_of_ones_own_are_followed_wherever_they_lead() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        symlink("b", at("a")).unwrap();
        symlink(at("c"), at("b")).unwrap();
        write(&at("a")).unwrap();
        write(&at("c")).unwrap();
        assert_eq!(std::fs::read(at("c")).unwrap(), b"xx");
        symlink("round", at("round")).unwrap();
        assert_eq!(write(&at("round")).unwrap_err().raw_os_error(), Some(libc::ELOOP));
    }

    #[test]
    fn a_strangers_link_is_not_followed_by_root() {
        if !Uid::effective().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (link, precious) = (dir.path().join("log"), dir.path().join("precious"));
        std::fs::write(&precious, "p").unwrap();
        symlink(&precious, &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65534), Some(65534)).unwrap();
        let error = write(&link).unwrap_err();
        assert!(error.to_string().contains("user 65534 made"), "{error}");
        assert_eq!(std::fs::read(&precious).unwrap(), b"p");
    }

    #[test]
    fn a_socket_keeps_its_mode_and_owner_to_itself() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let _listener = UnixListener::bind(at("s")).unwrap();
        std::fs::write(at("precious"), "").unwrap();
        std::fs::set_permissions(at("precious"), Permissions::from_mode(0o600)).unwrap();
        symlink(at("s"), at("l")).unwrap();
        for path in [at("precious"), at("l"), at("none")] {
            assert!(SocketInode::new(&path).is_err());
        }
        let held = SocketInode::new(&at("s")).unwrap();
        // Somebody is quicker.
        std::fs::rename(at("s"), at("moved")).unwrap();
        symlink(at("precious"), at("s")).unwrap();
        held.chmod(0o606).unwrap();
        held.chown(Some(Uid::effective()), Some(Gid::effective())).unwrap();
        let mode = |name: &str| std::fs::metadata(at(name)).unwrap().mode() & 0o777;
        assert_eq!((mode("moved"), mode("precious")), (0o606, 0o600));
        let meta = held.metadata().unwrap();
        assert!(SocketInode::known(&at("moved"), meta.dev(), meta.ino()).is_ok());
        assert!(SocketInode::known(&at("s"), meta.dev(), meta.ino()).is_err());
        std::fs::hard_link(at("moved"), at("second")).unwrap();
        assert!(SocketInode::new(&at("moved")).is_err());
    }
}
