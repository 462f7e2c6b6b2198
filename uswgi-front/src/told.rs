//! Lines about clients, at most a few in a while: what strangers do must not fill a log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use uswgi_keep::log;

/// Lines in one [`WHILE`].
const MOST: u32 = 5;
const WHILE: Duration = Duration::from_secs(10);

/// What was said lately.
#[derive(Default)]
pub(crate) struct Told(Mutex<Option<(Instant, u32)>>);

impl Told {
    /// Whether one more may be said now; with how many were not.
    fn may(&self, now: Instant) -> Option<u32> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            Some((since, count)) if now.duration_since(*since) < WHILE => {
                *count += 1;
                (*count <= MOST).then_some(0)
            }
            other => {
                let left_out = other.map_or(0, |(_, count)| count.saturating_sub(MOST));
                *other = Some((now, 1));
                Some(left_out)
            }
        }
    }

    /// Say it, unless there was much of it lately.
    pub(crate) fn say(&self, always: bool, text: impl std::fmt::Display) {
        match self.may(Instant::now()) {
            Some(0) => log::line(text),
            Some(n) => log::line(format_args!("{text} ({n} lines like this were left out)")),
            None if always => log::line(text),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lines_a_while_and_how_many_were_left_out() {
        let (told, start) = (Told::default(), Instant::now());
        let said = (0..9).filter_map(|_| told.may(start)).collect::<Vec<_>>();
        assert_eq!(said, [0; 5]);
        assert_eq!((told.may(start + WHILE), told.may(start + WHILE)), (Some(4), Some(0)));
    }
}
