//! Bytes that somebody else chose, as text that stays inside its field: no line break, no quote, no
//! control character, nothing that is not UTF-8 comes through.
#![forbid(unsafe_code)]

/// Which escapes are read where the text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// A line for people: `\x` and two digits for everything but printable ASCII, quote and backslash.
    #[default]
    Text,
    /// The inside of a JSON string: UTF-8 stays as it is.
    Json,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Append at most `limit` bytes of `bytes`, escaped; three dots show that something was cut.
pub fn escape(bytes: &[u8], limit: usize, style: Style, out: &mut Vec<u8>) {
    let cut = &bytes[..bytes.len().min(limit)];
    match style {
        Style::Text => text(cut, out),
        Style::Json => json(cut, out),
    }
    if cut.len() < bytes.len() {
        out.extend_from_slice(b"...");
    }
}

/// Stays as it is in every style. Most values are nothing else, and go over in one piece.
fn plain(b: u8) -> bool {
    matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\'
}

fn text(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    loop {
        let end = rest.iter().position(|&b| !plain(b)).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..end]);
        let Some(&b) = rest.get(end) else { return };
        out.extend_from_slice(&[b'\\', b'x', HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
        rest = &rest[end + 1..];
    }
}

fn unit(n: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(HEX[usize::from(n >> shift & 15)]);
    }
}

fn json(bytes: &[u8], out: &mut Vec<u8>) {
    let end = bytes.iter().position(|&b| !plain(b)).unwrap_or(bytes.len());
    out.extend_from_slice(&bytes[..end]);
    for chunk in bytes[end..].utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                // Control characters of C0 and C1, and the separators that some readers take for line breaks.
                c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => unit(c as u32 as u16, out),
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        // What is no UTF-8 is shown as the character of the same number.
        chunk.invalid().iter().for_each(|&b| unit(u16::from(b), out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(bytes: &[u8], limit: usize, style: Style) -> Vec<u8> {
        let mut out = Vec::new();
        escape(bytes, limit, style, &mut out);
        out
    }

    #[test]
    fn plain_text_stays() {
        assert_eq!(escaped(b"GET /a?b=c", 99, Style::Text), b"GET /a?b=c");
        assert_eq!(escaped("caf\u{e9}".as_bytes(), 99, Style::Json), "caf\u{e9}".as_bytes());
        assert_eq!(escaped(b"a\"\n\\\xff", 99, Style::Text), br"a\x22\x0a\x5c\xff");
        assert_eq!(escaped(b"a\"\n\\\xff\x7f", 99, Style::Json), br#"a\"\n\\\u00ff\u007f"#);
        assert_eq!(escaped(b"abcdef", 3, Style::Text), b"abc...");
    }

    proptest! {
        #[test]
        fn text_is_one_line_of_printable_ascii_without_quotes(bytes: Vec<u8>, limit in 0usize..200) {
            let out = escaped(&bytes, limit, Style::Text);
            prop_assert!(out.iter().all(|b| (0x20..=0x7e).contains(b) && *b != b'"'));
            prop_assert!(out.len() <= 4 * limit + 3);
            let each = bytes.iter().take(limit).map(|&b| match b {
                b' '..=b'~' if b != b'"' && b != b'\\' => char::from(b).to_string(),
                _ => format!("\\x{b:02x}"),
            });
            let dots = if bytes.len() > limit { "..." } else { "" };
            prop_assert_eq!(String::from_utf8(out).unwrap(), each.collect::<String>() + dots);
        }

        #[test]
        fn json_is_the_inside_of_one_string(bytes: Vec<u8>) {
            let out = escaped(&bytes, usize::MAX, Style::Json);
            prop_assert!(!out.contains(&b'\n') && !out.contains(&b'\r') && !out.contains(&0));
            let quoted = [b"\"".as_slice(), &out, b"\""].concat();
            let text: String = serde_json::from_slice(&quoted).unwrap();
            if let Ok(same) = std::str::from_utf8(&bytes) {
                prop_assert_eq!(text, same);
            }
        }

        #[test]
        fn a_cut_in_the_middle_of_a_character_is_still_json(text: String, limit in 0usize..40) {
            let quoted = [b"\"".as_slice(), &escaped(text.as_bytes(), limit, Style::Json), b"\""].concat();
            prop_assert!(serde_json::from_slice::<String>(&quoted).is_ok());
        }
    }
}
