//! The wall clock and calendar time, as the C library has it: the application's `time.tzset()` counts.

use std::ffi::CString;

/// Microseconds since the epoch.
pub fn realtime_us() -> u64 {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME)
        .map(|t| t.tv_sec() as u64 * 1_000_000 + t.tv_nsec() as u64 / 1000)
        .unwrap_or(0)
}

/// Calendar time of seconds since the epoch, local or of Greenwich.
pub fn broken_down(seconds: u64, local: bool) -> libc::tm {
    let time = seconds as libc::time_t;
    // SAFETY: tm is plain data for which zero is valid; both pointers are live.
    unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if local {
            libc::localtime_r(&time, &mut tm)
        } else {
            libc::gmtime_r(&time, &mut tm)
        };
        tm
    }
}

/// Append local time as strftime(3) formats it; nothing when that is longer than 256 bytes.
pub fn strftime(seconds: u64, format: &str, out: &mut Vec<u8>) {
    let Ok(format) = CString::new(format) else { return };
    let tm = broken_down(seconds, true);
    let mut text = [0u8; 256];
    // SAFETY: the buffer has the length that is given; format is a C string; tm is live.
    let length = unsafe { libc::strftime(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), &tm) };
    out.extend_from_slice(&text[..length.min(text.len())]);
}

/// Microseconds of processor time that a thread of this process (gettid(2)) has had; None: it has ended.
pub fn ran_us(thread: i32) -> Option<u64> {
    // The clock of one thread (clock_getcpuclockid(3); the bits are the kernel's, for processes and threads alike).
    let clock = nix::time::ClockId::from_raw((!thread << 3) | 6);
    let time = nix::time::clock_gettime(clock).ok()?;
    Some(time.tv_sec() as u64 * 1_000_000 + time.tv_nsec() as u64 / 1000)
}
