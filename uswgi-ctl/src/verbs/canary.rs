//! `reload --canary` and `canary`: the master compares and decides; here it is asked for, followed and told.

use super::common::{deadline, facts};
use super::lifecycle::await_reload;
use crate::error::CtlError;
use crate::report::VerbResult;
use crate::steer;
use crate::wait::Deadline;
use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::json;
use uswgi_proto::canary::{self, CanaryRequest, Terms};
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::scoreboard::InstanceState;
use uswgi_proto::scoreboard::canary::CanaryState;
use uswgi_proto::show::Snapshot;
use uswgi_proto::steer::SteerRequest;

/// `reload --canary`.
pub(super) fn reload(
    instance: &RunningInstance,
    options: &ArgMatches,
    before: &Snapshot,
) -> Result<VerbResult, CtlError> {
    let term = |name: &str| options.get_one::<u32>(name).copied();
    let terms = CanaryRequest {
        share: term("share"),
        seconds: term("for"),
        max_5xx: term("max-5xx"),
        max_slower: term("max-slower"),
        min_requests: term("min-requests"),
    };
    let deadline = patience(instance, options, terms.seconds);
    let message =
        steer::done(instance, &SteerRequest::Canary { terms }, steer::PATIENCE.min(deadline.left()))?;
    if options.get_flag("no-wait") {
        let text = format!("{message}; `uswgi-ctl canary show` follows it");
        return Ok(VerbResult::done(text, facts(instance)));
    }
    told(instance, options, await_reload(instance, options, before, deadline))
}

/// `--timeout`; where it is not given the usual one, and as long as the canary may take.
fn patience(instance: &RunningInstance, options: &ArgMatches, seconds: Option<u32>) -> Deadline {
    let given = deadline(options);
    if options.value_source("timeout") == Some(ValueSource::CommandLine) {
        return given;
    }
    let configured = || {
        let config = steer::config(instance, steer::PATIENCE).ok()?;
        let set = config.settings.into_iter().find(|s| s.name == "canary-for")?;
        canary::seconds(&set.value).ok()
    };
    let seconds = seconds.or_else(configured).unwrap_or(Terms::default().seconds);
    Deadline::after(given.seconds + 2.0 * f64::from(seconds))
}

/// What came of it, with both generations side by side.
fn told(
    instance: &RunningInstance,
    options: &ArgMatches,
    result: Result<VerbResult, CtlError>,
) -> Result<VerbResult, CtlError> {
    let seen = Snapshot::take(instance).canary;
    let Some(seen) = seen else { return result };
    match result {
        Ok(mut done) => {
            done.json["canary"] = seen.json();
            done.text = format!("{}\n\n{}", seen.screen(), done.text);
            Ok(done)
        }
        Err(CtlError::ReloadFailed(why)) if options.get_flag("json") => {
            let json =
                json!({ "ok": false, "exit": Exit::Failed.code(), "error": why, "canary": seen.json() });
            Ok(VerbResult { text: String::new(), json, exit: Exit::Failed })
        }
        Err(CtlError::ReloadFailed(why)) => {
            // What could not be loaded has answered nothing.
            let compared = seen.compared_ms > 0 || seen.arms[1].deaths > 0;
            let screen = if compared { format!("\n\n{}", seen.screen()) } else { String::new() };
            Err(CtlError::ReloadFailed(format!("{why}{screen}")))
        }
        Err(CtlError::TimedOut { what, seconds, state }) => {
            let goes_on = match seen.state.under_way() {
                true => format!(
                    "{state}; {}; it goes on: `uswgi-ctl canary show`, `promote` or `abort`",
                    seen.line()
                ),
                false => state,
            };
            Err(CtlError::TimedOut { what, seconds, state: goes_on })
        }
        other => other,
    }
}

/// `canary`.
pub(super) fn run(instance: &RunningInstance, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let before = Snapshot::take(instance);
    let promote = match options.get_one::<String>("what").map(String::as_str) {
        Some("promote") => true,
        Some("abort") => false,
        _ => {
            let Some(seen) = before.canary else {
                return Err(CtlError::Refused("there was no canary since the start".into()));
            };
            return Ok(VerbResult::done(
                format!("{}\n{}", seen.line(), seen.screen()),
                json!({ "canary": seen.json() }),
            ));
        }
    };
    let deadline = deadline(options);
    let message =
        steer::done(instance, &SteerRequest::EndCanary { promote }, steer::PATIENCE.min(deadline.left()))?;
    if !options.get_flag("wait") {
        return Ok(VerbResult::done(message, facts(instance)));
    }
    if promote {
        // The reload that the canary began is the one that is waited for.
        let began = Snapshot { reloads_started: before.reloads_started.saturating_sub(1), ..before };
        return await_reload(instance, options, &began, deadline);
    }
    let over = |s: &Snapshot| {
        let new = s.canary.as_ref().map_or(0, |c| c.arms[1].generation);
        let left = s.workers.iter().any(|w| w.generation == new);
        let ended = s.canary.as_ref().is_none_or(|c| c.state == CanaryState::Aborted || !c.state.under_way());
        (ended && !left && s.state != InstanceState::Reloading).then_some(())
    };
    super::workers::wait_until(instance, deadline, "the end of the canary", |s| over(s).is_some())?;
    Ok(VerbResult::done(message, facts(instance)))
}
