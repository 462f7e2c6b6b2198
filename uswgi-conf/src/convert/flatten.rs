//! `ini = :base` and its like: another section of the same file. What is written has one section only, so its entries
//! stand where it was asked for, as uWSGI would read them there.

use super::{ConvertError, Syntax};
use crate::diag::shown;
use crate::options::{self, Kind};
use crate::read::Pair;

/// Gives the entries of a section.
type Read<'r> = &'r dyn Fn(&[u8]) -> Result<Vec<Pair>, ConvertError>;

/// How deep sections may ask for others.
const MAX_DEPTH: usize = 16;

/// Replace what asks for a section by the section's entries. `read` gives those of a section.
pub(super) fn flatten(syntax: Syntax, pairs: Vec<Pair>, read: Read<'_>) -> Result<Vec<Pair>, ConvertError> {
    let mut state = State { syntax, read, last: Last::This, block: false, out: Vec::new() };
    state.take(pairs, 0)?;
    Ok(state.out)
}

/// What would ask for a section of the file that is written, and asked for one of no file before: `json = :x` of an ini
/// file that has read no JSON.
pub(super) fn asks_anew(to: Syntax, pairs: &[Pair]) -> Option<&Pair> {
    let mut elsewhere = false;
    pairs.iter().filter(|p| names(to).contains(&p.key.as_slice())).find(|p| {
        let section = p.value.starts_with(b":");
        let anew = section && !elsewhere;
        elsewhere |= !section;
        anew
    })
}

/// Which file of this syntax was read last, whose sections `:section` means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    This,
    /// Another one: `:section` is its, and stays.
    Another,
    /// A block may have read another one.
    Unknown,
}

struct State<'r> {
    syntax: Syntax,
    read: Read<'r>,
    last: Last,
    block: bool,
    out: Vec<Pair>,
}

impl State<'_> {
    fn take(&mut self, pairs: Vec<Pair>, depth: usize) -> Result<(), ConvertError> {
        for pair in pairs {
            match option(&pair.key).map(|f| f.kind) {
                Some(Kind::Logic) => self.block = true,
                Some(Kind::End) => self.block = false,
                _ => self.block &= pair.key != b"end",
            }
            match self.asked(&pair)? {
                None => self.out.push(pair),
                Some(_) if depth >= MAX_DEPTH => {
                    return Err(impossible(&pair, "sections that ask for each other"));
                }
                Some(section) => match (self.read)(section) {
                    Ok(inside) => self.take(inside, depth + 1)?,
                    // uWSGI goes on without the section.
                    Err(ConvertError::NoSection(_)) if matches!(self.syntax, Syntax::Ini | Syntax::Yaml) => {}
                    Err(e) => return Err(e),
                },
            }
        }
        Ok(())
    }

    /// The section of this file that an entry asks for.
    fn asked<'p>(&mut self, pair: &'p Pair) -> Result<Option<&'p [u8]>, ConvertError> {
        if pair.key == b"set" {
            let name = pair.value.windows(2).position(|w| w == b"=:").map(|n| &pair.value[..n]);
            return match name {
                Some(name) if self.reads(name) => Err(impossible(pair, "a section asked for by set")),
                _ => Ok(None),
            };
        }
        let includes =
            pair.key == b"include" && Syntax::of(&String::from_utf8_lossy(&pair.value)) == self.syntax;
        if !includes && !self.reads(&pair.key) {
            return Ok(None);
        }
        match (pair.value.strip_prefix(b":").filter(|_| !includes), self.last) {
            (None, Last::This) if self.block => self.last = Last::Unknown,
            (None, Last::Unknown) if self.block => {}
            (None, _) => self.last = Last::Another,
            (Some(_), Last::Another) => {}
            (Some(_), Last::Unknown) => {
                return Err(impossible(pair, "a section of a file that a block may have read"));
            }
            (Some(_), Last::This) if self.block => {
                return Err(impossible(pair, "a section asked for in a block"));
            }
            (Some(section), Last::This) => return Ok(Some(section)),
        }
        Ok(None)
    }

    /// Whether an option reads files of this syntax.
    fn reads(&self, name: &[u8]) -> bool {
        names(self.syntax).contains(&name)
    }
}

/// The options that read files of a syntax.
fn names(syntax: Syntax) -> &'static [&'static [u8]] {
    match syntax {
        Syntax::Ini => &[b"ini"],
        Syntax::Xml => &[b"xml", b"xmlconfig"],
        Syntax::Yaml => &[b"yaml", b"yml"],
        Syntax::Json => &[b"json", b"js"],
    }
}

fn option(key: &[u8]) -> Option<&'static options::Fact> {
    std::str::from_utf8(key).ok().and_then(options::fact)
}

fn impossible(pair: &Pair, what: &str) -> ConvertError {
    let what = format!("{what} ({} = {})", shown(&pair.key), shown(&pair.value));
    ConvertError::Impossible { line: pair.line, target: "a file of one section", what }
}
