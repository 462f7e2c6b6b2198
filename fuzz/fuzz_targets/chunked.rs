//! Any bytes as a chunked body: no panic, the same result whole and in pieces, bounds that hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uswgi_proto::chunked::{ChunkError, Decoder};

fn decode(body: &[u8], piece: usize, max_out: usize) -> (Result<usize, ChunkError>, Vec<u8>, bool) {
    let mut decoder = Decoder::new(4096);
    let (mut out, mut at) = (Vec::new(), 0);
    while at < body.len() {
        let end = body.len().min(at + piece);
        match decoder.feed(&body[at..end], &mut out, max_out) {
            Ok(0) => break,
            Ok(n) => {
                assert!(n <= end - at);
                at += n;
            }
            Err(e) => return (Err(e), out, false),
        }
    }
    (Ok(at), out, decoder.done())
}

fuzz_target!(|data: &[u8]| {
    let [piece, max_out, body @ ..] = data else { return };
    let whole = decode(body, usize::MAX >> 1, usize::MAX);
    let pieces = decode(body, usize::from(*piece).max(1), usize::from(*max_out).max(1));
    assert_eq!(whole, pieces);
    assert!(whole.1.len() <= 4096 && whole.1.len() <= body.len());
});
