//! This process, its instance and the workers beside it, as the scoreboard shows them.

use super::state::{ModuleState, state, tell_master};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyModule, PyTuple};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering::Relaxed;
use uswgi_proto::control::ToMaster;
use uswgi_proto::scoreboard::layout::Totals;
use uswgi_proto::scoreboard::{InstanceState, ThreadState, WorkerState};
use uswgi_proto::sock_diag;
use uswgi_serve::{sys, title};

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(worker_id, module)?,
        wrap_pyfunction!(worker_slot, module)?,
        wrap_pyfunction!(masterpid, module)?,
        wrap_pyfunction!(workers, module)?,
        wrap_pyfunction!(total_requests, module)?,
        wrap_pyfunction!(reload, module)?,
        wrap_pyfunction!(stop, module)?,
        wrap_pyfunction!(ready, module)?,
        wrap_pyfunction!(accepting, module)?,
        wrap_pyfunction!(setprocname, module)?,
        wrap_pyfunction!(log, module)?,
        wrap_pyfunction!(logsize, module)?,
        wrap_pyfunction!(mem, module)?,
        wrap_pyfunction!(micros, module)?,
        wrap_pyfunction!(listen_queue, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// Number of this worker, from 1; 0 while the application is imported for all of them.
#[pyfunction]
fn worker_id() -> PyResult<u32> {
    Ok(state()?.worker_id.load(Relaxed))
}

/// A number from 0 on that no other worker has, also while one of the same worker number ends; None outside of workers. A fork
/// that the master has given up, and whose slot it gives to another one, ends before it runs any of the application
/// (`template::fork`).
#[pyfunction]
fn worker_slot() -> PyResult<Option<u32>> {
    let state = state()?;
    Ok((state.worker_id.load(Relaxed) != 0).then(|| state.slot.load(Relaxed)))
}

/// Pid of another process that has the number of this worker.
pub(super) fn also_has_number() -> Option<i32> {
    let state = state().ok()?;
    let (board, own) = (state.board.as_ref()?, state.slot.load(Relaxed));
    (0..board.worker_capacity())
        .filter(|&slot| slot != own)
        .filter_map(|slot| board.worker(slot))
        .filter(|w| w.worker_id.load(Relaxed) == state.worker_id.load(Relaxed))
        .filter(|w| w.state.load(Relaxed) != WorkerState::Free as u32)
        .map(|w| w.pid.load(Relaxed))
        .find(|&pid| pid > 0)
}

/// Pid of the master; 0 when there is none. While the application is imported for all workers it is this process:
/// libraries ask whether they are in the process that forks and does not serve.
#[pyfunction]
fn masterpid() -> PyResult<i32> {
    let state = state()?;
    Ok(match &state.board {
        None => 0,
        Some(_) if state.worker_id.load(Relaxed) == 0 && state.aide().is_none() => std::process::id() as i32,
        Some(board) => board.header().master_pid.load(Relaxed),
    })
}

/// Requests that the instance has answered.
#[pyfunction]
fn total_requests() -> PyResult<u64> {
    let Some(board) = &state()?.board else { return Ok(0) };
    let mut sum = Totals::load(&board.header().gone).requests;
    for slot in 0..board.worker_capacity() {
        if board.worker(slot).is_some_and(|w| w.state.load(Relaxed) != WorkerState::Free as u32) {
            let busy = (0..board.threads_capacity())
                .filter_map(|t| board.thread(slot, t))
                .filter(|t| t.state.load(Relaxed) == ThreadState::Busy as u32);
            sum += board.totals(slot).requests.saturating_sub(busy.count() as u64);
        }
    }
    Ok(sum)
}

/// One dict a worker.
#[pyfunction]
fn workers(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    let state = state()?;
    let all = (1..=state.settings.workers).map(|id| worker(py, state, id)).collect::<PyResult<Vec<_>>>()?;
    PyTuple::new(py, all)
}

fn worker<'py>(py: Python<'py>, state: &ModuleState, id: u32) -> PyResult<Bound<'py, PyDict>> {
    let rank = |s: u32| match WorkerState::from_number(s) {
        WorkerState::Free => None,
        WorkerState::Ready => Some(0),
        WorkerState::Starting => Some(1),
        WorkerState::Retiring | WorkerState::Killed => Some(2),
    };
    let found = state.board.as_ref().and_then(|board| {
        (0..board.worker_capacity())
            .filter_map(|slot| Some((slot, board.worker(slot)?)))
            .filter(|(_, w)| w.worker_id.load(Relaxed) == id)
            .filter_map(|(slot, w)| Some((rank(w.state.load(Relaxed))?, slot, w)))
            .min_by_key(|(rank, slot, _)| (*rank, *slot))
            .map(|(_, slot, w)| (board, slot, w))
    });
    let d = PyDict::new(py);
    d.set_item("id", id)?;
    let Some((board, slot, w)) = found else {
        for name in ["pid", "requests", "delta_requests", "signals", "exceptions"] {
            d.set_item(name, 0)?;
        }
        d.set_item("status", PyBytes::new(py, b"idle"))?;
        for name in ["rss", "vsz", "running_time", "last_spawn", "respawn_count", "tx", "avg_rt"] {
            d.set_item(name, 0)?;
        }
        d.set_item("apps", PyTuple::empty(py))?;
        return Ok(d);
    };
    let delta = board.totals(slot);
    let all = Totals::load(&w.carried) + delta;
    let busy = (0..board.threads_capacity())
        .filter_map(|t| board.thread(slot, t))
        .filter(|t| t.state.load(Relaxed) == ThreadState::Busy as u32)
        .count() as u64;
    let paused = board.header().state.load(Relaxed) == InstanceState::Paused as u32;
    let status: &[u8] = match (busy, paused) {
        (0, true) => b"pause",
        (0, false) => b"idle",
        _ => b"busy",
    };
    // Requests in hand are not answered yet.
    let (done, delta_done) = (all.requests.saturating_sub(busy), delta.requests.saturating_sub(busy));
    d.set_item("pid", w.pid.load(Relaxed))?;
    d.set_item("requests", done)?;
    d.set_item("delta_requests", delta_done)?;
    d.set_item("signals", all.signals)?;
    d.set_item("exceptions", all.exceptions)?;
    d.set_item("status", PyBytes::new(py, status))?;
    d.set_item("rss", w.rss.load(Relaxed))?;
    d.set_item("vsz", w.vsz.load(Relaxed))?;
    d.set_item("running_time", all.running_us)?;
    d.set_item("last_spawn", w.last_spawn.load(Relaxed))?;
    d.set_item("respawn_count", w.respawns.load(Relaxed))?;
    d.set_item("tx", all.tx)?;
    d.set_item("avg_rt", all.running_us.checked_div(done).unwrap_or(0))?;
    d.set_item("apps", apps(py, state, w.startup_ms.load(Relaxed), done, all.exceptions)?)?;
    Ok(d)
}

