//! Requests that run too long. A deadline for each request; when it passes, the native thread answers 504 if
//! nothing was answered yet, logs the Python stacks, interrupts the thread, and asks for a successor when
//! the thread does not come out within the grace time.
//! Who answers is decided in [`crate::lane`].

use crate::engine::Engine;
use crate::lane::{Claim, Lane};
use crate::sync::lock;
use crate::sys;
use crate::{answer, log, say, stacks};
use pyo3::create_exception;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use uswgi_proto::control::ReplaceReason;
use uswgi_proto::scoreboard::layout::add;

create_exception!(
    uswgi_worker,
    HarakiriTimeout,
    PyBaseException,
    "The request ran longer than harakiri allows; clean up and let it pass."
);

/// Signal whose Python handler breaks the main thread out of system calls, locks and waits. Zero: there
/// is none, the application runs in other threads.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
static MAIN: Mutex<Option<Arc<Engine>>> = Mutex::new(None);
static HELPER: AtomicBool = AtomicBool::new(false);

/// Raises in the main thread when its request has timed out; a stray signal does nothing.
#[pyfunction]
fn on_signal(_signal: i32, _frame: Py<PyAny>) -> PyResult<()> {
    let engine = lock(&MAIN).clone();
    match engine {
        Some(engine) if engine.threads[0].take_interruption() => {
            Err(HarakiriTimeout::new_err("the request ran longer than harakiri allows"))
        }
        _ => Ok(()),
    }
}

/// Prepare the main thread to be interrupted. Real-time signals are not used by libraries.
pub(crate) fn install_main(py: Python<'_>, engine: &Arc<Engine>) -> PyResult<()> {
    let module = PyModule::import(py, "signal")?;
    let number: i32 = module.getattr("SIGRTMIN")?.call_method0("__int__")?.extract::<i32>()? + 9;
    module.call_method1("signal", (number, wrap_pyfunction!(on_signal, py)?))?;
    *lock(&MAIN) = Some(engine.clone());
    SIGNAL.store(number, Ordering::Release);
    Ok(())
}

/// A request of a worker without `harakiri` asks for a deadline: make its thread one that can be interrupted.
pub(crate) fn prepare(py: Python<'_>, engine: &Arc<Engine>) -> PyResult<()> {
    if engine.threads.len() == 1 && SIGNAL.load(Ordering::Acquire) == 0 {
        install_main(py, engine)?;
    }
    Ok(())
}

fn grace_us(engine: &Engine) -> u64 {
    u64::from(engine.settings.harakiri_grace.max(1)) * 1_000_000
}

/// Tell the application by the signal of the settings; false: there is none, or nobody to handle it.
fn announce(signal: i32) -> bool {
    signal != 0 && sys::is_handled(signal) && {
        sys::signal_main(signal);
        true
    }
}

/// Act on every deadline that has passed. Native thread only.
pub(crate) fn check(engine: &Arc<Engine>, now_us: u64) {
    for (i, cell) in engine.threads.iter().enumerate() {
        let mut flight = lock(&cell.flight);
        if flight.claim == Claim::Idle {
            continue;
        }
        if flight.give_up_us == 0 && now_us >= flight.deadline_us {
            if !std::mem::replace(&mut flight.announced, true) && announce(engine.settings.harakiri_signal) {
                flight.deadline_us = now_us + grace_us(engine);
                drop(flight);
                let signal = engine.settings.harakiri_signal;
                say!("HARAKIRI: thread {i} is beyond its time; the application is told by signal {signal}");
                continue;
            }
            flight.give_up_us = now_us + grace_us(engine);
            flight.raise = true;
            let answered = flight.claim == Claim::App;
            if !answered {
                if let Some(slot) = engine.slot() {
                    slot.count_answer(504);
                }
                // The socket buffer is empty, so this takes it all or the peer is gone.
                let _ = sys::send2(flight.client.fd, &answer::error(504, flight.client.head_only), b"");
                flight.claim = Claim::TimedOut;
            }
            sys::shutdown(flight.client.fd, libc::SHUT_RDWR);
            drop(flight);
            overdue(engine, i, answered);
        } else if flight.give_up_us > 0 && now_us >= flight.give_up_us && !flight.given_up {
            flight.given_up = true;
            drop(flight);
            say!("HARAKIRI: thread {i} did not come out of its request; this worker is replaced");
            engine.ask_replacement(ReplaceReason::Harakiri);
        }
    }
}

