//! Where the tasks of requests stand, as text.

use super::pool::POOL;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

/// Where the tasks of requests stand, those beyond their deadline first.
pub(super) fn of_tasks(py: Python<'_>) -> PyResult<String> {
    let Some(pool) = POOL.get() else { return Ok(String::new()) };
    let (all, left_out) = pool.tasks(py);
    let io = PyModule::import(py, "io")?;
    let mut text = String::new();
    for (number, task) in all {
        let file = io.getattr("StringIO")?.call0()?;
        let options = PyDict::new(py);
        options.set_item("file", &file)?;
        task.call_method(py, "print_stack", (), Some(&options))?;
        text.push_str(&format!(
            "Task of lane {number}:\n{}",
            file.call_method0("getvalue")?.extract::<String>()?
        ));
    }
    if left_out > 0 {
        text.push_str(&format!("({left_out} tasks more)\n"));
    }
    Ok(text)
}
