//! The request line: method, target in one of its forms, version. Knows no header.

use super::{Head, HttpError, Span};

/// Characters of a token (RFC 9110 section 5.6.2).
pub(super) const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        table[i] = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        i += 1;
    }
    table
};

/// Parse the line without its CR LF, `text` being its offsets.
pub(super) fn parse(buf: &[u8], text: (usize, usize), head: &mut Head) -> Result<(), HttpError> {
    let (start, end) = text;
    let line = &buf[start..end];
    let method = line.iter().position(|b| !TOKEN[usize::from(*b)]).ok_or(HttpError::RequestLine)?;
    match (method, line[method]) {
        (0, b' ') => return Err(HttpError::RequestLine),
        (1.., b' ') => {}
        _ => return Err(HttpError::Method),
    }
    // The version is the last nine bytes, its space included; a target cannot hold a space.
    let target = method + 1;
    let version = line.len().checked_sub(9).filter(|at| *at > target).ok_or(HttpError::RequestLine)?;
    match line[version..] {
        [b' ', b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            if major != b'1' {
                return Err(HttpError::Version);
            }
            head.minor = minor - b'0';
        }
        _ => return Err(HttpError::RequestLine),
    }
    // Bytes above ASCII are taken: clients send UTF-8 unescaped. A fragment never leaves a client.
    if line[target..version].iter().fold(false, |bad, b| bad | (*b <= b' ') | (*b == 0x7f) | (*b == b'#')) {
        return Err(HttpError::Target);
    }
    head.keep_alive = head.minor > 0;
    head.method = Span::new(start, start + method);
    head.target = Span::new(start + target, start + version);
    split(buf, head)
}

/// Find path and query in the target.
fn split(buf: &[u8], head: &mut Head) -> Result<(), HttpError> {
    let method = head.method.of(buf);
    let target = head.target.of(buf);
    let (from, to) = (head.target.start as usize, head.target.end as usize);
    if method == b"CONNECT" {
        return Err(HttpError::Connect);
    }
    let path = match target {
        [b'/', ..] => from,
        b"*" if method == b"OPTIONS" => {
            head.path = head.target;
            head.query = Span::new(to, to);
            return Ok(());
        }
        _ => {
            let skip = scheme(target).ok_or(HttpError::Target)?;
            let rest = &target[skip..];
            let length = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
            if length == 0 || !is_authority(&rest[..length]) {
                return Err(HttpError::Target);
            }
            head.authority = Some(Span::new(from + skip, from + skip + length));
            from + skip + length
        }
    };
    let question = memchr::memchr(b'?', &buf[path..to]).map(|n| path + n);
    head.path = Span::new(path, question.unwrap_or(to));
    head.query = Span::new(question.map_or(to, |n| n + 1), to);
    Ok(())
}

/// Bytes of `http://` or `https://` at the start.
fn scheme(target: &[u8]) -> Option<usize> {
    [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|s| target.get(..s.len()).is_some_and(|t| t.eq_ignore_ascii_case(s)))
        .map(<[u8]>::len)
}

/// Whether this can be a host and port: no user name, no path, nothing that a template or a log
/// could stumble over. An empty one is allowed (RFC 9112 section 3.2).
pub(super) fn is_authority(text: &[u8]) -> bool {
    let (host, port) = match text {
        [b'[', rest @ ..] => match rest.iter().position(|b| *b == b']') {
            Some(n) if n > 0 => {
                if !rest[..n].iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')) {
                    return false;
                }
                (&b"v6"[..], &rest[n + 1..])
            }
            _ => return false,
        },
        _ => text.split_at(memchr::memchr(b':', text).unwrap_or(text.len())),
    };
    let port_fits = match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    port_fits && is_reg_name(host)
}

/// Whether every byte can stand in a reg-name.
pub(super) fn is_reg_name(text: &[u8]) -> bool {
    text.iter().all(|b| REG_NAME[usize::from(*b)])
}

/// reg-name of RFC 3986: unreserved, percent escapes, sub-delims; UTF-8 is taken as in a path.
const REG_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        table[i] = b.is_ascii_alphanumeric()
            || b >= 0x80
            || matches!(
                b,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'%'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
            );
        i += 1;
    }
    table
};
