//! What the court asks for, done.
#![forbid(unsafe_code)]

use super::{Emperor, now};
use crate::court::{Action, Event};
use crate::launch;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use uswgi_keep::log;
use uswgi_proto::instance::pidfd_signal;

impl Emperor<'_> {
    /// Something has happened: everything that follows.
    pub(super) fn on(&mut self, event: Event) {
        let mut queue = VecDeque::from([event]);
        while let Some(event) = queue.pop_front() {
            for action in self.court.handle(event, now()) {
                match action {
                    Action::Start(id) => queue.push_back(self.start(id)),
                    Action::Listen(id) => queue.push_back(self.listen(id)),
                    Action::Deaf(id) => self.deafen(&id),
                    Action::Signal(pid, signal) => self.send(pid, signal),
                    Action::Ended(id, directory) => self.afterwards(&id, directory.as_deref()),
                    Action::Say(text) => log::line(text),
                }
            }
        }
    }

    fn start(&mut self, id: OsString) -> Event {
        let Some(v) = self.court.get(&id) else { return Event::Tick };
        let Some(claim) = self.started.claims.get(v.file.monitor) else { return Event::Tick };
        let claim = (claim.key.as_path(), claim.address.as_path());
        let socket: Vec<_> = self.doors.give(&id, &self.started.events).into_iter().collect();
        match launch::launch(&v.file, &self.settings, &self.started.house, claim, &socket) {
            Ok(pid) => {
                if !self.settings.as_emperor.is_empty()
                    && let Err(e) = launch::run_beside(&v.file, pid, &self.settings, &self.started.house)
                {
                    log::line(format_args!("vassal {}: {e}", crate::name::shown(&id)));
                }
                self.hold(pid, true);
                Event::Started(id, pid)
            }
            Err(e) => Event::Unstarted(id, e.to_string()),
        }
    }

    pub(super) fn send(&self, pid: i32, signal: i32) {
        if let Some(pidfd) = self.processes.get(&pid) {
            // One that has ended is heard of by itself.
            let _ = pidfd_signal(pidfd, signal);
        }
    }

    /// A vassal has ended: what runs then, beside everything else.
    fn afterwards(&self, id: &OsString, directory: Option<&Path>) {
        let Some(program) = &self.settings.stop_hook else { return };
        let mut command = launch::hook(program, id, directory);
        if let Err(e) = command.stdin(Stdio::null()).spawn() {
            log::line(format_args!("vassal {}: vassals-stop-hook = {program}: {e}", crate::name::shown(id)));
        }
    }
}
