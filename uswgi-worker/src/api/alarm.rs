//! Alarms of an instance (`alarm`), raised by its application. The master knows what each one does; a name that is none does
//! nothing, as on uWSGI 2.0.31.

use super::signals::tell_early;
use super::state::payload;
use pyo3::prelude::*;
use pyo3::types::PyModule;
use uswgi_proto::control::{MOST_ALARM_BYTES, ToMaster};

/// Longest name that can be an alarm's.
const NAME: usize = 1024;

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(alarm, module)?)
}

/// Raise this alarm with a message (str or bytes).
#[pyfunction]
#[pyo3(signature = (name, message, /))]
fn alarm(name: &str, message: &Bound<'_, PyAny>) -> PyResult<()> {
    let message = payload(message)?;
    if name.len() > NAME {
        return Ok(());
    }
    let message = message[..message.len().min(MOST_ALARM_BYTES as usize)].to_vec();
    tell_early(&ToMaster::Alarm { name: name.into(), message })
}
