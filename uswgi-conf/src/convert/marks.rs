//! Stand-ins for magic variables while the syntax of a file is looked at. In YAML a `%` at the start of a value is an
//! error, and what a variable stands for is not: `processes: %k` is read after it was replaced.

use crate::read::magic::{MEANINGFUL, Magic, Replaced};

/// The stand-in of `%c` is the character at this number and `c`: for private use, printable in YAML.
const BASE: u32 = 0xF_0000;

/// What `%[` stands for.
const ESC: char = '\u{1b}';

fn stand_in(c: u8) -> Option<char> {
    char::from_u32(BASE + u32::from(c))
}

/// A text with stand-ins for its variables; None where it has such a character already.
pub(super) fn replaced(text: &[u8]) -> Option<Replaced> {
    let mut magic = Magic::default();
    for &c in MEANINGFUL.iter().filter(|c| !b"%(".contains(c)) {
        magic.set(c, stand_in(c)?.to_string());
    }
    // What it stands for is no text, and decides how the file is read.
    magic.set(b'[', ESC.to_string());
    let taken = |c: &char| (BASE..BASE + 256).contains(&u32::from(*c));
    let known = std::str::from_utf8(text).is_ok_and(|t| t.chars().any(|c| taken(&c)));
    (!known).then(|| Replaced::new(text, &magic))
}

/// What a file has to say, so that reading it gives this text: `%c` for a stand-in, and `%%` for a percent sign.
pub(super) fn restored(text: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(text) else { return text.to_vec() };
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match u32::from(c).checked_sub(BASE).and_then(|n| u8::try_from(n).ok()) {
            Some(letter) => out.extend(['%', char::from(letter)]),
            None if c == ESC => out.push_str("%["),
            None if c != '%' => out.push(c),
            // A parenthesis keeps its percent sign.
            None => match rest.next_if_eq(&'(') {
                Some(_) => out.push_str("%("),
                None => out.push_str("%%"),
            },
        }
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_as_it_was() {
        for text in ["a %k %%b %(c)", "%d%n", "100%%", "%%%k", "x"] {
            let replaced = replaced(text.as_bytes()).unwrap();
            assert_eq!(restored(&replaced.text), text.as_bytes(), "{text}");
        }
        assert!(replaced("\u{f0041}".as_bytes()).is_none());
    }
}
