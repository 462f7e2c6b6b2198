//! When numbers are sent to carbon, and which. What is sent is `uswgi_proto::show::carbon`'s, how it gets there `push`'s.
#![forbid(unsafe_code)]

use super::Master;
use crate::push;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use uswgi_conf::instance::Instance;
use uswgi_keep::log;
use uswgi_proto::show::carbon::{self, CarbonBefore, CarbonTerms};

/// How long after the start numbers are sent for the first time, as on uWSGI.
const FIRST: Duration = Duration::from_secs(1);

/// What was sent last, and what comes next.
#[derive(Debug, Default)]
pub(crate) struct Pushes {
    /// None: nothing is sent.
    next: Option<Instant>,
    last: Option<Instant>,
    before: CarbonBefore,
    /// The process that sends.
    pid: Option<i32>,
}

impl Pushes {
    /// Nothing was sent yet.
    pub(crate) fn new(i: &Instance, now: Instant) -> Pushes {
        let mut pushes = Pushes::default();
        pushes.configure(i, now);
        pushes
    }

    /// Of a configuration that is in force from now on.
    pub(crate) fn configure(&mut self, i: &Instance, now: Instant) {
        let wanted = !i.carbon.servers.is_empty();
        self.next = wanted.then(|| self.next.unwrap_or(now + FIRST));
    }

    /// When the next time is.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next
    }
}

impl Master<'_> {
    /// Send what is due.
    pub(super) fn push(&mut self) {
        let now = Instant::now();
        if self.pushes.next.is_none_or(|at| at > now) {
            return;
        }
        let Some(i) = self.setup().map(|s| s.instance.clone()) else { return };
        // One that is late is not made up for.
        let freq = Duration::from_secs(i.carbon.freq.into());
        self.pushes.next = Some(now + freq);
        if self.pushes.pid.is_some_and(|pid| self.processes.expects(pid)) {
            log::line("carbon does not get numbers this time: those of last time are still on their way");
            return;
        }
        let Some(snapshot) = self.snapshot() else { return };
        let host = nix::unistd::gethostname().map(|h| h.to_string_lossy().into_owned()).unwrap_or_default();
        let socket =
            self.setup().and_then(|s| s.listeners.first()).map(|l| l.shown.clone()).unwrap_or_default();
        let (c, d) = (&i.carbon, &i.dynamic);
        let terms = CarbonTerms {
            prefix: carbon::prefix(&c.root, &host, c.dots.as_deref(), c.id.as_deref(), &socket),
            workers: c.workers,
            idle: c.idle,
            fewer: d.cheaper > 0 || d.cheap || d.idle > 0,
        };
        let seconds = self.pushes.last.map_or(0.0, |last| now.saturating_duration_since(last).as_secs_f64());
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (text, before) = carbon::text(&snapshot, &terms, &self.pushes.before, seconds, epoch);
        (self.pushes.before, self.pushes.last) = (before, Some(now));
        match push::begin(c, &text) {
            Ok(pid) => {
                self.processes.expect(pid);
                self.pushes.pid = Some(pid);
            }
            Err(e) => log::line(format_args!("numbers for carbon cannot be sent: {e}")),
        }
    }
}
