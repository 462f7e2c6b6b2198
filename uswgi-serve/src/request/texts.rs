//! Names and values of variables, as texts. Pure.

#![forbid(unsafe_code)]

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
