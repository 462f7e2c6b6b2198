//! The uwsgi request packet: four bytes of header and a block of variables.
//!
//! Pure functions from bytes to offsets: no socket, no policy about names or modifiers. They must
//! not allocate but in the vector that the caller lends, and never panic on any bytes.
//!
//! ```text
//! modifier1 u8 | size u16 LE | modifier2 u8 | size bytes of: keylen u16 LE, key, vallen u16 LE, value
//! ```

#![forbid(unsafe_code)]

use crate::span::Span;

/// Bytes before the block of variables.
pub const HEADER_LEN: usize = 4;

/// The first four bytes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHeader {
    /// What is asked for: 0 is a WSGI request.
    pub modifier1: u8,
    /// Size of the block of variables in bytes.
    pub size: u16,
    /// Argument of `modifier1`.
    pub modifier2: u8,
}

impl PacketHeader {
    /// The four bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let [low, high] = self.size.to_le_bytes();
        [self.modifier1, low, high, self.modifier2]
    }
}

/// A block of variables that is no such thing. Offsets count from the start of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// A variable without a name.
    #[error("uwsgi packet: the variable at byte {at} has an empty name")]
    EmptyKey {
        /// Offset of its length.
        at: usize,
    },
    /// A length that points behind the end of the block.
    #[error("uwsgi packet: the {part} at byte {at} runs past the end of the {size} byte block")]
    Truncated {
        /// "name" or "value".
        part: &'static str,
        /// Offset of its length.
        at: usize,
        /// Size of the block.
        size: usize,
    },
    /// One stray byte at the end, or a name without a value.
    #[error("uwsgi packet: stray bytes at {at}, at the end of the {size} byte block")]
    Stray {
        /// Offset of the first one.
        at: usize,
        /// Size of the block.
        size: usize,
    },
    /// More variables than allowed.
    #[error("uwsgi packet: more than {limit} variables (max-vars raises the limit)")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

impl PacketError {
    /// Status of the answer, for servers that give one.
    pub fn status(&self) -> u16 {
        match self {
            PacketError::TooMany { .. } => 431,
            _ => 400,
        }
    }
}

/// The header of a packet; `None`: fewer than four bytes.
#[inline]
pub fn header(buf: &[u8]) -> Option<PacketHeader> {
    match *buf {
        [modifier1, low, high, modifier2, ..] => {
            Some(PacketHeader { modifier1, size: u16::from_le_bytes([low, high]), modifier2 })
        }
        _ => None,
    }
}

/// What of a path lies behind SCRIPT_NAME (modifier1 30: the server in front left the name in PATH_INFO). None: the name
/// is no whole segments of it; a PATH_INFO is empty or begins with a slash (RFC 3875 section 4.1.5).
pub fn behind_script<'a>(path: &'a [u8], script: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(script)?;
    matches!(rest, [] | [b'/', ..]).then_some(rest)
}

/// Whether the packet at the start of `buf`, whole or not, good or bad, says REQUEST_METHOD HEAD: its answer has no body.
pub fn is_head(buf: &[u8]) -> bool {
    let Some(header) = header(buf) else { return false };
    let mut block = &buf[HEADER_LEN..buf.len().min(HEADER_LEN + usize::from(header.size))];
    let mut is_head = false;
    // No memory is taken: there may be none. Of a broken block what stands before the break counts.
    while let Some((name, rest)) = first(block)
        && let Some((value, rest)) = first(rest)
    {
        if name == b"REQUEST_METHOD" {
            is_head = value == b"HEAD";
        }
        block = rest;
    }
    is_head
}

/// The first name or value of a block, and what follows.
fn first(block: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = block.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}

