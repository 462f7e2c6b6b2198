//! The warm-up of a worker in Python: each lane asks in its own thread, the first one alone, so that what the process has
//! once is there for the others. What the application lets out meanwhile is kept, to be told with the failure.

use crate::app::Apps;
use crate::gateway::wsgi::{Wsgi, WsgiLane};
use crate::interpreter::CPython;
use crate::py as python;
use crate::pybytes::HeldBytes;
use crate::tracebacks;
use pyo3::prelude::*;
use std::sync::{Arc, Condvar, Mutex};
use uswgi_serve::gateway::Gateway;
use uswgi_serve::outbox::Outbox;
use uswgi_serve::sync::lock;
use uswgi_serve::warmup;

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
        let lane = WsgiLane::for_warmup(py, &self.outbox.engine, &self.apps, number)?;
        self.ask_with(py, number, &mut Wsgi { py, lane })
    }

    /// The same with a gateway that is there, where one thread runs all lanes.
    pub(crate) fn ask_in_this_thread<G>(&self, py: Python<'_>, number: usize, gateway: &mut G)
    where
        G: Gateway<Error = PyErr, Held = HeldBytes>,
    {
        if let Err(e) = self.ask_with(py, number, gateway) {
            warmup::give_up(&self.outbox.engine, &python::traceback(py, &e));
        }
    }

    fn ask_with<G>(&self, py: Python<'_>, number: usize, gateway: &mut G) -> PyResult<()>
    where
        G: Gateway<Error = PyErr, Held = HeldBytes>,
    {
        let engine = &self.outbox.engine;
        engine.lanes[number].adopt(gateway.start()?);
        python::remember_exceptions(true);
        if number == 0 {
            tracebacks::listen(py, true);
        }
        let tracebacks = || python::remembered_exceptions().join("\n");
        let result = warmup::run(&self.outbox, number, gateway, &CPython, tracebacks);
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
        tracebacks::listen(py, false);
        python::remember_exceptions(false);
    }

    fn wait(&self, py: Python<'_>, threads: usize) {
        py.detach(|| {
            let done = lock(&self.done);
            drop(self.changed.wait_while(done, |done| *done < threads));
        });
    }
}
