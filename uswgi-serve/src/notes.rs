//! What a request says about itself while it runs: variables for its line in the log, and that it wants one.
//!
//! A request that says nothing pays for two plain stores.

#![forbid(unsafe_code)]

use crate::sync::lock;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What was said.
#[derive(Debug, Default)]
pub struct Said {
    /// Names and values for `%(name)` in log-format.
    pub variables: Vec<(Vec<u8>, Vec<u8>)>,
    /// It gets its line whatever the options say.
    pub log_it: bool,
    /// It gets none.
    pub leave_out: bool,
}

/// Of one lane; its request's end makes it empty.
#[derive(Debug, Default)]
pub struct Notes {
    /// Anything below is not empty.
    used: AtomicBool,
    said: Mutex<Said>,
    content_length: AtomicU64,
    request_id: AtomicU64,
}

impl Notes {
    /// A request begins.
    pub(crate) fn begin(&self, content_length: u64, request_id: u64) {
        self.content_length.store(content_length, Relaxed);
        self.request_id.store(request_id, Relaxed);
    }

    /// Bytes of body that the request announced.
    pub fn content_length(&self) -> u64 {
        self.content_length.load(Relaxed)
    }

    /// Requests that this lane had answered before this one.
    pub fn request_id(&self) -> u64 {
        self.request_id.load(Relaxed)
    }

    /// Change what the request has said.
    pub fn change<T>(&self, f: impl FnOnce(&mut Said) -> T) -> T {
        self.used.store(true, Relaxed);
        f(&mut lock(&self.said))
    }

    /// A variable for the line in the log; of several the last counts.
    pub(crate) fn remember(&self, name: &str, value: &[u8]) {
        self.change(|said| {
            said.variables.retain(|(n, _)| n != name.as_bytes());
            said.variables.push((name.into(), value.into()));
        });
    }

    /// Whether the request used any of this.
    pub fn is_used(&self) -> bool {
        self.used.load(Relaxed)
    }

    /// Whether the request wants its line in the log whatever the options say.
    pub fn wants_line(&self) -> bool {
        self.is_used() && lock(&self.said).log_it
    }

    /// Whether the request wants no line.
    pub(crate) fn wants_no_line(&self) -> bool {
        self.is_used() && lock(&self.said).leave_out
    }

    /// A variable that the request has set for its line in the log.
    pub fn variable(&self, name: &[u8], f: impl FnOnce(&[u8])) {
        if self.is_used() {
            let said = lock(&self.said);
            if let Some((_, value)) = said.variables.iter().find(|(n, _)| n == name) {
                f(value);
            }
        }
    }

    /// The request is over.
    pub(crate) fn end(&self) {
        if self.used.swap(false, Relaxed) {
            *lock(&self.said) = Said::default();
        }
        self.content_length.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_says_ends_with_it() {
        let notes = Notes::default();
        notes.begin(7, 3);
        assert!(!notes.is_used() && !notes.wants_line());
        notes.change(|said| {
            said.variables.push((b"user".to_vec(), b"ada".to_vec()));
            said.log_it = true;
        });
        let mut found = Vec::new();
        notes.variable(b"user", |value| found = value.to_vec());
        notes.variable(b"other", |_| panic!("nobody set it"));
        assert_eq!((found.as_slice(), notes.wants_line()), (&b"ada"[..], true));
        assert_eq!((notes.content_length(), notes.request_id()), (7, 3));
        notes.end();
        notes.variable(b"user", |_| panic!("it was the last request's"));
        assert!(!notes.is_used() && !notes.wants_line() && notes.content_length() == 0);
    }
}
