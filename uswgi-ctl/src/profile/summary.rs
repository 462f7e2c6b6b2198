//! A profile in a page: what the lanes did, by route, and the functions in which they stood. Pure.

use super::draw::shown;
use super::merged::{MergedProfile, NO_ROUTE};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use uswgi_proto::profile::LaneStanding;

/// Rows of each table for people.
const ROWS: usize = 12;

/// Looks by standing.
type ByStanding = [u64; LaneStanding::ALL.len()];

/// The largest first.
fn by_route(p: &MergedProfile) -> Vec<(&str, ByStanding)> {
    let mut sums: BTreeMap<&str, ByStanding> = BTreeMap::new();
    for (stack, count) in &p.stacks {
        sums.entry(stack.route.as_deref().unwrap_or(NO_ROUTE)).or_default()[stack.standing as usize] += count;
    }
    let mut rows: Vec<_> = sums.into_iter().collect();
    rows.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<u64>()));
    rows
}

/// Number of a function, looks with it on top, looks with it anywhere.
fn functions(p: &MergedProfile) -> Vec<(u32, u64, u64)> {
    let mut sums: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for (stack, count) in &p.stacks {
        if let Some(top) = stack.frames.last() {
            sums.entry(*top).or_default().0 += count;
        }
        // A recursion counts once.
        for frame in stack.frames.iter().collect::<BTreeSet<_>>() {
            sums.entry(*frame).or_default().1 += count;
        }
    }
    let mut rows: Vec<_> = sums.into_iter().map(|(frame, (own, all))| (frame, own, all)).collect();
    rows.sort_by_key(|(frame, own, all)| (std::cmp::Reverse(*own), std::cmp::Reverse(*all), *frame));
    rows
}

fn totals(p: &MergedProfile) -> ByStanding {
    let mut sums = ByStanding::default();
    p.stacks.iter().for_each(|(stack, count)| sums[stack.standing as usize] += count);
    sums
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// For people.
pub fn text(p: &MergedProfile) -> String {
    let (busy, looks) = (p.busy(), p.busy() + p.idle + p.unread);
    let workers = match p.workers.len() {
        1 => "1 worker".to_string(),
        n => format!("{n} workers"),
    };
    let mut out =
        format!("{workers}, CPython {}, {} looks a second: {looks} looks at lanes\n", p.python, p.rate);
    let mut parts = vec![format!("idle {:.1} %", percent(p.idle, looks))];
    for (standing, count) in LaneStanding::ALL.into_iter().zip(totals(p)) {
        parts.push(format!("{} {:.1} %", standing.name(), percent(count, looks)));
    }
    if p.unread > 0 {
        parts.push(format!("changed while it was read {:.1} %", percent(p.unread, looks)));
    }
    let _ = writeln!(out, "{}", parts.join(", "));
    if p.late > 0 {
        let _ = writeln!(out, "{} looks were left out: the machine was late", p.late);
    }
    if !p.silent.is_empty() {
        let all: Vec<String> = p.silent.iter().map(u32::to_string).collect();
        let _ = writeln!(out, "no answer of worker {}", all.join(", "));
    }
    if busy == 0 {
        return out;
    }
    let _ = write!(out, "\n{:>6}", "share");
    for standing in LaneStanding::ALL {
        let _ = write!(out, " {:>8}", standing.name());
    }
    out.push_str("  route\n");
    for (route, counts) in by_route(p).into_iter().take(ROWS) {
        let _ = write!(out, "{:>5.1}%", percent(counts.iter().sum(), busy));
        for count in counts {
            let _ = write!(out, " {:>7.1}%", percent(count, busy));
        }
        let _ = writeln!(out, "  {route}");
    }
    let _ = writeln!(out, "\n{:>6} {:>8}  function", "own", "with all");
    for (frame, own, all) in functions(p).into_iter().take(ROWS) {
        let Some(frame) = p.frames.get(frame as usize) else { continue };
        let _ = writeln!(out, "{:>5.1}% {:>7.1}%  {}", percent(own, busy), percent(all, busy), shown(frame));
    }
    out
}

/// For programs.
pub fn json(p: &MergedProfile) -> Value {
    let by_standing = |counts: ByStanding| -> Value {
        LaneStanding::ALL.into_iter().zip(counts).map(|(s, n)| (s.name().to_string(), json!(n))).collect()
    };
    let routes: Vec<Value> = by_route(p)
        .into_iter()
        .map(|(route, counts)| json!({ "route": route, "looks": by_standing(counts) }))
        .collect();
    let functions: Vec<Value> = functions(p)
        .into_iter()
        .filter_map(|(frame, own, all)| {
            let f = p.frames.get(frame as usize)?;
            Some(json!({ "function": f.name, "file": f.file, "line": f.line, "own": own, "all": all }))
        })
        .collect();
    json!({
        "ok": true, "python": p.python, "rate": p.rate, "workers": p.workers, "silent_workers": p.silent,
        "looks": p.busy() + p.idle + p.unread, "idle": p.idle, "busy": by_standing(totals(p)),
        "unread": p.unread, "late": p.late, "routes": routes, "functions": functions,
    })
}

#[cfg(test)]
mod tests {
    use super::super::merged::tests::profile;
    use super::*;

    #[test]
    fn shares_are_of_all_looks_and_of_the_busy_ones() {
        let text = text(&profile());
        for part in [
            "2 workers, CPython 3.11.7, 100 looks a second: 85 looks at lanes",
            "idle 47.1 %, running 31.8 %, gil 5.9 %, input 0.0 %, sending 2.4 %, waiting 11.8 %, changed while it was read 1.2 %",
            "3 looks were left out",
            " 84.1%    61.4%     0.0%     0.0%     0.0%    22.7%  GET /a/*",
            " 84.1%    84.1%  Model.query (orm/base.py:70)",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let json = json(&profile());
        assert_eq!((&json["busy"]["gil"], &json["looks"]), (&json!(5), &json!(85)));
        assert_eq!(json["functions"][1]["all"], 39);
    }

    #[test]
    fn without_a_request_there_is_a_summary_too() {
        let mut p = MergedProfile::new(50);
        p.idle = 10;
        assert!(text(&p).contains("idle 100.0 %"));
    }
}
