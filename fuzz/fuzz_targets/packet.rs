//! Any bytes as a uwsgi packet: no panic, and what is accepted covers the block without gaps.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uswgi_proto::packet;

fuzz_target!(|data: &[u8]| {
    let _ = packet::looks_like_http(data) || packet::looks_like_uwsgi(data);
    let Some(header) = packet::header(data) else { return };
    assert_eq!(header.encode(), data[..4]);
    let block = &data[4..];
    let mut out = Vec::new();
    if packet::vars(block, 4, 64, &mut out).is_ok() {
        let mut again = Vec::new();
        for (key, value) in &out {
            assert!(!key.is_empty());
            packet::push_var(&mut again, key.of(data), value.of(data));
        }
        assert!(again == block || block.len() > usize::from(u16::MAX));
        assert!(out.len() <= 64);
    }
});
