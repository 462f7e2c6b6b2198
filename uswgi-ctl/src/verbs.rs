//! What each verb does. Every order goes through the pidfd of a proven instance; every wait ends.

use crate::condition::{self, Reload};
use crate::error::CtlError;
use crate::report::Report;
use crate::target::{self, Target};
use crate::wait::{self, Deadline, Waited};
use crate::{orders, report, status, steering, top};
use clap::ArgMatches;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::time::Duration;
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::{Instance, pidfd_open, start_time};
use uswgi_proto::scoreboard::{InstanceState, WorkerState, epoch_seconds};
use uswgi_proto::show::json::json as as_json;
use uswgi_proto::show::names::state_name;
use uswgi_proto::show::{Snapshot, metrics, readiness, uwsgi};

/// A second stop signal counts only when it comes a second or more after the first.
const SECOND_STOP_AFTER: Duration = Duration::from_millis(1200);

/// Run a verb of [`crate::cli::command`].
pub fn run(verb: &str, options: &ArgMatches) -> Result<Report, CtlError> {
    let target = Target::from_options(options)?;
    match verb {
        "ping" => ping(&target.open()?),
        "status" => look(&target, options, false, |s| status::page(s, epoch_seconds()), as_json),
        "workers" => look(
            &target,
            options,
            true,
            |s| status::workers(s, epoch_seconds()),
            |s| as_json(s)["workers"].take(),
        ),
        "metrics" => {
            look(&target, options, false, |s| metrics::openmetrics(s, &uwsgi::Facts::default()), as_json)
        }
        "list" => Ok(list(options)),
        "reload" => reload(&target.open()?, options),
        "stop" => stop(&target.open()?, options),
        "wait" => wait_for(&target, options),
        "pause" => pause(&target.open()?, true, deadline(options)),
        "resume" => pause(&target.open()?, false, deadline(options)),
        "kill" => kill(&target.open()?, options),
        "top" => top::run(&target, options),
        "scale" => steering::scale(&target.open()?, options, deadline(options)),
        "retire" => steering::retire(&target.open()?, options, deadline(options)),
        "logs" => steering::logs(&target.open()?, options),
        "config" => steering::config(&target.open()?, options),
        "stack" => steering::stack(&target.open()?, options, timeout(options)),
        _ => Err(CtlError::Usage(format!("there is no verb {verb}"))),
    }
}

fn deadline(options: &ArgMatches) -> Deadline {
    Deadline::after(options.get_one("timeout").copied().unwrap_or(crate::cli::DEFAULT_TIMEOUT))
}

fn timeout(options: &ArgMatches) -> Duration {
    Duration::from_secs_f64(options.get_one::<f64>("timeout").copied().filter(|s| *s > 0.0).unwrap_or(3600.0))
}

fn send(instance: &Instance, signal: Signal) -> Result<(), CtlError> {
    instance.signal(signal as i32).map_err(|source| CtlError::Signal { pid: instance.pid, source })
}

/// The common facts of every JSON answer.
fn facts(instance: &Instance) -> Value {
    let s = Snapshot::take(instance);
    json!({ "ok": true, "pid": s.pid, "state": state_name(s.state), "generation": s.generation })
}

/// What is seen, in the one form that is printed: the other would be most of the time with many workers.
fn seen(options: &ArgMatches, text: impl FnOnce() -> String, json: impl FnOnce() -> Value) -> Report {
    match options.get_flag("json") {
        true => Report { text: String::new(), json: json(), exit: Exit::Ok },
        false => Report { text: text(), json: Value::Null, exit: Exit::Ok },
    }
}

fn look(
    target: &Target,
    options: &ArgMatches,
    pss: bool,
    text: impl Fn(&Snapshot) -> String,
    json: impl Fn(&Snapshot) -> Value,
) -> Result<Report, CtlError> {
    let mut s = Snapshot::take(&target.open()?);
    s.measure(pss);
    Ok(seen(options, || text(&s), || json(&s)))
}

fn ping(instance: &Instance) -> Result<Report, CtlError> {
    let s = Snapshot::take(instance);
    readiness(&s).map_err(|why| CtlError::Refused(format!("{}: {why}", status::line(&s))))?;
    Ok(Report::done(status::line(&s), facts(instance)))
}

