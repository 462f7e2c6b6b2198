//! An end from outside while the screen is ours: the terminal is put back, then the signal has its way. It must never
//! swallow one, nor let anything be drawn behind the terminal's back.

use nix::sys::signal::{SigSet, Signal, raise};
use ratatui::crossterm::{cursor::Show, execute};
use std::sync::{Mutex, MutexGuard};

/// Whoever holds it may draw.
static SCREEN: Mutex<()> = Mutex::new(());

/// The right to draw; not given any more once the program ends by a signal.
pub(super) fn screen() -> MutexGuard<'static, ()> {
    SCREEN.lock().unwrap_or_else(|e| e.into_inner())
}

/// From now on TERM, INT, HUP and QUIT put the terminal back before they end the program. Those that were ignored when
/// we started (nohup(1), a job in the background of a script) stay so: blocked, the kernel would keep them for us.
/// Call it before there are other threads: they have to leave these signals alone.
pub(super) fn restore_at_signals() -> nix::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let signals: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT]
        .into_iter()
        .filter(|&signal| !is_ignored(&status, signal))
        .collect();
    signals.thread_block()?;
    std::thread::spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        // Kept to the end.
        let _screen = screen();
        ratatui::restore();
        let _ = execute!(std::io::stdout(), Show);
        // Its default is the end.
        let _ = signals.thread_unblock();
        let _ = raise(signal);
        std::process::exit(128 + signal as i32);
    });
    Ok(())
}

/// Whether a process ignores a signal: a bit of the hexadecimal mask `SigIgn` of its status (proc_pid_status(5)).
fn is_ignored(status: &str, signal: Signal) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal as i32 - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_stand_in_the_status() {
        let status =
            "Name:\ttop\nSigBlk:\t0000000000000003\nSigIgn:\t0000000000001002\nSigCgt:\t0000000000000001\n";
        assert!(is_ignored(status, Signal::SIGINT) && is_ignored(status, Signal::SIGPIPE));
        assert!(!is_ignored(status, Signal::SIGHUP) && !is_ignored(status, Signal::SIGTERM));
        assert!(!is_ignored("", Signal::SIGINT));
    }
}
