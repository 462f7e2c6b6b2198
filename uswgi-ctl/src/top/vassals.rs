//! `top` of an Emperor: a line for each vassal. The Emperor is asked which there are, and their numbers are read from their
//! scoreboards; no vassal is asked anything.

mod screen;

use super::state::Sort;
use crate::error::CtlError;
use crate::report::{VerbResult, printable, stdout};
use crate::status::bytes;
use crate::steer::PATIENCE;
use crate::target::Target;
use clap::ArgMatches;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use uswgi_proto::emperor::{self, EmperorAnswer, EmperorQuestion, VassalRow};
use uswgi_proto::exit::Exit;
use uswgi_proto::instance::RunningInstance;
use uswgi_proto::scoreboard::WorkerState;
use uswgi_proto::show::Snapshot;

/// Headings of the columns.
const COLUMNS: [&str; 11] =
    ["VASSAL", "STAGE", "PID", "WORKERS", "BUSY", "REQ/S", "REQS", "5XX", "RSS", "RESPAWNS", "PROBLEM"];
/// Width of each but the last one.
const WIDTHS: [u16; 10] = [24, 9, 8, 7, 5, 8, 10, 7, 10, 8];

/// What an instance counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Numbers {
    ready: usize,
    wanted: u32,
    busy: u64,
    requests: u64,
    errors: u64,
    rss: u64,
}

/// A vassal as it was seen last.
#[derive(Debug, Clone)]
struct VassalLine {
    row: VassalRow,
    numbers: Option<Numbers>,
    /// Requests a second.
    rate: f64,
}

/// All vassals of an Emperor, and how they are shown.
struct Vassals {
    pid: i32,
    lines: Vec<VassalLine>,
    sort: Sort,
    reverse: bool,
    filter: String,
    /// First line on the screen.
    from: usize,
    message: String,
}

/// Which Emperor is meant where no instance is: the one with this pid, or the only one that runs.
pub(super) fn emperor_of(target: &Target) -> Option<i32> {
    match target {
        Target::Pid(pid) => ask(*pid).is_ok().then_some(*pid),
        Target::Only => match emperor::running()[..] {
            [pid] => Some(pid),
            _ => None,
        },
        Target::Pidfile(path) => {
            let pid = std::fs::read_to_string(path).ok()?.trim().parse().ok()?;
            ask(pid).is_ok().then_some(pid)
        }
    }
}

fn ask(pid: i32) -> Result<Vec<VassalRow>, CtlError> {
    match emperor::ask(pid, &EmperorQuestion::List, PATIENCE)? {
        EmperorAnswer::Vassals { vassals } => Ok(vassals),
        EmperorAnswer::Refused { message } => Err(CtlError::Refused(message)),
        other => {
            Err(CtlError::Refused(format!("the emperor gave another answer than was asked for: {other:?}")))
        }
    }
}

fn numbers(pid: i32) -> Option<Numbers> {
    let instance = RunningInstance::from_pid(pid).ok().filter(|_| pid > 0)?;
    let s = Snapshot::measured(&instance);
    Some(Numbers {
        ready: s.count(WorkerState::Ready),
        wanted: s.workers_target,
        busy: s.busy_threads() as u64,
        requests: s.total.requests,
        errors: s.total.by_class[4],
        rss: s.workers.iter().map(|w| w.rss).fold(0, u64::saturating_add),
    })
}

impl Vassals {
    /// Take another look, so long after the last one.
    fn see(&mut self, rows: Vec<VassalRow>, count: impl Fn(i32) -> Option<Numbers>, seconds: f64) {
        let before: HashMap<(String, i32), u64> = self
            .lines
            .iter()
            .filter_map(|l| Some(((l.row.id.clone(), l.row.pid), l.numbers?.requests)))
            .collect();
        let line = |row: VassalRow| {
            let numbers = count(row.pid);
            let more = numbers
                .and_then(|n| Some(n.requests.saturating_sub(*before.get(&(row.id.clone(), row.pid))?)));
            let rate = more.filter(|_| seconds > 0.0).map_or(0.0, |more| more as f64 / seconds);
            VassalLine { row, numbers, rate }
        };
        self.lines = rows.into_iter().map(line).collect();
    }

