//! `advise`.

use crate::advise::observe;
use crate::advise::observed::Observed;
use crate::advise::rules::{ENOUGH, advise};
use crate::error::CtlError;
use crate::report::VerbResult;
use crate::target::Target;
use clap::ArgMatches;
use serde_json::{Value, json};
use std::time::Duration;
use uswgi_proto::exit::Exit;

pub(super) fn run(target: &Target, options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let instance = target.open()?;
    let seconds = options.get_one::<f64>("seconds").copied().unwrap_or(60.0);
    let (o, no_profile) = observe(&instance, Duration::from_secs_f64(seconds))?;
    let all = advise(&o);
    let mut text = line(&o);
    if let Some(why) = &no_profile {
        text.push_str(&format!(
            "without a profile, so nothing is said about the GIL and about routes: {why}\n"
        ));
    }
    if o.requests < ENOUGH {
        text.push_str(&format!(
            "\nno advice: {} requests are too few ({ENOUGH} at least); look while there is load\n",
            o.requests
        ));
    } else if all.is_empty() {
        text.push_str("\nnothing to change for this load\n");
    }
    for a in &all {
        text.push_str(&format!("\n{}: {}\n", a.rule, a.seen));
        for change in a.change.iter().flat_map(|c| c.lines()) {
            text.push_str(&format!("    {change}\n"));
        }
        text.push_str(&format!("  {}\n", a.but));
    }
    let advice: Vec<Value> = all
        .iter()
        .map(|a| json!({ "rule": a.rule, "seen": a.seen, "change": a.change, "but": a.but }))
        .collect();
    let shares: Value = o.shares.iter().map(|(name, share)| (name.clone(), json!(share))).collect();
    let json = json!({
        "ok": true, "pid": instance.pid, "seconds": o.seconds, "requests": o.requests, "enough": o.requests >= ENOUGH,
        "workers": o.workers, "threads": o.threads, "busy_share": o.busy_share(), "waited_share": o.waited_share(),
        "cpu_share": o.cpu_share(), "cpus": o.cpus, "shares": shares, "p99_us": o.p99_us, "no_profile": no_profile,
        "advice": advice,
    });
    Ok(VerbResult { text, json, exit: Exit::Ok })
}

/// What was seen, in a line.
fn line(o: &Observed) -> String {
    let percent = |share: Option<f64>| share.map_or("?".into(), |s| format!("{:.0} %", s * 100.0));
    let mut text = format!(
        "{:.0} s, {} requests; of {} lanes {} busy, connections waited in {} of the looks, {} of {} processors\n",
        o.seconds,
        o.requests,
        o.lanes(),
        percent(o.busy_share()),
        percent(o.waited_share()),
        percent(o.cpu_share()),
        o.cpus
    );
    if !o.shares.is_empty() {
        let all: Vec<String> =
            o.shares.iter().map(|(name, s)| format!("{name} {:.0} %", s * 100.0)).collect();
        text.push_str(&format!("time of requests: {}\n", all.join(", ")));
    }
    text
}
