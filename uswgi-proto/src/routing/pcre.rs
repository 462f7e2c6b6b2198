//! Patterns as PCRE reads them, in the words of the crate regex, where the two differ about plain characters (pcre2syntax(3)).

/// The same pattern for the crate regex.
pub(super) fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        rest = match c {
            '\\' => escape(behind, &mut out),
            '[' => class(behind, &mut out),
            // A brace that begins no count is a plain one.
            '{' if !counts(behind) => {
                out.push_str("\\{");
                behind
            }
            '{' => {
                let end = behind.find('}').map_or(behind.len(), |at| at + 1);
                out.push('{');
                out.push_str(&behind[..end]);
                &behind[end..]
            }
            '}' | ']' => {
                out.push('\\');
                out.push(c);
                behind
            }
            _ => {
                out.push(c);
                behind
            }
        };
    }
    out
}

/// `2}`, `2,}` or `2,3}`.
fn counts(behind: &str) -> bool {
    let Some((inside, _)) = behind.split_once('}') else { return false };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

/// What stands behind a backslash outside of a class; gives what is left.
fn escape<'a>(behind: &'a str, out: &mut String) -> &'a str {
    let Some(c) = behind.chars().next() else {
        out.push('\\');
        return behind;
    };
    let left = &behind[c.len_utf8()..];
    match c {
        'Q' => {
            let (quoted, left) = left.split_once("\\E").unwrap_or((left, ""));
            out.push_str(&regex::escape(quoted));
            return left;
        }
        'E' => {}
        '<' | '>' => out.push(c),
        'h' => out.push_str("[\\t ]"),
        'Z' => out.push('$'),
        'e' => out.push_str("\\x1b"),
        _ => {
            out.push('\\');
            out.push(c);
        }
    }
    left
}

/// A class, behind its bracket: brackets and doubled signs in it are plain characters for PCRE.
fn class<'a>(behind: &'a str, out: &mut String) -> &'a str {
    out.push('[');
    let mut rest = behind;
    if let Some(left) = rest.strip_prefix('^') {
        out.push('^');
        rest = left;
    }
    if let Some(left) = rest.strip_prefix(']') {
        out.push_str("\\]");
        rest = left;
    }
    let mut before = '\0';
    while let Some(c) = rest.chars().next() {
        let left = &rest[c.len_utf8()..];
        rest = match c {
            ']' => {
                out.push(']');
                return left;
            }
            '[' if left.starts_with(':') && left.contains(":]") => {
                let end = left.find(":]").map_or(left.len(), |at| at + 2);
                out.push('[');
                out.push_str(&left[..end]);
                &left[end..]
            }
            '\\' => match left.chars().next() {
                Some('h') => {
                    out.push_str("\\t ");
                    &left[1..]
                }
                Some(escaped @ ('<' | '>')) => {
                    out.push(escaped);
                    &left[1..]
                }
                Some('b') => {
                    out.push_str("\\x08");
                    &left[1..]
                }
                Some(escaped) => {
                    out.push('\\');
                    out.push(escaped);
                    &left[escaped.len_utf8()..]
                }
                None => {
                    out.push('\\');
                    left
                }
            },
            '[' => {
                out.push_str("\\[");
                left
            }
            '&' | '~' | '-' if before == c => {
                out.push('\\');
                out.push(c);
                left
            }
            _ => {
                out.push(c);
                left
            }
        };
        before = c;
    }
    rest
}
