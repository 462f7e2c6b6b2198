//! The verbs about workers: `scale`, `retire`, `stack`, `kill`.

use super::common::{deadline, facts, identity};
use crate::error::CtlError;
use crate::process::{Meant, Process, ProcessClass};
use crate::report::VerbResult;
use crate::stacks::{self, Standing};
use crate::wait::{self, Deadline, Waited};
use crate::{status, steer};
use clap::ArgMatches;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::time::Duration;
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::{RunningInstance, pidfd_open, pidfd_signal, start_time};
use uswgi_proto::scale::ScaleTo;
use uswgi_proto::scoreboard::{InstanceState, WorkerState};
use uswgi_proto::show::Snapshot;
use uswgi_proto::steer::SteerRequest;

/// Look until it is so; what was waited for, for the message.
pub(super) fn wait_until(
    instance: &RunningInstance,
    deadline: Deadline,
    what: &'static str,
    so: impl Fn(&Snapshot) -> bool,
) -> Result<(), CtlError> {
    let waited = wait::until(instance, deadline, || so(&Snapshot::take(instance)).then_some(()));
    match waited {
        Waited::Is(()) => Ok(()),
        Waited::Ended => Err(CtlError::Ended { pid: instance.pid, what }),
        Waited::TimedOut => Err(wait::timed_out(what, deadline, instance)),
    }
}

/// `scale`.
pub(super) fn scale(
    instance: &RunningInstance,
    options: &ArgMatches,
    deadline: Deadline,
) -> Result<VerbResult, CtlError> {
    let to = options.get_one::<ScaleTo>("workers").copied().unwrap_or(ScaleTo::More(0));
    let before = Snapshot::take(instance);
    let message = steer::done(instance, &SteerRequest::Scale { to }, steer::PATIENCE.min(deadline.left()))?;
    // The order was heard before its answer and is carried out before the next one is heard: then the
    // scoreboard has the target.
    steer::ask(instance, &SteerRequest::Ping, steer::PATIENCE.min(deadline.left()))?;
    let mut facts = identity(instance);
    facts["workers_before"] = json!(before.workers_target);
    if options.get_flag("wait") {
        wait_until(instance, deadline, "the new number of workers", |s| {
            let count = |state| s.count(state);
            s.state == InstanceState::Running
                && count(WorkerState::Starting) == 0
                && count(WorkerState::Ready) == s.workers_target as usize
        })?;
    }
    let now = Snapshot::take(instance);
    facts["workers_target"] = json!(now.workers_target);
    facts["workers_ready"] = json!(now.count(WorkerState::Ready));
    Ok(VerbResult::done(message, facts))
}

/// `retire`.
pub(super) fn retire(
    instance: &RunningInstance,
    options: &ArgMatches,
    deadline: Deadline,
) -> Result<VerbResult, CtlError> {
    let id = options.get_one::<u32>("worker").copied().unwrap_or_default();
    let pids = |s: &Snapshot| -> Vec<i32> {
        s.workers.iter().filter(|w| w.id == id && w.state == WorkerState::Ready).map(|w| w.pid).collect()
    };
    let before = pids(&Snapshot::take(instance));
    let message =
        steer::done(instance, &SteerRequest::Retire { worker: id }, steer::PATIENCE.min(deadline.left()))?;
    if options.get_flag("wait") {
        wait_until(instance, deadline, "the replacement of the worker", |s| {
            let now = pids(s);
            !now.is_empty() && now.iter().all(|pid| !before.contains(pid))
        })?;
    }
    let mut facts = identity(instance);
    (facts["worker"], facts["worker_pid"]) = (json!(id), json!(before.first()));
    Ok(VerbResult::done(message, facts))
}

