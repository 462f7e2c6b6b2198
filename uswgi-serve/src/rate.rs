//! The slowest client that anybody waits for: a thread that reads or writes, and the native thread alike.

#![forbid(unsafe_code)]

/// Bytes a second.
const SLOWEST: u64 = 256;
/// Seconds in which nobody is measured.
const GRACE: u64 = 30;

/// Whether so many bytes in so many microseconds are fewer than a client must move.
pub fn is_too_slow(bytes: u64, us: u64) -> bool {
    let seconds = us / 1_000_000;
    seconds > GRACE && bytes / seconds < SLOWEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_waited_for_long_is_measured() {
        assert!(!is_too_slow(0, 30_999_999));
        assert!(is_too_slow(31 * 256 - 1, 31_000_000));
        assert!(!is_too_slow(31 * 256, 31_000_000));
    }
}
