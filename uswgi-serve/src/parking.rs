//! Connections that wait in the ready epoll for their next byte.
//!
//! A connection keeps its place for life, so that the epoll's data about it stays true while a thread holds it. The
//! stamp tells it from an earlier connection in the same place.

use crate::connection::Conn;
use crate::sync::lock;
use crate::sys::Epoll;
use crate::token::Token;
use slab::Slab;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Lot {
    places: Slab<(u32, Option<Conn>)>,
    stamp: u32,
    taken: usize,
}

/// All places of a worker.
#[derive(Clone)]
pub(crate) struct Parking {
    lot: Arc<Mutex<Lot>>,
    epoll: Arc<Epoll>,
}

/// A connection's place; given up when the connection is dropped.
pub struct Place {
    key: u32,
    stamp: u32,
    fd: RawFd,
    parking: Parking,
}

impl Place {
    /// What the epoll says about this connection.
    pub fn token(&self) -> u64 {
        Token::Conn { key: self.key, stamp: self.stamp }.encode()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Closing is not enough: a child that the application forked may still hold the socket, and the epoll
        // would report it for ever.
        self.parking.epoll.delete(self.fd);
        // The connection itself is out of the place: it owns this value.
        lock(&self.parking.lot).places.try_remove(self.key as usize);
    }
}

impl Parking {
    /// For connections that wait in this epoll.
    pub(crate) fn new(epoll: Arc<Epoll>) -> Parking {
        Parking { lot: Arc::default(), epoll }
    }

    /// Give a connection a place, if it has none yet; the data for the epoll.
    pub(crate) fn place(&self, conn: &mut Conn) -> u64 {
        let fd = conn.raw();
        let place = conn.place.get_or_insert_with(|| {
            let mut lot = lock(&self.lot);
            lot.stamp = lot.stamp.wrapping_add(1) & 0x0fff_ffff;
            let stamp = lot.stamp;
            Place { key: lot.places.insert((stamp, None)) as u32, stamp, fd, parking: self.clone() }
        });
        place.token()
    }

    /// Put a connection with a place into it.
    pub(crate) fn put(&self, conn: Conn) {
        let Some(key) = conn.place.as_ref().map(|p| p.key as usize) else { return };
        let mut lot = lock(&self.lot);
        if let Some((_, slot)) = lot.places.get_mut(key) {
            *slot = Some(conn);
            lot.taken += 1;
        }
    }

    /// Take a connection; None when somebody else has it.
    pub(crate) fn take(&self, key: u32, stamp: u32) -> Option<Conn> {
        let mut lot = lock(&self.lot);
        let conn = match lot.places.get_mut(key as usize) {
            Some((s, slot)) if *s == stamp => slot.take(),
            _ => None,
        };
        lot.taken -= usize::from(conn.is_some());
        conn
    }

    /// Take the connections for which `which` holds.
    pub(crate) fn take_where(&self, which: impl Fn(&Conn) -> bool) -> Vec<Conn> {
        let mut lot = lock(&self.lot);
        let taken: Vec<Conn> = lot
            .places
            .iter_mut()
            .filter_map(|(_, (_, slot))| if slot.as_ref().is_some_and(&which) { slot.take() } else { None })
            .collect();
        lot.taken -= taken.len();
        taken
    }

    /// Number of connections that wait.
    pub(crate) fn len(&self) -> usize {
        lock(&self.lot).taken
    }
}

#[cfg(test)]
mod tests;
