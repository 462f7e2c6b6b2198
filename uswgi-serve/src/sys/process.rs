//! The process itself: forks, its end, its memory, its arguments.

use super::socket::check;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static FORKED: AtomicBool = AtomicBool::new(false);
static OWN_FORK: AtomicBool = AtomicBool::new(false);
static PID: AtomicU32 = AtomicU32::new(0);
static NOTICES: std::sync::Once = std::sync::Once::new();

extern "C" fn in_forked_child() {
    if OWN_FORK.load(Ordering::Relaxed) {
        return;
    }
    FORKED.store(true, Ordering::Relaxed);
    PID.store(std::process::id(), Ordering::Relaxed);
    super::signal::give_back();
}

/// From now on a child that the application forks knows that it is one, and ends by signals of which this process only takes
/// notice: whoever terminates it (`multiprocessing.Pool` does) waits for its end. [`pid`] costs no system call. Called again by
/// a process that a template forked.
pub fn notice_forks() {
    PID.store(std::process::id(), Ordering::Relaxed);
    // SAFETY: the handler asks for the pid, stores to atomics, and calls sigaction(2).
    NOTICES.call_once(|| unsafe {
        libc::pthread_atfork(None, None, Some(in_forked_child));
    });
}

/// Pid of this process.
pub fn pid() -> u32 {
    match PID.load(Ordering::Relaxed) {
        0 => std::process::id(),
        pid => pid,
    }
}

/// Whether this process is a child that the application forked.
pub fn is_forked_child() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// One arena for all threads: under an address-space limit each arena reserves 64 MiB of it.
pub fn single_arena() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no pointers; called before threads are started.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// End at once, without destructors or Python's finalisation.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: does not return.
    unsafe { libc::_exit(code) }
}

/// fork(2) for a process that is no child of the application. Only template.rs calls it, single-threaded as far as we know,
/// with the GIL held.
pub fn fork() -> io::Result<libc::pid_t> {
    OWN_FORK.store(true, Ordering::Relaxed);
    // SAFETY: the child runs only what template.rs says is safe there.
    let forked = check(unsafe { libc::fork() });
    OWN_FORK.store(false, Ordering::Relaxed);
    forked
}

/// waitpid(2) for one child; its raw status.
pub fn wait_child(pid: libc::pid_t) -> io::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: status is live.
        match check(unsafe { libc::waitpid(pid, &mut status, 0) }) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
            Ok(_) => return Ok(status),
        }
    }
}

/// Address space and resident memory of this process in bytes (proc_pid_statm(5)).
pub fn memory() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_ascii_whitespace().map(|n| n.parse::<u64>().unwrap_or(0));
    // SAFETY: no pointers.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    Some((pages.next()? * page, pages.next()? * page))
}

/// Write a title over the argument area of this process, whose bounds the kernel gave, and pad it with NULs.
pub fn overwrite_arguments(start: usize, end: usize, title: &[u8]) {
    if start == 0 || end <= start {
        return;
    }
    let room = end - start;
    let n = title.len().min(room - 1);
    // SAFETY: start..end is the argument area of this very process as the kernel reports it: mapped, writable, on
    // the main stack, and not used by Python after its start (sys.argv and sys.orig_argv are copies).
    unsafe {
        let area = start as *mut u8;
        std::ptr::copy_nonoverlapping(title.as_ptr(), area, n);
        std::ptr::write_bytes(area.add(n), 0, room - n);
    }
}
/// Whether what this thread forks has a nice value of 0, however low this thread's is (sched(7), SCHED_RESET_ON_FORK).
pub fn is_reset_on_fork() -> bool {
    // SAFETY: no pointers.
    unsafe { libc::sched_getscheduler(0) == libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK }
}

/// Let it be so from now on.
pub fn reset_on_fork() {
    let normal = libc::sched_param { sched_priority: 0 };
    // SAFETY: the pointer is to a live struct.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK, &raw const normal) };
}
