//! Queues of messages for mules and of signals: sockets that the master holds open, so that what waits in them survives every
//! process that sends or receives.
//!
//! It must never read from them.
#![forbid(unsafe_code)]

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socketpair};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use uswgi_proto::app_signals::{RaisedSignal, SignalGroup};
use uswgi_proto::background::{BesideRequests, MessageQueue};

/// The queues of an instance, by what they are for and whose they are. One of messages that a reload no longer needs keeps
/// what it holds. Signals are numbers that each generation gives as it likes: each has queues of its own.
#[derive(Debug, Default)]
pub struct Queues {
    all: BTreeMap<(u64, MessageQueue), (OwnedFd, OwnedFd)>,
}

/// Whose a queue is: 0 of the instance.
fn key(queue: MessageQueue, generation: u64) -> (u64, MessageQueue) {
    let signals = matches!(queue, MessageQueue::Signals(_));
    (if signals { generation } else { 0 }, queue)
}

impl Queues {
    /// Make those that the configuration of a generation needs and that are not there.
    pub fn prepare(&mut self, background: &BesideRequests, generation: u64) -> nix::Result<()> {
        for queue in background.queues() {
            // Datagrams have a queue of a few on many systems; signals are small and may be many.
            let kind = match queue {
                MessageQueue::Signals(_) => SockType::SeqPacket,
                _ => SockType::Datagram,
            };
            if let Entry::Vacant(place) = self.all.entry(key(queue, generation)) {
                place.insert(socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?);
            }
        }
        Ok(())
    }

    /// Sending and receiving end of each, in the order of `BesideRequests::queues`.
    pub fn of(&self, background: &BesideRequests, generation: u64) -> Vec<BorrowedFd<'_>> {
        let found = background.queues().into_iter().filter_map(|q| self.all.get(&key(q, generation)));
        found.flat_map(|(send, receive)| [send.as_fd(), receive.as_fd()]).collect()
    }

    /// Put a signal into a queue.
    ///
    /// # Errors
    /// There is no such queue (ENOENT), or it is full (EAGAIN).
    pub fn raise(&self, generation: u64, group: &SignalGroup, signal: RaisedSignal) -> nix::Result<()> {
        let (to, _) =
            self.all.get(&(generation, MessageQueue::Signals(group.clone()))).ok_or(nix::Error::ENOENT)?;
        send(to.as_raw_fd(), &signal.encode(), MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL).map(drop)
    }

    /// Put a message into the queue of a mule; 0: of all mules.
    ///
    /// # Errors
    /// There is no such queue (ENOENT), or it is full (EAGAIN).
    pub fn tell(&self, mule: u32, message: &[u8]) -> nix::Result<()> {
        let queue = if mule == 0 { MessageQueue::Mules } else { MessageQueue::Mule(mule) };
        let (to, _) = self.all.get(&(0, queue)).ok_or(nix::Error::ENOENT)?;
        send(to.as_raw_fd(), message, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL).map(drop)
    }

    /// Drop the signals of generations that are gone.
    pub fn keep(&mut self, is_there: impl Fn(u64) -> bool) {
        self.all.retain(|(generation, _), _| *generation == 0 || is_there(*generation));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_stays_what_it_is_over_reloads() {
        let mut queues = Queues::default();
        let of = |mules: usize| BesideRequests { mules: vec![None; mules], ..BesideRequests::default() };
        queues.prepare(&of(1), 1).unwrap();
        let numbers = |q: &Queues, mules, generation| -> Vec<i32> {
            q.of(&of(mules), generation).iter().map(|fd| fd.as_raw_fd()).collect()
        };
        let before = numbers(&queues, 1, 1);
        queues.prepare(&of(2), 2).unwrap();
        let after = numbers(&queues, 2, 2);
        // mule 1, all mules; then mule 1, mule 2, all mules. Signals of workers and of mules behind.
        assert_eq!((before.len(), after.len()), (8, 10));
        assert_eq!((&after[..2], &after[4..6]), (&before[..2], &before[2..4]));
        assert!(after[6..].iter().all(|fd| !before.contains(fd)), "signals are the generation's own");
        queues.keep(|generation| generation == 2);
        assert_eq!((numbers(&queues, 1, 1).len(), numbers(&queues, 2, 2).len()), (4, 10));
    }

    #[test]
    fn a_signal_is_put_into_its_queue_or_refused() {
        let mut queues = Queues::default();
        queues.prepare(&BesideRequests::default(), 1).unwrap();
        let signal = RaisedSignal { number: 1, told: false };
        assert_eq!(queues.raise(1, &SignalGroup::Mules, signal), Err(nix::Error::ENOENT));
        assert_eq!(queues.raise(2, &SignalGroup::Workers, signal), Err(nix::Error::ENOENT));
        assert_eq!(queues.tell(1, b"x"), Err(nix::Error::ENOENT));
        let taken = (0..100_000).position(|_| queues.raise(1, &SignalGroup::Workers, signal).is_err());
        assert!(taken.is_some_and(|n| n > 100), "{taken:?}");
    }
}
