//! Output that goes on while the application makes its next piece.
//!
//! PEP 3333 lets a server take a piece and send it from another thread. Before a request's thread goes back to the
//! application it *lends* what is not sent: small pieces that came right behind each other, and what the socket did not
//! take. The native thread sends it within milliseconds, without the GIL; the request's thread *takes it back* before it
//! sends anything itself, and before its request ends. Both hold the lock while they do so: the descriptor of a
//! request that has lent nothing is never touched from here.

use crate::engine::lock;
use crate::pending::Pending;
use crate::sys;
use std::io;
use std::os::fd::RawFd;
use std::sync::Mutex;

/// Bytes that are put together at most.
pub(crate) const TOGETHER: usize = 32 * 1024;

/// What a thread has lent.
#[derive(Default)]
pub(crate) struct Lent(Mutex<Output>);

#[derive(Default)]
struct Output {
    fd: RawFd,
    pending: Pending,
    /// Sending it failed: for the request's thread to find.
    failed: Option<io::Error>,
    /// Something was added since the native thread looked.
    fresh: bool,
}

/// What the native thread found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    /// Nothing was lent since the last look.
    Nothing,
    /// The socket takes no more now.
    Full,
    /// Pieces come.
    Pieces,
}

impl Lent {
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
    pub(crate) fn give(&self, fd: RawFd, pending: Pending) {
        *lock(&self.0) = Output { fd, pending, failed: None, fresh: true };
    }

    /// What is left of it, or why it could not be sent. May wait for a send in progress, which does not wait itself.
    pub(crate) fn take_back(&self) -> Result<Pending, io::Error> {
        let mut output = lock(&self.0);
        let pending = std::mem::take(&mut output.pending);
        match output.failed.take() {
            None => Ok(pending),
            Some(e) => Err(e),
        }
    }

    /// Send what the socket takes. Native thread only.
    pub(crate) fn send(&self) -> Found {
        let mut output = lock(&self.0);
        let found = if std::mem::take(&mut output.fresh) { Found::Pieces } else { Found::Nothing };
        if output.failed.is_some() || output.pending.is_empty() {
            return found;
        }
        let fd = output.fd;
        match output.pending.flush(fd) {
            Ok(_) if output.pending.is_empty() => Found::Pieces,
            Ok(_) => Found::Full,
            Err(e) => {
                output.pending = Pending::default();
                output.failed = Some(e);
                Found::Nothing
            }
        }
    }

    /// Whether there is anything that the native thread has to look at.
    pub(crate) fn is_waiting(&self) -> bool {
        let output = lock(&self.0);
        output.fresh || (output.failed.is_none() && !output.pending.is_empty())
    }

    /// Takes everything back when its thread panics, before the descriptor is closed.
    pub(crate) fn guard(&self) -> Guard<'_> {
        Guard(self)
    }
}

/// See [`Lent::guard`].
pub(crate) struct Guard<'a>(&'a Lent);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(self.0.take_back());
        }
    }
}

/// The frame of a chunk: its size in hexadecimal, and the end of that line.
pub(crate) fn chunk_head(mut size: usize, room: &mut [u8; 18]) -> &[u8] {
    let mut at = room.len() - 2;
    room[at..].copy_from_slice(b"\r\n");
    loop {
        at -= 1;
        room[at] = b"0123456789abcdef"[size & 15];
        size >>= 4;
        if size == 0 {
            return &room[at..];
        }
    }
}

/// Whether a process may lend at all: a child that the application forked has no native thread.
pub(crate) fn is_possible() -> bool {
    !sys::is_forked_child()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn chunk_heads_are_hexadecimal() {
        for size in [0, 1, 9, 10, 15, 16, 255, 256, 4095, 65536, usize::MAX] {
            assert_eq!(chunk_head(size, &mut [0; 18]), format!("{size:x}\r\n").as_bytes());
        }
    }

    #[test]
    fn what_is_lent_is_sent_once_and_in_order() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let lent = Lent::default();
        assert!(
            lent.add(ours.as_raw_fd(), [b"one", b" ", b""]) && lent.add(ours.as_raw_fd(), [b"two", b"", b""])
        );
        assert!(lent.is_waiting());
        assert_eq!((lent.send(), lent.send()), (Found::Pieces, Found::Nothing));
        assert!(!lent.is_waiting() && lent.take_back().unwrap().is_empty());
        assert!(lent.add(ours.as_raw_fd(), [b" three", b"", b""]));
        let mut rest = lent.take_back().unwrap();
        assert_eq!(lent.send(), Found::Pieces, "it was added since the last look, though it is gone");
        assert_eq!((lent.send(), rest.flush(ours.as_raw_fd()).unwrap()), (Found::Nothing, 6));
        drop(ours);
        let mut all = String::new();
        theirs.read_to_string(&mut all).unwrap();
        assert_eq!(all, "one two three");
    }

    #[test]
    fn no_more_than_a_buffer_is_put_together() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let lent = Lent::default();
        assert!(lent.add(ours.as_raw_fd(), [b"", &[b'x'; TOGETHER], b""]));
        assert!(!lent.add(ours.as_raw_fd(), [b"y", b"", b""]));
        assert_eq!(lent.take_back().unwrap().memory(), TOGETHER);
    }

    #[test]
    fn a_full_socket_keeps_the_rest_and_a_dead_one_tells() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let lent = Lent::default();
        let mut pending = Pending::default();
        pending.push(&vec![b'z'; 4 << 20]).unwrap();
        lent.give(ours.as_raw_fd(), pending);
        assert_eq!((lent.send(), lent.send(), lent.is_waiting()), (Found::Full, Found::Full, true));
        drop(theirs);
        assert_eq!((lent.send(), lent.is_waiting()), (Found::Nothing, false));
        assert!(!lent.add(ours.as_raw_fd(), [b"more", b"", b""]), "its thread has to learn of it");
        assert_eq!(lent.take_back().err().map(|e| e.kind()), Some(io::ErrorKind::BrokenPipe));
        assert!(lent.take_back().unwrap().is_empty());
    }
}
