//! Environs of requests whose variables have the same names in the same order as those of earlier ones.
//!
//! A client, or a server in front, sends the same names again and again, and mostly the same values. A *shape*
//! keeps a dict with the last values; what differs in a request is replaced in it, and the application gets a
//! copy. Names in it are unique and always present, so that nothing of one request is seen by the next.
//! It must never hold more than [`MOST`] shapes, nor a value longer than [`LONGEST`].

use super::super::capi::{OwnedObject, latin1, set};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyDictMethods};
use std::hash::{BuildHasher, Hasher};
use uswgi_serve::exchange::{FIXED, Variables};

/// Shapes that a thread remembers.
const MOST: usize = 6;
/// Longest value that is kept between requests.
const LONGEST: usize = 1024;

/// A variable's place in a shape.
struct ShapeSlot {
    /// Key in the environ; None: the variable is not passed on.
    key: Option<OwnedObject>,
    /// The field of whose value the dict holds what it holds, as it came, a header's name in the client's case; of a fixed
    /// one the value alone.
    last: Vec<u8>,
    /// Bytes of its name at the start.
    name: usize,
}

struct Shape {
    listener: u16,
    dict: Py<PyDict>,
    slots: Vec<ShapeSlot>,
    /// How many of them have names that are always the same.
    fixed: usize,
}

/// The shapes of a thread.
#[derive(Default)]
pub(super) struct Shapes {
    list: Vec<Shape>,
    /// Index of the one that fitted last.
    recent: usize,
    /// Index of the next one to give up.
    oldest: usize,
    /// Hash of the last names that fitted none: seen twice in a row, they become a shape.
    missed: u64,
    hasher: foldhash::fast::FixedState,
    /// Values too long to be kept, of the request at hand.
    long: Vec<(usize, OwnedObject)>,
}

impl Shapes {
    /// The environ of a request; None when no shape fits: then the caller builds it, and calls [`Shapes::learn`].
    pub(super) fn fit<'py>(
        &mut self,
        py: Python<'py>,
        listener: u16,
        variables: &Variables<'_>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let count = self.list.len();
        for i in (0..count).map(|n| (self.recent + n) % count) {
            let shape = &mut self.list[i];
            self.long.clear();
            if shape.listener == listener && shape.take(py, variables, &mut self.long)? {
                self.recent = i;
                let dict = shape.dict.bind(py).copy()?;
                for (slot, value) in self.long.drain(..) {
                    if let Some(key) = &shape.slots[slot].key {
                        set(py, &dict, key, &value)?;
                    }
                }
                return Ok(Some(dict));
            }
        }
        Ok(None)
    }

    /// Remember the names of a request that fitted no shape, when they have come twice in a row. `key` gives the key
    /// of a variable by its name in the environ.
    pub(super) fn learn(
        &mut self,
        py: Python<'_>,
        listener: u16,
        variables: &Variables<'_>,
        base: &Bound<'_, PyDict>,
        mut key: impl FnMut(&[u8]) -> PyResult<OwnedObject>,
    ) -> PyResult<()> {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_usize(variables.fixed().len());
        for field in variables.fields() {
            hasher.write(field.name());
            hasher.write_u8(0);
        }
        let hash = hasher.finish();
        if std::mem::replace(&mut self.missed, hash) != hash {
            return Ok(());
        }
        let dict = base.copy()?;
        let mut slots: Vec<ShapeSlot> = Vec::new();
        let empty = latin1(py, b"")?;
        let fixed = variables.fixed().len();
        let always = FIXED[..fixed].iter().map(|name| (Some(*name), &[][..]));
        let mut room = Vec::new();
        for (known, raw) in always.chain(variables.fields().map(|field| (None, field.name()))) {
            let name = match known {
                Some(name) => Some(name),
                None => variables.name(raw, &mut room),
            };
            let key = name.map(&mut key).transpose()?;
            if let Some(key) = &key {
                let again = |s: &ShapeSlot| match &s.key {
                    Some(other) => other.bind(py).eq(key.bind(py)).unwrap_or(true),
                    None => false,
                };
                if slots.iter().any(again) {
                    // Repeated variables are joined: no shape for them.
                    return Ok(());
                }
                set(py, &dict, key, &empty)?;
            }
            slots.push(ShapeSlot { key, last: raw.to_vec(), name: raw.len() });
        }
        let shape = Shape { listener, dict: dict.unbind(), slots, fixed };
        if self.list.len() < MOST {
            self.list.push(shape);
        } else {
            self.list[self.oldest] = shape;
            self.oldest = (self.oldest + 1) % MOST;
        }
        Ok(())
    }
}

impl Shape {
    /// Take over the values of a request; false when its names are others. Then some values may have been
    /// taken, which harms nothing: the dict and `last` agree at every moment.
    fn take(
        &mut self,
        py: Python<'_>,
        variables: &Variables<'_>,
        long: &mut Vec<(usize, OwnedObject)>,
    ) -> PyResult<bool> {
        let (values, fields) = (variables.fixed(), variables.fields());
        if values.len() != self.fixed || self.slots.len() != self.fixed + fields.len() {
            return Ok(false);
        }
        let (first, rest) = self.slots.split_at_mut(self.fixed);
        let dict = self.dict.bind(py);
        for (i, (slot, value)) in first.iter_mut().zip(values).enumerate() {
            if slot.last != *value {
                slot.set(py, dict, (value, value), i, long)?;
            }
        }
        for (i, (slot, field)) in rest.iter_mut().zip(fields).enumerate() {
            if slot.name == field.name_length() && slot.last == field.whole() {
                continue;
            }
            if slot.last[..slot.name] != *field.name() {
                return Ok(false);
            }
            slot.set(py, dict, (field.value(), field.whole()), self.fixed + i, long)?;
        }
        Ok(true)
    }
}

impl ShapeSlot {
    /// Another value for the slot at `index`, and the bytes it is known by.
    fn set(
        &mut self,
        py: Python<'_>,
        dict: &Bound<'_, PyDict>,
        (value, whole): (&[u8], &[u8]),
        index: usize,
        long: &mut Vec<(usize, OwnedObject)>,
    ) -> PyResult<()> {
        let Some(key) = &self.key else { return Ok(()) };
        let text = latin1(py, value)?;
        if whole.len() > self.name + LONGEST {
            long.push((index, text));
            return Ok(());
        }
        set(py, dict, key, &text)?;
        self.last.clear();
        self.last.extend_from_slice(whole);
        Ok(())
    }
}
