//! Any bytes as an SCGI request: no panic, and what is accepted covers the block without gaps.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uswgi_proto::scgi;

fuzz_target!(|data: &[u8]| {
    let _ = scgi::is_head(data);
    let Ok(Some((start, end))) = scgi::block(data) else { return };
    let Some(block) = data.get(start..end) else { return };
    let mut out = Vec::new();
    if scgi::vars(block, start as u32, 64, &mut out).is_ok() {
        let mut again = Vec::new();
        for (name, value) in &out {
            assert!(!name.of(data).is_empty());
            again.extend_from_slice(name.of(data));
            again.push(0);
            again.extend_from_slice(value.of(data));
            again.push(0);
        }
        assert!(again == block && out.len() <= 64);
    }
});
