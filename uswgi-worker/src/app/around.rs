//! What stands around the import of an application: second names of modules, `sys.executable`, code of the configuration,
//! applications of paste.deploy. As measured on uWSGI 2.0.31.

use pyo3::exceptions::{PyFileNotFoundError, PyImportError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};
use std::ffi::CString;
use uswgi_proto::settings::PythonSettings;

/// The name of the module and file of `eval`, as on uWSGI.
const EVAL: &std::ffi::CStr = c"uwsgi_eval_config";

/// Second names: `pymodule-alias`, then `post-pymodule-alias`. One that cannot be had ends the start, as on uWSGI.
pub(super) fn aliases(py: Python<'_>, python: &PythonSettings) -> PyResult<()> {
    let modules = PyModule::import(py, "sys")?.getattr("modules")?;
    for (name, target) in python.aliases.iter().chain(&python.late_aliases) {
        let module = match target.contains('/') {
            // A file is a module of the new name itself.
            true => import_file(py, target, name),
            false => py.import(target.as_str()),
        };
        let module = module.map_err(|e| {
            let message = format!("pymodule-alias = {name}={target}: {e}");
            PyImportError::new_err(message)
        })?;
        modules.set_item(name, module)?;
    }
    Ok(())
}

/// Code of the configuration, as a module.
pub(super) fn evaluated<'py>(py: Python<'py>, code: &str) -> PyResult<Bound<'py, PyModule>> {
    PyModule::from_code(py, &CString::new(code)?, EVAL, EVAL)
}

/// An application of paste.deploy; relative names start from the directory of the application.
pub(super) fn paste(py: Python<'_>, uri: &str, logger: bool) -> PyResult<Py<PyAny>> {
    let here = std::env::current_dir().unwrap_or_default();
    if logger {
        let file = uri.strip_prefix("config:").unwrap_or(uri).split('#').next().unwrap_or_default();
        let path = here.join(file);
        let defaults = PyDict::new(py);
        defaults.set_item("__file__", path.display().to_string())?;
        defaults.set_item("here", path.parent().unwrap_or(&here).display().to_string())?;
        PyModule::import(py, "logging.config")?
            .call_method1("fileConfig", (path.display().to_string(), defaults))?;
    }
    let options = PyDict::new(py);
    options.set_item("relative_to", here.display().to_string())?;
    let app = PyModule::import(py, "paste.deploy")?.call_method("loadapp", (uri,), Some(&options))?;
    Ok(app.unbind())
}

/// A file as a module of this name.
pub(super) fn import_file<'py>(py: Python<'py>, file: &str, name: &str) -> PyResult<Bound<'py, PyModule>> {
    if !std::path::Path::new(file).exists() {
        let here = std::env::current_dir().unwrap_or_default();
        let place = if file.starts_with('/') { String::new() } else { format!(" in {}", here.display()) };
        return Err(PyFileNotFoundError::new_err(format!("there is no file {file}{place}")));
    }
    let machinery = PyModule::import(py, "importlib.machinery")?;
    let util = PyModule::import(py, "importlib.util")?;
    let loader = machinery.getattr("SourceFileLoader")?.call1((name, file))?;
    let options = PyDict::new(py);
    options.set_item("loader", &loader)?;
    let spec = util.getattr("spec_from_file_location")?.call((name, file), Some(&options))?;
    let module = util.getattr("module_from_spec")?.call1((&spec,))?.cast_into::<PyModule>()?;
    let modules = PyModule::import(py, "sys")?.getattr("modules")?;
    modules.set_item(name, &module)?;
    if let Err(e) = loader.call_method1("exec_module", (&module,)) {
        let _ = modules.del_item(name);
        return Err(e);
    }
    Ok(module)
}
