//! Functions for others: registered here, called by this process, or over a uwsgi socket by another one (modifier1 173).
//! Results are those of uWSGI 2.0.31: bytes, or None for whatever is none; names and arguments have to be bytes.

use super::state::state;
use crate::py as python;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyModule, PyString, PyTuple};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use uswgi_proto::packet::HEADER_LEN;
use uswgi_proto::settings::Protocol;
use uswgi_proto::trust::Trust;
use uswgi_serve::engine::Engine;
use uswgi_serve::exchange::Exchange;
use uswgi_serve::log::Fault;
use uswgi_serve::rpc;
use uswgi_serve::sync::lock;
use uswgi_serve::{limited_say, say};

/// Longest name of a function.
const LONGEST_NAME: usize = 255;

/// Names and functions, in the order in which they were registered.
static FUNCTIONS: Mutex<Vec<(Vec<u8>, Py<PyAny>)>> = Mutex::new(Vec::new());

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(register_rpc, module)?)?;
    module.add_function(wrap_pyfunction!(rpc_list, module)?)?;
    module.add_function(wrap_pyfunction!(rpc_call, module)?)?;
    module.add_function(wrap_pyfunction!(call, module)?)
}

/// Let others call a function by this name, with bytes, for bytes.
#[pyfunction]
#[pyo3(signature = (name, function, _arguments=0, /))]
fn register_rpc(name: &str, function: Py<PyAny>, _arguments: i64) -> PyResult<bool> {
    let unable = |why: &str| PyValueError::new_err(format!("unable to register rpc function: {why}"));
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(unable("its name has no letter, or more than 255"));
    }
    let most = state()?.settings.background.rpc.most as usize;
    let mut all = lock(&FUNCTIONS);
    match all.iter().position(|(n, _)| n == name.as_bytes()) {
        Some(at) => all[at].1 = function,
        None if all.len() >= most => return Err(unable("there are rpc-max of them already")),
        None => all.push((name.into(), function)),
    }
    Ok(true)
}

/// Names of the functions of this process.
#[pyfunction]
fn rpc_list(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    let names: Vec<Bound<'_, PyBytes>> = lock(&FUNCTIONS).iter().map(|(n, _)| PyBytes::new(py, n)).collect();
    PyTuple::new(py, names)
}

fn unable(why: &str) -> PyErr {
    PyValueError::new_err(format!("unable to call rpc function{why}"))
}

/// Names and arguments, which have to be bytes.
fn texts<'py>(words: &Bound<'py, PyTuple>, from: usize) -> PyResult<Vec<Bound<'py, PyBytes>>> {
    let all = words.iter().skip(from).map(|w| w.cast_into::<PyBytes>().map_err(|_| unable("")));
    let all = all.collect::<PyResult<Vec<_>>>()?;
    if all.is_empty() {
        return Err(unable(""));
    }
    if all.len() - 1 > rpc::MOST_ARGUMENTS || all.iter().any(|t| t.as_bytes().len() > usize::from(u16::MAX)) {
        return Err(unable(": it takes 255 arguments of 65535 bytes at most"));
    }
    Ok(all)
}

/// Run a function of this process; None: there is none, it raised, or gave no bytes.
fn local(py: Python<'_>, words: &[&[u8]]) -> Option<Vec<u8>> {
    let (name, arguments) = words.split_first()?;
    let function = lock(&FUNCTIONS).iter().find(|(n, _)| n == name).map(|(_, f)| f.clone_ref(py))?;
    let arguments = arguments.iter().map(|a| PyBytes::new(py, a));
    let called = PyTuple::new(py, arguments).and_then(|arguments| function.bind(py).call1(arguments));
    match called {
        Ok(result) => result.cast::<PyBytes>().ok().map(|b| b.as_bytes().to_vec()).filter(|b| !b.is_empty()),
        Err(e) => {
            python::print_exception(py, &e);
            None
        }
    }
}

/// Let rules call functions of this process. Not where lanes share a thread: what a function waits for would never come.
pub(crate) fn offer(engine: &Engine) {
    if !engine.shares_a_thread() {
        let _ = engine.functions.set(|words| Python::attach(|py| local(py, words)));
    }
}

fn remote(py: Python<'_>, address: &str, words: &[&[u8]]) -> PyResult<Option<Vec<u8>>> {
    let Some(packet) = rpc::call(words) else {
        return Err(unable(": name and arguments are more than 65535 bytes together"));
    };
    let patience = Duration::from_secs(state()?.settings.patience(Protocol::Uwsgi).into());
    match py.detach(|| rpc::ask(address, &packet, patience)) {
        Ok(result) => Ok(result),
        Err(e) => {
            say!("rpc: {address} does not answer: {e}");
            Ok(None)
        }
    }
}

fn perform<'py>(py: Python<'py>, address: &str, words: &[&[u8]]) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let result = if address.is_empty() { local(py, words) } else { remote(py, address, words)? };
    Ok(result.map(|r| PyBytes::new(py, &r)))
}

/// Call a function: of the instance at an address (bytes or str), or of this process (None). Name and arguments are bytes.
#[pyfunction]
#[pyo3(name = "rpc", signature = (*words))]
fn rpc_call<'py>(py: Python<'py>, words: &Bound<'py, PyTuple>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let given = texts(words, 1)?;
    let texts: Vec<&[u8]> = given.iter().map(|t| t.as_bytes()).collect();
    let node = words.get_item(0)?;
    let address = match (node.cast::<PyBytes>(), node.cast::<PyString>()) {
        (Ok(bytes), _) => std::str::from_utf8(bytes.as_bytes()).map_err(|_| unable(""))?.to_string(),
        (_, Ok(text)) => text.to_string_lossy().into_owned(),
        _ => String::new(),
    };
    perform(py, &address, &texts)
}

/// Call a function of this process. Name and arguments are bytes. (A name with `@` is no other instance's, as on uWSGI.)
#[pyfunction]
#[pyo3(signature = (*words))]
fn call<'py>(py: Python<'py>, words: &Bound<'py, PyTuple>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let given = texts(words, 0)?;
    let texts: Vec<&[u8]> = given.iter().map(|t| t.as_bytes()).collect();
    perform(py, "", &texts)
}

/// Run the call that a request is; the bytes of its answer.
pub(crate) fn serve(py: Python<'_>, exchange: &Exchange<'_>) -> Vec<u8> {
    static ALLOWED: OnceLock<Option<Trust>> = OnceLock::new();
    let (conn, engine) = (&exchange.conn, exchange.engine);
    let rules = &engine.settings.background.rpc;
    let allowed = ALLOWED.get_or_init(|| Trust::parse(&rules.allow).ok());
    let peer = conn.peer.ip();
    let block = conn.buffer.get(HEADER_LEN..exchange.request.head_length).unwrap_or_default();
    let why = match rpc::words(block) {
        _ if !allowed.as_ref().is_some_and(|t| t.allows(peer)) => "it may not (rpc-allow-ips)",
        Some(words) if !words.is_empty() => {
            return rpc::answer(exchange.request.modifier2, local(py, &words));
        }
        _ => "it is no call",
    };
    let peer = peer.map_or("a unix socket".into(), |ip| ip.to_string());
    limited_say!(Fault::Client, engine, "a call from {peer} was not carried out: {why}");
    Vec::new()
}
