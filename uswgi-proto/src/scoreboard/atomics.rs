//! The atomics under the seqlock. A test compiles the same `seqlock` over loom's, which try every order
//! that the memory model allows (`tests/seqlock_model.rs`).

pub(super) use std::hint::spin_loop;
pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Tries of a reader before it gives up on a writer that was killed in the middle.
pub(super) const TRIES: usize = 1000;
