//! When somebody looks.

use crate::supervisor::looks::{Looks, Matter, OFTEN, RARELY};
use std::time::{Duration, Instant};

#[test]
fn groups_are_looked_at_even_if_nobody_waits_for_them() {
    let now = Instant::now();
    let mut looks = Looks::new(now);
    assert_eq!(looks.deadline(Matter::Nothing), None);
    assert_eq!(looks.deadline(Matter::Groups), Some(now + RARELY));
    assert_eq!(looks.deadline(Matter::Awaited), Some(now + OFTEN));
    assert!(!looks.take(now + OFTEN - Duration::from_millis(1)));
    // Whoever is awake for something else looks too.
    assert!(looks.take(now + OFTEN) && !looks.take(now + OFTEN));
    assert_eq!(looks.deadline(Matter::Groups), Some(now + OFTEN + RARELY));
    let late = now + 10 * RARELY;
    assert!(looks.take(late));
    assert!(looks.deadline(Matter::Groups) > Some(late), "a deadline that has passed is a spin");
}
