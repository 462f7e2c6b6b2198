//! Characters inside double quotes as JSON has them (RFC 8259, section 7). It opens and closes no
//! quotes, and knows nothing of bytes that are no text.

/// Append a character; `hidden` ones, which nobody should meet raw, by their number.
pub(crate) fn push_quoted(out: &mut String, c: char, hidden: bool) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if hidden => out.push_str(&format!("\\u{:04x}", c as u32)),
        c => out.push(c),
    }
}
