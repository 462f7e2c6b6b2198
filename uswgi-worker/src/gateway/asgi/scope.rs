//! The scope of an HTTP request (ASGI HTTP specification 2.3) or a WebSocket, from either protocol.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use uswgi_proto::settings::Protocol;
use uswgi_serve::exchange::Exchange;
use uswgi_serve::request::loads_code;

/// Of a WebSocket (WebSocket specification 2.4), the same but for what a handshake has not.
pub(super) fn of_websocket<'py>(
    py: Python<'py>,
    exchange: &Exchange<'_>,
    mounted: usize,
    state: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let scope = of(py, exchange, mounted, state, false)?;
    scope.set_item("type", "websocket")?;
    let asgi = PyDict::new(py);
    asgi.set_item("version", "3.0")?;
    asgi.set_item("spec_version", "2.4")?;
    scope.set_item("asgi", asgi)?;
    scope.del_item("method")?;
    scope.set_item("scheme", if exchange.is_https() { "wss" } else { "ws" })?;
    let offered = latin1(&exchange.header("sec-websocket-protocol"));
    let offered: Vec<&str> = offered.split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
    scope.set_item("subprotocols", offered)?;
    let extensions = PyDict::new(py);
    extensions.set_item("websocket.http.response", PyDict::new(py))?;
    scope.set_item("extensions", extensions)?;
    Ok(scope)
}

/// `mounted`: bytes at the front of the path that are where the application is mounted; `trailers`: the client takes some.
pub(super) fn of<'py>(
    py: Python<'py>,
    exchange: &Exchange<'_>,
    mounted: usize,
    state: &Bound<'py, PyDict>,
    trailers: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let (path, root) = places(exchange, mounted);
    let scope = PyDict::new(py);
    let asgi = PyDict::new(py);
    asgi.set_item("version", "3.0")?;
    asgi.set_item("spec_version", "2.3")?;
    scope.set_item("type", "http")?;
    scope.set_item("asgi", asgi)?;
    let version = exchange.protocol();
    scope.set_item(
        "http_version",
        match version.strip_prefix(b"HTTP/") {
            Some(b"1.0") => "1.0",
            Some(b"2.0" | b"2") => "2",
            Some(b"3.0" | b"3") => "3",
            _ => "1.1",
        },
    )?;
    scope.set_item("method", latin1(exchange.shown_method()).to_ascii_uppercase())?;
    scope.set_item("scheme", if exchange.is_https() { "https" } else { "http" })?;
    scope.set_item("path", String::from_utf8_lossy(&path))?;
    let target = exchange.uri();
    let raw = target.iter().position(|b| *b == b'?').map_or(target, |at| &target[..at]);
    scope.set_item("raw_path", PyBytes::new(py, raw))?;
    scope.set_item("query_string", PyBytes::new(py, exchange.variable(b"QUERY_STRING").unwrap_or(b"")))?;
    scope.set_item("root_path", String::from_utf8_lossy(&root))?;
    scope.set_item("headers", headers(py, exchange)?)?;
    let address = |host: &[u8], port: &[u8]| -> PyResult<Py<PyAny>> {
        let host = exchange.variable(host).filter(|host| !host.is_empty());
        let Some(host) = host else { return Ok(py.None()) };
        let port = exchange.variable(port).and_then(|p| latin1(p).parse::<u32>().ok());
        Ok(PyList::empty(py)).and_then(|pair| {
            pair.append(latin1(host))?;
            pair.append(port)?;
            Ok(pair.to_tuple().into_any().unbind())
        })
    };
    scope.set_item("client", address(b"REMOTE_ADDR", b"REMOTE_PORT")?)?;
    scope.set_item("server", address(b"SERVER_NAME", b"SERVER_PORT")?)?;
    // What an application puts there stays with its request.
    scope.set_item("state", state.copy()?)?;
    let extensions = PyDict::new(py);
    extensions.set_item("http.response.pathsend", PyDict::new(py))?;
    if takes_hints(exchange) {
        extensions.set_item("http.response.early_hint", PyDict::new(py))?;
    }
    if trailers {
        extensions.set_item("http.response.trailers", PyDict::new(py))?;
    }
    scope.set_item("extensions", extensions)?;
    Ok(scope)
}

/// Whether something can be said before the answer: in HTTP/1.1.
fn takes_hints(exchange: &Exchange<'_>) -> bool {
    exchange.conn.protocol == Protocol::Http && exchange.request.head.minor >= 1
}

/// Whether the client takes fields behind a body: it has to say so, and there have to be chunks.
pub(super) fn takes_trailers(exchange: &Exchange<'_>) -> bool {
    let buffer = &exchange.conn.buffer;
    let says = |list: &[u8]| {
        list.split(|b| *b == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    };
    takes_hints(exchange)
        && exchange
            .request
            .head
            .headers
            .iter()
            .any(|(name, value)| name.of(buffer).eq_ignore_ascii_case(b"te") && says(value.of(buffer)))
}

/// The whole path, and its beginning that is where the application is (`root_path`): the mount, or what a server in
/// front says. ASGI wants the one within the other.
fn places(exchange: &Exchange<'_>, mounted: usize) -> (Vec<u8>, Vec<u8>) {
    let (path, script) = (exchange.path(), exchange.script());
    if mounted > 0 {
        return (path.to_vec(), path[..mounted].to_vec());
    }
    if script.is_empty() || path.starts_with(script) {
        return (path.to_vec(), script.to_vec());
    }
    ([script, path].concat(), script.to_vec())
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| b as char).collect()
}

/// Pairs of bytes, names in lower case.
fn headers<'py>(py: Python<'py>, exchange: &Exchange<'_>) -> PyResult<Bound<'py, PyList>> {
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
