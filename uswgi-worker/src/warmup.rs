//! The warm-up of a worker in Python: each lane asks in its own thread, the first one alone, so that what the process has
//! once is there for the others. What the application lets out meanwhile is kept, to be told with the failure.

use crate::app::Apps;
use crate::gateway::wsgi::{Wsgi, WsgiLane};
use crate::interpreter::CPython;
use crate::py as python;
use crate::pybytes::HeldBytes;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::{Arc, Condvar, Mutex};
use uswgi_serve::gateway::Gateway;
use uswgi_serve::outbox::Outbox;
use uswgi_serve::sync::lock;
use uswgi_serve::warmup;

/// Signals of frameworks that catch what a view lets out: module, attribute.
const CAUGHT: [(&str, &str); 2] =
    [("django.core.signals", "got_request_exception"), ("flask.signals", "got_request_exception")];

/// Where the lanes of a worker meet.
pub(crate) struct Gate {
    outbox: Arc<Outbox<HeldBytes>>,
    apps: Arc<Apps>,
    /// Threads in which lanes run.
    threads: usize,
    /// Those that are done.
    done: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    /// For a worker that has something to ask; None: it has not, or no application to ask.
    pub(crate) fn new(outbox: &Arc<Outbox<HeldBytes>>, apps: &Arc<Apps>) -> Option<Arc<Gate>> {
        let wanted = !outbox.engine.settings.warmup.paths.is_empty() && !apps.callables.is_empty();
        wanted.then(|| {
            Arc::new(Gate {
                outbox: outbox.clone(),
                apps: apps.clone(),
                threads: if outbox.engine.shares_a_thread() { 1 } else { outbox.engine.lanes.len() },
                done: Mutex::new(0),
                changed: Condvar::new(),
            })
        })
    }

    /// In the thread of a lane, before it takes requests. Ends the process where something is not as it has to be.
    pub(crate) fn lane(&self, py: Python<'_>, number: usize) {
        if let Err(e) = self.ask(py, number) {
            warmup::give_up(&self.outbox.engine, &python::traceback(py, &e));
        }
    }

    fn ask(&self, py: Python<'_>, number: usize) -> PyResult<()> {
        if number > 0 {
            self.wait(py, 1);
        }
        let engine = &self.outbox.engine;
        let lane = WsgiLane::for_warmup(py, engine, &self.apps, number)?;
        let mut gateway = Wsgi { py, lane };
        engine.lanes[number].adopt(gateway.start()?);
        python::remember_exceptions(true);
        if number == 0 {
            listen(py, "connect");
        }
        let tracebacks = || python::remembered_exceptions().join("\n");
        let result = warmup::run(&self.outbox, number, &mut gateway, &CPython, tracebacks);
        if let Err(failed) = result {
            python::flush(py);
            warmup::give_up(engine, &failed.0);
        }
        *lock(&self.done) += 1;
        self.changed.notify_all();
        Ok(())
    }

    /// Until every lane is done.
    pub(crate) fn all(&self, py: Python<'_>) {
        self.wait(py, self.threads);
        listen(py, "disconnect");
        python::remember_exceptions(false);
    }

    fn wait(&self, py: Python<'_>, threads: usize) {
        py.detach(|| {
            let done = lock(&self.done);
            drop(self.changed.wait_while(done, |done| *done < threads));
        });
    }
}

/// A framework has caught what a view has let out.
#[pyfunction]
#[pyo3(signature = (*_args, **_named))]
fn caught(py: Python<'_>, _args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) {
    let current = py.import("sys").and_then(|sys| sys.call_method0("exc_info")?.get_item(1));
    if let Ok(error) = current
        && !error.is_none()
    {
        python::remember_exception(&python::traceback(py, &PyErr::from_value(error)));
    }
}

/// Hear of it, or no more. Frameworks that are not loaded are left alone.
fn listen(py: Python<'_>, how: &str) {
    static RECEIVER: Mutex<Option<Py<PyAny>>> = Mutex::new(None);
    let mut receiver = lock(&RECEIVER);
    if receiver.is_none() {
        *receiver = wrap_pyfunction!(caught, py).ok().map(|f| f.into_any().unbind());
    }
    let Some(receiver) = receiver.as_ref() else { return };
    let Ok(modules) = py.import("sys").and_then(|sys| sys.getattr("modules")) else { return };
    for (module, name) in CAUGHT {
        let Ok(module) = modules.get_item(module) else { continue };
        let options = PyDict::new(py);
        if how == "connect" && options.set_item("weak", false).is_err() {
            continue;
        }
        let _ = module.getattr(name).and_then(|signal| signal.call_method(how, (receiver,), Some(&options)));
    }
}
