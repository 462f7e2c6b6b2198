//! The YAML reader, token by token as the builds with libyaml do: the first block mapping below the
//! section's key, flattened; items of lists repeat their key; a key without a value gives nothing; an
//! anchor or tag in front of a value ends the file with a warning.
//!
//! libyaml-safer is libyaml's own scanner in Rust. A reader of YAML *values* would not do: keys repeat,
//! `no` and `~` are plain texts, and what is no valid document may still be read up to a point. What the
//! scanner refuses is read by `lines`, as pip's build reads every file.
//!
//! Version 0.3 of libyaml-safer still panics on some texts that are no YAML (a tag like `!,`). A panic of
//! the scanner is caught here and becomes the same error as any other text that is no YAML.

use super::magic::Replaced;
use super::{Document, Pair, SyntaxError, lines};
use libyaml_safer::{Mark, Scanner, TokenData};
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// Tokens of one file.
const MAX_TOKENS: usize = 1_000_000;

/// What the next scalar is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Key,
    Value,
    Item,
    Nothing,
}

thread_local! {
    /// A panic of the scanner is on its way to us and needs no words.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Run the scanner. None: it panicked.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    result.ok()
}

/// The pairs of one section; by the lines where it is no YAML and they have something. Then the error comes beside it.
pub fn read_or_lines(
    text: &Replaced,
    section: &[u8],
) -> Result<(Document, Option<SyntaxError>), SyntaxError> {
    match read(text, section) {
        Ok(document) => Ok((document, None)),
        Err(e) => {
            let by_lines = lines::read(text, section);
            if e.code == "yaml-syntax" && !by_lines.pairs.is_empty() {
                Ok((by_lines, Some(e)))
            } else {
                Err(e)
            }
        }
    }
}

/// The pairs of one section.
pub fn read(text: &Replaced, section: &[u8]) -> Result<Document, SyntaxError> {
    let fail = |message: &str, at: usize| {
        let (line, column) = text.position(at);
        SyntaxError { code: "yaml-syntax", message: message.into(), line, column }
    };
    if let Err(e) = std::str::from_utf8(&text.text) {
        return Err(fail("no YAML: the text is not UTF-8", e.valid_up_to()));
    }
    guarded(|| scan(text, section))
        .unwrap_or_else(|| Err(fail("no YAML: a tag or directive is malformed", 0)))
}

fn scan(text: &Replaced, section: &[u8]) -> Result<Document, SyntaxError> {
    let mut out = Document::default();
    let starts: Vec<usize> = std::iter::once(0)
        .chain(text.text.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1))
        .collect();
    // A mark counts characters; columns count bytes.
    let offset = |m: Mark| {
        let start = starts.get(m.line as usize).copied().unwrap_or(text.text.len());
        let line = &text.text[start..];
        let skipped = std::str::from_utf8(&line[..line.len().min(m.column as usize * 4)])
            .map_or(m.column as usize, |s| s.chars().take(m.column as usize).map(char::len_utf8).sum());
        start + skipped
    };
    let mut input: &[u8] = &text.text;
    let mut scanner = Scanner::new();
    scanner.set_input_string(&mut input);
    let mut next = Next::Nothing;
    let mut key: Option<(Vec<u8>, usize)> = None;
    let mut depth = 0usize;
    for _ in 0..MAX_TOKENS {
        let token = Scanner::scan(&mut scanner).map_err(|e| {
            let (line, column) = e.problem_mark().map_or((0, 0), |m| text.position(offset(m)));
            let tab = text.text.get(e.problem_mark().map_or(usize::MAX, offset)) == Some(&b'\t');
            let what = if tab { "a tab, where YAML indents with spaces only" } else { e.problem() };
            SyntaxError { code: "yaml-syntax", message: format!("no YAML: {what}"), line, column }
        })?;
        match token.data {
            TokenData::StreamEnd => return Ok(out),
            TokenData::Key => next = Next::Key,
            TokenData::Value => next = Next::Value,
            TokenData::BlockEntry | TokenData::FlowEntry | TokenData::FlowSequenceStart => next = Next::Item,
            TokenData::BlockSequenceStart => {
                next = Next::Item;
                depth += usize::from(depth > 0);
            }
            TokenData::FlowSequenceEnd => {
                next = Next::Nothing;
                key = None;
            }
            TokenData::BlockMappingStart => {
                next = Next::Nothing;
                if depth > 0 || key.as_ref().is_some_and(|(k, _)| k == section) {
                    depth += 1;
                    out.found = true;
                }
            }
            TokenData::BlockEnd => {
                next = Next::Nothing;
                key = None;
                if depth == 1 {
                    return Ok(out);
                }
                depth = depth.saturating_sub(1);
            }
            TokenData::Scalar { value, .. } => {
                let at = offset(token.start_mark);
                match next {
                    Next::Key => {
                        if depth == 0
                            && !out.sections.iter().any(|s| *s == value.as_bytes())
                            && out.sections.len() < 100
                        {
                            out.sections.push(value.clone().into_bytes());
                        }
                        key = Some((value.into_bytes(), at));
                    }
                    Next::Value | Next::Item => {
                        if let (Some((key, key_at)), true) = (&key, depth > 0) {
                            out.pairs.push(pair(text, key, *key_at, value.into_bytes(), at));
                        }
                        if next == Next::Value {
                            key = None;
                        }
                    }
                    Next::Nothing => {
                        let (line, column) = text.position(at);
                        out.cut = Some((line, column));
                        return Ok(out);
                    }
                }
                next = Next::Nothing;
            }
            _ => next = Next::Nothing,
        }
    }
    Err(SyntaxError { code: "too-large", message: "the file has too many tokens".into(), line: 0, column: 0 })
}

