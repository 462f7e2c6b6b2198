//! The name of a process in ps and top. The kernel shows the memory in which the arguments came
//! (proc_pid_stat(5), fields 48 and 49); the bootstrap text leaves plenty of room there.

use crate::sys;
use std::sync::OnceLock;

/// Title of a worker, or of the template (worker 0).
pub fn of(prefix: &str, worker_id: u32) -> String {
    match worker_id {
        0 => format!("{prefix}uswgi-worker: template"),
        id => format!("{prefix}uswgi-worker: worker {id}"),
    }
}

/// Show this title from now on. Failure leaves the old one.
pub fn set(title: &str) {
    // A forked worker has the memory of its template in the same place: it need not look again.
    static AREA: OnceLock<Option<(usize, usize)>> = OnceLock::new();
    if let Some((start, end)) = AREA.get_or_init(area) {
        sys::overwrite_arguments(*start, *end, title.as_bytes());
    }
}

/// Where the arguments begin and end.
fn area() -> Option<(usize, usize)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    // The first field behind the name is field 3.
    let field = |n: usize| fields.split_ascii_whitespace().nth(n - 3)?.parse::<usize>().ok();
    field(48).zip(field(49))
}
