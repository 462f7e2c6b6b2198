//! Tasks as text for people and JSON for programs. Pure.

use super::text_or_hex;
use crate::status::{bytes, duration};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use uswgi_spool::look::{TaskSeen, TaskState};
use uswgi_spool::{BadTask, SpoolTask};

/// Bytes of a body that are shown as text.
const MOST_BODY: usize = 4096;

/// A folder with its tasks; `now` in seconds since the epoch.
pub(super) fn folder(root: &Path, tasks: &[TaskSeen], now: u64) -> String {
    let count = |name| tasks.iter().filter(|t| t.state.name() == name).count();
    let kinds = ["waiting", "later", "running", "unseen", "failed"];
    let counted = kinds.map(|k| (k, count(k))).into_iter().filter(|(_, n)| *n > 0);
    let told: Vec<String> = counted.map(|(kind, n)| format!("{n} {kind}")).collect();
    let told = if told.is_empty() { "no task".into() } else { told.join(", ") };
    let mut out = format!("{}: {told}\n", root.display());
    if tasks.is_empty() {
        return out;
    }
    let _ = writeln!(out, "{:<8} {:>8} {:>10} {:>6}  TASK", "STATE", "AGE", "SIZE", "TRIES");
    for t in tasks {
        let name = t.below.as_ref().map_or(t.name.to_string(), |below| format!("{below}/{}", t.name));
        let age = duration(now.saturating_sub(t.made));
        let tries = match t.attempts.kills + t.attempts.retries {
            0 => "-".into(),
            n => n.to_string(),
        };
        let more = more(&t.state, now);
        let more = if more.is_empty() { more } else { format!(": {more}") };
        let _ =
            writeln!(out, "{:<8} {age:>8} {:>10} {tries:>6}  {name}{more}", t.state.name(), bytes(t.size));
    }
    out
}

/// What there is to say beside the state's name.
fn more(state: &TaskState, now: u64) -> String {
    match state {
        TaskState::Later(at) => format!("due in {}", duration(at.saturating_sub(now))),
        TaskState::Running(pid) if *pid > 0 => format!("pid {pid}"),
        TaskState::Failed(reason) => reason.lines().next().unwrap_or_default().to_string(),
        TaskState::Unseen => "no spooler looks there (spooler-ordered, a number as the priority)".into(),
        TaskState::Waiting | TaskState::Running(_) => String::new(),
    }
}

fn quoted(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("b\"{}\"", value.escape_ascii()),
    }
}

/// One task on a page.
pub(super) fn task(root: &Path, t: &TaskSeen, content: &Result<SpoolTask, BadTask>, now: u64) -> String {
    let mut out = String::new();
    let mut row = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<9} {value}");
    };
    row("task", t.name.to_string());
    row("folder", t.folder(root).display().to_string());
    let more = more(&t.state, now);
    let state = t.state.name();
    row("state", if more.is_empty() { state.into() } else { format!("{state}, {more}") });
    row("written", format!("{} ago, {}", duration(now.saturating_sub(t.made)), bytes(t.size)));
    let a = &t.attempts;
    if a.kills + a.retries > 0 {
        row(
            "tries",
            format!("{} ended their process, {} are to be made again: {}", a.kills, a.retries, a.why),
        );
    }
    match content {
        Err(e) => row("content", format!("none: {e}")),
        Ok(content) => {
            for (key, value) in &content.pairs {
                row("key", format!("{} = {}", quoted(key), quoted(value)));
            }
            let shown = &content.body[..content.body.len().min(MOST_BODY)];
            if content.body.len() > MOST_BODY {
                row(
                    "body",
                    format!(
                        "{}, its first {}: {}",
                        bytes(content.body.len() as u64),
                        bytes(MOST_BODY as u64),
                        quoted(shown)
                    ),
                );
            } else if !shown.is_empty() {
                row("body", quoted(shown));
            }
        }
    }
    out
}

