//! The verbs that only look: `ping`, `status`, `workers`, `metrics`, `list`.

use super::common::{facts, seen};
use crate::error::CtlError;
use crate::report::{self, VerbResult};
use crate::status;
use crate::target::{self, Target};
use clap::ArgMatches;
use serde_json::Value;
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::scoreboard::epoch_seconds;
use uswgi_proto::show::json::json as as_json;
use uswgi_proto::show::{Snapshot, metrics as numbers, readiness, uwsgi};

/// `status`.
pub(super) fn status(target: &Target, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    look(target, options, false, |s| status::page(s, epoch_seconds()), as_json)
}

/// `workers`.
pub(super) fn workers(target: &Target, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let json = |s: &Snapshot| as_json(s)["workers"].take();
    look(target, options, true, |s| status::workers(s, epoch_seconds()), json)
}

/// `metrics`.
pub(super) fn metrics(target: &Target, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    look(target, options, false, |s| numbers::openmetrics(s, &uwsgi::Facts::default()), as_json)
}

fn look(
    target: &Target,
    options: &ArgMatches,
    pss: bool,
    text: impl Fn(&Snapshot) -> String,
    json: impl Fn(&Snapshot) -> Value,
) -> Result<VerbResult, CtlError> {
    let mut s = Snapshot::take(&target.open()?);
    s.measure(pss);
    Ok(seen(options, || text(&s), || json(&s)))
}

/// `ping`.
pub(super) fn ping(instance: &RunningInstance) -> Result<VerbResult, CtlError> {
    let s = Snapshot::take(instance);
    readiness(&s).map_err(|why| CtlError::Refused(format!("{}: {why}", status::line(&s))))?;
    Ok(VerbResult::done(status::line(&s), facts(instance)))
}

/// `list`.
pub(super) fn list(options: &ArgMatches) -> VerbResult {
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
