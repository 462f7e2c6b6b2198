//! Tasks: `uswgi.spool` and what an application asks about them. The names are there where a spooler is configured, as on
//! uWSGI; `i_am_the_spooler` always is.

use super::state::{ModuleState, bytes, state};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyModule, PyTuple};
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, OnceLock};
use uswgi_proto::background::AideKind;
use uswgi_proto::scoreboard::aide::AIDES;
use uswgi_proto::scoreboard::{AideSlot, WorkerState};
use uswgi_serve::sync::lock;
use uswgi_spool::task::BODY;
use uswgi_spool::{NotSpooled, SpoolTask, TaskName, Writers};

/// What a task's function gives.
pub(crate) mod results {
    /// It is done.
    pub(crate) const OK: i64 = -2;
    /// It is to run again.
    pub(crate) const RETRY: i64 = -1;
    /// The function is not the one for it.
    pub(crate) const IGNORE: i64 = 0;
}

pub(super) fn add(module: &Bound<'_, PyModule>, state: &ModuleState) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(i_am_the_spooler, module)?)?;
    if state.settings.background.folders.is_empty() {
        return Ok(());
    }
    let py = module.py();
    for (name, value) in
        [("SPOOL_OK", results::OK), ("SPOOL_RETRY", results::RETRY), ("SPOOL_IGNORE", results::IGNORE)]
    {
        module.add(name, value)?;
    }
    let folders = &state.settings.background.folders;
    let own = folders.iter().map(|f| PyBytes::new(py, f.path.as_os_str().as_bytes()));
    module.add("spoolers", PyTuple::new(py, own)?)?;
    for function in [
        wrap_pyfunction!(spool, module)?,
        wrap_pyfunction!(send_to_spooler, module)?,
        wrap_pyfunction!(spooler_jobs, module)?,
        wrap_pyfunction!(spooler_pid, module)?,
        wrap_pyfunction!(spooler_pids, module)?,
        wrap_pyfunction!(set_spooler_frequency, module)?,
        wrap_pyfunction!(spooler_get_task, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// True in a spooler, else None.
#[pyfunction]
fn i_am_the_spooler(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let is = state()?.aide().is_some_and(|link| link.aide.kind == AideKind::Spooler);
    Ok(if is { true.into_pyobject(py)?.to_owned().into_any().unbind() } else { py.None() })
}

fn writers() -> PyResult<&'static Writers> {
    static WRITERS: OnceLock<Writers> = OnceLock::new();
    let background = &state()?.settings.background;
    let folders = background.folders.iter().map(|f| f.path.as_path());
    Ok(WRITERS.get_or_init(|| Writers::new(folders, background.spool.fsync)))
}

fn unable(why: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(format!("unable to spool job: {why}"))
}

/// Put a task, a dict of bytes, into a spool folder; the file's name. Its key `body` may be larger than 64 KiB; `at`,
/// `priority` and `spooler` say when, in which folder of priorities, and in which spool folder.
#[pyfunction]
#[pyo3(signature = (*arguments, **named))]
fn spool<'py>(
    py: Python<'py>,
    arguments: &Bound<'py, PyTuple>,
    named: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let no_dict = || PyValueError::new_err("The argument of spooler callable must be a dictionary");
    let given = match (arguments.get_item(0), named) {
        (Ok(first), _) => first.cast_into::<PyDict>().map_err(|_| no_dict())?,
        (Err(_), Some(named)) => named.clone(),
        (Err(_), None) => return Err(no_dict()),
    };
    let mut task = SpoolTask::default();
    for (key, value) in given.iter() {
        let no_bytes = || PyValueError::new_err("spooler callable dictionary must contains only bytes");
        let (Ok(key), Ok(value)) = (key.cast::<PyBytes>(), value.cast::<PyBytes>()) else {
            return Err(no_bytes());
        };
        match key.as_bytes() {
            BODY => task.body = value.as_bytes().to_vec(),
            key => task.pairs.push((key.to_vec(), value.as_bytes().to_vec())),
        }
    }
    let path = py.detach(|| write(&task))?;
    Ok(PyBytes::new(py, path.as_os_str().as_bytes()))
}

fn write(task: &SpoolTask) -> PyResult<PathBuf> {
    writers()?.spool(task).map_err(|e| match e {
        NotSpooled::NoFolder(folder) => unable(format!("{folder} is none of uwsgi.spoolers")),
        e => unable(e),
    })
}

/// The old name of `spool`.
#[pyfunction]
#[pyo3(signature = (*arguments, **named))]
fn send_to_spooler<'py>(
    py: Python<'py>,
    arguments: &Bound<'py, PyTuple>,
    named: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyBytes>> {
    spool(py, arguments, named)
}

/// Files of tasks, those that run too; not those of priorities, as on uWSGI.
#[pyfunction]
#[pyo3(signature = (*_ignored))]
fn spooler_jobs<'py>(py: Python<'py>, _ignored: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyList>> {
    let folders: Vec<PathBuf> = state()?.settings.background.folders.iter().map(|f| f.path.clone()).collect();
    let found = py.detach(|| -> std::io::Result<Vec<PathBuf>> {
        let mut all = Vec::new();
        for folder in folders {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_name().to_str().and_then(TaskName::of).is_some() {
                    all.push(entry.path());
                }
            }
        }
        Ok(all)
    })?;
    PyList::new(py, found.into_iter().map(|p| PyBytes::new(py, &p.into_os_string().into_vec())))
}

