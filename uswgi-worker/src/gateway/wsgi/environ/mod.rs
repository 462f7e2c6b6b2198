//! The environ of a request: a copy of a prepared dict plus the request's variables.
//!
//! The hot path of the worker, so it talks to the C API directly. A request whose variables have the names of an
//! earlier one takes the way of [`shape`]; any other is put together here: names are looked up in a table of
//! interned strings, which is bounded, so that invented names cost their senders nothing of our memory.

mod base;
mod shape;

use super::capi::{Object, interned, latin1, set};
use crate::gateway::wsgi::disconnected::Disconnected;
use base::base;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use shape::Shapes;
use std::collections::HashMap;
use uswgi_proto::http::environ_name;
use uswgi_proto::settings::Protocol;
use uswgi_serve::engine::Engine;
use uswgi_serve::exchange::Exchange;
use uswgi_serve::request::{Body, Request, loads_code};

/// Names that are remembered.
const MOST_NAMES: usize = 512;
/// Variables of an HTTP request that are not headers; the last two only over TCP.
const FIXED: [&[u8]; 7] = [
    b"REQUEST_METHOD",
    b"REQUEST_URI",
    b"PATH_INFO",
    b"QUERY_STRING",
    b"SERVER_PROTOCOL",
    b"REMOTE_ADDR",
    b"REMOTE_PORT",
];

struct Name {
    object: Object,
    /// Request in which it came last: a second time in the same one is a repeated header.
    seen: u64,
}

/// Makes environs; one for each thread.
pub(crate) struct Builder {
    names: HashMap<Vec<u8>, Name, foldhash::fast::RandomState>,
    /// One prepared dict for each listener.
    bases: Vec<Py<PyDict>>,
    request: u64,
    scratch: Vec<u8>,
    shapes: Shapes,
    own: Own,
}

/// Keys and values of the server's own.
struct Own {
    input: Object,
    scheme: Object,
    https: Object,
    length: Object,
    coding: Object,
}

fn fixed_count(tcp: bool) -> usize {
    if tcp { FIXED.len() } else { FIXED.len() - 2 }
}

/// The variables of an HTTP request: [`FIXED`] ones by their names in the environ, then its headers as they came.
fn http_variables<'a>(exchange: &'a Exchange<'_>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
    let Exchange { conn, request, .. } = exchange;
    let (buffer, head) = (&conn.buffer[..], &request.head);
    let protocol: &[u8] = if head.minor == 0 { b"HTTP/1.0" } else { b"HTTP/1.1" };
    let (address, port) = conn.remote().unwrap_or_default();
    let values = [
        head.method.of(buffer),
        head.target.of(buffer),
        &request.path,
        head.query.of(buffer),
        protocol,
        address,
        port,
    ];
    FIXED
        .into_iter()
        .zip(values)
        .take(fixed_count(conn.remote().is_some()))
        .chain(head.headers.iter().map(|(name, value)| (name.of(buffer), value.of(buffer))))
}

/// The variables of a uwsgi packet.
fn packet_variables<'a>(exchange: &'a Exchange<'_>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
    let buffer = &exchange.conn.buffer[..];
    exchange.request.vars.iter().map(|(name, value)| (name.of(buffer), value.of(buffer)))
}

/// How a variable is called in the environ.
#[derive(Clone, Copy)]
enum Naming {
    /// The first `fixed` ones as they are, then headers.
    Http {
        fixed: usize,
    },
    Packet,
}

impl Naming {
    /// None: it is left out.
    fn key<'a>(self, index: usize, name: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        match self {
            Naming::Http { fixed } if index >= fixed => header_variable(name, scratch),
            Naming::Packet if reserved(name) => None,
            _ => Some(name),
        }
    }
}

