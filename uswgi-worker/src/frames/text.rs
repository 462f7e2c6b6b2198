//! Strings of Python, read from memory: how they are laid out is found out from some that are known.

#![forbid(unsafe_code)]

use super::memory::Memory;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Where every version so far has the length, and the word that says how the characters are kept.
const LENGTH: usize = 16;
const STATE: usize = 32;
/// Characters of a name that are kept.
const LONGEST: usize = 300;

/// How strings are laid out.
#[derive(Debug)]
pub(super) struct Strings {
    /// What of the state tells kinds apart.
    mask: u32,
    kinds: Vec<StringKind>,
}

#[derive(Debug, Clone, Copy)]
struct StringKind {
    state: u32,
    /// Bytes of a character, and where the first one is.
    width: usize,
    data: usize,
}

fn state(memory: &Memory, at: usize) -> Option<u32> {
    memory.word(at + STATE).map(|word| word as u32)
}

/// Find out.
pub(super) fn discover(py: Python<'_>, memory: &Memory) -> PyResult<Strings> {
    let nothing = |what: &str| PyRuntimeError::new_err(format!("no {what} in strings"));
    let intern = py.import("sys")?.getattr("intern")?;
    let (mut mask, mut seen) = (u32::MAX, Vec::new());
    for (width, texts) in [
        (1, &["uswgi profile", "uswgi_profile", "__init__", "uswgi_profile_2"][..]),
        (1, &["uswgi profil\u{e9}", "uswgi_profil\u{e9}"][..]),
        (2, &["uswgi profil\u{3b5}", "uswgi_profil\u{3b5}"][..]),
        (4, &["uswgi profil\u{1d11e}", "uswgi_profil\u{1d11e}"][..]),
    ] {
        let mut strings = Vec::new();
        for text in texts {
            strings.push(PyString::new(py, text).into_any());
            strings.push(intern.call1((PyString::new(py, text),))?);
        }
        let mut first = None;
        for (i, string) in strings.iter().enumerate() {
            let (at, text) = (string.as_ptr() as usize, texts[i / 2]);
            if memory.word(at + LENGTH) != Some(text.chars().count()) {
                return Err(nothing("length"));
            }
            let units: Vec<u8> =
                text.chars().flat_map(|c| (c as u32).to_le_bytes().into_iter().take(width)).collect();
            let data = (STATE + 4..128).step_by(4).find(|data| {
                let mut bytes = vec![0; units.len()];
                memory.read(at + data, &mut bytes) && bytes == units
            });
            let data = data.ok_or_else(|| nothing("characters"))?;
            let own = state(memory, at).ok_or_else(|| nothing("state"))?;
            let &mut (state, place) = first.get_or_insert((own, data));
            mask &= !(state ^ own);
            if place != data {
                return Err(nothing("fixed place of characters"));
            }
        }
        let Some((state, data)) = first else { return Err(nothing("string")) };
        seen.push(StringKind { state, width, data });
    }
    // What tells kinds apart, and no more: some versions leave the rest of the word as it was before.
    mask &= seen.iter().fold(0, |bits, kind| bits | (kind.state ^ seen[0].state));
    seen.iter_mut().for_each(|kind| kind.state &= mask);
    for (i, a) in seen.iter().enumerate() {
        if seen[..i].iter().any(|b| a.state == b.state) {
            return Err(nothing("difference between kinds"));
        }
    }
    Ok(Strings { mask, kinds: seen })
}

impl Strings {
    /// The string at an address; None: there is none.
    pub(super) fn read(&self, memory: &Memory, at: usize) -> Option<String> {
        let state = state(memory, at)? & self.mask;
        let kind = self.kinds.iter().find(|kind| kind.state == state)?;
        let length = memory.word(at + LENGTH)?.min(LONGEST);
        let mut bytes = vec![0; length * kind.width];
        if !memory.read(at + kind.data, &mut bytes) {
            return None;
        }
        let unit = |unit: &[u8]| unit.iter().rev().fold(0, |n, byte| n << 8 | u32::from(*byte));
        Some(bytes.chunks_exact(kind.width).map(|c| char::from_u32(unit(c)).unwrap_or('\u{fffd}')).collect())
    }
}
