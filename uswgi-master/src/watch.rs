//! When to look at the touch files: at once where inotify sees the change, and every so often in any case.
//!
//! The rule: the directories of the files are watched (a file may be replaced, or not be there yet).
//! Where each of them is there, and on a file system on which every change is made by this kernel, inotify
//! sees everything and a look each [`SELDOM`] is a net below it. On any other (NFS, FUSE, overlay, a
//! directory that is missing) the look each [`OFTEN`] is what is relied on. It must never read a file.
#![forbid(unsafe_code)]

use crate::events::{Events, Woken};
use crate::touch::Touch;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::statfs::statfs;
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use uswgi_conf::instance::Instance;

/// Between looks where inotify sees everything.
const SELDOM: Duration = Duration::from_secs(10);
/// Between looks elsewhere.
const OFTEN: Duration = Duration::from_secs(1);
/// After a notice: what writes several files, or one in several steps, is seen as one change; and a
/// directory in which others write all the time wakes the master no more often than this.
const SETTLE: Duration = Duration::from_millis(100);

/// Magic numbers of statfs(2): ext2 to 4, xfs, btrfs, f2fs, zfs, bcachefs, tmpfs, ramfs.
const LOCAL: [i64; 8] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e, 0x0102_1994, 0x8584_58f6];

/// What follows from a touched file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// A reload.
    Reload,
    /// The workers are replaced.
    Renew,
    /// Its steps run.
    Steps,
}

/// The touch files of an instance and when they are looked at.
pub struct Watched {
    reload: Touch,
    workers: Touch,
    steps: Touch,
    inotify: Option<Inotify>,
    every: Duration,
    due: Instant,
    /// A notice came: nothing more is heard until the look.
    muted: bool,
}

/// Files that have steps, each once.
fn with_steps(instance: &Instance) -> Vec<PathBuf> {
    let all: BTreeSet<&PathBuf> = instance.tasks.touched.iter().map(|t| &t.path).collect();
    all.into_iter().cloned().collect()
}

fn directories(files: &[&Touch]) -> BTreeSet<PathBuf> {
    let paths = files.iter().flat_map(|t| t.paths());
    let parent = |p: &Path| match p.parent() {
        Some(d) if d.as_os_str().is_empty() => PathBuf::from("."),
        Some(d) => d.into(),
        None => PathBuf::from("/"),
    };
    // Of a link both its own directory and that of what it leads to.
    paths
        .flat_map(|p| [Some(parent(p)), std::fs::canonicalize(p).ok().map(|p| parent(&p))])
        .flatten()
        .collect()
}

// The type of the magic number differs between C libraries.
#[allow(clippy::unnecessary_cast)]
fn is_local(directory: &Path) -> bool {
    statfs(directory).is_ok_and(|s| LOCAL.contains(&(s.filesystem_type().0 as i64)))
}

impl Watched {
    /// Watch the files of a configuration from now on.
    pub fn new(instance: &Instance) -> Watched {
        let mut watched = Watched {
            reload: Touch::new(&instance.touch_reload),
            workers: Touch::new(&instance.touch_workers),
            steps: Touch::new(&with_steps(instance)),
            inotify: None,
            every: OFTEN,
            due: Instant::now(),
            muted: false,
        };
        watched.arrange();
        watched
    }

    /// Another configuration is in force.
    pub fn rename(&mut self, instance: &Instance, events: &Events) {
        self.reload.rename(&instance.touch_reload);
        self.workers.rename(&instance.touch_workers);
        self.steps.rename(&with_steps(instance));
        self.arrange();
        self.listen(events);
    }

    fn is_empty(&self) -> bool {
        self.reload.is_empty() && self.workers.is_empty() && self.steps.is_empty()
    }

