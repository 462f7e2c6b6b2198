//! What a test needs and not every machine has. A test that is left out is never silent: it says so at once, past the
//! capture of the test runner, and `tests/run.sh` counts it at the end. `USWGI_TEST_ALL` makes a failure of it.

use crate::{paths, process};
use std::fs::OpenOptions;
use std::io::Write;

/// A need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// To become other users.
    Root,
    /// A pid namespace with its own `/proc`: root, or user namespaces. Containers often have neither.
    PidNamespace,
    /// Root that may mount: the root of most containers may not.
    Mounts,
    /// A cgroup with a limit of memory: the root of most containers may not make one.
    MemoryGroups,
}

impl Need {
    /// Why a test is left out, and what to do; None where it can run.
    fn unmet(self) -> Option<&'static str> {
        let root = nix::unistd::geteuid().is_root();
        match self {
            Need::Root if !root => Some("it becomes another user: sudo make test"),
            Need::Mounts if !root => Some("it mounts file systems: sudo make test"),
            Need::Mounts if !can_unshare(&["--mount"]) => {
                Some("this machine lets nobody mount a file system")
            }
            Need::MemoryGroups if crate::cgroup::MemoryGroup::new(64 << 20).is_none() => {
                Some("this machine lets nobody limit the memory of a cgroup")
            }
            Need::PidNamespace if !can_unshare(PID_NAMESPACE) => Some("this machine allows no namespaces"),
            _ => None,
        }
    }
}

/// The words of unshare(1) for a process 1 of its own.
pub const PID_NAMESPACE: &[&str] = &["--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"];

fn can_unshare(words: &[&str]) -> bool {
    let mut unshare = process::command(paths::tool("unshare"));
    unshare.args(words).arg("true");
    process::run(unshare, crate::wait::PATIENCE).status.success()
}

/// Whether this machine lacks what the running test needs; the test then returns at once. Panics instead where
/// `USWGI_TEST_ALL` is set.
pub fn lacks(need: Need) -> bool {
    let Some(why) = need.unmet() else { return false };
    let thread = std::thread::current();
    let line = format!("{}: {why}\n", thread.name().unwrap_or("a test"));
    assert!(std::env::var_os("USWGI_TEST_ALL").is_none_or(|v| v.is_empty()), "{line}");
    // Not eprint: what a test that succeeds has printed is thrown away.
    let _ = std::io::stderr().write_all(format!("LEFT OUT: {line}").as_bytes());
    let list = paths::prepared_dir().join("left-out");
    let mut file = OpenOptions::new().create(true).append(true).open(list).expect("list of what is left out");
    file.write_all(line.as_bytes()).expect("list of what is left out");
    true
}
