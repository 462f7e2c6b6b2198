//! Areas of bytes that all processes share (`sharedarea`). The names are there where one is configured, as on uWSGI 2.0.31,
//! and numbers read are signed, as there. An area has one lock for readers and writers; its holder's death frees it.

use super::state::{ModuleState, payload, state, with_lock};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyModule};
use uswgi_shared::area::{Area, LockedArea};

pub(super) fn add(module: &Bound<'_, PyModule>, state: &ModuleState) -> PyResult<()> {
    if state.shared.areas().is_empty() {
        return Ok(());
    }
    for function in [
        wrap_pyfunction!(sharedarea_read, module)?,
        wrap_pyfunction!(sharedarea_write, module)?,
        wrap_pyfunction!(sharedarea_read8, module)?,
        wrap_pyfunction!(sharedarea_read16, module)?,
        wrap_pyfunction!(sharedarea_read32, module)?,
        wrap_pyfunction!(sharedarea_read64, module)?,
        wrap_pyfunction!(sharedarea_write8, module)?,
        wrap_pyfunction!(sharedarea_write16, module)?,
        wrap_pyfunction!(sharedarea_write32, module)?,
        wrap_pyfunction!(sharedarea_write64, module)?,
        wrap_pyfunction!(sharedarea_inc32, module)?,
        wrap_pyfunction!(sharedarea_inc64, module)?,
        wrap_pyfunction!(sharedarea_dec32, module)?,
        wrap_pyfunction!(sharedarea_dec64, module)?,
        wrap_pyfunction!(sharedarea_rlock, module)?,
        wrap_pyfunction!(sharedarea_wlock, module)?,
        wrap_pyfunction!(sharedarea_unlock, module)?,
    ] {
        module.add_function(function)?;
    }
    for (old, new) in [("byte", "8"), ("long", "64")] {
        for verb in ["read", "write"] {
            let function = module.getattr(format!("sharedarea_{verb}{new}"))?;
            module.setattr(format!("sharedarea_{verb}{old}"), function)?;
        }
    }
    module.setattr("sharedarea_inclong", module.getattr("sharedarea_inc64")?)
}

fn error(function: &str) -> PyErr {
    PyValueError::new_err(format!("error calling uwsgi_sharedarea_{function}()"))
}

fn area(number: i64, function: &str) -> PyResult<&'static Area> {
    let all = state()?.shared.areas();
    usize::try_from(number).ok().and_then(|n| all.get(n)).ok_or_else(|| error(function))
}

/// Do something with an area; None of it is an error.
fn with<T: Send>(
    py: Python<'_>,
    function: &str,
    number: i64,
    mut f: impl FnMut(&mut LockedArea<'_>) -> Option<T> + Send,
) -> PyResult<T> {
    let area = area(number, function)?;
    let done = with_lock(py, |time| area.lock_within(time).map(|mut locked| f(&mut locked)))?;
    done.ok_or_else(|| error(function))
}

fn place(position: i64, function: &str) -> PyResult<usize> {
    usize::try_from(position).map_err(|_| error(function))
}

/// Bytes of an area: so many, or all from the position to its end.
#[pyfunction]
#[pyo3(signature = (area, position, length=0, /))]
fn sharedarea_read<'py>(
    py: Python<'py>,
    area: i64,
    position: i64,
    length: i64,
) -> PyResult<Bound<'py, PyBytes>> {
    let (at, length) = (place(position, "read")?, place(length, "read")?);
    let size = self::area(area, "read")?.size();
    let rest =
        size.checked_sub(at).filter(|rest| *rest > 0 && length <= *rest).ok_or_else(|| error("read"))?;
    let wanted = if length == 0 { rest } else { length };
    let read = |locked: &mut LockedArea<'_>| {
        let mut bytes = vec![0; wanted];
        locked.read(at, &mut bytes).then_some(bytes)
    };
    Ok(PyBytes::new(py, &with(py, "read", area, read)?))
}

/// Write bytes or a str into an area.
#[pyfunction]
#[pyo3(signature = (area, position, data, /))]
fn sharedarea_write(py: Python<'_>, area: i64, position: i64, data: &Bound<'_, PyAny>) -> PyResult<()> {
    let (at, bytes) = (place(position, "write")?, payload(data)?);
    with(py, "write", area, |locked| locked.write(at, bytes).then_some(()))
}

fn get<const N: usize>(py: Python<'_>, function: &str, area: i64, position: i64) -> PyResult<[u8; N]> {
    let at = place(position, function)?;
    with(py, function, area, |locked| {
        let mut bytes = [0; N];
        locked.read(at, &mut bytes).then_some(bytes)
    })
}

fn put(py: Python<'_>, function: &str, area: i64, position: i64, bytes: &[u8]) -> PyResult<()> {
    let at = place(position, function)?;
    with(py, function, area, |locked| locked.write(at, bytes).then_some(()))
}

/// A signed number of 8 bits.
#[pyfunction]
#[pyo3(signature = (area, position, /))]
fn sharedarea_read8(py: Python<'_>, area: i64, position: i64) -> PyResult<i8> {
    get(py, "read8", area, position).map(i8::from_ne_bytes)
}

/// A signed number of 16 bits.
#[pyfunction]
#[pyo3(signature = (area, position, /))]
fn sharedarea_read16(py: Python<'_>, area: i64, position: i64) -> PyResult<i16> {
    get(py, "read16", area, position).map(i16::from_ne_bytes)
}

