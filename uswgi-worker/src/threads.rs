//! Threads that the application started while it was imported: those that its workers do not have are named. Libraries
//! that start theirs again after the fork (`os.register_at_fork`, a post-fork hook) have them by then.

use pyo3::prelude::*;
use pyo3::types::PyModule;
use uswgi_serve::say;

/// The names of the threads that run beside the main one; none where Python cannot say.
pub(crate) fn others(py: Python<'_>) -> Vec<String> {
    let names = || -> PyResult<Vec<String>> {
        let modules = PyModule::import(py, "sys")?.getattr("modules")?;
        if !modules.contains("threading")? {
            return Ok(Vec::new());
        }
        let threading = PyModule::import(py, "threading")?;
        let main = threading.call_method0("main_thread")?;
        let mut names = Vec::new();
        for thread in threading.call_method0("enumerate")?.try_iter()? {
            let thread = thread?;
            if !thread.is(&main) {
                names.push(thread.getattr("name")?.extract()?);
            }
        }
        Ok(names)
    };
    names().unwrap_or_default()
}

/// In a worker, after the fork hooks and before its own threads: name those that ran in the template and are not here.
pub(crate) fn warn_of_missing(py: Python<'_>, template: &[String]) {
    let mut here: Vec<String> = if template.is_empty() { return } else { others(py) };
    // Python numbers threads as they come: the one that is there again has another number.
    let kind = |name: &str| {
        name.split(|c: char| c.is_ascii_digit()).filter(|p| !p.is_empty()).collect::<Vec<_>>().join("#")
    };
    let missing: Vec<&str> = template
        .iter()
        .filter(|name| match here.iter().position(|h| kind(h) == kind(name)) {
            Some(at) => {
                here.swap_remove(at);
                false
            }
            None => true,
        })
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        say!(
            "the application started threads while it was imported that its workers do not have ({}): \
             start them in a post-fork hook, or set lazy-apps = true",
            missing.join(", ")
        );
    }
}
