//! The lanes of a worker as threads of Python: started, joined, and what has to happen around them.

use crate::app::Apps;
use crate::gateway::wsgi::{Wsgi, WsgiLane};
use crate::gateway::{asgi, gevent};
use crate::interpreter::{self, CPython};
use crate::pybytes::HeldBytes;
use crate::warmup::Gate;
use crate::{api, autoreload, py as python};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use std::sync::Arc;
use uswgi_proto::control::{ToMaster, fitting};
use uswgi_proto::exit::Exit;
use uswgi_proto::settings::LaneKind;
use uswgi_serve::engine::{Engine, Leaving};
use uswgi_serve::outbox::Outbox;
use uswgi_serve::sync::lock;
use uswgi_serve::{gateway, native, say, sys};

/// Serve until told to leave. Runs in the main thread.
pub(crate) fn serve(py: Python<'_>, engine: Arc<Engine>, apps: Apps) -> Exit {
    let apps = Arc::new(apps);
    match serve_with(py, &engine, &apps) {
        Ok(false) => Exit::AppFailed,
        Ok(true) if engine.leaving() == Leaving::Orphaned => Exit::MasterGone,
        Ok(true) => Exit::Ok,
        Err(e) => {
            python::print_exception(py, &e);
            Exit::Failed
        }
    }
}

/// The application refuses to begin: as one that does not load.
fn not_begun(engine: &Engine, why: &str) {
    match &engine.control {
        Some(control) => control.send(&ToMaster::LoadFailed { message: fitting(why).to_string() }),
        None => say!("{why}"),
    }
}

/// False: the application refuses to begin.
fn serve_with(py: Python<'_>, engine: &Arc<Engine>, apps: &Arc<Apps>) -> PyResult<bool> {
    sys::notice_forks();
    let outbox = Outbox::new(engine);
    let native = native::start(&outbox, CPython)?;
    let gate = Gate::new(&outbox, apps);
    let tracebacker = std::cell::Cell::new(None);
    let ready = || -> PyResult<()> {
        // Who sees us serve may ask where we stand.
        tracebacker.set(crate::tracebacker::start(&engine.settings));
        engine.warmed_up()?;
        // Who sees us serve may change a file.
        autoreload::start(py, engine, apps.callables.is_empty());
        if let Some(control) = &engine.control {
            control.send(&ToMaster::Ready);
        }
        Ok(())
    };
    api::rpc::offer(engine);
    if engine.shares_a_thread() {
        if engine.sets_deadlines() {
            interpreter::install_main(py, engine)?;
        }
        match engine.settings.lanes.kind {
            LaneKind::Tasks => {
                let warm_up = |tasks: &mut asgi::WarmTasks<'_>| {
                    if let Some(gate) = &gate {
                        gate.ask_in_this_thread(py, 0, tasks);
                        gate.all(py);
                    }
                };
                if let Err(why) = asgi::serve(py, &outbox, apps, warm_up, ready)? {
                    not_begun(engine, &why);
                    return Ok(false);
                }
            }
            _ => gevent::serve(py, &outbox, apps, || {
                if let Some(gate) = &gate {
                    gate.lane(py, 0);
                    gate.all(py);
                }
                ready()
            })?,
        }
    } else if engine.lanes.len() == 1 {
        if engine.sets_deadlines() {
            interpreter::install_main(py, engine)?;
        }
        let runner = WsgiLane::new(py, engine, apps, 0)?;
        if let Some(gate) = &gate {
            gate.lane(py, 0);
            gate.all(py);
        }
        ready()?;
        gateway::run_lane(&outbox, 0, &mut Wsgi { py, lane: runner })?;
    } else {
        let runners = (0..engine.lanes.len())
            .map(|i| WsgiLane::new(py, engine, apps, i))
            .collect::<PyResult<Vec<_>>>()?;
        let threading = PyModule::import(py, "threading")?;
        let mut threads = Vec::new();
        let kib = engine.settings.python.stack_kib;
        let others = if kib > 0 {
            threading.call_method1("stack_size", (u64::from(kib) * 1024,))?
        } else {
            py.None().into_bound(py)
        };
        for (i, runner) in runners.into_iter().enumerate() {
            let lane = std::sync::Mutex::new(Some(runner));
            let body = Py::new(py, LaneBody { outbox: outbox.clone(), gate: gate.clone(), number: i, lane })?;
            let options = PyDict::new(py);
            options.set_item("target", body)?;
            options.set_item("name", format!("uWSGIWorker{}Core{i}", engine.settings.worker_id))?;
            let thread = threading.getattr("Thread")?.call((), Some(&options))?;
            thread.call_method0("start")?;
            threads.push(thread);
        }
        if kib > 0 {
            // The application's own threads have what they had.
            threading.call_method1("stack_size", (others,))?;
        }
        if let Some(gate) = &gate {
            gate.all(py);
        }
        ready()?;
        for thread in threads {
            while let Err(e) = thread.call_method0("join") {
                // A Python signal handler of the application raised in the main thread.
                python::print_exception(py, &e);
            }
        }
    }
    if engine.control.is_some() {
        // From here on nobody watches for the master's end, and the application's threads may not end by themselves.
        sys::parent_death_signal(libc::SIGKILL);
        if engine.leaving() == Leaving::Orphaned {
            sys::end_in(native::ORPHAN_SECONDS);
        }
    }
    engine.lanes_left();
    py.detach(|| {
        // It panics only where it aborts; there is nothing left to do without it.
        let _ = native.join();
    });
    if let Some(control) = &engine.control {
        control.send(&ToMaster::Finished);
    }
    Ok(true)
}

/// Target of a `threading.Thread`, so that the threads are Python's own in every respect.
#[pyclass(module = "uswgi_worker", frozen)]
struct LaneBody {
    outbox: Arc<Outbox<HeldBytes>>,
    gate: Option<Arc<Gate>>,
    number: usize,
    lane: std::sync::Mutex<Option<WsgiLane>>,
}

#[pymethods]
impl LaneBody {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let taken = lock(&self.lane).take();
        match taken {
            Some(lane) => {
                if let Some(gate) = &self.gate {
                    gate.lane(py, self.number);
                }
                gateway::run_lane(&self.outbox, self.number, &mut Wsgi { py, lane })
            }
            None => Ok(()),
        }
    }
}
