//! From a header name to its key in the environ. It must not let two names that differ on the wire
//! meet in one key: that is how a client forges what a proxy vouches for.

/// Write the key for a header into `out` (cleared first); false: the header must be dropped.
///
/// `X-Real-Ip` gives `HTTP_X_REAL_IP`; `Content-Type` and `Content-Length` have keys without a
/// prefix (PEP 3333). Dropped are names with `_`, which would meet those with `-`, and `Proxy`, whose
/// key many HTTP clients take for their own configuration.
pub fn environ_name(header: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    if header.is_empty() || header.contains(&b'_') || header.eq_ignore_ascii_case(b"proxy") {
        return false;
    }
    let bare = header.eq_ignore_ascii_case(b"content-type") || header.eq_ignore_ascii_case(b"content-length");
    if !bare {
        out.extend_from_slice(b"HTTP_");
    }
    out.extend(header.iter().map(|b| if *b == b'-' { b'_' } else { b.to_ascii_uppercase() }));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_keys() {
        let mut out = Vec::new();
        for (header, key) in [
            ("Host", "HTTP_HOST"),
            ("x-forwarded-for", "HTTP_X_FORWARDED_FOR"),
            ("Content-Type", "CONTENT_TYPE"),
            ("content-length", "CONTENT_LENGTH"),
            ("X.1", "HTTP_X.1"),
        ] {
            assert!(environ_name(header.as_bytes(), &mut out));
            assert_eq!(out, key.as_bytes());
        }
    }

    #[test]
    fn names_that_could_forge_are_dropped() {
        for header in ["X_Forwarded_For", "Remote-User_", "Proxy", "PROXY", ""] {
            assert!(!environ_name(header.as_bytes(), &mut Vec::new()), "{header}");
        }
    }
}
