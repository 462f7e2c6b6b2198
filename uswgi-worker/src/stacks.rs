//! Where the Python threads stand, as text. Takes the GIL from a helper thread and reads
//! `sys._current_frames()`; faulthandler's dump of a running interpreter can crash it and is not used.

use pyo3::prelude::*;
use pyo3::types::PyModule;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

/// How long to wait for the GIL.
const PATIENCE: Duration = Duration::from_secs(1);
/// Threads that wait for it at a time.
const WAITERS: usize = 4;
/// Where lanes stand that are no threads, and wait.
static OTHERS: OnceLock<fn(Python<'_>) -> PyResult<String>> = OnceLock::new();

/// From here on also show what this gives.
pub(crate) fn show_too(others: fn(Python<'_>) -> PyResult<String>) {
    let _ = OTHERS.set(others);
}

static WAITING: AtomicUsize = AtomicUsize::new(0);

/// The stacks of the Python threads for which `which` holds (by `threading.get_ident()`); None when the GIL was
/// not to be had in time.
///
/// Call from a native thread that does not hold the GIL.
pub(crate) fn current(which: impl Fn(u64) -> bool + Send + 'static) -> Option<String> {
    // They go on waiting when their caller does not any more, and must not pile up.
    if WAITING.fetch_add(1, Ordering::SeqCst) >= WAITERS {
        WAITING.fetch_sub(1, Ordering::SeqCst);
        return None;
    }
    let (send, receive) = mpsc::channel();
    let spawned =
        std::thread::Builder::new().name("uswgi-stacks".into()).stack_size(512 * 1024).spawn(move || {
            uswgi_serve::sys::block_signals();
            let text =
                Python::attach(|py| read(py, &which).unwrap_or_else(|e| format!("(no stacks: {e})\n")));
            WAITING.fetch_sub(1, Ordering::SeqCst);
            // Nobody waits any more when it took too long.
            let _ = send.send(text);
        });
    if spawned.is_err() {
        WAITING.fetch_sub(1, Ordering::SeqCst);
        return None;
    }
    receive.recv_timeout(PATIENCE).ok()
}

fn read(py: Python<'_>, which: &dyn Fn(u64) -> bool) -> PyResult<String> {
    let frames = PyModule::import(py, "sys")?.call_method0("_current_frames")?;
    let traceback = PyModule::import(py, "traceback")?;
    let mut text = String::new();
    let threading = PyModule::import(py, "threading")?;
    // As the interpreter names its threads; threading.get_ident() may have been replaced (gevent's monkey patch).
    let me = uswgi_serve::sys::this_thread().number();
    // Not enumerate(): it waits for a lock that a stuck thread may hold.
    let named = threading.getattr("_active").and_then(|all| all.call_method0("copy"));
    let name = |ident: u64| -> Option<String> {
        named.as_ref().ok()?.get_item(ident).ok()?.getattr("name").ok()?.extract().ok()
    };
    for item in frames.call_method0("items")?.try_iter()? {
        let (ident, frame): (u64, Bound<'_, PyAny>) = item?.extract()?;
        if ident == me || !which(ident) {
            continue;
        }
        match name(ident) {
            Some(name) => text.push_str(&format!("Thread {ident:#x} ({name}):\n")),
            None => text.push_str(&format!("Thread {ident:#x}:\n")),
        }
        for line in traceback.call_method1("format_stack", (frame,))?.try_iter()? {
            text.push_str(&line?.extract::<String>()?);
        }
    }
    if let Some(others) = OTHERS.get() {
        text.push_str(&others(py)?);
    }
    Ok(text)
}
