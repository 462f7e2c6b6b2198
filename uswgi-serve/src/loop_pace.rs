//! How often the native thread looks at the event loop of all lanes: often while something happens there, seldom where
//! requests only wait (WebSockets without a word, event streams, long polls), so that waiting costs no processor.

#![forbid(unsafe_code)]

/// Time between looks while something happens.
pub(crate) const OFTEN_US: u64 = 10_000;
/// Time between looks while nothing does: for so long a loop that is blocked by what no client has sent (a timer of the
/// application) may go unseen.
const SELDOM_US: u64 = 500_000;
/// Time that the loop has to answer in between.
const ANSWER_US: u64 = 20_000;
/// So many looks without anything, and they become rare.
const QUIET: u32 = 30;
/// Of them, those that still count when something has woken the native thread: 100 ms of looks follow.
const WOKEN: u32 = 20;

/// What a look has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoopSeen {
    /// Requests have begun or ended, others wait for a lane, or the loop is blocked.
    pub(crate) stirs: bool,
    /// The loop was asked and has not answered.
    pub(crate) asked: bool,
    /// How long its thread had run in its life, in microseconds.
    pub(crate) ran_us: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct LoopPace {
    quiet: u32,
    ran_us: u64,
    looked_us: u64,
}

impl LoopPace {
    /// Somebody has called between two rare looks: a request begins, a client has sent something.
    pub(crate) fn woken(&mut self) {
        self.quiet = self.quiet.min(WOKEN);
    }

    /// After a look: the time until the next one, in microseconds.
    pub(crate) fn after(&mut self, seen: LoopSeen, now_us: u64) -> u64 {
        let (ran, passed) = (seen.ran_us.saturating_sub(self.ran_us), now_us.saturating_sub(self.looked_us));
        (self.ran_us, self.looked_us) = (seen.ran_us, now_us);
        // More than a tenth of a processor is more than waiting.
        let works = ran > OFTEN_US / 10 && ran.saturating_mul(10) > passed;
        self.quiet = if seen.stirs || works { 0 } else { self.quiet.saturating_add(1) };
        match (self.quiet >= QUIET, seen.asked) {
            (false, _) => OFTEN_US,
            (true, true) => ANSWER_US,
            (true, false) => SELDOM_US,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: LoopSeen = LoopSeen { stirs: false, asked: false, ran_us: 5_000_000 };

    /// Looks until they are rare; the moment.
    fn rest(pace: &mut LoopPace, mut now: u64) -> u64 {
        for _ in 0..100 {
            let next = pace.after(STILL, now);
            if next == SELDOM_US {
                return now;
            }
            assert_eq!(next, OFTEN_US);
            now += next;
        }
        panic!("no rest");
    }

    #[test]
    fn who_only_waits_is_looked_at_seldom_after_a_while() {
        let mut pace = LoopPace::default();
        let now = rest(&mut pace, 1_000_000);
        assert!((1_200_000..1_400_000).contains(&now), "{now}");
        let asked = LoopSeen { asked: true, ..STILL };
        assert_eq!(pace.after(asked, now + SELDOM_US), ANSWER_US, "it has asked, and looks for the answer");
        assert_eq!(pace.after(STILL, now + SELDOM_US + ANSWER_US), SELDOM_US);
        let blocked = LoopSeen { stirs: true, asked: true, ..STILL };
        assert_eq!(pace.after(blocked, now + SELDOM_US + 2 * ANSWER_US), OFTEN_US);
    }

    #[test]
    fn a_loop_that_runs_for_itself_is_no_rest_and_its_answers_are_none() {
        let mut pace = LoopPace::default();
        let mut now = rest(&mut pace, 1_000_000);
        let mut ran_us = STILL.ran_us;
        for _ in 0..10 {
            (now, ran_us) = (now + SELDOM_US, ran_us + 300);
            assert_eq!(pace.after(LoopSeen { ran_us, ..STILL }, now), SELDOM_US);
        }
        (now, ran_us) = (now + SELDOM_US, ran_us + 60_000);
        assert_eq!(pace.after(LoopSeen { ran_us, ..STILL }, now), OFTEN_US);
    }

    #[test]
    fn who_is_woken_looks_often_for_a_moment() {
        let mut pace = LoopPace::default();
        let now = rest(&mut pace, 1_000_000);
        pace.woken();
        let often = (0..100).take_while(|n| pace.after(STILL, now + n * OFTEN_US) == OFTEN_US).count();
        assert_eq!(often, (QUIET - WOKEN - 1) as usize);
    }
}
