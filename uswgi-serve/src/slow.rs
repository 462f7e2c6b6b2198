//! Where the time of a slow request goes (`slow-request`): the native thread looks at lanes that have been in one request
//! for a while, each look counts for the time since the last one, and who ends a request that took long writes it down.
//!
//! A request that is not slow pays for one comparison. What runs for long is looked at less and less often.

#![forbid(unsafe_code)]

use crate::engine::Engine;
use crate::kernel_word::{self, KernelWord, ThreadFiles};
use crate::lane::Lane;
use crate::sys;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering::Relaxed;
use uswgi_proto::profile::LaneStanding;
use uswgi_proto::scoreboard::slow::{PhaseTimes, SlowPhase, SlowRequest};
use uswgi_proto::scoreboard::text::RequestLine;
use uswgi_proto::tcp_info;

/// Time between two looks: of a request that is younger than a second, than ten, and of others.
const STEPS_US: [(u64, u64); 3] = [(1_000_000, 10_000), (10_000_000, 100_000), (u64::MAX, 1_000_000)];

/// The phases of a request that took so long, of which a part was looked at. A wait for the client that was measured
/// counts as it was.
fn phases(total_us: u64, seen: [u64; LaneStanding::ALL.len()], sent_us: u64) -> PhaseTimes {
    let mut times = PhaseTimes::default();
    let sent_us = sent_us.min(total_us);
    times[SlowPhase::Sending as usize] = sent_us;
    let rest = total_us - sent_us;
    let parts = [
        (SlowPhase::Gil, seen[LaneStanding::Gil as usize]),
        (SlowPhase::Running, seen[LaneStanding::Runs as usize]),
        (SlowPhase::Waiting, seen[LaneStanding::Waits as usize]),
        (SlowPhase::Input, seen[LaneStanding::Input as usize]),
    ];
    let all: u64 = parts.iter().map(|(_, us)| us).sum();
    for (phase, us) in parts {
        if all > 0 {
            times[phase as usize] = (u128::from(rest) * u128::from(us) / u128::from(all)) as u64;
        }
    }
    times
}

/// The native thread's side.
#[derive(Debug)]
pub(crate) struct SlowLooks {
    /// Where the interpreter's lock is.
    lock: Range<usize>,
    lanes: Vec<SeenLane>,
    /// Of the thread that runs all lanes, where one does: one pair of files, however many lanes there are.
    shared: ThreadFiles,
    /// When to look next, `monotonic_us`; None: nothing is to be looked at.
    pub(crate) due_us: Option<u64>,
}

#[derive(Debug, Default)]
struct SeenLane {
    sequence: u64,
    /// When its request was seen first, and looked at last.
    first_us: u64,
    last_us: u64,
    files: ThreadFiles,
}

impl SeenLane {
    /// How long until the next look.
    fn step(&self) -> u64 {
        let age = self.last_us - self.first_us;
        STEPS_US.iter().find(|(below, _)| age < *below).map_or(STEPS_US[2].1, |(_, step)| *step)
    }
}

impl SlowLooks {
    /// For an interpreter whose lock is there.
    pub(crate) fn new(lock: Range<usize>) -> SlowLooks {
        SlowLooks { lock, lanes: Vec::new(), shared: ThreadFiles::default(), due_us: None }
    }

    /// Look at what is due. Only where `slow-request` is set.
    pub(crate) fn look(&mut self, engine: &Engine, now: u64) {
        self.lanes.resize_with(engine.lanes.len(), SeenLane::default);
        let shared = engine.shares_a_thread();
        // How long a conversation lasts says nothing of the time that a request takes.
        let counts = |lane: &Lane| lane.sequence.load(Relaxed) & 1 == 1 && !lane.converses();
        let busy = engine.lanes.iter().filter(|lane| counts(lane)).count();
        let mut word_of_all = None;
        let mut next = u64::MAX;
        for (lane, seen) in engine.lanes.iter().zip(&mut self.lanes) {
            if !counts(lane) {
                continue;
            }
            let sequence = lane.sequence.load(Relaxed);
            if seen.sequence != sequence {
                (seen.sequence, seen.first_us, seen.last_us) = (sequence, now, now);
                lane.times.begin(sequence);
            } else if now >= seen.last_us + seen.step() {
                let word = match shared {
                    true => *word_of_all.get_or_insert_with(|| self.shared.word(lane.id()).0),
                    false => seen.files.word(lane.id()).0,
                };
                // Of lanes that share a thread nobody knows which one runs, unless there is one.
                if !shared || busy == 1 || word == KernelWord::Waits {
                    let standing = kernel_word::standing(word, &self.lock, lane.waits_for());
                    lane.times.add(standing, now - seen.last_us);
                }
                seen.last_us = now;
            }
            next = next.min(seen.last_us + seen.step());
        }
        self.due_us = (next < u64::MAX).then_some(next);
    }
}

/// What is known of a request at its end.
pub(crate) struct Ended<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) lane: usize,
    pub(crate) fd: BorrowedFd<'a>,
    /// Nothing of it came after it began: then what came last was its end.
    pub(crate) came_whole: bool,
    pub(crate) status: u16,
    pub(crate) total_us: u64,
    /// How long it waited for its client to take the answer.
    pub(crate) sent_us: u64,
}

/// A request was slow.
pub(crate) fn write_down(ended: &Ended<'_>) {
    let Ended { engine, lane, fd, came_whole, status, total_us, sent_us } = *ended;
    let (Some(board), Some(slot)) = (&engine.board, engine.lane_slot(lane)) else { return };
    let cell: &Lane = &engine.lanes[lane];
    let (seen, looks) = cell.times.of(cell.sequence.load(Relaxed));
    let mut phases = phases(total_us, seen, sent_us);
    let queue_us =
        came_whole.then(|| tcp_info::last_received_us(fd)).flatten().map(|us| us.saturating_sub(total_us));
    phases[SlowPhase::Queue as usize] = queue_us.unwrap_or(0);
    board.slow().write(&SlowRequest {
        ticket: 0,
        ended_ms: sys::realtime_us() / 1000,
        total_us,
        phases,
        queue_known: queue_us.is_some(),
        looks,
        status: u64::from(status),
        worker: u64::from(engine.settings.worker_id),
        generation: engine.slot().map_or(0, |s| s.generation.load(Relaxed)),
        line: slot.request.read().unwrap_or_else(RequestLine::default),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_of_a_part_counts_for_the_whole_and_what_was_measured_as_it_was() {
        // runs, gil, input, sending, waits
        let times = phases(1_000_000, [100, 200, 0, 999, 100], 200_000);
        assert_eq!(times, [0, 400_000, 200_000, 200_000, 0, 200_000]);
        assert_eq!(phases(500, [0; 5], 0), [0; 6], "nobody looked");
        assert_eq!(phases(500, [0; 5], 900)[SlowPhase::Sending as usize], 500);
    }

    #[test]
    fn what_runs_for_long_is_looked_at_less_often() {
        let seen = |age: u64| SeenLane { first_us: 7, last_us: 7 + age, ..SeenLane::default() };
        assert_eq!(
            [0, 999_999, 1_000_000, 10_000_000].map(|age| seen(age).step()),
            [10_000, 10_000, 100_000, 1_000_000]
        );
    }
}
