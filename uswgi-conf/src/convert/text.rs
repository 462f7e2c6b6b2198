//! Writing entries as ini, xml, yaml or json, so that reading them back gives the same entries.

use super::{ConvertError, Raw, Syntax};
use crate::diag::shown;
use crate::options::{self, Kind};
use crate::quote::push_quoted;
use crate::read::magic::{MEANINGFUL, Replaced};
use crate::read::{Pair, lines};

/// Write the entries of a section. The name of the section is always `uwsgi`.
pub fn write(raw: &Raw, to: Syntax) -> Result<Vec<u8>, ConvertError> {
    let target = match to {
        Syntax::Ini => "ini",
        Syntax::Xml => "xml",
        Syntax::Yaml => "yaml",
        Syntax::Json => "json",
    };
    if let Some(p) = raw.pairs.iter().find(|p| torn(&p.key) || torn(&p.value)) {
        let what = format!("a `%` at the edge of {}, whose other half the syntax took", shown(&p.key));
        return Err(impossible(p, target, what));
    }
    if let Some(p) = super::flatten::asks_anew(to, &raw.pairs) {
        let what = format!("{} = {}: it would be a section of this file", shown(&p.key), shown(&p.value));
        return Err(impossible(p, target, what));
    }
    let written = match to {
        Syntax::Ini => ini(raw),
        Syntax::Xml => xml(raw),
        Syntax::Yaml => yaml(raw),
        Syntax::Json => json(raw),
    }?;
    same(raw, to, &written).map(|()| written)
}

/// Read what was written, and refuse it where it means something else: in YAML to the library, or by the lines as the build
/// of pip reads it.
fn same(raw: &Raw, to: Syntax, written: &[u8]) -> Result<(), ConvertError> {
    let target = to.option().trim_start_matches('-');
    let mut want = meaning(&raw.pairs);
    let mut readings = vec![super::one(to, written, None, None)?];
    if to == Syntax::Yaml {
        let text = Replaced::verbatim(written);
        readings.push(lines::read(&text, b"uwsgi").pairs);
    }
    for reading in readings {
        let mut got = meaning(&reading);
        if to == Syntax::Json {
            got.sort_by(|a, b| a.0.cmp(&b.0));
            want.sort_by(|a, b| a.0.cmp(&b.0));
        }
        if let Some(at) = (0..want.len().max(got.len())).find(|&i| want.get(i) != got.get(i)) {
            let (key, value) = want.get(at).or(got.get(at)).cloned().unwrap_or_default();
            let line = raw.pairs.iter().find(|p| p.key == key).map_or(0, |p| p.line);
            let what = format!("{} = {}", shown(&key), shown(&value));
            return Err(ConvertError::Impossible { line, target, what });
        }
    }
    Ok(())
}

/// What entries mean, however they are written: `set` gives the entry that it names, the value of a block's end counts for
/// nothing, and a switch without a value is on.
pub fn meaning(pairs: &[Pair]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let one = |p: &Pair| {
        let (mut key, mut value) = (p.key.clone(), p.value.clone());
        while key == b"set"
            && let Some(n) = value.iter().position(|&b| b == b'=')
        {
            (key, value) = (value[..n].to_vec(), value[n + 1..].to_vec());
        }
        match kind(&key) {
            Some(Kind::End) => value.clear(),
            _ if key == b"end" => value.clear(),
            Some(Kind::Bool) if value.is_empty() => value = b"true".to_vec(),
            _ => {}
        }
        (key, value)
    };
    pairs.iter().map(one).collect()
}

fn kind(key: &[u8]) -> Option<Kind> {
    std::str::from_utf8(key).ok().and_then(options::fact).map(|f| f.kind)
}

/// A `%` without the byte that gives it a meaning: it would take the next one, whatever that is.
fn torn(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&b| b == b'%') {
        match rest.get(at + 1) {
            Some(c) if MEANINGFUL.contains(c) => rest = &rest[at + 2..],
            _ => return true,
        }
    }
    false
}

fn impossible(p: &Pair, target: &'static str, what: impl Into<String>) -> ConvertError {
    ConvertError::Impossible { line: p.line, target, what: what.into() }
}

/// Each pair with the comments in front of it; the last item has no pair.
fn with_comments(raw: &Raw) -> impl Iterator<Item = (Vec<&str>, Option<&Pair>)> {
    (0..=raw.pairs.len()).map(|i| {
        let before = raw.comments.iter().filter(|(n, _)| *n == i).map(|(_, c)| c.as_str()).collect();
        (before, raw.pairs.get(i))
    })
}