/// A task as JSON, with what is in it where that was read.
pub(super) fn task_json(root: &Path, t: &TaskSeen, content: Option<&Result<SpoolTask, BadTask>>) -> Value {
    let mut v = json!({
        "task": t.name.as_str(), "path": t.path(root).display().to_string(), "priority": t.below,
        "state": t.state.name(), "made": t.made, "size": t.size, "kills": t.attempts.kills,
        "retries": t.attempts.retries, "why": t.attempts.why,
    });
    match &t.state {
        TaskState::Later(at) => v["due"] = json!(at),
        TaskState::Running(pid) => v["pid"] = json!(pid),
        TaskState::Failed(reason) => (v["reason"], v["priority"]) = (json!(reason), Value::Null),
        TaskState::Waiting | TaskState::Unseen => {}
    }
    match content {
        Some(Ok(content)) => {
            let pairs = content.pairs.iter();
            v["pairs"] = pairs
                .map(|(key, value)| json!({ "key": text_or_hex(key), "value": text_or_hex(value) }))
                .collect();
            v["body"] = text_or_hex(&content.body);
        }
        Some(Err(e)) => v["bad"] = json!(e.to_string()),
        None => {}
    }
    v
}

/// All folders with their tasks.
pub(super) fn folders_json(all: &[(PathBuf, Vec<TaskSeen>)]) -> Value {
    let one = |(root, tasks): &(PathBuf, Vec<TaskSeen>)| {
        let tasks: Vec<Value> = tasks.iter().map(|t| task_json(root, t, None)).collect();
        json!({ "folder": root.display().to_string(), "tasks": tasks })
    };
    all.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_spool::TaskName;
    use uswgi_spool::attempts::Attempts;

    fn task_seen(state: TaskState, below: Option<&str>) -> TaskSeen {
        TaskSeen {
            name: TaskName::of("uwsgi_spoolfile_on_x_1_1_1_1000_0").unwrap(),
            below: below.map(str::to_string),
            state,
            made: 1000,
            size: 2048,
            attempts: Attempts { kills: 1, retries: 1, why: "signal 9".into() },
        }
    }

    #[test]
    fn a_folder_and_its_json_say_the_same() {
        let tasks = [
            task_seen(TaskState::Running(7), None),
            task_seen(TaskState::Later(1100), Some("3")),
            task_seen(TaskState::Failed("it is too short\nfor a task".into()), Some("failed")),
        ];
        let text = folder(Path::new("/t"), &tasks, 1060);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "/t: 1 later, 1 running, 1 failed");
        assert_eq!(lines[2], "running     1m00s    2.0 KiB      2  uwsgi_spoolfile_on_x_1_1_1_1000_0: pid 7");
        assert!(lines[3].ends_with("3/uwsgi_spoolfile_on_x_1_1_1_1000_0: due in 40s"), "{text}");
        assert!(lines[4].ends_with("failed/uwsgi_spoolfile_on_x_1_1_1_1000_0: it is too short"), "{text}");
        let v = folders_json(&[("/t".into(), tasks.to_vec())]);
        assert_eq!((&v[0]["tasks"][0]["pid"], &v[0]["tasks"][1]["priority"]), (&json!(7), &json!("3")));
        assert_eq!(v[0]["tasks"][2]["reason"], "it is too short\nfor a task");
        assert!(folder(Path::new("/t"), &[], 0).contains("no task"));
    }

    #[test]
    fn what_is_no_text_is_shown_as_bytes() {
        let content = SpoolTask { pairs: vec![(b"k".to_vec(), b"a\nb".to_vec())], body: vec![0, 255] };
        let t = task_seen(TaskState::Waiting, None);
        let text = task(Path::new("/t"), &t, &Ok(content.clone()), 1000);
        assert!(text.contains("key       \"k\" = \"a\\nb\"\n"), "{text}");
        assert!(text.contains("body      b\"\\x00\\xff\"\n"), "{text}");
        let v = task_json(Path::new("/t"), &t, Some(&Ok(content)));
        assert_eq!((&v["body"]["hex"], &v["pairs"][0]["value"]), (&json!("00ff"), &json!("a\nb")));
    }
}
