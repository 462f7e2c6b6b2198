//! `slow`.

use crate::error::CtlError;
use crate::report::{self, VerbResult};
use crate::slow::{by_route, heading, row, slowest};
use crate::steer;
use crate::target::Target;
use clap::ArgMatches;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::scoreboard::slow::SlowRequest;
use uswgi_proto::settings::Lanes;
use uswgi_proto::show::slow::request as as_json;

/// Between two looks of `--follow`.
const LOOK: Duration = Duration::from_millis(200);

pub(super) fn slow(target: &Target, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let instance = target.open()?;
    let count = options.get_one::<u64>("count").copied();
    if options.get_flag("follow") {
        return follow(&instance, options, count);
    }
    let seconds = options.get_one::<f64>("since").copied().unwrap_or(600.0);
    let now_ms = now_ms();
    let all =
        slowest(instance.board.slow().read(), now_ms.saturating_sub((seconds * 1e3) as u64), usize::MAX);
    let shown: Vec<SlowRequest> = all.iter().take(count.unwrap_or(20) as usize).cloned().collect();
    let threshold = threshold(&instance);
    let above = threshold.map_or(String::new(), |ms| format!(" of at least {ms} ms (slow-request)"));
    let text = if all.is_empty() {
        match threshold {
            Some(0) => "nothing is written down: slow-request is 0\n".to_string(),
            _ => format!("no request{above} ended in the last {seconds} s\n"),
        }
    } else {
        let rows: String = shown.iter().map(|r| row(r, now_ms)).collect();
        let head = format!("{} requests{above} in the last {seconds} s; the slowest:\n", all.len());
        format!("{head}{}{rows}\n{}", heading(), by_route(&all))
    };
    let requests: Vec<Value> = shown.iter().map(as_json).collect();
    let json = json!({ "ok": true, "pid": instance.pid, "slow_request_ms": threshold,
        "found": all.len(), "requests": requests });
    Ok(VerbResult { text, json, exit: Exit::Ok })
}

/// What `slow-request` says, milliseconds, if its master answers.
fn threshold(instance: &RunningInstance) -> Option<u32> {
    let settings = steer::config(instance, Duration::from_secs(2)).ok()?.settings;
    let said = settings.into_iter().find(|s| s.name == "slow-request").map(|s| s.value.parse().ok());
    said.unwrap_or_else(|| Some(Lanes::default().slow_ms))
}

/// Until the instance ends, or so many were seen.
fn follow(
    instance: &RunningInstance,
    options: &ArgMatches,
    count: Option<u64>,
) -> Result<VerbResult, CtlError> {
    let (json, quiet) = (options.get_flag("json"), options.get_flag("quiet"));
    let print =
        |text: &str| report::stdout(text).map_err(|source| CtlError::Io { what: "cannot print", source });
    let mut seen = instance.board.slow().read().last().map_or(0, |r| r.ticket);
    let mut left = count.unwrap_or(u64::MAX);
    if !json && !quiet {
        print(&heading())?;
    }
    while left > 0 {
        let before = seen;
        for r in instance.board.slow().read().into_iter().filter(|r| r.ticket > before).take(left as usize) {
            seen = r.ticket;
            left -= 1;
            if quiet {
                continue;
            }
            print(&if json { format!("{}\n", as_json(&r)) } else { report::printable(&row(&r, now_ms())) })?;
        }
        if instance.ended() {
            return Err(CtlError::Ended { pid: instance.pid, what: "more was seen" });
        }
        std::thread::sleep(LOOK);
    }
    Ok(VerbResult { text: String::new(), json: json!({ "ok": true, "pid": instance.pid }), exit: Exit::Ok })
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
