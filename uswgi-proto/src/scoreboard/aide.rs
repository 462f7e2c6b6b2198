//! The row of an aide: a spooler or a mule.

use super::text::Text;
use crate::background::{Aide, AideKind};
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Bytes of an aide's slot.
pub const AIDE_SIZE: usize = 512;
/// Slots of aides.
pub const AIDES: usize = crate::background::MOST_AIDES;
/// Numbers that are carried from one process to the next with the same name.
pub const AIDE_COUNTERS: usize = 6;

/// An aide. Writer: the master, but for the fields that say otherwise.
#[repr(C, align(128))]
pub struct AideSlot {
    /// 0: nobody ever; 1: a spooler; 2: a mule.
    pub kind: AtomicU32,
    /// Its number within its kind, from 1.
    pub number: AtomicU32,
    /// [`super::WorkerState`].
    pub state: AtomicU32,
    /// Pid, 0 before it said hello.
    pub pid: AtomicI32,
    /// How often a process of this name was started before this one.
    pub respawns: AtomicU32,
    /// 1 where the process before this one ended without being asked to.
    pub died: AtomicU32,
    /// How it ended then: the exit code, or minus the signal.
    pub last_end: AtomicI32,
    /// Exits that nobody asked for.
    pub deaths: AtomicU32,
    /// Seconds between two looks of a spooler at its folder (`uwsgi.set_spooler_frequency`); 0: as configured. Writers: any
    /// process of the application.
    pub frequency: AtomicU32,
    /// Descriptor of the pipe at which it is asked where its threads stand ([`crate::stacks`]); 0: it cannot be asked. Writer:
    /// the aide.
    pub stacks_pipe: AtomicU32,
    /// Generation it serves.
    pub generation: AtomicU64,
    /// When it was started, seconds since the epoch.
    pub last_spawn: AtomicU64,
    /// When the task or message under way began, [`super::monotonic_us`]; 0: there is none. Writer: the aide.
    pub started_us: AtomicU64,
    /// Tasks or messages that came to their end. Writer: the aide.
    pub done: AtomicU64,
    /// Exceptions that got out of one. Writer: the aide.
    pub failed: AtomicU64,
    /// Tasks that are to run again. Writer: the aide.
    pub retried: AtomicU64,
    /// Tasks that were put aside. Writer: the aide.
    pub put_aside: AtomicU64,
    /// Signals of `uwsgi.signal` and timers. Writer: the aide.
    pub signals: AtomicU64,
    /// Microseconds in tasks, messages and signals. Writer: the aide.
    pub running_us: AtomicU64,
    /// Tasks that it knew of when it looked last. Writer: the aide.
    pub waiting: AtomicU64,
    /// When the oldest of them was made, seconds since the epoch; 0: none. Writer: the aide.
    pub oldest: AtomicU64,
    /// Resident bytes. Writer: the aide.
    pub rss: AtomicU64,
    /// Bytes of address space. Writer: the aide.
    pub vsz: AtomicU64,
    /// The task under way, with the folder of its priority; empty: none. It stays when its process dies in it: the next
    /// process of the name reads it. Writer: the aide.
    pub current: Text<32>,
    /// Descriptor of the memory file in which the answer comes. Writer: the aide.
    pub stacks_memory: AtomicU32,
    /// Unused.
    pub _pad: AtomicU32,
    /// Memory for later versions.
    pub _align: [AtomicU64; 12],
}

impl AideSlot {
    /// Who has the slot, or had it last.
    pub fn aide(&self) -> Option<Aide> {
        let kind = match self.kind.load(Relaxed) {
            1 => AideKind::Spooler,
            2 => AideKind::Mule,
            _ => return None,
        };
        Some(Aide { kind, number: self.number.load(Relaxed) })
    }

    /// Give it a name.
    pub fn name(&self, aide: Aide) {
        let kind = match aide.kind {
            AideKind::Spooler => 1,
            AideKind::Mule => 2,
        };
        self.kind.store(kind, Relaxed);
        self.number.store(aide.number, Relaxed);
    }

    /// What is carried from one process to the next.
    pub fn counters(&self) -> [&AtomicU64; AIDE_COUNTERS] {
        [&self.done, &self.failed, &self.retried, &self.put_aside, &self.signals, &self.running_us]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_size_is_the_layout() {
        assert_eq!(std::mem::size_of::<AideSlot>(), AIDE_SIZE);
    }
}