/// The variables of a whole block, in order, as (name, value).
///
/// `out` is cleared first. The spans are offsets in the block plus `base`, the offset of the block
/// in the connection's buffer. On an error `out` holds the variables before it.
pub fn vars(
    block: &[u8],
    base: u32,
    max_vars: usize,
    out: &mut Vec<(Span, Span)>,
) -> Result<(), PacketError> {
    out.clear();
    let size = block.len();
    let length_at = |at: usize| match block.get(at..) {
        Some([low, high, ..]) => Some(usize::from(u16::from_le_bytes([*low, *high]))),
        _ => None,
    };
    let span = |start: usize, end: usize| Span { start: base + start as u32, end: base + end as u32 };
    let mut at = 0;
    while at < size {
        let key_length = length_at(at).ok_or(PacketError::Stray { at, size })?;
        if key_length == 0 {
            return Err(PacketError::EmptyKey { at });
        }
        let (key, value_at) = (at + 2, at + 2 + key_length);
        if value_at > size {
            return Err(PacketError::Truncated { part: "name", at, size });
        }
        let value_length = length_at(value_at).ok_or(PacketError::Stray { at: value_at, size })?;
        let (value, end) = (value_at + 2, value_at + 2 + value_length);
        if end > size {
            return Err(PacketError::Truncated { part: "value", at: value_at, size });
        }
        if out.len() == max_vars {
            return Err(PacketError::TooMany { limit: max_vars });
        }
        out.push((span(key, value_at), span(value, end)));
        at = end;
    }
    Ok(())
}

/// Append a variable to a block; false (and nothing appended) when a part is too long for it.
pub fn push_var(block: &mut Vec<u8>, key: &[u8], value: &[u8]) -> bool {
    let (Ok(key_length), Ok(value_length)) = (u16::try_from(key.len()), u16::try_from(value.len())) else {
        return false;
    };
    if block.len() + 4 + key.len() + value.len() > usize::from(u16::MAX) {
        return false;
    }
    block.extend_from_slice(&key_length.to_le_bytes());
    block.extend_from_slice(key);
    block.extend_from_slice(&value_length.to_le_bytes());
    block.extend_from_slice(value);
    true
}

