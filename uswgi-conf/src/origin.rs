//! The place in a configuration that a value came from.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// Where a value came from, for messages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// File, `command line` or `environment`.
    pub source: String,
    /// Line from 1; 0 where there are no lines.
    pub line: u32,
    /// Column from 1; 0 where there are none.
    pub column: u32,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.column) {
            (0, _) => f.write_str(&self.source),
            (line, 0) => write!(f, "{}:{line}", self.source),
            (line, column) => write!(f, "{}:{line}:{column}", self.source),
        }
    }
}
