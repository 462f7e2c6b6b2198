//! Sockets of vassals that start when somebody connects: held as long as their files are there, watched while nobody serves them.
#![forbid(unsafe_code)]

use super::Emperor;
use crate::court::Event;
use crate::demand::Held;
use crate::events::{Events, Woken};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

struct Door {
    number: u64,
    held: Held,
    watched: bool,
}

/// All of them.
#[derive(Default)]
pub(super) struct Doors {
    all: BTreeMap<OsString, Door>,
    last: u64,
}

impl Doors {
    /// Wake up when somebody connects there.
    fn open(&mut self, id: &OsString, address: &str, mode: Option<u32>, events: &Events) -> io::Result<()> {
        if !self.all.contains_key(id) {
            self.last += 1;
            let door = Door { number: self.last, held: Held::bind(address, mode)?, watched: false };
            self.all.insert(id.clone(), door);
        }
        let Some(door) = self.all.get_mut(id).filter(|d| !d.watched) else { return Ok(()) };
        events.watch(door.held.as_fd(), Woken::Called(door.number), false)?;
        door.watched = true;
        Ok(())
    }

    /// The socket of a vassal that serves it from now on.
    pub(super) fn give(&mut self, id: &OsString, events: &Events) -> Option<BorrowedFd<'_>> {
        let door = self.all.get_mut(id)?;
        if std::mem::take(&mut door.watched) {
            events.forget(door.held.as_fd());
        }
        Some(door.held.as_fd())
    }

    /// Somebody has connected: to whom.
    fn called(&mut self, number: u64, events: &Events) -> Option<OsString> {
        let (id, door) = self.all.iter_mut().find(|(_, d)| d.number == number)?;
        if std::mem::take(&mut door.watched) {
            // He stays in the queue: without this the loop would spin on him until the vassal has started.
            events.forget(door.held.as_fd());
        }
        Some(id.clone())
    }

    /// Nobody is waited for any more.
    fn close(&mut self, id: &OsString, events: &Events) {
        if let Some(door) = self.all.remove(id) {
            events.forget(door.held.as_fd());
            door.held.remove();
        }
    }

    /// Of nobody.
    pub(super) fn remove_all(&mut self) {
        std::mem::take(&mut self.all).into_values().for_each(|door| door.held.remove());
    }
}

impl Emperor<'_> {
    pub(super) fn listen(&mut self, id: OsString) -> Event {
        let Some(address) = self.court.get(&id).and_then(|v| v.file.demand.clone()) else {
            return Event::Tick;
        };
        match self.doors.open(&id, &address, self.started.chmod_socket, &self.started.events) {
            Ok(()) => Event::Tick,
            Err(e) => Event::Unstarted(id, format!("its socket {address} cannot be listened on: {e}")),
        }
    }

    pub(super) fn deafen(&mut self, id: &OsString) {
        self.doors.close(id, &self.started.events);
    }

    pub(super) fn called(&mut self, number: u64) {
        if let Some(id) = self.doors.called(number, &self.started.events) {
            self.on(Event::Called(id));
        }
    }
}
