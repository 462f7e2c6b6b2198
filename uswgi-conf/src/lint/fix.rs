//! `--fix`: repairs in the text of a file, keeping everything else as it is. Pure; writing is the
//! caller's. One repair may lay bare another (a comment behind a value hides what is wrong with
//! the value), so a caller lints and applies again until nothing changes, [`ROUNDS`] times at most.

use crate::diag::{Diagnostic, Fix};

/// How often a file is linted and repaired at most; each round takes one layer off a line.
pub const ROUNDS: usize = 8;

/// The text with the repairs of its diagnostics, and how many there were.
pub fn apply(name: &str, text: &[u8], diagnostics: &[Diagnostic]) -> (Vec<u8>, usize) {
    let mut fixes: Vec<(u32, &Fix)> = diagnostics
        .iter()
        .filter(|d| d.origin.source == name && d.origin.line > 0)
        .filter_map(|d| d.fix.as_ref().map(|f| (d.origin.line, f)))
        .collect();
    // From the end of a line to its start, so that columns stay true.
    fixes.sort_by_key(|(line, f)| (*line, std::cmp::Reverse(f.from)));
    fixes.dedup();
    let mut out = Vec::with_capacity(text.len() + 64);
    let mut count = 0;
    for (i, line) in text.split_inclusive(|&b| b == b'\n').enumerate() {
        let number = u32::try_from(i + 1).unwrap_or(u32::MAX);
        let mut line = line.to_vec();
        let end = line.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |n| n + 1);
        let indent: Vec<u8> = line.iter().copied().take_while(|b| matches!(b, b' ' | b'\t')).collect();
        let mut tail = end;
        for (_, f) in fixes.iter().filter(|(l, _)| *l == number) {
            let from = (f.from as usize).saturating_sub(1);
            let to = from.saturating_add(f.width as usize).min(tail);
            if from > to || !line[from..].starts_with(f.expect.as_bytes()) {
                continue;
            }
            if let Some(before) = &f.before {
                out.extend_from_slice(&indent);
                out.extend_from_slice(before.as_bytes());
                out.extend_from_slice(if line[end..].starts_with(b"\r") { b"\r\n" } else { b"\n" });
            }
            line.splice(from..to, f.text.bytes());
            tail = from;
            count += 1;
        }
        out.extend_from_slice(&line);
    }
    (out, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::Origin;

    fn with(line: u32, fix: Fix) -> Diagnostic {
        let origin = Origin { source: "f".into(), line, column: 1 };
        Diagnostic { origin, ..Diagnostic::warning("x", "y") }.fix(fix)
    }

    #[test]
    fn lines_are_repaired_in_place() {
        let text = b"[uwsgi]\n  buffer_size = 4 ; big\nsocket=unix:/a";
        let d = [
            with(
                2,
                Fix { from: 3, width: 11, expect: String::new(), text: "buffer-size".into(), before: None },
            ),
            with(
                2,
                Fix {
                    from: 18,
                    width: u32::MAX,
                    expect: String::new(),
                    text: String::new(),
                    before: Some("; big".into()),
                },
            ),
            with(3, Fix { from: 8, width: 5, expect: String::new(), text: String::new(), before: None }),
        ];
        let (fixed, count) = apply("f", text, &d);
        assert_eq!(String::from_utf8(fixed).unwrap(), "[uwsgi]\n  ; big\n  buffer-size = 4\nsocket=/a");
        assert_eq!(count, 3);
        assert_eq!(apply("g", text, &d), (text.to_vec(), 0));
    }
}
