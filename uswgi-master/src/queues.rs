//! Queues of messages for mules: datagram sockets that the master holds open, so that what waits in them survives every
//! process that sends or receives.
//!
//! It must never read from them.
#![forbid(unsafe_code)]

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use uswgi_proto::background::{BesideRequests, MessageQueue};

/// The queues of an instance, by what they are for. One that a reload no longer needs keeps what it holds.
#[derive(Debug, Default)]
pub struct Queues {
    all: BTreeMap<MessageQueue, (OwnedFd, OwnedFd)>,
}

impl Queues {
    /// Make those that a configuration needs and that are not there.
    pub fn prepare(&mut self, background: &BesideRequests) -> nix::Result<()> {
        for queue in background.queues() {
            if let Entry::Vacant(place) = self.all.entry(queue) {
                place.insert(socketpair(
                    AddressFamily::Unix,
                    SockType::Datagram,
                    None,
                    SockFlag::SOCK_CLOEXEC,
                )?);
            }
        }
        Ok(())
    }

    /// Sending and receiving end of each, in the order of `BesideRequests::queues`.
    pub fn of(&self, background: &BesideRequests) -> Vec<BorrowedFd<'_>> {
        let found = background.queues().into_iter().filter_map(|q| self.all.get(&q));
        found.flat_map(|(send, receive)| [send.as_fd(), receive.as_fd()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_queue_stays_what_it_is_over_reloads() {
        let mut queues = Queues::default();
        let of = |mules: usize| BesideRequests { mules: vec![None; mules], ..BesideRequests::default() };
        queues.prepare(&of(1)).unwrap();
        let before: Vec<i32> = queues.of(&of(1)).iter().map(|fd| fd.as_raw_fd()).collect();
        queues.prepare(&of(2)).unwrap();
        let after: Vec<i32> = queues.of(&of(2)).iter().map(|fd| fd.as_raw_fd()).collect();
        assert_eq!((before.len(), after.len()), (4, 6));
        // mule 1, all mules; then mule 1, mule 2, all mules.
        assert_eq!((&after[..2], &after[4..]), (&before[..2], &before[2..]));
        assert!(queues.of(&of(0)).is_empty());
    }
}