fn list(options: &ArgMatches) -> Report {
    let all: Vec<Snapshot> = target::running().iter().map(Snapshot::measured).collect();
    if all.is_empty() && !options.get_flag("json") && !options.get_flag("quiet") {
        report::progress("no instance runs that this user may look at");
    }
    let line = |s: &Snapshot| {
        let sockets: Vec<&str> = s.sockets.iter().map(|x| x.name.as_str()).collect();
        format!("{}, {}\n", status::line(s), sockets.join(" "))
    };
    seen(options, || all.iter().map(line).collect(), || all.iter().map(as_json).collect())
}

fn reload(instance: &Instance, options: &ArgMatches) -> Result<Report, CtlError> {
    let before = Snapshot::take(instance);
    if before.state == InstanceState::Stopping {
        return Err(CtlError::Refused("the instance is stopping; it does not reload any more".into()));
    }
    send(instance, Signal::SIGHUP)?;
    if !options.get_flag("wait") {
        return Ok(Report::done(
            format!("reload asked of pid {}{}", instance.pid, status::stands_still(&before)),
            facts(instance),
        ));
    }
    let (deadline, drain) = (deadline(options), options.get_flag("drain"));
    let tells = !options.get_flag("quiet") && !options.get_flag("json");
    let mut told = String::new();
    let waited = wait::until(instance, deadline, || {
        let s = Snapshot::take(instance);
        let line = condition::progress(&s, before.generation);
        if tells && line != told {
            report::progress(&line);
            told = line;
        }
        match condition::reload(&s, before.reloads_started, drain) {
            Reload::Pending => None,
            Reload::Done => Some(Ok(s)),
            Reload::Paused => Some(Err(CtlError::Refused(format!(
                "the reload is done ({}), but none of them accepts: the instance is paused; `uswgi-ctl resume` ends that",
                status::line(&s)
            )))),
            Reload::Failed(text) => Some(Err(CtlError::ReloadFailed(text))),
        }
    });
    let what = "the reload";
    match waited {
        Waited::Is(result) => {
            let s = result?;
            let note = if s.reason.is_empty() { String::new() } else { format!("\n{}", s.reason.trim_end()) };
            let text = format!("reloaded: {}{note}", status::line(&s));
            let mut facts = facts(instance);
            // It is done, whether the master can say more of it or not.
            match orders::config(instance, orders::PATIENCE.min(deadline.left())) {
                Ok(config) => {
                    facts["warnings"] = json!(config.warnings);
                    if tells {
                        config.warnings.iter().for_each(|w| report::progress(&format!("warning: {w}")));
                    }
                }
                Err(error) if tells => {
                    report::progress(&format!("the configuration's warnings are not known: {error}"));
                }
                Err(_) => {}
            }
            Ok(Report::done(text, facts))
        }
        Waited::Ended => Err(CtlError::Ended { pid: instance.pid, what: "the reload was over" }),
        Waited::TimedOut => Err(timed_out(what, deadline, instance)),
    }
}

pub(crate) fn timed_out(
    what: impl Into<Cow<'static, str>>,
    deadline: Deadline,
    instance: &Instance,
) -> CtlError {
    let state = format!("; {}", status::line(&Snapshot::take(instance)));
    CtlError::TimedOut { what: what.into(), seconds: deadline.seconds, state }
}

fn stop(instance: &Instance, options: &ArgMatches) -> Result<Report, CtlError> {
    let (pid, deadline) = (instance.pid, deadline(options));
    let ended =
        || Ok(Report::done(format!("pid {pid} has ended"), json!({ "ok": true, "pid": pid, "ended": true })));
    send(instance, Signal::SIGINT)?;
    if options.get_flag("now") {
        if wait::ended_within(instance, SECOND_STOP_AFTER) {
            return ended();
        }
        match send(instance, Signal::SIGINT) {
            Err(error) if !error.is_not_running() => return Err(error),
            _ => {}
        }
    }
    if !options.get_flag("wait") {
        return Ok(Report::done(
            format!("stop asked of pid {pid}{}", status::stands_still(&Snapshot::take(instance))),
            json!({ "ok": true, "pid": pid, "ended": false }),
        ));
    }
    match wait::until(instance, deadline, || None::<()>) {
        Waited::TimedOut => Err(timed_out("the end of the instance", deadline, instance)),
        _ => ended(),
    }
}

