//! `%(name)`, `$(NAME)` and `@(source)` inside values, and the arithmetic of `%(a + 2)`. Pure: what a
//! name stands for is asked of a closure. Work is bounded, because a value may refer to itself.

/// Bytes a value may grow to, and bytes that may be scanned for one value.
const MAX_VALUE: usize = 16 * 1024 * 1024;
const MAX_WORK: usize = 32 * 1024 * 1024;

/// Why a value has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endless {
    /// It refers to itself.
    Itself,
}

/// Replace every `S(name)` of a value. After a replacement scanning starts again at the *second* byte, as
/// in uWSGI: a marker that a replacement puts in front of everything stays. `lookup` gets the name and
/// the value as it is now (which `%(own name)` means).
pub fn replace<E>(
    value: &[u8],
    symbol: u8,
    mut lookup: impl FnMut(&[u8], &[u8]) -> Result<Option<Vec<u8>>, E>,
) -> Result<Result<Vec<u8>, Endless>, E> {
    let mut text = value.to_vec();
    let mut work = 0;
    // Depth 0: nothing; 1: after the symbol; 2 and more: inside that many parentheses less one.
    let (mut depth, mut start, mut i) = (0usize, 0usize, 0usize);
    while i < text.len() {
        let b = text[i];
        if b == symbol {
            depth = 1;
        } else if b == b'(' && depth == 1 {
            depth = 2;
            start = i + 1;
        } else if depth > 1 {
            match b {
                b'(' => depth += 1,
                b')' if depth > 2 => depth -= 1,
                b')' => {
                    depth = 0;
                    let name = &text[start..i];
                    let found = if name.is_empty() { None } else { lookup(name, &text)? };
                    if let Some(found) = found {
                        let mut new = text[..start - 2].to_vec();
                        new.extend_from_slice(&found);
                        new.extend_from_slice(&text[i + 1..]);
                        work += new.len() + 256;
                        if new.len() > MAX_VALUE || work > MAX_WORK {
                            return Ok(Err(Endless::Itself));
                        }
                        text = new;
                        i = 1;
                        continue;
                    }
                }
                _ => {}
            }
        } else {
            depth = 0;
        }
        i += 1;
    }
    Ok(Ok(text))
}

/// What the text inside `%(...)` stands for: a name, or a chain of names, digits and operators separated
/// by spaces, worked from left to right.
pub fn evaluate(text: &[u8], mut lookup: impl FnMut(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    if !text.contains(&b' ') {
        return lookup(text);
    }
    let mut value: Option<Vec<u8>> = None;
    let mut operator = b' ';
    for token in text.split(|&b| b == b' ').filter(|t| !t.is_empty()) {
        match token {
            b"++" | b"--" => {
                let step = if token == b"++" { 1 } else { -1 };
                value = value.map(|v| number(&v).wrapping_add(step).to_string().into());
                operator = b' ';
            }
            [op @ (b'+' | b'-' | b'*' | b'/')] => operator = *op,
            _ => {
                let digits = token.iter().all(u8::is_ascii_digit);
                let operand = if digits { token.to_vec() } else { lookup(token).unwrap_or_default() };
                let before = value.unwrap_or_default();
                let (a, b) = (number(&before), number(&operand));
                value = Some(match operator {
                    b'+' => a.wrapping_add(b).to_string().into(),
                    b'-' => a.wrapping_sub(b).to_string().into(),
                    b'*' => a.wrapping_mul(b).to_string().into(),
                    b'/' => a.checked_div(b).unwrap_or(0).to_string().into(),
                    _ => [before, operand].concat(),
                });
                operator = b' ';
            }
        }
    }
    value
}

/// As C's strtoll does: white space, a sign, digits; 0 where there are none.
pub fn number(text: &[u8]) -> i64 {
    let skipped = text.iter().position(|b| !b" \t\n\x0b\x0c\r".contains(b)).unwrap_or(text.len());
    let (negative, digits) = match &text[skipped..] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut n: i64 = 0;
    for d in digits.iter().take_while(|b| b.is_ascii_digit()) {
        let d = i64::from(d - b'0');
        n = n.saturating_mul(10);
        n = if negative { n.saturating_sub(d) } else { n.saturating_add(d) };
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn names(name: &[u8]) -> Option<Vec<u8>> {
        let v: &[u8] = match name {
            b"a" => b"4",
            b"b" => b"3",
            b"txt" => b"abc",
            b"empty" => b"",
            b"pa" => b"%(a)2",
            b"n" => b"a",
            _ => return None,
        };
        Some(v.to_vec())
    }

    fn text(value: &str) -> String {
        let r = replace::<Infallible>(value.as_bytes(), b'%', |name, _| Ok(evaluate(name, names)));
        match r {
            Ok(Ok(v)) => String::from_utf8(v).unwrap(),
            Ok(Err(Endless::Itself)) => "endless".into(),
        }
    }

    #[test]
    fn names_are_replaced_as_uwsgi_does() {
        for (value, want) in [
            ("x%(a)y", "x4y"),
            ("%(nope)", "%(nope)"),
            ("x%(a", "x%(a"),
            ("%()", "%()"),
            ("%(a)%(b)", "43"),
            ("%(pa)", "%(a)2"),
            ("x%(pa)", "x42"),
            ("%(empty)%(b)", "%(b)"),
            ("/%(empty)%(b)", "/3"),
            ("x%(%(n))", "x4"),
            ("x%%(a)", "x%4"),
            ("me%(x(y)z)", "me%(x(y)z)"),
        ] {
            assert_eq!(text(value), want, "{value}");
        }
    }

    #[test]
    fn arithmetic_goes_from_left_to_right() {
        for (value, want) in [
            ("x%(a + 2)", "x6"),
            ("x%(a - 9)", "x-5"),
            ("x%(a + b * 2)", "x14"),
            ("x%(a b)", "x43"),
            ("x%(a / 0)", "x0"),
            ("x%(a ++)", "x5"),
            ("x%(a --)", "x3"),
            ("x%(a * ++ 3)", "x53"),
            ("x%(1 +2 3)", "x13"),
            ("x%(++ 3)", "x3"),
            ("x%(++ )", "x%(++ )"),
            ("x%(- 3)", "x-3"),
            ("x%(99999999999999999999 + 1)", "x-9223372036854775808"),
            ("x%(zz + 2)", "x2"),
            ("x%(txt + 2)", "x2"),
            ("x%( a  +  2 )", "x6"),
            ("x%(a )", "x4"),
            ("x%(a+2)", "x%(a+2)"),
            ("x%(a + (b * 2))", "x0"),
        ] {
            assert_eq!(text(value), want, "{value}");
        }
    }

    #[test]
    fn a_value_that_holds_itself_ends() {
        let r = replace::<Infallible>(b"x%(a)", b'%', |_, now| Ok(Some(now.to_vec())));
        assert_eq!(r, Ok(Err(Endless::Itself)));
        let r = replace::<Infallible>(b"xy%(a)", b'%', |_, _| Ok(Some(b"%(a)".to_vec())));
        assert_eq!(r, Ok(Err(Endless::Itself)));
    }

    #[test]
    fn numbers_are_read_as_c_does() {
        for (t, n) in
            [("4x", 4), (" -12", -12), ("+5", 5), ("abc", 0), ("", 0), ("99999999999999999999", i64::MAX)]
        {
            assert_eq!(number(t.as_bytes()), n, "{t}");
        }
    }
}
