//! Which source files an application has, and which of them have changed (`py-autoreload`).
//!
//! Of the directories that hold the application's own modules every `.py` file is watched, so that the repair of a
//! broken edit is seen also when it is in a file that was never loaded. It must never decide to reload: the master does.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Microseconds since the epoch at which a file was modified.
fn modified(path: &Path) -> Option<u64> {
    let m = std::fs::metadata(path).ok()?;
    u64::try_from(m.mtime()).ok().map(|s| s * 1_000_000 + m.mtime_nsec() as u64 / 1000)
}

/// Files of modules, and what Python itself and its packages live below.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Sources of the modules.
    pub files: BTreeSet<PathBuf>,
    /// Sources that are not looked at.
    pub ignored: BTreeSet<PathBuf>,
    /// What lies below these folders is not the application's own.
    pub prefixes: Vec<PathBuf>,
    /// More folders of the application: those where modules are looked for while none of its own could be loaded.
    pub roots: Vec<PathBuf>,
}

/// The source of a module whose `__file__` this is.
pub fn source(file: &str) -> PathBuf {
    let path = PathBuf::from(file);
    if path.extension().is_some_and(|e| e == "pyc" || e == "pyo") { path.with_extension("py") } else { path }
}

impl Loaded {
    /// The files to watch: those of modules, and their neighbours in the application's own directories; and
    /// those directories.
    pub fn watched(self) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
        let own = |p: &PathBuf| p.is_absolute() && !self.prefixes.iter().any(|prefix| p.starts_with(prefix));
        let roots = self.roots.iter().filter(|p| own(p));
        let own_files = self.files.iter().filter(|p| own(p));
        let directories: BTreeSet<PathBuf> = own_files
            .filter_map(|p| p.parent())
            .chain(roots.map(PathBuf::as_path))
            .map(Path::to_path_buf)
            .collect();
        let mut found: BTreeSet<PathBuf> = self.files.clone();
        for directory in &directories {
            let Ok(entries) = std::fs::read_dir(directory) else { continue };
            found.extend(entries.flatten().map(|e| e.path()).filter(|p| {
                let name = p.file_name().unwrap_or_default().to_string_lossy();
                name.ends_with(".py") && !name.starts_with(['.', '#'])
            }));
        }
        found.retain(|p| !self.ignored.contains(p));
        (found, directories)
    }
}

/// What was seen of each file.
#[derive(Debug, Default)]
pub struct Seen {
    files: BTreeMap<PathBuf, u64>,
    /// Directories whose files were all seen: another one there has come to be since.
    whole: BTreeSet<PathBuf>,
}

impl Seen {
    /// Look at these files: the first that has changed since it was seen, or that has come to be since. What
    /// was never looked at before is no change: it was imported later.
    pub fn changed(
        &mut self,
        (files, whole): (BTreeSet<PathBuf>, BTreeSet<PathBuf>),
    ) -> Option<(PathBuf, u64)> {
        let mut first = None;
        for path in files {
            let Some(now) = modified(&path) else { continue };
            let changed = match self.files.insert(path.clone(), now) {
                Some(before) => now != before,
                None => path.parent().is_some_and(|d| self.whole.contains(d)),
            };
            if changed && first.is_none() {
                first = Some((path, now));
            }
        }
        self.whole = whole;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;

    fn set(path: &Path, seconds: u64) {
        let at = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        fs::File::options().append(true).create(true).open(path).unwrap().set_modified(at).unwrap();
    }

    #[test]
    fn changes_are_told_once_and_late_imports_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let (own, lib) = (dir.path().join("own"), dir.path().join("lib"));
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(&lib).unwrap();
        let (a, b) = (own.join("a.py"), own.join("b.py"));
        let (c, d) = (lib.join("c.py"), lib.join("d.py"));
        [&a, &c, &d].iter().for_each(|p| set(p, 100));
        let watch = |files: &[&PathBuf]| {
            let files = files.iter().map(|p| (*p).clone()).collect();
            Loaded { files, prefixes: vec![lib.clone()], ..Loaded::default() }.watched()
        };
        let mut seen = Seen::default();
        let mut step = |files: &[&PathBuf]| seen.changed(watch(files)).map(|(p, _)| p);
        assert_eq!(step(&[&a]), None, "the first look");
        set(&a, 200);
        assert_eq!(step(&[&a]), Some(a.clone()));
        assert_eq!(step(&[&a]), None);
        set(&a, 50);
        assert_eq!(step(&[&a]), Some(a.clone()), "an older version counts: somebody went back to it");
        // Imported later: not a change. Changed then: one.
        assert_eq!(step(&[&a, &c]), None);
        set(&c, 300);
        assert_eq!(step(&[&a, &c]), Some(c.clone()));
        assert_eq!(step(&[&a, &c, &d]), None);
        // A new file beside the application's modules.
        set(&b, 100);
        assert_eq!(step(&[&a, &c, &d]), Some(b.clone()));
    }

    #[test]
    fn compiled_files_stand_for_their_source() {
        assert_eq!(source("/x/a.pyc"), Path::new("/x/a.py"));
        assert_eq!(source("/x/a.so"), Path::new("/x/a.so"));
    }

    #[test]
    fn a_root_is_watched_though_nothing_of_it_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let (own, lib) = (dir.path().join("own"), dir.path().join("lib"));
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(&lib).unwrap();
        set(&own.join("broken.py"), 1);
        set(&lib.join("other.py"), 1);
        let (files, _) =
            Loaded { prefixes: vec![lib.clone()], roots: vec![own.clone(), lib], ..Loaded::default() }
                .watched();
        assert_eq!(files, BTreeSet::from([own.join("broken.py")]));
    }
}
