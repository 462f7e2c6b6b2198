//! Printing: to standard output and error, silently when nobody reads any more, and JSON texts of bytes
//! that are not UTF-8.

use crate::quote::push_quoted;
use std::io::Write;
use std::sync::OnceLock;

/// Why something was not printed: a full disk. Who reads the file later must not take it for the answer.
static LOST: OnceLock<String> = OnceLock::new();

/// Print bytes to standard output. A closed pipe is not an error; any other failure is found by [`lost`].
pub(super) fn out(bytes: &[u8]) {
    let mut to = std::io::stdout().lock();
    if let Err(error) = to.write_all(bytes).and_then(|()| to.flush())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error.to_string());
    }
}

/// Why the output so far is not whole, where it is not.
pub(super) fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// Print a line to standard error.
pub(super) fn err(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A JSON string of bytes. A byte that is not part of UTF-8 becomes a lone surrogate, U+DC80 to U+DCFF,
/// as Python's surrogateescape makes it; serde_json cannot write those.
pub(super) fn json_string(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_quoted(&mut out, c, c < ' ' || c == '\x7f');
        }
        for b in chunk.invalid() {
            out.push_str(&format!("\\udc{b:02x}"));
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_every_byte() {
        assert_eq!(json_string(b"a\"\\\n\x01"), "\"a\\\"\\\\\\n\\u0001\"");
        assert_eq!(json_string("caf\u{e9}".as_bytes()), "\"caf\u{e9}\"");
        assert_eq!(json_string(b"\xff\xc3x"), "\"\\udcff\\udcc3x\"");
    }
}
