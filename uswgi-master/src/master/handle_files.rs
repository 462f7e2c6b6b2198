//! Files that somebody has touched, and the configuration that is read: what follows. It must never read a file itself.
#![forbid(unsafe_code)]

use super::Master;
use crate::supervisor::Event;
use crate::touch_files::{self, Follows};
use std::time::Instant;
use uswgi_keep::log;
use uswgi_proto::scoreboard::Restart;

impl Master<'_> {
    /// The configuration that is read, and files that somebody may have touched.
    pub(super) fn look_at_files(&mut self) {
        if self.reading.as_ref().is_some_and(|r| r.deadline() <= Instant::now()) {
            self.go_on_reading();
        }
        let touched = self.touch.look(Instant::now(), &self.events);
        for (path, follows) in touch_files::reduce(touched) {
            if !matches!(follows, Follows::Signal(_)) {
                log::line(format_args!("{} was touched", path.display()));
            }
            match follows {
                Follows::Reload => self.queue.push_back(Event::Reload),
                Follows::Renew => self.queue.push_back(Event::Renew(Restart::Reload)),
                Follows::RenewAides(kind) => self.queue.push_back(Event::RenewAides(kind)),
                Follows::Signal(number) => self.queue.push_back(Event::Raise { number, told: true }),
                Follows::Steps => self.with_tasks(|tasks, i, events| tasks.touch(&path, i, events)),
            }
        }
    }

    /// Watch the files of the generation in force.
    pub(super) fn watch_files(&mut self) {
        if let Some(setup) = self.generations.get(&self.supervisor.current_generation()) {
            let files = touch_files::named(&setup.instance, self.supervisor.signal_files());
            self.touch.rename(&files, &self.events);
        }
    }
}
