//! What an instance shows of itself on its scoreboard, and which vassals run although their Emperor is gone.
#![forbid(unsafe_code)]

use crate::claim::ClaimRecord;
use crate::court::Seen;
use crate::launch::{EMPEROR_VARIABLE, VASSAL_VARIABLE};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use uswgi_proto::instance::{RunningInstance, start_time};
use uswgi_proto::scoreboard::{InstanceState, Outcome};

/// What the instance with this master shows; None: it shows nothing yet, or no more.
pub fn seen(pid: i32) -> Option<Seen> {
    let instance = RunningInstance::from_pid(pid).ok()?;
    let h = instance.board.header();
    // First: the fields of its outcome are stored before it.
    let done = h.reloads_done.load(Acquire);
    let state = InstanceState::from_number(h.state.load(Relaxed));
    let serves = matches!(state, InstanceState::Running | InstanceState::Reloading | InstanceState::Paused);
    let well = Outcome::from_number(h.last_outcome.load(Relaxed)) == Outcome::Ok;
    let reason = h.reason.read().unwrap_or_default();
    Some(Seen { serves, reloads: state == InstanceState::Reloading, done, well, reason })
}

/// When the instance read its file last, in seconds since the epoch.
pub fn read_at(pid: i32) -> Option<i64> {
    let instance = RunningInstance::from_pid(pid).ok()?;
    let h = instance.board.header();
    let last = h.started_at.load(Relaxed).max(h.last_reload_at.load(Relaxed));
    i64::try_from(last).ok()
}

fn variable<'a>(environ: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut all = environ.split(|&b| b == 0);
    all.find_map(|v| v.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// Masters that run as vassals of this monitor: their files, and pids.
///
/// Anybody can write such variables into the environment of a master of his own, so that his would pass for somebody's site. One of
/// root, or of the user of this process, is believed; of another user only one that the Emperor before this has written down.
pub fn running(key: &Path, recorded: &ClaimRecord) -> BTreeMap<PathBuf, i32> {
    let me = nix::unistd::geteuid().as_raw();
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let Ok(environ) = fs::read(entry.path().join("environ")) else { continue };
        let of = |name| variable(&environ, name).map(|v| PathBuf::from(OsString::from_vec(v.to_vec())));
        if of(EMPEROR_VARIABLE).as_deref() != Some(key) {
            continue;
        }
        // Its workers have the same environment, and no scoreboard of their own.
        let Some(file) = of(VASSAL_VARIABLE).filter(|_| RunningInstance::from_pid(pid).is_ok()) else {
            continue;
        };
        let uid = entry.metadata().map(|m| m.uid());
        let known = recorded.get(&*file.to_string_lossy()).copied();
        if uid.is_ok_and(|uid| uid == 0 || uid == me)
            || known == start_time(pid).map(|at| (pid, at)) && known.is_some()
        {
            all.insert(file, pid);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        let environ = b"AUSWGI_VASSAL=x\0USWGI_VASSAL_PLAN=y\0USWGI_VASSAL=/v/a b.ini\0";
        assert_eq!(variable(environ, VASSAL_VARIABLE), Some(&b"/v/a b.ini"[..]));
        assert_eq!(variable(environ, EMPEROR_VARIABLE), None);
    }

    #[test]
    fn a_stranger_shows_nothing() {
        assert_eq!(seen(std::process::id() as i32), None);
        assert!(running(Path::new("/no/such/monitor"), &ClaimRecord::new()).is_empty());
    }
}
