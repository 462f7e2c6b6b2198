//! What a verb says in the end, and how it is printed: text or JSON on stdout, errors on stderr.
//! Printing never panics, and a closed pipe is no failure of the verb.

use crate::error::CtlError;
use serde_json::{Value, json};
use std::io::Write;
use uswgi_proto::exit::Exit;

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub struct VerbResult {
    /// For people; may have several lines.
    pub text: String,
    /// For programs.
    pub json: Value,
    /// Mostly [`Exit::Ok`].
    pub exit: Exit,
}

impl VerbResult {
    /// A sentence and the same as JSON with some facts in it.
    pub fn done(text: impl Into<String>, mut facts: Value) -> VerbResult {
        let text = text.into();
        facts["message"] = json!(text);
        VerbResult { text, json: facts, exit: Exit::Ok }
    }
}

/// How to print.
#[derive(Debug, Clone, Copy)]
pub struct OutputForm {
    /// JSON instead of text.
    pub json: bool,
    /// Nothing but errors.
    pub quiet: bool,
}

impl OutputForm {
    /// Print a result; gives the exit code.
    pub fn print(&self, verb: &str, result: Result<VerbResult, CtlError>) -> Exit {
        match result {
            Ok(report) => {
                let printed = if self.json && !self.quiet {
                    let mut json = report.json;
                    if let Value::Object(map) = &mut json {
                        map.entry("ok").or_insert(json!(report.exit == Exit::Ok));
                    }
                    stdout(&pretty(&json))
                } else if !self.quiet {
                    stdout(&printable(&report.text))
                } else {
                    Ok(())
                };
                match printed {
                    Ok(()) => report.exit,
                    // A full disk: who reads the file later must not take it for the answer.
                    Err(error) => {
                        let _ = writeln!(std::io::stderr(), "uswgi-ctl {verb}: cannot print: {error}");
                        Exit::Failed
                    }
                }
            }
            Err(error) => {
                let exit = error.exit();
                if self.json && !self.quiet {
                    let json = json!({ "ok": false, "exit": exit.code(), "error": error.to_string() });
                    // The exit code tells of a failure anyway.
                    let _ = stdout(&pretty(&json));
                }
                let text = printable(&error.to_string());
                let _ = writeln!(std::io::stderr(), "uswgi-ctl {verb}: {}", text.trim_end());
                exit
            }
        }
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Print what must not wait for the end. That nobody reads on is no error.
pub(crate) fn stdout(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{newline}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// How far something has come: a line on stderr, where the answer does not stand.
pub(crate) fn progress(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", printable(line));
}

/// Without control characters: URIs come from strangers, and a terminal obeys escape sequences.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' && c != '\t' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_escape_sequences() {
        assert_eq!(printable("a\u{1b}[2J\u{9b}b\tc\n\r"), "a\\u{1b}[2J\\u{9b}b\tc\n\\r");
    }
}
