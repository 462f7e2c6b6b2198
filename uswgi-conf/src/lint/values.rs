//! Rules about single values: comments, quotes and units inside them, odd booleans, placeholders that
//! stay, loops that never close.

use super::Context;
use crate::diag::{Diagnostic, Fix, shown};
use crate::expand::{Applied, Entry};
use crate::options::{self, Kind};

/// Texts in which anything is normal.
const FREE: &[&str] = &[
    "log-format",
    "logformat",
    "env",
    "add-header",
    "print",
    "iprint",
    "eval",
    "log-encoder",
    "log-req-encoder",
];

/// Look at every value.
pub(super) fn check(c: &Context<'_>, out: &mut Vec<Diagnostic>) {
    for e in &c.expansion.entries {
        let Some(value) = &e.value else { continue };
        let row = std::str::from_utf8(&e.key).ok().and_then(options::row);
        let kind = row.map(|r| r.fact.kind);
        let free = row.is_some_and(|r| FREE.contains(&r.fact.name)) || kind == Some(Kind::Route);
        if !free {
            comment(c, e, value, kind, out);
            quotes(e, value, kind, out);
        }
        if let Some(Kind::Bool | Kind::InvertedBool) = kind {
            boolean(e, value, out);
        }
        if !free && !matches!(kind, Some(Kind::Logic | Kind::Declare)) {
            placeholder(c, e, value, out);
        }
        if matches!(e.key.as_slice(), b"if-hostname-match" | b"if-not-hostname-match") {
            let message = format!(
                "{} never looks at the pattern in uWSGI's builds with PCRE2, nor here: the positive form is never true",
                shown(&e.key)
            );
            out.push(
                Diagnostic::warning("dead-condition", message)
                    .at(&e.place)
                    .help("use if-hostname, or if-env with $(HOSTNAME)"),
            );
        }
    }
    if let Some((name, place)) = &c.expansion.open_block {
        let end = if name.starts_with("for") { "endfor" } else { "endif" };
        let message = format!("{name} is never closed: it holds for all that follows, in other files too");
        out.push(Diagnostic::warning("open-block", message).at(place).help(format!("add {end} =")));
    }
    repeated(c, out);
}

fn width(value: &[u8]) -> u32 {
    u32::try_from(value.len()).unwrap_or(0)
}

/// Whether the value stands in its file byte for byte, so that columns in it are columns of the line: no
/// magic variable and no placeholder was replaced.
fn stands_there(c: &Context<'_>, e: &Entry, value: &[u8]) -> bool {
    let place = &e.place;
    let file = c.expansion.files.iter().find(|(name, _)| *name == place.source.name);
    let (Some((_, text)), Some(line), Some(from)) =
        (file, (place.line as usize).checked_sub(1), (place.value_column as usize).checked_sub(1))
    else {
        return false;
    };
    let line = text.split(|&b| b == b'\n').nth(line).and_then(|l| l.get(from..));
    e.written.is_none() && line.is_some_and(|l| l.trim_ascii_end() == value.trim_ascii_end())
}

/// `value ; comment` and `value # comment`: the comment belongs to the value.
fn comment(c: &Context<'_>, e: &Entry, value: &[u8], kind: Option<Kind>, out: &mut Vec<Diagnostic>) {
    let Some(at) = value.windows(2).position(|w| matches!(w, [b' ' | b'\t', b';' | b'#'])) else { return };
    // What `number-rest` says already needs no second word; its repair does.
    let place = e.place.value();
    let kept = value[..at].trim_ascii_end().len();
    let text = String::from_utf8_lossy(value[at..].trim_ascii()).into_owned();
    let what = match kind {
        Some(Kind::Int | Kind::U64 | Kind::U16 | Kind::MiB | Kind::RawInt) => {
            "only the number in front of it counts"
        }
        Some(Kind::Bool | Kind::InvertedBool) if !crate::expand::truth(Some(&value[..kept])) => {
            "so the value is true, not what stands in front of it"
        }
        _ => "it is part of the value",
    };
    let mut d =
        Diagnostic::warning("inline-comment", format!("{:?} is no comment: {what}", shown(text.as_bytes())))
            .at(&place)
            .help("comments stand on lines of their own");
    d.origin.column += u32::try_from(at + 1).unwrap_or(0);
    d.width = width(text.as_bytes());
    let untouched = stands_there(c, e, value);
    if untouched && kept > 0 {
        let from = e.place.value_column + u32::try_from(kept).unwrap_or(0);
        d = d.fix(Fix {
            from,
            width: u32::MAX,
            expect: String::new(),
            text: String::new(),
            before: Some(text),
        });
    }
    out.push(d);
}