fn wait_for(target: &Target, options: &ArgMatches) -> Result<Report, CtlError> {
    let deadline = deadline(options);
    if options.get_flag("stopped") {
        return match target.open() {
            Err(error) if error.is_not_running() => {
                let facts = json!({ "ok": true, "ended": true });
                Ok(Report::done(format!("it does not run: {error}"), facts))
            }
            Err(error) => Err(error),
            Ok(instance) => match wait::until(&instance, deadline, || None::<()>) {
                Waited::TimedOut => Err(timed_out("the end of the instance", deadline, &instance)),
                _ => {
                    let facts = json!({ "ok": true, "pid": instance.pid, "ended": true });
                    Ok(Report::done(format!("pid {} has ended", instance.pid), facts))
                }
            },
        };
    }
    let generation: u64 = options.get_one("generation").copied().unwrap_or(0);
    let what: Cow<'static, str> = match generation {
        0 => "readiness".into(),
        n => format!("readiness of generation {n} or a later one").into(),
    };
    loop {
        // It may not have been started yet, or be between two lives.
        let last = match target.open() {
            Ok(instance) => {
                let waited = wait::until(&instance, deadline, || {
                    let s = Snapshot::take(&instance);
                    (s.generation >= generation && condition::ready(&s)).then_some(s)
                });
                match waited {
                    Waited::Is(s) => return Ok(Report::done(status::line(&s), facts(&instance))),
                    Waited::TimedOut => return Err(timed_out(what, deadline, &instance)),
                    Waited::Ended => CtlError::Ended { pid: instance.pid, what: "it was ready" },
                }
            }
            Err(error) if error.is_not_running() => error,
            Err(error) => return Err(error),
        };
        if deadline.passed() {
            let state = format!("; {last}");
            return Err(CtlError::TimedOut { what, seconds: deadline.seconds, state });
        }
        std::thread::sleep(wait::INTERVAL);
    }
}

fn pause(instance: &Instance, on: bool, deadline: Deadline) -> Result<Report, CtlError> {
    let state = || Snapshot::take(instance).state;
    let (done, what) = if on { ("paused", "the pause") } else { ("accepting again", "the resumption") };
    let report = || Ok(Report::done(format!("pid {} is {done}", instance.pid), facts(instance)));
    match state() {
        // The signal toggles: asking for what is so already must not undo it.
        InstanceState::Paused if on => return report(),
        InstanceState::Running if !on => return report(),
        InstanceState::Running | InstanceState::Paused => {}
        other => {
            let state = state_name(other);
            return Err(CtlError::Refused(format!("the instance is {state}; wait until it is ready")));
        }
    }
    send(instance, Signal::SIGTSTP)?;
    match wait::until(instance, deadline, || ((state() == InstanceState::Paused) == on).then_some(())) {
        Waited::Is(()) => report(),
        Waited::Ended => Err(CtlError::Ended { pid: instance.pid, what }),
        Waited::TimedOut => Err(timed_out(what, deadline, instance)),
    }
}

fn kill(instance: &Instance, options: &ArgMatches) -> Result<Report, CtlError> {
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
    let worker = found.first().ok_or_else(|| CtlError::Refused(no_worker(id)))?;
    let gone = |source| CtlError::Signal { pid: worker.pid, source };
    let pidfd = pidfd_open(worker.pid).map_err(gone)?;
    // The pidfd is held; if the pid is still in its slot now, it was never another process's.
    let again = Snapshot::take(instance);
    let same = again.workers.iter().any(|w| w.slot == worker.slot && w.pid == worker.pid);
    if !same || start_time(worker.pid).is_none() {
        return Err(CtlError::Refused(format!("worker {id} has just been replaced; try again")));
    }
    uswgi_proto::instance::pidfd_signal(&pidfd, signal).map_err(gone)?;
    let mut facts = facts(instance);
    (facts["worker"], facts["worker_pid"]) = (json!(id), json!(worker.pid));
    let sent = format!("signal {name} sent to worker {id}, pid {}", worker.pid);
    if !DEADLY.contains(&signal) {
        return Ok(Report::done(sent, facts));
    }
    // The master has noticed when the pid has left its slot.
    let deadline = deadline(options);
    let what = "the end of the worker, as the master sees it,";
    let there =
        || Snapshot::take(instance).workers.iter().any(|w| w.slot == worker.slot && w.pid == worker.pid);
    match wait::until(instance, deadline, || (!there()).then_some(())) {
        Waited::Is(()) => Ok(Report::done(format!("{sent}; it has ended"), facts)),
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

/// It may be there again a moment later, so it is no matter of the command line.
pub(crate) fn no_worker(id: u32) -> String {
    format!("there is no worker {id} now; `uswgi-ctl workers` shows who is there")
}

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
