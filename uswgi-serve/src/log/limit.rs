//! How many lines those outside can cause: all of a few, and of a flood some each second, with the number of the others.

/// Lines that are written at once.
pub(super) const AT_ONCE: u64 = 50;
/// Lines a second of those that come without end.
pub(super) const A_SECOND: u64 = 5;

const EACH_US: u64 = 1_000_000 / A_SECOND;

/// Says of each line of a kind whether it is written. Times are `monotonic_us`.
#[derive(Debug)]
pub(super) struct Limiter {
    /// Lines that may still be written without a wait.
    left: u64,
    /// Up to when the time has been made lines.
    counted_us: u64,
    left_out: u64,
}

impl Default for Limiter {
    fn default() -> Limiter {
        Limiter::new()
    }
}

impl Limiter {
    /// Nothing was written so far.
    pub(super) const fn new() -> Limiter {
        Limiter { left: AT_ONCE, counted_us: 0, left_out: 0 }
    }

    /// Whether a line is written now; otherwise it is counted.
    pub(super) fn allows(&mut self, now_us: u64) -> bool {
        let earned = now_us.saturating_sub(self.counted_us) / EACH_US;
        self.counted_us += earned * EACH_US;
        self.left = self.left.saturating_add(earned).min(AT_ONCE);
        if self.left == 0 {
            self.left_out += 1;
            return false;
        }
        self.left -= 1;
        true
    }

    /// Lines that were left out since the last time.
    pub(super) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn few_lines_are_all_written() {
        let mut limiter = Limiter::new();
        // An hour of one line each 200 ms, from a machine that has run for long.
        assert!((0..18_000).all(|n| limiter.allows(1000 * SECOND + n * EACH_US)));
        assert_eq!(limiter.take_left_out(), 0);
    }

    #[test]
    fn of_a_flood_a_few_each_second_and_every_other_is_counted() {
        let mut limiter = Limiter::new();
        let begin = 1000 * SECOND;
        // 1,000 a second for ten seconds.
        let written = (0..10_000).filter(|n| limiter.allows(begin + n * 1000)).count() as u64;
        assert!((AT_ONCE + 49..=AT_ONCE + 50).contains(&written), "{written}");
        assert_eq!(limiter.take_left_out(), 10_000 - written);
        assert_eq!(limiter.take_left_out(), 0);
    }

    #[test]
    fn after_some_quiet_it_is_as_before() {
        let mut limiter = Limiter::new();
        while limiter.allows(SECOND) {}
        assert!(!limiter.allows(SECOND));
        let later = SECOND + AT_ONCE * EACH_US;
        assert_eq!((0..1000).filter(|_| limiter.allows(later)).count() as u64, AT_ONCE);
        // A clock that stands or goes back earns nothing.
        assert!(!limiter.allows(0));
    }
}
