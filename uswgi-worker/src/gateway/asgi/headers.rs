//! The headers of a scope: pairs of bytes, names in lower case. Clients send most of them again with each request, so the
//! pairs of the request before are kept: what cannot be changed is given again where the same bytes come.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use std::cell::RefCell;
use uswgi_proto::settings::Protocol;
use uswgi_serve::exchange::{Exchange, Field};
use uswgi_serve::request::loads_code;

/// Fields that are kept, and bytes of each.
const KEPT: usize = 32;
const KEPT_BYTES: usize = 256;

/// A field as it came, and its pair.
struct KeptField {
    whole: Vec<u8>,
    name_length: usize,
    pair: Py<PyTuple>,
}

thread_local! {
    /// By the place of the field in its request.
    static LAST: RefCell<Vec<Option<KeptField>>> = const { RefCell::new(Vec::new()) };
}

/// Of a request.
pub(super) fn of<'py>(py: Python<'py>, exchange: &Exchange<'_>) -> PyResult<Bound<'py, PyList>> {
    if !exchange.rewritten().is_empty() {
        return ruled(py, exchange);
    }
    let list = PyList::empty(py);
    let variables = exchange.variables();
    if exchange.conn.protocol == Protocol::Http {
        LAST.with_borrow_mut(|last| {
            for (place, field) in variables.fields().enumerate() {
                // One with an underscore would be taken for the one with a dash.
                if !field.name().contains(&b'_') {
                    list.append(kept(py, last, place, &field)?)?;
                }
            }
            PyResult::Ok(())
        })?;
        return Ok(list);
    }
    for field in variables.fields() {
        let (name, value) = (field.name(), field.value());
        match name {
            b"CONTENT_TYPE" | b"CONTENT_LENGTH" if !value.is_empty() => {
                list.append(pair(py, name, value)?)?
            }
            _ => match name.strip_prefix(b"HTTP_") {
                Some(field) if !loads_code(name) => list.append(pair(py, field, value)?)?,
                _ => {}
            },
        }
    }
    Ok(list)
}

fn pair<'py>(py: Python<'py>, raw: &[u8], value: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
    let name = PyBytes::new_with(py, raw.len(), |name| {
        for (to, from) in name.iter_mut().zip(raw) {
            *to = if *from == b'_' { b'-' } else { from.to_ascii_lowercase() };
        }
        Ok(())
    })?;
    (name, PyBytes::new(py, value)).into_pyobject(py)
}

fn kept<'py>(
    py: Python<'py>,
    last: &mut Vec<Option<KeptField>>,
    place: usize,
    field: &Field<'_>,
) -> PyResult<Bound<'py, PyTuple>> {
    let (whole, name_length) = (field.whole(), field.name_length());
    if let Some(Some(known)) = last.get(place)
        && known.name_length == name_length
        && known.whole == whole
    {
        return Ok(known.pair.bind(py).clone());
    }
    let pair = pair(py, field.name(), field.value())?;
    if place < KEPT && whole.len() <= KEPT_BYTES {
        if last.len() <= place {
            last.resize_with(place + 1, || None);
        }
        last[place] = Some(KeptField { whole: whole.to_vec(), name_length, pair: pair.clone().unbind() });
    }
    Ok(pair)
}

/// Of a request of which rules have set fields.
fn ruled<'py>(py: Python<'py>, exchange: &Exchange<'_>) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    let buffer = &exchange.conn.buffer;
    let mut name = Vec::with_capacity(64);
    // Fields that rules of the site have set (`addvar`).
    let set: Vec<(&[u8], &[u8])> =
        exchange.rewritten().iter().filter_map(|(n, value)| Some((field_of(n)?, &value[..]))).collect();
    let mut put = |raw: &[u8], value: &[u8], ruled: bool| -> PyResult<()> {
        name.clear();
        name.extend(raw.iter().map(|b| if *b == b'_' { b'-' } else { b.to_ascii_lowercase() }));
        if !ruled && set.iter().any(|(field, _)| same_field(field, &name)) {
            return Ok(());
        }
        list.append((PyBytes::new(py, &name), PyBytes::new(py, value)))
    };
    for (at, (field, value)) in set.iter().enumerate() {
        if !set[at + 1..].iter().any(|(later, _)| later == field) {
            put(field, value, true)?;
        }
    }
    if exchange.conn.protocol == Protocol::Http {
        for (name, value) in &exchange.request.head.headers {
            // One with an underscore would be taken for the one with a dash.
            if !name.of(buffer).contains(&b'_') {
                put(name.of(buffer), value.of(buffer), false)?;
            }
        }
        return Ok(list);
    }
    for (name, value) in &exchange.request.vars {
        let (name, value) = (name.of(buffer), value.of(buffer));
        match name {
            b"CONTENT_TYPE" | b"CONTENT_LENGTH" if value.is_empty() => {}
            _ => {
                if let Some(field) = field_of(name).filter(|_| !loads_code(name)) {
                    put(field, value, false)?;
                }
            }
        }
    }
    Ok(list)
}

/// The header field that a variable is made of.
fn field_of(variable: &[u8]) -> Option<&[u8]> {
    match variable {
        b"CONTENT_TYPE" | b"CONTENT_LENGTH" => Some(variable),
        _ => variable.strip_prefix(b"HTTP_"),
    }
}

/// Whether a variable's name without its `HTTP_` is that of a header field in lower case.
fn same_field(of_variable: &[u8], header: &[u8]) -> bool {
    of_variable.len() == header.len()
        && of_variable
            .iter()
            .zip(header)
            .all(|(v, h)| v.to_ascii_lowercase() == *h || (*v == b'_' && *h == b'-'))
}
