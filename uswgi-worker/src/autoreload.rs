//! `py-autoreload`: tells the master when the source of a loaded module has changed.
//!
//! A thread of each worker looks each N seconds: modules that a request imports later are known to workers only. What
//! is a change is decided in [`uswgi_serve::sources`].

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use std::sync::Arc;
use std::time::Duration;
use uswgi_proto::control::ToMaster;
use uswgi_serve::engine::Engine;
use uswgi_serve::sources::{Loaded, Seen, source};
use uswgi_serve::sys;

/// What is loaded now. Modules are asked for `__file__` in their dictionary only: their own `__getattr__`
/// is not called.
fn loaded(py: Python<'_>, ignore: &[String], no_app: bool) -> PyResult<Loaded> {
    let sys = PyModule::import(py, "sys")?;
    let mut all = Loaded::default();
    for name in ["prefix", "base_prefix", "exec_prefix", "base_exec_prefix"] {
        all.prefixes.push(sys.getattr(name)?.extract()?);
    }
    let modules = sys.getattr("modules")?.call_method0("copy")?;
    for (name, module) in modules.cast::<PyDict>()?.iter() {
        let Ok(module) = module.cast::<PyModule>() else { continue };
        let Ok(Some(file)) = module.dict().get_item("__file__") else { continue };
        let Ok(file) = file.extract::<String>() else { continue };
        let ignored = name.extract::<String>().is_ok_and(|n| ignore.contains(&n));
        if ignored { &mut all.ignored } else { &mut all.files }.insert(source(&file));
    }
    if no_app {
        // Python forgets a module whose import fails, and with it where it is.
        let here = std::env::current_dir().unwrap_or_default();
        let path: Vec<std::path::PathBuf> = sys.getattr("path")?.extract()?;
        all.roots = path.into_iter().map(|entry| here.join(entry)).collect();
    }
    Ok(all)
}

/// Start to look, if the settings want it; what is there now is no change. `no_app`: none could be loaded (`need-app =
/// false`), and the repair is waited for.
pub(crate) fn start(py: Python<'_>, engine: &Arc<Engine>, no_app: bool) {
    let every = engine.settings.autoreload.seconds;
    if every == 0 || engine.control.is_none() {
        return;
    }
    let mut seen = Seen::default();
    look(py, engine, &mut seen, no_app);
    let shared = engine.clone();
    let body = move || {
        sys::block_signals();
        loop {
            std::thread::sleep(Duration::from_secs(every.into()));
            // While Python ends, its lock is not to be had any more.
            if shared.is_leaving() {
                return;
            }
            Python::attach(|py| look(py, &shared, &mut seen, no_app));
        }
    };
    let started =
        std::thread::Builder::new().name("uswgi-autoreload".into()).stack_size(512 * 1024).spawn(body);
    if let Err(e) = started {
        uswgi_serve::say!("py-autoreload: no thread can be started: {e}");
    }
}

fn look(py: Python<'_>, engine: &Engine, seen: &mut Seen, no_app: bool) {
    let Ok(all) = loaded(py, &engine.settings.autoreload.ignore, no_app) else { return };
    // Others may run while the disk is asked.
    let changed = py.detach(|| seen.changed(all.watched()));
    if let (Some((path, modified_us)), Some(control)) = (changed, &engine.control) {
        let path = path.to_string_lossy().into_owned();
        control.send(&ToMaster::SourceChanged { path, modified_us });
    }
}
