//! Alarms to system calls: commands, messages for mules, signals, lines; and what raises them by itself. It must never decide.
#![forbid(unsafe_code)]

use super::Master;
use crate::events::Woken;
use crate::shell::shell;
use crate::supervisor::alarms::{AlarmOrder, Backlog};
use crate::supervisor::{Event, Stage};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::process::Stdio;
use std::time::Instant;
use uswgi_conf::instance::Instance;
use uswgi_keep::reap::Ended;
use uswgi_keep::{log, program, sys};

/// Start a command of an alarm. It outlives this process: what is on its way is not cut off.
fn run(i: &Instance, command: &str, message: &[u8]) -> io::Result<i32> {
    let (reader, mut writer) = io::pipe()?;
    let mut command = shell(i, command);
    command.stdin(Stdio::from(reader));
    let pid = program::spawn(&mut command, None, true)?.id() as i32;
    // A pipe takes more than a message has, so this does not wait.
    let _ = writer.write_all(message);
    Ok(pid)
}

impl Master<'_> {
    /// Do what alarms want done.
    pub(super) fn obey_alarms(&mut self, orders: Vec<AlarmOrder>) {
        let mut orders = VecDeque::from(orders);
        while let Some(order) = orders.pop_front() {
            match order {
                AlarmOrder::Run { alarm, command, message } => {
                    let gone = || io::Error::other("the settings in force are gone");
                    let pid =
                        self.setup().ok_or_else(gone).and_then(|s| run(&s.instance, &command, &message));
                    let pid = pid.map_err(|e| e.to_string());
                    orders.extend(self.alarms.started(&alarm, pid, Instant::now()));
                }
                AlarmOrder::Kill(pid) => {
                    let _ = sys::kill(-pid, nix::libc::SIGKILL);
                }
                AlarmOrder::Signal(number) => self.queue.push_back(Event::Raise { number, told: false }),
                AlarmOrder::Tell(mule, message) => {
                    if let Err(e) = self.queues.tell(mule, &message) {
                        log::line(format_args!("an alarm does not get to its mule: {e}"));
                    }
                }
                AlarmOrder::Reset(metric, value) => {
                    self.shared.shared().metrics().change(&metric, |_| Some(value));
                }
                AlarmOrder::Log(line) => log::line(line),
            }
        }
    }

    /// What lines of the log (`raised`) and processes have raised, and those that have crashed.
    pub(super) fn hear_alarms(&mut self, raised: Vec<(String, Vec<u8>)>, heard: &[Event]) {
        let now = Instant::now();
        for (name, message) in raised.into_iter().chain(self.processes.take_alarms()) {
            let orders = self.alarms.raise(&name, &message, now);
            self.obey_alarms(orders);
        }
        let ends: Vec<(String, i32, Ended)> = heard
            .iter()
            .filter_map(|event| {
                let Event::Exited { child, how } = event else { return None };
                let c = self.supervisor.children().get(child)?;
                Some((c.kind.to_string(), c.pid?, *how))
            })
            .collect();
        for (who, pid, how) in ends {
            let orders = self.alarms.crashed(&who, pid, how, now);
            self.obey_alarms(orders);
        }
    }

    /// Hear of lines that raise alarms, where some do.
    pub(super) fn watch_log_alarms(&mut self) {
        if let Some(fd) = self.logs.listen()
            && let Err(e) = self.events.watch(fd, Woken::LogAlarms, false)
        {
            log::line(format_args!("alarm-log raises nothing: {e}"));
        }
    }

    /// Whether alarms want a look each second.
    pub(super) fn alarms_want_looks(&self) -> bool {
        self.alarms.wants_backlogs() || self.alarms.wants_metrics()
    }

    /// A look at what raises alarms by itself. Sockets of an instance without a worker are those of who starts it.
    pub(super) fn look_for_alarms(&mut self) {
        let now = Instant::now();
        if self.alarms.wants_backlogs()
            && self.supervisor.children().values().any(|c| c.stage == Stage::Ready)
        {
            let listeners = self.setup().map_or(&[][..], |setup| &setup.listeners);
            let seen = |l: &std::rc::Rc<crate::sockets::Listener>| {
                let (name, fd, q) = (l.shown.clone(), l.fd.as_raw_fd(), l.queue()?);
                Some(Backlog { name, fd, waiting: q.waiting, limit: q.limit })
            };
            let all: Vec<Backlog> = listeners.iter().filter_map(seen).collect();
            let orders = self.alarms.backlogs(&all, now);
            self.obey_alarms(orders);
        }
        if self.alarms.wants_metrics() {
            let metrics = self.shared.shared().metrics();
            let orders = self.alarms.metrics(|name| metrics.get(name), now);
            self.obey_alarms(orders);
        }
    }
}
