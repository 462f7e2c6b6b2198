//! Properties of the parsers that hold for every input: no panic, no dependence on how the bytes
//! were cut, results that agree with each other. Examples belong to the unit tests.

use proptest::prelude::*;
use uswgi_proto::chunked::{ChunkError, Decoder};
use uswgi_proto::http::{self, Head, HttpError, Limits, Progress};
use uswgi_proto::packet;
use uswgi_proto::websocket::{FrameDecoder, FrameError, Incoming, Opcode, put_frame};

/// Heads that come close to the rules, with a slip here and there.
fn head_like() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("GET / HTTP/1.1\r\n".to_string()),
        Just("POST http://h:1/a?b HTTP/1.1\r\n".to_string()),
        Just("OPTIONS * HTTP/1.0\r\n".to_string()),
        "[A-Z]{1,4} /[a-z%?./]{0,8} HTTP/1\\.[01]\r?\n",
    ];
    let header = prop_oneof![
        Just("Host: a\r\n".to_string()),
        Just("Connection: keep-alive, close\r\n".to_string()),
        Just("Content-Length: 10\r\n".to_string()),
        Just("Transfer-Encoding: chunked\r\n".to_string()),
        "[A-Za-z_-]{1,6} ?:[ \t]{0,2}[ -~]{0,6}\r?\n",
    ];
    let end = prop_oneof![Just("\r\n"), Just("\n"), Just(""), Just("\r\nGET /")];
    ("(\r\n)?", line, prop::collection::vec(header, 0..6), end).prop_map(|(before, line, headers, end)| {
        format!("{before}{line}{}{end}", headers.concat()).into_bytes()
    })
}

/// Parse with the bytes coming in pieces that end at `cuts`.
fn in_pieces(buf: &[u8], cuts: &[usize], limits: &Limits) -> (Result<Progress, HttpError>, Head) {
    let mut head = Head::default();
    for cut in cuts.iter().copied().chain([buf.len()]) {
        match http::parse(&buf[..cut], limits, &mut head) {
            Ok(Progress::Partial) => {}
            other => return (other, head),
        }
    }
    (Ok(Progress::Partial), head)
}

fn check_head(buf: &[u8], limits: &Limits) {
    let mut whole = Head::default();
    let expected = http::parse(buf, limits, &mut whole);
    let every_byte: Vec<usize> = (0..buf.len()).collect();
    for cuts in std::iter::once(every_byte).chain((0..buf.len()).map(|n| vec![n])) {
        let (got, head) = in_pieces(buf, &cuts, limits);
        assert_eq!(got, expected, "cut at {cuts:?}");
        if expected == Ok(Progress::Complete) {
            assert_eq!(head, whole, "cut at {cuts:?}");
        }
    }
    if expected == Ok(Progress::Complete) {
        assert!(whole.length <= buf.len() && whole.length <= limits.max_head);
        assert!(buf[..whole.length].ends_with(b"\r\n\r\n"));
        assert!(whole.headers.len() <= limits.max_headers);
        assert!(!(whole.chunked && whole.content_length.is_some()));
        for (name, value) in &whole.headers {
            assert!(!name.is_empty() && name.of(buf).iter().all(|b| http::is_token(*b)));
            assert!(!value.of(buf).iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
        }
    }
}

/// Decode each escape of a text that has no bad ones.
fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(&part[..2], 16).expect("a good escape"));
        out.extend_from_slice(&part.as_bytes()[2..]);
    }
    out
}

/// The rule of `http::decode_path` on a list of segments.
fn path_by_segments(raw: &str) -> Result<Vec<u8>, u16> {
    let segments: Vec<&str> = raw[1..].split('/').collect();
    let mut kept: Vec<&str> = Vec::new();
    for (i, segment) in segments.iter().enumerate() {
        let dotted = segment.to_lowercase().replace("%2e", ".");
        if dotted == ".." {
            match kept.pop() {
                Some(gone) if gone.is_empty() || gone.to_lowercase().contains("%2f") => return Err(400),
                _ => {}
            }
        }
        if dotted != "." && dotted != ".." {
            kept.push(segment);
        } else if i + 1 == segments.len() {
            kept.push("");
        }
    }
    let path = [b"/".to_vec(), unescaped(&kept.join("/"))].concat();
    let hidden = path.split(|b| *b == b'/').any(|s| s == b"." || s == b"..");
    if hidden { Err(400) } else { Ok(path) }
}

fn merged(path: &[u8]) -> Vec<u8> {
    let mut out = path.to_vec();
    out.dedup_by(|a, b| *a == b'/' && *b == b'/');
    out
}

/// A raw path as nginx reads it: decoded, slashes merged, dot segments resolved.
fn decoded_first(raw: &str) -> Vec<u8> {
    let path = merged(&unescaped(raw));
    let segments: Vec<&[u8]> = path[1..].split(|b| *b == b'/').collect();
    let mut kept: Vec<&[u8]> = Vec::new();
    for (i, segment) in segments.iter().enumerate() {
        match *segment {
            b"." => {}
            b".." => drop(kept.pop()),
            name => kept.push(name),
        }
        if i + 1 == segments.len() && matches!(*segment, b"." | b"..") {
            kept.push(b"");
        }
    }
    [b"/".to_vec(), kept.join(&b'/')].concat()
}

