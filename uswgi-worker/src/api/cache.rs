//! Caches that all workers share. A cache whose mutex is free is used with the GIL held, for the length of one copy;
//! otherwise, and for large values, the GIL is released. Nobody ever waits for the GIL with a mutex in hand.

use super::fast::{self, Arguments, Function};
use super::state::{SLICE, breathe, bytes, integer, shortly, state};
use crate::gateway::wsgi::capi::utf8_of;
use crate::py as python;
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyList, PyModule, PyString};
use std::ffi::CStr;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use uswgi_serve::say;
use uswgi_serve::sync::lock;
use uswgi_shared::cache::{Cache, Locked, Math, Mode, Refused};

/// Values up to this size are copied with the GIL held.
const SMALL: usize = 256 * 1024;
/// A full cache is said so often.
const FULL_EVERY: Duration = Duration::from_secs(10);

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(cache_del, module)?,
        wrap_pyfunction!(cache_clear, module)?,
        wrap_pyfunction!(cache_keys, module)?,
        wrap_pyfunction!(cache_num, module)?,
        wrap_pyfunction!(cache_inc, module)?,
        wrap_pyfunction!(cache_dec, module)?,
        wrap_pyfunction!(cache_mul, module)?,
        wrap_pyfunction!(cache_div, module)?,
    ] {
        module.add_function(function)?;
    }
    fast::add::<CacheGet>(module)?;
    fast::add::<CacheExists>(module)?;
    fast::add::<CacheSet>(module)?;
    fast::add::<CacheUpdate>(module)
}

/// The cache of a name; None: there is none. `name@address` means another machine.
fn named(name: Option<&str>) -> PyResult<Option<&'static Cache>> {
    let name = name.unwrap_or_default();
    if name.contains('@') {
        return Err(PyValueError::new_err(format!(
            "{name:?} is a cache on another machine, which is not supported; use redis or memcached for that"
        )));
    }
    Ok(state()?.shared.cache(name.as_bytes()))
}

/// The name of a cache among the arguments; none and None mean the default one.
fn name_of<'a>(arguments: Arguments<'a, '_>, index: usize) -> PyResult<Option<&'a str>> {
    match arguments.get(index) {
        Some(name) if !name.is_none() => {
            let name: &Bound<'_, PyAny> = name;
            let text = name.cast::<PyString>()?;
            std::str::from_utf8(utf8_of(text)?).map(Some).map_err(|e| PyValueError::new_err(e.to_string()))
        }
        _ => Ok(None),
    }
}

/// True or None.
fn said(py: Python<'_>, done: Option<bool>) -> Py<PyAny> {
    done.map_or_else(|| py.None(), |done| PyBool::new(py, done).to_owned().into_any().unbind())
}

