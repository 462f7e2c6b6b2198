//! Folders of environment variables (`envdir`, `early-envdir`): each file is a variable, its name the file's, its
//! value the file's text, as daemontools' envdir has them. Reads the folder; sets nothing.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What Linux takes as one variable of a program that is started: name, `=`, value, NUL (MAX_ARG_STRLEN, execve(2)).
const LONGEST: usize = 128 * 1024;

/// A variable to set, or (None) to remove.
pub(crate) type EnvEntry = (Vec<u8>, Option<Vec<u8>>);

/// Why a folder cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvdirError {
    /// The folder, or a file in it, cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The name of a file cannot be that of a variable.
    #[error("{}: a name with = cannot be that of a variable", .0.display())]
    Name(PathBuf),
    /// A value that no program could be started with.
    #[error("{}: longer than the {LONGEST} bytes of a variable", .0.display())]
    TooLong(PathBuf),
}

/// The variables of a folder, by name. Folders and what begins with a dot are skipped, symlinks are followed (as
/// Kubernetes mounts a secret). Observed on uWSGI 2.0.31: white space at the end is cut and kept elsewhere, the
/// value ends at a NUL, and an empty file removes the variable.
pub(crate) fn read(folder: &Path) -> Result<Vec<EnvEntry>, EnvdirError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |error| EnvdirError::Unreadable { path, error }
    };
    let mut all = Vec::new();
    for entry in folder.read_dir().map_err(failed(folder))? {
        let name = entry.map_err(failed(folder))?.file_name();
        let path = folder.join(&name);
        if name.as_bytes().starts_with(b".") || !path.metadata().map_err(failed(&path))?.is_file() {
            continue;
        }
        if name.as_bytes().contains(&b'=') {
            return Err(EnvdirError::Name(path));
        }
        let mut text = Vec::new();
        let file = File::open(&path).map_err(failed(&path))?;
        file.take(LONGEST as u64).read_to_end(&mut text).map_err(failed(&path))?;
        if text.len() + name.len() + 2 > LONGEST {
            return Err(EnvdirError::TooLong(path));
        }
        all.push((name.into_vec(), value(&text)));
    }
    all.sort();
    Ok(all)
}

/// The folder that an option names.
pub(crate) fn folder(value: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(value))
}

fn value(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.split(|&b| b == 0).next().unwrap_or_default();
    let end = text.iter().rposition(|b| !b.is_ascii_whitespace() && *b != 0x0b)?;
    Some(text[..=end].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_text_without_white_space_at_its_end() {
        let of = |text: &str| value(text.as_bytes()).map(|v| String::from_utf8(v).unwrap());
        assert_eq!(of("v1  \n\n").as_deref(), Some("v1"));
        assert_eq!(of(" lead\nin\n").as_deref(), Some(" lead\nin"));
        assert_eq!(of("a\0b").as_deref(), Some("a"));
        assert_eq!(of(""), None);
    }

    #[test]
    fn folders_and_hidden_files_are_no_variables() {
        let dir = std::env::temp_dir().join(format!("uswgi-envdir-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("SUB")).unwrap();
        std::fs::write(dir.join("..data"), "no").unwrap();
        std::fs::write(dir.join("KEY"), "yes\n").unwrap();
        std::os::unix::fs::symlink("KEY", dir.join("LINK")).unwrap();
        std::fs::write(dir.join("GONE"), "").unwrap();
        let seen = read(&dir).unwrap();
        std::fs::write(dir.join("A=B"), "").unwrap();
        let bad = read(&dir).unwrap_err().to_string();
        std::fs::remove_file(dir.join("A=B")).unwrap();
        std::fs::write(dir.join("BIG"), vec![b'x'; LONGEST]).unwrap();
        let long = read(&dir).unwrap_err().to_string();
        std::fs::remove_dir_all(&dir).unwrap();
        let want: Vec<EnvEntry> = [("GONE", None), ("KEY", Some("yes")), ("LINK", Some("yes"))]
            .map(|(n, v)| (n.into(), v.map(Into::into)))
            .into();
        assert_eq!(seen, want);
        assert!(bad.ends_with("A=B: a name with = cannot be that of a variable"), "{bad}");
        assert!(long.contains("BIG: longer than"), "{long}");
        assert!(read(&dir).unwrap_err().to_string().contains("No such file"));
    }
}
