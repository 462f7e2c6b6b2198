//! The rows of spoolers and mules.

use super::Board;
use crate::supervisor::{AideSeat, Child, Stage};
use std::sync::atomic::Ordering::{Relaxed, Release};
use uswgi_proto::scoreboard::aide::{AIDE_COUNTERS, AIDES, AideSlot};
use uswgi_proto::scoreboard::{WorkerState, epoch_seconds};

impl Board {
    /// A process is about to get the slot. What the one before of its name was at stays there, for who comes next to see;
    /// its sums go on.
    pub fn occupy_aide(&self, seat: AideSeat, generation: u64, respawns: u32) {
        let Some(slot) = self.board.aide(seat.slot) else { return };
        if slot.aide() != Some(seat.aide) {
            self.take_over(slot, seat);
        }
        for field in [&slot.started_us, &slot.rss, &slot.vsz] {
            field.store(0, Relaxed);
        }
        slot.pid.store(0, Relaxed);
        slot.stacks_pipe.store(0, Relaxed);
        slot.respawns.store(respawns, Relaxed);
        slot.generation.store(generation, Relaxed);
        slot.last_spawn.store(epoch_seconds(), Relaxed);
        slot.state.store(WorkerState::Starting as u32, Release);
    }

    /// The slot was another one's, or nobody's: what its new owner has elsewhere comes with it.
    fn take_over(&self, slot: &AideSlot, seat: AideSeat) {
        let elsewhere =
            (0..AIDES as u32).filter_map(|i| self.board.aide(i)).find(|s| s.aide() == Some(seat.aide));
        let mut counters = [0; AIDE_COUNTERS];
        let (mut current, mut died, mut end, mut deaths) = (String::new(), 0, 0, 0);
        if let Some(from) = elsewhere {
            counters = from.counters().map(|c| c.load(Relaxed));
            current = from.current.read().unwrap_or_default();
            (died, end) = (from.died.load(Relaxed), from.last_end.load(Relaxed));
            deaths = from.deaths.load(Relaxed);
            from.kind.store(0, Relaxed);
        }
        slot.counters().iter().zip(counters).for_each(|(to, n)| to.store(n, Relaxed));
        slot.current.write(current.as_bytes());
        slot.died.store(died, Relaxed);
        slot.last_end.store(end, Relaxed);
        slot.deaths.store(deaths, Relaxed);
        for field in [&slot.waiting, &slot.oldest] {
            field.store(0, Relaxed);
        }
        slot.name(seat.aide);
    }

    /// Its process is gone; `died`: nobody had asked for that.
    pub fn aide_ended(&self, seat: AideSeat, died: bool, end: i32) {
        let Some(slot) = self.board.aide(seat.slot) else { return };
        slot.died.store(died.into(), Relaxed);
        slot.last_end.store(end, Relaxed);
        slot.deaths.store(slot.deaths.load(Relaxed) + u32::from(died), Relaxed);
    }

    /// Nobody is in the slot for now.
    pub fn vacate_aide(&self, seat: AideSeat) {
        let Some(slot) = self.board.aide(seat.slot) else { return };
        slot.pid.store(0, Relaxed);
        slot.stacks_pipe.store(0, Relaxed);
        slot.started_us.store(0, Relaxed);
        slot.state.store(WorkerState::Free as u32, Release);
    }

    /// Show what the supervisor knows of one.
    pub(super) fn sync_aide(&self, seat: AideSeat, child: &Child) {
        let Some(slot) = self.board.aide(seat.slot) else { return };
        let state = match child.stage {
            Stage::Starting => WorkerState::Starting,
            Stage::Ready => WorkerState::Ready,
            Stage::Retiring => WorkerState::Retiring,
            Stage::Killed => WorkerState::Killed,
        };
        slot.pid.store(child.pid.unwrap_or(0), Relaxed);
        slot.state.store(state as u32, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_proto::background::{Aide, AideKind};
    use uswgi_proto::scoreboard::Scoreboard;

    #[test]
    fn what_an_aide_did_and_was_at_follows_its_name() {
        let (board, fd) = Scoreboard::create(4, 2).unwrap();
        let board = Board::of(board, fd);
        let aide = Aide { kind: AideKind::Spooler, number: 2 };
        let (first, second) = (AideSeat { aide, slot: 1 }, AideSeat { aide, slot: 3 });
        board.occupy_aide(first, 1, 0);
        let slot = |seat: AideSeat| board.board.aide(seat.slot).unwrap();
        slot(first).done.store(7, Relaxed);
        slot(first).current.write(b"a task");
        board.aide_ended(first, true, -11);
        board.vacate_aide(first);
        board.occupy_aide(first, 1, 1);
        assert_eq!(slot(first).done.load(Relaxed), 7);
        board.occupy_aide(second, 2, 2);
        let s = slot(second);
        assert_eq!((s.done.load(Relaxed), s.current.read().as_deref()), (7, Some("a task")));
        assert_eq!((s.died.load(Relaxed), s.last_end.load(Relaxed), s.deaths.load(Relaxed)), (1, -11, 1));
        assert_eq!(slot(first).aide(), None, "a name stands once");
    }
}
