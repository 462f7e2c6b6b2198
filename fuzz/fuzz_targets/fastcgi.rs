//! Any bytes as records of FastCGI, whole and in two pieces: no panic, the same meaning, and what is passed on is an SCGI
//! request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uswgi_proto::fastcgi::{FastCgi, FastCgiError, FastCgiEvent};
use uswgi_proto::scgi;

fn fed(pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>, Vec<FastCgiEvent>), FastCgiError> {
    let (mut fastcgi, mut held) = (FastCgi::default(), Vec::new());
    let (mut request, mut answer, mut heard) = (Vec::new(), Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        while let Some((used, what)) = fastcgi.feed(&held, &mut request, &mut answer)? {
            held.drain(..used);
            heard.extend((what != FastCgiEvent::More).then_some(what));
        }
    }
    Ok((request, answer, heard))
}

fuzz_target!(|data: &[u8]| {
    let whole = fed(&[data]);
    let (a, b) = data.split_at(data.len() / 2);
    assert_eq!(whole, fed(&[a, b]));
    let Ok((request, _, heard)) = whole else { return };
    if heard.contains(&FastCgiEvent::Request) {
        let (start, end) = scgi::block(&request).unwrap().unwrap();
        assert_eq!(request.get(end), Some(&b','));
        scgi::vars(&request[start..end], start as u32, usize::MAX, &mut Vec::new()).unwrap();
    } else {
        assert!(request.is_empty());
    }
});
