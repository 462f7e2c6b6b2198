//! The send queue of a connection, output that its socket did not take yet: bytes, bytes that somebody else keeps, or a part of a file. Never waits.

use crate::background::Lendable;
use crate::sys;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// An object of an interpreter's whose bytes are output: kept, not copied, as long as they are to be sent. The bytes never
/// change or move. Whoever has sent the last of them drops it: any thread, without the interpreter's lock and without
/// a wait for it.
pub trait Held: AsRef<[u8]> + Send + 'static {}

/// Bytes after which others get their turn: a fast reader must not keep its sender for a whole file.
const AT_ONCE: u64 = 4 << 20;

enum Piece<H> {
    Bytes(Vec<u8>, usize),
    Held(H, usize),
    File { fd: OwnedFd, offset: i64, left: u64 },
}

/// A queue of output.
pub struct SendQueue<H> {
    pieces: VecDeque<Piece<H>>,
    /// Bytes of memory in it (files do not count).
    memory: usize,
}

impl<H> Default for SendQueue<H> {
    fn default() -> Self {
        SendQueue { pieces: VecDeque::new(), memory: 0 }
    }
}

impl<H: Held> SendQueue<H> {
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes held in memory.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Bytes that are still to be sent.
    pub fn left(&self) -> u64 {
        let file = |piece: &Piece<H>| if let Piece::File { left, .. } = piece { *left } else { 0 };
        self.memory as u64 + self.pieces.iter().map(file).sum::<u64>()
    }

    /// Append a copy; an error: there is no memory.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(Piece::Bytes(last, at)) = self.pieces.back_mut() {
            // What is sent must not pile up in front while a long answer goes through this piece.
            if *at > last.len() / 2 {
                last.drain(..*at);
                *at = 0;
            }
            last.try_reserve(bytes.len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
            last.extend_from_slice(bytes);
        } else {
            let mut copy = Vec::new();
            copy.try_reserve(bytes.len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
            copy.extend_from_slice(bytes);
            self.pieces.push_back(Piece::Bytes(copy, 0));
        }
        self.memory += bytes.len();
        Ok(())
    }

    /// Append the bytes of an object from `offset` on.
    pub fn push_held(&mut self, held: H, offset: usize) {
        self.memory += held.as_ref().len() - offset;
        self.pieces.push_back(Piece::Held(held, offset));
    }

    /// Append a part of a file.
    pub fn push_file(&mut self, fd: OwnedFd, offset: i64, left: u64) {
        if left > 0 {
            self.pieces.push_back(Piece::File { fd, offset, left });
        }
    }

    /// Send what the socket takes, at most about [`AT_ONCE`]; bytes sent. When something is left without an error, the
    /// socket tells when it goes on.
    pub fn flush(&mut self, socket: RawFd) -> io::Result<u64> {
        let mut total = 0;
        while total < AT_ONCE
            && let Some(piece) = self.pieces.front_mut()
        {
            let result = match piece {
                Piece::Bytes(bytes, at) => sys::send2(socket, &bytes[*at..], b"").map(|n| {
                    *at += n;
                    self.memory -= n;
                    (n, *at == bytes.len())
                }),
                Piece::Held(held, at) => sys::send2(socket, &held.as_ref()[*at..], b"").map(|n| {
                    *at += n;
                    self.memory -= n;
                    (n, *at == held.as_ref().len())
                }),
                Piece::File { fd, offset, left } => {
                    let count = (*left).min(1 << 20) as usize;
                    sys::sendfile(socket, fd.as_raw_fd(), offset, count).and_then(|n| {
                        if n == 0 {
                            // The file became shorter than its announced length: the answer is broken.
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                        *left -= n as u64;
                        Ok((n, *left == 0))
                    })
                }
            };
            match result {
                Ok((n, done)) => {
                    total += n as u64;
                    if done {
                        self.pieces.pop_front();
                    }
                }
                Err(e) if sys::would_block(&e) => return Ok(total),
                Err(e) => return Err(e),
            }
        }
        Ok(total)
    }
}

/// It can be lent.
impl<H: Held> Lendable for SendQueue<H> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn memory(&self) -> usize {
        self.memory()
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.push(bytes)
    }

    fn flush(&mut self, socket: RawFd) -> io::Result<u64> {
        self.flush(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Pinned;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    #[test]
    fn bytes_objects_and_files_are_sent_in_their_order() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let object: Arc<[u8]> = (*b"-object-").into();
        let mut queue = SendQueue::default();
        queue.push(b"by").unwrap();
        queue.push(b"tes").unwrap();
        queue.push_held(Pinned(object.clone()), 1);
        queue.push_file(file.into(), 3, 4);
        queue.push(b"").unwrap();
        queue.push(b".").unwrap();
        assert_eq!((queue.memory(), queue.left()), (5 + 7 + 1, 5 + 7 + 4 + 1));
        assert_eq!(queue.flush(ours.as_raw_fd()).unwrap(), 17);
        assert!(queue.is_empty() && queue.memory() == 0 && Arc::strong_count(&object) == 1);
        drop(ours);
        let mut all = String::new();
        theirs.read_to_string(&mut all).unwrap();
        assert_eq!(all, "bytesobject-3456.");
    }

    #[test]
    fn what_a_socket_does_not_take_stays_and_a_shorter_file_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let object: Arc<[u8]> = vec![b'x'; 4 << 20].into();
        let mut queue = SendQueue::default();
        queue.push_held(Pinned(object.clone()), 0);
        let sent = queue.flush(ours.as_raw_fd()).unwrap();
        assert!(sent > 0 && queue.left() == (4 << 20) - sent && Arc::strong_count(&object) == 2);
        drop(theirs);
        assert_eq!(queue.flush(ours.as_raw_fd()).map_err(|e| e.kind()), Err(io::ErrorKind::BrokenPipe));
        drop(queue);
        assert_eq!(Arc::strong_count(&object), 1);
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut queue = SendQueue::<Pinned>::default();
        queue.push_file(tempfile::tempfile().unwrap().into(), 0, 1);
        assert_eq!(queue.flush(ours.as_raw_fd()).map_err(|e| e.kind()), Err(io::ErrorKind::UnexpectedEof));
    }
}
