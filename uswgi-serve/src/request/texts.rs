//! Names and values of variables, as texts. Pure.

#![forbid(unsafe_code)]

use crate::rpc;
use uswgi_proto::settings::LaneKind;
use uswgi_spool::task::MODIFIER1 as TASK;

/// Variables that make uWSGI load code or change its world (spec: observed on 2.0.31). Never obeyed here.
pub fn loads_code(name: &[u8]) -> bool {
    name.starts_with(b"UWSGI_")
        && matches!(
            &name[6..],
            b"SCRIPT"
                | b"MODULE"
                | b"CALLABLE"
                | b"FILE"
                | b"PYHOME"
                | b"HOME"
                | b"CHDIR"
                | b"APPID"
                | b"SETENV"
                | b"POSTFILE"
                | b"TOUCH_RELOAD"
                | b"CACHE_GET"
        )
}

/// Leading decimal digits, as uWSGI reads a length; no digits are 0.
pub(super) fn leading_digits(text: &[u8]) -> u64 {
    text.iter()
        .take_while(|b| b.is_ascii_digit())
        .try_fold(0u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b - b'0')))
        .unwrap_or(u64::MAX)
}

/// Why a packet with this modifier1 is refused.
pub(super) fn not_served(modifier1: u8, lanes: LaneKind) -> String {
    let here = match (modifier1, lanes) {
        (TASK, _) => " without spooler",
        (rpc::MODIFIER1, LaneKind::Tasks) => " with asgi",
        _ => "",
    };
    format!(
        "modifier1 {modifier1} is not served here{here}; 0 and 30 (requests), {TASK} (tasks, with spooler), 100 (ping), \
         110 (signals) and {} (functions, without asgi) are",
        rpc::MODIFIER1
    )
}