/// Do something under the mutex of a cache, the GIL held if it is free at once.
fn with<T: Send>(
    py: Python<'_>,
    cache: &Cache,
    large: bool,
    mut f: impl FnMut(&mut Locked<'_>) -> T + Send,
) -> PyResult<T> {
    if !large && let Some(mut locked) = shortly(|| cache.try_lock()) {
        let (done, recovered) = (f(&mut locked), locked.was_recovered());
        drop(locked);
        note_recovery(cache, recovered);
        return Ok(done);
    }
    loop {
        let done =
            py.detach(|| cache.lock_within(SLICE).map(|mut locked| (f(&mut locked), locked.was_recovered())));
        if let Some((done, recovered)) = done {
            note_recovery(cache, recovered);
            return Ok(done);
        }
        breathe(py)?;
    }
}

/// Say that a cache was put in order. Not under its mutex: a log that takes its time would stop everybody.
fn note_recovery(cache: &Cache, recovered: bool) {
    if recovered {
        say!(
            "a process died while it changed cache {:?}; it is in order again, {} items were discarded so far",
            cache.spec().name,
            cache.counters().discarded
        );
    }
}

/// True for success; what was refused is None, and a full cache is said.
fn outcome<T>(cache: &Cache, result: Result<T, Refused>) -> Option<bool> {
    if result.as_ref().err() == Some(&Refused::Full) && !cache.spec().ignore_full {
        static SAID: Mutex<Option<Instant>> = Mutex::new(None);
        let mut said = lock(&SAID);
        if said.is_none_or(|at| at.elapsed() > FULL_EVERY) {
            *said = Some(Instant::now());
            say!(
                "cache {:?} is full ({} items, {} blocks): raise items, or set purge_lru=1",
                cache.spec().name,
                cache.spec().items,
                cache.spec().blocks
            );
        }
    }
    result.ok().map(|_| true)
}

/// The value of a key, or None.
fn cache_get<'py>(
    py: Python<'py>,
    key: &Bound<'py, PyAny>,
    cache: Option<&str>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let (Some(cache), key) = (named(cache)?, bytes(key)?) else { return Ok(None) };
    if let Some(mut locked) = shortly(|| cache.try_lock()) {
        let (found, recovered) = (locked.get(key), locked.was_recovered());
        let small = found.filter(|f| f.length <= SMALL);
        // The value stays where it is as long as the mutex is held.
        let object = small.map(|found| {
            let mut object = python::Growing::new(py, found.length)?;
            locked.copy(found, object.memory());
            Some(object.finish())
        });
        drop(locked);
        note_recovery(cache, recovered);
        match (found, object) {
            (None, _) => return Ok(None),
            (_, Some(Some(object))) => return Ok(Some(object)),
            (_, Some(None)) => return Err(PyMemoryError::new_err("value of a cache")),
            (Some(_), None) => {}
        }
    }
    let value = with(py, cache, true, |l| l.get(key).map(|found| l.to_vec(found)))?;
    Ok(value.map(|v| PyBytes::new(py, &v)))
}

/// True when there is a value of that key, else None.
fn cache_exists(py: Python<'_>, key: &Bound<'_, PyAny>, cache: Option<&str>) -> PyResult<Option<bool>> {
    let (Some(cache), key) = (named(cache)?, bytes(key)?) else { return Ok(None) };
    Ok(with(py, cache, false, |l| l.exists(key))?.then_some(true))
}

fn store(
    py: Python<'_>,
    key: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
    expires: i64,
    cache: Option<&str>,
    mode: Mode,
) -> PyResult<Option<bool>> {
    let (key, value) = (bytes(key)?, bytes(value)?);
    let Some(cache) = named(cache)? else { return Ok(None) };
    let result = with(py, cache, value.len() > SMALL, |l| l.store(key, value, expires, mode))?;
    Ok(outcome(cache, result))
}

/// Remove a value. True, or None when there was none.
#[pyfunction]
#[pyo3(signature = (key, cache = None, /))]
fn cache_del(py: Python<'_>, key: &Bound<'_, PyAny>, cache: Option<&str>) -> PyResult<Option<bool>> {
    let (Some(cache), key) = (named(cache)?, bytes(key)?) else { return Ok(None) };
    Ok(with(py, cache, false, |l| l.remove(key))?.then_some(true))
}

/// Remove all values. True, or None when there is no such cache.
#[pyfunction]
#[pyo3(signature = (cache = None, /))]
fn cache_clear(py: Python<'_>, cache: Option<&str>) -> PyResult<Option<bool>> {
    let Some(cache) = named(cache)? else { return Ok(None) };
    with(py, cache, true, |l| l.clear())?;
    Ok(Some(true))
}

/// All keys, in no order.
#[pyfunction]
#[pyo3(signature = (cache = None, /))]
fn cache_keys<'py>(py: Python<'py>, cache: Option<&str>) -> PyResult<Bound<'py, PyList>> {
    let Some(cache) = named(cache)? else {
        return Err(PyValueError::new_err("no local uWSGI cache available; add cache2 = name=NAME,items=N"));
    };
    let keys = with(py, cache, true, |l| l.keys())?;
    PyList::new(py, keys.iter().map(|k| PyBytes::new(py, k)))
}

