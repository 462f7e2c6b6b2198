//! Messages for mules, and signals of the application: in queues that the master holds open.
//!
//! Whoever is first takes a message; it is in one process from then on. It must never wait where it sends.

#![forbid(unsafe_code)]

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, send};
use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};
use uswgi_proto::app_signals::RaisedSignal;
use uswgi_proto::background::MessageQueue;

/// Messages that are taken in a row before a look at what else is there.
const IN_A_ROW: u32 = 32;

thread_local! {
    /// Of these, how many may still be taken: where one message was, there is often another, and a look is a system call.
    static ROW: Cell<u32> = const { Cell::new(0) };
    /// Kept: a message is seldom as long as it may be.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The queues of an instance.
#[derive(Debug, Default)]
pub struct Queues {
    all: Vec<(MessageQueue, OwnedFd, OwnedFd)>,
}

/// What a wait for messages ended with.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// A message.
    Message(Vec<u8>),
    /// What else was waited for is there.
    Woken,
    /// A signal of the system came: there may be a handler to run.
    Interrupted,
    /// The time is over.
    Timeout,
}

impl Queues {
    /// Over inherited descriptors: sending and receiving end of each.
    pub fn new(names: Vec<MessageQueue>, pairs: Vec<(OwnedFd, OwnedFd)>) -> Queues {
        Queues {
            all: names.into_iter().zip(pairs).map(|(name, (send, receive))| (name, send, receive)).collect(),
        }
    }

    /// Whether there are mules.
    pub fn has_mules(&self) -> bool {
        self.of(&MessageQueue::Mules).is_some()
    }

    /// The receiving end of a queue.
    pub fn receiving(&self, queue: &MessageQueue) -> Option<BorrowedFd<'_>> {
        self.of(queue).map(|(.., receive)| receive.as_fd())
    }

    fn of(&self, queue: &MessageQueue) -> Option<&(MessageQueue, OwnedFd, OwnedFd)> {
        self.all.iter().find(|(name, ..)| name == queue)
    }

    /// Put a message into a queue. None: there is no such queue.
    ///
    /// # Errors
    /// The queue is full (EAGAIN), or the message too large for it (EMSGSIZE); it is not in the queue then.
    pub fn send(&self, queue: &MessageQueue, message: &[u8]) -> Option<nix::Result<()>> {
        let (_, to, _) = self.of(queue)?;
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        Some(send(to.as_raw_fd(), message, flags).map(drop))
    }

    /// Take a message out of one of these queues; one that is larger than `most` loses its end, as on uWSGI. Waits until
    /// `until` (None: for ever), or until one of `also` is readable, which comes first, but for some messages in a row.
    pub fn receive(
        &self,
        from: &[MessageQueue],
        most: usize,
        also: &[BorrowedFd<'_>],
        until: Option<Instant>,
    ) -> Came {
        let ends: Vec<BorrowedFd<'_>> = from.iter().filter_map(|q| self.receiving(q)).collect();
        if ROW.get() > 0
            && let Some(message) = ends.iter().find_map(|end| take_message(*end, most).ok())
        {
            ROW.set(ROW.get() - 1);
            return Came::Message(message);
        }
        loop {
            let mut fds: Vec<PollFd<'_>> =
                also.iter().chain(&ends).map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
            match poll(&mut fds, timeout(until)) {
                Err(Errno::EINTR) => return Came::Interrupted,
                Err(_) => return Came::Timeout,
                Ok(0) if until.is_some_and(|at| at <= Instant::now()) => return Came::Timeout,
                Ok(_) => {}
            }
            let ready: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
            if ready[..also.len()].contains(&true) {
                return Came::Woken;
            }
            for (end, _) in ends.iter().zip(&ready[also.len()..]).filter(|(_, ready)| **ready) {
                // Somebody else may have been first.
                if let Ok(message) = take_message(*end, most) {
                    ROW.set(IN_A_ROW);
                    return Came::Message(message);
                }
            }
        }
    }
}

fn take_message(from: BorrowedFd<'_>, most: usize) -> nix::Result<Vec<u8>> {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.len() < most {
            buffer.resize(most, 0);
        }
        let length = recv(from.as_raw_fd(), &mut buffer[..most], MsgFlags::MSG_DONTWAIT)?;
        Ok(buffer[..length].to_vec())
    })
}

