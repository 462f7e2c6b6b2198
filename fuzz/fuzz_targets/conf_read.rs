//! Any bytes as a configuration file of every syntax: no panic, positions inside the text, and what is
//! converted to another syntax reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uswgi_conf::convert::{Syntax, read, text};

fuzz_target!(|data: &[u8]| {
    let Some((&first, bytes)) = data.split_first() else { return };
    let all = [Syntax::Ini, Syntax::Xml, Syntax::Yaml, Syntax::Json];
    let from = all[usize::from(first) % 4];
    let lines = bytes.iter().filter(|b| **b == b'\n').count() + 1;
    let Ok(raw) = read(from, bytes, None) else { return };
    assert!(raw.pairs.iter().all(|p| p.line as usize <= lines));
    for to in all {
        let Ok(written) = text::write(&raw, to) else { continue };
        if raw.pairs.is_empty() {
            continue;
        }
        let again = match read(to, &written, None) {
            Ok(again) => again,
            Err(e) => panic!("{to:?}: {e}: {}", String::from_utf8_lossy(&written)),
        };
        let list = |pairs: &[uswgi_conf::read::Pair]| {
            let mut all = text::meaning(pairs);
            if to == Syntax::Json {
                all.sort_by(|a, b| a.0.cmp(&b.0));
            }
            all
        };
        assert_eq!(list(&again.pairs), list(&raw.pairs), "{to:?}: {}", String::from_utf8_lossy(&written));
    }
});
