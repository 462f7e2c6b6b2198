//! Messages for mules. The names are always there, as on uWSGI.

use super::state::{ModuleState, bytes, queues, state};
use super::waiting::{Waited, queues_of, wait};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyInt, PyModule};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use uswgi_proto::background::{AideKind, MessageQueue};
use uswgi_proto::scoreboard::monotonic_us;
use uswgi_serve::aide::Link;
use uswgi_serve::say;

/// Microseconds between two lines about messages that were not sent.
const BETWEEN_US: u64 = 1_000_000;

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(mule_id, module)?,
        wrap_pyfunction!(mule_msg, module)?,
        wrap_pyfunction!(mule_get_msg, module)?,
        wrap_pyfunction!(farm_msg, module)?,
        wrap_pyfunction!(farm_get_msg, module)?,
        wrap_pyfunction!(in_farm, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

fn mule(state: &ModuleState) -> Option<&Arc<Link>> {
    state.aide().filter(|link| link.aide.kind == AideKind::Mule)
}

/// Number of this mule, from 1; 0: this is none.
#[pyfunction]
fn mule_id() -> PyResult<u32> {
    Ok(mule(state()?).map_or(0, |link| link.aide.number))
}

fn message<'a>(given: &'a Bound<'_, PyAny>) -> PyResult<&'a [u8]> {
    bytes(given).map_err(|_| {
        let kind = given.get_type().name().map(|n| n.to_string()).unwrap_or_default();
        PyTypeError::new_err(format!("a bytes-like object is required, not '{kind}'"))
    })
}

/// Put a message into the queue of a mule (a number), of any mule (0, or nothing) or of a farm (its name as bytes). False:
/// there is no such queue, it is full, or the message is too large for it. Never waits.
#[pyfunction]
#[pyo3(signature = (message, who = None, /))]
fn mule_msg(message: &Bound<'_, PyAny>, who: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
    if !queues()?.has_mules() {
        return Err(PyValueError::new_err("no mule configured"));
    }
    let invalid = || PyValueError::new_err("invalid mule");
    let queue = match who {
        None => MessageQueue::Mules,
        Some(who) if who.is_instance_of::<PyInt>() && !who.is_instance_of::<PyBool>() => {
            match who.extract::<i64>().map(u32::try_from) {
                Ok(Ok(0)) => MessageQueue::Mules,
                Ok(Ok(number)) => MessageQueue::Mule(number),
                _ => return Ok(false),
            }
        }
        Some(who) => match who.cast::<PyBytes>() {
            Ok(name) => MessageQueue::Farm(String::from_utf8_lossy(name.as_bytes()).into_owned()),
            Err(_) => return Err(invalid()),
        },
    };
    send(&queue, self::message(message)?)
}

fn send(queue: &MessageQueue, message: &[u8]) -> PyResult<bool> {
    match queues()?.send(queue, message) {
        Some(Ok(())) => Ok(true),
        Some(Err(e)) => {
            let why = match e {
                nix::Error::EAGAIN => "its queue is full",
                nix::Error::EMSGSIZE => "it is too large for a queue",
                e => e.desc(),
            };
            // Who tries again and again would fill the log.
            static SAID_US: AtomicU64 = AtomicU64::new(0);
            let now = monotonic_us();
            if now.saturating_sub(SAID_US.load(Ordering::Relaxed)) >= BETWEEN_US {
                SAID_US.store(now, Ordering::Relaxed);
                say!("a message of {} bytes was not sent to a mule: {why}", message.len());
            }
            Ok(false)
        }
        None => Ok(false),
    }
}

/// A message for any mule of a farm.
#[pyfunction]
#[pyo3(signature = (farm, message, /))]
fn farm_msg(farm: &str, message: &Bound<'_, PyAny>) -> PyResult<()> {
    send(&MessageQueue::Farm(farm.into()), self::message(message)?).map(drop)
}

/// The next message for this mule, its farms, or any mule. None: a signal came, and its handler has run; b"": `timeout`
/// seconds are over (-1: never). One that is larger than `buffer_size` loses its end.
#[pyfunction]
#[pyo3(signature = (signals = true, farms = true, buffer_size = 65536, timeout = -1))]
fn mule_get_msg(
    py: Python<'_>,
    signals: bool,
    farms: bool,
    buffer_size: usize,
    timeout: i64,
) -> PyResult<Option<Py<PyBytes>>> {
    let state = state()?;
    let Some(link) = mule(state) else {
        return Err(PyValueError::new_err("you can receive mule messages only in a mule !!!"));
    };
    let from = queues_of(link, &state.settings.background, farms);
    let until = u64::try_from(timeout).ok().map(|s| Instant::now() + Duration::from_secs(s));
    Ok(match wait(py, link, &from, buffer_size, until, signals)? {
        Waited::Message(message) => Some(PyBytes::new(py, &message).unbind()),
        Waited::Timeout => Some(PyBytes::new(py, b"").unbind()),
        Waited::AppSignal => None,
    })
}

/// The next message for the farms of this mule. None: a signal came, and its handler has run.
#[pyfunction]
fn farm_get_msg(py: Python<'_>) -> PyResult<Option<Py<PyBytes>>> {
    let state = state()?;
    let Some(link) = mule(state) else {
        return Err(PyValueError::new_err("you can receive farm messages only in a mule !!!"));
    };
    let background = &state.settings.background;
    let farms = background.farms_of(link.aide.number);
    let from: Vec<MessageQueue> =
        farms.map(|i| MessageQueue::Farm(background.farms[i].name.clone())).collect();
    Ok(match wait(py, link, &from, background.mule.message_size as usize, None, true)? {
        Waited::Message(message) => Some(PyBytes::new(py, &message).unbind()),
        Waited::Timeout | Waited::AppSignal => None,
    })
}

/// True where this mule is in the farm, or in any; else None.
#[pyfunction]
#[pyo3(signature = (farm = None, /))]
fn in_farm(py: Python<'_>, farm: Option<&str>) -> PyResult<Py<PyAny>> {
    let state = state()?;
    let background = &state.settings.background;
    let of = |link: &Arc<Link>| {
        background
            .farms_of(link.aide.number)
            .any(|i| farm.is_none_or(|name| background.farms[i].name == name))
    };
    let is = mule(state).is_some_and(of);
    Ok(if is { true.into_pyobject(py)?.to_owned().into_any().unbind() } else { py.None() })
}
