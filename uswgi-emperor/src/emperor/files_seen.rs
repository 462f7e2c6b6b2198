//! The vassals' files, looked at: at notices of the kernel, and every so often in any case.
#![forbid(unsafe_code)]

use super::Emperor;
use crate::court::Event;
use crate::files::{Change, Found, Stamp};
use crate::name::shown;
use crate::{instances, scan};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use uswgi_keep::log;

/// How long ago a file was written. One of the future is being written.
fn age(stamp: &Stamp) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, nanos) = stamp.modified;
    let written = Duration::new(u64::try_from(seconds).unwrap_or(0), u32::try_from(nanos).unwrap_or(0));
    now.saturating_sub(written)
}

impl Emperor<'_> {
    /// When the files are to be looked at.
    pub(super) fn scan_deadline(&self) -> Option<Instant> {
        let freq = Duration::from_secs(self.settings.freq.into());
        let wanted = self.last_scan.filter(|_| !freq.is_zero()).map(|last| last + freq);
        [Some(self.directories.due()), wanted, self.files.deadline()].into_iter().flatten().min()
    }

    pub(super) fn scan_is_due(&self) -> bool {
        !self.court.is_stopping() && self.scan_deadline().is_some_and(|at| at <= Instant::now())
    }

    /// Look at all of them, and tell the court.
    pub(super) fn scan(&mut self) {
        let now = Instant::now();
        // Before the look: what comes from here on is a notice of its own.
        self.directories.take(now, &self.started.events);
        self.last_scan = Some(now);
        let sight = scan::look(&mut self.monitors, &self.settings);
        if sight.places != self.places {
            self.places = sight.places;
            self.directories.follow(&self.places, &self.started.events);
        }
        for (path, said) in &sight.odd {
            if self.odd.get(path) != Some(said) {
                log::line(said);
            }
        }
        self.odd = sight.odd;
        let ids: BTreeSet<PathBuf> = sight.found.iter().map(|f| f.path.clone()).collect();
        let unread = sight.unread;
        let of_monitor = |id: &OsString| self.court.get(id).is_some_and(|v| unread.contains(&v.file.monitor));
        for change in self.files.look(sight.found, &of_monitor, &age, now) {
            match change {
                Change::Added(found) => self.added(found),
                Change::Touched(found) => self.touched(found),
                Change::Removed(id) => {
                    self.addresses.forget(&id, &self.started.events);
                    self.on(Event::Removed(id));
                }
            }
        }
        if unread.is_empty() {
            self.dismiss(&ids);
        }
    }

    /// A file counts: its vassal may run already, since an Emperor before this one.
    pub(super) fn add(&mut self, found: Box<Found>) {
        let pid = self.inherited.remove(&found.path).filter(|&pid| self.hold(pid, false));
        self.on(Event::Added(found.clone(), pid));
        let Some(pid) = pid else { return };
        self.look_at(pid);
        if instances::read_at(pid).is_some_and(|read| found.stamp.modified >= read) {
            self.on(Event::Touched(found));
        }
    }

    /// Vassals that run although their files are gone since an Emperor before this one.
    fn dismiss(&mut self, there: &BTreeSet<PathBuf>) {
        let gone: Vec<(PathBuf, i32)> = self
            .inherited
            .iter()
            .filter(|(p, _)| !there.contains(*p))
            .map(|(p, &pid)| (p.clone(), pid))
            .collect();
        for (path, pid) in gone {
            self.inherited.remove(&path);
            log::line(format_args!(
                "vassal {} (pid {pid}): its file is gone, it stops gracefully",
                shown(path.as_os_str())
            ));
            if self.hold(pid, false) {
                self.send(pid, libc::SIGINT);
            }
        }
    }
}
