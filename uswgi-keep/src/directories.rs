//! Directories in which something may change: a notice at once where inotify sees it, and a look every so often in any case.
//!
//! The rule: where each directory is there, and on a file system on which every change is made by this kernel, inotify
//! sees everything and a look each [`SELDOM`] is a net below it. On any other (NFS, FUSE, overlay, a
//! directory that is missing) the look each [`OFTEN`] is what is relied on. It says when to look, and must never look itself.
#![forbid(unsafe_code)]

use crate::events::{Events, Wake};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::statfs::statfs;
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between looks where inotify sees everything.
pub const SELDOM: Duration = Duration::from_secs(10);
/// Between looks elsewhere.
pub const OFTEN: Duration = Duration::from_secs(1);
/// After a notice: what writes several files, or one in several steps, is seen as one change; and a
/// directory in which others write all the time wakes its watcher no more often than this.
pub const SETTLE: Duration = Duration::from_millis(100);

/// Magic numbers of statfs(2): ext2 to 4, xfs, btrfs, f2fs, zfs, bcachefs, tmpfs, ramfs.
const LOCAL: [i64; 8] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e, 0x0102_1994, 0x8584_58f6];

/// The directories that are watched, and when a look at them is due.
pub struct Directories<W> {
    wake: W,
    inotify: Option<Inotify>,
    every: Duration,
    due: Instant,
    /// A notice came: nothing more is heard until the look.
    muted: bool,
    /// What is taken away is a change too.
    removals: bool,
}

// The type of the magic number differs between C libraries.
#[allow(clippy::unnecessary_cast)]
pub(crate) fn is_local(directory: &Path) -> bool {
    statfs(directory).is_ok_and(|s| LOCAL.contains(&(s.filesystem_type().0 as i64)))
}

impl<W: Wake> Directories<W> {
    /// None yet. A notice wakes the loop with this value.
    pub fn new(wake: W) -> Directories<W> {
        let due = Instant::now() + OFTEN;
        Directories { wake, inotify: None, every: OFTEN, due, muted: false, removals: false }
    }

    /// None yet; what is taken away from one of them makes a notice too.
    pub fn with_removals(wake: W) -> Directories<W> {
        Directories { removals: true, ..Directories::new(wake) }
    }

    /// Watch these from now on, as they are now; [`Directories::listen`] follows.
    pub fn arrange(&mut self, all: &BTreeSet<PathBuf>) {
        *self = Directories { removals: self.removals, ..Directories::new(self.wake) };
        if all.is_empty() {
            return;
        }
        let Ok(inotify) = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK) else { return };
        let mut flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        if self.removals {
            flags |= AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM;
        }
        let seen =
            all.iter().filter(|d| inotify.add_watch(d.as_path(), flags).is_ok() && is_local(d)).count();
        if seen == all.len() {
            self.every = SELDOM;
        }
        self.inotify = Some(inotify);
        self.due = Instant::now() + self.every;
    }

    /// Watch them as they are now, as links may lead elsewhere and missing directories be there; a look that is due stays so.
    pub fn follow(&mut self, all: &BTreeSet<PathBuf>, events: &Events<W>) {
        let due = self.due;
        self.arrange(all);
        self.due = self.due.min(due);
        self.listen(events);
    }

    /// Wake up for notices.
    pub fn listen(&self, events: &Events<W>) {
        if let Some(inotify) = &self.inotify {
            let _ = events.watch(inotify.as_fd(), self.wake, false);
        }
    }

    /// A notice came: look soon.
    pub fn noticed(&mut self, events: &Events<W>) {
        if let Some(inotify) = &self.inotify {
            events.forget(inotify.as_fd());
            self.muted = true;
            self.due = self.due.min(Instant::now() + SETTLE);
        }
    }

    /// When a look is due.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Whether it is time for a look, which the caller makes now.
    pub fn take(&mut self, now: Instant, events: &Events<W>) -> bool {
        if self.due > now {
            return false;
        }
        self.due = now + self.every;
        if std::mem::take(&mut self.muted)
            && let Some(inotify) = &self.inotify
        {
            // Before the look: what comes from here on is a notice of its own.
            while inotify.read_events().is_ok_and(|e| !e.is_empty()) {}
            self.listen(events);
        }
        true
    }

    /// Whether the kernel tells of every change.
    pub fn sees_everything(&self) -> bool {
        self.inotify.is_some() && self.every == SELDOM
    }
}
