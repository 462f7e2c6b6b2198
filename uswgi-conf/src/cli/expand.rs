//! `uswgi-conf expand ARGS...`: the list that uWSGI would hold, as JSON.

use super::output::{err, json_string, out};
use crate::expand::{Allow, Expansion, Halt, Mode, expand};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

/// Run it: 0, or 1 with the error, or what `exit` in the configuration asks for.
pub(super) fn run(args: Vec<OsString>) -> ExitCode {
    let args: Vec<Vec<u8>> = args.into_iter().map(OsStringExt::into_vec).collect();
    let env: Vec<_> = std::env::vars_os().map(|(k, v)| (k.into_vec(), v.into_vec())).collect();
    let mode = Mode { compat: true, allow: Allow { exec: true, fetch: true }, look: false };
    let (expansion, result) = expand(&args, &env, mode);
    // Standard output is the JSON text's alone.
    if !expansion.printed.is_empty() {
        err(String::from_utf8_lossy(&expansion.printed).trim_end());
    }
    for warning in &expansion.warnings {
        err(&format!("uswgi-conf: warning: {warning}"));
    }
    match result {
        Ok(()) => {
            out(json(&expansion).as_bytes());
            ExitCode::SUCCESS
        }
        Err(Halt::Exit(text, exit)) => {
            out(&text);
            exit.into()
        }
        Err(Halt::Error(d)) => {
            err(&format!("uswgi-conf: error: {d}"));
            ExitCode::FAILURE
        }
    }
}

/// `{"options": [[key, value], ...], "recognised": [1, 0, ...]}`.
fn json(expansion: &Expansion) -> String {
    let pairs: Vec<String> = expansion
        .entries
        .iter()
        .map(|e| {
            let value = e.value.as_ref().map_or_else(|| "null".into(), |v| json_string(v));
            format!("[{}, {value}]", json_string(&e.key))
        })
        .collect();
    let recognised: Vec<&str> =
        expansion.entries.iter().map(|e| if e.recognised { "1" } else { "0" }).collect();
    format!("{{\"options\": [{}], \"recognised\": [{}]}}\n", pairs.join(", "), recognised.join(", "))
}
