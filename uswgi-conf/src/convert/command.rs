//! Writing entries as a command line or as an environment. Magic variables do not exist there, so the
//! entries must come with them replaced.

use super::ConvertError;
use crate::diag::shown;
use crate::options::{self, Arg};
use crate::read::Pair;

/// A byte that means itself to a shell, and in an environment file of systemd.
fn plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-_./:=@,+%".contains(&b)
}

/// A word for a POSIX shell.
fn word(text: &str) -> String {
    if !text.is_empty() && text.bytes().all(plain) {
        text.into()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn utf8<'p>(p: &'p Pair, bytes: &'p [u8], target: &'static str) -> Result<&'p str, ConvertError> {
    let what = || format!("bytes of {} that are not UTF-8", shown(&p.key));
    std::str::from_utf8(bytes).map_err(|_| ConvertError::Impossible { line: p.line, target, what: what() })
}

/// Options of a command line, one a pair, in order.
pub fn words(pairs: &[Pair]) -> Result<Vec<String>, ConvertError> {
    pairs
        .iter()
        .map(|p| {
            let (key, value) = (utf8(p, &p.key, "a command line")?, utf8(p, &p.value, "a command line")?);
            // What getopt would refuse or read in another way is said with `set`, which any file entry is.
            Ok(match options::fact(key).filter(|f| f.usual) {
                Some(f) if f.kind == options::Kind::Config && value.starts_with(':') => {
                    let what = format!("{key} = {value}, a section of the same file");
                    return Err(ConvertError::Impossible { line: p.line, target: "a command line", what });
                }
                Some(f) if f.arg != Arg::No => format!("--{key}={value}"),
                Some(f) if f.kind == options::Kind::Bool && matches!(value, "true" | "1" | "yes" | "on") => {
                    format!("--{key}")
                }
                Some(f) if f.immediate => {
                    let what = format!("{key} = {value}");
                    return Err(ConvertError::Impossible { line: p.line, target: "a command line", what });
                }
                _ => format!("--set={key}={value}"),
            })
        })
        .collect()
}

/// The words as one line for a shell.
pub fn cli(pairs: &[Pair]) -> Result<String, ConvertError> {
    Ok(words(pairs)?.iter().map(|w| word(w)).collect::<Vec<_>>().join(" \\\n  ") + "\n")
}

/// `UWSGI_NAME=value` lines, as an environment file holds them.
pub fn env(pairs: &[Pair]) -> Result<String, ConvertError> {
    let mut out = String::new();
    let mut seen = std::collections::HashSet::new();
    for p in pairs {
        let impossible =
            |what: String| ConvertError::Impossible { line: p.line, target: "an environment", what };
        let (key, value) = (utf8(p, &p.key, "an environment")?, utf8(p, &p.value, "an environment")?);
        if !key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') || key.is_empty() {
            return Err(impossible(format!("the name {key:?}")));
        }
        if !seen.insert(key) {
            return Err(impossible(format!("{key} twice")));
        }
        if value.contains(['\n', '\0']) {
            return Err(impossible(format!("a line end in {key}")));
        }
        if options::fact(key).is_some_and(|f| f.immediate) {
            return Err(impossible(format!("{key}, whose place in the order counts")));
        }
        let name = format!("UWSGI_{}", key.to_ascii_uppercase().replace('-', "_"));
        if crate::expand::NOT_OPTIONS.contains(&name.as_bytes()) {
            return Err(impossible(format!("{key}: uWSGI keeps {name} for itself")));
        }
        let value = if !value.bytes().all(plain) {
            format!(
                "\"{}\"",
                value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`")
            )
        } else {
            value.into()
        };
        out += &format!("{name}={value}\n");
    }
    Ok(out)
}
