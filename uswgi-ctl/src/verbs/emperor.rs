//! `emperor`: the vassals of the Emperors of this machine. What one does is asked of its own instance.

use super::common::{deadline, seen};
use super::tail::Tail;
use super::{lifecycle, query};
use crate::error::CtlError;
use crate::report::VerbResult;
use crate::steer::PATIENCE;
use crate::target::Target;
use crate::wait::Deadline;
use clap::ArgMatches;
use serde_json::json;
use std::time::Duration;
use uswgi_proto::emperor::{self, EmperorAnswer, EmperorQuestion, VassalRow};
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::show::Snapshot;

/// Between two looks at a vassal that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// Which Emperors are meant: `--pid`, or all that may be asked.
fn emperors(options: &ArgMatches) -> Result<Vec<i32>, CtlError> {
    if let Some(pid) = options.get_one::<i32>("pid") {
        return Ok(vec![*pid]);
    }
    let all = emperor::running();
    match all.is_empty() {
        true => Err(CtlError::Refused("no emperor runs that this user may ask; name one with --pid".into())),
        false => Ok(all),
    }
}

fn ask(pid: i32, question: &EmperorQuestion) -> Result<EmperorAnswer, CtlError> {
    match emperor::ask(pid, question, PATIENCE)? {
        EmperorAnswer::Refused { message } => Err(CtlError::Refused(message)),
        answer => Ok(answer),
    }
}

fn vassals(pid: i32) -> Result<Vec<VassalRow>, CtlError> {
    match ask(pid, &EmperorQuestion::List)? {
        EmperorAnswer::Vassals { vassals } => Ok(vassals),
        other => {
            Err(CtlError::Refused(format!("the emperor gave another answer than was asked for: {other:?}")))
        }
    }
}

/// The vassal of this name, and its Emperor.
fn find(options: &ArgMatches) -> Result<(i32, VassalRow), CtlError> {
    let Some(name) = options.get_one::<String>("vassal") else {
        return Err(CtlError::Usage("which vassal? `uswgi-ctl emperor list` shows all".into()));
    };
    let mut found = Vec::new();
    for pid in emperors(options)? {
        let named = vassals(pid)?.into_iter().filter(|v| v.id == *name);
        found.extend(named.map(|v| (pid, v)));
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(CtlError::Refused(format!("there is no vassal {name}; `uswgi-ctl emperor list` shows all"))),
        _ => Err(CtlError::Usage(format!(
            "several emperors have a vassal {name}; name one of them with --pid"
        ))),
    }
}

/// Run it.
pub(super) fn run(options: &ArgMatches) -> Result<VerbResult, CtlError> {
    match options.get_one::<String>("what").map(String::as_str) {
        Some("metrics") => metrics(options),
        Some("status") => status(options),
        Some("reload") => reload(options),
        Some("stop") => stop(options),
        Some("tail") => tail(options),
        _ => list(options),
    }
}

fn tail(options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let (emperor, v) = find(options)?;
    let tail = Tail {
        emperor,
        lines: options.get_one::<u64>("lines").map_or(10, |&n| usize::try_from(n).unwrap_or(usize::MAX)),
        past_only: options.get_flag("past"),
        json: options.get_flag("json"),
        quiet: options.get_flag("quiet"),
    };
    tail.run(&v, || vassals(emperor).ok()?.into_iter().find(|now| now.id == v.id))
}

fn line(v: &VassalRow) -> String {
    let pid = if v.pid > 0 { format!("pid {}", v.pid) } else { "no process".into() };
    let problem = if v.problem.is_empty() { String::new() } else { format!(": {}", v.problem) };
    format!("{}: {}, {pid}, {} respawns{problem}", v.id, v.stage, v.respawns)
}

fn list(options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let mut all = Vec::new();
    for pid in emperors(options)? {
        all.push((pid, vassals(pid)?));
    }
    let text = || {
        let lines = all.iter().flat_map(|(pid, vassals)| {
            let head = format!("emperor {pid}: {} vassals\n", vassals.len());
            std::iter::once(head).chain(vassals.iter().map(|v| line(v) + "\n")).collect::<Vec<_>>()
        });
        lines.collect()
    };
    let json = || all.iter().map(|(pid, vassals)| json!({ "pid": pid, "vassals": vassals })).collect();
    Ok(seen(options, text, json))
}

/// All vassals in the OpenMetrics text format, each with its name as a label.
fn metrics(options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let mut rows = Vec::new();
    for pid in emperors(options)? {
        rows.extend(vassals(pid)?.into_iter().map(|v| (pid, v)));
    }
    let text = openmetrics(&rows, |pid| {
        RunningInstance::from_pid(pid).ok().map(|i| Snapshot::take(&i).total.requests)
    });
    Ok(seen(options, || text, || json!(rows.iter().map(|(_, v)| v).collect::<Vec<_>>())))
}

