//! PATH_INFO of a raw path: dot segments resolved, then escapes decoded. It must never give a path that leaves the
//! root, nor one that a server in front may have read as another.

use super::HttpError;

/// Decode a raw path into `out` (cleared first).
///
/// Dot segments are resolved on the raw path (RFC 3986 section 5.2.4), `%2E` being a dot, and `..` at the root stays there.
/// Then the escapes are decoded; `%2F` becomes a slash, as CGI demands. Repeated slashes are kept. An empty path
/// gives `/`, and `*` (of `OPTIONS *`) stays. A `%` without two digits, and `%00`, are refused.
///
/// Refused with [`HttpError::Dots`] is what servers read differently, because one that checks paths by their
/// prefix would have judged another path: a dot segment that appears only when `%2F` is decoded, and a `..` that
/// takes away an empty segment (nginx and Apache merge slashes first) or one that holds `%2F` (they decode first).
pub fn decode_path(raw: &[u8], out: &mut Vec<u8>) -> Result<(), HttpError> {
    out.clear();
    match raw {
        [] => out.push(b'/'),
        b"*" => out.push(b'*'),
        [b'/', ..] => {
            unescape(raw, out)?;
            if memchr::memmem::find(out, b"/.").is_some() {
                out.clear();
                out.extend_from_slice(raw);
                resolve(out)?;
                unescape_in_place(out);
                if out.split(|b| *b == b'/').any(|segment| matches!(segment, b"." | b"..")) {
                    return Err(HttpError::Dots);
                }
            }
        }
        _ => return Err(HttpError::Target),
    }
    Ok(())
}

fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<(), HttpError> {
    let mut rest = raw;
    while let Some(at) = memchr::memchr2(b'%', 0, rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(escaped(&rest[at..]).filter(|b| *b != 0).ok_or(HttpError::Escape)?);
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// The byte of the escape at the start.
fn escaped(text: &[u8]) -> Option<u8> {
    match *text {
        [b'%', high, low, ..] => hex(high).zip(hex(low)).map(|(h, l)| h << 4 | l),
        _ => None,
    }
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|d| d as u8)
}

/// As [`unescape`], of a path that it has taken.
fn unescape_in_place(path: &mut Vec<u8>) {
    let (mut read, mut write) = (0, 0);
    while read < path.len() {
        let (byte, length) = escaped(&path[read..]).map_or((path[read], 1), |byte| (byte, 3));
        path[write] = byte;
        read += length;
        write += 1;
    }
    path.truncate(write);
}

/// Remove `.` and `..` segments of a raw path in place. It starts with a slash.
fn resolve(path: &mut Vec<u8>) -> Result<(), HttpError> {
    // `write` never passes `read`: what is kept moves to the front.
    let (mut read, mut write) = (0, 0);
    while read < path.len() {
        // path[read] is the slash before a segment.
        let next = memchr::memchr(b'/', &path[read + 1..]).map_or(path.len(), |n| read + 1 + n);
        match dots(&path[read + 1..next]) {
            Some(up) => {
                if up && let Some(slash) = path[..write].iter().rposition(|b| *b == b'/') {
                    if is_ambiguous(&path[slash + 1..write]) {
                        return Err(HttpError::Dots);
                    }
                    write = slash;
                }
                // A path that ends with a dot segment names a directory.
                if next == path.len() {
                    path[write] = b'/';
                    write += 1;
                }
            }
            None => {
                path.copy_within(read..next, write);
                write += next - read;
            }
        }
        read = next;
    }
    path.truncate(write);
    Ok(())
}

/// Whether a raw segment is `..` (true) or `.` (false); None: neither.
fn dots(segment: &[u8]) -> Option<bool> {
    let (mut rest, mut count) = (segment, 0);
    while let [b'.', after @ ..] | [b'%', b'2', b'e' | b'E', after @ ..] = rest {
        rest = after;
        count += 1;
    }
    (rest.is_empty() && matches!(count, 1 | 2)).then_some(count == 2)
}

/// Whether a raw segment is one to some servers, and none or several to others.
fn is_ambiguous(segment: &[u8]) -> bool {
    segment.is_empty() || segment.windows(3).any(|escape| escape.eq_ignore_ascii_case(b"%2f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(raw: &str) -> String {
        let mut out = b"old".to_vec();
        decode_path(raw.as_bytes(), &mut out).unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn paths_are_decoded_and_resolved() {
        for (raw, expected) in [
            ("", "/"),
            ("*", "*"),
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a%20b%C3%A9", "/a b\u{e9}"),
            ("/a%2Fb%2fc", "/a/b/c"),
            ("/%25%32%65", "/%2e"),
            ("/a//b", "/a//b"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/.", "/"),
            ("/..", "/"),
            ("/../../etc", "/etc"),
            ("/%2e%2e/%2E./etc", "/etc"),
            ("/a/%2e/b/.%2e/c", "/a/c"),
            ("/a%2Fb/./c", "/a/b/c"),
            ("/a%2F.b", "/a/.b"),
            ("/%252e%252e/a", "/%2e%2e/a"),
            ("/a/.../b", "/a/.../b"),
            ("/.a/..b", "/.a/..b"),
            ("/a/b/../../../c/", "/c/"),
            ("/a.", "/a."),
        ] {
            assert_eq!(decoded(raw), expected, "{raw}");
        }
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        for raw in [
            "/a%2F../b",
            "/a/..%2Fb",
            "/%2e%2e%2fetc",
            "/a%2f.%2fb",
            "/a/b%2F..",
            "/..%2F..%2Fetc",
            "/a%2Fb/../c",
            "/x/a%2Fb/../../c",
            "/a//../b",
            "//..",
            "/a/%2F/../b",
        ] {
            assert_eq!(decode_path(raw.as_bytes(), &mut Vec::new()), Err(HttpError::Dots), "{raw}");
        }
        assert_eq!(HttpError::Dots.status(), 400);
    }

    #[test]
    fn bad_escapes_are_refused() {
        for raw in ["/%", "/%4", "/./%", "/a/../%0", "/%zz", "/a%00", "/%+1", "/\0"] {
            let result = decode_path(raw.as_bytes(), &mut Vec::new());
            assert_eq!(result.map_err(|e| e.status()), Err(400), "{raw:?}");
        }
        assert_eq!(decode_path(b"a/b", &mut Vec::new()), Err(HttpError::Target));
    }
}
