//! From exec to serving: takes the descriptors of the contract, reads the settings, imports the
//! application and becomes a template or a worker. Decides the exit status, nothing about requests.

use crate::app::{Apps, LoadError};
use crate::gateway::{asgi, gevent};
use crate::template::{self, Left};
use crate::threads::warn_of_missing;
use crate::{aides, api, collector, findings, lanes, py as python, steps, tracebacks, which_python};
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use uswgi_proto::control::{ToMaster, fitting};
use uswgi_proto::exit::Exit;
use uswgi_proto::settings::{CHECK_PASSED, Role, WorkerSettings, env as contract};
use uswgi_proto::signals::WORKER_NOTICE;
use uswgi_proto::step::StepError;
use uswgi_serve::affinity::cpus_of;
use uswgi_serve::contract::{Inherited, inherit};
use uswgi_serve::engine::Engine;
use uswgi_serve::{log, say, sys, title};

/// `os.environ` is a copy that Python made before: the contract goes from there too.
fn forget_contract(py: Python<'_>) {
    let Ok(environ) = py.import("os").and_then(|os| os.getattr("environ")) else { return };
    for name in [
        contract::SETTINGS_FD,
        contract::CONTROL_FD,
        contract::SCOREBOARD_FD,
        contract::HANDOVER_FDS,
        contract::SHARED_FD,
        contract::QUEUE_FDS,
        contract::LOG,
        contract::PYTHON_BY,
        contract::LISTEN_FDS,
        contract::LISTEN_PID,
        "LISTEN_FDNAMES",
    ] {
        let _ = environ.call_method1("pop", (name, py.None()));
    }
}

/// The whole life of the process; its exit status.
pub fn run(py: Python<'_>) -> i32 {
    let code = match inherit() {
        Ok(inherited) => {
            forget_contract(py);
            let check = inherited.settings.role == Role::Check;
            match live(py, inherited) {
                Exit::Ok if check => CHECK_PASSED,
                exit => exit.code(),
            }
        }
        Err(e) => {
            say!("{e}");
            Exit::Usage.code()
        }
    };
    python::flush(py);
    if SKIPS_TEARDOWN.load(Ordering::Relaxed) {
        sys::exit_now(code);
    }
    code
}

/// This process is a worker or its template, and ends without Python's own end (`skip-atexit`, `skip-atexit-teardown`).
static SKIPS_TEARDOWN: AtomicBool = AtomicBool::new(false);

/// `cpu-affinity`. This thread is the only one so far; those to come inherit it.
fn bind_to_cpus(settings: &WorkerSettings) {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    if settings.cpu_affinity == 0 {
        return;
    }
    let this = nix::unistd::Pid::from_raw(0);
    let bind = || -> nix::Result<()> {
        let mask = sched_getaffinity(this)?;
        let allowed: Vec<usize> = (0..CpuSet::count()).filter(|&i| mask.is_set(i) == Ok(true)).collect();
        let mut set = CpuSet::new();
        for cpu in cpus_of(&allowed, settings.cpu_affinity, settings.worker_id) {
            set.set(cpu)?;
        }
        sched_setaffinity(this, &set)
    };
    if let Err(e) = bind() {
        say!("cannot bind to {} CPUs (cpu-affinity): {e}", settings.cpu_affinity);
    }
}

/// Imports the application and tells the master when there is none; an error where there has to be one, or a step has
/// failed: `need-app` says nothing about steps, as in uWSGI.
fn load(py: Python<'_>, inherited: &Inherited) -> Result<Apps, Exit> {
    let need = inherited.settings.app.need_app;
    let control = inherited.control.as_ref();
    let forks = inherited.settings.role == Role::Template;
    let loaded = collector::patiently(py, forks, || Apps::load(py, &inherited.settings, control));
    let (apps, why) = match loaded {
        Ok(apps) if apps.callables.is_empty() => {
            (Some(apps), "none is named in the configuration".to_string())
        }
        Ok(apps) => return Ok(apps),
        Err(LoadError::Step(e)) => return Err(step_failed(inherited, &e)),
        Err(LoadError::App(error)) => ((!need).then(Apps::default), error),
    };
    let message = fitting(&why).to_string();
    match &inherited.control {
        Some(control) if apps.is_some() => control.send(&ToMaster::NoApp { message }),
        Some(control) => control.send(&ToMaster::LoadFailed { message }),
        None => say!("{why}"),
    }
    apps.ok_or(Exit::AppFailed)
}

/// What requests are to run in cannot be had: nothing serves, whatever `need-app` says.
fn no_engine(inherited: &Inherited, why: &str) -> Exit {
    match &inherited.control {
        Some(control) => control.send(&ToMaster::LoadFailed { message: fitting(why).to_string() }),
        None => say!("{why}"),
    }
    Exit::AppFailed
}

/// Tell whoever decides what follows.
fn step_failed(inherited: &Inherited, e: &StepError) -> Exit {
    match &inherited.control {
        Some(control) => {
            control.send(&ToMaster::StepFailed { message: fitting(&e.to_string()).to_string() });
        }
        None => say!("{e}"),
    }
    Exit::Failed
}

