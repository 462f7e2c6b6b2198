//! Any bytes as the start of a connection behind a load balancer: no panic, and a header is the same whatever follows it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uswgi_proto::proxy::{MOST, Opening, start};

fuzz_target!(|data: &[u8]| {
    if let Ok(Opening::Header { length, .. }) = start(data) {
        assert!(length <= data.len() && length <= 16 + MOST);
        assert_eq!(start(&data[..length]), start(data));
        assert_eq!(start(&data[..length - 1]), Ok(Opening::Partial));
    }
});
