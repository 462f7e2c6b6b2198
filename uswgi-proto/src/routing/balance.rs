//! One of several values, by a hash of a text or in turn (`hash`). Forms and results as observed on uWSGI 2.0.31.

use super::action::bad;
use super::pattern::RouteGroups;
use super::wording::Wording;
use super::{Draw, RouteError, RouteWorld};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Djb33x,
    Murmur2,
    Draw(Draw),
}

/// `items=A;B,key=TEXT,var=NAME,algo=HASH`; only the key may have holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    items: Vec<Vec<u8>>,
    key: Wording,
    variable: Vec<u8>,
    by: By,
}

impl Balance {
    pub(super) fn read(argument: &str) -> Result<Balance, RouteError> {
        let (mut items, mut key, mut variable, mut by) = (Vec::new(), None, Vec::new(), By::Djb33x);
        for part in argument.split(',') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name {
                // One without a letter is none.
                "items" => items = value.split(';').filter(|item| !item.is_empty()).map(Vec::from).collect(),
                "key" => key = Some(Wording::read(value.as_bytes())?),
                "var" => variable = value.into(),
                "algo" => {
                    by = match value {
                        "djb33x" => By::Djb33x,
                        "murmur2" => By::Murmur2,
                        "rr" => By::Draw(Draw::InTurn),
                        "rand" => By::Draw(Draw::Random),
                        other => {
                            let known = "djb33x, murmur2, rr and rand";
                            return Err(bad("hash", format!("there is no algo {other:?}, but {known}")));
                        }
                    }
                }
                other => return Err(bad("hash", format!("there is no {other:?}"))),
            }
        }
        match key {
            Some(key) if !variable.is_empty() && !items.is_empty() => {
                Ok(Balance { items, key, variable, by })
            }
            _ => Err(bad("hash", "write items=A;B,key=TEXT,var=NAME")),
        }
    }

    /// The name of the variable.
    pub(super) fn variable(&self) -> &[u8] {
        &self.variable
    }

    /// The value that it becomes.
    pub(super) fn choose<W: RouteWorld>(&self, groups: &RouteGroups, world: &W) -> Vec<u8> {
        let key = self.key.fill(groups, world);
        let number = match self.by {
            By::Djb33x => djb33x(&key).into(),
            By::Murmur2 => murmur2(&key).into(),
            By::Draw(draw) => world.draw(draw),
        };
        let at = number.checked_rem(self.items.len() as u64).unwrap_or(0);
        self.items.get(at as usize).cloned().unwrap_or_default()
    }
}

/// Bernstein's hash with exclusive or.
fn djb33x(text: &[u8]) -> u32 {
    text.iter().fold(5381, |hash: u32, b| hash.wrapping_mul(33) ^ u32::from(*b))
}

/// MurmurHash2 of 32 bits with the seed 0 (Austin Appleby, public domain), but that the bytes behind the last four are
/// taken from the beginning of the text again, as on uWSGI.
fn murmur2(text: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0u32, |n, b| n << 8 | u32::from(*b));
    let mut hash = text.len() as u32;
    for four in text.chunks_exact(4) {
        let k = number(four).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ (k ^ (k >> 24)).wrapping_mul(M);
    }
    let rest = &text[..text.len() % 4];
    if !rest.is_empty() {
        hash = (hash ^ number(rest)).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of three items, and of 211, uWSGI 2.0.31 gave for paths.
    #[test]
    fn hashes_are_those_of_the_original() {
        let paths: [&[u8]; 7] = [b"/a", b"/b", b"/c", b"/d", b"/foo/bar", b"/", b"/longer/path/x"];
        assert_eq!(paths.map(|p| djb33x(p) % 3), [2, 2, 0, 2, 0, 0, 2]);
        assert_eq!(paths.map(|p| murmur2(p) % 3), [0, 0, 0, 0, 1, 0, 0]);
        let longer: [&[u8]; 5] = [b"/ab", b"/abcd", b"/abcde", b"/abcdef", b"/abcdefgh"];
        assert_eq!(longer.map(|p| murmur2(p) % 211), [97, 57, 146, 40, 29]);
    }
}
