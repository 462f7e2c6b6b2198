//! Finds `uswgi-worker`, the launcher that the master execs: named by the environment, beside this program, or on PATH.
#![forbid(unsafe_code)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Path of the launcher to use instead of the installed one; for tests.
pub const LAUNCHER_OVERRIDE: &str = "USWGI_WORKER";

/// Name of the launcher.
pub(crate) const LAUNCHER: &str = "uswgi-worker";

/// There is no launcher.
#[derive(Debug, thiserror::Error)]
#[error("cannot find {LAUNCHER} beside {beside} or on PATH; install it there")]
pub struct NoLauncher {
    /// Directory of this program.
    pub beside: PathBuf,
}

/// Whether it is a program.
pub(crate) fn usable(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Where a launcher may be: in this directory, or on PATH.
pub(crate) fn candidates(beside: &Path) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::iter::once(beside.to_path_buf()).chain(std::env::split_paths(&path));
    dirs.map(|dir| dir.join(LAUNCHER)).collect()
}

/// The launcher: named by the environment, beside this program, or on PATH.
pub fn find() -> Result<PathBuf, NoLauncher> {
    if let Some(path) = std::env::var_os(LAUNCHER_OVERRIDE).filter(|p| !p.is_empty()) {
        return Ok(path.into());
    }
    let beside =
        std::env::current_exe().ok().and_then(|p| p.parent().map(Path::to_path_buf)).unwrap_or_default();
    candidates(&beside).into_iter().find(|p| usable(p)).ok_or(NoLauncher { beside })
}
