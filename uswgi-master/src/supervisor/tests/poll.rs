//! When somebody poll.

use crate::supervisor::poll::{OFTEN, Poll, PollFor, RARELY};
use std::time::{Duration, Instant};

#[test]
fn groups_are_polled_even_if_nobody_waits_for_them() {
    let now = Instant::now();
    let mut poll = Poll::new(now);
    assert_eq!(poll.deadline(PollFor::Nothing), None);
    assert_eq!(poll.deadline(PollFor::Groups), Some(now + RARELY));
    assert_eq!(poll.deadline(PollFor::Awaited), Some(now + OFTEN));
    assert!(!poll.take(now + OFTEN - Duration::from_millis(1)));
    // Whoever is awake for something else looks too.
    assert!(poll.take(now + OFTEN) && !poll.take(now + OFTEN));
    assert_eq!(poll.deadline(PollFor::Groups), Some(now + OFTEN + RARELY));
    let late = now + 10 * RARELY;
    assert!(poll.take(late));
    assert!(poll.deadline(PollFor::Groups) > Some(late), "a deadline that has passed is a spin");
}