/// Quotes are plain characters.
fn quotes(e: &Entry, value: &[u8], kind: Option<Kind>, out: &mut Vec<Diagnostic>) {
    let quoted = matches!(value, [b'"', .., b'"'] | [b'\'', .., b'\'']);
    if !quoted || kind.is_none() {
        return;
    }
    // In XML, YAML and JSON the reader has taken its own quotes away: these were meant.
    let inner = &value[1..value.len() - 1];
    let message = format!("the quotes are part of the value {}", shown(value));
    let mut d =
        Diagnostic::warning("quotes", message).at(&e.place.value()).help(format!("write {}", shown(inner)));
    d.width = width(value);
    out.push(d);
}

fn boolean(e: &Entry, value: &[u8], out: &mut Vec<Diagnostic>) {
    let known = ["true", "1", "yes", "on", "false", "0", "no", "off", "y", "t", "enabled", ""];
    if known.iter().any(|k| value.eq_ignore_ascii_case(k.as_bytes()))
        || value.windows(2).any(|w| matches!(w, [b' ' | b'\t', b';' | b'#']))
    {
        return;
    }
    let message =
        format!("{} = {} is true: only false, off, no and 0 are false", shown(&e.key), shown(value));
    let mut d = Diagnostic::warning("odd-boolean", message).at(&e.place.value()).help("write true or false");
    d.width = width(value);
    out.push(d);
}

/// `%(name)` and `$(NAME)` that nothing has replaced.
fn placeholder(c: &Context<'_>, e: &Entry, value: &[u8], out: &mut Vec<Diagnostic>) {
    for (symbol, code) in [(b'%', "unresolved-placeholder"), (b'$', "unset-variable")] {
        let Some(at) = value.windows(2).position(|w| w == [symbol, b'(']) else { continue };
        let Some(end) = value[at..].iter().position(|&b| b == b')') else { continue };
        let name = &value[at + 2..at + end];
        let known = c.expansion.entries.iter().any(|o| o.key == name);
        let immediate = std::str::from_utf8(&e.key).ok().and_then(options::fact).is_some_and(|f| f.immediate);
        let setter = matches!(e.key.as_slice(), b"set" | b"set-placeholder" | b"set-ph");
        let declared = c.expansion.entries.iter().any(|o| {
            matches!(o.key.as_slice(), b"set-placeholder" | b"set-ph")
                && o.value.as_ref().is_some_and(|v| v.starts_with(&e.key))
        });
        if setter || declared {
            continue;
        }
        let text = shown(&value[at..=at + end]);
        let (message, help) = match symbol {
            b'%' if immediate => (
                format!(
                    "{text} stays as it is: {} acts while the file is read, before placeholders are known",
                    shown(&e.key)
                ),
                "write the value itself; %d and its like work here",
            ),
            b'%' if known && at == 0 => (
                format!(
                    "{text} stays as it is: a value that begins with a marker after a replacement is not looked at again"
                ),
                "define the names so that one replacement is enough",
            ),
            b'%' => (
                format!("{text} stays as it is: nothing defines it"),
                "define it with set-placeholder, or correct the name",
            ),
            _ => (
                format!("{text} stays as it is: the variable is not set here"),
                "set it where the server is started",
            ),
        };
        let mut d = Diagnostic::warning(code, message).at(&e.place.value()).help(help);
        if let Some(near) = meant(c, name).filter(|_| symbol == b'%' && !known) {
            d.help = Some(format!("did you mean %({near})?"));
        }
        d.width = width(value);
        out.push(d);
    }
}

/// The entry of the configuration whose name is nearest to one that is none.
fn meant(c: &Context<'_>, name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let names = c.expansion.entries.iter().filter_map(|o| std::str::from_utf8(&o.key).ok());
    options::nearest_of(name, names).map(str::to_string)
}

/// Scalars given twice in one file with different values: the last one counts.
fn repeated(c: &Context<'_>, out: &mut Vec<Diagnostic>) {
    let scalar = |a: &&Applied| {
        a.place.line > 0
            && !a.fact.repeatable
            && matches!(
                a.fact.kind,
                Kind::Bool | Kind::Int | Kind::U64 | Kind::U16 | Kind::MiB | Kind::Str | Kind::Octal
            )
    };
    let all: Vec<(&str, &Applied)> = c
        .expansion
        .applied
        .iter()
        .filter(scalar)
        .map(|a| (options::row(a.fact.name).map_or(a.fact.name, |r| r.canonical()), a))
        .collect();
    let mut last: std::collections::HashMap<(&str, &str), &Applied> = std::collections::HashMap::new();
    for (canonical, a) in all.iter().rev() {
        let key = (*canonical, a.place.source.name.as_str());
        match last.get(&key) {
            Some(later) if later.value != a.value && later.place.line != a.place.line => {
                let message =
                    format!("{} has no effect: line {} sets it again", a.fact.name, later.place.line);
                out.push(
                    Diagnostic::warning("overridden", message)
                        .at(&a.place)
                        .width(a.fact.name.len())
                        .help("remove one of the two"),
                );
            }
            Some(_) => {}
            None => {
                last.insert(key, a);
            }
        }
    }
}
