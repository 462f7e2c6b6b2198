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

/// From now on TERM, INT, HUP and QUIT put the terminal back before they end the program. Call it before there are other
/// threads: they have to leave these signals alone.
pub(super) fn restore_at_signals() -> nix::Result<()> {
    let signals: SigSet =
        [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect();
    signals.thread_block()?;
    std::thread::spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        // Kept to the end.
        let _screen = screen();
        ratatui::restore();
        let _ = execute!(std::io::stdout(), Show);
        // Its default is the end; one that was ignored when we started never came here.
        let _ = signals.thread_unblock();
        let _ = raise(signal);
        std::process::exit(128 + signal as i32);
    });
    Ok(())
}
