//! What is new in the folder of a spooler: by the kernel's word, and by looks at all of it, a piece at a time.

use super::Spooler;
use super::watched::Watched;
use crate::say;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime};
use uswgi_spool::Scan;

/// Tasks between two looks at what is new, where no priority has to be met.
const IN_A_ROW: u32 = 64;
/// Names that are read of the folder between two tasks; fewer where a test counts them.
pub(super) const NAMES_AT_A_TIME: usize = if cfg!(test) { 32 } else { 1024 };

impl Spooler {
    /// What is new.
    pub(super) fn look(&mut self) {
        self.in_a_row += 1;
        let now = Instant::now();
        if self.scan.is_none() && (self.missed || self.scan_at <= now) {
            self.begin_scan(now);
        } else if self.scan.is_some()
            || self.rules.ordered
            || self.in_a_row >= IN_A_ROW
            || !self.queue_has_more()
        {
            self.in_a_row = 0;
            self.hear();
        }
        self.go_on();
    }

    pub(super) fn frequency(&self) -> Duration {
        let asked = self.link.slot().map_or(0, |s| s.frequency.load(Relaxed));
        Duration::from_secs(if asked > 0 { asked } else { self.rules.frequency }.max(1).into())
    }

    fn begin_scan(&mut self, now: Instant) {
        self.scan_at = now + self.frequency();
        if self.watch.is_none() {
            self.watch = Watched::new(self.folder.root(), self.rules.ordered);
        }
        // Where it has just changed, once more.
        if !self.hear() {
            return;
        }
        match Scan::begin(&self.folder) {
            Ok(scan) => self.scan = Some(scan),
            Err(e) => self.cannot_read(&e),
        }
    }

    /// The next names of the look that goes on.
    fn go_on(&mut self) {
        let Some(mut scan) = self.scan.take() else { return };
        let watch = &mut self.watch;
        let below = |priority: &str| watch.iter_mut().for_each(|w| w.add(priority));
        match scan.step(&mut self.queue, SystemTime::now(), NAMES_AT_A_TIME, below) {
            Ok(0) => {
                self.missed = false;
                self.show();
            }
            Ok(read) => {
                self.names_read += read as u64;
                self.scan = Some(scan);
            }
            Err(e) => self.cannot_read(&e),
        }
    }

    fn cannot_read(&mut self, e: &std::io::Error) {
        say!("{}: cannot read {}: {e}", self.link.aide, self.folder.root().display());
        // Asked again when the next look is due, not before.
        self.missed = false;
    }

    /// Names that are new. Where some were lost (false), the folder is read.
    fn hear(&mut self) -> bool {
        let all = self.watch.as_mut().is_none_or(|w| w.hear(&mut self.queue));
        if !all {
            (self.watch, self.scan, self.missed) = (None, None, true);
        }
        all
    }
}
