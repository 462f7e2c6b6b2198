//! Files that are touched, and what follows from each: when their directories have changed, their stamps are looked at.
//!
//! The directories are watched and not the files, as a file may be replaced, or not be there yet. It must never read a file.
#![forbid(unsafe_code)]

use crate::directories::Directories;
use crate::events::{Events, Wake};
use crate::touch::Touch;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Touch files and when they are looked at. `F`: what follows from a touch, the caller's own type.
pub struct Watched<F, W> {
    sets: Vec<(F, Touch)>,
    directories: Directories<W>,
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(d) if d.as_os_str().is_empty() => PathBuf::from("."),
        Some(d) => d.into(),
        None => PathBuf::from("/"),
    }
}

/// The directories of files: of a link both its own and that of what it leads to.
fn directories<'a>(files: impl Iterator<Item = &'a Path>) -> BTreeSet<PathBuf> {
    files
        .flat_map(|p| [Some(parent(p)), std::fs::canonicalize(p).ok().map(|p| parent(&p))])
        .flatten()
        .collect()
}

impl<F: Copy + PartialEq, W: Wake> Watched<F, W> {
    /// Watch these files from now on; [`Watched::listen`] follows. A notice wakes the loop with `wake`.
    pub fn new(sets: &[(F, Vec<PathBuf>)], wake: W) -> Watched<F, W> {
        let sets = sets.iter().map(|(follows, paths)| (*follows, Touch::new(paths))).collect();
        let mut watched = Watched { sets, directories: Directories::new(wake) };
        watched.directories.arrange(&watched.places());
        watched
    }

    /// Watch these from now on; what was seen of files that were watched for the same reason already stays.
    pub fn rename(&mut self, sets: &[(F, Vec<PathBuf>)], events: &Events<W>) {
        let mut old = std::mem::take(&mut self.sets);
        for (follows, paths) in sets {
            let known = old.iter().position(|(f, _)| f == follows);
            let mut touch = known.map(|at| old.swap_remove(at).1).unwrap_or_default();
            touch.rename(paths);
            self.sets.push((*follows, touch));
        }
        self.directories.arrange(&self.places());
        self.directories.listen(events);
    }

    fn places(&self) -> BTreeSet<PathBuf> {
        directories(self.sets.iter().flat_map(|(_, touch)| touch.paths()))
    }

    fn is_empty(&self) -> bool {
        self.sets.iter().all(|(_, touch)| touch.is_empty())
    }

    /// Wake up for notices.
    pub fn listen(&self, events: &Events<W>) {
        self.directories.listen(events);
    }

    /// A notice came: look soon.
    pub fn noticed(&mut self, events: &Events<W>) {
        self.directories.noticed(events);
    }

    /// When a look is due; None: nothing is watched.
    pub fn deadline(&self) -> Option<Instant> {
        (!self.is_empty()).then_some(self.directories.due())
    }

    /// Look, if it is time: every file that has changed, and what follows, in the order of the sets.
    pub fn look(&mut self, now: Instant, events: &Events<W>) -> Vec<(PathBuf, F)> {
        if self.is_empty() || !self.directories.take(now, events) {
            return Vec::new();
        }
        let changed = |(follows, touch): &mut (F, Touch)| {
            let follows = *follows;
            touch.all_changed().into_iter().map(move |path| (path, follows))
        };
        let all: Vec<(PathBuf, F)> = self.sets.iter_mut().flat_map(changed).collect();
        if !all.is_empty() || !self.directories.sees_everything() {
            self.directories.follow(&self.places(), events);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directories::{OFTEN, SELDOM, SETTLE, is_local};
    use crate::events::tests::Woken;
    use std::fs;
    use std::time::Duration;

    fn watched(paths: &[PathBuf]) -> Watched<char, Woken> {
        Watched::new(&[('r', paths.to_vec())], Woken::Other(0))
    }

    /// Whether the kernel wakes it within some time.
    fn woken(events: &Events<Woken>) -> bool {
        let until = Instant::now() + Duration::from_secs(20);
        events.wait(Some(until)).unwrap().contains(&Woken::Other(0))
    }

    #[test]
    fn a_change_wakes_it_and_is_reported_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        let events = Events::new().unwrap();
        let mut w = watched(std::slice::from_ref(&file));
        w.listen(&events);
        fs::write(&file, "").unwrap();
        assert!(woken(&events));
        w.noticed(&events);
        let soon = w.deadline().unwrap();
        assert!(soon <= Instant::now() + SETTLE);
        assert!(w.look(soon - SETTLE, &events).is_empty());
        assert_eq!(w.look(soon, &events), [(file.clone(), 'r')]);
        assert!(w.look(soon + SELDOM, &events).is_empty());
        // By another file that takes its place.
        let other = dir.path().join("g");
        fs::write(&other, "").unwrap();
        fs::rename(&other, &file).unwrap();
        assert!(woken(&events));
        w.noticed(&events);
        assert_eq!(w.look(w.deadline().unwrap(), &events), [(file, 'r')]);
    }

    #[test]
    fn a_directory_that_is_not_there_is_looked_for_often() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("later/f");
        let events = Events::new().unwrap();
        let mut w = watched(std::slice::from_ref(&file));
        assert!(!w.directories.sees_everything());
        fs::create_dir(dir.path().join("later")).unwrap();
        fs::write(&file, "").unwrap();
        assert_eq!(w.look(Instant::now() + OFTEN, &events), [(file, 'r')]);
        if is_local(dir.path()) {
            assert!(w.directories.sees_everything(), "it is watched from now on");
        }
    }

    #[test]
    fn a_file_is_told_once_for_each_of_its_reasons() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|n| dir.path().join(n));
        let events = Events::new().unwrap();
        let steps = vec![a.clone(), b.clone(), c.clone()];
        let mut w = Watched::new(&[('r', vec![a.clone()]), ('s', steps.clone())], Woken::Other(0));
        [&a, &b].iter().for_each(|f| fs::write(f, "").unwrap());
        // What was there before the settings have changed is seen afterwards; a new reason begins afresh.
        w.rename(&[('s', steps), ('w', vec![b.clone()])], &events);
        assert_eq!(w.look(Instant::now() + SELDOM, &events), [(a.clone(), 's'), (b, 's')]);
        fs::remove_file(&a).unwrap();
        assert_eq!(w.look(Instant::now() + 2 * SELDOM, &events), [], "removed");
    }

    #[test]
    fn without_files_nothing_is_due() {
        assert_eq!(watched(&[]).deadline(), None);
    }
}
