//! Slow requests: the last of them in a ring, with where their time went, and their sums by phase. In shared memory, so
//! that what a worker wrote is there when it has gone.
//!
//! Writers: every lane of every worker, at the end of a request that took at least `slow-request`; so rarely that they
//! may add to the same words. A place in the ring belongs to whoever drew its ticket. A writer that was killed leaves its
//! place odd, and one that stood still until the ring came round leaves a sum that does not fit: both are not shown.

use super::text::{RequestLine, RequestText};
use super::{layout::BUCKETS, layout::bucket_of};
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence};

/// Places in the ring.
pub const SLOW_PLACES: usize = 256;
/// Bytes of a place.
pub const SLOW_SIZE: usize = 512;
/// Bytes of it all.
pub const SLOW_BOARD_SIZE: usize = 8192 + SLOW_PLACES * SLOW_SIZE;

/// A piece of a request's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlowPhase {
    /// Before it began: in the queue of the socket, in the worker until a lane was free. As far as the kernel tells.
    Queue,
    /// Waiting for the interpreter's lock.
    Gil,
    /// In the application, running, or ready to.
    Running,
    /// In the application, waiting.
    Waiting,
    /// Waiting for the client's body.
    Input,
    /// Waiting until the client takes more.
    Sending,
}

impl SlowPhase {
    /// All, in the order of their numbers.
    pub const ALL: [SlowPhase; 6] = [
        SlowPhase::Queue,
        SlowPhase::Gil,
        SlowPhase::Running,
        SlowPhase::Waiting,
        SlowPhase::Input,
        SlowPhase::Sending,
    ];

    /// One word.
    pub const fn name(self) -> &'static str {
        match self {
            SlowPhase::Queue => "queue",
            SlowPhase::Gil => "gil",
            SlowPhase::Running => "running",
            SlowPhase::Waiting => "waiting",
            SlowPhase::Input => "input",
            SlowPhase::Sending => "sending",
        }
    }
}

/// Microseconds for each phase.
pub type PhaseTimes = [u64; SlowPhase::ALL.len()];

/// A slow request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlowRequest {
    /// Which one since the instance began, from 1.
    pub ticket: u64,
    /// When it ended, milliseconds since the epoch.
    pub ended_ms: u64,
    /// From its beginning, without [`SlowPhase::Queue`], microseconds.
    pub total_us: u64,
    /// Where that went; the queue is beside it.
    pub phases: PhaseTimes,
    /// Whether the kernel told about the queue (TCP alone).
    pub queue_known: bool,
    /// Looks that the phases were found by; 0: they are not known.
    pub looks: u64,
    /// Status of its answer; 0: there was none.
    pub status: u64,
    /// Number of its worker.
    pub worker: u64,
    /// Generation of its worker.
    pub generation: u64,
    /// What was asked.
    pub line: RequestLine,
}

const NUMBERS: usize = 8 + SlowPhase::ALL.len();

/// A place in the ring.
#[repr(C, align(64))]
pub struct SlowPlace {
    /// Twice the ticket, and one less while it is written.
    sequence: AtomicU64,
    numbers: [AtomicU64; NUMBERS],
    /// Of the numbers and the sequence.
    sum: AtomicU64,
    line: RequestText,
}

/// All of it.
#[repr(C, align(4096))]
pub struct SlowBoard {
    /// Tickets drawn.
    pub tickets: AtomicU64,
    /// Microseconds by phase.
    pub sums: [AtomicU64; SlowPhase::ALL.len()],
    /// Slow requests by the time of each phase; those of no time are not counted.
    pub histograms: [[AtomicU64; BUCKETS]; SlowPhase::ALL.len()],
    _align: [AtomicU64; 441],
    places: [SlowPlace; SLOW_PLACES],
}

fn sum_of(sequence: u64, numbers: &[u64; NUMBERS]) -> u64 {
    numbers.iter().fold(sequence ^ 0x9e37_79b9_7f4a_7c15, |sum, n| {
        (sum ^ n).rotate_left(23).wrapping_mul(0x100_0000_01b3)
    })
}

