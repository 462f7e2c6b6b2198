//! What a request says of a client's certificate (X.509, RFC 5280): its subject as text, and itself in PEM. Pure; whether it
//! may be believed was decided in the handshake.

#![forbid(unsafe_code)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Short names of attribute types, by the content of their object identifiers (RFC 4519 and RFC 2985, as OpenSSL names them).
const NAMES: [(&[u8], &str); 12] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 42], "GN"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const IDENTIFIER: u8 = 6;
/// BMPString: two bytes a character.
const WIDE: u8 = 30;

/// One value of DER: tag, content, and what follows.
fn value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = bytes else { return None };
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((*tag, content, after))
}

/// The content of one with this tag, and what follows.
fn tagged(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    value(bytes).filter(|found| found.0 == tag).map(|(_, content, after)| (content, after))
}

/// The subject of a certificate in DER as OpenSSL writes it in a line: `/C=DE/O=Org/CN=name`. None: it is no certificate.
/// What is no printable ASCII is written as `\xNN`.
pub fn subject(certificate: &[u8]) -> Option<String> {
    let (certificate, _) = tagged(certificate, SEQUENCE)?;
    let (mut rest, _) = tagged(certificate, SEQUENCE)?;
    if let Some((_, after)) = tagged(rest, 0xa0) {
        // The version.
        rest = after;
    }
    // Serial number, algorithm, issuer, validity.
    for _ in 0..4 {
        rest = value(rest)?.2;
    }
    let (mut names, _) = tagged(rest, SEQUENCE)?;
    let mut text = String::new();
    while !names.is_empty() {
        let (mut set, after) = tagged(names, SET)?;
        names = after;
        while !set.is_empty() {
            let (pair, after) = tagged(set, SEQUENCE)?;
            set = after;
            let (identifier, pair) = tagged(pair, IDENTIFIER)?;
            let (tag, said, _) = value(pair)?;
            text.push('/');
            match NAMES.iter().find(|(known, _)| *known == identifier) {
                Some((_, name)) => text.push_str(name),
                None => text.push_str(&dotted(identifier)),
            }
            text.push('=');
            let wide = said.chunks(2).filter(|_| tag == WIDE).filter_map(|pair| pair.last());
            let narrow = said.iter().filter(|_| tag != WIDE);
            for byte in wide.chain(narrow) {
                match byte {
                    b' '..=b'~' => text.push(char::from(*byte)),
                    other => text.push_str(&format!("\\x{other:02X}")),
                }
            }
        }
    }
    Some(text)
}

/// An object identifier in numbers (X.690 section 8.19).
fn dotted(identifier: &[u8]) -> String {
    let (mut parts, mut number) = (Vec::new(), 0u64);
    for byte in identifier {
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            parts.push(number);
            number = 0;
        }
    }
    let Some((first, rest)) = parts.split_first() else { return String::new() };
    let arc = (first / 40).min(2);
    let all = [arc, first - arc * 40].into_iter().chain(rest.iter().copied());
    all.map(|n| n.to_string()).collect::<Vec<_>>().join(".")
}

/// A certificate in PEM (RFC 7468).
pub fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|b| char::from(*b)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        match content.len() {
            n @ 0..=0x7f => [&[tag, n as u8], content].concat(),
            n => [&[tag, 0x82, (n >> 8) as u8, n as u8], content].concat(),
        }
    }

    /// A certificate as far as its subject matters.
    fn with(names: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
        let pair = |(id, tag, text): &(&[u8], u8, &[u8])| {
            der(SET, &der(SEQUENCE, &[der(IDENTIFIER, id), der(*tag, text)].concat()))
        };
        let subject = der(SEQUENCE, &names.iter().flat_map(pair).collect::<Vec<_>>());
        let before = [der(0xa0, &der(2, &[2])), der(2, &[1; 20]), der(SEQUENCE, b""), der(SEQUENCE, b"")];
        let body = [&before.concat()[..], &der(SEQUENCE, b""), &subject, &der(SEQUENCE, &[0; 200])].concat();
        der(SEQUENCE, &der(SEQUENCE, &body))
    }

    /// As `openssl x509 -subject -nameopt compat` writes them, which uWSGI 2.0.31 shows.
    #[test]
    fn a_subject_is_one_line() {
        let names: [(&[u8], u8, &[u8]); 5] = [
            (&[0x55, 4, 6], 19, b"DE"),
            (&[0x55, 4, 10], 12, "Bücher".as_bytes()),
            (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], 22, b"a@b"),
            (&[0x2a, 3, 0x81, 0], 19, b"x"),
            (&[0x55, 4, 3], WIDE, b"\0w"),
        ];
        let text = "/C=DE/O=B\\xC3\\xBCcher/emailAddress=a@b/1.2.3.128=x/CN=w";
        assert_eq!(subject(&with(&names)).as_deref(), Some(text));
        assert_eq!(subject(b"no certificate"), None);
        let pem = pem(&[0; 49]);
        let lines: Vec<&str> = pem.lines().collect();
        assert_eq!((lines.len(), lines[1].len(), lines[2]), (4, 64, "AA=="));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), at in any::<prop::sample::Index>()) {
            let _ = subject(&bytes);
            let mut broken = with(&[(&[0x55, 4, 3], 12, b"name")]);
            let at = at.index(broken.len());
            broken.splice(at.., bytes);
            let _ = subject(&broken);
        }
    }
}