/// A signed number of 32 bits.
#[pyfunction]
#[pyo3(signature = (area, position, /))]
fn sharedarea_read32(py: Python<'_>, area: i64, position: i64) -> PyResult<i32> {
    get(py, "read32", area, position).map(i32::from_ne_bytes)
}

/// A signed number of 64 bits.
#[pyfunction]
#[pyo3(signature = (area, position, /))]
fn sharedarea_read64(py: Python<'_>, area: i64, position: i64) -> PyResult<i64> {
    get(py, "read64", area, position).map(i64::from_ne_bytes)
}

/// Write a number of 8 bits, from 0 to 255.
#[pyfunction]
#[pyo3(signature = (area, position, value, /))]
fn sharedarea_write8(py: Python<'_>, area: i64, position: i64, value: i64) -> PyResult<()> {
    let side = if value < 0 { "less than minimum" } else { "greater than maximum" };
    let value = u8::try_from(value)
        .map_err(|_| PyOverflowError::new_err(format!("unsigned byte integer is {side}")))?;
    put(py, "write8", area, position, &[value])
}

/// Write a number of 16 bits, signed or not.
#[pyfunction]
#[pyo3(signature = (area, position, value, /))]
fn sharedarea_write16(py: Python<'_>, area: i64, position: i64, value: i64) -> PyResult<()> {
    if !(i64::from(i16::MIN)..=i64::from(u16::MAX)).contains(&value) {
        return Err(PyOverflowError::new_err("the number has more than 16 bits"));
    }
    put(py, "write16", area, position, &(value as i16).to_ne_bytes())
}

/// Write the low 32 bits of a number.
#[pyfunction]
#[pyo3(signature = (area, position, value, /))]
fn sharedarea_write32(py: Python<'_>, area: i64, position: i64, value: i64) -> PyResult<()> {
    put(py, "write32", area, position, &(value as i32).to_ne_bytes())
}

/// Write a number of 64 bits.
#[pyfunction]
#[pyo3(signature = (area, position, value, /))]
fn sharedarea_write64(py: Python<'_>, area: i64, position: i64, value: i64) -> PyResult<()> {
    put(py, "write64", area, position, &value.to_ne_bytes())
}

fn add32(py: Python<'_>, function: &str, area: i64, position: i64, by: i64) -> PyResult<()> {
    let at = place(position, function)?;
    with(py, function, area, |locked| {
        let mut bytes = [0; 4];
        locked.read(at, &mut bytes).then_some(())?;
        let sum = i32::from_ne_bytes(bytes).wrapping_add(by as i32);
        locked.write(at, &sum.to_ne_bytes()).then_some(())
    })
}

fn add64(py: Python<'_>, function: &str, area: i64, position: i64, by: i64) -> PyResult<()> {
    let at = place(position, function)?;
    with(py, function, area, |locked| {
        let mut bytes = [0; 8];
        locked.read(at, &mut bytes).then_some(())?;
        let sum = i64::from_ne_bytes(bytes).wrapping_add(by);
        locked.write(at, &sum.to_ne_bytes()).then_some(())
    })
}

/// Add to a number of 32 bits.
#[pyfunction]
#[pyo3(signature = (area, position, by=1, /))]
fn sharedarea_inc32(py: Python<'_>, area: i64, position: i64, by: i64) -> PyResult<()> {
    add32(py, "inc32", area, position, by)
}

/// Add to a number of 64 bits.
#[pyfunction]
#[pyo3(signature = (area, position, by=1, /))]
fn sharedarea_inc64(py: Python<'_>, area: i64, position: i64, by: i64) -> PyResult<()> {
    add64(py, "inc64", area, position, by)
}

/// Take from a number of 32 bits.
#[pyfunction]
#[pyo3(signature = (area, position, by=1, /))]
fn sharedarea_dec32(py: Python<'_>, area: i64, position: i64, by: i64) -> PyResult<()> {
    add32(py, "dec32", area, position, by.wrapping_neg())
}

/// Take from a number of 64 bits.
#[pyfunction]
#[pyo3(signature = (area, position, by=1, /))]
fn sharedarea_dec64(py: Python<'_>, area: i64, position: i64, by: i64) -> PyResult<()> {
    add64(py, "dec64", area, position, by.wrapping_neg())
}

/// This thread has an area to itself until `sharedarea_unlock`.
#[pyfunction]
#[pyo3(signature = (area, /))]
fn sharedarea_rlock(py: Python<'_>, area: i64) -> PyResult<()> {
    hold(py, "rlock", area)
}

/// This thread has an area to itself until `sharedarea_unlock`.
#[pyfunction]
#[pyo3(signature = (area, /))]
fn sharedarea_wlock(py: Python<'_>, area: i64) -> PyResult<()> {
    hold(py, "wlock", area)
}

fn hold(py: Python<'_>, function: &str, number: i64) -> PyResult<()> {
    let area = area(number, function)?;
    with_lock(py, |time| area.lock_within(time).map(LockedArea::keep))
}

/// Others may have the area.
#[pyfunction]
#[pyo3(signature = (area, /))]
fn sharedarea_unlock(area: i64) -> PyResult<()> {
    self::area(area, "unlock")?.release();
    Ok(())
}