/// Whether these bytes, read from a uwsgi socket, start an HTTP request (the usual mistake is a
/// browser or `proxy_pass` on a `socket =`).
pub fn looks_like_http(buf: &[u8]) -> bool {
    const STARTS: [&[u8]; 10] =
        [b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI", b"PATC", b"CONN", b"TRAC", b"PRI "];
    STARTS.iter().any(|s| buf.starts_with(s))
}

/// Whether these bytes, read from an HTTP socket, start a uwsgi packet (the usual mistake is
/// `uwsgi_pass` to an `http-socket =`). No HTTP request starts with such a byte.
pub fn looks_like_uwsgi(buf: &[u8]) -> bool {
    // A modifier that web servers send, a size, and (when it is there) a name of sane length.
    let Some(h) = header(buf) else { return false };
    if !matches!(h.modifier1, 0 | 5 | 30) || h.modifier2 > 30 || h.size == 0 {
        return false;
    }
    match *buf {
        [_, _, _, _, low, high, ..] => {
            (1..=256).contains(&u16::from_le_bytes([low, high]))
                && buf.get(6).is_none_or(|b| b.is_ascii_uppercase() || *b == b'_')
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(vars: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut b = Vec::new();
        for (k, v) in vars {
            assert!(push_var(&mut b, k, v));
        }
        b
    }

    #[test]
    fn head_is_known_of_a_broken_packet_too() {
        let packet = |vars: &[(&[u8], &[u8])]| {
            let b = block(vars);
            [&PacketHeader { modifier1: 0, size: b.len() as u16, modifier2: 0 }.encode()[..], &b].concat()
        };
        let head = packet(&[(b"REQUEST_METHOD", b"HEAD"), (b"PATH_INFO", b"/x")]);
        assert!(
            is_head(&head) && is_head(&[&head[..], b"body"].concat()) && is_head(&head[..head.len() - 1])
        );
        assert!(is_head(&head[..22 + HEADER_LEN]));
        assert!(!is_head(&head[..20]) && !is_head(&head[..3]) && !is_head(b""));
        assert!(
            !is_head(&packet(&[(b"REQUEST_METHOD", b"HEAD"), (b"REQUEST_METHOD", b"GET")])),
            "the last counts"
        );
        assert!(!is_head(&packet(&[(b"X", b"\x0e\0REQUEST_METHOD\x04\0HEAD")])));
    }

    #[test]
    fn a_script_name_is_whole_segments_of_a_path() {
        for (path, script, rest) in [
            ("/app/a", "/app", Some("/a")),
            ("/app", "/app", Some("")),
            ("/app/", "/app", Some("/")),
            ("/application/env", "/app", None),
            ("/env", "/", None),
            ("/other", "/app", None),
            ("/a", "", Some("/a")),
        ] {
            let got = behind_script(path.as_bytes(), script.as_bytes());
            assert_eq!(got, rest.map(str::as_bytes), "{path} behind {script}");
        }
    }

    #[test]
    fn variables_come_back_with_their_offsets() {
        let mut buf = PacketHeader { modifier1: 0, size: 0, modifier2: 0 }.encode().to_vec();
        let b = block(&[(b"PATH_INFO", b"/x"), (b"QUERY_STRING", b"")]);
        buf.extend_from_slice(&b);
        let mut out = vec![(Span::default(), Span::default())];
        vars(&buf[4..], 4, 2, &mut out).unwrap();
        let got: Vec<_> = out.iter().map(|(k, v)| (k.of(&buf), v.of(&buf))).collect();
        assert_eq!(got, [(&b"PATH_INFO"[..], &b"/x"[..]), (b"QUERY_STRING", b"")]);
        vars(b"", 4, 2, &mut out).unwrap();
        assert!(out.is_empty());
    }

    #[test]
    fn every_broken_block_is_refused_by_name() {
        let mut out = Vec::new();
        let mut check = |bytes: &[u8], expected| assert_eq!(vars(bytes, 0, 9, &mut out), Err(expected));
        check(b"\0\0\x01\0a", PacketError::EmptyKey { at: 0 });
        check(b"\x05\0ab", PacketError::Truncated { part: "name", at: 0, size: 4 });
        check(b"\x01\0a\x02\0b", PacketError::Truncated { part: "value", at: 3, size: 6 });
        check(b"\x01", PacketError::Stray { at: 0, size: 1 });
        check(b"\x01\0a", PacketError::Stray { at: 3, size: 3 });
        check(b"\x01\0a\x01", PacketError::Stray { at: 3, size: 4 });
        let mut b = block(&[(b"A", b"1")]);
        b.push(0);
        check(&b, PacketError::Stray { at: 6, size: 7 });
        b.push(0);
        check(&b, PacketError::EmptyKey { at: 6 });
    }

    #[test]
    fn more_variables_than_allowed_are_refused() {
        let b = block(&[(b"A", b"1"), (b"B", b"2"), (b"C", b"3")]);
        let mut out = Vec::new();
        assert!(vars(&b, 0, 3, &mut out).is_ok());
        assert_eq!(vars(&b, 0, 2, &mut out).unwrap_err().status(), 431);
    }

    #[test]
    fn header_needs_four_bytes() {
        assert_eq!(header(b"\0\x01\0"), None);
        let h = PacketHeader { modifier1: 100, size: 0x0201, modifier2: 7 };
        assert_eq!(header(&h.encode()), Some(h));
    }

    #[test]
    fn the_wrong_protocol_is_recognised() {
        assert!(looks_like_http(b"GET / HTTP/1.1\r\n"));
        assert!(!looks_like_http(b"\0\x10\0\0\x0b\0REQUEST_URI"));
        assert!(looks_like_uwsgi(b"\0\x10\0\0\x0b\0REQUEST_URI"));
        assert!(!looks_like_uwsgi(b"GET / HTTP/1.1\r\n"));
        assert!(!looks_like_uwsgi(b"\0\0\0\0\0\0\0\0"));
    }
}
