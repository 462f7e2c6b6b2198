//! The ini reader, by uWSGI's own line rules: no quotes, no escapes, no continuation lines, no inline
//! comments, a key without `=` has an empty value, `:` separates nothing, and a section line loses its
//! last character whatever it is. Bytes are opaque.
//!
//! rust-ini reads another language: it strips quotes, handles backslashes, merges keys into a map without
//! line and column, and refuses lines that uWSGI takes (the test below shows it), so this is our own.

use super::magic::Replaced;
use super::{Document, Pair};

/// White space that is stripped at both ends: space, tab, carriage return. Not form feed, not VT.
fn strip(mut s: &[u8]) -> (usize, &[u8]) {
    let mut cut = 0;
    while let [b' ' | b'\t' | b'\r', rest @ ..] = s {
        s = rest;
        cut += 1;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r'] = s {
        s = rest;
    }
    (cut, s)
}

/// The pairs of one section.
pub fn read(text: &Replaced, section: &[u8]) -> Document {
    let mut out = Document::default();
    let mut inside = false;
    let mut start = 0;
    let bytes = &text.text;
    while start < bytes.len() {
        let end = bytes[start..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |n| start + n);
        let line = &bytes[start..end];
        // A NUL ends the line's text.
        let line = line.iter().position(|&b| b == 0).map_or(line, |n| &line[..n]);
        let (cut, line) = strip(line);
        match line {
            [] | [b';' | b'#', ..] => {}
            [b'[', name @ ..] => {
                let name = &name[..name.len().saturating_sub(1)];
                inside = name == section;
                out.found |= inside;
                if !out.sections.iter().any(|s| s == name) {
                    out.sections.push(name.to_vec());
                }
            }
            _ if inside => out.pairs.push(pair(text, start + cut, line)),
            _ => {}
        }
        start = end + 1;
    }
    out
}

fn pair(text: &Replaced, at: usize, line: &[u8]) -> Pair {
    let equals = line.iter().position(|&b| b == b'=');
    let (key, value, value_at) = match equals {
        Some(n) => {
            let (cut, value) = strip(&line[n + 1..]);
            (strip(&line[..n]).1, value, Some(at + n + 1 + cut))
        }
        None => (line, &b""[..], None),
    };
    let (number, column) = text.position(at);
    let value_column = value_at.map(|o| text.position(o)).filter(|p| p.0 == number).map_or(0, |p| p.1);
    Pair { key: key.to_vec(), value: value.to_vec(), line: number, column, value_column }
}

#[cfg(test)]
mod tests {
    use super::super::magic::Magic;
    use super::*;

    fn pairs(text: &[u8], section: &str) -> Vec<(String, String, u32, u32)> {
        read(&Replaced::new(text, &Magic::default()), section.as_bytes())
            .pairs
            .into_iter()
            .map(|p| {
                let t = |b: Vec<u8>| String::from_utf8_lossy(&b).into_owned();
                (t(p.key), t(p.value), p.line, p.column)
            })
            .collect()
    }

    fn p(key: &str, value: &str, line: u32, column: u32) -> (String, String, u32, u32) {
        (key.into(), value.into(), line, column)
    }

    #[test]
    fn lines_are_split_as_uwsgi_splits_them() {
        let text = b"lost = 1\n[uwsgi]\n; c\n  # c\nmaster\nprocesses: 4\n a = b = c ; d \r\n=5\nq = \"x\"\n  two = \\\n";
        assert_eq!(
            pairs(text, "uwsgi"),
            [
                p("master", "", 5, 1),
                p("processes: 4", "", 6, 1),
                p("a", "b = c ; d", 7, 2),
                p("", "5", 8, 1),
                p("q", "\"x\"", 9, 1),
                p("two", "\\", 10, 3),
            ]
        );
    }

    #[test]
    fn a_section_line_loses_its_last_byte() {
        let text = b"[uwsgX\na=1\n[uwsgi] ; c\nb=2\n[ uwsgi ]\nc=3\n[\nd=4\n  [uwsgi]  \ne=5\n[x] = 3\nf=6";
        assert_eq!(pairs(text, "uwsgi"), [p("e", "5", 10, 1)]);
        assert_eq!(pairs(text, "uwsg"), [p("a", "1", 2, 1)]);
    }

    #[test]
    fn nul_ends_a_line_and_other_controls_stay() {
        assert_eq!(
            pairs(b"[uwsgi]\na = b\0c\nd = \x0ce\n", "uwsgi"),
            [p("a", "b", 2, 1), p("d", "\x0ce", 3, 1)]
        );
    }

    /// Why rust-ini is not the reader: it takes `:` for a separator and quotes for syntax, and has no
    /// lines or columns to give.
    #[test]
    fn rust_ini_reads_another_language() {
        let text = "[uwsgi]\nprocesses: 4\nq = \"x\"\n";
        let ini = ini::Ini::load_from_str(text).unwrap();
        let section = ini.section(Some("uwsgi")).unwrap();
        assert_eq!(section.get("processes"), Some("4"));
        assert_eq!(section.get("q"), Some("x"));
        assert!(ini::Ini::load_from_str("[uwsgi]\nmaster\n").is_err());
    }

    #[test]
    fn where_the_rules_agree_rust_ini_reads_the_same() {
        let text = "[uwsgi]\nsocket = 127.0.0.1:8001\nworkers = 2\nchdir = /var/www\n";
        let theirs = ini::Ini::load_from_str(text).unwrap();
        let theirs: Vec<_> = theirs
            .section(Some("uwsgi"))
            .unwrap()
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let ours: Vec<_> = pairs(text.as_bytes(), "uwsgi").into_iter().map(|p| (p.0, p.1)).collect();
        assert_eq!(ours, theirs);
    }
}