/// A header's variable; None: it is not passed on. `scratch` holds the name.
fn header_variable<'a>(name: &[u8], scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    match name.len() {
        12 if name.eq_ignore_ascii_case(b"content-type") => Some(b"CONTENT_TYPE"),
        14 if name.eq_ignore_ascii_case(b"content-length") => Some(b"CONTENT_LENGTH"),
        _ => {
            scratch.clear();
            environ_name(name, scratch).then_some(&scratch[..])
        }
    }
}

/// Whether a name belongs to the server: no packet may set `wsgi.input` and its like.
fn reserved(name: &[u8]) -> bool {
    name.starts_with(b"wsgi.") || name.starts_with(b"uwsgi.") || name.starts_with(b"uswgi.")
}

impl Builder {
    /// For the requests of a lane.
    pub(crate) fn new(
        py: Python<'_>,
        engine: &Engine,
        lane: usize,
        disconnected: &Bound<'_, Disconnected>,
    ) -> PyResult<Builder> {
        let bases = engine.listeners.iter().map(|l| base(py, engine, lane, l, disconnected));
        let bases = bases.collect::<PyResult<_>>()?;
        let key = |text: &str| PyString::intern(py, text).into_any().unbind();
        Ok(Builder {
            names: HashMap::default(),
            bases,
            request: 0,
            scratch: Vec::with_capacity(64),
            shapes: Shapes::default(),
            own: Own {
                input: key("wsgi.input"),
                scheme: key("wsgi.url_scheme"),
                https: key("https"),
                length: key("CONTENT_LENGTH"),
                coding: key("HTTP_TRANSFER_ENCODING"),
            },
        })
    }

