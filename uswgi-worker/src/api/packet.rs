//! `parsefile`: a uwsgi packet in a file, as a dict.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyModule};
use std::io::Read;
use uswgi_proto::packet::HEADER_LEN;

/// Most bytes behind the head: its length field has 16 bits.
const LARGEST: u64 = u16::MAX as u64;

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(parsefile, module)?)
}

/// The variables of a packet in a file; None when the file cannot be read or holds none.
#[pyfunction]
#[pyo3(signature = (path, /))]
fn parsefile<'py>(py: Python<'py>, path: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
    let mut bytes = Vec::new();
    let read =
        py.detach(|| std::fs::File::open(path)?.take(HEADER_LEN as u64 + LARGEST).read_to_end(&mut bytes));
    if let Err(e) = read {
        uswgi_serve::say!("uwsgi.parsefile: {path}: {e}");
        return Ok(None);
    }
    let Some(pairs) = variables(&bytes) else { return Ok(None) };
    let d = PyDict::new(py);
    for (name, value) in pairs {
        d.set_item(PyBytes::new(py, name), PyBytes::new(py, value))?;
    }
    Ok(Some(d))
}

/// Names and values; None when the lengths do not fit.
fn variables(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let head = bytes.get(..HEADER_LEN)?;
    let length = usize::from(u16::from_le_bytes([head[1], head[2]]));
    let mut rest = bytes.get(HEADER_LEN..HEADER_LEN + length)?;
    let mut pairs = Vec::new();
    let mut text = || {
        let length = usize::from(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]));
        let text = rest.get(2..2 + length)?;
        rest = &rest[2 + length..];
        Some((text, rest.is_empty()))
    };
    if length == 0 {
        return Some(pairs);
    }
    loop {
        let (name, _) = text()?;
        let (value, over) = text()?;
        pairs.push((name, value));
        if over {
            return Some(pairs);
        }
    }
}
