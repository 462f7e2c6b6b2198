//! Loading the application: directories, sys.path, modules, callables. Runs once in a template, or once
//! in each worker with lazy-apps. Must not start threads or open sockets of its own.

use crate::py::traceback;
use crate::steps;
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyModule};
use uswgi_proto::settings::{App, AppSource, WorkerSettings};
use uswgi_proto::step::StepError;
use uswgi_serve::control::Control;
use uswgi_serve::mounts::Mounts;

/// All applications of this process.
#[derive(Default)]
pub(crate) struct Apps {
    /// In the order of the configuration, then those of the dictionary `applications`.
    pub(crate) callables: Vec<Py<PyAny>>,
    /// Which of them a request is for.
    pub(crate) mounts: Mounts,
}

/// Why nothing could be loaded.
pub(crate) enum LoadError {
    /// The application: a text for people, the traceback in it.
    App(String),
    /// A step around it.
    Step(StepError),
}

impl Apps {
    /// Import everything that the settings name.
    pub(crate) fn load(
        py: Python<'_>,
        settings: &WorkerSettings,
        control: Option<&Control>,
    ) -> Result<Apps, LoadError> {
        if let Some(dir) = &settings.app.chdir {
            std::env::set_current_dir(dir)
                .map_err(|e| LoadError::App(format!("cannot change to chdir = {}: {e}", dir.display())))?;
        }
        steps::run(py, &settings.steps.pre_app, control).map_err(LoadError::Step)?;
        prepare(py, settings).map_err(|e| LoadError::App(traceback(py, &e)))?;
        let (mut callables, mut points) = (Vec::new(), Vec::new());
        for app in &settings.app.apps {
            let callable = load_one(py, app, &settings.app.callable).map_err(|e| failure(py, app, &e))?;
            callables.push(callable);
            points.push(app.mountpoint.clone().into_bytes());
        }
        for (point, callable) in
            crate::api::hooks::applications(py).map_err(|e| LoadError::App(traceback(py, &e)))?
        {
            // "" and "/" are the default application.
            callables.push(callable);
            points.push(point.trim_end_matches('/').as_bytes().to_vec());
        }
        let mounts = Mounts::new(points, settings.app.manage_script_name, settings.app.default_app);
        steps::run(py, &settings.steps.post_app, control).map_err(LoadError::Step)?;
        if let Some(dir) = &settings.app.chdir2 {
            std::env::set_current_dir(dir)
                .map_err(|e| LoadError::App(format!("cannot change to chdir2 = {}: {e}", dir.display())))?;
        }
        Ok(Apps { callables, mounts })
    }
}

fn failure(py: Python<'_>, app: &App, error: &PyErr) -> LoadError {
    let what = match &app.source {
        AppSource::Module(m) => format!("module = {m}"),
        AppSource::File(f) => format!("wsgi-file = {f}"),
    };
    // The exception last: that line tells most, and is shown alone where there is room for one.
    LoadError::App(format!("cannot load the application ({what})\n{}", traceback(py, error).trim_end()))
}

fn prepare(py: Python<'_>, settings: &WorkerSettings) -> PyResult<()> {
    let sys = PyModule::import(py, "sys")?;
    let path = sys.getattr("path")?.cast_into::<PyList>()?;
    for entry in &settings.app.pythonpath {
        path.insert(0, entry)?;
    }
    let argv = sys.getattr("argv")?.cast_into::<PyList>()?;
    for word in &settings.app.pyargv {
        argv.append(word)?;
    }
    for name in &settings.app.imports {
        py.import(name.as_str())?;
    }
    Ok(())
}

fn load_one(py: Python<'_>, app: &App, default_callable: &str) -> PyResult<Py<PyAny>> {
    match &app.source {
        AppSource::Module(spec) => {
            let (module, name) = split(spec, default_callable);
            callable(&py.import(module)?, name, spec)
        }
        AppSource::File(spec) => {
            // The file may hold a colon itself: the part behind it counts only if the whole is no file.
            let (file, name) = if std::path::Path::new(spec).exists() {
                (spec.as_str(), default_callable)
            } else {
                split(spec, default_callable)
            };
            callable(&import_file(py, file)?, name, spec)
        }
    }
}

fn split<'a>(spec: &'a str, default_callable: &'a str) -> (&'a str, &'a str) {
    match spec.rsplit_once(':') {
        Some((module, name)) if !name.is_empty() => (module, name),
        Some((module, _)) => (module, default_callable),
        None => (spec, default_callable),
    }
}

/// A file as a module named `uswgi_file_<path with dots and slashes as underscores>` would be ours;
/// the name is uWSGI's, because pickles and logger names of applications hold it.
fn import_file<'py>(py: Python<'py>, file: &str) -> PyResult<Bound<'py, PyModule>> {
    let name = format!("uwsgi_file_{}", file.replace(['.', '/'], "_"));
    let machinery = PyModule::import(py, "importlib.machinery")?;
    let util = PyModule::import(py, "importlib.util")?;
    let loader = machinery.getattr("SourceFileLoader")?.call1((&name, file))?;
    let options = PyDict::new(py);
    options.set_item("loader", &loader)?;
    let spec = util.getattr("spec_from_file_location")?.call((&name, file), Some(&options))?;
    let module = util.getattr("module_from_spec")?.call1((&spec,))?.cast_into::<PyModule>()?;
    let modules = PyModule::import(py, "sys")?.getattr("modules")?;
    modules.set_item(&name, &module)?;
    if let Err(e) = loader.call_method1("exec_module", (&module,)) {
        let _ = modules.del_item(&name);
        return Err(e);
    }
    Ok(module)
}

/// `name`, `name.attribute` or `factory()` in a module.
fn callable(module: &Bound<'_, PyModule>, name: &str, spec: &str) -> PyResult<Py<PyAny>> {
    let (path, is_factory) = match name.strip_suffix("()") {
        Some(path) => (path, true),
        None => (name, false),
    };
    let mut found = module.clone().into_any();
    for part in path.split('.') {
        found = found.getattr(part).map_err(|e| {
            if e.is_instance_of::<PyAttributeError>(module.py()) {
                PyAttributeError::new_err(format!(
                    "{spec} has no {path:?}; name the WSGI callable with `callable = NAME` or `module = PACKAGE.MODULE:NAME`"
                ))
            } else {
                e
            }
        })?;
    }
    if is_factory {
        found = found.call0()?;
    }
    if !found.is_callable() {
        return Err(PyTypeError::new_err(format!(
            "{path:?} of {spec} is a {}, which cannot be called as a WSGI application",
            found.get_type().name()?
        )));
    }
    Ok(found.unbind())
}
