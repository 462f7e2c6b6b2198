//! `spool`: the tasks of spool folders, whether their instance runs or not. A task that runs is never touched.

mod folders;
mod tell;

use super::common::{deadline, seen};
use crate::error::CtlError;
use crate::report::{self, VerbResult};
use crate::wait::Deadline;
use clap::ArgMatches;
use folders::Folders;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use uswgi_proto::exit::Exit;
use uswgi_proto::scoreboard::epoch_seconds;
use uswgi_spool::look::{self, TaskSeen, TaskState};
use uswgi_spool::{FAILED, SpoolTask, orders};

/// Between two looks at a task that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// A task, and the spool folder that it is of.
struct Found {
    root: PathBuf,
    task: TaskSeen,
}

/// Run it.
pub(super) fn run(options: &ArgMatches) -> Result<VerbResult, CtlError> {
    let folders = folders::meant(options)?;
    let mut all = Vec::new();
    for root in &folders.roots {
        let tasks =
            look::tasks(root, folders.ordered, SystemTime::now()).map_err(|e| unreadable(root, &e))?;
        all.push((root.clone(), tasks));
    }
    match options.get_one::<String>("what").map(String::as_str) {
        Some("show") => show(options, all),
        Some("run") => hand_over(options, &folders, all),
        Some("retry") => retry(options, &folders, all),
        Some("drop") => discard(options, all),
        _ => Ok(seen(
            options,
            || all.iter().map(|(root, tasks)| tell::folder(root, tasks, epoch_seconds())).collect(),
            || json!({ "ok": true, "pid": folders.pid, "folders": tell::folders_json(&all) }),
        )),
    }
}

fn unreadable(root: &Path, e: &std::io::Error) -> CtlError {
    let help = match e.kind() {
        std::io::ErrorKind::NotFound => "; the instance makes it when it starts",
        std::io::ErrorKind::PermissionDenied => "; run this as the user of the instance, or as root",
        _ => "",
    };
    CtlError::Refused(format!("{}: {e}{help}", root.display()))
}

/// The tasks that the words of the command line name, or `--all` that `fit`.
fn named(
    options: &ArgMatches,
    all: Vec<(PathBuf, Vec<TaskSeen>)>,
    fit: impl Fn(&TaskState) -> bool,
) -> Result<Vec<Found>, CtlError> {
    let each = all
        .into_iter()
        .flat_map(|(root, tasks)| tasks.into_iter().map(move |task| Found { root: root.clone(), task }));
    let mut tasks: Vec<Found> = each.collect();
    if options.get_flag("all") {
        tasks.retain(|t| fit(&t.task.state));
        return Ok(tasks);
    }
    let words: Vec<&String> = options.get_many::<String>("task").into_iter().flatten().collect();
    if words.is_empty() {
        return Err(CtlError::Usage(
            "which task? `uswgi-ctl spool list` shows all, and --all means all".into(),
        ));
    }
    let mut found: Vec<Found> = Vec::new();
    for word in words {
        let at = place(&tasks, word)?;
        if let Some(at) = at {
            found.push(tasks.swap_remove(at));
        } else if !found.iter().any(|f| is(f, word)) {
            let help = "it has come to its end, or `uswgi-ctl spool list` shows its name";
            return Err(CtlError::Refused(format!("there is no task {word}: {help}")));
        }
    }
    Ok(found)
}

fn is(found: &Found, word: &str) -> bool {
    let name = found.task.name.as_str();
    name == word || Path::new(word).file_name().is_some_and(|f| f == name) || name.contains(word)
}

/// The only task that a word means: its name, its file, or a part of its name that no other has.
fn place(tasks: &[Found], word: &str) -> Result<Option<usize>, CtlError> {
    let file = Path::new(word).file_name().and_then(|f| f.to_str()).unwrap_or(word);
    if let Some(at) = tasks.iter().position(|t| t.task.name.as_str() == file) {
        return Ok(Some(at));
    }
    let mut fit = (0..tasks.len()).filter(|at| tasks[*at].task.name.as_str().contains(word));
    match (fit.next(), fit.next()) {
        (first, None) => Ok(first),
        _ => Err(CtlError::Usage(format!("{word} is part of the names of several tasks; write more of it"))),
    }
}