fn pair(text: &Replaced, key: &[u8], key_at: usize, value: Vec<u8>, at: usize) -> Pair {
    let (line, column) = text.position(key_at);
    let (value_line, value_column) = text.position(at);
    // An item of a list stands on a line of its own.
    let (line, column) = if value_line == line { (line, column) } else { (value_line, value_column) };
    Pair { key: key.to_vec(), value, line, column, value_column }
}

#[cfg(test)]
mod tests {
    use super::super::magic::Magic;
    use super::*;

    fn read_text(text: &str) -> Result<Vec<String>, &'static str> {
        let d = read(&Replaced::new(text.as_bytes(), &Magic::default()), b"uwsgi").map_err(|e| e.code)?;
        let t = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        Ok(d.pairs.iter().map(|p| format!("{}={}", t(&p.key), t(&p.value))).collect())
    }

    /// Every row was seen on the real program built with libyaml.
    #[test]
    fn documents_are_read_as_the_libyaml_build_does() {
        for (text, want) in [
            ("uwsgi:\n  a: 4\n  a: 5\n  b: 'x y' # c\n", &["a=4", "a=5", "b=x y"][..]),
            ("uwsgi:\n    a: 4\n  b: 2\n  c: [\n", &["a=4"]),
            ("other:\n  b: 2\nuwsgi:\n  c: 3\nuwsgi:\n  d: 3\n", &["c=3"]),
            ("uwsgi:\n  a: 1\n  m:\n    x: 1\n    y: 2\n  b: 2\n", &["a=1", "x=1", "y=2", "b=2"]),
            ("uwsgi:\n  m:\n    - x: 1\n      y: 2\n    - z\n  b: 2\n", &["x=1", "y=2", "b=2"]),
            (
                "uwsgi:\n  a: [1, 2, [3, 4]]\n  b: {c: 1, d: 2}\n  e: 5\n",
                &["a=1", "a=2", "a=3", "a=4", "c=1", "d=2", "e=5"],
            ),
            ("uwsgi: {a: 1, b: 2}\n", &[]),
            ("uwsgi:\n  a: 1\n  m: !!str x\n  c: y\n", &["a=1"]),
            ("uwsgi:\n  a: 1\n  m: *m\n  c: y\n", &["a=1", "c=y"]),
            ("uwsgi:\n  a:\n  b:\n    - 1\n  c:\n", &["b=1"]),
            ("uwsgi:\n  a:\n  - 1\n  - 2\n  b: 3\n", &["a=1", "a=2", "b=3"]),
            ("uwsgi:\n  - a: 1\n  - b: 2\n", &["a=1"]),
            ("a:\n  uwsgi:\n    b: 1\n  c: 2\n", &["b=1"]),
            ("x: uwsgi\ny:\n  a: 1\n", &[]),
            ("uwsgi:\n  a:\n    - [1, 2]\n    - 3\n  b: 2\n", &["a=1", "a=2", "b=2"]),
            ("uwsgi:\n  m: x\n  - l:\n  - j\n  b: 1\n", &["m=x", "b=1"]),
            ("uwsgi:\n  : v\n  b: 1\n", &["uwsgi=v", "b=1"]),
            ("uwsgi:\n  a: ~\n  b: no\n  c: \"\"\n", &["a=~", "b=no", "c="]),
            ("l: &x\n  a: 1\nuwsgi:\n  a: 1\n", &["a=1"]),
            ("foo\n", &[]),
            ("", &[]),
        ] {
            assert_eq!(read_text(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_refused() {
        let tabs =
            read(&Replaced::new(b"uwsgi:\n  a: 1\n\tb: 4\n", &Magic::default()), b"uwsgi").unwrap_err();
        assert!(tabs.message.contains("a tab"), "{}", tabs.message);
        for text in
            ["uwsgi:\n\tp: 4\n", "uwsgi:\n  p:4\n  t: 2\n", "uwsgi:\n  a: b: c\n", "uwsgi:\n  a: \"x\n"]
        {
            assert_eq!(read_text(text), Err("yaml-syntax"), "{text}");
        }
        let latin1 = Replaced::new(b"uwsgi:\n  a: caf\xe9\n", &Magic::default());
        assert_eq!(read(&latin1, b"uwsgi").unwrap_err().code, "yaml-syntax");
    }
}
