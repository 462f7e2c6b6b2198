//! Signals: dispositions, masks, threads.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

extern "C" fn notice(_: libc::c_int) {}

/// A handler that does nothing, so that the signal neither ends this process nor (unlike SIG_IGN) is
/// ignored in the programs that it starts. System calls are restarted.
pub fn take_notice_only(signal: i32) {
    // SAFETY: sigaction is plain data; the handler does nothing and so is async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = notice as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

static STOP_ASKED: AtomicBool = AtomicBool::new(false);
static STOP_WAKE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn stop(_: libc::c_int) {
    STOP_ASKED.store(true, Ordering::SeqCst);
    let fd = STOP_WAKE.load(Ordering::SeqCst);
    if fd >= 0 {
        let one = 1u64.to_ne_bytes();
        // SAFETY: write(2) is async-signal-safe; eight live bytes.
        unsafe { libc::write(fd, one.as_ptr().cast(), 8) };
    }
}

/// A worker without a master is stopped by signals: they set a flag and wake this descriptor.
pub fn stop_on(signals: &[i32], wake: RawFd) {
    STOP_WAKE.store(wake, Ordering::SeqCst);
    for &signal in signals {
        // SAFETY: sigaction is plain data; the handler only does what is async-signal-safe.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = stop as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

/// Whether such a signal came.
pub fn stop_asked() -> bool {
    STOP_ASKED.load(Ordering::Relaxed)
}

/// In a child that the application forked: signals that are handled here and not by the application have their default
/// disposition again. Those of a worker's own do not even know that they are in another process. Async-signal-safe.
pub(super) fn give_back() {
    for signal in uswgi_proto::signals::WORKER_NOTICE {
        // SAFETY: sigaction is plain data; a null new action only asks, and SIG_DFL is always valid.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let known = libc::sigaction(signal, std::ptr::null(), &mut action) == 0;
            if known
                && [notice as *const () as usize, stop as *const () as usize].contains(&action.sa_sigaction)
            {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}

/// Default disposition of a signal.
pub fn default_signal(signal: i32) {
    // SAFETY: SIG_DFL is always valid.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// End this process in so many seconds, whatever it is doing then.
pub fn end_in(seconds: u32) {
    default_signal(libc::SIGALRM);
    // SAFETY: no pointers.
    unsafe { libc::alarm(seconds) };
}

/// A disposition that was put aside.
pub struct Disposition(libc::c_int, libc::sigaction);

/// Set a signal to its default and give what it was set to.
pub fn set_aside(signal: libc::c_int) -> Disposition {
    // SAFETY: sigaction is plain data for which zero is valid (SIG_DFL, no flags).
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        let mut old: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &default, &mut old);
        Disposition(signal, old)
    }
}

impl Disposition {
    /// Set it again.
    pub fn restore(&self) {
        // SAFETY: the action is what sigaction gave.
        unsafe { libc::sigaction(self.0, &self.1, std::ptr::null_mut()) };
    }
}

/// Unblock every signal in the calling thread (a blocked mask leaks into the app's children).
pub fn unblock_signals() {
    // SAFETY: the set is initialised by sigemptyset before it is used.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::pthread_sigmask(libc::SIG_SETMASK, &set, std::ptr::null_mut());
    }
}

/// Block every signal in the calling thread (native threads: signals are for the main thread).
pub fn block_signals() {
    // SAFETY: the set is initialised by sigfillset before it is used.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut set);
        libc::pthread_sigmask(libc::SIG_SETMASK, &set, std::ptr::null_mut());
    }
}

/// Which signal kills this process when its parent dies; 0: none.
pub fn parent_death_signal(signal: i32) {
    // SAFETY: no pointers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong, 0, 0, 0) };
}

/// The calling thread, for [`interrupt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadId(libc::pthread_t);

impl ThreadId {
    /// As CPython's `threading.get_ident()` gives it on Linux.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// The calling thread.
pub fn this_thread() -> ThreadId {
    // SAFETY: no preconditions.
    ThreadId(unsafe { libc::pthread_self() })
}

/// Send a signal to a thread of this process that has not ended.
pub fn interrupt(thread: ThreadId, signal: i32) {
    // SAFETY: callers keep the thread alive (the main thread lives as long as the process serves).
    unsafe { libc::pthread_kill(thread.0, signal) };
}

/// Whether the application has a handler for a signal; one that takes notice only is ours.
pub fn is_handled(signal: i32) -> bool {
    // SAFETY: a null new action only asks; the old one is a live local, written before it is read.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut action) == 0
            && action.sa_sigaction != libc::SIG_DFL
            && action.sa_sigaction != libc::SIG_IGN
            && action.sa_sigaction != notice as *const () as usize
    }
}

/// Send a signal to the main thread of this process, which runs Python's handlers.
pub fn signal_main(signal: i32) {
    // SAFETY: no pointers; the main thread's number is that of the process.
    unsafe {
        let pid = libc::getpid();
        libc::syscall(libc::SYS_tgkill, pid, pid, signal);
    }
}
