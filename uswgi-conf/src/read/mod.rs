//! Readers: from the bytes of one file to its list of keys and values. Pure; each knows one syntax and
//! nothing of what a key means. Opening files is `source`'s.
//!
//! Order: `magic` replaces `%c` in the whole text, then `ini`, `xml`, `yaml` or `json` splits it.

#![forbid(unsafe_code)]

pub mod argv;
pub mod ini;
pub mod json;
pub mod lines;
pub mod magic;
pub mod source;
pub mod xml;
pub mod yaml;

/// One key with its value, in file order. Positions are of the text that was written, before the magic
/// variables were replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Bytes of the key.
    pub key: Vec<u8>,
    /// Bytes of the value.
    pub value: Vec<u8>,
    /// Line from 1.
    pub line: u32,
    /// Column of the key from 1, in bytes; 0: unknown.
    pub column: u32,
    /// Column of the value; 0: unknown.
    pub value_column: u32,
}

/// What a reader found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// The pairs of the wanted section, in order.
    pub pairs: Vec<Pair>,
    /// Whether the section is there at all.
    pub found: bool,
    /// Names of the sections that are there.
    pub sections: Vec<Vec<u8>>,
    /// Line and column where reading stopped before the end, without an error.
    pub cut: Option<(u32, u32)>,
}

/// A text that is no such document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// Stable name of the diagnostic.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Line from 1; 0: unknown.
    pub line: u32,
    /// Column from 1; 0: unknown.
    pub column: u32,
}
