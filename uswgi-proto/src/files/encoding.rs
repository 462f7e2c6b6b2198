//! Accept-Encoding (RFC 9110 section 12.5.3), as far as gzip is concerned.

/// Whether a client that sent this field takes gzip. An empty field takes nothing but the plain file.
pub fn accepts_gzip(field: &[u8]) -> bool {
    let (mut named, mut any) = (None, None);
    for item in field.split(|&b| b == b',') {
        let mut parts = item.split(|&b| b == b';');
        let coding = parts.next().unwrap_or_default().trim_ascii();
        let wanted = parts.all(|p| !is_zero(p));
        if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") {
            named = Some(wanted);
        } else if coding == b"*" {
            any = Some(wanted);
        }
    }
    named.or(any).unwrap_or(false)
}

/// `q=0`, `q=0.000`.
fn is_zero(parameter: &[u8]) -> bool {
    let parameter = parameter.trim_ascii();
    let Some((b'q' | b'Q', value)) = parameter.split_first() else { return false };
    let Some((b'=', value)) = value.trim_ascii().split_first() else { return false };
    let value = value.trim_ascii();
    !value.is_empty() && value.iter().all(|b| matches!(b, b'0' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_gzip() {
        for field in [
            "gzip",
            "deflate, gzip",
            "GZIP;q=0.5",
            "x-gzip",
            "*",
            "br;q=1.0, *;q=0.1",
            "gzip ; q=1",
            "gzip;q=0.001",
        ] {
            assert!(accepts_gzip(field.as_bytes()), "{field}");
        }
        for field in [
            "",
            "identity",
            "deflate, br",
            "gzip;q=0",
            "gzip; q=0.000",
            "*;q=0",
            "*, gzip;q=0",
            "gzippy",
            "notgzip",
        ] {
            assert!(!accepts_gzip(field.as_bytes()), "{field}");
        }
    }
}
