//! Background output: what is sent while the application makes its next piece.
//!
//! PEP 3333 lets a server take a piece and send it from another thread. Before a request's thread goes back to the
//! application it *lends* what is not sent: small pieces that came right behind each other, and what the socket did not
//! take. The native thread sends it within milliseconds, without the GIL; the request's thread *takes it back* before it
//! sends anything itself, and before its request ends. Both hold the lock while they do so: the descriptor of a
//! request that has lent nothing is never touched from here.

#![forbid(unsafe_code)]

use std::io;
use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that are put together at most.
pub(crate) const TOGETHER: usize = 32 * 1024;

/// Output that a socket did not take yet.
pub(crate) trait Lendable: Default {
    /// Whether nothing is left.
    fn is_empty(&self) -> bool;
    /// Bytes of memory in it.
    fn memory(&self) -> usize;
    /// Append a copy; an error: there is no memory.
    fn push(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Send what the socket takes without a wait; bytes sent. That it takes no more is no error.
    fn flush(&mut self, socket: RawFd) -> io::Result<u64>;
}

/// What a thread has lent.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Background<Q>(Mutex<LentOutput<Q>>);

#[derive(Default)]
struct LentOutput<Q> {
    fd: RawFd,
    pending: Q,
    /// Sending it failed: for the request's thread to find.
    failed: Option<io::Error>,
    /// Something was added since the native thread looked.
    fresh: bool,
}

/// What the native thread found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LentState {
    /// Nothing was lent since the last look.
    Nothing,
    /// The socket takes no more now.
    Full,
    /// Pieces come.
    Pieces,
}

impl<Q> Background<Q> {
    /// A poisoned lock only means that another thread panicked between two consistent states.
    fn lock(&self) -> MutexGuard<'_, LentOutput<Q>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q: Lendable> Background<Q> {
    /// Add the parts of a small piece; false: it has to be sent. Never waits.
    pub(crate) fn add(&self, fd: RawFd, parts: [&[u8]; 3]) -> bool {
        let Ok(mut output) = self.0.try_lock() else { return false };
        let size: usize = parts.iter().map(|p| p.len()).sum();
        if output.failed.is_some() || output.pending.memory() + size > TOGETHER {
            return false;
        }
        output.fd = fd;
        output.fresh = true;
        for part in parts {
            if let Err(e) = output.pending.push(part) {
                output.failed = Some(e);
            }
        }
        true
    }

    /// Lend what waits for the socket.
    pub(crate) fn give(&self, fd: RawFd, pending: Q) {
        *self.lock() = LentOutput { fd, pending, failed: None, fresh: true };
    }

    /// What is left of it, or why it could not be sent. May wait for a send in progress, which does not wait itself.
    pub(crate) fn take_back(&self) -> Result<Q, io::Error> {
        let mut output = self.lock();
        let pending = std::mem::take(&mut output.pending);
        match output.failed.take() {
            None => Ok(pending),
            Some(e) => Err(e),
        }
    }

    /// Send what the socket takes. Native thread only.
    pub(crate) fn send(&self) -> LentState {
        let mut output = self.lock();
        let found = if std::mem::take(&mut output.fresh) { LentState::Pieces } else { LentState::Nothing };
        if output.failed.is_some() || output.pending.is_empty() {
            return found;
        }
        let fd = output.fd;
        match output.pending.flush(fd) {
            Ok(_) if output.pending.is_empty() => LentState::Pieces,
            Ok(_) => LentState::Full,
            Err(e) => {
                output.pending = Q::default();
                output.failed = Some(e);
                LentState::Nothing
            }
        }
    }

    /// Whether there is anything that the native thread has to look at.
    pub(crate) fn is_waiting(&self) -> bool {
        let output = self.lock();
        output.fresh || (output.failed.is_none() && !output.pending.is_empty())
    }

    /// Takes everything back when its thread panics, before the descriptor is closed.
    pub(crate) fn guard(&self) -> TakeBack<'_, Q> {
        TakeBack(self)
    }
}

/// See [`Background::guard`].
pub(crate) struct TakeBack<'a, Q: Lendable>(&'a Background<Q>);

impl<Q: Lendable> Drop for TakeBack<'_, Q> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(self.0.take_back());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{MsgFlags, send};
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    /// Bytes as they are.
    #[derive(Default)]
    struct Bytes(Vec<u8>);

    impl Lendable for Bytes {
        fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        fn memory(&self) -> usize {
            self.0.len()
        }

        fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }

        fn flush(&mut self, socket: RawFd) -> io::Result<u64> {
            let mut total = 0;
            while !self.is_empty() {
                match send(socket, &self.0, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT) {
                    Ok(n) => total += self.0.drain(..n).len() as u64,
                    Err(nix::Error::EAGAIN) => break,
                    Err(e) => return Err(e.into()),
                }
            }
            Ok(total)
        }
    }

    #[test]
    fn what_is_lent_is_sent_once_and_in_order() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let lent = Background::<Bytes>::default();
        assert!(
            lent.add(ours.as_raw_fd(), [b"one", b" ", b""]) && lent.add(ours.as_raw_fd(), [b"two", b"", b""])
        );
        assert!(lent.is_waiting());
        assert_eq!((lent.send(), lent.send()), (LentState::Pieces, LentState::Nothing));
        assert!(!lent.is_waiting() && lent.take_back().unwrap().is_empty());
        assert!(lent.add(ours.as_raw_fd(), [b" three", b"", b""]));
        let mut rest = lent.take_back().unwrap();
        assert_eq!(lent.send(), LentState::Pieces, "it was added since the last look, though it is gone");
        assert_eq!((lent.send(), rest.flush(ours.as_raw_fd()).unwrap()), (LentState::Nothing, 6));
        drop(ours);
        let mut all = String::new();
        theirs.read_to_string(&mut all).unwrap();
        assert_eq!(all, "one two three");
    }

    #[test]
    fn no_more_than_a_buffer_is_put_together() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let lent = Background::<Bytes>::default();
        assert!(lent.add(ours.as_raw_fd(), [b"", &[b'x'; TOGETHER], b""]));
        assert!(!lent.add(ours.as_raw_fd(), [b"y", b"", b""]));
        assert_eq!(lent.take_back().unwrap().memory(), TOGETHER);
    }

    #[test]
    fn a_full_socket_keeps_the_rest_and_a_dead_one_tells() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let lent = Background::<Bytes>::default();
        lent.give(ours.as_raw_fd(), Bytes(vec![b'z'; 4 << 20]));
        assert_eq!((lent.send(), lent.send(), lent.is_waiting()), (LentState::Full, LentState::Full, true));
        drop(theirs);
        assert_eq!((lent.send(), lent.is_waiting()), (LentState::Nothing, false));
        assert!(!lent.add(ours.as_raw_fd(), [b"more", b"", b""]), "its thread has to learn of it");
        assert_eq!(lent.take_back().err().map(|e| e.kind()), Some(io::ErrorKind::BrokenPipe));
        assert!(lent.take_back().unwrap().is_empty());
    }
}
