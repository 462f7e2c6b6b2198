//! Environs of requests whose variables have the same names in the same order as those of earlier ones.
//!
//! A client, or a server in front, sends the same names again and again, and mostly the same values. A *shape*
//! keeps a dict with the last values; what differs in a request is replaced in it, and the application gets a
//! copy. Names in it are unique and always present, so that nothing of one request is seen by the next.
//! It must never hold more than [`MOST`] shapes, nor a value longer than [`LONGEST`].

use super::super::capi::{Object, latin1, set};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyDictMethods};
use std::hash::{BuildHasher, Hasher};

/// Shapes that a thread remembers.
const MOST: usize = 6;
/// Longest value that is kept between requests.
const LONGEST: usize = 1024;

/// A variable's place in a shape.
struct Slot {
    /// As it comes: a header's name is in the client's case.
    name: Vec<u8>,
    /// Key in the environ; None: the variable is not passed on.
    key: Option<Object>,
    /// What the dict holds.
    last: Vec<u8>,
}

struct Shape {
    listener: u16,
    dict: Py<PyDict>,
    slots: Vec<Slot>,
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
    long: Vec<(usize, Object)>,
}

impl Shapes {
    /// The environ of a request; None when no shape fits: then the caller builds it, and calls [`Shapes::learn`].
    pub(super) fn fit<'a, 'py>(
        &mut self,
        py: Python<'py>,
        listener: u16,
        variables: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let count = self.list.len();
        for i in (0..count).map(|n| (self.recent + n) % count) {
            let shape = &mut self.list[i];
            self.long.clear();
            if shape.listener == listener && shape.take(py, variables.clone(), &mut self.long)? {
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
    /// of a variable by its position and name, None to leave it out.
    pub(super) fn learn<'a>(
        &mut self,
        py: Python<'_>,
        listener: u16,
        variables: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
        base: &Bound<'_, PyDict>,
        mut key: impl FnMut(usize, &[u8]) -> PyResult<Option<Object>>,
    ) -> PyResult<()> {
        let mut hasher = self.hasher.build_hasher();
        for (name, _) in variables.clone() {
            hasher.write(name);
            hasher.write_u8(0);
        }
        let hash = hasher.finish();
        if std::mem::replace(&mut self.missed, hash) != hash {
            return Ok(());
        }
        let dict = base.copy()?;
        let mut slots: Vec<Slot> = Vec::new();
        let empty = latin1(py, b"")?;
        for (i, (name, _)) in variables.enumerate() {
            let key = key(i, name)?;
            if let Some(key) = &key {
                let again = |s: &Slot| match &s.key {
                    Some(other) => other.bind(py).eq(key.bind(py)).unwrap_or(true),
                    None => false,
                };
                if slots.iter().any(again) {
                    // Repeated variables are joined: no shape for them.
                    return Ok(());
                }
                set(py, &dict, key, &empty)?;
            }
            slots.push(Slot { name: name.to_vec(), key, last: Vec::new() });
        }
        let shape = Shape { listener, dict: dict.unbind(), slots };
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
    fn take<'a>(
        &mut self,
        py: Python<'_>,
        variables: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        long: &mut Vec<(usize, Object)>,
    ) -> PyResult<bool> {
        let mut count = 0;
        for (name, value) in variables {
            let Some(slot) = self.slots.get_mut(count) else { return Ok(false) };
            if slot.name != name {
                return Ok(false);
            }
            count += 1;
            let Some(key) = &slot.key else { continue };
            if slot.last == value {
                continue;
            }
            let text = latin1(py, value)?;
            if value.len() > LONGEST {
                long.push((count - 1, text));
                continue;
            }
            set(py, self.dict.bind(py), key, &text)?;
            slot.last.clear();
            slot.last.extend_from_slice(value);
        }
        Ok(count == self.slots.len())
    }
}
