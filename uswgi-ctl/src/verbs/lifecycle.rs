//! The verbs that change what an instance does, and wait for it: `reload`, `stop`, `wait`, `pause`, `resume`.

use super::canary;
use super::common::{deadline, facts};
use crate::condition::{self, ReloadProgress};
use crate::error::CtlError;
use crate::report::{self, VerbResult};
use crate::status;
use crate::steer;
use crate::target::Target;
use crate::wait::{self, Deadline, Waited};
use clap::ArgMatches;
use serde_json::json;
use std::borrow::Cow;
use std::time::Duration;
use uswgi_proto::command::{Command, Sent};
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::scoreboard::InstanceState;
use uswgi_proto::show::Snapshot;
use uswgi_proto::show::names::state_name;
use uswgi_proto::steer::SteerRequest;

/// A second stop signal counts only when it comes a second or more after the first.
const SECOND_STOP_AFTER: Duration = Duration::from_millis(1200);

/// What a rollback leaves as it is.
const NOT_BROUGHT_BACK: &str = "code on disk, caches, the database and its schema stay as they are; put the code back before the next reload";

/// `reload`.
pub(super) fn reload(instance: &RunningInstance, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let before = Snapshot::take(instance);
    if matches!(before.state, InstanceState::Stopping | InstanceState::Leaving) {
        return Err(CtlError::Refused("the instance is stopping; it does not reload any more".into()));
    }
    // `emperor reload` has no such option.
    if matches!(options.try_get_one::<bool>("canary"), Ok(Some(true))) {
        return canary::reload(instance, options, &before);
    }
    let deadline = deadline(options);
    steer::say(instance, Command::Reload, steer::PATIENCE.min(deadline.left()))?;
    if !options.get_flag("wait") {
        return Ok(VerbResult::done(
            format!("reload asked of pid {}{}", instance.pid, status::stands_still(&before)),
            facts(instance),
        ));
    }
    await_reload(instance, options, &before, deadline)
}

/// `rollback`.
pub(super) fn rollback(instance: &RunningInstance, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let before = Snapshot::take(instance);
    let deadline = deadline(options);
    let message = steer::done(instance, &SteerRequest::Rollback, steer::PATIENCE.min(deadline.left()))?;
    if !options.get_flag("wait") {
        return Ok(VerbResult::done(format!("{message}; {NOT_BROUGHT_BACK}"), facts(instance)));
    }
    if !options.get_flag("quiet") && !options.get_flag("json") {
        report::progress(NOT_BROUGHT_BACK);
    }
    await_reload(instance, options, &before, deadline)
}

/// Until the reload that began after this snapshot is over.
pub(super) fn await_reload(
    instance: &RunningInstance,
    options: &ArgMatches,
    before: &Snapshot,
    deadline: Deadline,
) -> Result<VerbResult, CtlError> {
    let drain = matches!(options.try_get_one("drain"), Ok(Some(true)));
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
            ReloadProgress::Pending => None,
            ReloadProgress::Done => Some(Ok(s)),
            ReloadProgress::Paused => Some(Err(CtlError::Refused(format!(
                "the reload is done ({}), but none of them accepts: the instance is paused; `uswgi-ctl resume` ends that",
                status::line(&s)
            )))),
            ReloadProgress::Failed(text) => Some(Err(CtlError::ReloadFailed(text))),
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
            match steer::config(instance, steer::PATIENCE.min(deadline.left())) {
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
            Ok(VerbResult::done(text, facts))
        }
        Waited::Ended => Err(CtlError::Ended { pid: instance.pid, what: "the reload was over" }),
        Waited::TimedOut => Err(wait::timed_out(what, deadline, instance)),
    }
}

/// `stop`.
pub(super) fn stop(instance: &RunningInstance, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let (pid, deadline) = (instance.pid, deadline(options));
    let ended = || {
        Ok(VerbResult::done(format!("pid {pid} has ended"), json!({ "ok": true, "pid": pid, "ended": true })))
    };
    let at_once = options.get_flag("now");
    let told = steer::say(instance, Command::Stop { at_once }, steer::PATIENCE.min(deadline.left()))?;
    if at_once {
        if wait::ended_within(instance, SECOND_STOP_AFTER) {
            return ended();
        }
        if told == Sent::Signalled {
            let again = Command::Stop { at_once }.signal(instance).map_err(CtlError::from);
            match again {
                Err(error) if !error.is_not_running() => return Err(error),
                _ => {}
            }
        }
    }
    if !options.get_flag("wait") {
        return Ok(VerbResult::done(
            format!("stop asked of pid {pid}{}", status::stands_still(&Snapshot::take(instance))),
            json!({ "ok": true, "pid": pid, "ended": false }),
        ));
    }
    match wait::until(instance, deadline, || None::<()>) {
        Waited::TimedOut => Err(wait::timed_out("the end of the instance", deadline, instance)),
        _ => ended(),
    }
}

/// `wait`.
pub(super) fn wait_for(target: &Target, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let deadline = deadline(options);
    if options.get_flag("stopped") {
        return match target.open() {
            Err(error) if error.is_not_running() => {
                let facts = json!({ "ok": true, "ended": true });
                Ok(VerbResult::done(format!("it does not run: {error}"), facts))
            }
            Err(error) => Err(error),
            Ok(instance) => match wait::until(&instance, deadline, || None::<()>) {
                Waited::TimedOut => Err(wait::timed_out("the end of the instance", deadline, &instance)),
                _ => {
                    let facts = json!({ "ok": true, "pid": instance.pid, "ended": true });
                    Ok(VerbResult::done(format!("pid {} has ended", instance.pid), facts))
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
                    Waited::Is(s) => return Ok(VerbResult::done(status::line(&s), facts(&instance))),
                    Waited::TimedOut => return Err(wait::timed_out(what, deadline, &instance)),
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

/// `pause` and `resume`.
pub(super) fn pause(
    instance: &RunningInstance,
    on: bool,
    deadline: Deadline,
) -> Result<VerbResult, CtlError> {
    let state = || Snapshot::take(instance).state;
    let (done, what) = if on { ("paused", "the pause") } else { ("accepting again", "the resumption") };
    let report = || Ok(VerbResult::done(format!("pid {} is {done}", instance.pid), facts(instance)));
    let told = match state() {
        InstanceState::Paused => on,
        InstanceState::Running => !on,
        other => {
            let state = state_name(other);
            return Err(CtlError::Refused(format!("the instance is {state}; wait until it is ready")));
        }
    };
    // The master has told its workers then; of a pause they have to have heard, too.
    let so = || {
        let s = Snapshot::take(instance);
        (s.state == InstanceState::Paused) == on && !(on && s.workers.iter().any(|w| w.accepting))
    };
    // A master that only hears signals would undo what is so already.
    if !told {
        let command = if on { Command::Pause } else { Command::Resume };
        steer::say(instance, command, steer::PATIENCE.min(deadline.left()))?;
    }
    match wait::until(instance, deadline, || so().then_some(())) {
        Waited::Is(()) => report(),
        Waited::Ended => Err(CtlError::Ended { pid: instance.pid, what }),
        Waited::TimedOut => Err(wait::timed_out(what, deadline, instance)),
    }
}
