//! Conversion: one file into another syntax, or into the unit, program or server block that fits it.
//!
//! * `text`: ini, xml, yaml, json: the same entries, markers and magic variables as they are.
//! * `command`: a command line or an environment, in which magic variables do not exist: they are
//!   replaced by what they are here.
//! * `unit`: systemd, supervisor and nginx, from the typed settings.
//!
//! Converting must not change the meaning. What a target cannot hold is an error that says which line.

#![forbid(unsafe_code)]

pub mod command;
pub mod text;
pub mod unit;

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

/// A `%` and a byte without a meaning disappear whenever a file is read: leave them out now, so that
/// what is left means the same in every syntax.
fn without_eaten(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        match (text[i], text.get(i + 1)) {
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

/// Split a file into its entries.
pub fn read(syntax: Syntax, bytes: &[u8], section: Option<&str>) -> Result<Raw, ConvertError> {
    let plain = without_eaten(bytes);
    let text = Replaced::verbatim(&plain);
    let name = section.unwrap_or("uwsgi");
    let document: Document = match syntax {
        Syntax::Ini => Ok(ini::read(&text, name.as_bytes())),
        Syntax::Xml => xml::read(&text, section.map(str::as_bytes)),
        Syntax::Yaml => yaml::read_or_lines(&text, name.as_bytes()).map(|(document, _)| document),
        Syntax::Json => json::read(&text, name.as_bytes()),
    }
    .map_err(ConvertError::Syntax)?;
    if !document.found {
        return Err(ConvertError::NoSection(name.into()));
    }
    let comments = comments(syntax, &plain, &document.pairs);
    Ok(Raw { pairs: document.pairs, comments })
}

/// Characters that no document of YAML or XML may hold as they are.
fn unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().map(|c| if unprintable(c) { ' ' } else { c }).collect()
}

/// Comments of XML that begin a line, a line of text each, by the pair that follows.
fn xml_comments(text: &[u8], pairs: &[Pair]) -> Vec<(usize, String)> {
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
            out.push((pairs.iter().take_while(|p| (p.line as usize) <= i).count(), words));
        }
    }
    out
}

/// Comments that stand on lines of their own, by the pair that follows.
fn comments(syntax: Syntax, text: &[u8], pairs: &[Pair]) -> Vec<(usize, String)> {
    if syntax == Syntax::Xml {
        return xml_comments(text, pairs);
    }
    let marks: &[u8] = match syntax {
        Syntax::Ini => b";#",
        Syntax::Yaml => b"#",
        Syntax::Xml | Syntax::Json => b"",
    };
    let mut out = Vec::new();
    for (i, line) in text.split(|&b| b == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.first().is_some_and(|b| marks.contains(b)) {
            let before = pairs.iter().take_while(|p| (p.line as usize) <= i).count();
            let text = printable(&line[1..]);
            out.push((before, text.trim_start_matches(['#', ';']).trim().to_string()));
        }
    }
    out
}

#[cfg(test)]
mod tests;
