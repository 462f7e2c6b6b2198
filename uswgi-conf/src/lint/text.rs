//! Rules about the bytes of a file: what `%` eats, byte order marks, lines that look like something else.

use super::percent;
use crate::diag::{Diagnostic, shown};
use crate::instance::Origin;
use crate::read::magic::MEANINGFUL;

/// Look at the text of one file.
pub(super) fn check(name: &str, bytes: &[u8], out: &mut Vec<Diagnostic>) {
    let ini = ![".xml", ".yaml", ".yml", ".json", ".js"].iter().any(|e| name.ends_with(e));
    let mut say = |line: usize, column: usize, width: usize, d: Diagnostic| {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let origin = Origin { source: name.to_string(), line: number(line), column: number(column) };
        out.push(Diagnostic { origin, width: number(width), ..d });
    };
    if bytes.starts_with(b"\xef\xbb\xbf") {
        let d = Diagnostic::warning(
            "bom",
            "the file begins with a byte order mark, which hides a section in the first line",
        );
        say(1, 1, 3, d.help("save it as UTF-8 without BOM"));
    }
    if bytes.contains(&b'\r') && !bytes.contains(&b'\n') {
        let d = Diagnostic::warning("line-ends", "lines end in CR alone: the whole file is one line");
        say(1, 1, 0, d.help("save it with line ends of Unix"));
    }
    let lines = bytes.iter().filter(|b| **b == b'\n').count() + 1;
    for (i, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let plain = line.trim_ascii();
        if ini && plain.starts_with(b"[") && plain != b"[uwsgi]" {
            section(plain, |d| say(i + 1, 1 + line.len() - line.trim_ascii_start().len(), plain.len(), d));
        }
        let comment = ini && matches!(plain.first(), Some(b';' | b'#'));
        for (here, why) in percent::replaced(line).into_iter().filter(|_| !comment) {
            let message = format!(
                "{:?} is replaced, and was probably not meant to: {why}",
                shown(&line[here..here + 2])
            );
            let d = Diagnostic::warning("percent-replaced", message);
            say(i + 1, here + 1, 2, d.help("write %% for a percent sign"));
        }
        for (here, next) in percent::signs(line) {
            match next {
                Some(c) if MEANINGFUL.contains(&c) => {}
                None if i + 1 < lines => {
                    let d = Diagnostic::warning(
                        "percent-joins",
                        "% at the end of a line joins it with the next one",
                    );
                    say(i + 1, here + 1, 1, d.help("write %% for a percent sign"));
                }
                Some(c) if !comment => {
                    let what = shown(&[b'%', c]);
                    let message =
                        format!("{what:?} disappears: % and a letter without a meaning are both removed");
                    let d = Diagnostic::warning("percent-eaten", message);
                    say(i + 1, here + 1, 2, d.help("write %% for a percent sign"));
                }
                _ => {}
            }
        }
    }
}

/// Lines that look like the section, and are another one.
fn section(line: &[u8], mut say: impl FnMut(Diagnostic)) {
    let end = line.iter().position(|&b| b == b']');
    let name = &line[1..end.unwrap_or(line.len())];
    let after = end.map_or(&b""[..], |e| &line[e + 1..]);
    let same = |n: &[u8]| n.trim_ascii().eq_ignore_ascii_case(b"uwsgi");
    if end.is_none() {
        let d = Diagnostic::warning(
            "section-name",
            "a section line without ]: its last character is dropped whatever it is",
        );
        say(d.help("close the name with ]"));
    } else if !after.is_empty() {
        let message = format!(
            "text after ] makes this another section: [{}{}",
            shown(name),
            shown(&line[end.unwrap_or(0)..])
        );
        say(Diagnostic::warning("section-name", message).help("put the comment on a line of its own"));
    } else if same(name) {
        let message = format!("[{}] is not [uwsgi]: names of sections are exact", shown(name));
        say(Diagnostic::warning("section-name", message).help("write [uwsgi]"));
    }
}
