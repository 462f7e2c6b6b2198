//! The scoreboard: what an instance does, in shared memory (a sealed memfd of the master).
//!
//! * [`layout`]: the structs, their writers, the states.  * [`aide`]: the row of a spooler or mule.  * [`canary`]: two generations beside each other.  * [`lag`]: how late an event loop is.  * [`restart`]: why processes are replaced.  * [`totals`]: sums of the counters.
//! * [`slow`]: slow requests.  * `seqlock`, [`text`]: a request line that cannot be read torn.
//! * [`map`]: creating, sealing, mapping and checking the memory; the only unsafe code.
//!
//! Rules: atomics only, every bit pattern valid, one writer for every field, or several that only add, as the field says. A reader believes
//! nothing before [`map::Reader::open`] has checked magic, version and sizes. Layout changes
//! change [`LAYOUT_VERSION`] in the same commit.

pub mod aide;
mod atomics;
mod bucket;
pub mod canary;
pub mod lag;
pub mod layout;
pub mod map;
pub mod restart;
mod seqlock;
pub mod slow;
pub mod text;
pub mod totals;

pub use aide::AideSlot;
pub use layout::{
    Header, InstanceState, Outcome, SocketSlot, ThreadSlot, ThreadState, WorkerSlot, WorkerState,
};
pub use map::{Reader, Scoreboard, ScoreboardError, WORKERS_OFFSET};
pub use restart::Restart;

/// First eight bytes of a scoreboard ("USWGISB\n" in little endian).
pub const MAGIC: u64 = u64::from_le_bytes(*b"USWGISB\n");

/// Version of the layout below. Readers refuse any other.
pub const LAYOUT_VERSION: u32 = 19;

/// Descriptor number at which every master keeps its scoreboard, so that `/proc/PID/fd/N` finds it.
pub const SCOREBOARD_FD: i32 = 100;

/// Microseconds of CLOCK_MONOTONIC: the clock of all `*_us` fields that are moments.
pub fn monotonic_us() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .map(std::time::Duration::from)
        .unwrap_or_default();
    now.as_micros() as u64
}

/// Seconds since the epoch.
pub fn epoch_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or(0)
}
