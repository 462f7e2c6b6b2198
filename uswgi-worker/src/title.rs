//! The name of a process in ps and top. The kernel shows the memory in which the arguments came
//! (proc_pid_stat(5), fields 48 and 49); the bootstrap text leaves plenty of room there.

use crate::sys;

/// Title of a worker, or of the template (worker 0).
pub(crate) fn of(prefix: &str, worker_id: u32) -> String {
    match worker_id {
        0 => format!("{prefix}uswgi-worker: template"),
        id => format!("{prefix}uswgi-worker: worker {id}"),
    }
}

/// Show this title from now on. Failure leaves the old one.
pub(crate) fn set(title: &str) {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return };
    let Some((_, fields)) = stat.rsplit_once(')') else { return };
    // The first field behind the name is field 3.
    let field = |n: usize| fields.split_ascii_whitespace().nth(n - 3).and_then(|f| f.parse::<usize>().ok());
    if let (Some(start), Some(end)) = (field(48), field(49)) {
        sys::overwrite_arguments(start, end, title.as_bytes());
    }
}
