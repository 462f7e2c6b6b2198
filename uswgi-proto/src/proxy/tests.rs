use super::*;
use proptest::prelude::*;

fn header(bytes: &[u8]) -> (usize, Option<String>) {
    match start(bytes) {
        Ok(Opening::Header { length, client }) => (length, client.map(|c| c.to_string())),
        other => panic!("{other:?}"),
    }
}

/// A header of version 2.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let size = (body.len() as u16).to_be_bytes();
    [V2, &[command, family], &size, body].concat()
}

#[test]
fn lines_of_version_1() {
    let line = b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n";
    assert_eq!(
        header(&[&line[..], b"GET / HTTP/1.1"].concat()),
        (line.len(), Some("192.0.2.7:56324".into()))
    );
    let six = header(b"PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n");
    assert_eq!(six.1, Some("[2001:db8::7]:1".into()));
    assert_eq!(header(b"PROXY UNKNOWN\r\n"), (15, None));
    assert_eq!(header(b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\nGET").1, None);
    for bad in [
        "PROXY TCP4 192.0.2.7 10.0.0.1 56324\r\n",
        "PROXY TCP4 2001:db8::7 10.0.0.1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 10.0.0.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 65536 2\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 +1 2\r\n",
        "PROXY TCP4 192.0.2.7  10.0.0.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 nowhere 1 2\r\n",
        "PROXY /path HTTP/1.1\r\n",
        "PROXY \r\n",
    ] {
        assert_eq!(start(bad.as_bytes()), Err(ProxyError::BadLine), "{bad}");
    }
    let long = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    assert_eq!(start(&long), Err(ProxyError::NoEnd));
}

#[test]
fn headers_of_version_2() {
    let four = [192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 4, 1, 187];
    let bytes = v2(0x21, 0x11, &four);
    assert_eq!(header(&[&bytes[..], b"GET"].concat()), (28, Some("192.0.2.7:56324".into())));
    let tlv = [&four[..], &[4, 0, 2, b'x', b'y']].concat();
    assert_eq!(header(&v2(0x21, 0x11, &tlv)), (33, Some("192.0.2.7:56324".into())));
    let mut six = [0; 36];
    (six[0], six[1], six[15], six[33]) = (0x20, 1, 7, 80);
    assert_eq!(header(&v2(0x21, 0x21, &six)).1, Some("[2001::7]:80".into()));
    assert_eq!(header(&v2(0x20, 0x11, &four)), (28, None), "LOCAL");
    assert_eq!(header(&v2(0x20, 0, &[])), (16, None));
    assert_eq!(header(&v2(0x21, 0x31, &[0; 216])), (232, None), "unix");
    assert_eq!(start(&v2(0x21, 0x11, &four[..11])), Err(ProxyError::TooShort(11)));
    assert_eq!(start(&v2(0x21, 0x21, &six[..35])), Err(ProxyError::TooShort(35)));
    assert_eq!(start(&v2(0x11, 0x11, &four)), Err(ProxyError::BadCommand(0x11)));
    assert_eq!(start(&v2(0x22, 0x11, &four)), Err(ProxyError::BadCommand(0x22)));
    let long = [V2, &[0x21, 0x11, 0xff, 0xff]].concat();
    assert_eq!(start(&long), Err(ProxyError::TooLong(65535)));
}

#[test]
fn what_begins_otherwise_is_none() {
    for other in ["GET / HTTP/1.1\r\n", "POST", "\r\nGET", "PROX /", "\0\x05"] {
        assert_eq!(start(other.as_bytes()), Ok(Opening::Other), "{other:?}");
    }
    for so_far in ["", "P", "PROXY", "PROXY TCP4 192", "\r", "\r\n\r\n\0"] {
        assert_eq!(start(so_far.as_bytes()), Ok(Opening::Partial), "{so_far:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_a_piece_is_partial(bytes in prop::collection::vec(any::<u8>(), 0..64), version in 0..3u8) {
        let begun = match version {
            0 => bytes,
            1 => [V1, &bytes[..]].concat(),
            _ => [V2, &bytes[..]].concat(),
        };
        if let Ok(Opening::Header { length, .. }) = start(&begun) {
            prop_assert!(length <= begun.len());
            prop_assert_eq!(start(&begun), start(&begun[..length]), "what follows changes nothing");
            for piece in 0..length {
                prop_assert_eq!(start(&begun[..piece]), Ok(Opening::Partial));
            }
        }
    }

    #[test]
    fn what_is_written_is_read(ip: u32, port: u16, six: u128) {
        let (ip, six) = (Ipv4Addr::from(ip), Ipv6Addr::from(six));
        let text = format!("PROXY TCP4 {ip} 127.0.0.1 {port} 80\r\n");
        prop_assert_eq!(header(text.as_bytes()).1, Some(format!("{ip}:{port}")));
        let body = [&six.octets()[..], &[0; 16], &port.to_be_bytes(), &[0, 80]].concat();
        prop_assert_eq!(header(&v2(0x21, 0x21, &body)).1, Some(SocketAddr::from((six, port)).to_string()));
    }
}
