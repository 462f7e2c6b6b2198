//! What every verb reads of its options, and the facts of every JSON answer.

use crate::cli::DEFAULT_TIMEOUT;
use crate::report::VerbResult;
use crate::wait::Deadline;
use clap::ArgMatches;
use serde_json::{Value, json};
use std::time::Duration;
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::show::Snapshot;
use uswgi_proto::show::names::state_name;

/// When the patience of `--timeout` ends.
pub(super) fn deadline(options: &ArgMatches) -> Deadline {
    Deadline::after(options.get_one("timeout").copied().unwrap_or(DEFAULT_TIMEOUT))
}

/// The patience of `--timeout`; an hour where it has no limit.
pub(super) fn timeout(options: &ArgMatches) -> Duration {
    Duration::from_secs_f64(options.get_one::<f64>("timeout").copied().filter(|s| *s > 0.0).unwrap_or(3600.0))
}

/// The common facts of every JSON answer.
pub(super) fn facts(instance: &RunningInstance) -> Value {
    let s = Snapshot::take(instance);
    json!({ "ok": true, "pid": s.pid, "state": state_name(s.state), "generation": s.generation })
}

/// Which instance, where its state says nothing.
pub(super) fn identity(instance: &RunningInstance) -> Value {
    json!({ "ok": true, "pid": instance.pid })
}

/// What is seen, in the one form that is printed: the other would be most of the time with many workers.
pub(super) fn seen(
    options: &ArgMatches,
    text: impl FnOnce() -> String,
    json: impl FnOnce() -> Value,
) -> VerbResult {
    match options.get_flag("json") {
        true => VerbResult { text: String::new(), json: json(), exit: Exit::Ok },
        false => VerbResult { text: text(), json: Value::Null, exit: Exit::Ok },
    }
}
