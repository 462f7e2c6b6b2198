//! The verbs about the instance's own affairs: `logs`, `config`.

use super::common::identity;
use crate::error::CtlError;
use crate::report::{self, VerbResult};
use crate::steer::{self, Config};
use clap::ArgMatches;
use serde_json::{Value, json};
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::steer::SteerRequest;

/// `logs`.
pub(super) fn logs(instance: &RunningInstance, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let rotate = options.get_one::<String>("what").is_some_and(|w| w == "rotate");
    let request = if rotate { SteerRequest::RotateLogs } else { SteerRequest::ReopenLogs };
    Ok(VerbResult::done(steer::done(instance, &request, steer::PATIENCE)?, identity(instance)))
}

/// `config`.
pub(super) fn config(instance: &RunningInstance, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let Config { generation, settings, warnings } = steer::config(instance, steer::PATIENCE)?;
    let names: Vec<&String> = options.get_many::<String>("name").into_iter().flatten().collect();
    if let Some(unknown) = names.iter().find(|n| uswgi_conf::options::row(n).is_none()) {
        return Err(CtlError::Usage(format!("there is no option {unknown}")));
    }
    // A setting stands under one of its names.
    let same = |name: &str, wanted: &str| {
        let canonical = |n: &str| uswgi_conf::options::row(n).map(|r| r.canonical());
        name == wanted || (canonical(name).is_some() && canonical(name) == canonical(wanted))
    };
    let shown: Vec<_> =
        settings.iter().filter(|s| names.is_empty() || names.iter().any(|n| same(&s.name, n))).collect();
    let text = shown.iter().map(|s| format!("{} = {}\n", s.name, s.value)).collect();
    if names.is_empty() && !options.get_flag("quiet") && !options.get_flag("json") {
        warnings.iter().for_each(|w| report::progress(&format!("warning: {w}")));
    }
    let list: Vec<Value> = shown.iter().map(|s| json!({ "name": s.name, "value": s.value })).collect();
    let json = json!({ "ok": true, "pid": instance.pid, "generation": generation, "settings": list, "warnings": warnings });
    Ok(VerbResult { text, json, exit: Exit::Ok })
}
