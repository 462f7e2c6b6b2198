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
    if exchange.conn.protocol != Protocol::Http || !exchange.rewritten().is_empty() {
        return put_together(py, exchange);
    }
    let list = PyList::empty(py);
    LAST.with_borrow_mut(|last| {
        for (place, field) in exchange.variables().fields().enumerate() {
            // One with an underscore would be taken for the one with a dash.
            if !field.name().contains(&b'_') {
                list.append(kept(py, last, place, &field)?)?;
            }
        }
        Ok(list)
    })
}

fn pair<'py>(py: Python<'py>, raw: &[u8], value: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
    let name = PyBytes::new_with(py, raw.len(), |name| {
        for (to, from) in name.iter_mut().zip(raw) {
            *to = plain(*from);
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

/// Of a packet, and of any request of which rules have set fields.
fn put_together<'py>(py: Python<'py>, exchange: &Exchange<'_>) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    let buffer = &exchange.conn.buffer;
    // Fields that rules of the site have set (`addvar`).
    let set: Vec<(&[u8], &[u8])> =
        exchange.rewritten().iter().filter_map(|(n, value)| Some((field_of(n)?, &value[..]))).collect();
    let put = |raw: &[u8], value: &[u8], ruled: bool| -> PyResult<()> {
        if !ruled && set.iter().any(|(field, _)| same_field(field, raw)) {
            return Ok(());
        }
        list.append(pair(py, raw, value)?)
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

/// Whether two names are those of one header field.
fn same_field(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| plain(*a) == plain(*b))
}

/// A byte of a header's name as a scope has it, from the field or from its variable.
fn plain(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }
}
