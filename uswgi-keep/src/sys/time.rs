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

/// Local time as cron(8) looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 23.
    pub hour: i32,
    /// Day of the month, 1 to 31.
    pub day: i32,
    /// 1 to 12.
    pub month: i32,
    /// 0 to 6, Sunday first.
    pub weekday: i32,
}

/// Local time of a moment (seconds since the epoch). One that no calendar has is the epoch's.
pub fn local_time(seconds: i64) -> LocalTime {
    // SAFETY: tm is plain integers and a pointer, for which zero is a value.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values; localtime_r keeps none of them.
    unsafe { libc::localtime_r(&raw const seconds, &raw mut tm) };
    LocalTime {
        minute: tm.tm_min,
        hour: tm.tm_hour,
        day: tm.tm_mday,
        month: tm.tm_mon + 1,
        weekday: tm.tm_wday,
    }
}
