//! Conversion: one file into another syntax, or into the unit, program or server block that fits it.
//!
//! * `text`: ini, xml, yaml, json: the same entries, markers and magic variables as they are.
//! * `command`: a command line or an environment, in which magic variables do not exist: they are
//!   replaced by what they are here.
//! * `flatten`: sections of the same file that one asks for stand in their place.
//! * `marks`: stand-ins for magic variables while syntax is looked at.
//! * `unit`: systemd, supervisor and nginx, from the typed settings.
//!
//! Converting must not change the meaning. What a target cannot hold is an error that says which line.

#![forbid(unsafe_code)]

pub mod command;
mod flatten;
mod marks;
pub mod text;
pub mod unit;

use crate::diag::shown;
use crate::read::{Document, Pair, SyntaxError, ini, json, magic::Replaced, xml, yaml};

/// A syntax of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// `key = value` lines.
    Ini,
    /// `<uwsgi>`.
    Xml,
    /// A mapping.
    Yaml,
    /// An object.
    Json,
}

impl Syntax {
    /// The syntax of a file's name.
    pub fn of(name: &str) -> Syntax {
        let ends = |list: &[&str]| list.iter().any(|e| name.ends_with(e));
        match () {
            () if ends(&[".xml"]) => Syntax::Xml,
            () if ends(&[".yaml", ".yml"]) => Syntax::Yaml,
            () if ends(&[".json", ".js"]) => Syntax::Json,
            () => Syntax::Ini,
        }
    }

    /// The option that reads a file of this syntax.
    pub fn option(self) -> &'static str {
        match self {
            Syntax::Ini => "--ini",
            Syntax::Xml => "--xml",
            Syntax::Yaml => "--yaml",
            Syntax::Json => "--json",
        }
    }
}

/// Why something cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The source is no such file.
    #[error("line {}: {}", .0.line, .0.message)]
    Syntax(SyntaxError),
    /// The section is not there.
    #[error("there is no section {0:?}")]
    NoSection(String),
    /// The target has no way to say it.
    #[error("line {line}: {target} cannot hold {what}")]
    Impossible {
        /// Line in the source.
        line: u32,
        /// The target.
        target: &'static str,
        /// What it is about.
        what: String,
    },
}

/// A file's own entries, nothing replaced but what disappears anyway.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Raw {
    /// Pairs in order.
    pub pairs: Vec<Pair>,
    /// Comments with the number of pairs before each.
    pub comments: Vec<(usize, String)>,
}

/// A `%` and a byte without a meaning disappear whenever a file is read: leave them out now, so that what is left means
/// the same in every syntax. `%x` is the section that was chosen; what is written has none.
fn prepared(text: &[u8], section: Option<&[u8]>, first: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        match (text[i], text.get(i + 1)) {
            (b'%', Some(b'x')) if section.is_some() => {
                out.extend(literal(section.unwrap_or_default()));
                i += 2;
            }
            (b'%', Some(b'X')) if first.is_some() => {
                out.extend(literal(first.unwrap_or_default()));
                i += 2;
            }
            (b'%', Some(c)) if crate::read::magic::MEANINGFUL.contains(c) => {
                out.extend_from_slice(&text[i..i + 2]);
                i += 2;
            }
            (b'%', _) => i += 2,
            (b, _) => {
                out.push(b);
                i += 1;
            }
        }
    }
    out
}

fn literal(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter().flat_map(|&b| std::iter::repeat_n(b, 1 + usize::from(b == b'%')))
}

/// Split a file into its entries.
pub fn read(syntax: Syntax, bytes: &[u8], section: Option<&str>) -> Result<Raw, ConvertError> {
    let first = section.map(str::as_bytes);
    let pairs = one(syntax, bytes, first, first)?;
    let asked = |name: &[u8]| one(syntax, bytes, Some(name), first);
    let pairs = flatten::flatten(syntax, pairs, &asked)?;
    let comments = comments(syntax, &prepared(bytes, first, first), &pairs);
    Ok(Raw { pairs, comments })
}

/// The entries of one section.
fn one(
    syntax: Syntax,
    bytes: &[u8],
    section: Option<&[u8]>,
    first: Option<&[u8]>,
) -> Result<Vec<Pair>, ConvertError> {
    let plain = prepared(bytes, section, first);
    let name = section.filter(|s| !s.is_empty()).unwrap_or(b"uwsgi");
    let text = match syntax {
        Syntax::Yaml => marks::replaced(&plain).ok_or_else(|| ConvertError::Impossible {
            line: 0,
            target: "a conversion",
            what: "characters for private use (U+F0000)".into(),
        })?,
        _ => Replaced::verbatim(&plain),
    };
    let document: Document = match syntax {
        Syntax::Ini => Ok(ini::read(&text, name)),
        Syntax::Xml => xml::read(&text, section),
        Syntax::Yaml => yaml::read_or_lines(&text, name).map(|(document, _)| document),
        Syntax::Json => json::read(&text, name),
    }
    .map_err(ConvertError::Syntax)?;
    if !document.found {
        return Err(ConvertError::NoSection(shown(name)));
    }
    let mut pairs = document.pairs;
    if syntax == Syntax::Yaml {
        for p in &mut pairs {
            (p.key, p.value) = (marks::restored(&p.key), marks::restored(&p.value));
        }
    }
    Ok(pairs)
}

/// Characters that no document of YAML or XML may hold as they are.
fn unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().map(|c| if unprintable(c) { ' ' } else { c }).collect()
}

/// Comments of XML that begin a line, a line of text each.
fn xml_comments(text: &[u8]) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let mut inside = false;
    for (i, line) in text.split(|&b| b == b'\n').enumerate() {
        let mut line = line.trim_ascii();
        if !inside {
            let Some(rest) = line.strip_prefix(b"<!--") else { continue };
            (inside, line) = (true, rest);
        }
        if let Some(end) = line.windows(3).position(|w| w == b"-->") {
            (inside, line) = (false, &line[..end]);
        }
        let words = printable(line).trim().to_string();
        if !words.is_empty() {
            out.push((i + 1, words));
        }
    }
    out
}

/// Comments that stand on lines of their own.
fn marked_comments(text: &[u8], marks: &[u8]) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for (i, line) in text.split(|&b| b == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.first().is_some_and(|b| marks.contains(b)) {
            let text = printable(&line[1..]);
            out.push((i + 1, text.trim_start_matches(['#', ';']).trim().to_string()));
        }
    }
    out
}

/// Comments by the pair that follows in the file: the number of pairs before it in the list.
fn comments(syntax: Syntax, text: &[u8], pairs: &[Pair]) -> Vec<(usize, String)> {
    let all = match syntax {
        Syntax::Ini => marked_comments(text, b";#"),
        Syntax::Yaml => marked_comments(text, b"#"),
        Syntax::Xml => xml_comments(text),
        Syntax::Json => Vec::new(),
    };
    let mut lines: Vec<(usize, usize)> =
        pairs.iter().enumerate().map(|(i, p)| (p.line as usize, i)).collect();
    lines.sort_unstable();
    let follows = |line: usize| {
        let after = lines.partition_point(|(l, _)| *l <= line);
        lines.get(after).map_or(pairs.len(), |(_, i)| *i)
    };
    let mut out: Vec<_> = all.into_iter().map(|(line, words)| (follows(line), words)).collect();
    out.sort_by_key(|(at, _)| *at);
    out
}

#[cfg(test)]
mod tests;