fn decode_in_pieces(
    body: &[u8],
    cuts: &[usize],
    max_out: usize,
) -> (Result<usize, ChunkError>, Vec<u8>, bool) {
    let mut decoder = Decoder::new(64);
    let (mut out, mut at) = (Vec::new(), 0);
    for cut in cuts.iter().copied().chain([body.len()]) {
        while at < cut {
            match decoder.feed(&body[at..cut], &mut out, max_out) {
                Ok(0) => break,
                Ok(n) => at += n,
                Err(e) => return (Err(e), out, decoder.done()),
            }
        }
    }
    (Ok(at), out, decoder.done())
}

proptest! {
    #[test]
    fn a_head_does_not_depend_on_its_pieces(buf in head_like()) {
        check_head(&buf, &Limits::default());
        check_head(&buf, &Limits { max_head: 60, max_headers: 3, max_line: 24, path_as_host: true });
    }

    #[test]
    fn no_bytes_break_the_head_parser(buf in prop::collection::vec(any::<u8>(), 0..80)) {
        check_head(&buf, &Limits { max_head: 70, max_headers: 3, max_line: 40, path_as_host: true });
    }

    #[test]
    fn what_was_written_as_a_head_is_read(
        method in "[A-Z]{1,8}", path in "/[a-z0-9/]{0,20}", query in "[a-z=&?]{0,10}",
        headers in prop::collection::vec(("x-[a-z0-9-]{1,10}", "([!-~]([ -~]{0,10}[!-~])?)?"), 0..8),
    ) {
        prop_assume!(method != "CONNECT");
        let fields: String = headers.iter().map(|(n, v)| format!("{n}: {v} \r\n")).collect();
        let text = format!("{method} {path}?{query} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let buf = text.as_bytes();
        let mut head = Head::default();
        prop_assert_eq!(http::parse(buf, &Limits::default(), &mut head), Ok(Progress::Complete));
        prop_assert_eq!(head.method.of(buf), method.as_bytes());
        prop_assert_eq!(head.path.of(buf), path.as_bytes());
        prop_assert_eq!(head.query.of(buf), query.as_bytes());
        prop_assert_eq!(head.length, buf.len());
        let got: Vec<_> = head.headers[1..].iter().map(|(n, v)| (n.of(buf), v.of(buf))).collect();
        let expected: Vec<_> = headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn a_path_is_what_a_second_implementation_says(raw in "/(\\.|%2[eE]|/|%2[fF]|a|%61|%25|%c3){0,14}") {
        let mut out = Vec::new();
        let got = http::decode_path(raw.as_bytes(), &mut out).map(|()| out.clone()).map_err(|e| e.status());
        prop_assert_eq!(&got, &path_by_segments(&raw), "{}", raw);
        if let Ok(path) = got {
            prop_assert_eq!(path.first(), Some(&b'/'));
            prop_assert!(!path.split(|b| *b == b'/').any(|s| s == b"." || s == b".."), "{:?}", path);
            prop_assert!(path.len() <= raw.len());
            // A server in front that decodes first and merges slashes comes to the same.
            prop_assert_eq!(merged(&path), decoded_first(&raw), "{}", raw);
        }
    }

    #[test]
    fn a_path_without_dots_survives_escaping(bytes in prop::collection::vec(1u8.., 0..20)) {
        prop_assume!(!bytes.contains(&b'.'));
        let mut raw = b"/".to_vec();
        for b in &bytes {
            raw.extend_from_slice(format!("%{b:02x}").as_bytes());
        }
        let mut out = Vec::new();
        http::decode_path(&raw, &mut out).unwrap();
        prop_assert_eq!(&out[1..], &bytes[..]);
    }

    #[test]
    fn a_packet_comes_back(vars in prop::collection::vec(("[A-Z_]{1,9}", prop::collection::vec(any::<u8>(), 0..20)), 0..9)) {
        let mut block = Vec::new();
        for (k, v) in &vars {
            prop_assert!(packet::push_var(&mut block, k.as_bytes(), v));
        }
        let mut buf = vec![0; 4];
        buf.extend_from_slice(&block);
        let mut out = Vec::new();
        prop_assert_eq!(packet::vars(&block, 4, 9, &mut out), Ok(()));
        let got: Vec<_> = out.iter().map(|(k, v)| (k.of(&buf), v.of(&buf))).collect();
        let expected: Vec<_> = vars.iter().map(|(k, v)| (k.as_bytes(), v.as_slice())).collect();
        prop_assert_eq!(got, expected);
        // Every block that was cut short is refused, but where a variable ends.
        let ends: Vec<_> = out.iter().map(|(_, v)| v.end as usize - 4).chain([0]).collect();
        for n in 0..block.len() {
            prop_assert_eq!(packet::vars(&block[..n], 4, 9, &mut out).is_ok(), ends.contains(&n), "{}", n);
        }
    }

    #[test]
    fn no_bytes_break_the_packet_parser(block in prop::collection::vec(0u8..12, 0..60)) {
        let mut out = Vec::new();
        if packet::vars(&block, 0, 5, &mut out).is_ok() {
            let again: usize = out.iter().map(|(k, v)| 4 + k.len() + v.len()).sum();
            prop_assert_eq!(again, block.len());
        }
    }

    #[test]
    fn a_chunked_body_comes_back_from_any_pieces(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..12), 0..5),
        max_out in 1usize..9, rest in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut body = Vec::new();
        for c in &chunks {
            body.extend_from_slice(format!("{:x};e=1\r\n", c.len()).as_bytes());
            body.extend_from_slice(c);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\nT: x\r\n\r\n");
        let end = body.len();
        body.extend_from_slice(&rest);
        let every_byte: Vec<usize> = (0..body.len()).collect();
        for cuts in std::iter::once(every_byte).chain((0..body.len()).map(|n| vec![n])) {
            let (at, out, done) = decode_in_pieces(&body, &cuts, max_out);
            prop_assert_eq!((at, done), (Ok(end), true));
            prop_assert_eq!(out, chunks.concat());
        }
    }

    #[test]
    fn no_bytes_break_the_chunk_decoder(body in "([0-9a-f]{0,3}[;\r\n]{1,2}|[a-z:\r\n]{0,5}|0\r\n){0,8}") {
        let body = body.as_bytes();
        let (expected, whole, done) = decode_in_pieces(body, &[], usize::MAX);
        for n in 0..body.len() {
            let (got, out, done_too) = decode_in_pieces(body, &[n], usize::MAX);
            prop_assert_eq!((got, &out, done_too), (expected, &whole, done), "cut at {}", n);
        }
    }
}

/// What comes out of bytes that come in pieces of this size, and how much the decoder held at most.
fn frames(bytes: &[u8], piece: usize, limit: usize) -> (Vec<Incoming>, Option<FrameError>, usize) {
    let (mut decoder, mut said, mut held) = (FrameDecoder::new(limit), Vec::new(), 0);
    for mut piece in bytes.chunks(piece.max(1)) {
        while !piece.is_empty() {
            match decoder.feed(piece) {
                Ok((used, incoming)) => {
                    assert!(used > 0 && used <= piece.len());
                    piece = &piece[used..];
                    said.extend(incoming);
                }
                Err(e) => return (said, Some(e), held),
            }
            held = held.max(decoder.held());
        }
    }
    (said, None, held)
}

/// A frame of a client.
fn client_frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_frame(Opcode::Binary, payload, &mut bytes);
    let head = bytes.len() - payload.len();
    bytes[0] = first;
    bytes[1] |= 0x80;
    bytes.splice(head..head, mask);
    bytes[head + 4..].iter_mut().enumerate().for_each(|(i, b)| *b ^= mask[i % 4]);
    bytes
}

