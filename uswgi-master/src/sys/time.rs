//! The wall clock and calendar time, as the C library has it.

use std::ffi::CString;

/// Seconds since the epoch and microseconds of the second.
pub fn realtime() -> (i64, u32) {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME)
        .map_or((0, 0), |t| (t.tv_sec(), (t.tv_nsec() / 1000) as u32))
}

/// Local time as strftime(3) formats it; empty when that is longer than 256 bytes.
pub fn strftime(seconds: i64, format: &str) -> String {
    let Ok(format) = CString::new(format) else { return String::new() };
    let mut text = [0u8; 256];
    // SAFETY: tm is plain data for which zero is valid; all pointers are live, the buffer has the length
    // that is given, and format is a C string.
    let length = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut tm);
        libc::strftime(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), &raw const tm)
    };
    String::from_utf8_lossy(&text[..length.min(text.len())]).into_owned()
}
