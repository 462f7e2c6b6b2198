//! Temporary files without a name: nothing is left behind whatever happens, and nobody else can open them.

#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions, remove_file};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Names that are tried before somebody else's files are an error.
const TRIES: u32 = 16;

/// A new file below `dir` for reading and writing, mode 0600, close-on-exec, without a name. File systems that cannot
/// make such a file (`O_TMPFILE`: overlayfs and FUSE of older kernels, NFS) give one whose name is taken away at once.
pub(crate) fn file(dir: &Path) -> io::Result<File> {
    make(dir, |options, path| options.open(path))
}

fn make(dir: &Path, mut open: impl FnMut(&OpenOptions, &Path) -> io::Result<File>) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).mode(0o600);
    match open(options.clone().custom_flags(libc::O_TMPFILE | libc::O_CLOEXEC), dir) {
        Err(e) if is_impossible(&e) => {}
        done => return done,
    }
    // O_EXCL: never a file or a link that is there, whoever made it.
    options.create_new(true).custom_flags(libc::O_CLOEXEC);
    let mut tries = 0..TRIES;
    loop {
        let path = dir.join(format!("uswgi-{}-{:016x}", std::process::id(), random()));
        match open(&options, &path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && tries.next().is_some() => {}
            Err(e) => return Err(e),
            Ok(file) => {
                remove_file(&path)?;
                return Ok(file);
            }
        }
    }
}

/// Whether the file system, or the kernel, has no `O_TMPFILE`.
fn is_impossible(e: &io::Error) -> bool {
    matches!(e.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR | libc::ENOENT | libc::EINVAL))
}

/// A number that others do not guess: the keys of each map differ.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::unix::fs::MetadataExt;

    fn works(mut file: File, dir: &Path) {
        file.write_all(b"body").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let meta = file.metadata().unwrap();
        assert_eq!((text.as_str(), meta.nlink(), meta.mode() & 0o777), ("body", 0, 0o600));
        assert_eq!(dir.read_dir().unwrap().count(), 0, "nothing has a name");
    }

    #[test]
    fn a_file_has_no_name() {
        let dir = tempfile::tempdir().unwrap();
        works(file(dir.path()).unwrap(), dir.path());
    }

    #[test]
    fn without_o_tmpfile_its_name_is_taken_away() {
        for errno in [libc::EOPNOTSUPP, libc::EISDIR, libc::ENOENT, libc::EINVAL] {
            let dir = tempfile::tempdir().unwrap();
            let open = |options: &OpenOptions, path: &Path| match path == dir.path() {
                true => Err(io::Error::from_raw_os_error(errno)),
                false => options.open(path),
            };
            works(make(dir.path(), open).unwrap(), dir.path());
        }
    }

    #[test]
    fn a_name_that_is_taken_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut taken = 0;
        let open = |options: &OpenOptions, path: &Path| {
            if path == dir.path() {
                return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
            }
            if taken < 3 {
                taken += 1;
                std::fs::write(path, "somebody's")?;
            }
            options.open(path)
        };
        make(dir.path(), open).unwrap();
        let texts = dir.path().read_dir().unwrap().map(|f| std::fs::read(f.unwrap().path()).unwrap());
        assert_eq!(texts.filter(|t| t == b"somebody's").count(), 3);
    }

    #[test]
    fn other_errors_are_the_callers() {
        let mut opened = 0;
        let full = |_: &OpenOptions, _: &Path| {
            opened += 1;
            Err(io::Error::from_raw_os_error(libc::ENOSPC))
        };
        let e = make(Path::new("/"), full).unwrap_err();
        assert_eq!((e.raw_os_error(), opened), (Some(libc::ENOSPC), 1));
        let none = |_: &OpenOptions, _: &Path| Err(io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!(make(Path::new("/"), none).unwrap_err().raw_os_error(), Some(libc::ENOENT));
        let taken = |_: &OpenOptions, path: &Path| {
            let errno = if path == Path::new("/") { libc::EOPNOTSUPP } else { libc::EEXIST };
            Err(io::Error::from_raw_os_error(errno))
        };
        assert_eq!(make(Path::new("/"), taken).unwrap_err().raw_os_error(), Some(libc::EEXIST));
    }
}
