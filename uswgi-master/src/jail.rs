//! `chroot`: whether there can be a jail, where the launcher is in it, and the way in.
//!
//! What is open when the master goes in stays open. No descriptor of a directory may be among it: it would be
//! a way out.
#![forbid(unsafe_code)]

use crate::launcher;
use nix::unistd::Uid;
use std::io;
use std::path::{Path, PathBuf};
use uswgi_conf::instance::Instance;
use uswgi_conf::jail::Jail;

/// A jail that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// Only root may.
    #[error(
        "chroot = {root}: only root can enter a jail, and this is user {user}; start as root with uid and gid set, or let the service manager do it (RootDirectory= of systemd)"
    )]
    NotRoot {
        /// As configured.
        root: PathBuf,
        /// Who we are.
        user: Uid,
    },
    /// There is no such directory.
    #[error(
        "chroot = {root}: {source}; create the directory with Python, the application and uswgi-worker in it"
    )]
    Directory {
        /// As configured.
        root: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused.
    #[error(
        "chroot = {root}: {source}; the master needs CAP_SYS_CHROOT, and nothing that filters system calls"
    )]
    Refused {
        /// As configured.
        root: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Every program that is started needs it.
    #[error(
        "chroot = {root}: there is no /dev/null in the jail; make it (mknod -m 666 {place} c 1 3) or mount the one of outside there"
    )]
    NoNull {
        /// As configured.
        root: PathBuf,
        /// Where it should be, as seen from outside.
        place: String,
    },
    /// Memory cannot be measured in it.
    #[error(
        "chroot = {root}: {option} measures memory, and there is no /proc in the jail; mount it there (mount -t proc proc {place}) or remove {option}"
    )]
    NoProc {
        /// As configured.
        root: PathBuf,
        /// The option that needs it.
        option: &'static str,
        /// Where it should be, as seen from outside.
        place: String,
    },
    /// Nobody can start workers in it.
    #[error(
        "chroot = {root}: there is no {} in the jail, and workers are started from inside; copy {outside} and its module uswgi_worker.abi3.so to {}, or mount their directory there (mount --bind)",
        launcher::LAUNCHER,
        place.display()
    )]
    NoLauncher {
        /// As configured.
        root: PathBuf,
        /// The launcher outside.
        outside: PathBuf,
        /// Where it should be, as seen from outside.
        place: PathBuf,
    },
}

/// The jail that is configured, as it is on disk. Without the right to enter it there is none.
pub fn find(i: &Instance) -> Result<Option<Jail>, JailError> {
    let Some(named) = &i.chroot else { return Ok(None) };
    let failed = |source| JailError::Directory { root: named.clone(), source };
    let me = Uid::effective();
    if !me.is_root() {
        return Err(JailError::NotRoot { root: named.clone(), user: me });
    }
    let root = std::fs::canonicalize(named).map_err(failed)?;
    if !root.is_dir() {
        return Err(failed(io::Error::from(io::ErrorKind::NotADirectory)));
    }
    let written = std::path::absolute(named).map_err(failed)?;
    let start = std::env::current_dir().map_err(failed)?;
    Ok(Some(Jail { root, written, start }))
}

/// A path of outside as it will be inside, with the symbolic links of its directory followed.
pub fn inside(jail: &Jail, path: &Path) -> Option<PathBuf> {
    let path = jail.start.join(path);
    let real = path.parent().and_then(|dir| std::fs::canonicalize(dir).ok());
    match (real, path.file_name()) {
        (Some(dir), Some(name)) => jail.inside(&dir.join(name)),
        _ => jail.inside(&path),
    }
}

/// Whether there is what every jail needs, before anything is made. Links may lead to what is there only inside:
/// [`launcher`] knows better. `measures`: an option that needs /proc.
pub fn check(jail: &Jail, measures: Option<&'static str>, outside: &Path) -> Result<(), JailError> {
    let there = |p: &Path| std::fs::symlink_metadata(p).is_ok();
    let named = launcher::candidates(outside.parent().unwrap_or(Path::new("/")));
    if inside(jail, outside).is_none() && !named.iter().any(|p| there(&jail.outside(p))) {
        return Err(missing(jail, outside));
    }
    let place = |path: &str| jail.outside(Path::new(path));
    let (null, proc) = (place("/dev/null"), place("/proc"));
    if !there(&null) {
        return Err(JailError::NoNull { root: jail.written.clone(), place: null.display().to_string() });
    }
    match measures {
        Some(option) if !there(&place("/proc/self")) => {
            Err(JailError::NoProc { root: jail.written.clone(), option, place: proc.display().to_string() })
        }
        _ => Ok(()),
    }
}

fn missing(jail: &Jail, outside: &Path) -> JailError {
    JailError::NoLauncher {
        root: jail.written.clone(),
        outside: outside.to_path_buf(),
        place: jail.outside(outside),
    }
}

/// Go in. The working directory is the jail's root from now on.
pub fn enter(jail: &Jail) -> Result<(), JailError> {
    let refused = |e: nix::Error| JailError::Refused { root: jail.written.clone(), source: e.into() };
    uswgi_conf::jail::enter(jail.clone());
    nix::unistd::chroot(&jail.root).map_err(refused)?;
    nix::unistd::chdir("/").map_err(refused)?;
    Ok(())
}

/// The launcher as it is inside: the one of outside where it lies in the jail, else the same name or one on PATH.
/// For a process that is inside already; `moved` is `outside` as [`inside`] has it.
pub fn launcher(jail: &Jail, outside: &Path, moved: Option<PathBuf>) -> Result<PathBuf, JailError> {
    let named = launcher::candidates(outside.parent().unwrap_or(Path::new("/")));
    let mut all = moved.into_iter().chain([outside.to_path_buf()]).chain(named);
    all.find(|p| launcher::usable(p)).ok_or_else(|| missing(jail, outside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launcher_that_is_not_inside_is_named_with_its_place() {
        let (root, written) = ("/data/jail".into(), "/srv/jail".into());
        let jail = Jail { root, written, start: "/".into() };
        let outside = Path::new("/no/such/place/uswgi-worker");
        let text = check(&jail, None, outside).unwrap_err().to_string();
        assert!(text.contains("/data/jail/no/such/place/uswgi-worker") && text.contains("mount"), "{text}");
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().join("uswgi-worker");
        std::fs::write(&here, "").unwrap();
        std::fs::set_permissions(&here, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(launcher(&jail, outside, Some(here.clone())).unwrap(), here);
    }
}
