//! Signals of the application to system calls: into a queue, or to a process; and the minutes of the clock. It must never
//! decide: what goes wrong becomes an event.
#![forbid(unsafe_code)]

use super::Master;
use crate::clock::{civil, minute};
use crate::supervisor::{Event, SignalPlace};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use uswgi_proto::app_signals::RaisedSignal;
use uswgi_proto::control::ToWorker;

impl Master<'_> {
    /// Pass a signal on.
    pub(super) fn signal_app(&mut self, to: SignalPlace, signal: RaisedSignal) {
        let sent = match &to {
            SignalPlace::Child(child) => self.processes.send(*child, &ToWorker::AppSignal { signal }, &[]),
            SignalPlace::Queue(generation, group) => self.queues.raise(*generation, group, signal),
        };
        let why = match sent {
            Ok(()) => return,
            Err(nix::Error::ENOENT) => "there is no such process".into(),
            Err(nix::Error::EAGAIN) => "its queue is full".into(),
            Err(e) => format!("it cannot be sent: {e}"),
        };
        self.queue.push_back(Event::SignalLost { to, number: signal.number, why });
    }

    /// When the next minute begins, where that matters.
    pub(super) fn next_minute(&self) -> Option<Instant> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let into = now.as_millis() as u64 % 60_000;
        self.supervisor.wants_minutes().then(|| Instant::now() + Duration::from_millis(60_000 - into))
    }

    /// Say which minute it is, where that matters.
    pub(super) fn look_at_the_clock(&mut self) {
        if self.supervisor.wants_minutes() {
            let minute = minute();
            self.queue.push_back(Event::Minute { minute, civil: civil(minute) });
        }
    }
}
