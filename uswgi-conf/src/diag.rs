//! Diagnostics: what is said about a configuration, where, and what to do. Data and its text forms;
//! it never decides an exit code.

#![forbid(unsafe_code)]

use crate::instance::Origin;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Probably not what was meant; the start goes on.
    Warning,
    /// Stops the start.
    Error,
}

impl Severity {
    /// In lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One message. Its Display is one line for people: `file:line:col: message; help`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Stable name, for `--deny`, `--allow` and `explain`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where; an empty source: nowhere in particular.
    pub origin: Origin,
    /// Bytes of the line to underline, from the column; 0: unknown.
    pub width: u32,
    /// The files that included this one, nearest first.
    pub via: Vec<Origin>,
    /// What to do.
    pub help: Option<String>,
    /// How to repair it in place, where that is safe.
    pub fix: Option<Fix>,
}

/// A repair of one line: bytes of it are replaced, and a line may be put in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Column of the first byte to replace, from 1.
    pub from: u32,
    /// How many bytes; `u32::MAX`: to the end of the line.
    pub width: u32,
    /// What must stand there; empty: anything. A value that was put together elsewhere is not repaired.
    pub expect: String,
    /// What comes in their place.
    pub text: String,
    /// A line to put in front.
    pub before: Option<String>,
}

impl Diagnostic {
    /// A message without a place.
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity,
            code,
            message: message.into(),
            origin: Origin::default(),
            width: 0,
            via: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// An error.
    pub fn error(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Error, code, message)
    }

    /// A warning.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Warning, code, message)
    }

    /// With what to do.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// With a repair.
    pub fn fix(mut self, fix: Fix) -> Diagnostic {
        self.fix = Some(fix);
        self
    }

    /// With its place.
    pub fn at(mut self, place: &crate::place::Place) -> Diagnostic {
        self.origin = place.origin();
        self.via = place.via();
        self
    }

    /// With the number of bytes to underline.
    pub fn width(mut self, width: usize) -> Diagnostic {
        self.width = u32::try_from(width).unwrap_or(0);
        self
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.origin.source.is_empty() {
            write!(f, "{}: ", self.origin)?;
        }
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

/// Bytes of a configuration for a message: at most 60 characters, nothing that disturbs a terminal.
pub fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out: String =
        text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_is_one_line() {
        let d = Diagnostic::error("x", "no such thing").help("make one");
        assert_eq!(d.to_string(), "no such thing; make one");
        let mut d = d;
        d.origin = Origin { source: "uwsgi.ini".into(), line: 7, column: 1 };
        assert_eq!(d.to_string(), "uwsgi.ini:7:1: no such thing; make one");
        assert_eq!(shown(b"a\nb\xff"), "a\u{fffd}b\u{fffd}");
        assert_eq!(shown(&[b'x'; 61]).len(), 63);
    }
}
