//! Any lines as the arguments of a command line: expansion and resolution end without a panic, twice the
//! same. What would read files, run or fetch is left out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uswgi_conf::expand::{Mode, expand};
use uswgi_conf::resolve::resolve;

fuzz_target!(|data: &[u8]| {
    let args: Vec<Vec<u8>> = data.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    let text = String::from_utf8_lossy(data);
    // `-` would wait for standard input, and files are no part of the input.
    let reads = ["@(", "ini", "xml", "yml", "yaml", "json", "js", "inc", "inh", "for-", "-x", "-y", "-j", "\n-\n", "paste"];
    if reads.iter().any(|r| text.contains(r)) {
        return;
    }
    let env = [(b"HOME".to_vec(), b"/home/u".to_vec()), (b"UWSGI_FOO".to_vec(), b"%(a)".to_vec())];
    let once = || {
        let (out, result) = expand(&args, &env, Mode::default());
        let said = result.is_ok().then(|| resolve(&out).diagnostics.len());
        let entries: Vec<_> = out.entries.into_iter().map(|e| (e.key, e.value, e.recognised)).collect();
        (entries, said)
    };
    assert_eq!(once(), once());
});