impl SlowBoard {
    /// Write a request down; its ticket is drawn here.
    pub fn write(&self, r: &SlowRequest) {
        let ticket = self.tickets.fetch_add(1, Relaxed) + 1;
        for (i, us) in r.phases.iter().enumerate().filter(|(_, us)| **us > 0) {
            self.sums[i].fetch_add(*us, Relaxed);
            self.histograms[i][bucket_of(*us)].fetch_add(1, Relaxed);
        }
        let place = &self.places[ticket as usize % SLOW_PLACES];
        let mut numbers = [0; NUMBERS];
        numbers[..8].copy_from_slice(&[
            ticket,
            r.ended_ms,
            r.total_us,
            u64::from(r.queue_known),
            r.looks,
            r.status,
            r.worker,
            r.generation,
        ]);
        numbers[8..].copy_from_slice(&r.phases);
        place.sequence.store(ticket * 2 - 1, Relaxed);
        fence(Release);
        place.numbers.iter().zip(numbers).for_each(|(to, from)| to.store(from, Relaxed));
        place.sum.store(sum_of(ticket * 2, &numbers), Relaxed);
        place.line.write(r.line.method.as_bytes(), r.line.uri.as_bytes(), r.line.remote.as_bytes());
        place.sequence.store(ticket * 2, Release);
    }

    /// Those that are there, the oldest first.
    pub fn read(&self) -> Vec<SlowRequest> {
        let mut all: Vec<SlowRequest> = self.places.iter().filter_map(SlowPlace::read).collect();
        all.sort_by_key(|r| r.ticket);
        all
    }
}

impl SlowPlace {
    fn read(&self) -> Option<SlowRequest> {
        let sequence = self.sequence.load(Acquire);
        if sequence == 0 || sequence & 1 == 1 {
            return None;
        }
        let n: [u64; NUMBERS] = std::array::from_fn(|i| self.numbers[i].load(Relaxed));
        let (sum, line) = (self.sum.load(Relaxed), self.line.read()?);
        fence(Acquire);
        if self.sequence.load(Relaxed) != sequence || sum != sum_of(sequence, &n) {
            return None;
        }
        Some(SlowRequest {
            ticket: n[0],
            ended_ms: n[1],
            total_us: n[2],
            queue_known: n[3] != 0,
            looks: n[4],
            status: n[5],
            worker: n[6],
            generation: n[7],
            phases: std::array::from_fn(|i| n[8 + i]),
            line,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::{Reader, Scoreboard};
    use std::os::fd::AsFd;

    fn request(n: u64) -> SlowRequest {
        let text = format!("/{n}");
        SlowRequest {
            ticket: n,
            ended_ms: n,
            total_us: n * 1000,
            phases: std::array::from_fn(|i| n * i as u64),
            queue_known: n.is_multiple_of(2),
            looks: n,
            status: 200,
            worker: 3,
            generation: 1,
            line: RequestLine { method: "GET".into(), uri: text, remote: "::1".into() },
        }
    }

    #[test]
    fn the_last_ones_are_there_in_their_order_and_all_are_counted() {
        assert_eq!(size_of::<SlowPlace>(), SLOW_SIZE);
        assert_eq!(size_of::<SlowBoard>(), SLOW_BOARD_SIZE);
        let (board, fd) = Scoreboard::create(1, 1).unwrap();
        let reader = Reader::open(fd.as_fd()).unwrap();
        assert!(reader.slow().read().is_empty());
        let many = SLOW_PLACES as u64 + 10;
        (1..=many).for_each(|n| board.slow().write(&request(n)));
        let all = reader.slow().read();
        assert_eq!(
            (all.len(), all[0].clone(), all[SLOW_PLACES - 1].clone()),
            (SLOW_PLACES, request(11), request(many))
        );
        let counted: u64 =
            reader.slow().histograms[SlowPhase::Sending as usize].iter().map(|n| n.load(Relaxed)).sum();
        assert_eq!((counted, reader.slow().tickets.load(Relaxed)), (many, many));
        assert_eq!(reader.slow().sums[SlowPhase::Gil as usize].load(Relaxed), (1..=many).sum::<u64>());
        for (i, phase) in SlowPhase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, i);
        }
    }

    #[test]
    fn a_place_whose_writer_died_or_was_overtaken_is_not_shown() {
        let (board, _fd) = Scoreboard::create(1, 1).unwrap();
        (1..=3).for_each(|n| board.slow().write(&request(n)));
        board.slow().places[1].sequence.store(1, Relaxed);
        board.slow().places[2].numbers[2].store(7, Relaxed);
        let left: Vec<u64> = board.slow().read().iter().map(|r| r.ticket).collect();
        assert_eq!(left, [3]);
        board.slow().places[1].sequence.store(u64::MAX - 1, Relaxed);
        assert_eq!(board.slow().read().len(), 1);
    }
}
