//! The environ of a request: a copy of a prepared dict plus the request's variables.
//!
//! The hot path of the worker, so it talks to the C API directly. A request whose variables have the names of an
//! earlier one takes the way of [`shape`]; any other is put together here: names are looked up in a table of
//! interned strings, which is bounded, so that invented names cost their senders nothing of our memory.

mod base;
mod shape;

use super::capi::{OwnedObject, interned, latin1, set};
use crate::gateway::wsgi::departure::Disconnected;
use base::base;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use shape::Shapes;
use std::collections::HashMap;
use uswgi_proto::settings::Protocol;
use uswgi_serve::engine::Engine;
use uswgi_serve::exchange::{Exchange, Variables, is_reserved};
use uswgi_serve::request::{Body, Request};

/// Names that are remembered.
const MOST_NAMES: usize = 512;
struct Name {
    object: OwnedObject,
    /// Request in which it came last: a second time in the same one is a repeated header.
    seen: u64,
}

/// Makes environs; one for each thread.
pub(crate) struct Builder {
    names: HashMap<Vec<u8>, Name, foldhash::fast::RandomState>,
    /// One prepared dict for each listener.
    bases: Vec<Py<PyDict>>,
    request: u64,
    shapes: Shapes,
    own: Own,
}

/// Keys and values of the server's own.
struct Own {
    input: OwnedObject,
    scheme: OwnedObject,
    https: OwnedObject,
    length: OwnedObject,
    coding: OwnedObject,
}

impl Builder {
    /// For the requests of a lane. `no_body` is the input of those without a body, `disconnected` its object of that name.
    pub(crate) fn new(
        py: Python<'_>,
        engine: &Engine,
        lane: usize,
        no_body: &Bound<'_, PyAny>,
        disconnected: &Bound<'_, Disconnected>,
    ) -> PyResult<Builder> {
        let bases = engine.listeners.iter().map(|l| base(py, engine, lane, l, (no_body, disconnected)));
        let bases = bases.collect::<PyResult<_>>()?;
        let key = |text: &str| PyString::intern(py, text).into_any().unbind();
        Ok(Builder {
            names: HashMap::default(),
            bases,
            request: 0,
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

    /// Every environ has this name, with True.
    pub(crate) fn mark(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.bases.iter().try_for_each(|base| base.bind(py).set_item(name, true))
    }

    /// The environ of a request, with what was rewritten of it. `input`: None without a body.
    pub(crate) fn build<'py>(
        &mut self,
        py: Python<'py>,
        exchange: &Exchange<'_>,
        input: Option<&OwnedObject>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let Exchange { conn, request, .. } = exchange;
        let variables = exchange.variables();
        let http = conn.protocol == Protocol::Http;
        let plain = if http { request.head.authority.is_none() } else { request.loading_vars == 0 };
        let listener = usize::from(conn.listener).min(self.bases.len().saturating_sub(1));
        let known = if plain { self.shapes.fit(py, listener as u16, &variables)? } else { None };
        let dict = match known {
            Some(dict) => dict,
            None => {
                let dict = self.assemble(py, listener, plain, &variables)?;
                if http && let Some(authority) = request.head.authority {
                    // RFC 9112 section 3.2.2: the authority of the target replaces Host.
                    self.request += 1;
                    self.variable(py, &dict, b"HTTP_HOST", authority.of(&conn.buffer))?;
                }
                dict
            }
        };
        if let Some(input) = input {
            set(py, &dict, &self.own.input, input)?;
        }
        if http && request.head.chunked {
            self.undo_chunks(py, &dict, request)?;
        }
        if exchange.is_https() {
            set(py, &dict, &self.own.scheme, &self.own.https)?;
        }
        for (name, value) in exchange.rewritten().iter().filter(|(name, _)| !is_reserved(name)) {
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

    /// An environ that is put together name by name. `plain`: a shape can hold it, if it comes again.
    fn assemble<'py>(
        &mut self,
        py: Python<'py>,
        listener: usize,
        plain: bool,
        variables: &Variables<'_>,
    ) -> PyResult<Bound<'py, PyDict>> {
        self.request += 1;
        let dict = match self.bases.get(listener) {
            Some(base) => base.bind(py).copy()?,
            None => PyDict::new(py),
        };
        if plain && let Some(base) = self.bases.get(listener) {
            self.shapes.learn(py, listener as u16, variables, base.bind(py), |name| {
                match self.names.get(name) {
                    Some(known) => Ok(known.object.clone_ref(py)),
                    None => latin1(py, name),
                }
            })?;
        }
        variables.each(|name, value| self.variable(py, &dict, name, value))?;
        Ok(dict)
    }

    /// Set a variable, or join it to what came of that name in the same request.
    fn variable(
        &mut self,
        py: Python<'_>,
        dict: &Bound<'_, PyDict>,
        name: &[u8],
        value: &[u8],
    ) -> PyResult<()> {
        let (request, room) = (self.request, self.names.len() < MOST_NAMES);
        let (key, may_be_there) = match self.names.get_mut(name) {
            Some(known) => {
                (known.object.clone_ref(py), std::mem::replace(&mut known.seen, request) == request)
            }
            None if room => {
                let object = interned(py, latin1(py, name)?);
                let key = object.clone_ref(py);
                self.names.insert(name.to_vec(), Name { object, seen: request });
                (key, false)
            }
            None => (latin1(py, name)?, true),
        };
        let first = if may_be_there { dict.get_item(&key)? } else { None };
        let text = match first {
            Some(first) => joined(py, name, &first, value)?,
            None => latin1(py, value)?,
        };
        set(py, dict, &key, &text)
    }
}

/// A repeated header: RFC 9110 section 5.3, and section 5.4 of RFC 6265 for cookies. Other variables that
/// come twice: the last one wins, as in uWSGI.
fn joined(py: Python<'_>, name: &[u8], first: &Bound<'_, PyAny>, value: &[u8]) -> PyResult<OwnedObject> {
    let separator = match name {
        b"HTTP_COOKIE" => "; ",
        _ if name.starts_with(b"HTTP_") => ", ",
        _ => return latin1(py, value),
    };
    let second = latin1(py, value)?;
    Ok(first.add(separator)?.add(second)?.unbind())
}