    fn cells(&self, l: &VassalLine) -> [String; 11] {
        let n = |of: &dyn Fn(&Numbers) -> String| l.numbers.as_ref().map_or("-".into(), of);
        [
            printable(&l.row.id),
            l.row.stage.clone(),
            if l.row.pid > 0 { l.row.pid.to_string() } else { "-".into() },
            n(&|n| format!("{}/{}", n.ready, n.wanted)),
            n(&|n| n.busy.to_string()),
            n(&|_| format!("{:.1}", l.rate)),
            n(&|n| n.requests.to_string()),
            n(&|n| n.errors.to_string()),
            n(&|n| bytes(n.rss)),
            l.row.respawns.to_string(),
            printable(&l.row.problem).replace('\n', " "),
        ]
    }

    /// What is shown, in its order.
    fn shown(&self) -> Vec<(&VassalLine, [String; 11])> {
        let mut all: Vec<_> = self.lines.iter().map(|l| (l, self.cells(l))).collect();
        all.retain(|(_, cells)| self.filter.is_empty() || cells.iter().any(|c| c.contains(&self.filter)));
        let of = |l: &VassalLine| l.numbers.unwrap_or_default();
        match self.sort {
            Sort::Id => {}
            Sort::Rate => all.sort_by(|a, b| b.0.rate.total_cmp(&a.0.rate)),
            Sort::Memory => all.sort_by_key(|(l, _)| std::cmp::Reverse(of(l).rss)),
            Sort::Requests => all.sort_by_key(|(l, _)| std::cmp::Reverse(of(l).requests)),
            Sort::Cpu | Sort::Age => all.sort_by_key(|(l, _)| std::cmp::Reverse(of(l).busy)),
        }
        if self.reverse {
            all.reverse();
        }
        all
    }

    fn head(&self) -> String {
        let serve = self.lines.iter().filter(|l| matches!(&l.row.stage[..], "serving" | "reloading")).count();
        let wrong = self.lines.iter().filter(|l| !l.row.problem.is_empty()).count();
        let sum = |of: &dyn Fn(&Numbers) -> u64| {
            self.lines.iter().filter_map(|l| l.numbers.as_ref()).map(of).sum::<u64>()
        };
        let rate: f64 = self.lines.iter().map(|l| l.rate).sum();
        format!(
            "emperor {}: {serve} of {} vassals serve, {wrong} with a problem, {rate:.1} requests/s, {} under way, {} in workers",
            self.pid,
            self.lines.len(),
            sum(&|n| n.busy),
            bytes(sum(&|n| n.rss)),
        )
    }

    fn text(&self) -> String {
        let mut out = self.head() + "\n";
        let mut line = |cells: &[String]| {
            for (cell, width) in cells.iter().zip(WIDTHS) {
                out += &format!("{cell:<0$} ", usize::from(width));
            }
            out += cells.last().map_or("", String::as_str);
            out.truncate(out.trim_end().len());
            out.push('\n');
        };
        line(&COLUMNS.map(String::from));
        self.shown().iter().for_each(|(_, cells)| line(cells));
        out
    }

    fn json(&self) -> Value {
        let one = |(l, _): &(&VassalLine, [String; 11])| {
            let mut all = json!(l.row);
            let n = l.numbers.unwrap_or_default();
            for (name, value) in [
                ("workers_ready", json!(n.ready)),
                ("workers_target", json!(n.wanted)),
                ("busy", json!(n.busy)),
                ("requests", json!(n.requests)),
                ("requests_per_second", json!(l.rate)),
                ("answers_5xx", json!(n.errors)),
                ("rss_bytes", json!(n.rss)),
            ] {
                // One without a process has no numbers.
                all[name] = if l.numbers.is_some() { value } else { Value::Null };
            }
            all
        };
        json!({ "pid": self.pid, "vassals": self.shown().iter().map(one).collect::<Vec<_>>() })
    }
}

