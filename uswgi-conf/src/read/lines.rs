//! The YAML reader of builds without libyaml (pip's): line by line, without quotes, lists or types. It is asked for a
//! text that libyaml refuses, and beside it where the two builds are compared. Pure.
//!
//! Observed on 2.0.31: `#` cuts anywhere and a NUL ends a line; the section is a line that begins with its name and a
//! colon, without indentation; a line below it is split at the first `: `, else at the first colon with a tab, and only
//! spaces and tabs go from the ends. A line that is none of this, or is not indented, ends the section.

use super::magic::Replaced;
use super::{Document, Pair};

/// Offset and bytes without the white space in front. A carriage return counts as indentation.
fn indented(line: &[u8]) -> (usize, &[u8]) {
    let n = line.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
    (n, &line[n..])
}

/// Without spaces and tabs at the end.
fn ended(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |n| n + 1);
    &text[..end]
}

fn find(text: &[u8], what: &[u8; 2]) -> Option<usize> {
    text.windows(2).position(|w| w == what)
}

/// The pairs of one section. `cut` is the line that ended it, where something that looks like more stands there.
pub fn read(text: &Replaced, section: &[u8]) -> Document {
    let mut out = Document::default();
    let mut start = 0;
    for line in text.text.split(|&b| b == b'\n') {
        let at = start;
        start += line.len() + 1;
        let line = line.split(|b| matches!(b, 0 | b'#')).next().unwrap_or_default();
        let (depth, body) = indented(line);
        if body.is_empty() {
            continue;
        }
        if !out.found {
            let name = body.iter().position(|&b| b == b':').map(|n| &body[..n]);
            if let Some(name) = name.filter(|_| depth == 0) {
                out.found = name == section;
                out.sections.push(name.to_vec());
            }
            continue;
        }
        if depth == 0 {
            break;
        }
        let colon = find(body, b": ").or_else(|| find(body, b":\t"));
        let Some(n) = colon.filter(|_| !matches!(body[0], b'-' | b'[' | b'{')) else {
            out.cut = Some(text.position(at + depth));
            break;
        };
        let (skipped, value) = indented(&body[n + 2..]);
        let (number, column) = text.position(at + depth);
        let (value_line, value_column) = text.position(at + depth + n + 2 + skipped);
        out.pairs.push(Pair {
            key: ended(&body[..n]).to_vec(),
            value: ended(value).to_vec(),
            line: number,
            column,
            value_column: if value_line == number { value_column } else { 0 },
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::magic::Magic;
    use super::*;

    fn read_text(text: &str) -> Vec<String> {
        let d = read(&Replaced::new(text.as_bytes(), &Magic::default()), b"uwsgi");
        let t = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        d.pairs.iter().map(|p| format!("{}={}", t(&p.key), t(&p.value))).collect()
    }

    /// Every row was seen on 2.0.31 as pip builds it.
    #[test]
    fn lines_are_read_as_the_build_of_pip_does() {
        for (text, want) in [
            ("uwsgi:\n  a: b: c\n  d: 1\n", &["a=b: c", "d=1"][..]),
            ("uwsgi:\n\ta: 1\n\td: 2\n", &["a=1", "d=2"]),
            ("uwsgi:\n  a: 1\n  nocolon\n  d: 2\n", &["a=1"]),
            ("uwsgi:\n  a:1\n  d: 2\n", &[]),
            ("uwsgi:\n  a: \"1\"\n  d: @x\n", &["a=\"1\"", "d=@x"]),
            ("uwsgi:\n  a: 1\n    b: 2\n c: 3\nd: 4\n", &["a=1", "b=2", "c=3"]),
            ("uwsgi:\n  a: \n  b:\n  c: 3\n", &["a="]),
            ("x:\n  uwsgi:\n    a: 1\nuwsgi: y\n  b: 2\nuwsgi:\n  c: 3\n", &["b=2"]),
            ("uwsgi :\n  a: 1\n", &[]),
            ("uwsgi:\n  a: b#c: 1\n# x\n  c: \"d # e\"\n", &["a=b", "c=\"d"]),
            ("uwsgi:\n  a:\tb\n  c:\td: 3\n  c:d: 1\n", &["a=b", "c:\td=3", "c:d=1"]),
            ("uwsgi:\r\n  a: 1\r\n\r\n\rb: \r2 \t\n", &["a=1\r", "b=2"]),
            ("uwsgi:\n  a : 1\0x\n  -c: 3\n", &["a=1"]),
            ("uwsgi:\n  : 1\n  {x: 3\n  d: 1\n", &["=1"]),
            ("---\nfoo\nuwsgi::\n  c: 1", &["c=1"]),
            ("  uwsgi:\n    a: b\n", &[]),
        ] {
            assert_eq!(read_text(text), want, "{text}");
        }
    }

    #[test]
    fn places_are_those_of_the_written_text() {
        let d = read(&Replaced::new(b"uwsgi:\n  a: %% b\n  c\n", &Magic::default()), b"uwsgi");
        let p = &d.pairs[0];
        assert_eq!((p.line, p.column, p.value_column), (2, 3, 6));
        assert_eq!(d.cut, Some((3, 3)));
    }
}
