//! Values as uWSGI reads them (atoi and its relatives), with a word about every value that does not mean
//! what it seems to. Pure.

use crate::diag::{Diagnostic, shown};
use crate::expand::{Applied, placeholder};
use crate::options::Kind;

/// Collects what is said while values are read.
#[derive(Debug, Default)]
pub(super) struct Said(pub(super) Vec<Diagnostic>);

impl Said {
    pub(super) fn error(&mut self, a: &Applied, code: &'static str, message: String) -> &mut Diagnostic {
        self.push(a, Diagnostic::error(code, message))
    }

    pub(super) fn warning(&mut self, a: &Applied, code: &'static str, message: String) -> &mut Diagnostic {
        self.push(a, Diagnostic::warning(code, message))
    }

    /// Forget that an option is not supported: beside what else was said it means something.
    pub(super) fn take_back(&mut self, option: &str) {
        let refused = format!("{option} is not supported");
        self.0.retain(|said| !(said.code == "unsupported" && said.message.starts_with(&refused)));
    }

    /// A value whose form does not fit.
    pub(super) fn bad(&mut self, a: &Applied, what: &str, help: &str) {
        let message = format!("{}: {what}", written(a));
        self.error(a, "bad-value", message).help = Some(help.into());
    }

    fn push(&mut self, a: &Applied, d: Diagnostic) -> &mut Diagnostic {
        let width = a.value.as_ref().map_or(0, Vec::len);
        self.0.push(d.at(&a.place.value()).width(width));
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

/// `name = value`, for messages.
pub(super) fn written(a: &Applied) -> String {
    match &a.value {
        Some(v) => format!("{} = {}", a.fact.name, shown(v)),
        None => a.fact.name.to_string(),
    }
}

/// The whole of a text as a number.
pub(super) fn integer(text: &str) -> Option<i32> {
    text.trim().parse().ok()
}

fn bytes(a: &Applied) -> &[u8] {
    a.value.as_deref().unwrap_or_default()
}

/// Options that mean nothing when they are empty, in uWSGI too (observed on 2.0.31). Others end its start, or ask for
/// what somebody relies on.
#[rustfmt::skip]
const NOTHING: &[&str] = &[
    "module", "wsgi", "wsgi-file", "file", "callable", "pythonpath", "python-path", "pp", "import", "pyimport", "py-import",
    "python-import", "chdir2", "home", "virtualenv", "venv", "pyhome", "env", "unenv", "touch-reload", "touch-workers-reload",
    "touch-chain-reload", "master-fifo", "add-header", "mount", "py-auto-reload-ignore", "check-static", "static-index",
    "mime-file",
];

impl Said {
    /// A text. Bytes that are no UTF-8 are an error.
    pub(super) fn text(&mut self, a: &Applied) -> Option<String> {
        match std::str::from_utf8(bytes(a)) {
            Ok(t) => Some(t.to_string()),
            Err(_) => {
                let message = format!("{} is not UTF-8", written(a));
                self.error(a, "not-utf8", message).help = Some("save the file as UTF-8".into());
                None
            }
        }
    }

    /// A text that must say something.
    pub(super) fn filled(&mut self, a: &Applied) -> Option<String> {
        let text = self.text(a)?;
        if text.is_empty() && NOTHING.contains(&a.fact.name) {
            let message = format!("{} has no value and is left out", a.fact.name);
            self.warning(a, "empty-value", message).help = Some("write a value, or remove the line".into());
            return None;
        }
        if text.is_empty() {
            self.error(a, "empty-value", format!("{} needs a value", a.fact.name));
            return None;
        }
        Some(text)
    }

    /// A number of at least 0: the leading digits count, as with atoi. None after an error.
    pub(super) fn number(&mut self, a: &Applied) -> Option<u64> {
        let Some(value) = &a.value else { return Some(1) };
        let n = placeholder::number(value);
        if n < 0 && matches!(a.fact.kind, Kind::U64 | Kind::MiB | Kind::U16) {
            // strtoul wraps around: a number that no limit ever reaches.
            self.warning(a, "not-a-number", format!("{}: a negative number means no limit", written(a)));
            return Some(0);
        }
        if n < 0 {
            let message = format!("{}: negative numbers are refused", written(a));
            self.error(a, "bad-number", message);
            return None;
        }
        let text: &[u8] = value.trim_ascii();
        let text = text.strip_prefix(b"+").unwrap_or(text);
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            let message = match text {
                [] => format!("{} without a value counts as 0", a.fact.name),
                _ => format!("{} is no number and counts as 0", written(a)),
            };
            self.warning(a, "not-a-number", message).help = Some("write a number".into());
        } else if digits < text.len() {
            let message = format!("{}: only {n} counts, the rest of the value is ignored", written(a));
            let help = if matches!(text[digits..].trim_ascii_start(), [b'#' | b';', ..]) {
                "comments stand on lines of their own"
            } else {
                "write a plain number: units and fractions are not read"
            };
            self.warning(a, "number-rest", message).help = Some(help.into());
        }
        Some(n.unsigned_abs())
    }

    /// A number that fits 32 bits.
    pub(super) fn number32(&mut self, a: &Applied) -> Option<u32> {
        let n = self.number(a)?;
        match i32::try_from(n) {
            Ok(n) => Some(n.unsigned_abs()),
            Err(_) => {
                let message = format!("{} is too large", written(a));
                self.error(a, "bad-number", message);
                None
            }
        }
    }

    /// MiB, as bytes.
    pub(super) fn mebibytes(&mut self, a: &Applied) -> Option<u64> {
        let n = self.number(a)?;
        match n.checked_mul(1 << 20) {
            Some(bytes) => Some(bytes),
            None => {
                let message = format!("{} is too large: the number counts MiB", written(a));
                self.error(a, "bad-number", message);
                None
            }
        }
    }

    /// Octal digits of a mode, `min` to `max` of them.
    pub(super) fn octal(&mut self, a: &Applied, lengths: &[usize], example: &str) -> Option<u32> {
        let text = shown(bytes(a));
        let good = lengths.contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
        match u32::from_str_radix(&text, 8) {
            Ok(mode) if good => Some(mode & 0o777),
            _ => {
                let message = format!("{} is no mode", written(a));
                self.error(a, "bad-mode", message).help = Some(format!("write octal digits, as {example}"));
                None
            }
        }
    }
}
