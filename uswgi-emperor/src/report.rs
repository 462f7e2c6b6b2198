//! What is said of vassals: to the log, and to the service manager. Pure.
#![forbid(unsafe_code)]

use crate::court::{Court, Stage, Vassal};
use crate::name::shown;
use std::ffi::OsStr;

/// Most vassals that are named in one line.
const NAMED: usize = 5;

/// One line about a vassal.
pub fn line(id: &OsStr, v: &Vassal) -> String {
    let pid = v.pid.map_or(String::new(), |pid| format!(", pid {pid}"));
    let problem = if v.problem.is_empty() { String::new() } else { format!(": {}", v.problem) };
    format!("vassal {}: {}{pid}, {} respawns{problem}", shown(id), v.stage_name(), v.respawns)
}

/// How many serve, and who does not although it was tried.
pub fn status(court: &Court) -> String {
    let all = court.vassals();
    let serve = all.values().filter(|v| v.serves()).count();
    let failing: Vec<String> =
        all.iter().filter(|(_, v)| matches!(v.stage, Stage::Waiting(_))).map(|(id, _)| shown(id)).collect();
    let mut text = format!("{serve} of {} vassals serve", all.len());
    if !failing.is_empty() {
        text += &format!("; failing: {}", failing[..failing.len().min(NAMED)].join(", "));
        if failing.len() > NAMED {
            text += &format!(" and {} more", failing.len() - NAMED);
        }
    }
    text
}
