//! Text of a rule with holes: `$1` (a group of the pattern), `${NAME}` (a variable), `${function[key]}`.
//!
//! Observed on 2.0.31: `$` before anything else stands for itself and takes what follows with it, as does a hole without
//! an end; a name that nobody knows is empty.

use super::pattern::RouteGroups;
use super::values::{self, Function};
use super::{RouteError, RouteWorld};

/// Bytes of a text with its holes filled: what a variable of a packet can have. A rule could double another one's otherwise.
const LONGEST: usize = 65_535;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hole {
    Text(Vec<u8>),
    Group(usize),
    Variable(Vec<u8>),
    Call(Function, Vec<u8>),
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wording(Vec<Hole>);

impl Wording {
    /// Read a text.
    pub fn read(text: &[u8]) -> Result<Wording, RouteError> {
        let (mut all, mut plain, mut at) = (Vec::new(), Vec::new(), 0);
        while let Some(&byte) = text.get(at) {
            let next = text.get(at + 1);
            let hole = match (byte, next) {
                (b'$', Some(digit @ b'0'..=b'9')) => {
                    at += 2;
                    Some(Hole::Group(usize::from(digit - b'0')))
                }
                (b'$', Some(b'{')) => match text[at + 2..].iter().position(|b| *b == b'}') {
                    Some(length) => {
                        let inside = &text[at + 2..at + 2 + length];
                        at += length + 3;
                        Some(hole(inside)?)
                    }
                    None => {
                        plain.extend_from_slice(&text[at..]);
                        break;
                    }
                },
                (b'$', Some(other)) => {
                    plain.extend_from_slice(&[b'$', *other]);
                    at += 2;
                    None
                }
                _ => {
                    plain.push(byte);
                    at += 1;
                    None
                }
            };
            if let Some(hole) = hole {
                if !plain.is_empty() {
                    all.push(Hole::Text(std::mem::take(&mut plain)));
                }
                all.push(hole);
            }
        }
        if !plain.is_empty() {
            all.push(Hole::Text(plain));
        }
        Ok(Wording(all))
    }

    /// The text, if it has no hole.
    pub fn constant(&self) -> Option<&[u8]> {
        match &self.0[..] {
            [] => Some(b""),
            [Hole::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with its holes filled.
    pub fn fill<W: RouteWorld + ?Sized>(&self, groups: &RouteGroups, world: &W) -> Vec<u8> {
        let mut out = Vec::new();
        for hole in &self.0 {
            match hole {
                Hole::Text(text) => out.extend_from_slice(text),
                Hole::Group(n) => out.extend_from_slice(groups.get(*n)),
                Hole::Variable(name) => out.extend_from_slice(world.variable(name).unwrap_or_default()),
                Hole::Call(function, key) => values::value(*function, key, world, &mut out),
            }
            if out.len() > LONGEST {
                out.truncate(LONGEST);
                break;
            }
        }
        out
    }
}

fn hole(inside: &[u8]) -> Result<Hole, RouteError> {
    let call = inside.iter().position(|b| *b == b'[').and_then(|at| {
        let key = inside[at + 1..].strip_suffix(b"]")?;
        Some((&inside[..at], key))
    });
    Ok(match call {
        Some((name, key)) => match Function::of(name)? {
            Some(function) => Hole::Call(function, key.to_vec()),
            None => Hole::Text(Vec::new()),
        },
        None => Hole::Variable(inside.to_vec()),
    })
}
