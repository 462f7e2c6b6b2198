//! Spoolers and mules, as the scoreboard shows them: plain data, JSON, and uWSGI's rows of spoolers.
#![forbid(unsafe_code)]

use super::names::worker_state_name;
use crate::background::{Aide, AideKind};
use crate::scoreboard::aide::AIDES;
use crate::scoreboard::{Reader, WorkerState, monotonic_us};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// A spooler or mule: its process, or the name of one that is to come again.
#[derive(Debug, Clone)]
pub struct AideSeen {
    /// Its name.
    pub aide: Aide,
    /// What its process does; free: there is none now.
    pub state: WorkerState,
    /// Pid, 0: none.
    pub pid: i32,
    /// Processes of this name before this one.
    pub respawns: u32,
    /// Exits that nobody asked for.
    pub deaths: u32,
    /// Generation it serves.
    pub generation: u64,
    /// When it was started, seconds since the epoch.
    pub last_spawn: u64,
    /// Microseconds since its task or message began; 0: it has none.
    pub busy_us: u64,
    /// Tasks or messages that came to their end.
    pub done: u64,
    /// Exceptions that got out of one.
    pub failed: u64,
    /// Tasks that are to run again.
    pub retried: u64,
    /// Tasks that were put aside.
    pub put_aside: u64,
    /// Microseconds in tasks and messages.
    pub running_us: u64,
    /// Tasks that it knew of when it looked last.
    pub waiting: u64,
    /// When the oldest of them was made, seconds since the epoch; 0: none.
    pub oldest: u64,
    /// The task under way; empty: none.
    pub task: String,
    /// Resident bytes, as of its last task.
    pub rss: u64,
    /// Where it is asked for its stacks: its descriptors of the pipe and the memory file ([`crate::stacks`]).
    pub stacks: Option<(u32, u32)>,
}

/// Every name of which there is a process, or was one.
pub fn seen(board: &Reader) -> Vec<AideSeen> {
    let now = monotonic_us();
    let one = |slot: u32| {
        let s = board.aide(slot)?;
        let began = s.started_us.load(Relaxed);
        Some(AideSeen {
            aide: s.aide()?,
            state: WorkerState::from_number(s.state.load(Relaxed)),
            pid: s.pid.load(Relaxed),
            respawns: s.respawns.load(Relaxed),
            deaths: s.deaths.load(Relaxed),
            generation: s.generation.load(Relaxed),
            last_spawn: s.last_spawn.load(Relaxed),
            busy_us: if began == 0 { 0 } else { now.saturating_sub(began).max(1) },
            done: s.done.load(Relaxed),
            failed: s.failed.load(Relaxed),
            retried: s.retried.load(Relaxed),
            put_aside: s.put_aside.load(Relaxed),
            running_us: s.running_us.load(Relaxed),
            waiting: s.waiting.load(Relaxed),
            oldest: s.oldest.load(Relaxed),
            task: if began == 0 { String::new() } else { s.current.read().unwrap_or_default() },
            rss: s.rss.load(Relaxed),
            stacks: match s.stacks_pipe.load(Acquire) {
                0 => None,
                pipe => Some((pipe, s.stacks_memory.load(Relaxed))),
            },
        })
    };
    let mut all: Vec<AideSeen> = (0..AIDES as u32).filter_map(one).collect();
    all.sort_by_key(|a| a.aide);
    all
}

fn of(all: &[AideSeen], kind: AideKind) -> impl Iterator<Item = &AideSeen> {
    all.iter().filter(move |a| a.aide.kind == kind)
}

fn common(a: &AideSeen) -> Value {
    json!({
        "id": a.aide.number, "pid": a.pid, "state": worker_state_name(a.state), "respawns": a.respawns,
        "deaths": a.deaths, "generation": a.generation, "last_spawn": a.last_spawn, "busy_us": a.busy_us,
        "running_us": a.running_us, "exceptions": a.failed, "rss": a.rss,
    })
}

/// Spoolers of our JSON.
pub fn spoolers_json(all: &[AideSeen]) -> Value {
    let one = |a: &AideSeen| {
        let mut v = common(a);
        v["tasks"] = a.done.into();
        v["retried"] = a.retried.into();
        v["put_aside"] = a.put_aside.into();
        v["waiting"] = a.waiting.into();
        v["oldest"] = a.oldest.into();
        v["task"] = a.task.clone().into();
        v
    };
    of(all, AideKind::Spooler).map(one).collect()
}

/// Mules of our JSON.
pub fn mules_json(all: &[AideSeen]) -> Value {
    let one = |a: &AideSeen| {
        let mut v = common(a);
        v["messages"] = a.done.into();
        v
    };
    of(all, AideKind::Mule).map(one).collect()
}

/// Spoolers with the keys of uWSGI's statistics (observed on 2.0.31); `folder` knows the folder of each by its number.
pub fn uwsgi_spoolers(all: &[AideSeen], folder: impl Fn(u32) -> String) -> Vec<Value> {
    let one = |a: &AideSeen| {
        json!({
            "dir": folder(a.aide.number), "pid": a.pid, "tasks": a.done, "respawns": a.respawns,
            "running": u32::from(a.busy_us > 0),
        })
    };
    of(all, AideKind::Spooler).map(one).collect()
}

/// Their families of OpenMetrics.
pub fn openmetrics(out: &mut String, all: &[AideSeen]) {
    type OfAide = fn(&AideSeen) -> u64;
    let families: [(&str, &str, &str, OfAide); 7] = [
        ("aide_deaths", "counter", "Exits that nobody asked for", |a| a.deaths.into()),
        ("aide_done", "counter", "Tasks or messages that came to their end", |a| a.done),
        ("aide_failed", "counter", "Exceptions that got out of a task or message", |a| a.failed),
        ("aide_retried", "counter", "Tasks that are to run again", |a| a.retried),
        ("aide_put_aside", "counter", "Tasks that were moved to failed/", |a| a.put_aside),
        ("aide_running", "gauge", "1 while it is at a task or message", |a| u64::from(a.busy_us > 0)),
        ("aide_waiting", "gauge", "Tasks that a spooler knew of when it looked last", |a| a.waiting),
    ];
    for (name, kind, help, get) in families {
        super::families::family(out, name, kind, help);
        let end = if kind == "counter" { "_total" } else { "" };
        for a in all {
            let _ = writeln!(out, "uswgi_{name}{end}{{aide=\"{}\"}} {}", a.aide, get(a));
        }
    }
    super::families::family(
        out,
        "aide_oldest_task_seconds",
        "gauge",
        "When the oldest waiting task was made, since the epoch",
    );
    for a in all.iter().filter(|a| a.oldest > 0) {
        let _ = writeln!(out, "uswgi_aide_oldest_task_seconds{{aide=\"{}\"}} {}", a.aide, a.oldest);
    }
}
