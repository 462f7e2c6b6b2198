//! What is done with answers: headers that are taken away or remembered, pages for errors. Data only.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A header of the application that its request remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedHeader {
    /// Its name.
    pub name: String,
    /// The variable that has its value then.
    pub variable: String,
    /// The client does not get it (`pull-header`).
    pub pull: bool,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answers {
    /// Names of headers that no client gets (`rem-header`).
    pub remove: Vec<String>,
    /// Headers that are remembered (`collect-header`, `pull-header`).
    pub remember: Vec<RememberedHeader>,
    /// HTML files for errors of the server, by status; the first that can be read counts (`error-page-500` and its like).
    pub pages: Vec<(u16, PathBuf)>,
}

impl Answers {
    /// Whether heads of answers are changed or looked at.
    pub fn edits(&self) -> bool {
        !self.remove.is_empty() || !self.remember.is_empty()
    }
}
