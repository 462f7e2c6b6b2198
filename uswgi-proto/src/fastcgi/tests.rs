use super::*;
use crate::scgi;
use proptest::prelude::*;

/// A record as a server in front sends it.
fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let padding = [0; 7];
    let padding = &padding[..(8 - content.len() % 8) % 8];
    let ([id_1, id_0], [l_1, l_0]) = (id.to_be_bytes(), (content.len() as u16).to_be_bytes());
    [&[1, kind, id_1, id_0, l_1, l_0, padding.len() as u8, 0], content, padding].concat()
}

fn begin(id: u16, role: u8, keep: bool) -> Vec<u8> {
    record(1, id, &[0, role, u8::from(keep), 0, 0, 0, 0, 0])
}

fn params(vars: &[(&str, &str)]) -> Vec<u8> {
    let mut all = Vec::new();
    for (name, value) in vars {
        for text in [name, value] {
            match u8::try_from(text.len()) {
                Ok(n) if n < 0x80 => all.push(n),
                _ => all.extend_from_slice(&(text.len() as u32 | 0x8000_0000).to_be_bytes()),
            }
        }
        all.extend_from_slice(name.as_bytes());
        all.extend_from_slice(value.as_bytes());
    }
    all
}

type Fed = (Vec<u8>, Vec<u8>, Vec<FastCgiEvent>);

/// What is passed on, what is answered at once, and what was heard but [`FastCgiEvent::More`].
fn fed(fastcgi: &mut FastCgi, bytes: &[u8]) -> Result<Fed, FastCgiError> {
    let (mut request, mut answer, mut heard, mut at) = (Vec::new(), Vec::new(), Vec::new(), 0);
    while let Some((used, what)) = fastcgi.feed(&bytes[at..], &mut request, &mut answer)? {
        at += used;
        heard.extend((what != FastCgiEvent::More).then_some(what));
    }
    Ok((request, answer, heard))
}

#[test]
fn a_request_in_any_pieces_is_an_scgi_request_and_its_answer_ends() {
    let long = "v".repeat(300);
    let vars = params(&[("CONTENT_LENGTH", "5"), ("REQUEST_METHOD", "POST"), ("LONG", &long), ("EMPTY", "")]);
    let bytes = [
        begin(7, 1, true),
        record(4, 7, &vars[..20]),
        record(4, 7, &vars[20..]),
        record(4, 7, b""),
        record(5, 7, b"ab"),
        record(5, 7, b"cde"),
        record(5, 7, b""),
    ]
    .concat();
    let mut fastcgi = FastCgi::default();
    let (request, answer, heard) = fed(&mut fastcgi, &bytes).unwrap();
    let (start, stop) = scgi::block(&request).unwrap().unwrap();
    assert_eq!((&request[stop..], answer.len()), (&b",abcde"[..], 0));
    assert_eq!(heard, [FastCgiEvent::Request, FastCgiEvent::BodyEnds]);
    let block = format!("CONTENT_LENGTH\x005\0REQUEST_METHOD\0POST\0LONG\0{long}\0EMPTY\0\0");
    assert_eq!(&request[start..stop], block.as_bytes());
    let mut out = Vec::new();
    fastcgi.answer(b"Status: 200 OK\r\n\r\nhi", &mut out);
    assert_eq!(out[..8], [1, 6, 0, 7, 0, 20, 0, 0]);
    assert!(fastcgi.end(&mut out) && !fastcgi.is_busy());
    assert_eq!(out[28..], [1, 6, 0, 7, 0, 0, 0, 0, 1, 3, 0, 7, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.clear();
    fastcgi.answer(&vec![b'x'; MOST_CONTENT + 1], &mut out);
    assert_eq!((out.len(), &out[4..6]), (MOST_CONTENT + 1 + 16, &[0xff, 0xf8][..]));
}

#[test]
fn what_is_not_served_is_declined_and_the_rest_goes_on() {
    let mut fastcgi = FastCgi::default();
    let values = params(&[("FCGI_MPXS_CONNS", ""), ("FCGI_MAX_REQS", "")]);
    let bytes = [begin(3, 2, false), record(9, 0, &values), record(77, 0, b""), begin(1, 1, false)].concat();
    let (request, answer, _) = fed(&mut fastcgi, &[&bytes[..], &begin(2, 1, true)].concat()).unwrap();
    assert!(request.is_empty());
    let declined = |id, status| [1, 3, 0, id, 0, 8, 0, 0, 0, 0, 0, 0, status, 0, 0, 0];
    let said = [&[1, 10, 0, 0, 0, 18, 0, 0, 15, 1][..], b"FCGI_MPXS_CONNS0"].concat();
    let unknown = [1, 11, 0, 0, 0, 8, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(answer, [&declined(3, 3)[..], &said, &unknown, &declined(2, 1)].concat());
    let (_, _, heard) = fed(&mut fastcgi, &[record(4, 2, b"x"), record(2, 1, b"")].concat()).unwrap();
    assert_eq!(heard, [FastCgiEvent::Abort]);
    // Its body did not come to its end: the connection does not stay.
    assert!(!fastcgi.end(&mut Vec::new()));
}

#[test]
fn what_is_no_request_is_an_error() {
    assert_eq!(fed(&mut FastCgi::default(), b"GET / HTTP/1.1\r\n"), Err(FastCgiError::Version(b'G')));
    for bad in [&b"\x05"[..], b"\x01\x05A", b"\x00\x01x", b"\x02\x00A\0", b"\x01\x01A\0"] {
        let bytes = [begin(1, 1, true), record(4, 1, bad), record(4, 1, b"")].concat();
        assert_eq!(fed(&mut FastCgi::default(), &bytes), Err(FastCgiError::Variable), "{bad:?}");
    }
    let much = [begin(1, 1, true), record(4, 1, &[b'x'; 65_000]).repeat(20)].concat();
    assert_eq!(fed(&mut FastCgi::default(), &much), Err(FastCgiError::TooLong));
}

proptest! {
    #[test]
    fn pieces_mean_what_the_whole_means(
        kinds in prop::collection::vec((prop_oneof![1u8..7, any::<u8>()], 0u16..3, prop::collection::vec(any::<u8>(), 0..40)), 0..12),
        raw in prop::collection::vec(any::<u8>(), 0..40),
        at in any::<prop::sample::Index>(),
    ) {
        let mut bytes = begin(1, 1, true);
        kinds.iter().for_each(|(kind, id, content)| bytes.extend_from_slice(&record(*kind, *id, content)));
        bytes.extend_from_slice(&raw);
        let whole = fed(&mut FastCgi::default(), &bytes);
        let cut = at.index(bytes.len() + 1);
        let mut fastcgi = FastCgi::default();
        let (mut request, mut answer, mut heard, mut held) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut broken = None;
        'all: for piece in [&bytes[..cut], &bytes[cut..]] {
            held.extend_from_slice(piece);
            loop {
                match fastcgi.feed(&held, &mut request, &mut answer) {
                    Ok(Some((used, what))) => {
                        held.drain(..used);
                        heard.extend((what != FastCgiEvent::More).then_some(what));
                    }
                    Ok(None) => break,
                    Err(e) => {
                        broken = Some(e);
                        break 'all;
                    }
                }
            }
        }
        match broken {
            Some(e) => prop_assert_eq!(whole, Err(e)),
            None => prop_assert_eq!(whole, Ok((request, answer, heard))),
        }
    }
}