fn spoolers(state: &ModuleState) -> impl Iterator<Item = &AideSlot> {
    let board = state.board.as_ref();
    let all = (0..AIDES as u32).filter_map(move |i| board.and_then(|b| b.aide(i)));
    let is = |s: &&AideSlot| s.aide().is_some_and(|a| a.kind == AideKind::Spooler);
    all.filter(is).filter(|s| s.state.load(Relaxed) != WorkerState::Free as u32)
}

/// Pid of the first spooler; 0: there is none now.
#[pyfunction]
#[pyo3(signature = (*_ignored))]
fn spooler_pid(_ignored: &Bound<'_, PyTuple>) -> PyResult<i32> {
    Ok(spoolers(state()?).next().map_or(0, |s| s.pid.load(Relaxed)))
}

/// Pids of the spoolers.
#[pyfunction]
#[pyo3(signature = (*_ignored))]
fn spooler_pids(_ignored: &Bound<'_, PyTuple>) -> PyResult<Vec<i32>> {
    Ok(spoolers(state()?).map(|s| s.pid.load(Relaxed)).collect())
}

/// Seconds between two looks of the spoolers at their folders, from the next look on; 0: as configured.
#[pyfunction]
#[pyo3(signature = (seconds, /))]
fn set_spooler_frequency(seconds: i64) -> PyResult<bool> {
    let seconds =
        u32::try_from(seconds).map_err(|_| PyValueError::new_err("seconds must not be negative"))?;
    spoolers(state()?).for_each(|s| s.frequency.store(seconds, Relaxed));
    Ok(true)
}

/// The task that this spooler runs.
static CURRENT: Mutex<Option<(PathBuf, Py<PyDict>)>> = Mutex::new(None);

/// Keeps the task that runs within reach, for as long as it lives: its file must not be opened by who holds it.
pub(crate) struct CurrentTask;

impl CurrentTask {
    pub(crate) fn set(path: &Path, environ: &Bound<'_, PyDict>) -> CurrentTask {
        *lock(&CURRENT) = Some((path.into(), environ.clone().unbind()));
        CurrentTask
    }
}

impl Drop for CurrentTask {
    fn drop(&mut self) {
        *lock(&CURRENT) = None;
    }
}

/// A task as its function gets it, by the full name of its file; None: there is none.
#[pyfunction]
#[pyo3(signature = (path, /))]
fn spooler_get_task<'py>(py: Python<'py>, path: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let name = bytes(path).map_err(|_| PyTypeError::new_err("spooler_get_task() argument 1 must be str"))?;
    let path = PathBuf::from(OsStr::from_bytes(name));
    if let Some((_, environ)) = lock(&CURRENT).as_ref().filter(|(own, _)| *own == path) {
        let copy = environ.bind(py).copy()?;
        copy.set_item("spooler_task_name", PyBytes::new(py, name))?;
        return Ok(Some(copy));
    }
    let Ok(found) = py.detach(|| std::fs::read(&path)) else { return Ok(None) };
    match SpoolTask::decode(&found) {
        Ok(task) => environ_of(py, &path, &task).map(Some),
        Err(_) => Ok(None),
    }
}

/// The task as a dict of mixed kinds: its own keys and values are bytes; the body and the name have str keys.
pub(crate) fn environ_of<'py>(
    py: Python<'py>,
    name: &Path,
    task: &uswgi_spool::SpoolTask,
) -> PyResult<Bound<'py, PyDict>> {
    let d = PyDict::new(py);
    for (key, value) in &task.pairs {
        d.set_item(PyBytes::new(py, key), PyBytes::new(py, value))?;
    }
    d.set_item(intern!(py, "spooler_task_name"), PyBytes::new(py, name.as_os_str().as_encoded_bytes()))?;
    if !task.body.is_empty() {
        d.set_item(intern!(py, "body"), PyBytes::new(py, &task.body))?;
    }
    Ok(d)
}
