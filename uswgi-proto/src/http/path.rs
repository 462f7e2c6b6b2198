//! From the raw path of a target to PATH_INFO: escapes decoded, dot segments resolved. It must
//! never give a path that leaves the root.

use super::HttpError;

/// Decode a raw path into `out` (cleared first).
///
/// `%2F` becomes a slash, as CGI demands; dots are resolved after decoding, so an encoded `..` is
/// no way out; `..` at the root stays there; repeated slashes are kept. An empty path gives `/`, and
/// `*` (of `OPTIONS *`) stays. A `%` without two digits, and `%00`, are refused.
pub fn decode_path(raw: &[u8], out: &mut Vec<u8>) -> Result<(), HttpError> {
    out.clear();
    match raw {
        [] => out.push(b'/'),
        b"*" => out.push(b'*'),
        [b'/', ..] => {
            unescape(raw, out)?;
            if memchr::memmem::find(out, b"/.").is_some() {
                resolve(out);
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
        match rest[at..] {
            [b'%', high, low, ..] => {
                let byte = hex(high).zip(hex(low)).map(|(h, l)| h << 4 | l);
                out.push(byte.filter(|b| *b != 0).ok_or(HttpError::Escape)?);
            }
            _ => return Err(HttpError::Escape),
        }
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|d| d as u8)
}

/// Remove `.` and `..` segments in place (RFC 3986 section 5.2.4). The path starts with a slash.
fn resolve(path: &mut Vec<u8>) {
    // `write` never passes `read`: what is kept moves to the front.
    let (mut read, mut write) = (0, 0);
    while read < path.len() {
        // path[read] is the slash before a segment.
        let next = memchr::memchr(b'/', &path[read + 1..]).map_or(path.len(), |n| read + 1 + n);
        let last = next == path.len();
        match &path[read + 1..next] {
            b"." => {}
            b".." => write = path[..write].iter().rposition(|b| *b == b'/').unwrap_or(0),
            segment => {
                let length = segment.len() + 1;
                path.copy_within(read..next, write);
                write += length;
                read = next;
                continue;
            }
        }
        // A path that ends with a dot segment names a directory.
        if last {
            path[write] = b'/';
            write += 1;
        }
        read = next;
    }
    path.truncate(write);
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
            ("/%2e%2e/%2E%2E%2Fetc", "/etc"),
            ("/a/.../b", "/a/.../b"),
            ("/.a/..b", "/.a/..b"),
            ("/a/b/../../../c/", "/c/"),
            ("/a//../b", "/a/b"),
            ("//..", "/"),
            ("/a.", "/a."),
        ] {
            assert_eq!(decoded(raw), expected, "{raw}");
        }
    }

    #[test]
    fn bad_escapes_are_refused() {
        for raw in ["/%", "/%4", "/%zz", "/a%00", "/%+1", "/\0"] {
            let result = decode_path(raw.as_bytes(), &mut Vec::new());
            assert_eq!(result.map_err(|e| e.status()), Err(400), "{raw:?}");
        }
        assert_eq!(decode_path(b"a/b", &mut Vec::new()), Err(HttpError::Target));
    }
}