/// The applications of a worker. Counters are kept for each worker, not for each app: they stand at the first one.
fn apps<'py>(
    py: Python<'py>,
    state: &ModuleState,
    startup_ms: u64,
    requests: u64,
    exceptions: u64,
) -> PyResult<Bound<'py, PyTuple>> {
    let chdir = state.settings.app.chdir.as_deref().map_or(&[][..], |dir| dir.as_os_str().as_bytes());
    let one = |(i, app): (usize, &uswgi_proto::settings::App)| {
        let d = PyDict::new(py);
        d.set_item("id", i)?;
        d.set_item("modifier1", 0)?;
        d.set_item("mountpoint", PyBytes::new(py, app.mountpoint.as_bytes()))?;
        d.set_item("startup_time", startup_ms / 1000)?;
        d.set_item("requests", if i == 0 { requests } else { 0 })?;
        d.set_item("exceptions", if i == 0 { exceptions } else { 0 })?;
        d.set_item("chdir", PyBytes::new(py, chdir))?;
        Ok(d)
    };
    let all = state.settings.app.apps.iter().enumerate().map(one).collect::<PyResult<Vec<_>>>()?;
    PyTuple::new(py, all)
}

fn asked(py: Python<'_>, message: &ToMaster) -> PyResult<Py<PyAny>> {
    Ok(if tell_master(message)? { true.into_pyobject(py)?.to_owned().into_any().unbind() } else { py.None() })
}

/// Reload the instance; None: there is no master.
#[pyfunction]
fn reload(py: Python<'_>) -> PyResult<Py<PyAny>> {
    asked(py, &ToMaster::Reload)
}

/// Stop the instance gracefully; None: there is no master.
#[pyfunction]
fn stop(py: Python<'_>) -> PyResult<Py<PyAny>> {
    asked(py, &ToMaster::Stop)
}

/// True once the instance serves, else None.
#[pyfunction]
fn ready(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let state = state()?;
    let serves = match &state.board {
        Some(board) => board.header().state.load(Relaxed) != InstanceState::Starting as u32,
        None => state.engine.get().is_some(),
    };
    Ok(if serves { true.into_pyobject(py)?.to_owned().into_any().unbind() } else { py.None() })
}

/// A worker accepts as soon as it can, and says so by itself: there is nothing left to do.
#[pyfunction]
fn accepting() {}

/// Title of this process in ps and top.
#[pyfunction]
#[pyo3(signature = (name, /))]
fn setprocname(name: &str) {
    title::set(name);
}

/// A line in the log.
#[pyfunction]
#[pyo3(signature = (line, /))]
fn log(line: &str) -> bool {
    let mut text = String::with_capacity(line.len() + 1);
    text.push_str(line);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    uswgi_serve::log::plain(text.as_bytes());
    true
}

/// Bytes of the log file; 0 when the log is no file.
#[pyfunction]
fn logsize() -> u64 {
    match nix::sys::stat::fstat(std::io::stderr()) {
        Ok(s) if s.st_mode & libc::S_IFMT == libc::S_IFREG => u64::try_from(s.st_size).unwrap_or(0),
        _ => 0,
    }
}

/// Resident memory and address space of this process in bytes.
#[pyfunction]
fn mem() -> (u64, u64) {
    let (vsz, rss) = sys::memory().unwrap_or_default();
    (rss, vsz)
}

/// Microseconds since the epoch.
#[pyfunction]
fn micros() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.as_micros() as u64
}

/// Connections that wait at a listening socket.
#[pyfunction]
#[pyo3(signature = (socket = 0, /))]
fn listen_queue(py: Python<'_>, socket: i64) -> PyResult<u32> {
    let state = state()?;
    let none = || PyValueError::new_err(format!("unable to find socket {socket}"));
    let index = usize::try_from(socket).map_err(|_| none())?;
    if index >= state.settings.listeners.len() {
        return Err(none());
    }
    let Some(engine) = state.engine.get() else { return Ok(0) };
    let listener = engine.listeners.get(index).ok_or_else(none)?;
    Ok(py.detach(|| sock_diag::queue_of(listener.fd.as_fd())).map_or(0, |q| q.waiting))
}
