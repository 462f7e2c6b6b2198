//! Printing diagnostics: like a compiler's for people, JSON for tools, annotations for GitHub.

use crate::diag::{Diagnostic, Severity};
use serde_json::{Value, json};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReportFormat {
    Text,
    Json,
    Github,
}

/// For people: place, severity, message, the source line with a caret, help.
pub(super) fn text(d: &Diagnostic, files: &[(String, Vec<u8>)], color: bool) -> String {
    let paint =
        |code: &str, text: &str| if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() };
    let tone = match d.severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
        Severity::Note => "1;36",
    };
    let mut out = format!(
        "{}: {}[{}]: {}\n",
        paint("1", &d.origin.to_string()),
        paint(tone, d.severity.name()),
        d.code,
        d.message
    );
    let line = files
        .iter()
        .find(|(name, _)| *name == d.origin.source)
        .and_then(|(_, bytes)| bytes.split(|&b| b == b'\n').nth((d.origin.line as usize).checked_sub(1)?));
    if let Some(line) = line.filter(|_| d.origin.column > 0) {
        let start = (d.origin.column as usize - 1).min(line.len());
        let end = start.saturating_add(d.width.max(1) as usize).min(line.len()).max(start);
        let shown = |b: &[u8]| {
            String::from_utf8_lossy(b).trim_end().replace(|c: char| c.is_control() && c != '\t', "\u{fffd}")
        };
        // Tabs stay, so that the caret stands below its byte whatever their width is.
        let pad: String = String::from_utf8_lossy(&line[..start])
            .chars()
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let carets = "^".repeat(String::from_utf8_lossy(&line[start..end]).trim_end().chars().count().max(1));
        let number = d.origin.line.to_string();
        let gap = " ".repeat(number.len());
        let cut: String = shown(line).chars().take(160).collect();
        out += &format!(" {number} | {cut}\n {gap} | {pad}{}\n", paint(tone, &carets));
    }
    for via in &d.via {
        out += &format!("   included from {via}\n");
    }
    if let Some(help) = &d.help {
        out += &format!("   {}: {help}\n", paint("1;32", "help"));
    }
    out
}

/// For tools.
pub(super) fn json(d: &Diagnostic) -> Value {
    json!({
        "file": d.origin.source,
        "line": d.origin.line,
        "column": d.origin.column,
        "width": d.width,
        "severity": d.severity.name(),
        "code": d.code,
        "message": d.message,
        "help": d.help,
        "included_from": d.via.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "fixable": d.fix.is_some(),
    })
}

/// A workflow command of GitHub.
pub(super) fn github(d: &Diagnostic) -> String {
    let plain = |s: &str| s.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |s: &str| plain(s).replace(':', "%3A").replace(',', "%2C");
    let kind = match d.severity {
        Severity::Note => "notice",
        other => other.name(),
    };
    let help = d.help.as_ref().map_or(String::new(), |h| format!("; {h}"));
    format!(
        "::{kind} file={},line={},col={},title={}::{}\n",
        property(&d.origin.source),
        d.origin.line.max(1),
        d.origin.column.max(1),
        property(d.code),
        plain(&format!("{}{help}", d.message))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::Origin;

    #[test]
    fn the_caret_stands_below_its_word() {
        let origin = Origin { source: "a.ini".into(), line: 2, column: 2 };
        let d = Diagnostic { origin, width: 3, ..Diagnostic::warning("x", "no").help("yes") };
        let files = [("a.ini".to_string(), b"[u]\n\tabc = 1\n".to_vec())];
        let want = "a.ini:2:2: warning[x]: no\n 2 | \tabc = 1\n   | \t^^^\n   help: yes\n";
        assert_eq!(text(&d, &files, false), want);
        assert!(text(&d, &files, true).contains("\x1b[1;33m"));
        assert_eq!(github(&d), "::warning file=a.ini,line=2,col=2,title=x::no; yes\n");
        assert_eq!(json(&d)["line"], 2);
    }
}
