//! The verbs that speak to the master over its steering socket, or to the workers themselves.

use crate::error::CtlError;
use crate::orders::{self, Config, Standing};
use crate::report::{self, Report};
use crate::verbs;
use crate::wait::{self, Deadline, Waited};
use clap::ArgMatches;
use serde_json::{Value, json};
use std::time::Duration;
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::Instance;
use uswgi_proto::scale::ScaleTo;
use uswgi_proto::scoreboard::{InstanceState, WorkerState};
use uswgi_proto::show::Snapshot;
use uswgi_proto::steer::Request;

fn facts(instance: &Instance) -> Value {
    json!({ "ok": true, "pid": instance.pid })
}

/// Look until it is so; what was waited for, for the message.
fn wait_until(
    instance: &Instance,
    deadline: Deadline,
    what: &'static str,
    so: impl Fn(&Snapshot) -> bool,
) -> Result<(), CtlError> {
    let waited = wait::until(instance, deadline, || so(&Snapshot::take(instance)).then_some(()));
    match waited {
        Waited::Is(()) => Ok(()),
        Waited::Ended => Err(CtlError::Ended { pid: instance.pid, what }),
        Waited::TimedOut => Err(verbs::timed_out(what, deadline, instance)),
    }
}

/// `scale`.
pub fn scale(instance: &Instance, options: &ArgMatches, deadline: Deadline) -> Result<Report, CtlError> {
    let to = options.get_one::<ScaleTo>("workers").copied().unwrap_or(ScaleTo::More(0));
    let before = Snapshot::take(instance);
    let message = orders::done(instance, &Request::Scale { to }, orders::PATIENCE.min(deadline.left()))?;
    // The order was heard before its answer and is carried out before the next one is heard: then the
    // scoreboard has the target.
    orders::ask(instance, &Request::Ping, orders::PATIENCE.min(deadline.left()))?;
    let mut facts = facts(instance);
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
    Ok(Report::done(message, facts))
}

/// `retire`.
pub fn retire(instance: &Instance, options: &ArgMatches, deadline: Deadline) -> Result<Report, CtlError> {
    let id = options.get_one::<u32>("worker").copied().unwrap_or_default();
    let pids = |s: &Snapshot| -> Vec<i32> {
        s.workers.iter().filter(|w| w.id == id && w.state == WorkerState::Ready).map(|w| w.pid).collect()
    };
    let before = pids(&Snapshot::take(instance));
    let message =
        orders::done(instance, &Request::Retire { worker: id }, orders::PATIENCE.min(deadline.left()))?;
    if options.get_flag("wait") {
        wait_until(instance, deadline, "the replacement of the worker", |s| {
            let now = pids(s);
            !now.is_empty() && now.iter().all(|pid| !before.contains(pid))
        })?;
    }
    let mut facts = facts(instance);
    (facts["worker"], facts["worker_pid"]) = (json!(id), json!(before.first()));
    Ok(Report::done(message, facts))
}

/// `logs`.
pub fn logs(instance: &Instance, options: &ArgMatches) -> Result<Report, CtlError> {
    let rotate = options.get_one::<String>("what").is_some_and(|w| w == "rotate");
    let request = if rotate { Request::RotateLogs } else { Request::ReopenLogs };
    Ok(Report::done(orders::done(instance, &request, orders::PATIENCE)?, facts(instance)))
}

/// `config`.
pub fn config(instance: &Instance, options: &ArgMatches) -> Result<Report, CtlError> {
    let Config { generation, settings, warnings } = orders::config(instance, orders::PATIENCE)?;
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
    Ok(Report { text, json, exit: Exit::Ok })
}

/// `stack`.
pub fn stack(instance: &Instance, options: &ArgMatches, timeout: Duration) -> Result<Report, CtlError> {
    let worker = options.get_one::<u32>("worker").copied();
    let all = orders::standing(instance, worker, timeout)?;
    let text = all.iter().map(Standing::text).collect::<Vec<_>>().join("\n");
    let list: Vec<Value> = all
        .iter()
        .map(|s| {
            json!({
                "worker": s.id, "pid": s.pid, "generation": s.generation, "answer": s.state, "stacks": s.stacks,
                "busy": s.threads.1, "threads": s.native,
            })
        })
        .collect();
    let whole = all.iter().all(|s| s.state == "stacks");
    let json = json!({ "ok": whole, "pid": instance.pid, "workers": list });
    Ok(Report { text, json, exit: if whole { Exit::Ok } else { Exit::TimedOut } })
}
