//! Programs of this family that another one starts: beside it, or on PATH.
#![forbid(unsafe_code)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A program of ours is not installed.
#[derive(Debug, thiserror::Error)]
#[error("cannot find {name} beside {beside} or on PATH; install it there")]
pub struct NotBeside {
    /// Which.
    pub name: &'static str,
    /// Directory of this program.
    pub beside: PathBuf,
}

fn usable(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The program of this name: beside this one, or on PATH.
pub fn find(name: &'static str) -> Result<PathBuf, NotBeside> {
    let own = std::env::current_exe().unwrap_or_default();
    let beside = own.parent().map(Path::to_path_buf).unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::iter::once(beside.clone()).chain(std::env::split_paths(&path));
    places.find_map(|dir| Some(dir.join(name)).filter(|p| usable(p))).ok_or(NotBeside { name, beside })
}
