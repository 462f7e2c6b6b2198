//! Any bytes as frames of a client: no panic, the same messages whole and in pieces, limits that hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uswgi_proto::websocket::{FrameDecoder, FrameError, Incoming};

const LIMIT: usize = 4096;

fn decode(bytes: &[u8], piece: usize) -> (Vec<Incoming>, Option<FrameError>) {
    let (mut decoder, mut said) = (FrameDecoder::new(LIMIT), Vec::new());
    for mut piece in bytes.chunks(piece) {
        while !piece.is_empty() {
            match decoder.feed(piece) {
                Ok((used, incoming)) => {
                    assert!(used > 0 && used <= piece.len());
                    piece = &piece[used..];
                    said.extend(incoming);
                }
                Err(e) => return (said, Some(e)),
            }
            assert!(decoder.held() <= 2 * LIMIT + 4096 + 256);
        }
    }
    (said, None)
}

fuzz_target!(|data: &[u8]| {
    let [piece, bytes @ ..] = data else { return };
    let whole = decode(bytes, usize::MAX >> 1);
    assert_eq!(whole, decode(bytes, usize::from(*piece).max(1)));
    for said in whole.0 {
        match said {
            Incoming::Text(text) => assert!(text.len() <= LIMIT),
            Incoming::Binary(bytes) => assert!(bytes.len() <= LIMIT),
            Incoming::Ping(bytes) => assert!(bytes.len() <= 125),
            Incoming::Pong | Incoming::Close(_) => {}
        }
    }
});
