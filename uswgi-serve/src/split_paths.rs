//! Whether a server in front takes the first segment of each path for the place of the application: lighttpd does, where `/` is
//! mapped without `fix-root-scriptname` (observed with 1.4.69 by SCGI, uwsgi and FastCGI), and every longer route is wrong then.
//!
//! One prefix may be meant, as a mapping of `/shop` arrives like that too; two that nothing is mounted at are not. What was
//! seen stands in the scoreboard, so that all workers of an instance say it once. It must cost requests without SCRIPT_NAME nothing
//! but the look whether there is one.
#![forbid(unsafe_code)]

use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// It has been said.
pub(crate) const SAID: u64 = u64::MAX;

/// Whether SCRIPT_NAME is one segment, as lighttpd makes it of the first one.
fn is_first_segment(software: &[u8], script: &[u8]) -> bool {
    let segment = script.strip_prefix(b"/");
    software.starts_with(b"lighttpd") && segment.is_some_and(|s| !s.is_empty() && !s.contains(&b'/'))
}

/// Note a prefix; true for exactly one caller, who has brought the second one.
fn is_second(seen: &AtomicU64, script: &[u8]) -> bool {
    let mut hasher = DefaultHasher::new();
    hasher.write(script);
    let hash = hasher.finish().clamp(1, SAID - 1);
    match seen.compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) | Err(SAID) => false,
        Err(first) if first == hash => false,
        Err(first) => seen.compare_exchange(first, SAID, Ordering::Relaxed, Ordering::Relaxed).is_ok(),
    }
}

/// Note a SCRIPT_NAME that nothing is mounted at; true: the paths are split, and that is to be said now.
pub(crate) fn note(seen: &AtomicU64, software: &[u8], script: &[u8]) -> bool {
    is_first_segment(software, script) && is_second(seen, script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_segments_of_lighttpd_look_so() {
        assert!(is_first_segment(b"lighttpd/1.4.69", b"/other"));
        for (software, script) in [
            (&b"lighttpd/1.4.69"[..], &b""[..]),
            (b"lighttpd/1.4.69", b"/"),
            (b"lighttpd/1.4.69", b"/a/b"),
            (b"lighttpd/1.4.69", b"other"),
            (b"Apache/2.4.68", b"/other"),
            (b"", b"/other"),
        ] {
            assert!(!is_first_segment(software, script), "{software:?} {script:?}");
        }
    }

    #[test]
    fn one_prefix_may_be_meant_and_the_second_is_said_once() {
        let seen = AtomicU64::new(0);
        assert!(!is_second(&seen, b"/shop") && !is_second(&seen, b"/shop"));
        assert!(is_second(&seen, b"/blog"));
        for script in [&b"/shop"[..], b"/blog", b"/third"] {
            assert!(!is_second(&seen, script));
        }
    }
}