    /// Watch the directories as they are now.
    fn arrange(&mut self) {
        self.muted = false;
        self.inotify = None;
        self.every = OFTEN;
        self.due = Instant::now() + OFTEN;
        if self.is_empty() {
            return;
        }
        let Ok(inotify) = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK) else { return };
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        let all = directories(&[&self.reload, &self.workers, &self.steps]);
        let seen =
            all.iter().filter(|d| inotify.add_watch(d.as_path(), flags).is_ok() && is_local(d)).count();
        if seen == all.len() {
            self.every = SELDOM;
        }
        self.inotify = Some(inotify);
        self.due = Instant::now() + self.every;
    }

    /// Wake up for notices.
    pub fn listen(&self, events: &Events) {
        if let Some(inotify) = &self.inotify {
            let _ = events.watch(inotify.as_fd(), Woken::Touch, false);
        }
    }

    /// A notice came: look soon.
    pub fn noticed(&mut self, events: &Events) {
        if let Some(inotify) = &self.inotify {
            events.forget(inotify.as_fd());
            self.muted = true;
            self.due = self.due.min(Instant::now() + SETTLE);
        }
    }

    /// When a look is due.
    pub fn deadline(&self) -> Option<Instant> {
        (!self.is_empty()).then_some(self.due)
    }

    /// Look, if it is time: the files that have changed, and what follows from each.
    pub fn look(&mut self, now: Instant, events: &Events) -> Vec<(PathBuf, Follows)> {
        if self.is_empty() || self.due > now {
            return Vec::new();
        }
        self.due = now + self.every;
        if std::mem::take(&mut self.muted)
            && let Some(inotify) = &self.inotify
        {
            // Before the look: what comes from here on is a notice of its own.
            while inotify.read_events().is_ok_and(|e| !e.is_empty()) {}
            self.listen(events);
        }
        let reload = self.reload.changed().map(|p| (p, Follows::Reload));
        let workers = self.workers.changed().map(|p| (p, Follows::Renew));
        let steps = self.steps.all_changed();
        let moved = reload.is_some() || workers.is_some() || !steps.is_empty();
        if moved || self.inotify.is_none() || self.every == OFTEN {
            self.follow(events);
        }
        // A full reload does what replacing the workers would.
        let first = reload.or(workers);
        first.into_iter().chain(steps.into_iter().map(|p| (p, Follows::Steps))).collect()
    }

    /// Links may lead elsewhere now, and missing directories be there.
    fn follow(&mut self, events: &Events) {
        let due = self.due;
        self.arrange();
        self.due = self.due.min(due);
        self.listen(events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn watched(paths: &[PathBuf]) -> Watched {
        let mut w = Watched {
            reload: Touch::new(paths),
            workers: Touch::default(),
            steps: Touch::default(),
            inotify: None,
            every: OFTEN,
            due: Instant::now(),
            muted: false,
        };
        w.arrange();
        w
    }

    /// Whether the kernel wakes it within some time.
    fn woken(events: &Events) -> bool {
        let until = Instant::now() + Duration::from_secs(20);
        events.wait(Some(until)).unwrap().contains(&Woken::Touch)
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
        assert_eq!(w.look(soon, &events), [(file.clone(), Follows::Reload)]);
        assert!(w.look(soon + SELDOM, &events).is_empty());
        // By another file that takes its place.
        let other = dir.path().join("g");
        fs::write(&other, "").unwrap();
        fs::rename(&other, &file).unwrap();
        assert!(woken(&events));
        w.noticed(&events);
        assert_eq!(w.look(w.deadline().unwrap(), &events), [(file, Follows::Reload)]);
    }

    #[test]
    fn a_directory_that_is_not_there_is_looked_for_often() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("later/f");
        let events = Events::new().unwrap();
        let mut w = watched(std::slice::from_ref(&file));
        assert_eq!(w.every, OFTEN);
        fs::create_dir(dir.path().join("later")).unwrap();
        fs::write(&file, "").unwrap();
        assert_eq!(w.look(Instant::now() + OFTEN, &events), [(file, Follows::Reload)]);
        if is_local(dir.path()) {
            assert_eq!(w.every, SELDOM, "it is watched from now on");
        }
    }

    #[test]
    fn every_file_with_steps_is_told_beside_a_reload() {
        let dir = tempfile::tempdir().unwrap();
        let files = ["a", "b", "c"].map(|n| dir.path().join(n));
        let events = Events::new().unwrap();
        let mut w = watched(&files[..1]);
        w.workers = Touch::new(&files[1..2]);
        w.steps = Touch::new(&files);
        files[..2].iter().for_each(|f| fs::write(f, "").unwrap());
        let [a, b, _] = files;
        let seen = w.look(Instant::now() + SELDOM, &events);
        assert_eq!(
            seen,
            [(a.clone(), Follows::Reload), (a.clone(), Follows::Steps), (b, Follows::Steps)],
            "the reload replaces the workers too"
        );
        fs::remove_file(&a).unwrap();
        assert_eq!(w.look(Instant::now() + 2 * SELDOM, &events), [], "removed");
    }

    #[test]
    fn without_files_nothing_is_due() {
        assert_eq!(watched(&[]).deadline(), None);
    }
}
