//! Touch files: a newer modification time, another file in its place, or its appearance counts. Its
//! removal does not, nor does an older time of the same file.
//!
//! Symbolic links are followed, so that a mounted config map whose link is swapped counts.
#![forbid(unsafe_code)]

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is remembered of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    /// Seconds and nanoseconds since the epoch.
    modified: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let m = std::fs::metadata(path).ok()?;
        Some(Stamp { inode: (m.dev(), m.ino()), modified: (m.mtime(), m.mtime_nsec()) })
    }
}

/// The files watched, and what was last seen of each.
#[derive(Debug, Default)]
pub struct Touch {
    files: Vec<(PathBuf, Option<Stamp>)>,
}

impl Touch {
    /// Watch from now on.
    pub fn new(paths: &[PathBuf]) -> Touch {
        Touch { files: paths.iter().map(|p| (p.clone(), Stamp::of(p))).collect() }
    }

    /// Watch these from now on; what was seen of files that were watched already stays.
    pub fn rename(&mut self, paths: &[PathBuf]) {
        let mut new = Touch::new(paths);
        for (path, seen) in &mut new.files {
            if let Some((_, before)) = self.files.iter().find(|(p, _)| p == path) {
                *seen = *before;
            }
        }
        *self = new;
    }

    /// Whether there is anything to watch.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(p, _)| p.as_path())
    }

    /// The first file that has changed since it was last seen; changes of the others are taken note of.
    pub fn changed(&mut self) -> Option<PathBuf> {
        self.all_changed().into_iter().next()
    }

    /// Every file that has changed since it was last seen.
    pub fn all_changed(&mut self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        for (path, seen) in &mut self.files {
            let Some(now) = Stamp::of(path) else { continue };
            let touched = seen.is_none_or(|s| now.inode != s.inode || now.modified > s.modified);
            if touched {
                *seen = Some(now);
                all.push(path.clone());
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    #[test]
    fn newer_and_new_files_count_and_removal_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, "").unwrap();
        let mut t = Touch::new(&[a.clone(), b.clone()]);
        assert_eq!(t.changed(), None);
        let later = SystemTime::now() + Duration::from_secs(5);
        File::open(&a).unwrap().set_modified(later).unwrap();
        assert_eq!(t.changed(), Some(a.clone()));
        assert_eq!(t.changed(), None);
        File::open(&a).unwrap().set_modified(later - Duration::from_secs(60)).unwrap();
        assert_eq!(t.changed(), None, "backwards");
        fs::remove_file(&a).unwrap();
        assert_eq!(t.changed(), None, "removed");
        fs::write(&b, "").unwrap();
        assert_eq!(t.changed(), Some(b));
    }

    #[test]
    fn another_file_in_its_place_counts_even_when_it_is_older() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, "").unwrap();
        let mut t = Touch::new(std::slice::from_ref(&a));
        fs::write(&b, "").unwrap();
        File::open(&b).unwrap().set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
        fs::rename(&b, &a).unwrap();
        assert_eq!(t.changed(), Some(a));
    }

    #[test]
    fn a_config_map_that_is_swapped_counts() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for version in ["v1", "v2"] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("uwsgi.ini"), version).unwrap();
        }
        std::os::unix::fs::symlink("v1", at("data")).unwrap();
        std::os::unix::fs::symlink("data/uwsgi.ini", at("uwsgi.ini")).unwrap();
        let mut t = Touch::new(&[at("uwsgi.ini")]);
        std::os::unix::fs::symlink("v2", at("data_tmp")).unwrap();
        fs::rename(at("data_tmp"), at("data")).unwrap();
        assert_eq!(t.changed(), Some(at("uwsgi.ini")));
        assert_eq!(t.changed(), None);
    }

    #[test]
    fn a_touch_while_the_settings_change_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, "").unwrap();
        let mut t = Touch::new(std::slice::from_ref(&a));
        File::open(&a).unwrap().set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
        fs::write(&b, "").unwrap();
        t.rename(&[b, a.clone()]);
        assert_eq!(t.changed(), Some(a));
    }
}
