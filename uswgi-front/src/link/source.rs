//! A client's socket as what bytes are read from: it knows afterwards whether the socket was emptied, and how they began.

use std::cell::Cell;
use std::io::{self, Read};
use std::net::TcpStream;

/// Bytes of one read of a protocol without a buffer of its own.
const AT_ONCE: usize = 32 * 1024;

/// See above.
pub(super) struct Source<'a> {
    stream: &'a TcpStream,
    empty: Cell<bool>,
    first: Cell<Option<u8>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(stream: &'a TcpStream) -> Source<'a> {
        Source { stream, empty: Cell::new(false), first: Cell::new(None) }
    }

    pub(super) fn stream(&self) -> &'a TcpStream {
        self.stream
    }

    /// A read brought less than it had room for.
    pub(super) fn is_empty(&self) -> bool {
        self.empty.get()
    }

    /// Methods of HTTP are capital letters.
    pub(super) fn begins_like_http(&self) -> bool {
        self.first.get().is_some_and(|b| b.is_ascii_uppercase())
    }

    /// Read once.
    pub(super) fn append_to(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let at = buffer.len();
        buffer.resize(at + AT_ONCE, 0);
        let read = self.read(&mut buffer[at..]);
        buffer.truncate(at + read.as_ref().map_or(0, |n| *n));
        read
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut stream = self.stream;
        let n = stream.read(into)?;
        self.empty.set(n < into.len());
        if self.first.get().is_none() {
            self.first.set(into.first().copied().filter(|_| n > 0));
        }
        Ok(n)
    }
}
