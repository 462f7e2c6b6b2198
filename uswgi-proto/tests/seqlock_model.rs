//! The seqlock of the scoreboard under loom: every interleaving (of up to three preemptions) and every
//! reordering that the memory model allows, for a writer of two texts and a reader. The very source of the library, over loom's atomics.

#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod atomics {
    pub(super) use loom::hint::spin_loop;
    pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
    /// Loom tries every choice at every look: few looks say all there is to say.
    pub(super) const TRIES: usize = 2;
}
#[path = "../src/scoreboard/seqlock.rs"]
mod seqlock;

use atomics::{AtomicU32, AtomicU64, Ordering};
use loom::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Shared {
    sequence: AtomicU32,
    words: [AtomicU64; 2],
}

fn write(shared: &Shared, byte: u8) {
    let s = seqlock::begin(&shared.sequence);
    seqlock::store_bytes(&shared.words, &[byte; 16]);
    seqlock::finish(&shared.sequence, s);
}

fn model(first: u32, writes: &'static [u8]) -> (usize, usize) {
    static READ: AtomicUsize = AtomicUsize::new(0);
    static GIVEN_UP: AtomicUsize = AtomicUsize::new(0);
    READ.store(0, Relaxed);
    GIVEN_UP.store(0, Relaxed);
    let mut builder = loom::model::Builder::new();
    // Every order of the memory model, with at most three switches of thread where none is forced.
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let words = [AtomicU64::new(0), AtomicU64::new(0)];
        let shared = Arc::new(Shared { sequence: AtomicU32::new(first), words });
        let writer = {
            let shared = shared.clone();
            loom::thread::spawn(move || writes.iter().for_each(|b| write(&shared, *b)))
        };
        match seqlock::read(&shared.sequence, || seqlock::load_bytes(&shared.words, 16)) {
            Some(bytes) => {
                assert!(bytes.iter().all(|b| *b == bytes[0]), "torn: {bytes:?}");
                READ.fetch_add(1, Relaxed);
            }
            None => {
                GIVEN_UP.fetch_add(1, Relaxed);
            }
        }
        writer.join().unwrap();
        let last = seqlock::read(&shared.sequence, || seqlock::load_bytes(&shared.words, 16)).unwrap();
        assert_eq!(last, [*writes.last().unwrap(); 16]);
        assert_eq!(shared.sequence.load(Ordering::Relaxed) & 1, 0);
    });
    (READ.load(Relaxed), GIVEN_UP.load(Relaxed))
}

#[test]
fn no_order_of_events_tears_a_text() {
    let (read, given_up) = model(0, &[1, 2]);
    assert!(read > 10, "loom tried {read} readers");
    // The reader must also have met a writer in the middle, or nothing was tried.
    assert!(given_up > 0, "no reader met a writer");
    // A predecessor that was killed in the middle left the sequence odd, and its words half written.
    let (read, given_up) = model(7, &[1]);
    assert!(read > 0 && given_up > 0, "{read} {given_up}");
}
