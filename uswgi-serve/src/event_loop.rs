//! The event loop in which every lane of a worker runs, where they share one thread: whether it turns.
//!
//! While requests run the native thread asks it now and then, by a descriptor that it watches, and the loop says when it
//! turned. How late that is is the lag: for so long one lane has kept the others from running. An idle worker asks nothing.

#![forbid(unsafe_code)]

use crate::sys::WakeEvent;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use uswgi_proto::scoreboard::lag::LagSlot;

/// How often it is asked.
const EACH_US: u64 = 50_000;
/// A loop that has not turned for so long keeps its connections waiting: others may serve them.
const BLOCKED_US: u64 = 20_000;

/// What is known of a loop.
pub struct EventLoop {
    wake: WakeEvent,
    /// When it was asked, `monotonic_us`; 0: nothing is open.
    asked_us: AtomicU64,
    /// When it was asked last.
    last_us: AtomicU64,
    /// That it is late has been said.
    told: AtomicBool,
    /// Lanes beyond their deadline are to be broken out.
    interrupts: AtomicBool,
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoopLook {
    /// Somebody keeps it from turning.
    pub blocked: bool,
    /// It is later than the settings bear by so many microseconds in all, for the first time since it turned.
    pub late_us: Option<u64>,
}

impl EventLoop {
    pub(crate) fn new() -> io::Result<EventLoop> {
        Ok(EventLoop {
            wake: WakeEvent::new(false)?,
            asked_us: AtomicU64::new(0),
            last_us: AtomicU64::new(0),
            told: AtomicBool::new(false),
            interrupts: AtomicBool::new(false),
        })
    }

    /// Readable when the loop is wanted: [`EventLoop::turned`] and whatever its owner does for others.
    pub fn raw(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// Have the loop break out the lanes for which [`crate::lane::Lane::take_interruption`] says so. Not before: where they
    /// stand has to be in the log first.
    pub fn interrupt(&self) {
        self.interrupts.store(true, Ordering::Release);
        self.wake.set();
    }

    /// Have the loop look at what has changed for all lanes: the worker leaves.
    pub(crate) fn call(&self) {
        self.wake.set();
    }

    /// Whether it was told to do that; says so once.
    pub fn take_interrupt(&self) -> bool {
        self.interrupts.swap(false, Ordering::AcqRel)
    }

    /// The loop turns, now; how late it is when it was asked, in microseconds. `shown`: where that is shown.
    pub(crate) fn turned(&self, now_us: u64, shown: Option<&LagSlot>) -> Option<u64> {
        self.wake.clear();
        if let Some(slot) = shown {
            // Before the next one can be asked.
            slot.asked_us.store(0, Ordering::Relaxed);
        }
        let asked = self.asked_us.swap(0, Ordering::AcqRel);
        self.told.store(false, Ordering::Relaxed);
        let lag = (asked > 0).then(|| now_us.saturating_sub(asked));
        if let (Some(us), Some(slot)) = (lag, shown) {
            slot.count(us);
        }
        lag
    }

    /// Whether it was asked and has not turned since.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked_us.load(Ordering::Acquire) > 0
    }

    /// Look whether it turns, and ask it. Native thread only. `bearable_us`: from which lag on it is said; 0: never.
    /// `shown`: where others see that it was asked.
    pub(crate) fn look(&self, now_us: u64, bearable_us: u64, shown: Option<&LagSlot>) -> LoopLook {
        let asked = self.asked_us.load(Ordering::Acquire);
        if asked == 0 {
            if now_us >= self.last_us.load(Ordering::Relaxed) + EACH_US {
                self.last_us.store(now_us, Ordering::Relaxed);
                if let Some(slot) = shown {
                    slot.asked_us.store(now_us.max(1), Ordering::Relaxed);
                }
                self.asked_us.store(now_us.max(1), Ordering::Release);
                self.wake.set();
            }
            return LoopLook { blocked: false, late_us: None };
        }
        let late = now_us.saturating_sub(asked);
        let say = bearable_us > 0 && late >= bearable_us && !self.told.swap(true, Ordering::Relaxed);
        LoopLook { blocked: late >= BLOCKED_US, late_us: say.then_some(late) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_turns_is_asked_now_and_then_and_is_never_late() {
        let l = EventLoop::new().unwrap();
        let fine = LoopLook { blocked: false, late_us: None };
        assert_eq!((l.look(1_000_000, 100_000, None), l.turned(1_000_400, None)), (fine, Some(400)));
        assert_eq!(
            (l.look(1_010_000, 100_000, None), l.turned(1_010_001, None)),
            (fine, None),
            "not asked again so soon"
        );
        assert_eq!((l.look(1_050_000, 100_000, None), l.look(1_060_000, 100_000, None)), (fine, fine));
        assert_eq!(l.turned(1_061_000, None), Some(11_000));
    }

    #[test]
    fn one_that_stands_is_blocked_soon_and_late_once() {
        let l = EventLoop::new().unwrap();
        l.look(1_000_000, 100_000, None);
        assert!(l.look(1_020_000, 100_000, None).blocked);
        assert_eq!(l.look(1_099_000, 100_000, None).late_us, None);
        assert_eq!(l.look(1_101_000, 100_000, None).late_us, Some(101_000));
        assert_eq!(l.look(1_111_000, 100_000, None), LoopLook { blocked: true, late_us: None });
        assert_eq!(l.turned(1_200_000, None), Some(200_000));
        l.look(1_300_000, 100_000, None);
        assert_eq!(l.look(1_400_000, 0, None).late_us, None, "0 says nothing");
        assert_eq!(l.look(1_400_000, 100_000, None).late_us, Some(100_000));
    }
}
