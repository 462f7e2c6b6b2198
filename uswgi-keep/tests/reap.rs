//! One test, in a program of its own: a parent here reaps all children, those of other tests too.

// Who waits for them is under test.
#![allow(clippy::zombie_processes, clippy::unwrap_used)]

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use uswgi_keep::reap::{self, Ended, Reaped};

fn child(script: &str) -> Child {
    Command::new("/bin/sh").args(["-c", script]).process_group(0).stdin(Stdio::piped()).spawn().unwrap()
}

/// Wait for the end of a child, and leave it as it is.
fn ended(child: &Child) -> i32 {
    let pid = Pid::from_raw(child.id() as i32);
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
    pid.as_raw()
}

#[test]
fn a_child_is_seen_with_its_group_before_it_is_reaped_and_once() {
    assert_eq!(reap::next(), None, "no child");
    let mut runs = child("exec cat");
    assert_eq!(reap::next(), None, "it has not ended");
    for (script, how) in [("exit 7", Ended::Code(7)), ("kill -KILL $$", Ended::Signal(nix::libc::SIGKILL))] {
        let pid = ended(&child(script));
        let (seen, again) = (reap::next().unwrap(), reap::next().unwrap());
        assert_eq!((seen.pid(), &seen), (pid, &again));
        assert_eq!(seen.reap(), Some(Reaped { pid, how, group: pid }));
        assert_eq!((again.reap(), reap::next()), (None, None), "it is gone");
    }
    runs.kill().unwrap();
    let pid = ended(&runs);
    assert_eq!(reap::next().and_then(reap::Zombie::reap).map(|r| r.pid), Some(pid));
}
