//! Loading the application: directories, sys.path, modules, callables. Runs once in a template, or once
//! in each worker with lazy-apps. Must not start threads or open sockets of its own.

mod around;
mod preload;

use crate::gateway::asgi;
use crate::steps;
use crate::which_python::explained;
use pyo3::exceptions::{PyAttributeError, PyFileNotFoundError, PyModuleNotFoundError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyModule};
use uswgi_proto::settings::{App, AppSource, Application, Role, WorkerSettings};
use uswgi_proto::step::StepError;
use uswgi_serve::control::Control;
use uswgi_serve::exchange::Exchange;
use uswgi_serve::mounts::{Chosen, Mounts};
use uswgi_serve::say;

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
    /// The application for a request.
    #[inline]
    pub(crate) fn choose(&self, exchange: &Exchange<'_>) -> Option<Chosen> {
        if let Some(only) = self.mounts.only() {
            return Some(only);
        }
        if let Some(point) = exchange.named_app() {
            return self.mounts.at(point);
        }
        self.mounts.choose(exchange.path(), exchange.script(), exchange.is_placed(), || exchange.host())
    }

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
        prepare(py, settings).map_err(|e| LoadError::App(explained(py, &e)))?;
        for name in settings.python.shared_imports.iter().chain(&settings.app.imports) {
            import(py, settings, name).map_err(|e| {
                LoadError::App(format!("cannot import {name} (import)\n{}", explained(py, &e).trim_end()))
            })?;
        }
        let (mut callables, mut points) = (Vec::new(), Vec::new());
        let mut failed = None;
        for (n, app) in settings.app.apps.iter().enumerate() {
            let point = app.mountpoint.as_bytes();
            if points.iter().any(|p| p == point) {
                say!("{} is not opened: its mount point is taken", written(app));
                continue;
            }
            let loaded = load_one(py, app, &settings.app).and_then(|callable| {
                asgi::check(callable.bind(py), settings.lanes.kind).map_err(PyTypeError::new_err)?;
                Ok(callable)
            });
            match loaded {
                Ok(callable) => {
                    callables.push(callable);
                    points.push(point.to_vec());
                }
                Err(e) if replaceable(settings, n) => {
                    let why = failure(py, app, &e);
                    say!("{why}");
                    failed.get_or_insert(why);
                }
                Err(e) => return Err(LoadError::App(failure(py, app, &e))),
            }
        }
        if let Some(why) = failed.filter(|_| callables.is_empty()) {
            return Err(LoadError::App(why));
        }
        for (point, callable) in
            crate::api::hooks::applications(py).map_err(|e| LoadError::App(explained(py, &e)))?
        {
            // "" and "/" are the default application.
            callables.push(callable);
            points.push(point.trim_end_matches('/').as_bytes().to_vec());
        }
        if settings.app.django_preload {
            preload::django(py, &callables).map_err(|e| {
                let what = "what Django imports with its first request does not load (django-preload)";
                LoadError::App(format!("{what}\n{}", explained(py, &e).trim_end()))
            })?;
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

/// Whether the others may serve without the app, as on uWSGI: another one is named for its mount point, or it is a
/// module mounted beside them. What a reload or a check loads is whole: a mount that worked is not given up.
fn replaceable(settings: &WorkerSettings, n: usize) -> bool {
    let app = &settings.app.apps[n];
    let mounted = !app.mountpoint.is_empty() && matches!(app.source, AppSource::Module(_));
    let first = settings.generation <= 1 && settings.role != Role::Check;
    settings.app.apps[n + 1..].iter().any(|a| a.mountpoint == app.mountpoint) || (mounted && first)
}

/// As the configuration has it.
fn written(app: &App) -> String {
    let name = app.source.written();
    match &app.source {
        _ if !app.mountpoint.is_empty() => format!("mount = {}={name}", app.mountpoint),
        AppSource::Module(_) => format!("module = {name}"),
        AppSource::File(_) => format!("wsgi-file = {name}"),
        AppSource::Paste(_) => format!("paste = {name}"),
        AppSource::Eval(_) => "eval".into(),
    }
}

fn failure(py: Python<'_>, app: &App, error: &PyErr) -> String {
    let what = format!("cannot load the application ({})", written(app));
    // What was found before any code ran is one line.
    if error.traceback(py).is_none() && error.is_instance_of::<PyFileNotFoundError>(py) {
        return format!("{what}: {}", error.value(py));
    }
    let told = explained(py, error);
    // The exception last: that line tells most, and is shown alone where there is room for one.
    match file_as_module(app) {
        Some(file) if error.is_instance_of::<PyModuleNotFoundError>(py) => {
            format!("{what}\n{}; {file} is a file: use wsgi-file = {file}", told.trim_end())
        }
        _ => format!("{what}\n{}", told.trim_end()),
    }
}

/// The file that somebody has named as a module.
fn file_as_module(app: &App) -> Option<&str> {
    let AppSource::Module(spec) = &app.source else { return None };
    let name = spec.split(':').next().unwrap_or_default();
    (name.ends_with(".py") || name.contains('/')).then_some(name)
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
    if let Some(executable) = &settings.python.executable {
        sys.setattr("executable", executable)?;
    }
    around::aliases(py, &settings.python)
}

/// A module by its name, or by the path of its file.
pub(crate) fn import_named<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyModule>> {
    match name.strip_suffix(".py").or_else(|| name.contains('/').then_some(name)) {
        Some(path) => around::import_file(py, name, &path.replace(['.', '/'], "_")),
        None => py.import(name),
    }
}

/// A module of `import`; a path is run as a file. One that fails at the start is said and left out, as on uWSGI. To a
/// reload and to a check it is an error, as a mount is: what worked is not given up.
fn import(py: Python<'_>, settings: &WorkerSettings, name: &str) -> PyResult<()> {
    match import_named(py, name).map(drop) {
        Err(e) if settings.role != Role::Check && settings.generation <= 1 => {
            say!("cannot import {name} (import), it is left out\n{}", explained(py, &e).trim_end());
            Ok(())
        }
        result => result,
    }
}

fn load_one(py: Python<'_>, app: &App, all: &Application) -> PyResult<Py<PyAny>> {
    let default_callable = all.callable.as_str();
    match &app.source {
        AppSource::Paste(uri) => around::paste(py, uri, all.paste_logger),
        AppSource::Eval(code) => callable(&around::evaluated(py, code)?, default_callable, "eval"),
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
            // The name is uWSGI's, because pickles and logger names of applications hold it.
            let module = format!("uwsgi_file_{}", file.replace(['.', '/'], "_"));
            callable(&around::import_file(py, file, &module)?, name, spec)
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