/// The number of a key; 0 when there is none.
#[pyfunction]
#[pyo3(signature = (key, cache = None, /))]
fn cache_num(py: Python<'_>, key: &Bound<'_, PyAny>, cache: Option<&str>) -> PyResult<i64> {
    let (Some(cache), key) = (named(cache)?, bytes(key)?) else { return Ok(0) };
    with(py, cache, false, |l| l.number(key))
}

fn calculate(
    py: Python<'_>,
    key: &Bound<'_, PyAny>,
    math: Math,
    n: i64,
    expires: i64,
    cache: Option<&str>,
) -> PyResult<Option<bool>> {
    let (Some(cache), key) = (named(cache)?, bytes(key)?) else { return Ok(None) };
    let result = with(py, cache, false, |l| l.calculate(key, math, n, expires))?;
    Ok(outcome(cache, result))
}

macro_rules! calculation {
    ($what:literal, $name:ident, $math:expr, $n:literal) => {
        #[doc = $what]
        #[pyfunction]
        #[pyo3(signature = (key, n = $n, expires = 0, cache = None, /))]
        fn $name(
            py: Python<'_>,
            key: &Bound<'_, PyAny>,
            n: i64,
            expires: i64,
            cache: Option<&str>,
        ) -> PyResult<Option<bool>> {
            calculate(py, key, $math, n, expires, cache)
        }
    };
}

calculation!("Add to the number of a key.", cache_inc, Math::Add, 1);
calculation!("Subtract from the number of a key.", cache_dec, Math::Sub, 1);
calculation!("Multiply the number of a key.", cache_mul, Math::Mul, 2);
calculation!("Divide the number of a key.", cache_div, Math::Div, 2);

struct CacheGet;

impl Function for CacheGet {
    const NAME: &'static CStr = c"cache_get";
    const DOC: &'static CStr = c"cache_get(key, cache=None, /)\n--\n\nThe value of a key, or None.";
    const COUNT: (usize, usize) = (1, 2);

    fn call(py: Python<'_>, arguments: Arguments<'_, '_>) -> PyResult<Py<PyAny>> {
        let value = cache_get(py, &arguments[0], name_of(arguments, 1)?)?;
        Ok(value.map_or_else(|| py.None(), |v| v.into_any().unbind()))
    }
}

struct CacheExists;

impl Function for CacheExists {
    const NAME: &'static CStr = c"cache_exists";
    const DOC: &'static CStr =
        c"cache_exists(key, cache=None, /)\n--\n\nTrue when there is a value of that key, else None.";
    const COUNT: (usize, usize) = (1, 2);

    fn call(py: Python<'_>, arguments: Arguments<'_, '_>) -> PyResult<Py<PyAny>> {
        let found = cache_exists(py, &arguments[0], name_of(arguments, 1)?)?;
        Ok(said(py, found))
    }
}

struct CacheSet;

impl Function for CacheSet {
    const NAME: &'static CStr = c"cache_set";
    const DOC: &'static CStr = c"cache_set(key, value, expires=0, cache=None, /)\n--\n\nStore a value of a new key for so many seconds (0: for ever).";
    const COUNT: (usize, usize) = (2, 4);

    fn call(py: Python<'_>, arguments: Arguments<'_, '_>) -> PyResult<Py<PyAny>> {
        store_by(py, arguments, Mode::Add)
    }
}

struct CacheUpdate;

impl Function for CacheUpdate {
    const NAME: &'static CStr = c"cache_update";
    const DOC: &'static CStr = c"cache_update(key, value, expires=0, cache=None, /)\n--\n\nStore a value for so many seconds (0: for ever), over an old one if there is one.";
    const COUNT: (usize, usize) = (2, 4);

    fn call(py: Python<'_>, arguments: Arguments<'_, '_>) -> PyResult<Py<PyAny>> {
        store_by(py, arguments, Mode::Replace)
    }
}

fn store_by(py: Python<'_>, arguments: Arguments<'_, '_>, mode: Mode) -> PyResult<Py<PyAny>> {
    let (expires, name) = (integer(arguments, 2, 0)?, name_of(arguments, 3)?);
    store(py, &arguments[0], &arguments[1], expires, name, mode).map(|done| said(py, done))
}