fn ini(raw: &Raw) -> Result<Vec<u8>, ConvertError> {
    let stripped = |b: &[u8]| {
        matches!(b.first(), Some(b' ' | b'\t' | b'\r')) || matches!(b.last(), Some(b' ' | b'\t' | b'\r'))
    };
    let mut out = b"[uwsgi]\n".to_vec();
    for (comments, pair) in with_comments(raw) {
        for c in comments {
            out.extend_from_slice(format!("; {c}\n").as_bytes());
        }
        let Some(p) = pair else { break };
        if p.value.iter().chain(&p.key).any(|b| matches!(b, b'\n' | 0)) {
            return Err(impossible(p, "ini", format!("a line end in {}", shown(&p.key))));
        }
        if stripped(&p.value) || stripped(&p.key) {
            return Err(impossible(p, "ini", format!("white space around {}", shown(&p.key))));
        }
        if p.key.contains(&b'=') || matches!(p.key.first(), Some(b'[' | b';' | b'#')) {
            return Err(impossible(p, "ini", format!("the name {:?}", shown(&p.key))));
        }
        out.extend_from_slice(&p.key);
        out.extend_from_slice(b" = ");
        out.extend_from_slice(&p.value);
        while out.ends_with(b" ") {
            out.pop();
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// Whether a variable stands there that is a control character: `%[`.
fn escapes(bytes: &[u8]) -> bool {
    variables(bytes).any(|c| c == b'[')
}

/// The letters of the variables in a text, `(` and `%` too.
fn variables(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let at = rest.iter().position(|&b| b == b'%')?;
        let letter = *rest.get(at + 1)?;
        rest = &rest[at + 2..];
        Some(letter)
    })
}

/// A comment in which no variable stands: it could become what the syntax does not allow.
fn still(comment: &str) -> String {
    let mut out = String::with_capacity(comment.len());
    let mut rest = comment.chars().peekable();
    while let Some(c) = rest.next() {
        out.push(c);
        if c == '%' {
            match rest.next_if(|c| matches!(c, '%' | '(')) {
                Some(c) => out.push(c),
                None => out.push('%'),
            }
        }
    }
    out
}

/// Values as text for formats that have no bytes.
fn utf8<'p>(p: &'p Pair, bytes: &'p [u8], target: &'static str) -> Result<&'p str, ConvertError> {
    if escapes(bytes) {
        return Err(impossible(p, target, format!("a control character (%[) in {}", shown(&p.key))));
    }
    std::str::from_utf8(bytes)
        .map_err(|_| impossible(p, target, format!("bytes of {} that are not UTF-8", shown(&p.key))))
}