/// Follow the vassals of this Emperor. `terminal`: on a screen; else so many looks as text.
pub(super) fn run(
    pid: i32,
    options: &ArgMatches,
    interval: Duration,
    sort: Sort,
    filter: String,
    terminal: bool,
) -> Result<VerbResult, CtlError> {
    let mut all =
        Vassals { pid, lines: Vec::new(), sort, reverse: false, filter, from: 0, message: String::new() };
    all.see(ask(pid)?, numbers, 0.0);
    if terminal {
        return screen::on_screen(all, interval);
    }
    let count = options.get_one::<u64>("count").copied().unwrap_or(1);
    let (json, quiet) = (options.get_flag("json"), options.get_flag("quiet"));
    let mut text = String::new();
    // Rates need two looks.
    for i in 0..count.max(1) {
        let begin = Instant::now();
        std::thread::sleep(interval);
        all.see(ask(pid)?, numbers, begin.elapsed().as_secs_f64());
        text = all.text();
        if i + 1 < count && !json && !quiet {
            stdout(&text).map_err(|source| CtlError::Io { what: "cannot print", source })?;
        }
    }
    let json = if json { all.json() } else { Value::Null };
    Ok(VerbResult { text, json, exit: Exit::Ok })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn row(id: &str, pid: i32, stage: &str, problem: &str) -> VassalRow {
        VassalRow {
            id: id.into(),
            path: format!("/v/{id}"),
            pid,
            stage: stage.into(),
            respawns: 1,
            problem: problem.into(),
        }
    }

    pub(super) fn seen() -> Vassals {
        let mut all = Vassals {
            pid: 7,
            lines: Vec::new(),
            sort: Sort::Id,
            reverse: false,
            filter: String::new(),
            from: 0,
            message: String::new(),
        };
        let rows = || {
            vec![
                row("a.ini", 8, "serving", ""),
                row("b\u{1b}.ini", 0, "waiting", "it\nfails"),
                row("c.ini", 9, "serving", ""),
            ]
        };
        let count = |requests: u64| {
            move |pid: i32| {
                (pid > 0).then(|| Numbers {
                    ready: 1,
                    wanted: 2,
                    busy: u64::from(pid == 9),
                    requests: requests * pid as u64,
                    errors: 3,
                    rss: 1 << 20,
                })
            }
        };
        all.see(rows(), count(10), 0.0);
        assert!(all.lines.iter().all(|l| l.rate == 0.0), "one look is no rate");
        all.see(rows(), count(20), 2.0);
        all
    }

    #[test]
    fn each_vassal_has_a_line_with_what_happened_since_the_last_look() {
        let mut all = seen();
        let text = all.text();
        let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split_whitespace().collect()).collect();
        assert!(
            text.starts_with(
                "emperor 7: 2 of 3 vassals serve, 1 with a problem, 85.0 requests/s, 1 under way"
            ),
            "{text}"
        );
        assert_eq!(lines[2][..7], ["a.ini", "serving", "8", "1/2", "0", "40.0", "160"]);
        assert_eq!(lines[3][..7], ["b\\u{1b}.ini", "waiting", "-", "-", "-", "-", "-"]);
        assert!(text.lines().nth(3).unwrap().ends_with("it fails"), "one line each: {text}");
        all.sort = Sort::Rate;
        assert_eq!(all.shown()[0].1[0], "c.ini");
        all.reverse = true;
        assert_eq!(all.shown()[2].1[0], "c.ini");
        all.filter = "fails".into();
        assert_eq!(all.shown().len(), 1);
        let json = all.json();
        assert_eq!((&json["vassals"][0]["requests"], &json["pid"]), (&Value::Null, &json!(7)));
    }

    #[test]
    fn another_process_of_a_name_has_no_rate_from_the_one_before() {
        let mut all = seen();
        let count = |_: i32| Some(Numbers { requests: 1, ..Numbers::default() });
        all.see(vec![row("a.ini", 88, "serving", "")], count, 1.0);
        assert_eq!((all.lines.len(), all.lines[0].rate), (1, 0.0));
    }
}