/// Frames that come close to the rules.
fn frame_like() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![4 => Just(0x81u8), 4 => Just(0x82), 2 => Just(0x01), 2 => Just(0x80), 1 => Just(0x00),
        1 => Just(0x89), 1 => Just(0x8a), 1 => Just(0x88), 1 => any::<u8>()];
    let payload = prop_oneof![3 => "[ -~ä€]{0,20}".prop_map(String::into_bytes), 1 => prop::collection::vec(any::<u8>(), 0..200)];
    (first, payload, any::<[u8; 4]>()).prop_map(|(first, payload, mask)| client_frame(first, &payload, mask))
}

proptest! {
    #[test]
    fn frames_say_the_same_however_they_are_cut(list in prop::collection::vec(frame_like(), 0..8), piece in 1usize..40) {
        let bytes = list.concat();
        let (said, error, _) = frames(&bytes, usize::MAX, 150);
        let cut = frames(&bytes, piece, 150);
        prop_assert_eq!((&said, error), (&cut.0, cut.1));
        // At most twice what a message may have (a vector that grows), and a control frame.
        prop_assert!(cut.2 <= 4096 + 2 * 150 + 256, "{} bytes held", cut.2);
        for one in said {
            match one {
                Incoming::Text(t) => prop_assert!(t.len() <= 150),
                Incoming::Binary(b) => prop_assert!(b.len() <= 150),
                Incoming::Ping(b) => prop_assert!(b.len() <= 125),
                Incoming::Pong | Incoming::Close(_) => {}
            }
        }
    }

    #[test]
    fn any_bytes_as_frames_end_in_messages_or_in_an_error(bytes in prop::collection::vec(any::<u8>(), 0..600), piece in 1usize..20) {
        let whole = frames(&bytes, usize::MAX, 100);
        let cut = frames(&bytes, piece, 100);
        prop_assert_eq!((whole.0, whole.1), (cut.0, cut.1));
    }

    #[test]
    fn a_message_arrives_as_it_was_sent(payload in prop::collection::vec(any::<u8>(), 0..70_000), mask in any::<[u8; 4]>()) {
        let (said, error, _) = frames(&client_frame(0x82, &payload, mask), 4096, 70_000);
        prop_assert_eq!((said, error), (vec![Incoming::Binary(payload)], None));
    }
}
