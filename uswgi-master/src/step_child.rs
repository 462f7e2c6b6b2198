//! Runs what a touched file starts: its steps one after the other, in a forked child of the master, because a step
//! may wait (a command, `wait_for_file`) and the master must not.
//!
//! The child changes nothing of the master: a variable that a step sets is for the steps behind it. What it says and
//! what its commands write comes through a pipe, as that of other programs. It must never decide.
#![forbid(unsafe_code)]

use crate::steps;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use uswgi_conf::instance::Instance;
use uswgi_keep::program::Bond;
use uswgi_keep::{log, sys};
use uswgi_proto::exit::Exit;
use uswgi_proto::step::Step;

/// Start them; the child's pid, or None where the file has no steps. The child leads a session, and so a group, of its own, and ends with the master, at once; what
/// its commands have left behind in the group ends by the bond. `output` is its standard output and error.
pub(crate) fn run(path: &Path, i: &Instance, output: &OwnedFd, bond: Bond<'_>) -> io::Result<Option<i32>> {
    let all = i.tasks.touched.iter().filter(|t| t.path == path);
    let steps: Vec<Step> = all.map(|t| t.step.clone()).collect();
    if steps.is_empty() {
        return Ok(None);
    }
    let master = nix::unistd::getpid();
    match sys::fork_single_threaded()? {
        sys::Side::Parent(pid) => Ok(Some(pid.as_raw())),
        sys::Side::Child => {
            let code = if prepare(master, output, bond) { carry_out(&steps, i) } else { Exit::Failed.code() };
            sys::exit_now(code)
        }
    }
}

/// Whether the child is what it is to be.
fn prepare(master: Pid, output: &OwnedFd, bond: Bond<'_>) -> bool {
    let placed = [1, 2].map(|n| sys::place_standard(output.as_fd(), n).is_ok());
    if placed != [true; 2] {
        return false;
    }
    log::send_to(None, false);
    let _ = nix::unistd::setsid();
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    // Before anything runs here. The guard is the master's: its handle is not dropped on this side.
    let known = bond.guard.add(nix::unistd::getpgrp().as_raw(), bond.signal, bond.mercy);
    // What the master closes from now on must be closed: no copies of it here.
    sys::close_all_but(&mut vec![0, 1, 2]);
    if let Err(e) = &known {
        log::line(format_args!("no step runs: the guard does not hear of it: {e}"));
    }
    known.is_ok() && nix::unistd::getppid() == master
}

/// The exit code. A step that fails is said, and the next one runs, as in uWSGI.
fn carry_out(steps: &[Step], i: &Instance) -> i32 {
    let mut i = i.clone();
    let all = AssertUnwindSafe(|| {
        for step in steps {
            // A stop signal is for what comes after it too.
            if sys::stop_is_pending() {
                break;
            }
            steps::run_all(std::slice::from_ref(step), &mut i, steps::By::Child);
        }
    });
    catch_unwind(all).map_or(Exit::Failed, |()| Exit::Ok).code()
}
