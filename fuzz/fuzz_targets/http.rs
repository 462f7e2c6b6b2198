//! Any bytes as a request head: no panic, the same result whole and in two pieces, spans that hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uswgi_proto::http::{self, Head, Limits, Progress};

fuzz_target!(|data: &[u8]| {
    let Some((&cut, buf)) = data.split_first() else { return };
    let limits = Limits { max_head: 2048, max_headers: 16, max_line: 512, path_as_host: cut & 1 == 1 };
    let mut whole = Head::default();
    let expected = http::parse(buf, &limits, &mut whole);
    let cut = usize::from(cut).min(buf.len());
    let mut pieces = Head::default();
    let mut got = http::parse(&buf[..cut], &limits, &mut pieces);
    if got == Ok(Progress::Partial) {
        got = http::parse(buf, &limits, &mut pieces);
    }
    assert_eq!(got, expected);
    if expected != Ok(Progress::Complete) {
        return;
    }
    assert_eq!(pieces, whole);
    assert!(buf[..whole.length].ends_with(b"\r\n\r\n"));
    assert!(!(whole.chunked && whole.content_length.is_some()));
    let mut out = Vec::new();
    if http::decode_path(whole.path.of(buf), &mut out).is_ok() && out != b"*" {
        assert_eq!(out[0], b'/');
        assert!(!out.contains(&0) && !out.split(|b| *b == b'/').any(|s| s == b"." || s == b".."));
    }
    for (name, value) in &whole.headers {
        assert!(!value.of(buf).iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
        if http::environ_name(name.of(buf), &mut out) {
            assert!(!out.iter().any(|b| b.is_ascii_lowercase() || *b == b'-'));
        }
    }
});
