//! Writing entries as ini, xml, yaml or json, so that reading them back gives the same entries.

use super::{ConvertError, Raw, Syntax};
use crate::diag::shown;
use crate::quote::push_quoted;
use crate::read::Pair;
use crate::read::magic::MEANINGFUL;

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
    match to {
        Syntax::Ini => ini(raw),
        Syntax::Xml => xml(raw),
        Syntax::Yaml => yaml(raw),
        Syntax::Json => json(raw),
    }
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

/// Values as text for formats that have no bytes.
fn utf8<'p>(p: &'p Pair, bytes: &'p [u8], target: &'static str) -> Result<&'p str, ConvertError> {
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
            out += &format!("    <!-- {} -->\n", apart(c));
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

/// A text in double quotes, as YAML and JSON both read it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        push_quoted(&mut out, c, super::unprintable(c));
    }
    out.push('"');
    out
}

fn yaml(raw: &Raw) -> Result<Vec<u8>, ConvertError> {
    let plain = |s: &str| {
        s.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+@".contains(&b))
    };
    let say = |s: &str| if plain(s) { s.to_string() } else { quoted(s) };
    let mut out = String::from("uwsgi:\n");
    for (comments, pair) in with_comments(raw) {
        for c in comments {
            out += &format!("  # {c}\n");
        }
        let Some(p) = pair else { break };
        let key = utf8(p, &p.key, "yaml")?;
        let value = utf8(p, &p.value, "yaml")?;
        let written = say(key);
        // YAML allows a key 1024 characters as it is written, escapes included.
        if written.len() > 1000 || key.contains('\n') {
            return Err(impossible(p, "yaml", "so long a name"));
        }
        out += &format!("  {written}: {}\n", say(value));
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
