//! The scope of an HTTP request (ASGI HTTP specification 2.3) or a WebSocket, from either protocol.

use super::headers;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};
use uswgi_proto::settings::Protocol;
use uswgi_serve::exchange::Exchange;

/// Of a WebSocket (WebSocket specification 2.4), the same but for what a handshake has not.
pub(super) fn of_websocket<'py>(
    py: Python<'py>,
    exchange: &Exchange<'_>,
    mounted: usize,
    state: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let scope = of(py, exchange, mounted, state, false)?;
    scope.set_item(intern!(py, "type"), intern!(py, "websocket"))?;
    scope.set_item(intern!(py, "asgi"), versions(py, intern!(py, "2.4"))?)?;
    scope.del_item(intern!(py, "method"))?;
    let scheme = if exchange.is_https() { intern!(py, "wss") } else { intern!(py, "ws") };
    scope.set_item(intern!(py, "scheme"), scheme)?;
    let offered = latin1(&exchange.header("sec-websocket-protocol"));
    let offered: Vec<&str> = offered.split(',').map(str::trim).filter(|p| !p.is_empty()).collect();
    scope.set_item(intern!(py, "subprotocols"), offered)?;
    let extensions = PyDict::new(py);
    extensions.set_item(intern!(py, "websocket.http.response"), PyDict::new(py))?;
    scope.set_item(intern!(py, "extensions"), extensions)?;
    Ok(scope)
}

fn versions<'py>(py: Python<'py>, of_kind: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyDict>> {
    let asgi = PyDict::new(py);
    asgi.set_item(intern!(py, "version"), intern!(py, "3.0"))?;
    asgi.set_item(intern!(py, "spec_version"), of_kind)?;
    Ok(asgi)
}

/// `mounted`: bytes at the front of the path that are where the application is mounted; `trailers`: the client takes some.
/// Names and what is nearly always the same are made once.
pub(super) fn of<'py>(
    py: Python<'py>,
    exchange: &Exchange<'_>,
    mounted: usize,
    state: &Bound<'py, PyDict>,
    trailers: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let (path, root) = places(exchange, mounted);
    let scope = PyDict::new(py);
    scope.set_item(intern!(py, "type"), intern!(py, "http"))?;
    scope.set_item(intern!(py, "asgi"), versions(py, intern!(py, "2.3"))?)?;
    let version = match exchange.protocol().strip_prefix(b"HTTP/") {
        Some(b"1.0") => intern!(py, "1.0"),
        Some(b"2.0" | b"2") => intern!(py, "2"),
        Some(b"3.0" | b"3") => intern!(py, "3"),
        _ => intern!(py, "1.1"),
    };
    scope.set_item(intern!(py, "http_version"), version)?;
    match exchange.shown_method() {
        b"GET" => scope.set_item(intern!(py, "method"), intern!(py, "GET"))?,
        b"POST" => scope.set_item(intern!(py, "method"), intern!(py, "POST"))?,
        other => scope.set_item(intern!(py, "method"), latin1(other).to_ascii_uppercase())?,
    }
    let scheme = if exchange.is_https() { intern!(py, "https") } else { intern!(py, "http") };
    scope.set_item(intern!(py, "scheme"), scheme)?;
    scope.set_item(intern!(py, "path"), String::from_utf8_lossy(&path))?;
    let target = exchange.uri();
    let raw = target.iter().position(|b| *b == b'?').map_or(target, |at| &target[..at]);
    scope.set_item(intern!(py, "raw_path"), PyBytes::new(py, raw))?;
    let query = PyBytes::new(py, exchange.variable(b"QUERY_STRING").unwrap_or(b""));
    scope.set_item(intern!(py, "query_string"), query)?;
    scope.set_item(intern!(py, "root_path"), String::from_utf8_lossy(&root))?;
    scope.set_item(intern!(py, "headers"), headers::of(py, exchange)?)?;
    let address = |host: &[u8], port: &[u8]| -> PyResult<Option<Bound<'py, PyTuple>>> {
        let host = exchange.variable(host).filter(|host| !host.is_empty());
        let Some(host) = host else { return Ok(None) };
        let port = exchange.variable(port).and_then(|p| std::str::from_utf8(p).ok()?.parse::<u32>().ok());
        (latin1(host), port).into_pyobject(py).map(Some)
    };
    scope.set_item(intern!(py, "client"), address(b"REMOTE_ADDR", b"REMOTE_PORT")?)?;
    scope.set_item(intern!(py, "server"), address(b"SERVER_NAME", b"SERVER_PORT")?)?;
    // What an application puts there stays with its request.
    scope.set_item(intern!(py, "state"), state.copy()?)?;
    let extensions = PyDict::new(py);
    extensions.set_item(intern!(py, "http.response.pathsend"), PyDict::new(py))?;
    if takes_hints(exchange) {
        extensions.set_item(intern!(py, "http.response.early_hint"), PyDict::new(py))?;
    }
    if trailers {
        extensions.set_item(intern!(py, "http.response.trailers"), PyDict::new(py))?;
    }
    scope.set_item(intern!(py, "extensions"), extensions)?;
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
