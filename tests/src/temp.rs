//! Temporary folders: short enough for unix sockets, readable for other users, gone after the test unless it failed.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder that goes with this value.
pub struct TempDir {
    path: PathBuf,
}

impl TempDir {
    /// A new empty folder, mode 0755.
    pub fn new() -> TempDir {
        // One that a failed run has kept may have the number of this process.
        let path = loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("uswgi-t{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => break path,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => panic!("temporary folder {}: {e}", path.display()),
            }
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode of the temporary folder");
        TempDir { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Names in it, sorted.
    pub fn names(&self) -> Vec<String> {
        names(&self.path)
    }
}

impl Default for TempDir {
    fn default() -> Self {
        TempDir::new()
    }
}

/// Names in a folder, sorted.
pub fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path)
        .map(|entries| entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if std::thread::panicking() || std::env::var_os("USWGI_TEST_KEEP").is_some() {
            eprintln!("kept for a look: {}", self.path.display());
        } else {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A file system of 64 KiB.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// On a folder that is there; for [`crate::Need::Mounts`].
    pub fn new(dir: &Path) -> SmallDisk {
        SmallDisk(dir.into()).mounted(nix::mount::MsFlags::empty())
    }

    /// It takes no change from now on.
    pub fn read_only(self) -> SmallDisk {
        self.mounted(nix::mount::MsFlags::MS_REMOUNT | nix::mount::MsFlags::MS_RDONLY)
    }

    /// It takes changes again.
    pub fn writable(self) -> SmallDisk {
        self.mounted(nix::mount::MsFlags::MS_REMOUNT)
    }

    fn mounted(self, flags: nix::mount::MsFlags) -> SmallDisk {
        let (kind, options) = (Some("tmpfs"), Some("size=64k,mode=777"));
        nix::mount::mount(kind, &self.0, kind, flags, options).expect("a tmpfs");
        self
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH);
    }
}
