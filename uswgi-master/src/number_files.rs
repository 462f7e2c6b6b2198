//! The folder of `metrics-dir`: a file for each number, with its value as text. Each is written under another name and
//! renamed, so who reads one meets a whole number. It must never decide which numbers there are.
#![forbid(unsafe_code)]

use nix::unistd::{AccessFlags, access};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use uswgi_conf::instance::Instance;
use uswgi_proto::show::numbers::NamedNumber;

/// A folder in which no number could stand.
#[derive(Debug, thiserror::Error)]
#[error("metrics-dir = {}: {source}; make it (mkdir -m 750) and give it to the user of the instance", path.display())]
pub struct NumbersError {
    path: PathBuf,
    source: io::Error,
}

/// Put the absolute name of the folder into the settings. It has to be there, as on uWSGI.
pub(crate) fn prepare(instance: &mut Instance) -> Result<(), NumbersError> {
    let Some(dir) = &mut instance.pushing.dir else { return Ok(()) };
    let found = dir.canonicalize().and_then(|path| {
        access(&path, AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK)?;
        if path.is_dir() { Ok(path) } else { Err(io::ErrorKind::NotADirectory.into()) }
    });
    *dir = found.map_err(|source| NumbersError { path: dir.clone(), source })?;
    Ok(())
}

/// What the files say. uWSGI fills its own up with zeros; one that says nothing is left out.
pub(crate) fn read(dir: &Path) -> BTreeMap<String, i64> {
    let Ok(entries) = fs::read_dir(dir) else { return BTreeMap::new() };
    let one = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok().filter(|n| !n.starts_with('.'))?;
        let text = fs::read(entry.path()).ok()?;
        let text = text.split(|b| *b == b'\n' || *b == 0).next()?;
        Some((name, std::str::from_utf8(text).ok()?.trim().parse().ok()?))
    };
    entries.flatten().filter_map(one).collect()
}

/// Write these; the first that cannot be written ends it.
pub(crate) fn write(dir: &Path, numbers: &[NamedNumber]) -> io::Result<()> {
    for number in numbers {
        let new = dir.join(format!(".{}.new", number.name));
        let mut options = OpenOptions::new();
        let written = options.write(true).create(true).truncate(true).mode(0o640).open(&new);
        let written = written.and_then(|mut file| file.write_all(format!("{}\n", number.value).as_bytes()));
        if let Err(e) = written.and_then(|()| fs::rename(&new, dir.join(&number.name))) {
            let _ = fs::remove_file(&new);
            return Err(e);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_uwsgis_files_too() {
        let dir = tempfile::tempdir().unwrap();
        let number = |name: &str, value| NamedNumber { name: name.into(), kind: 0, value };
        write(dir.path(), &[number("a.b", 42), number("c", -7)]).unwrap();
        write(dir.path(), &[number("c", 9)]).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("c")).unwrap(), "9\n");
        fs::write(dir.path().join("theirs"), b"17\n\0\0\0\0").unwrap();
        fs::write(dir.path().join("nothing"), [0; 4096]).unwrap();
        fs::write(dir.path().join(".x.new"), "1\n").unwrap();
        let found: Vec<(String, i64)> = read(dir.path()).into_iter().collect();
        assert_eq!(found, [("a.b".to_string(), 42), ("c".into(), 9), ("theirs".into(), 17)]);
        assert!(write(&dir.path().join("gone"), &[number("a", 1)]).is_err());
        assert!(read(&dir.path().join("gone")).is_empty());
    }
}
