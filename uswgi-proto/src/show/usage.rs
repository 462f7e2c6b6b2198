//! What the system says of a worker process: memory and processor time, from proc(5).
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Use of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Microseconds of processor in the program.
    pub user_us: u64,
    /// Microseconds of processor in the kernel.
    pub system_us: u64,
    /// Resident bytes.
    pub rss: u64,
    /// Bytes of address space.
    pub vsz: u64,
    /// Resident bytes, each shared page divided among those who share it; None: not asked for.
    pub pss: Option<u64>,
    /// Threads of any kind.
    pub threads: u64,
}

/// Of the process with this pid, if it is a child of this one: a number may be a stranger's by now.
pub fn of(pid: i32, parent: i32, pss: bool) -> Option<Usage> {
    // One read has it all: the file is made when it is read, and says that it has no length.
    let mut stat = [0; 2048];
    let n = File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut stat).ok()?;
    let mut usage = parse(&stat[..n], parent, ticks(), page())?;
    if pss {
        usage.pss = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok().as_deref().and_then(rollup);
    }
    Some(usage)
}

/// Whether a thread of a process runs, or could if it had a processor; None: there is no such thread.
pub(super) fn runs(pid: i32, tid: i32) -> Option<bool> {
    let mut stat = [0; 512];
    let n = File::open(format!("/proc/{pid}/task/{tid}/stat")).ok()?.read(&mut stat).ok()?;
    state(&stat[..n]).map(|state| state == b'R')
}

/// Field 3 of proc_pid_stat(5).
fn state(stat: &[u8]) -> Option<u8> {
    let after = stat.iter().rposition(|&b| b == b')')? + 1;
    stat.get(after + 1).copied()
}

/// Whether a process is in our namespace of this kind (`net`, `pid`...). Unknown counts as no.
pub fn same_namespace(pid: i32, kind: &str) -> bool {
    let of = |who: &str| fs::read_link(Path::new("/proc").join(who).join("ns").join(kind)).ok();
    matches!((of("self"), of(&pid.to_string())), (Some(ours), Some(its)) if ours == its)
}

/// Whether an absolute path leads to nothing, for us and for a process that may see other folders (a jail, a container).
/// Where nobody can tell, and for any other name of a socket: no.
pub fn is_missing(pid: i32, name: &str) -> bool {
    let gone = |path: &Path| path.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound);
    let Some(below) = name.strip_prefix('/') else { return false };
    let root = Path::new("/proc").join(pid.to_string()).join("root");
    gone(Path::new(name)) && root.exists() && gone(&root.join(below))
}

fn ticks() -> u64 {
    use nix::unistd::{SysconfVar, sysconf};
    sysconf(SysconfVar::CLK_TCK).ok().flatten().map_or(100, |n| n.max(1) as u64)
}

fn page() -> u64 {
    use nix::unistd::{SysconfVar, sysconf};
    sysconf(SysconfVar::PAGE_SIZE).ok().flatten().map_or(4096, |n| n.max(1) as u64)
}

/// Fields 4, 14, 15, 20, 23 and 24 of proc_pid_stat(5).
fn parse(stat: &[u8], parent: i32, ticks: u64, page: u64) -> Option<Usage> {
    // The command may hold spaces and parentheses: count from the last one.
    let after = stat.iter().rposition(|&b| b == b')')? + 1;
    let fields: Vec<&str> = std::str::from_utf8(&stat[after..]).ok()?.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    if fields.get(1)?.parse() != Ok(parent) {
        return None;
    }
    let micros = |n: u64| n.saturating_mul(1_000_000) / ticks;
    Some(Usage {
        user_us: micros(number(14)?),
        system_us: micros(number(15)?),
        threads: number(20)?,
        vsz: number(23)?,
        rss: number(24)?.saturating_mul(page),
        pss: None,
    })
}

fn rollup(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix("Pss:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_its_parents_child_only() {
        let (me, parent) = (std::process::id() as i32, std::os::unix::process::parent_id() as i32);
        let usage = of(me, parent, true).unwrap();
        assert!(usage.rss > 100_000 && usage.vsz > usage.rss && usage.threads >= 1, "{usage:?}");
        // Not every kernel has the rollup; where it is there, it says something.
        assert!(usage.pss.is_none_or(|pss| pss > 10_000 && pss <= usage.rss + (1 << 20)), "{usage:?}");
        assert_eq!(of(me, parent + 1, false), None);
        let own = nix::unistd::gettid().as_raw();
        assert_eq!((runs(me, own), runs(me, 1), runs(0, own)), (Some(true), None, None));
    }

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat =
            b"9 (a) b) S 4 9 9 0 -1 0 1 2 3 4 250 50 0 0 20 0 5 0 77 1000000 20 18446744073709551615 1";
        let want = Usage {
            user_us: 2_500_000,
            system_us: 500_000,
            rss: 81_920,
            vsz: 1_000_000,
            pss: None,
            threads: 5,
        };
        assert_eq!(parse(stat, 4, 100, 4096), Some(want));
        assert_eq!((state(stat), state(b"9 (a"), state(b"9 (a)")), (Some(b'S'), None, None));
        for bad in [&b""[..], b"9 (a", b"9 (a) S", b"9 (a) S 4 x"] {
            assert_eq!(parse(bad, 4, 100, 4096), None);
        }
        assert_eq!(rollup("Rss:  9 kB\nPss:    12 kB\n"), Some(12_288));
    }

    #[test]
    fn only_a_path_that_leads_nowhere_is_missing() {
        let own = std::process::id() as i32;
        assert!(is_missing(own, "/nothing/stands/here"));
        for there in ["/", "/proc/self/exe", "127.0.0.1:1", "@abstract", "relative/path", "fd://3"] {
            assert!(!is_missing(own, there), "{there}");
        }
        assert!(!is_missing(0, "/nothing/stands/here"), "nobody can tell");
    }
}
