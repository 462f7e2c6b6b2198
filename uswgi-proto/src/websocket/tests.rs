use super::*;

const MASK: [u8; 4] = [1, 2, 3, 4];

/// A frame as a client sends it.
fn client(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_frame(Opcode::Text, payload, &mut bytes);
    let head = bytes.len() - payload.len();
    bytes[0] = first;
    bytes[1] |= 0x80;
    bytes.splice(head..head, MASK);
    bytes[head + 4..].iter_mut().enumerate().for_each(|(i, b)| *b ^= MASK[i % 4]);
    bytes
}

/// Everything that comes out of bytes.
fn all(limit: usize, bytes: &[u8]) -> Result<Vec<Incoming>, FrameError> {
    let (mut decoder, mut at, mut said) = (FrameDecoder::new(limit), 0, Vec::new());
    while at < bytes.len() {
        let (used, incoming) = decoder.feed(&bytes[at..])?;
        assert!(used > 0);
        at += used;
        said.extend(incoming);
    }
    Ok(said)
}

#[test]
fn messages_come_out_however_they_are_cut_into_frames() {
    let text = |t: &str| Incoming::Text(t.into());
    for n in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
        let payload: Vec<u8> = (0..n).map(|i| i as u8).collect();
        assert_eq!(all(1 << 20, &client(0x82, &payload)), Ok(vec![Incoming::Binary(payload)]), "{n}");
    }
    assert_eq!(all(9, &client(0x81, "grüß".as_bytes())), Ok(vec![text("grüß")]));
    // A character may be cut by fragments, with a ping between.
    let cut = [client(0x01, b"gr\xc3"), client(0x89, b"?"), client(0x80, b"\xbc")].concat();
    assert_eq!(all(9, &cut), Ok(vec![Incoming::Ping(b"?".to_vec()), text("grü")]));
    assert_eq!(all(9, &client(0x8a, b"")), Ok(vec![Incoming::Pong]));
}

#[test]
fn after_a_close_frame_nothing_is_looked_at() {
    let close = |payload: &[u8]| [client(0x88, payload), vec![0xff; 40]].concat();
    assert_eq!(all(9, &close(b"")), Ok(vec![Incoming::Close(None)]));
    assert_eq!(all(9, &close(b"\x0f\xa0bye")), Ok(vec![Incoming::Close(Some((4000, "bye".into())))]));
}

#[test]
fn every_violation_has_its_close_code_as_soon_as_it_can_be_seen() {
    let cases: [(&str, Vec<u8>, u16); 22] = [
        ("bare", vec![0x81, 0x01, b'x'], 1002),
        ("bare, seen in its head", vec![0x81, 0x7f], 1002),
        ("reserved bit", client(0xc1, b"x"), 1002),
        ("opcode 3", client(0x83, b"x"), 1002),
        ("opcode 15", client(0x8f, b"x"), 1002),
        ("ping of 126", client(0x89, &[0; 126]), 1002),
        ("ping in fragments", client(0x09, b"x"), 1002),
        ("close in fragments", client(0x08, b""), 1002),
        ("goes on with nothing", client(0x80, b"x"), 1002),
        ("begins in the middle", [client(0x01, b"a"), client(0x81, b"b")].concat(), 1002),
        ("16 bits for a short one", vec![0x82, 0xfe, 0, 125, 0, 0, 0, 0], 1002),
        ("64 bits for a short one", [vec![0x82, 0xff], vec![0; 6], vec![0xff; 2], vec![0; 4]].concat(), 1002),
        ("beyond 63 bits", [vec![0x82, 0xff], vec![0xff; 12]].concat(), 1002),
        ("close of one byte", client(0x88, b"x"), 1002),
        ("close 1006", client(0x88, &1006u16.to_be_bytes()), 1002),
        ("close 2999", client(0x88, &2999u16.to_be_bytes()), 1002),
        ("a reason that is no text", client(0x88, b"\x03\xe8\xff"), 1007),
        ("no text", client(0x81, b"\xff"), 1007),
        ("no text any more", client(0x01, b"\xce\xba\xf4\x90"), 1007),
        ("no text in a part of a frame", client(0x81, b"\xed\xa0\x80 and so on")[..9].to_vec(), 1007),
        ("too large", client(0x82, &[0; 1001]), 1009),
        ("too large in pieces", [client(0x02, &[0; 600]), client(0x80, &[0; 401])].concat(), 1009),
    ];
    for (what, bytes, code) in cases {
        let mut decoder = FrameDecoder::new(1000);
        let mut at = 0;
        let error = loop {
            match decoder.feed(&bytes[at..]) {
                Ok((used, _)) if at + used < bytes.len() => at += used,
                Ok(_) => panic!("{what} is taken"),
                Err(e) => break e,
            }
        };
        assert_eq!(error.code(), code, "{what}: {error}");
        assert_eq!(decoder.feed(&client(0x81, b"x")), Err(error), "{what}: it stays");
        assert_eq!(decoder.held(), 0, "{what}");
    }
}

#[test]
fn an_announced_length_takes_no_memory_and_fragments_come_to_an_end() {
    let mut decoder = FrameDecoder::new(1 << 30);
    decoder.feed(&[0x82, 0xff, 0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff, 1, 2, 3, 4, 9]).unwrap();
    assert!(decoder.held() < 8192, "{}", decoder.held());
    let mut decoder = FrameDecoder::new(10);
    decoder.feed(&client(0x01, b"")).unwrap();
    let went_on = (0..MAX_FRAMES).take_while(|_| decoder.feed(&client(0x00, b"")).is_ok()).count();
    assert_eq!(went_on as u32, MAX_FRAMES - 1);
    assert_eq!(decoder.feed(b"x"), Err(FrameError::TooManyFrames));
    assert_eq!(FrameError::TooManyFrames.code(), 1008);
}

#[test]
fn close_frames_of_our_own_carry_what_may_be_sent() {
    let frame = |code, reason: &str| {
        let mut out = Vec::new();
        put_close(code, reason, &mut out);
        out
    };
    assert_eq!(frame(1000, "bye"), b"\x88\x05\x03\xe8bye");
    assert_eq!(frame(1005, "never"), b"\x88\x00");
    assert_eq!(frame(1006, ""), b"\x88\x00");
    // A reason is cut between two characters.
    let long = frame(4000, &"ä".repeat(100));
    assert_eq!((long.len(), long[1]), (2 + 2 + 122, 124));
}

#[test]
fn a_handshake_is_recognised_checked_and_answered() {
    assert!(is_asked(b"GET", b"websocket", b"Upgrade"));
    assert!(is_asked(b"GET", b"h2c, WebSocket", b"keep-alive, upgrade"));
    for (method, upgrade, connection) in
        [("POST", "websocket", "upgrade"), ("GET", "websockets", "upgrade"), ("GET", "websocket", "close")]
    {
        assert!(!is_asked(method.as_bytes(), upgrade.as_bytes(), connection.as_bytes()));
    }
    let key = b"dGhlIHNhbXBsZSBub25jZQ==";
    assert_eq!(check(b"13", key), Ok(()));
    assert_eq!(check(b"8", key), Err(HandshakeError::Version));
    for bad in ["", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZSE=", "dGhl IHNhbXBsZSBub25jZQ=="] {
        assert_eq!(check(b"13", bad.as_bytes()), Err(HandshakeError::Key), "{bad}");
    }
    // The example of section 1.3.
    assert_eq!(accept_key(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
