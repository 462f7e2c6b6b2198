//! Names of task files: `uwsgi_spoolfile_on_HOST_PID_REQUEST_RANDOM_SECONDS_MICROSECONDS`, as uWSGI gives them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How the name of a task file begins; nothing else in a folder is a task.
pub const PREFIX: &str = "uwsgi_spoolfile_on_";

/// The name of a task file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskName(String);

impl TaskName {
    /// A name for a task of this process. `number` counts its tasks; `random` tells it from those of a process that had
    /// the same pid in the same microsecond.
    pub fn new(host: &str, pid: u32, number: u64, random: u32, at: SystemTime) -> TaskName {
        let at = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        // A host name cannot hold a slash where the system is sane; a file name never can.
        let host = host.replace(['/', '\0'], "-");
        TaskName(format!("{PREFIX}{host}_{pid}_{number}_{random}_{}_{}", at.as_secs(), at.subsec_micros()))
    }

    /// The name of a file, when it is that of a task.
    pub fn of(file: &str) -> Option<TaskName> {
        (file.starts_with(PREFIX) && !file.contains('/')).then(|| TaskName(file.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When it was made, seconds and microseconds since the epoch: what a folder's tasks are put in order by. A name of
    /// another form comes first.
    pub fn made(&self) -> (u64, u32) {
        let mut parts = self.0.rsplit('_');
        let micros = parts.next().and_then(|p| p.parse().ok());
        let seconds = parts.next().and_then(|p| p.parse().ok());
        seconds.zip(micros).unwrap_or_default()
    }
}

impl std::fmt::Display for TaskName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_uwsgis_and_says_when() {
        let at = UNIX_EPOCH + Duration::new(1_795_971_615, 266_890_123);
        let name = TaskName::new("vm", 26081, 1, 1_629_306_141, at);
        assert_eq!(name.as_str(), "uwsgi_spoolfile_on_vm_26081_1_1629306141_1795971615_266890");
        assert_eq!(name.made(), (1_795_971_615, 266_890));
        assert_eq!(TaskName::of(name.as_str()), Some(name));
    }

    #[test]
    fn nothing_else_is_a_task() {
        for other in ["", "uwsgi_spoolfile", ".uswgi-new-x", "failed", "uwsgi_spoolfile_on_x/../y"] {
            assert_eq!(TaskName::of(other), None, "{other}");
        }
        assert_eq!(TaskName::of("uwsgi_spoolfile_on_by_hand").unwrap().made(), (0, 0));
        let odd = TaskName::new("a/b", 1, 1, 1, UNIX_EPOCH);
        assert!(!odd.as_str().contains('/'));
    }
}