fn live(py: Python<'_>, mut inherited: Inherited) -> Exit {
    for signal in WORKER_NOTICE {
        sys::take_notice_only(signal);
    }
    // Of the import too.
    sys::notice_forks();
    // The master left them blocked until here.
    sys::unblock_signals();
    if inherited.settings.limit_as > 0 {
        sys::single_arena();
    }
    log::set_style(&inherited.settings.log_lines);
    log::set_worker(inherited.settings.worker_id);
    let title = |s: &WorkerSettings| match s.aide {
        Some(aide) => title::set(&aides::title_of(&s.procname_prefix, aide)),
        None => title::set(&title::of(&s.procname_prefix, s.worker_id)),
    };
    title(&inherited.settings);
    let role = inherited.settings.role;
    let python = &inherited.settings.python;
    let skips = matches!(role, Role::Template | Role::Worker) && (python.skip_atexit || python.skip_teardown);
    SKIPS_TEARDOWN.store(skips, Ordering::Relaxed);
    let which = which_python::text(py, inherited.python_by.as_deref());
    if let Some(control) = &inherited.control {
        control.hello(role, which);
        // While the application is imported nobody watches for the master's end; a loop in it must not stay.
        sys::parent_death_signal(libc::SIGKILL);
    }
    let (shared, board) = (inherited.shared.clone(), inherited.board.clone());
    let queues = std::mem::take(&mut inherited.queues);
    if let Err(e) = api::install(py, &inherited.settings, shared, board, queues) {
        say!("the module uwsgi cannot be made: {}", python::traceback(py, &e));
        return Exit::Failed;
    }
    api::state::speak_over(inherited.control.as_ref());
    match role {
        Role::Worker => bind_to_cpus(&inherited.settings),
        // The launcher waits for what comes out, and may be told to end.
        Role::Check => sys::parent_death_signal(libc::SIGTERM),
        Role::Template | Role::Aide => {}
    }
    python::buffer_lines(py);
    let prepared = gevent::prepare(py, &inherited.settings);
    if let Err(e) = prepared.and_then(|()| asgi::prepare(py, &inherited.settings)) {
        return no_engine(&inherited, &e);
    }
    let descriptors = if role == Role::Check { findings::open_descriptors() } else { Default::default() };
    let before = Instant::now();
    let loaded = load(py, &inherited);
    if sys::is_forked_child() {
        // It has what this process has, the control socket too, and would be taken for it.
        say!(
            "a process that the application forked came back from the import: it ends here (os._exit() is its end)"
        );
        sys::exit_now(Exit::Failed.code());
    }
    let apps = match loaded {
        Ok(apps) => apps,
        Err(exit) => return exit,
    };
    if role == Role::Check {
        findings::print(py, &apps.callables, &descriptors);
        return Exit::Ok;
    }
    let startup_ms = before.elapsed().as_millis() as u64;
    let mut threads = Vec::new();
    let mut watched = false;
    if role == Role::Template {
        let Some(control) = inherited.control.take() else {
            say!("a template needs a control socket");
            return Exit::Usage;
        };
        match template::serve(py, control) {
            Left::Exit(code) => return code,
            Left::Worker(who) if who.aide.is_some() => {
                inherited.settings.role = Role::Aide;
                inherited.settings.slot = who.slot;
                inherited.settings.aide = who.aide;
                inherited.control = Some(who.control);
                api::state::speak_over(inherited.control.as_ref());
            }
            Left::Worker(who) => {
                inherited.settings.role = Role::Worker;
                inherited.settings.slot = who.slot;
                inherited.settings.worker_id = who.worker_id;
                inherited.settings.recycling.max_requests = who.max_requests;
                inherited.settings.paused = who.paused;
                watched = who.watched;
                threads = who.threads;
                inherited.control = Some(who.control);
                api::state::speak_over(inherited.control.as_ref());
                log::set_worker(who.worker_id);
                title(&inherited.settings);
                bind_to_cpus(&inherited.settings);
                api::state::become_worker(who.worker_id, who.slot);
                gevent::after_fork(py, &inherited.settings);
                api::hooks::after_fork(py, who.worker_id);
            }
        }
    }
    if let Some(aide) = inherited.settings.aide {
        SKIPS_TEARDOWN.store(false, Ordering::Relaxed);
        return aides::live(py, inherited, aide);
    }
    let own = &inherited.settings.steps;
    let first = inherited.settings.worker_id == 1;
    let steps = own.worker.iter().chain(own.first_worker.iter().filter(|_| first));
    if let Err(e) = steps::run(py, steps, inherited.control.as_ref()) {
        return step_failed(&inherited, &e);
    }
    warn_of_missing(py, &threads);
    sys::parent_death_signal(0);
    match Engine::new(inherited, startup_ms, &apps.mounts) {
        Ok(engine) => {
            api::state::serve(&engine);
            if watched {
                tracebacks::watch(py, &engine);
            }
            let skips_hook = engine.settings.python.skip_atexit;
            let exit = lanes::serve(py, engine, apps);
            if !skips_hook {
                api::hooks::at_exit(py);
            }
            exit
        }
        Err(e) => {
            say!("cannot start to serve: {e}");
            Exit::Failed
        }
    }
}