/// `stack`.
pub(super) fn stack(
    instance: &RunningInstance,
    options: &ArgMatches,
    timeout: Duration,
) -> Result<VerbResult, CtlError> {
    let words: Vec<&str> =
        options.get_many::<String>("who").into_iter().flatten().map(String::as_str).collect();
    let all = stacks::standing(instance, Meant::typed(&words)?, timeout)?;
    let text = all.iter().map(Standing::text).collect::<Vec<_>>().join("\n");
    let list = |kind: ProcessClass| -> Value {
        let one = |s: &Standing| {
            json!({
                kind.name(): s.process.number, "pid": s.pid, "generation": s.generation, "answer": s.state,
                "stacks": s.stacks, "busy": s.busy, "threads": s.native,
            })
        };
        all.iter().filter(|s| s.process.kind == kind).map(one).collect()
    };
    let whole = all.iter().all(|s| s.state == "stacks");
    let json = json!({
        "ok": whole, "pid": instance.pid, "workers": list(ProcessClass::Worker), "spoolers": list(ProcessClass::Spooler),
        "mules": list(ProcessClass::Mule),
    });
    Ok(VerbResult { text, json, exit: if whole { Exit::Ok } else { Exit::TimedOut } })
}

/// `kill`.
pub(super) fn kill(instance: &RunningInstance, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let id: u32 = options.get_one("worker").copied().unwrap_or_default();
    let name = options.get_one::<String>("signal").map_or("KILL", String::as_str);
    let signal = parse_signal(name).ok_or_else(|| CtlError::Usage(format!("there is no signal {name}")))?;
    let s = Snapshot::take(instance);
    if s.master_pid != s.pid {
        let text = "the instance lives in another pid namespace; run uswgi-ctl inside of it to kill a worker";
        return Err(CtlError::Refused(text.into()));
    }
    // During a reload two processes have the same number: the one that serves is meant.
    let mut found: Vec<_> = s.workers.iter().filter(|w| w.id == id && w.pid > 0).collect();
    found.sort_by_key(|w| (w.state != WorkerState::Ready, std::cmp::Reverse(w.generation)));
    let worker = found.first().ok_or_else(|| Process::worker(id).is_not_there())?;
    let gone = |source| CtlError::Signal { pid: worker.pid, source };
    let pidfd = pidfd_open(worker.pid).map_err(gone)?;
    // The pidfd is held; if the pid is still in its slot now, it was never another process's.
    let again = Snapshot::take(instance);
    let same = again.workers.iter().any(|w| w.slot == worker.slot && w.pid == worker.pid);
    if !same || start_time(worker.pid).is_none() {
        return Err(CtlError::Refused(format!("worker {id} has just been replaced; try again")));
    }
    pidfd_signal(&pidfd, signal).map_err(gone)?;
    let mut facts = facts(instance);
    (facts["worker"], facts["worker_pid"]) = (json!(id), json!(worker.pid));
    let sent = format!("signal {name} sent to worker {id}, pid {}", worker.pid);
    if !DEADLY.contains(&signal) {
        return Ok(VerbResult::done(sent, facts));
    }
    // The master has noticed when the pid has left its slot.
    let deadline = deadline(options);
    let what = "the end of the worker, as the master sees it,";
    let there =
        || Snapshot::take(instance).workers.iter().any(|w| w.slot == worker.slot && w.pid == worker.pid);
    match wait::until(instance, deadline, || (!there()).then_some(())) {
        Waited::Is(()) => Ok(VerbResult::done(format!("{sent}; it has ended"), facts)),
        Waited::Ended => Err(CtlError::Ended { pid: instance.pid, what: "it noticed that the worker had" }),
        Waited::TimedOut => {
            let state = format!("; {sent}; {}", status::line(&Snapshot::take(instance)));
            Err(CtlError::TimedOut { what: what.into(), seconds: deadline.seconds, state })
        }
    }
}

/// Signals that a worker does not survive: the others it only takes notice of, or the application handles.
const DEADLY: [i32; 6] = [
    Signal::SIGKILL as i32,
    Signal::SIGABRT as i32,
    Signal::SIGSEGV as i32,
    Signal::SIGBUS as i32,
    Signal::SIGILL as i32,
    Signal::SIGFPE as i32,
];

/// `KILL`, `SIGKILL`, `kill` or `9`.
fn parse_signal(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = name.to_ascii_uppercase();
    let full = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    full.parse::<Signal>().ok().map(|s| s as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for name in ["KILL", "SIGKILL", "kill", "9"] {
            assert_eq!(parse_signal(name), Some(9), "{name}");
        }
        for name in ["", "0", "-9", "65", "NONE"] {
            assert_eq!(parse_signal(name), None, "{name}");
        }
    }
}
