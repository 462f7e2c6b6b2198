//! Nice values: of this process, and of one that is to go before the others for a while (sched(7), setpriority(2)).
//!
//! It must never touch a process whose nice value or policy somebody else has chosen, nor leave a lower one to what it starts.

use super::check;
use std::io;

/// Nice value of this process, and of those that it will start.
pub fn set_priority(nice: i32) -> io::Result<()> {
    // SAFETY: it takes no pointers; 0 is this process.
    unsafe { check(libc::setpriority(libc::PRIO_PROCESS, 0, nice)) }.map(drop)
}

/// Make the first thread of a process (0: this thread) less nice, by so much; threads and processes that it starts from now on
/// have a nice value of 0 again (SCHED_RESET_ON_FORK). Nothing happens where the system does not allow it, where its nice value
/// is not 0, and where it has another policy than the usual one. System calls only, so a forked child may call it.
pub fn prefer(pid: libc::pid_t, by: i32) {
    if by <= 0 || current(pid) != Some(0) {
        return;
    }
    let normal = libc::sched_param { sched_priority: 0 };
    // SAFETY: plain system calls; the pointer is to a live struct.
    unsafe {
        // First of all, so that nobody inherits it; it takes no right to set.
        if libc::sched_getscheduler(pid) == libc::SCHED_OTHER
            && libc::sched_setscheduler(pid, libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK, &raw const normal)
                == 0
        {
            libc::setpriority(libc::PRIO_PROCESS, pid as libc::id_t, -by);
        }
    }
}

/// Let what a preferred process forks from now on be as it is: it forks who is waited for, too.
pub fn hand_on(pid: libc::pid_t) {
    let normal = libc::sched_param { sched_priority: 0 };
    // SAFETY: plain system calls; the pointer is to a live struct.
    unsafe {
        let reset = libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK;
        if current(pid).is_some_and(|nice| nice < 0) && libc::sched_getscheduler(pid) == reset {
            libc::sched_setscheduler(pid, libc::SCHED_OTHER, &raw const normal);
        }
    }
}

/// Take back what [`prefer`] gave, by the same number: what the process has added to its nice value meanwhile stays.
pub fn level(pid: libc::pid_t, by: i32) {
    let Some(nice) = current(pid).filter(|&nice| by > 0 && nice < 0) else { return };
    let normal = libc::sched_param { sched_priority: 0 };
    // SAFETY: plain system calls; the pointer is to a live struct.
    unsafe {
        let reset = libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK;
        if libc::sched_getscheduler(pid) == reset {
            libc::setpriority(libc::PRIO_PROCESS, pid as libc::id_t, nice + by);
            libc::sched_setscheduler(pid, libc::SCHED_OTHER, &raw const normal);
        }
    }
}

/// The nice value of a process's first thread; None: there is none that may be asked for.
fn current(pid: libc::pid_t) -> Option<i32> {
    // SAFETY: errno is this thread's; getpriority takes no pointers, and -1 is a value as well as an error.
    unsafe {
        *libc::__errno_location() = 0;
        let nice = libc::getpriority(libc::PRIO_PROCESS, pid as libc::id_t);
        (*libc::__errno_location() == 0).then_some(nice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    struct Sleeper(Child);

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn sleeper() -> (Sleeper, i32) {
        let child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let pid = child.id() as i32;
        (Sleeper(child), pid)
    }

    /// CAP_SYS_NICE.
    fn may() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let set = status.lines().find_map(|l| l.strip_prefix("CapEff:")).unwrap();
        u64::from_str_radix(set.trim(), 16).unwrap() >> 23 & 1 == 1
    }

    fn policy(pid: i32) -> i32 {
        // SAFETY: takes no pointers.
        unsafe { libc::sched_getscheduler(pid) }
    }

    #[test]
    fn one_is_preferred_and_level_again() {
        let (_child, pid) = sleeper();
        prefer(pid, 10);
        assert_eq!(current(pid), Some(if may() { -10 } else { 0 }));
        level(pid, 10);
        assert_eq!(current(pid), Some(0));
        assert_eq!(policy(pid), libc::SCHED_OTHER, "its children are not reset any more");
        level(pid, 10);
        assert_eq!(current(pid), Some(0), "once is enough");
    }

    #[test]
    fn what_somebody_else_has_chosen_stays() {
        let (_child, pid) = sleeper();
        // SAFETY: takes no pointers.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, pid as libc::id_t, 3) };
        prefer(pid, 10);
        assert_eq!(current(pid), Some(3));
        level(pid, 10);
        assert_eq!(current(pid), Some(3));
        let batch = libc::sched_param { sched_priority: 0 };
        let (_other, pid) = sleeper();
        // SAFETY: the pointer is to a live struct.
        assert_eq!(unsafe { libc::sched_setscheduler(pid, libc::SCHED_BATCH, &raw const batch) }, 0);
        prefer(pid, 10);
        assert_eq!(current(pid), Some(0));
        assert_eq!(policy(pid), libc::SCHED_BATCH);
    }

    #[test]
    fn what_it_has_added_itself_stays() {
        if !may() {
            return;
        }
        let (_child, pid) = sleeper();
        prefer(pid, 10);
        // SAFETY: takes no pointers.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, pid as libc::id_t, -6) };
        level(pid, 10);
        assert_eq!(current(pid), Some(4));
    }

    #[test]
    fn nobody_is_asked_in_vain() {
        prefer(i32::MAX, 10);
        level(i32::MAX, 10);
        assert_eq!(current(i32::MAX), None);
    }
}