fn openmetrics(rows: &[(i32, VassalRow)], requests: impl Fn(i32) -> Option<u64>) -> String {
    let label = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let family = |name: &str, kind: &str, help: &str, value: &dyn Fn(&VassalRow) -> Option<u64>| {
        let suffix = if kind == "counter" { "_total" } else { "" };
        let lines = rows.iter().filter_map(|(pid, v)| {
            let value = value(v)?;
            Some(format!("{name}{suffix}{{emperor=\"{pid}\",vassal=\"{}\"}} {value}\n", label(&v.id)))
        });
        format!("# TYPE {name} {kind}\n# HELP {name} {help}\n{}", lines.collect::<String>())
    };
    let serves = |v: &VassalRow| Some(u64::from(matches!(v.stage.as_str(), "serving" | "reloading")));
    let problem = |v: &VassalRow| Some(u64::from(!v.problem.is_empty()));
    [
        family("uswgi_vassal_serves", "gauge", "1 while it accepts.", &serves),
        family("uswgi_vassal_problem", "gauge", "1 while it does not serve what its file says.", &problem),
        family("uswgi_vassal_respawns", "counter", "Starts after the first one.", &|v| Some(v.respawns)),
        family("uswgi_vassal_requests", "counter", "Requests of its instance.", &|v| requests(v.pid)),
        "# EOF\n".into(),
    ]
    .concat()
}

fn status(options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let (_, v) = find(options)?;
    if v.pid == 0 || RunningInstance::from_pid(v.pid).is_err() {
        return Ok(seen(options, || line(&v) + "\n", || json!(v)));
    }
    let mut report = query::status(&Target::Pid(v.pid), options)?;
    report.text = format!("vassal       {}\n{}", line(&v), report.text);
    report.json["vassal"] = json!(v);
    Ok(report)
}

fn reload(options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let (pid, v) = find(options)?;
    let serves = matches!(v.stage.as_str(), "serving" | "reloading");
    if serves && let Ok(instance) = RunningInstance::from_pid(v.pid) {
        // Its own reload, with all that it has to say.
        return lifecycle::reload(&instance, options);
    }
    order(pid, &v, EmperorQuestion::Reload { vassal: v.id.clone() }, options, |now| now.stage == "serving")
}

fn stop(options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let (pid, v) = find(options)?;
    order(pid, &v, EmperorQuestion::Stop { vassal: v.id.clone() }, options, |now| now.stage == "stopped")
}

/// Tell the Emperor, and with `--wait` look until it is so, or cannot be any more.
fn order(
    pid: i32,
    v: &VassalRow,
    question: EmperorQuestion,
    options: &ArgMatches,
    is: impl Fn(&VassalRow) -> bool,
) -> Result<VerbResult, CtlError> {
    let message = match ask(pid, &question)? {
        EmperorAnswer::Done { message } => message,
        other => format!("{other:?}"),
    };
    if !options.get_flag("wait") {
        return Ok(VerbResult::done(message, json!({ "ok": true, "vassal": v.id })));
    }
    let deadline: Deadline = deadline(options);
    loop {
        let Some(now) = vassals(pid)?.into_iter().find(|now| now.id == v.id) else {
            return Err(CtlError::Refused(format!("vassal {} is there no more", v.id)));
        };
        if is(&now) {
            return Ok(VerbResult::done(line(&now), json!({ "ok": true, "vassal": now })));
        }
        let failed = matches!(now.stage.as_str(), "waiting" | "refused" | "asleep");
        if failed {
            return Err(CtlError::Refused(line(&now)));
        }
        if deadline.left().is_zero() {
            let seconds = options.get_one::<f64>("timeout").copied().unwrap_or_default();
            let state = format!("; {}", line(&now));
            return Err(CtlError::TimedOut { what: message.into(), seconds, state });
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vassal_has_its_label_in_every_family() {
        let of = |id: &str, pid, stage: &str| VassalRow {
            id: id.into(),
            path: String::new(),
            pid,
            stage: stage.into(),
            respawns: 2,
            problem: String::new(),
        };
        let rows = [(7, of("a.ini", 8, "serving")), (7, of("b\"\n.ini", 0, "waiting"))];
        let text = openmetrics(&rows, |pid| (pid > 0).then_some(5));
        for line in [
            "uswgi_vassal_serves{emperor=\"7\",vassal=\"a.ini\"} 1",
            r#"uswgi_vassal_serves{emperor="7",vassal="b\"\n.ini"} 0"#,
            "uswgi_vassal_respawns_total{emperor=\"7\",vassal=\"a.ini\"} 2",
            "uswgi_vassal_requests_total{emperor=\"7\",vassal=\"a.ini\"} 5",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}: {text}");
        }
        assert_eq!(text.matches("requests_total{").count(), 1, "one without a process has no number");
        assert!(text.ends_with("# EOF\n"));
    }
}
