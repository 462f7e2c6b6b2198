//! Opening a file that must stand below a directory, whatever its path says.
//!
//! openat2(2) with RESOLVE_BENEATH lets the kernel decide, so that no symlink that is changed meanwhile leads out.
//! Links with an absolute target, directories that are allowed beside the root, and kernels without openat2 take
//! the slow way: resolve, open, and look where the descriptor stands.

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// O_NONBLOCK: a FIFO must not hold the thread.
const READ: OFlag = OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_CLOEXEC).union(OFlag::O_NOCTTY);

/// A descriptor that only names a directory or a file.
pub fn open_path(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?)
}

/// Open for reading a file or directory below `root`. `root_path` is where that is; symlinks may also lead into the
/// directories `safe` (absolute, resolved). An empty `relative`: the root itself.
pub fn open_beneath(
    root: &OwnedFd,
    root_path: &Path,
    relative: &Path,
    safe: &[PathBuf],
) -> io::Result<OwnedFd> {
    if relative.as_os_str().is_empty() {
        return Ok(open(root_path, READ, Mode::empty())?);
    }
    let how =
        OpenHow::new().flags(READ).resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    match openat2(root.as_fd(), relative, how) {
        Ok(fd) => Ok(fd),
        Err(Errno::EXDEV | Errno::EAGAIN | Errno::ENOSYS | Errno::EPERM) => {
            resolved(root_path, relative, safe)
        }
        Err(e) => Err(e.into()),
    }
}

fn resolved(root_path: &Path, relative: &Path, safe: &[PathBuf]) -> io::Result<OwnedFd> {
    let root = root_path.canonicalize()?;
    let file = root.join(relative).canonicalize()?;
    let allowed = |p: &Path| p.starts_with(&root) || safe.iter().any(|s| p.starts_with(s));
    if !allowed(&file) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let fd = open(&file, READ | OFlag::O_NOFOLLOW, Mode::empty())?;
    // A directory on the way may have been replaced by a link since.
    if allowed(Path::new(&path_of(&fd)?)) { Ok(fd) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// Where an open file stands, symlinks resolved.
pub fn path_of(fd: &OwnedFd) -> io::Result<OsString> {
    Ok(std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))?.into_os_string())
}
