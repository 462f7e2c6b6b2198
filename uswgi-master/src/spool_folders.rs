//! The folders of `spooler`: absolute, there, and writable for whom the instance runs as.
#![forbid(unsafe_code)]

use nix::unistd::{AccessFlags, access};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use uswgi_conf::instance::Instance;

/// A folder in which no task could be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "spooler = {}: {source}; make it (mkdir -m 750) and give it to the user of the instance",
    path.display()
)]
pub struct FolderError {
    path: PathBuf,
    source: io::Error,
}

/// Make the folders that are not there, as uWSGI does, with the mode that it gives them (0750), and put their absolute
/// names into the settings: workers and spoolers have other working directories.
pub fn prepare(instance: &mut Instance) -> Result<(), FolderError> {
    for folder in &mut instance.background.folders {
        let found = ready(&folder.path);
        folder.path = found.map_err(|source| FolderError { path: folder.path.clone(), source })?;
    }
    Ok(())
}

fn ready(path: &Path) -> io::Result<PathBuf> {
    match DirBuilder::new().mode(0o750).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    let path = path.canonicalize()?;
    if !path.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    access(&path, AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_is_made_where_its_parent_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tasks");
        assert_eq!(ready(&path).unwrap(), path.canonicalize().unwrap());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o750);
        assert_eq!(ready(&path.join("..").join("tasks")).unwrap(), path.canonicalize().unwrap());
        assert_eq!(ready(&path.join("a/b")).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(path.join("file"), "").unwrap();
        assert!(ready(&path.join("file")).is_err());
    }
}
