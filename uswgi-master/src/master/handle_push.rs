//! When numbers are sent to carbon and others, or written into files, and which. What is sent is said by
//! `uswgi_proto::show::{carbon, numbers}`, how it gets there by `push` and `number_files`.
#![forbid(unsafe_code)]

use super::Master;
use crate::{number_files, push};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use uswgi_conf::instance::Instance;
use uswgi_conf::pushing::Pusher;
use uswgi_keep::log;
use uswgi_proto::show::Snapshot;
use uswgi_proto::show::carbon::{self, CarbonBefore, CarbonTerms};
use uswgi_proto::show::numbers::{NamedNumber, numbers};
use uswgi_shared::Shared;

/// How long after the start numbers are sent for the first time, as on uWSGI.
const FIRST: Duration = Duration::from_secs(1);
/// Between two times that files are written, as on uWSGI.
const FILES: Duration = Duration::from_secs(1);

/// Something that is done every so often, in a child.
#[derive(Debug, Default)]
struct Regular {
    /// None: not at all.
    next: Option<Instant>,
    /// The process that does it.
    pid: Option<i32>,
}

impl Regular {
    fn configure(&mut self, wanted: bool, now: Instant) {
        self.next = wanted.then(|| self.next.unwrap_or(now + FIRST));
    }

    /// Whether it is time; then the next time is a period from now, as one that is late is not made up for.
    fn is_due(&mut self, now: Instant, period: Duration) -> bool {
        let due = self.next.is_some_and(|at| at <= now);
        if due {
            self.next = Some(now + period);
        }
        due
    }
}

/// What was sent last, and what comes next.
#[derive(Debug, Default)]
pub(crate) struct Pushes {
    carbon: Regular,
    sockets: Regular,
    files: Regular,
    last: Option<Instant>,
    before: CarbonBefore,
    /// What counters begin with (`metrics-dir-restore`).
    restored: BTreeMap<String, i64>,
    /// What the files say.
    written: BTreeMap<String, i64>,
}

impl Pushes {
    /// Nothing was sent yet. Numbers of the application get what the files of before say, where that is wanted.
    pub(crate) fn new(i: &Instance, shared: &Shared, now: Instant) -> Pushes {
        let mut pushes = Pushes::default();
        if let Some(dir) = i.pushing.dir.as_ref().filter(|_| i.pushing.restore) {
            pushes.restored = number_files::read(dir);
            pushes.restored.retain(|name, value| !shared.metrics().change(name, |_| Some(*value)));
        }
        pushes.configure(i, now);
        pushes
    }

    /// Of a configuration that is in force from now on.
    pub(crate) fn configure(&mut self, i: &Instance, now: Instant) {
        let p = &i.pushing;
        self.carbon.configure(!i.carbon.servers.is_empty(), now);
        self.sockets.configure(p.pushers.iter().any(|p| matches!(p, Pusher::Socket { .. })), now);
        self.files.configure(p.dir.is_some(), now);
    }

    /// When the next time is.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        [&self.carbon, &self.sockets, &self.files].into_iter().filter_map(|r| r.next).min()
    }
}

impl Master<'_> {
    /// Send what is due.
    pub(super) fn push(&mut self) {
        let now = Instant::now();
        if self.pushes.deadline().is_none_or(|at| at > now) {
            return;
        }
        let Some(i) = self.setup().map(|s| s.instance.clone()) else { return };
        let seconds = |n: u32| Duration::from_secs(n.into());
        let carbon = self.pushes.carbon.is_due(now, seconds(i.carbon.freq));
        let sockets = self.pushes.sockets.is_due(now, seconds(i.pushing.freq));
        let files = self.pushes.files.is_due(now, FILES);
        let Some(snapshot) = self.snapshot() else { return };
        if carbon {
            self.push_carbon(&i, &snapshot, now);
        }
        if sockets {
            self.push_sockets(&i, &snapshot);
        }
        if files {
            self.push_files(&i, &snapshot);
        }
    }

    /// Whether a process is still at it since the last time.
    fn is_at_it(&self, of: fn(&Pushes) -> &Regular) -> bool {
        of(&self.pushes).pid.is_some_and(|pid| self.processes.expects(pid))
    }

    fn begin(&mut self, name: &CStr, of: fn(&mut Pushes) -> &mut Regular, what: &str, work: impl FnOnce()) {
        match push::begin(name, work) {
            Ok(pid) => {
                self.processes.expect(pid);
                of(&mut self.pushes).pid = Some(pid);
            }
            Err(e) => log::line(format_args!("numbers for {what} cannot be sent: {e}")),
        }
    }

    fn push_carbon(&mut self, i: &Instance, snapshot: &Snapshot, now: Instant) {
        if self.is_at_it(|p| &p.carbon) {
            log::line("carbon does not get numbers this time: those of last time are still on their way");
            return;
        }
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
        let (text, before) = carbon::text(snapshot, &terms, &self.pushes.before, seconds, epoch);
        (self.pushes.before, self.pushes.last) = (before, Some(now));
        self.begin(c"uswgi-carbon", |p| &mut p.carbon, "carbon", || push::carbon(c, &text));
    }

    /// With what counters had before this instance.
    fn named_numbers(&self, i: &Instance, snapshot: &Snapshot) -> Vec<NamedNumber> {
        let metrics = self.shared.shared().metrics();
        let own: Vec<_> = metrics.all().map(|(spec, value)| (spec.clone(), value)).collect();
        let mut all = numbers(snapshot, &own, i.pushing.threads);
        for number in all.iter_mut().filter(|n| n.is_counter()) {
            number.value += self.pushes.restored.get(&number.name).copied().unwrap_or(0);
        }
        all
    }

    fn push_sockets(&mut self, i: &Instance, snapshot: &Snapshot) {
        if self.is_at_it(|p| &p.sockets) {
            log::line("stats-push sends no numbers this time: those of last time are still on their way");
            return;
        }
        let all = self.named_numbers(i, snapshot);
        let send = || {
            for pusher in &i.pushing.pushers {
                if let Pusher::Socket { address, prefix } = pusher
                    && let Err(e) = push::datagrams(address, prefix, &all)
                {
                    log::line(format_args!("stats-push socket:{address} has not got the numbers: {e}"));
                }
            }
        };
        self.begin(c"uswgi-push", |p| &mut p.sockets, "stats-push", send);
    }

    /// Those that have changed. A disk that hangs keeps one process waiting, and no more.
    fn push_files(&mut self, i: &Instance, snapshot: &Snapshot) {
        let Some(dir) = i.pushing.dir.as_ref().filter(|_| !self.is_at_it(|p| &p.files)) else { return };
        let mut changed = self.named_numbers(i, snapshot);
        let written = &mut self.pushes.written;
        changed.retain(|n| written.insert(n.name.clone(), n.value) != Some(n.value));
        if changed.is_empty() {
            return;
        }
        let write = || {
            if let Err(e) = number_files::write(dir, &changed) {
                log::line(format_args!("metrics-dir = {}: numbers are not written: {e}", dir.display()));
            }
        };
        self.begin(c"uswgi-numbers", |p| &mut p.files, "metrics-dir", write);
    }
}