    /// The environ of a request, with what was rewritten of it.
    pub(crate) fn build<'py>(
        &mut self,
        py: Python<'py>,
        exchange: &Exchange<'_>,
        input: &Object,
    ) -> PyResult<Bound<'py, PyDict>> {
        let Exchange { conn, request, .. } = exchange;
        let listener = usize::from(conn.listener).min(self.bases.len().saturating_sub(1));
        let dict = if conn.protocol == Protocol::Http {
            // RFC 9112 section 3.2.2: the authority of the target replaces Host.
            let plain = request.head.authority.is_none();
            let naming = Naming::Http { fixed: fixed_count(conn.remote().is_some()) };
            self.fit_or(py, listener, plain, http_variables(exchange), naming, |b, dict| {
                b.http(py, dict, exchange)
            })?
        } else {
            let plain = request.loading_vars == 0;
            self.fit_or(py, listener, plain, packet_variables(exchange), Naming::Packet, |b, dict| {
                packet_variables(exchange)
                    .filter(|(name, _)| !reserved(name) && (plain || !loads_code(name)))
                    .try_for_each(|(name, value)| b.variable(py, dict, name, value))
            })?
        };
        set(py, &dict, &self.own.input, input)?;
        if conn.protocol == Protocol::Http && request.head.chunked {
            self.undo_chunks(py, &dict, request)?;
        }
        if exchange.is_https() {
            set(py, &dict, &self.own.scheme, &self.own.https)?;
        }
        for (name, value) in exchange.rewritten().iter().filter(|(name, _)| !reserved(name)) {
            set(py, &dict, &latin1(py, name)?, &latin1(py, value)?)?;
        }
        Ok(dict)
    }

    /// A chunked body that is whole has a length and no coding any more (RFC 9112 section 7.1.3). Applications that
    /// read as much as CONTENT_LENGTH says, Django's among them, would find nothing otherwise.
    fn undo_chunks(&self, py: Python<'_>, dict: &Bound<'_, PyDict>, request: &Request) -> PyResult<()> {
        if !matches!(request.body, Some(Body::Decoded | Body::Spooled)) {
            return Ok(());
        }
        let length = latin1(py, request.content_length.to_string().as_bytes())?;
        set(py, dict, &self.own.length, &length)?;
        dict.del_item(&self.own.coding)
    }

    /// By a shape, or by `fill` on a copy of the base. `plain`: a shape can hold it.
    fn fit_or<'a, 'py>(
        &mut self,
        py: Python<'py>,
        listener: usize,
        plain: bool,
        variables: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
        naming: Naming,
        fill: impl FnOnce(&mut Builder, &Bound<'py, PyDict>) -> PyResult<()>,
    ) -> PyResult<Bound<'py, PyDict>> {
        if plain && let Some(dict) = self.shapes.fit(py, listener as u16, variables.clone())? {
            return Ok(dict);
        }
        self.request += 1;
        let dict = match self.bases.get(listener) {
            Some(base) => base.bind(py).copy()?,
            None => PyDict::new(py),
        };
        if plain && let Some(base) = self.bases.get(listener) {
            let (names, scratch) = (&self.names, &mut self.scratch);
            self.shapes.learn(py, listener as u16, variables, base.bind(py), |i, raw| {
                let Some(key) = naming.key(i, raw, scratch) else { return Ok(None) };
                match names.get(key) {
                    Some(known) => Ok(Some(known.object.clone_ref(py))),
                    None => latin1(py, key).map(Some),
                }
            })?;
        }
        fill(self, &dict)?;
        Ok(dict)
    }

    fn http(&mut self, py: Python<'_>, dict: &Bound<'_, PyDict>, exchange: &Exchange<'_>) -> PyResult<()> {
        let Exchange { conn, request, .. } = exchange;
        let fixed = fixed_count(conn.remote().is_some());
        let mut scratch = std::mem::take(&mut self.scratch);
        for (i, (name, value)) in http_variables(exchange).enumerate() {
            if i < fixed {
                self.variable(py, dict, name, value)?;
            } else if let Some(name) = header_variable(name, &mut scratch) {
                self.variable(py, dict, name, value)?;
            }
        }
        self.scratch = scratch;
        if let Some(authority) = request.head.authority {
            self.request += 1;
            self.variable(py, dict, b"HTTP_HOST", authority.of(&conn.buffer))?;
        }
        Ok(())
    }

    fn variable(
        &mut self,
        py: Python<'_>,
        dict: &Bound<'_, PyDict>,
        name: &[u8],
        value: &[u8],
    ) -> PyResult<()> {
        let request = self.request;
        let Some(entry) = self.names.get_mut(name) else {
            return self.new_name(py, dict, name, value);
        };
        if entry.seen == request {
            let first = dict.get_item(&entry.object)?;
            let text = match first {
                Some(first) => joined(py, name, &first, value)?,
                None => latin1(py, value)?,
            };
            return set(py, dict, &entry.object, &text);
        }
        entry.seen = request;
        let text = latin1(py, value)?;
        set(py, dict, &entry.object, &text)
    }

    /// A name that is not in the table: remembered while there is room.
    fn new_name(
        &mut self,
        py: Python<'_>,
        dict: &Bound<'_, PyDict>,
        name: &[u8],
        value: &[u8],
    ) -> PyResult<()> {
        let key = latin1(py, name)?;
        if self.names.len() < MOST_NAMES {
            let object = interned(py, key);
            self.names.insert(name.to_vec(), Name { object, seen: 0 });
            return self.variable(py, dict, name, value);
        }
        let text = match dict.get_item(&key)? {
            Some(first) => joined(py, name, &first, value)?,
            None => latin1(py, value)?,
        };
        set(py, dict, &key, &text)
    }
}

/// A repeated header: RFC 9110 section 5.3, and section 5.4 of RFC 6265 for cookies. Other variables that
/// come twice: the last one wins, as in uWSGI.
fn joined(py: Python<'_>, name: &[u8], first: &Bound<'_, PyAny>, value: &[u8]) -> PyResult<Object> {
    let separator = match name {
        b"HTTP_COOKIE" => "; ",
        _ if name.starts_with(b"HTTP_") => ", ",
        _ => return latin1(py, value),
    };
    let second = latin1(py, value)?;
    Ok(first.add(separator)?.add(second)?.unbind())
}
