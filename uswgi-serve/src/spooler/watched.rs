//! The kernel's word on new names in a spool folder (inotify), and in those of priorities below it.

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use uswgi_spool::queue::{Entry, is_priority};
use uswgi_spool::{Queue, TaskName};

/// Folders in which the kernel watches.
pub(super) struct Watched {
    inotify: Inotify,
    root: PathBuf,
    ordered: bool,
    /// The spool folder, and those of priorities by their name.
    watches: Vec<(WatchDescriptor, Option<String>)>,
}

impl Watched {
    /// None where the kernel gives no word: then only looks at the folder find what is new.
    pub(super) fn new(root: &Path, ordered: bool) -> Option<Watched> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
        let watch = inotify.add_watch(root, wanted(ordered)).ok()?;
        Some(Watched { inotify, root: root.into(), ordered, watches: vec![(watch, None)] })
    }

    /// Readable when there is news.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Watch the folder of a priority, too.
    pub(super) fn add(&mut self, priority: &str) {
        // The same folder has the same number.
        if let Ok(watch) = self.inotify.add_watch(&self.root.join(priority), wanted(self.ordered))
            && self.watches.iter().all(|(known, _)| *known != watch)
        {
            self.watches.push((watch, Some(priority.into())));
        }
    }

    /// Names that are new; false: some were lost, or a folder has come or gone.
    pub(super) fn hear(&mut self, queue: &mut Queue) -> bool {
        let mut all = true;
        while let Ok(events) = self.inotify.read_events() {
            if events.is_empty() {
                break;
            }
            for event in events {
                let lost = AddWatchFlags::IN_Q_OVERFLOW | AddWatchFlags::IN_IGNORED;
                all &= !event.mask.intersects(lost);
                let Some(file) = event.name.as_ref().and_then(|n| n.to_str()) else { continue };
                let Some((_, priority)) = self.watches.iter().find(|(w, _)| *w == event.wd) else { continue };
                if event.mask.contains(AddWatchFlags::IN_ISDIR) {
                    let news = event.mask.intersects(AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO);
                    all &= !(news && self.ordered && priority.is_none() && is_priority(file));
                } else if let Some(name) = TaskName::of(file)
                    && !event.mask.contains(AddWatchFlags::IN_CREATE)
                {
                    let entry = Entry::new(priority.as_deref(), name);
                    let timed = event.mask.contains(AddWatchFlags::IN_ATTRIB);
                    if timed { queue.hurry(entry) } else { queue.add(entry) }
                }
            }
        }
        all
    }
}

fn wanted(ordered: bool) -> AddWatchFlags {
    // The last one: somebody has given a task another time.
    let files = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_ATTRIB;
    // Of one that is removed its end is no news.
    let no_removed = AddWatchFlags::from_bits_retain(nix::libc::IN_EXCL_UNLINK);
    let files = files | AddWatchFlags::IN_ONLYDIR | no_removed;
    if ordered { files | AddWatchFlags::IN_CREATE } else { files }
}