fn overdue(engine: &Arc<Engine>, thread: usize, answered: bool) {
    let mut request = String::from("(unknown request)");
    let mut seconds = u64::from(engine.settings.harakiri);
    if let Some(slot) = engine.thread_slot(thread) {
        // A request may have a deadline of its own.
        let (from, to) = (slot.started_us.load(Ordering::Relaxed), slot.deadline_us.load(Ordering::Relaxed));
        seconds = if from > 0 && to > from { (to - from) / 1_000_000 } else { seconds };
        add(&slot.harakiri, 1);
        if let Some(line) = slot.request.read() {
            request = format!(
                "{} {} from {}",
                log::shown(line.method.as_bytes(), 16),
                log::shown(line.uri.as_bytes(), 256),
                log::shown(line.remote.as_bytes(), 48)
            );
        }
    }
    say!(
        "HARAKIRI: {request} ran longer than {seconds} s on thread {thread}; {}",
        if answered { "its answer had begun and is cut" } else { "answered 504" }
    );
    interrupt(engine, thread);
}

/// Log the stacks, then interrupt the thread: from a helper thread, since this one never takes the GIL.
fn interrupt(engine: &Arc<Engine>, thread: usize) {
    if HELPER.swap(true, Ordering::AcqRel) {
        // The helper that runs looks at every thread when it has the GIL.
        return;
    }
    let shared = engine.clone();
    let spawned =
        std::thread::Builder::new().name("uswgi-harakiri".into()).stack_size(256 * 1024).spawn(move || {
            sys::block_signals();
            let busy: Vec<u64> = shared.threads.iter().filter(|t| t.in_flight()).map(|t| t.ident()).collect();
            let text = stacks::current(move |ident| busy.contains(&ident));
            HELPER.store(false, Ordering::Release);
            match text {
                Some(text) => say!("HARAKIRI: where the requests stand:\n{text}"),
                None => {
                    say!("HARAKIRI: the stacks are not to be had: something holds the GIL without a break")
                }
            }
            deliver(&shared);
        });
    if spawned.is_err() {
        HELPER.store(false, Ordering::Release);
        say!("HARAKIRI: no thread could be started to interrupt thread {thread}");
        deliver_signal(engine.as_ref_if_main());
    }
}

fn deliver_signal(engine: Option<&Engine>) {
    let signal = SIGNAL.load(Ordering::Acquire);
    if signal != 0
        && let Some(engine) = engine
        && let Some(main) = *lock(&engine.threads[0].native)
    {
        sys::interrupt(main, signal);
    }
}

fn deliver(engine: &Arc<Engine>) {
    if SIGNAL.load(Ordering::Acquire) != 0 {
        deliver_signal(Some(engine));
        return;
    }
    Python::attach(|py| {
        for cell in &engine.threads {
            // Under the GIL the thread cannot end its request between the check and the exception; what
            // is left of it is cleared by the thread at the end of the request.
            if cell.take_interruption() {
                let ident = cell.ident();
                let exception = py.get_type::<HarakiriTimeout>();
                // SAFETY: the GIL is held; the type is a live exception class.
                unsafe { pyo3::ffi::PyThreadState_SetAsyncExc(ident as libc::c_long, exception.as_ptr()) };
            }
        }
    });
}

/// An interruption that came too late must not hit the thread's next request. Call with the GIL held.
pub(crate) fn clear(_: Python<'_>, cell: &Lane) {
    if SIGNAL.load(Ordering::Acquire) == 0 {
        let ident = cell.ident();
        // SAFETY: the GIL is held; a null exception clears a pending one.
        unsafe { pyo3::ffi::PyThreadState_SetAsyncExc(ident as libc::c_long, std::ptr::null_mut()) };
    }
}

impl Engine {
    fn as_ref_if_main(&self) -> Option<&Engine> {
        (self.threads.len() == 1).then_some(self)
    }
}