/// Take a signal out of a queue, if nobody was faster.
pub fn take_signal(from: BorrowedFd<'_>) -> Option<RaisedSignal> {
    let mut buffer = [0; 8];
    let length = recv(from.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).ok()?;
    RaisedSignal::decode(buffer.get(..length)?)
}

/// Rounded up, so that a wait does not end a moment early and come back.
fn timeout(until: Option<Instant>) -> PollTimeout {
    let Some(until) = until else { return PollTimeout::NONE };
    let left = until.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
    PollTimeout::try_from(left.min(Duration::from_secs(86400))).unwrap_or(PollTimeout::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    fn queues(names: &[MessageQueue]) -> Queues {
        let pair =
            || socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::SOCK_CLOEXEC).unwrap();
        Queues::new(names.to_vec(), names.iter().map(|_| pair()).collect())
    }

    fn silence() -> (OwnedFd, OwnedFd) {
        nix::unistd::pipe().unwrap()
    }

    #[test]
    fn messages_come_whole_in_order_and_cut_to_the_buffer() {
        let (one, farm) = (MessageQueue::Mule(1), MessageQueue::Farm("f".into()));
        let q = queues(&[one.clone(), MessageQueue::Mules, farm.clone()]);
        let (also, _write) = silence();
        q.send(&one, b"first").unwrap().unwrap();
        q.send(&one, b"").unwrap().unwrap();
        q.send(&farm, b"farm").unwrap().unwrap();
        assert!(q.send(&MessageQueue::Mule(2), b"x").is_none());
        let now = Some(Instant::now());
        let take = |from: &[MessageQueue], most| q.receive(from, most, &[also.as_fd()], now);
        let one = [one, MessageQueue::Mules];
        assert_eq!(take(&one, 3), Came::Message(b"fir".to_vec()));
        assert_eq!(take(&one, 3), Came::Message(Vec::new()));
        assert_eq!(take(&one, 3), Came::Timeout);
        assert_eq!(take(&[farm], 100), Came::Message(b"farm".to_vec()));
    }

    #[test]
    fn a_full_queue_and_a_large_message_are_refused() {
        let q = queues(&[MessageQueue::Mules]);
        let refused = (0..100_000).find_map(|_| q.send(&MessageQueue::Mules, &[7; 100]).unwrap().err());
        assert_eq!(refused, Some(Errno::EAGAIN));
        let q = queues(&[MessageQueue::Mules]);
        assert_eq!(q.send(&MessageQueue::Mules, &vec![7; 16 << 20]), Some(Err(Errno::EMSGSIZE)));
    }

    #[test]
    fn a_signal_is_no_message() {
        use uswgi_proto::app_signals::SignalGroup;
        let signals = MessageQueue::Signals(SignalGroup::Mules);
        let q = queues(&[MessageQueue::Mules, signals.clone()]);
        let (also, _write) = silence();
        let signal = RaisedSignal { number: 9, told: true };
        q.send(&signals, &signal.encode()).unwrap().unwrap();
        let from = [MessageQueue::Mules];
        assert_eq!(q.receive(&from, 10, &[also.as_fd()], Some(Instant::now())), Came::Timeout);
        let end = q.receiving(&signals).unwrap();
        assert_eq!(q.receive(&from, 10, &[also.as_fd(), end], None), Came::Woken);
        assert_eq!((take_signal(end), take_signal(end)), (Some(signal), None));
    }

    #[test]
    fn what_else_is_waited_for_comes_first() {
        let q = queues(&[MessageQueue::Mules]);
        let (also, write) = silence();
        q.send(&MessageQueue::Mules, b"m").unwrap().unwrap();
        nix::unistd::write(&write, b"x").unwrap();
        assert_eq!(q.receive(&[MessageQueue::Mules], 10, &[also.as_fd()], None), Came::Woken);
        // Behind messages that come without a pause, too: after so many.
        let (silent, _keep) = silence();
        assert_eq!(
            q.receive(&[MessageQueue::Mules], 10, &[silent.as_fd()], None),
            Came::Message(b"m".to_vec())
        );
        for _ in 0..IN_A_ROW {
            q.send(&MessageQueue::Mules, b"m").unwrap().unwrap();
            assert!(matches!(q.receive(&[MessageQueue::Mules], 10, &[also.as_fd()], None), Came::Message(_)));
        }
        q.send(&MessageQueue::Mules, b"m").unwrap().unwrap();
        assert_eq!(q.receive(&[MessageQueue::Mules], 10, &[also.as_fd()], None), Came::Woken);
    }
}