/// Two dashes must not stand together in a comment of XML.
fn apart(comment: &str) -> String {
    let mut out = String::new();
    for c in comment.chars() {
        if c == '-' && out.ends_with('-') {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

fn xml(raw: &Raw) -> Result<Vec<u8>, ConvertError> {
    let escape =
        |s: &str| s.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;");
    let mut out = String::from("<uwsgi>\n");
    for (comments, pair) in with_comments(raw) {
        for c in comments {
            out += &format!("    <!-- {} -->\n", still(&apart(c)));
        }
        let Some(p) = pair else { break };
        let key = utf8(p, &p.key, "xml")?;
        let good = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            && (key != "app" || p.value.is_empty());
        if !good {
            return Err(impossible(p, "xml", format!("the name {key:?}")));
        }
        let value = utf8(p, &p.value, "xml")?;
        // A text of white space alone is none to libxml2.
        if value
            .chars()
            .any(|c| (c < ' ' && !matches!(c, '\n' | '\r' | '\t')) || matches!(c, '\u{fffe}' | '\u{ffff}'))
        {
            return Err(impossible(p, "xml", format!("a control character in {key}")));
        }
        // An empty element would mean "1"; empty CDATA is an empty text.
        if key == "app" {
            // An element of its own kind: without children it is this entry.
            out += "    <app/>\n";
            continue;
        }
        let value = if value.is_empty() { "<![CDATA[]]>".into() } else { escape(value) };
        out += &format!("    <{key}>{value}</{key}>\n");
    }
    Ok((out + "</uwsgi>\n").into_bytes())
}

/// A text in double quotes, as JSON reads it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        push_quoted(&mut out, c, super::unprintable(c));
    }
    out.push('"');
    out
}

/// Whether a text can stand as it is on a line of YAML, so that libyaml and pip's reader of lines both see it: no quotes, no
/// comment, no sign of the syntax at its start, and nothing there that may turn out to be empty.
fn plain(text: &str) -> bool {
    let first = match text.as_bytes() {
        [b'%', c, ..] => b"ktTugVpdvb".contains(c),
        [b'-' | b'?' | b':', next, ..] => !next.is_ascii_whitespace(),
        [c, ..] => !b"-?:,[]{}#&*!|>'\"%@`".contains(c),
        [] => false,
    };
    first
        && !text.starts_with([' ', '\t'])
        && !text.ends_with([' ', '\t', ':'])
        && !text.contains('#')
        && [": ", ":\t"].iter().all(|s| !text.contains(s))
        && !text.chars().any(|c| super::unprintable(c) && c != '\t')
}

fn yaml(raw: &Raw) -> Result<Vec<u8>, ConvertError> {
    let refers = |key: &str| {
        let (named, asked) = (format!("%({key}").into_bytes(), key.as_bytes());
        raw.pairs.iter().any(|p| {
            p.value.windows(named.len()).any(|w| w == named)
                || (matches!(p.key.as_slice(), b"if-opt" | b"if-not-opt") && p.value.starts_with(asked))
        })
    };
    let listed = raw.pairs.iter().any(|p| matches!(p.key.as_slice(), b"whitelist" | b"blacklist"));
    let mut out = String::from("uwsgi:\n");
    for (comments, pair) in with_comments(raw) {
        for c in comments {
            out += &format!("  # {}\n", still(c));
        }
        let Some(p) = pair else { break };
        let (key, value) = (utf8(p, &p.key, "yaml")?, utf8(p, &p.value, "yaml")?);
        // YAML allows a key 1024 characters.
        if key.len() > 1000 || !plain(key) {
            return Err(impossible(p, "yaml", format!("the name {:?}", shown(&p.key))));
        }
        let value = match kind(&p.key) {
            Some(Kind::End) => "1",
            _ if key == "end" => "1",
            Some(Kind::Bool) if value.is_empty() && !refers(key) => "true",
            _ => value,
        };
        if plain(value) {
            out += &format!("  {key}: {value}\n");
            continue;
        }
        // Quotes would be part of the value to pip's build. `set` has the name in front, which begins like a text.
        let assigned = format!("{key}={value}");
        if listed || key.contains('=') || key == "set" || !plain(&assigned) {
            let what = format!("{key} = {}: builds of uWSGI read it in two ways", shown(&p.value));
            return Err(impossible(p, "yaml", what));
        }
        out += &format!("  set: {assigned}\n");
    }
    if raw.pairs.is_empty() {
        out += "  {}\n";
    }
    Ok(out.into_bytes())
}

fn json(raw: &Raw) -> Result<Vec<u8>, ConvertError> {
    let mut out: Vec<(&str, Vec<String>)> = Vec::new();
    for p in &raw.pairs {
        let key = utf8(p, &p.key, "json")?;
        let value = quoted(utf8(p, &p.value, "json")?);
        match out.iter().position(|(k, _)| *k == key) {
            None => out.push((key, vec![value])),
            Some(at) if at + 1 == out.len() => out[at].1.push(value),
            // Only order-free lists may be brought together.
            Some(at) if movable(key, raw) => out[at].1.push(value),
            Some(_) => {
                return Err(impossible(
                    p,
                    "json",
                    format!("{key} at more than one place: the order would change"),
                ));
            }
        }
    }
    let items: Vec<String> = out
        .iter()
        .map(|(key, values)| match values.as_slice() {
            [one] => format!("    {}: {one}", quoted(key)),
            all => format!("    {}: [{}]", quoted(key), all.join(", ")),
        })
        .collect();
    Ok(format!("{{\n  \"uwsgi\": {{\n{}\n  }}\n}}\n", items.join(",\n")).into_bytes())
}

/// Whether the entries of a name may stand together: a repeatable option that acts late, in a file
/// without blocks and includes, and of which no other name is used.
fn movable(key: &str, raw: &Raw) -> bool {
    let Some(row) = crate::options::row(key) else { return false };
    let has = |name: &str| raw.pairs.iter().any(|p| p.key == name.as_bytes());
    let immediate = raw.pairs.iter().any(|p| {
        std::str::from_utf8(&p.key)
            .ok()
            .and_then(crate::options::fact)
            .is_some_and(|f| f.immediate && f.name != "strict")
    });
    row.fact.repeatable && !row.fact.immediate && !immediate && !row.fact.aliases.split_whitespace().any(has)
}
