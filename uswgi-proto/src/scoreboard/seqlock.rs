//! A seqlock of atomics with one writer: the sequence is odd during a write, and a reader believes what it
//! read between two equal even sequences. Knows nothing of what the words mean.
//!
//! Compiled twice: here over the atomics of std, in `tests/seqlock_model.rs` over loom's.

use super::atomics::{AtomicU32, AtomicU64, Ordering, TRIES, fence, spin_loop};

/// A write begins; one writer at a time.
pub(super) fn begin(sequence: &AtomicU32) -> u32 {
    // A predecessor may have died with an odd number: start from the next even one.
    let s = sequence.load(Ordering::Relaxed) & !1;
    sequence.store(s.wrapping_add(1), Ordering::Relaxed);
    fence(Ordering::Release);
    s
}

/// It is over.
pub(super) fn finish(sequence: &AtomicU32, s: u32) {
    sequence.store(s.wrapping_add(2), Ordering::Release);
}

/// Bytes to words; call between [`begin`] and [`finish`].
pub(super) fn store_bytes(words: &[AtomicU64], bytes: &[u8]) {
    let mut chunks = bytes.chunks_exact(8);
    let mut i = 0;
    for c in &mut chunks {
        let mut w = [0; 8];
        w.copy_from_slice(c);
        words[i].store(u64::from_le_bytes(w), Ordering::Relaxed);
        i += 1;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut w = [0; 8];
        w[..rest.len()].copy_from_slice(rest);
        words[i].store(u64::from_le_bytes(w), Ordering::Relaxed);
    }
}

/// So many bytes of the words, which may be torn: only what [`read`] returns is not.
pub(super) fn load_bytes(words: &[AtomicU64], length: usize) -> Vec<u8> {
    let length = length.min(words.len() * 8);
    let mut out: Vec<u8> = Vec::with_capacity(length + 8);
    for w in &words[..length.div_ceil(8)] {
        out.extend_from_slice(&w.load(Ordering::Relaxed).to_le_bytes());
    }
    out.truncate(length);
    out
}

/// Read by `f` what no write changed meanwhile; None when a writer stopped in the middle.
pub(super) fn read<T>(sequence: &AtomicU32, mut f: impl FnMut() -> T) -> Option<T> {
    for _ in 0..TRIES {
        let before = sequence.load(Ordering::Acquire);
        if before & 1 == 0 {
            let value = f();
            fence(Ordering::Acquire);
            if sequence.load(Ordering::Relaxed) == before {
                return Some(value);
            }
        }
        spin_loop();
    }
    None
}
