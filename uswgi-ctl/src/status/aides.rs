//! Spoolers and mules as text for people: a row of the page for each kind, a table below that of the workers, a row on the
//! screen of `top`. Pure.

use super::{bytes, duration, milliseconds};
use std::fmt::Write;
use uswgi_proto::background::AideKind;
use uswgi_proto::show::aides::AideSeen;
use uswgi_proto::show::names::worker_state_name;

fn of(all: &[AideSeen], kind: AideKind) -> impl Iterator<Item = &AideSeen> + Clone {
    all.iter().filter(move |a| a.aide.kind == kind)
}

/// When the oldest waiting task was made, as its age.
fn oldest<'a>(spoolers: impl Iterator<Item = &'a AideSeen>, now: u64) -> String {
    let made = spoolers.map(|a| a.oldest).filter(|made| *made > 0).min();
    made.map_or(String::new(), |made| duration(now.saturating_sub(made)))
}

/// Rows of the page; none where there is no such process.
pub(super) fn rows(all: &[AideSeen], now: u64) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    for (kind, name, what) in
        [(AideKind::Spooler, "spoolers", "tasks"), (AideKind::Mule, "mules", "messages")]
    {
        let seen = of(all, kind);
        let there = seen.clone().filter(|a| a.pid > 0).count();
        if seen.clone().count() == 0 {
            continue;
        }
        let sum = |get: fn(&AideSeen) -> u64| seen.clone().map(get).fold(0, u64::wrapping_add);
        let busy = seen.clone().filter(|a| a.busy_us > 0).count();
        let mut text = format!("{there}, {busy} at work; {} {what} done", sum(|a| a.done));
        for (count, word) in [
            (sum(|a| a.failed), "exceptions"),
            (sum(|a| a.retried), "to run again"),
            (sum(|a| a.put_aside), "put aside"),
            (sum(|a| a.deaths.into()), "deaths"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {count} {word}");
            }
        }
        // Processes of one folder know of the same tasks.
        let waiting = seen.clone().map(|a| a.waiting).max().unwrap_or(0);
        if waiting > 0 {
            let age = oldest(seen, now);
            let age = if age.is_empty() { age } else { format!(", the oldest {age} old") };
            let _ = write!(text, "; {waiting} waiting{age}");
        }
        rows.push((name, text));
    }
    rows
}

/// What it is at; empty: nothing.
pub(crate) fn at_work(a: &AideSeen) -> String {
    match (a.busy_us, a.task.as_str()) {
        (0, _) => String::new(),
        (us, "") => format!("{} ms in a message", milliseconds(us)),
        (us, task) => format!("{} ms in {task}", milliseconds(us)),
    }
}

/// A line for each, below those of the workers.
pub(super) fn table(out: &mut String, all: &[AideSeen], now: u64) {
    if all.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{:<12} {:>8} {:<9} {:>4} {:>9} {:>6} {:>7} {:>8} {:>7} {:>7} {:>6} {:>10} {:>8}",
        "AIDE",
        "PID",
        "STATE",
        "GEN",
        "DONE",
        "EXC",
        "RETRIED",
        "ASIDE",
        "WAITING",
        "OLDEST",
        "DEATHS",
        "RSS",
        "UP"
    );
    for a in all {
        let none = |text: String| if text.is_empty() { "-".to_string() } else { text };
        let size = if a.rss > 0 { bytes(a.rss) } else { "-".into() };
        let _ = writeln!(
            out,
            "{:<12} {:>8} {:<9} {:>4} {:>9} {:>6} {:>7} {:>8} {:>7} {:>7} {:>6} {size:>10} {:>8}",
            a.aide.to_string(),
            a.pid,
            worker_state_name(a.state),
            a.generation,
            a.done,
            a.failed,
            a.retried,
            a.put_aside,
            a.waiting,
            none(oldest(std::iter::once(a), now)),
            a.deaths,
            if a.pid > 0 { duration(now.saturating_sub(a.last_spawn)) } else { "-".into() },
        );
        let work = at_work(a);
        if !work.is_empty() {
            let _ = writeln!(out, "         {work}");
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use uswgi_proto::background::Aide;
    use uswgi_proto::scoreboard::WorkerState;

    pub(crate) fn seen(kind: AideKind, number: u32) -> AideSeen {
        AideSeen {
            aide: Aide { kind, number },
            state: WorkerState::Ready,
            pid: 40 + number as i32,
            respawns: 0,
            deaths: 0,
            generation: 1,
            last_spawn: 1000,
            busy_us: 0,
            done: 5,
            failed: 0,
            retried: 0,
            put_aside: 0,
            running_us: 0,
            waiting: 0,
            oldest: 0,
            task: String::new(),
            rss: 0,
            stacks: None,
        }
    }

    #[test]
    fn each_kind_has_its_row_and_each_process_its_line() {
        let mut first = seen(AideKind::Spooler, 1);
        (first.busy_us, first.waiting, first.oldest, first.retried) = (1_500_000, 7, 940, 2);
        first.task = "3/uwsgi_spoolfile_on_x".into();
        let all = [first, seen(AideKind::Spooler, 2), seen(AideKind::Mule, 1)];
        let rows = rows(&all, 1000);
        let spoolers = "2, 1 at work; 10 tasks done, 2 to run again; 7 waiting, the oldest 1m00s old";
        assert_eq!(rows[0], ("spoolers", spoolers.into()));
        assert_eq!(rows[1], ("mules", "1, 0 at work; 5 messages done".into()));
        let mut out = String::new();
        table(&mut out, &all, 1060);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 6, "{out}");
        assert!(lines[2].starts_with("spooler 1          41 ready"), "{out}");
        assert_eq!(lines[3], "         1500.0 ms in 3/uwsgi_spoolfile_on_x");
        // Numbers stand under the end of their heading.
        let end = |line: &str, word: &str| line.find(word).unwrap() + word.len();
        assert_eq!(end(lines[1], "WAITING"), end(lines[2], " 7"), "{out}");
        assert!(super::rows(&[], 0).is_empty());
    }
}
