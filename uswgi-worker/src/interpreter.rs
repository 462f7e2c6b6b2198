//! CPython as the interpreter of the lanes ([`uswgi_serve::interpreter`]): how a lane is broken out of its request,
//! where the threads stand, and what is held as output. With one lane the main thread gets a signal whose handler raises; with several an exception
//! is set, which comes at the next bytecode.

use crate::api::current;
use crate::frames::{self, PythonFrames};
use crate::gateway::cooperate;
use crate::pybytes::HeldBytes;
use crate::stacks;
use pyo3::create_exception;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use uswgi_serve::engine::Engine;
use uswgi_serve::interpreter::{FrameReader, Interpreter};
use uswgi_serve::lane::Lane;
use uswgi_serve::sync::lock;
use uswgi_serve::sys;

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

/// Raises in the main thread when its request has timed out; a stray signal does nothing.
#[pyfunction]
fn on_signal(_signal: i32, _frame: Py<PyAny>) -> PyResult<()> {
    let engine = lock(&MAIN).clone();
    let Some(engine) = engine else { return Ok(()) };
    // Of lanes that share the thread the one that runs now; another one is broken out of its wait by the loop.
    let lane = match cooperate::current() {
        Some(greenlet) => current::lane_of(greenlet),
        None => Some(0),
    };
    match lane {
        Some(lane) if engine.lanes[lane].take_interruption() => Err(timeout()),
        _ => Ok(()),
    }
}

/// The exception of a request that is broken out.
pub(crate) fn timeout() -> PyErr {
    HarakiriTimeout::new_err("the request ran longer than harakiri allows")
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
    if (engine.lanes.len() == 1 || engine.shares_a_thread()) && SIGNAL.load(Ordering::Acquire) == 0 {
        install_main(py, engine)?;
    }
    Ok(())
}

/// The interpreter of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CPython;

impl Interpreter for CPython {
    type Held = HeldBytes;

    fn stacks(&self, which: impl Fn(u64) -> bool + Send + 'static) -> Option<String> {
        stacks::current(which)
    }

    fn interrupt(&self, engine: &Engine) {
        if SIGNAL.load(Ordering::Acquire) != 0 {
            signal_main(engine);
            return;
        }
        Python::attach(|py| {
            for lane in &engine.lanes {
                // Under the GIL the thread cannot end its request between the check and the exception; what
                // is left of it is cleared by the thread at the end of the request.
                if lane.take_interruption() {
                    let ident = lane.ident();
                    let exception = py.get_type::<HarakiriTimeout>();
                    // SAFETY: the GIL is held; the type is a live exception class.
                    unsafe {
                        pyo3::ffi::PyThreadState_SetAsyncExc(ident as libc::c_long, exception.as_ptr())
                    };
                }
            }
        });
    }

    fn interrupt_at_once(&self, engine: &Engine) {
        if engine.lanes.len() == 1 || engine.shares_a_thread() {
            signal_main(engine);
        }
    }

    fn frames(&self) -> Result<Box<dyn FrameReader>, String> {
        PythonFrames::new().map(|frames| Box::new(frames) as Box<dyn FrameReader>)
    }

    fn lock_memory(&self) -> Range<usize> {
        frames::gil_memory()
    }
}

fn signal_main(engine: &Engine) {
    let signal = SIGNAL.load(Ordering::Acquire);
    // Lanes that share the thread are made when they are needed first, beginning with the last.
    if signal != 0
        && let Some(main) = engine.lanes.iter().rev().find_map(|lane| lane.thread())
    {
        sys::interrupt(main, signal);
    }
    if let Some(event_loop) = &engine.event_loop {
        event_loop.interrupt();
    }
}

/// An interruption that came too late must not hit the thread's next request. Call with the GIL held.
pub(crate) fn clear(_: Python<'_>, lane: &Lane) {
    if SIGNAL.load(Ordering::Acquire) == 0 {
        let ident = lane.ident();
        // SAFETY: the GIL is held; a null exception clears a pending one.
        unsafe { pyo3::ffi::PyThreadState_SetAsyncExc(ident as libc::c_long, std::ptr::null_mut()) };
    }
}