fn show(options: &ArgMatches, all: Vec<(PathBuf, Vec<TaskSeen>)>) -> Result<VerbResult, CtlError> {
    let mut shown = Vec::new();
    for Found { root, task } in named(options, all, |_| true)? {
        let path = task.path(&root);
        let bytes = look::read(&path).map_err(|e| CtlError::Refused(format!("{}: {e}", path.display())))?;
        shown.push((root, SpoolTask::decode(&bytes), task));
    }
    let text = || {
        let each = shown.iter().map(|(root, content, task)| tell::task(root, task, content, epoch_seconds()));
        each.collect::<Vec<_>>().join("\n")
    };
    let json = || {
        let each = shown.iter().map(|(root, content, task)| tell::task_json(root, task, Some(content)));
        json!({ "ok": true, "tasks": each.collect::<Vec<_>>() })
    };
    Ok(seen(options, text, json))
}

/// Do it with each; what went wrong with one keeps nobody from the others.
fn with_each(
    found: &[Found],
    order: impl Fn(&Found) -> Result<String, orders::OrderError>,
) -> (Vec<String>, Vec<String>) {
    let (mut done, mut errors) = (Vec::new(), Vec::new());
    for one in found {
        match order(one) {
            Ok(said) => done.push(said),
            Err(e) => errors.push(e.to_string()),
        }
    }
    (done, errors)
}

fn result(found: &[Found], (mut done, errors): (Vec<String>, Vec<String>)) -> VerbResult {
    errors.iter().for_each(|e| report::progress(&format!("uswgi-ctl spool: {e}")));
    if found.is_empty() {
        done.push("there is no such task".into());
    }
    let names: Vec<&str> = found.iter().map(|f| f.task.name.as_str()).collect();
    let exit = if errors.is_empty() { Exit::Ok } else { Exit::Failed };
    let json = json!({ "ok": errors.is_empty(), "tasks": names, "done": done, "errors": errors });
    VerbResult { text: done.join("\n"), json, exit }
}

fn hand_over(
    options: &ArgMatches,
    folders: &Folders,
    all: Vec<(PathBuf, Vec<TaskSeen>)>,
) -> Result<VerbResult, CtlError> {
    let waits = |state: &TaskState| matches!(state, TaskState::Waiting | TaskState::Later(_));
    let found = named(options, all, waits)?;
    let now = match folders.pid {
        Some(_) => "is handed to the spoolers of its folder now",
        None => "is due now: a spooler of its folder takes it at once, or when it starts",
    };
    let done = with_each(&found, |one| {
        orders::run(&one.root, &one.task)?;
        Ok(format!("task {} {now}", one.task.name))
    });
    if options.get_flag("wait") && done.1.is_empty() {
        wait_for(&found, deadline(options))?;
    }
    Ok(result(&found, done))
}

/// Until each is done and gone.
fn wait_for(found: &[Found], deadline: Deadline) -> Result<(), CtlError> {
    loop {
        for Found { root, task } in found {
            let aside = root.join(FAILED).join(task.name.as_str());
            if aside.exists() && !task.path(root).exists() {
                let help = "`uswgi-ctl spool show` says why";
                return Err(CtlError::Refused(format!("task {} was put aside; {help}", task.name)));
            }
        }
        let left = found.iter().filter(|f| f.task.path(&f.root).exists()).count();
        if left == 0 {
            return Ok(());
        }
        if deadline.left().is_zero() {
            let state = format!("; {left} of {} are still in their folder", found.len());
            let what = "the end of the tasks".into();
            return Err(CtlError::TimedOut { what, seconds: deadline.seconds, state });
        }
        std::thread::sleep(LOOK);
    }
}

fn retry(
    options: &ArgMatches,
    folders: &Folders,
    all: Vec<(PathBuf, Vec<TaskSeen>)>,
) -> Result<VerbResult, CtlError> {
    let found = named(options, all, |state| matches!(state, TaskState::Failed(_)))?;
    let by =
        if folders.pid.is_some() { "" } else { ", which a spooler of it takes at once, or when it starts" };
    let done = with_each(&found, |one| {
        let to = orders::retry(&one.root, &one.task)?;
        Ok(format!("task {} is back in {}{by}", one.task.name, to.parent().unwrap_or(&to).display()))
    });
    Ok(result(&found, done))
}

fn discard(options: &ArgMatches, all: Vec<(PathBuf, Vec<TaskSeen>)>) -> Result<VerbResult, CtlError> {
    let found = named(options, all, |state| matches!(state, TaskState::Failed(_)))?;
    let done = with_each(&found, |one| {
        orders::drop(&one.root, &one.task)?;
        Ok(format!("task {} is removed", one.task.name))
    });
    Ok(result(&found, done))
}

/// A text as it is, or its bytes where it is none.
fn text_or_hex(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "hex": bytes.iter().map(|b| format!("{b:02x}")).collect::<String>() }),
    }
}
