//! What an instance shows of itself on its scoreboard, and which vassals run although their Emperor is gone.
#![forbid(unsafe_code)]

use crate::claim::ClaimRecord;
use crate::court::Seen;
use crate::launch::{EMPEROR_VARIABLE, VASSAL_VARIABLE};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};
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

/// Since when the instance may have read its file last, seconds and nanoseconds since the epoch: what was written later is unread, or
/// may be.
pub fn read_at(pid: i32) -> Option<(i64, i64)> {
    let instance = RunningInstance::from_pid(pid).ok()?;
    let h = instance.board.header();
    match h.last_reload_at.load(Relaxed) {
        0 => started_at(pid),
        end => Some(reload_began(end, h.last_reload_us.load(Relaxed))),
    }
}

/// The earliest at which a reload can have begun of whose end only the second is known.
fn reload_began(end: u64, took_us: u64) -> (i64, i64) {
    let us = end.saturating_mul(1_000_000).saturating_sub(took_us);
    ((us / 1_000_000) as i64, (us % 1_000_000) as i64 * 1000)
}

/// When the process started, by the wall clock; known to a clock tick, a hundredth of a second. A file has rested before it starts one.
fn started_at(pid: i32) -> Option<(i64, i64)> {
    let ns = |clock| clock_gettime(clock).ok().map(|t| t.tv_sec() * 1_000_000_000 + t.tv_nsec());
    let ticks = i64::try_from(start_time(pid)?).ok()?;
    let hertz = sysconf(SysconfVar::CLK_TCK).ok()??;
    let since_boot = ticks * (1_000_000_000 / hertz);
    let wall = ns(ClockId::CLOCK_REALTIME)? - (ns(ClockId::CLOCK_BOOTTIME)? - since_boot);
    Some((wall / 1_000_000_000, wall % 1_000_000_000))
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
    fn what_was_written_while_a_reload_ran_is_unread() {
        // It ended between 100.0 and 101.0 s, after 2.5 s: a file of 97.6 s was perhaps read, one of 99.0 s perhaps not.
        assert_eq!(reload_began(100, 2_500_000), (97, 500_000_000));
        assert!((99, 0) >= reload_began(100, 2_500_000) && (97, 0) < reload_began(100, 2_500_000));
    }

    #[test]
    fn a_process_started_when_it_did() {
        let before = clock_gettime(ClockId::CLOCK_REALTIME).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (seconds, ns) = started_at(child.id() as i32).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let late = (seconds - before.tv_sec()) * 1_000_000_000 + ns - before.tv_nsec();
        // Ticks are counted whole, and a loaded machine starts nobody at once.
        assert!((-20_000_000..30_000_000_000).contains(&late), "{late} ns");
    }

    #[test]
    fn a_stranger_shows_nothing() {
        assert_eq!(seen(std::process::id() as i32), None);
        assert!(running(Path::new("/no/such/monitor"), &ClaimRecord::new()).is_empty());
    }
}
